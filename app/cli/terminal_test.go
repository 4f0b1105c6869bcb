package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// person sits at a pseudo-terminal in which a program runs.
type person struct {
	t        testing.TB
	terminal *os.File
	program  *os.File // the program's side
	cmd      *exec.Cmd

	mu     sync.Mutex
	seen   strings.Builder
	looked int           // where the last look ended
	blind  chan struct{} // closed when nothing more will be shown
	ended  chan error
}

// sit starts a program of the world at a terminal of 80 by 24.
func (w *world) sit(t testing.TB, name string, args ...string) *person {
	t.Helper()
	return w.sitWith(t, nil, name, args...)
}

func (w *world) sitWith(t testing.TB, environment []string, name string, args ...string) *person {
	t.Helper()
	terminal, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, terminal: terminal, program: program, cmd: w.command(name, args...), blind: make(chan struct{}), ended: make(chan error, 1)}
	p.size(80, 24)
	p.cmd.Env = append(p.cmd.Env, environment...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = program, program, program
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.look()
	go func() {
		err := p.cmd.Wait()
		program.Close()
		<-p.blind
		p.ended <- err
	}()
	t.Cleanup(p.leave)
	return p
}

func (p *person) look() {
	defer close(p.blind)
	piece := make([]byte, 4096)
	for {
		n, err := p.terminal.Read(piece)
		p.mu.Lock()
		p.seen.Write(piece[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// leave closes the terminal, as closing a window does.
func (p *person) leave() {
	_ = p.cmd.Process.Signal(syscall.SIGHUP)
	p.program.Close()
	p.terminal.Close()
}

func (p *person) size(cols, rows uint16) {
	p.t.Helper()
	if err := pty.Setsize(p.terminal, &pty.Winsize{Cols: cols, Rows: rows}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) types(text string) {
	p.t.Helper()
	if _, err := p.terminal.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// screen is all that was shown so far.
func (p *person) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

// sees waits until something that matches is shown after what was seen before,
// and returns its groups.
func (p *person) sees(pattern string) []string {
	p.t.Helper()
	want := regexp.MustCompile(pattern)
	for over := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		p.mu.Lock()
		text := p.seen.String()
		if at := want.FindStringSubmatchIndex(text[p.looked:]); at != nil {
			groups := want.FindStringSubmatch(text[p.looked:])
			p.looked += at[1]
			p.mu.Unlock()
			return groups
		}
		p.mu.Unlock()
		if time.Now().After(over) {
			p.t.Fatalf("%s was never shown after %q; the screen: %q", pattern, text[:p.looked], text[p.looked:])
		}
	}
}

// status waits for the program's end, and until all that it showed was seen.
func (p *person) status() int {
	p.t.Helper()
	select {
	case <-p.ended:
		// The kernel may hang up twice, the second time after our own answer: a
		// shell says the same of both.
		if w := p.cmd.ProcessState.Sys().(syscall.WaitStatus); w.Signaled() {
			return exitSignal + int(w.Signal())
		}
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("it does not end; the screen: %q", p.screen())
		return -1
	}
}

// settings are the terminal's own modes.
func (p *person) settings() unix.Termios {
	p.t.Helper()
	modes, err := unix.IoctlGetTermios(int(p.terminal.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *modes
}
