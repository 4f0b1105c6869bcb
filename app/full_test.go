package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/sim"
)

// diskful is a home whose data lie on a disk whose free space a test sets.
func diskful(t *testing.T) (*home, *sim.Disk) {
	t.Helper()
	dir := t.TempDir()
	d, err := sim.Mount(dir)
	if err != nil {
		t.Fatalf("this test needs /dev/fuse: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Unmount(); err != nil {
			t.Error(err)
		}
	})
	h := newHome(t) // it ends before its disk goes
	if err := os.Symlink(dir, filepath.Join(h.dir, "data")); err != nil {
		t.Fatal(err)
	}
	return h, d
}

// failed runs `atelier`, which must end with a status and a code.
func (h *home) failed(status int, code, reason string, args ...string) {
	h.t.Helper()
	_, complaint, got := h.try(append(args, "--json")...)
	if got != status || !strings.Contains(complaint, `"code":"`+code+`"`) || !strings.Contains(complaint, `"reason":"`+reason+`"`) {
		h.t.Errorf("atelier %q: status %d: %s", args, got, complaint)
	}
}

// A full disk is a failure of the system's, status 1, and no bound of ours: when
// a core starts, and under one that runs. With room all goes on.
func TestAFullDiskIsAFailureOfTheSystems(t *testing.T) {
	const full, roomy = 1 << 20, 1 << 40
	h, disk := diskful(t)
	disk.SetFree(full)
	h.failed(1, "unknown", "disk_full", "ps")
	disk.SetFree(roomy)
	h.run("core", "start")
	h.begin("held", "sleep", "1000")
	disk.SetFree(full)
	held := h.find("held").ID
	// A look at the free space counts for some milliseconds.
	h.until("the log takes no more writes", func() bool {
		_, _, status := h.try("rename", held, "early")
		return status != 0
	})
	h.failed(1, "unknown", "read_only", "rename", held, "other")
	h.run("core", "stop")
	disk.SetFree(roomy)
	h.run("rename", held, "other")
}
