package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// patience bounds a hang, not a speed.
const patience = 3 * time.Minute

// A terminal is a program under a pseudo-terminal of our own, 80 by 24, whose
// output a reader of ours takes and drops, as a terminal emulator would that
// draws in no time.
type terminal struct {
	pty     *os.File
	command *exec.Cmd
	chunks  chan []byte // what was read; closed at the end
	free    chan []byte // buffers to read into
}

func open(home, name string, args ...string) (*terminal, error) {
	c := exec.Command(name, args...)
	c.Env = append(environment(), "ATELIER_HOME="+home, "TERM=xterm-256color")
	file, err := pty.StartWithSize(c, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		return nil, err
	}
	t := &terminal{pty: file, command: c, chunks: make(chan []byte, 4), free: make(chan []byte, 8)}
	for range cap(t.free) {
		t.free <- make([]byte, 64<<10)
	}
	go t.read()
	return t, nil
}

// environment is the caller's without what would nest one peer in another.
func environment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		if !bytes.HasPrefix([]byte(pair), []byte("TMUX")) && !bytes.HasPrefix([]byte(pair), []byte("ATELIER_")) {
			kept = append(kept, pair)
		}
	}
	return kept
}

func (t *terminal) read() {
	defer close(t.chunks)
	for buffer := range t.free {
		n, err := t.pty.Read(buffer)
		if n > 0 {
			t.chunks <- buffer[:n]
		}
		if err != nil {
			return
		}
	}
}

// until reads and drops output up to the mark, and returns how much it was.
func (t *terminal) until(mark string) (int64, error) {
	var total int64
	var end []byte
	deadline := time.After(patience)
	for {
		select {
		case chunk, more := <-t.chunks:
			if !more {
				return total, fmt.Errorf("the output ended before %q; it ended in %q", mark, end)
			}
			total += int64(len(chunk))
			// A mark may lie across two chunks.
			end = append(end, chunk[max(0, len(chunk)-4096):]...)
			end = end[max(0, len(end)-8192):]
			found := bytes.Contains(end, []byte(mark)) || bytes.Contains(chunk, []byte(mark))
			t.free <- chunk[:cap(chunk)]
			if found {
				return total, nil
			}
		case <-deadline:
			return total, fmt.Errorf("no %q in %s; the output ended in %q", mark, patience, end)
		}
	}
}

func (t *terminal) typed(text string) error {
	_, err := t.pty.WriteString(text)
	return err
}

// close ends the program and reads what is left; one that stays is told of.
func (t *terminal) close() {
	_ = t.pty.Close()
	_ = t.command.Process.Signal(syscall.SIGHUP)
	go func() {
		for range t.chunks {
		}
	}()
	gone := make(chan error, 1)
	go func() { gone <- t.command.Wait() }()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		_ = t.command.Process.Kill()
		fmt.Fprintf(os.Stderr, "bench: %s did not end on SIGHUP\n", t.command.Path)
	}
}

// A peer opens a terminal in which script runs under /bin/sh.
type peer struct {
	name string
	open func(script string) (*terminal, error)
	end  func() // ends what the peer leaves running
}

func peers(s setting, home string) []peer {
	atelier := s.bin + "/atelier"
	socket := home + "/tmux"
	return []peer{
		{"bare pseudo-terminal", func(script string) (*terminal, error) {
			return open(home, "/bin/sh", "-c", script)
		}, func() {}},
		{"tmux, attached client", func(script string) (*terminal, error) {
			return open(home, "tmux", "-S", socket, "-f", "/dev/null", "new-session", script, ";", "set", "-g", "status", "off")
		}, func() { _ = exec.Command("tmux", "-S", socket, "kill-server").Run() }},
		{"atelier, attached client", func(script string) (*terminal, error) {
			return open(home, atelier, "run", "--", "/bin/sh", "-c", script)
		}, func() { endPrograms(s, home) }},
	}
}

// endPrograms ends every program of a home: the next round has the machine alone.
func endPrograms(s setting, home string) {
	names, err := ours(s, home, "ps", "--running", "--quiet")
	for _, name := range strings.Fields(string(names)) {
		_, err = ours(s, home, "kill", name, "--signal", "KILL")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: a program goes on: %v\n", err)
	}
}

// stopCore ends the core of a home in order.
func stopCore(s setting, home string) {
	c := exec.Command(s.bin+"/atelier", "core", "stop")
	c.Env = append(environment(), "ATELIER_HOME="+home)
	if out, err := c.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: core stop: %v: %s\n", err, out)
	}
}
