package app

import (
	"os"
	"path/filepath"
	"testing"
)

// A core whose socket was removed is reached again, under the same protections,
// and whoever was connected notices nothing.
func TestACoreIsReachedAgainWhenItsSocketWasRemoved(t *testing.T) {
	runtime := ownRuntime(t)
	h := newHome(t)
	core, socket := h.core(), h.socket()
	h.run("run", "--detach", "--name", "held", "--", "sleep", "1000")
	waiting := h.command("wait", "held")
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	for _, removed := range []string{socket, filepath.Dir(socket), filepath.Join(runtime, "atelier")} {
		if err := os.RemoveAll(removed); err != nil {
			t.Fatal(err)
		}
		if held := h.find("held"); held.State != "running" {
			t.Errorf("without %s it is %s", removed, held.State)
		}
		if now := h.core(); now != core {
			t.Errorf("without %s core %d was followed by %d", removed, core, now)
		}
		h.closed(socket, os.ModeSocket|0o600)
		h.closed(filepath.Dir(socket), os.ModeDir|0o700)
		h.run("run", "--", "true")
	}
	h.run("kill", "held", "--signal", "KILL")
	_ = waiting.Wait() // its status is looked at
	if status := waiting.ProcessState.ExitCode(); status != 128+9 {
		t.Errorf("whoever waited all along ended with %d", status)
	}
}

func (h *home) closed(path string, want os.FileMode) {
	h.t.Helper()
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != want {
		h.t.Errorf("%s is %v, %v", path, info, err)
	}
}
