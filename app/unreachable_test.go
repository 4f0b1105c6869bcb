package app

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Who removes what leads to a process that lives has not ended it: it is named,
// and what ends it, and it is lost only when it is gone.
func TestATerminalWhoseFilesWereRemovedIsNamedUntilItEnds(t *testing.T) {
	for name, removed := range map[string]string{"folder": "", "launch": "launch.json"} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.run("run", "--detach", "--name", "x", "--", "sh", "-c", "echo said; read line")
			h.says("x", "said")
			shim := h.shimPID(h.find("x").ID)
			if err := os.RemoveAll(filepath.Join(h.dir, "data", "spool", h.find("x").ID, removed)); err != nil {
				t.Fatal(err)
			}
			h.kill9(h.core())
			mend := "`kill -9 " + strconv.Itoa(shim) + "`"
			h.until("it is named", func() bool {
				x := h.find("x")
				return x.State == "running" && strings.HasPrefix(x.Status, "unreachable: process "+strconv.Itoa(shim)) && strings.Contains(x.Status, mend)
			})
			if _, complaint, status := h.try("kill", "x"); status != 6 || !strings.Contains(complaint, mend) {
				t.Errorf("kill: %d %s", status, complaint)
			}
			h.kill9(shim)
			h.until("it is lost", func() bool { return h.find("x").State == "lost" })
		})
	}
}
