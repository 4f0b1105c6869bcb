package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

// silence runs commands at once; each must say that a process holds the home.
func (w *world) silence(t *testing.T, pid int, commands map[string]int) {
	t.Helper()
	var all sync.WaitGroup
	for line, want := range commands {
		all.Go(func() {
			cmd := w.command("atelier", strings.Fields(line)...)
			var said bytes.Buffer
			cmd.Stderr = &said
			_ = cmd.Run() // its status is looked at
			words := fmt.Sprintf("pid %d holds the home and does not answer; let it go on with `kill -CONT %d`", pid, pid)
			if status := cmd.ProcessState.ExitCode(); status != want || !strings.Contains(said.String(), words) {
				t.Errorf("%s: status %d: %s", line, status, said.String())
			}
		})
	}
	all.Wait()
}

// A core that is stopped holds nobody up for good, and each command says who it is.
func TestAStoppedCoreIsTold(t *testing.T) {
	w := newWorld(t)
	w.run(t, "run", "--detach", "--name", "c", "--", "cat")
	core := w.core(t)
	signalIt(t, core, syscall.SIGSTOP)
	w.silence(t, core, map[string]int{
		"ps": fault.ExitUnavailable, "core status": fault.ExitUnavailable, "core stop": fault.ExitUnavailable, "core start": fault.ExitUnavailable,
		"doctor": fault.ExitUnavailable, "verify": fault.ExitUnavailable, "send c x": fault.ExitUnavailable, "kill c": fault.ExitUnavailable,
		"transcript c --follow": fault.ExitUnavailable, "log --follow": fault.ExitUnavailable, "show c": fault.ExitUnavailable, "serve": fault.ExitUnavailable,
		"attach c": exitOurs, "wait c": exitOurs, "run true": exitOurs,
	})
	signalIt(t, core, syscall.SIGCONT)
	if now := w.core(t); now != core {
		t.Errorf("core %d was followed by %d", core, now)
	}
}

// A core that takes calls and answers none is told by what tells how it is.
func TestAWedgedCoreIsTold(t *testing.T) {
	w := newWorld(t)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(w.root, "r"))
	h, err := home.Resolve(filepath.Join(w.root, "h"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", h.Socket())
	if err != nil {
		t.Fatal(err)
	}
	wedged := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPost {
			<-q.Context().Done()
		}
	})}
	go wedged.Serve(listener) // it ends with the test
	t.Cleanup(func() { wedged.Close() })
	w.silence(t, os.Getpid(), map[string]int{"core status": fault.ExitUnavailable, "core stop": fault.ExitUnavailable, "doctor": fault.ExitUnavailable})
}
