package app

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"
)

// An audit needs few open files, however long history is. The limit leaves room
// for the log and for what it holds at once, and not for one each terminal.
func TestVerifyNeedsFewOpenFiles(t *testing.T) {
	h := newHome(t)
	const terminals, files = 60, 80
	for n := range terminals {
		h.begin(fmt.Sprint("t", n), "echo", "some output")
	}
	for n := range terminals {
		h.ends(fmt.Sprint("t", n), 0)
	}
	h.run("core", "stop")
	verify := h.command("verify")
	limited := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, files), "sh"}, verify.Args...)...)
	limited.Env = verify.Env
	out, err := limited.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("all is as it was written")) {
		t.Errorf("with %d open files: %v: %s", files, err, out)
	}
}
