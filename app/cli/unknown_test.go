package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"atelier.dev/atelier/backend/fault"
)

// holds waits until something is so.
func holds(t *testing.T, what string, is func() bool) {
	t.Helper()
	for over := time.Now().Add(patience); !is(); time.Sleep(pollEvery) {
		if time.Now().After(over) {
			t.Fatalf("never: %s", what)
		}
	}
}

// signalIt sends a signal to a process of a world.
func signalIt(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("%s to %d: %v", s, pid, err)
	}
}

// core is the pid of the core that runs, or is started.
func (w *world) core(t *testing.T) int {
	t.Helper()
	var is struct{ PID int }
	if err := json.Unmarshal([]byte(w.run(t, "core", "start", "--json")), &is); err != nil || is.PID == 0 {
		t.Fatalf("no core: %v", err)
	}
	return is.PID
}

// shim is the pid of the process that holds the one terminal of a world.
func (w *world) shim(t *testing.T) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.root, "h", "data", "spool", "*", "launch.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q: %v", found, err)
	}
	var is struct{ PID int }
	text, err := os.ReadFile(found[0])
	if err != nil || json.Unmarshal(text, &is) != nil || is.PID == 0 {
		t.Fatalf("%s: %v", text, err)
	}
	return is.PID
}

// A core that is killed while a signal is on its way leaves it open whether it was
// sent, and that is said.
func TestWhatMayHaveBeenDoneIsNotToldToBeSentAgain(t *testing.T) {
	w := newWorld(t)
	w.run(t, "run", "--detach", "--name", "c", "--", "sleep", "1000")
	core, shim := w.core(t), w.shim(t)
	signalIt(t, shim, syscall.SIGSTOP)
	kill := w.command("atelier", "kill", "c")
	var said bytes.Buffer
	kill.Stderr = &said
	if err := kill.Start(); err != nil {
		t.Fatal(err)
	}
	holds(t, "the signal is noted", func() bool {
		return strings.Contains(w.run(t, "log", "--type", "execution.signalled", "--json"), `"event_id"`)
	})
	signalIt(t, core, syscall.SIGKILL)
	_ = kill.Wait() // its status is looked at
	signalIt(t, shim, syscall.SIGCONT)
	if status := kill.ProcessState.ExitCode(); status != fault.ExitUnavailable ||
		!strings.Contains(said.String(), "outcome unknown, it may have been done") || strings.Contains(said.String(), "send it again") {
		t.Errorf("status %d: %s", status, said.String())
	}
}
