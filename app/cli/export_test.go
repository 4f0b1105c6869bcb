package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

func TestAWholeFileGetsItsName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "made")
	for n, force := range []bool{false, true, false} {
		from := filepath.Join(dir, "from")
		if err := os.WriteFile(from, []byte{byte(n)}, 0o600); err != nil {
			t.Fatal(err)
		}
		err := putInPlace(from, path, force)
		if refused := n == 2; refused != fault.Is(err, "file_exists") || !refused && err != nil {
			t.Errorf("%d: %v", n, err)
		}
		want := byte(min(n, 1)) // what was refused changed nothing
		if b, err := os.ReadFile(path); err != nil || b[0] != want {
			t.Errorf("%d: it is %v: %v", n, b, err)
		}
	}
}

// Whoever ends an export finds the whole file, or nothing of it.
func TestAnExportThatIsEndedLeavesNothing(t *testing.T) {
	w := newWorld(t)
	for range 40 {
		w.run(t, "work", "add", "work")
	}
	file := filepath.Join(w.root, "user", "now.bundle")
	for range 6 {
		export := w.command("atelier", "export", "bundle", "now", "-o", file, "--force")
		if err := export.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- export.Wait() }()
		holds(t, "it writes, or is over", func() bool { return len(ended) > 0 || len(w.halves(t)) > 0 })
		_ = export.Process.Signal(syscall.SIGINT) // it may be over
		err := <-ended
		var status *exec.ExitError
		if errors.As(err, &status) && status.ExitCode() != exitSignal+int(syscall.SIGINT) || err != nil && status == nil {
			t.Errorf("it ended with %v", err)
		}
		if left := w.halves(t); len(left) > 0 {
			t.Errorf("%q are left", left)
		}
		if _, err := os.Stat(file); err == nil {
			w.run(t, "verify", file)
		}
	}
}

// halves are the files that an export has begun.
func (w *world) halves(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.root, "user", ".atelier-export-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
