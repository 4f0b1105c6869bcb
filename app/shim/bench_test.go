//go:build !race

package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	creack "github.com/creack/pty"

	"atelier.dev/atelier/backend/attach"
)

// text80 makes a file of 80-column text.
func text80(b *testing.B, size int64) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "text")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriterSize(file, 1<<20)
	const letters = "the quick brown fox jumps over the lazy dog 0123456789 "
	text := strings.Repeat(letters, 4)
	for written, n := int64(0), 0; written < size; n, written = n+1, written+80 {
		_, _ = out.WriteString(text[n%len(letters):][:79] + "\n")
	}
	if err := errors.Join(out.Flush(), file.Close()); err != nil {
		b.Fatal(err)
	}
	return path
}

const benchBytes = 200_000_000

// BenchmarkCat sends a file through one pseudo-terminal whose reader drops what
// it reads, and through a shim, its spool and its socket to one client that does
// so. The two take turns, so that what else the machine does meets both.
func BenchmarkCat(b *testing.B) {
	path := text80(b, benchBytes)
	var bare, shim time.Duration
	for b.Loop() {
		bare += catBare(b, path)
		shim += catShim(b, path)
	}
	speed := func(d time.Duration) float64 { return benchBytes / 1e6 * float64(b.N) / d.Seconds() }
	b.ReportMetric(speed(bare), "bare-MB/s")
	b.ReportMetric(speed(shim), "shim-MB/s")
	b.ReportMetric(speed(shim)/speed(bare), "of-bare")
}

func catBare(b *testing.B, path string) time.Duration {
	start := time.Now()
	file, err := creack.StartWithSize(exec.Command("cat", path), &creack.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	buffer := make([]byte, 64<<10)
	for {
		if _, err := file.Read(buffer); err != nil {
			return time.Since(start)
		}
	}
}

func catShim(b *testing.B, path string) time.Duration {
	h := hold(b, ordinary(b, "read go; exec cat "+path))
	core := h.core(0)
	c := h.operator(core, 1)
	core.drive(1, 1)
	start := time.Now()
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	c.drop(b, 2+benchBytes+benchBytes/80)
	took := time.Since(start)
	c.conn.Close()
	core.conn.Close()
	h.gone()
	return took
}

// drop reads output up to an offset, as a relay does that does not look at it.
func (l *line) drop(b *testing.B, end uint64) {
	l.told = nil
	for at := uint64(0); at < end; {
		body, ok, err := l.in.Next()
		if err != nil {
			b.Fatal(err)
		}
		if offset, bytes, is := attach.OutputOf(body); is {
			at = offset + uint64(len(bytes))
		}
		if ok {
			continue
		}
		n, err := l.conn.Read(l.in.Space())
		if err != nil {
			b.Fatal(err)
		}
		l.in.Filled(n)
	}
}

// BenchmarkEcho types a key into a program that sends it back.
func BenchmarkEcho(b *testing.B) {
	h := hold(b, ordinary(b, "stty raw -echo; echo up; exec cat"))
	core := h.core(0)
	c := h.operator(core, 1)
	core.drive(1, 1)
	c.collect(0, func(all []byte) bool { return bytes.Contains(all, []byte("up\n")) })
	at := uint64(3)
	var times []time.Duration
	seq := uint64(0)
	for b.Loop() {
		seq++
		start := time.Now()
		c.say(attach.Input{Epoch: 1, Seq: seq, Bytes: []byte("#")})
		c.collect(at, func(all []byte) bool { return len(all) > 0 })
		times = append(times, time.Since(start))
		at++
		c.told = nil
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}
