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

// BenchmarkCatBare is one pseudo-terminal whose reader drops what it reads.
func BenchmarkCatBare(b *testing.B) {
	path := text80(b, benchBytes)
	b.SetBytes(benchBytes)
	for b.Loop() {
		file, err := creack.StartWithSize(exec.Command("cat", path), &creack.Winsize{Cols: 80, Rows: 24})
		if err != nil {
			b.Fatal(err)
		}
		buffer := make([]byte, 64<<10)
		for {
			if _, err := file.Read(buffer); err != nil {
				break
			}
		}
		file.Close()
	}
}

// BenchmarkCatShim is the same through a shim, its spool and its socket, to one
// client that drops what it reads.
func BenchmarkCatShim(b *testing.B) {
	path := text80(b, benchBytes)
	b.SetBytes(benchBytes)
	var spent time.Duration
	for b.Loop() {
		b.StopTimer()
		h := hold(b, ordinary(b, "read go; exec cat "+path))
		core := h.core(0)
		c := h.operator(core, 1)
		core.drive(1, 1)
		b.StartTimer()
		c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
		c.drop(b)
		b.StopTimer()
		core.conn.Close()
		h.gone()
		spent += h.cmd.ProcessState.UserTime() + h.cmd.ProcessState.SystemTime()
		b.StartTimer()
	}
	b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), "shim-ms/op")
}

// drop reads up to EXIT, as a relay does that does not look at what it carries.
func (l *line) drop(b *testing.B) {
	l.told = nil
	for {
		body, ok, err := l.in.Next()
		if err != nil {
			b.Fatal(err)
		}
		if !ok {
			n, err := l.conn.Read(l.in.Space())
			if err != nil {
				b.Fatal(err)
			}
			l.in.Filled(n)
			continue
		}
		if attach.Kind(body[0]) == attach.KindExit {
			return
		}
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
