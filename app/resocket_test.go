package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// counts a line every moment until a file is there, and then answers.
const counts = `stty -echo; n=0; while [ ! -e "$0" ]; do n=$((n+1)); echo $n; sleep 0.01; done; echo "counted $n"; while read line; do echo "got $line"; done`

// A logout takes the folder of the sockets with it, and a login makes it anew.
// Whoever runs on is reached again, by the core of before and by one of later.
func TestATerminalIsReachedAgainWhenTheRuntimeFolderWasRemoved(t *testing.T) {
	runtime := ownRuntime(t)
	h := newHome(t)
	stop := filepath.Join(h.dir, "stop")
	h.begin("held", "sh", "-c", counts, stop)
	h.says("held", "5\r\n")
	socket := h.socketOf("held")

	relogin(t, runtime)
	h.listens(socket)
	h.run("send", "held", "of before", "--enter")
	h.run("resize", "held", "90", "30")

	core := h.core()
	relogin(t, runtime)
	h.kill9(core)
	h.listens(socket)
	if now := h.core(); now == core {
		t.Fatal("no other core took over")
	}
	h.run("send", "held", "of later", "--enter")
	relogin(t, runtime)
	h.kill9(h.core()) // and one that finds no socket at first
	h.until("it is reached again", func() bool {
		_, _, status := h.try("resize", "held", "100", "30")
		return status == 0
	})
	if err := os.WriteFile(stop, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.says("held", "got of later\r\n")
	h.run("kill", "held", "--signal", "KILL")
	h.ends("held", 128+9)
	h.counted("held", "got of before", "got of later")
	h.verified()
}

func relogin(t *testing.T, runtime string) {
	t.Helper()
	if err := os.RemoveAll(runtime); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
}

// listens waits until a socket is there again, as closed as it was.
func (h *home) listens(socket string) {
	h.t.Helper()
	h.until("the shim listens anew", func() bool {
		_, err := os.Lstat(socket)
		return err == nil
	})
	h.closed(socket, os.ModeSocket|0o600)
	for dir, n := filepath.Dir(socket), 0; n < 3; dir, n = filepath.Dir(dir), n+1 {
		h.closed(dir, os.ModeDir|0o700)
	}
}

// counted looks that the transcript has every line that was written, once.
func (h *home) counted(name string, after ...string) {
	h.t.Helper()
	lines := strings.Split(strings.TrimSuffix(h.run("transcript", name, "--raw"), "\r\n"), "\r\n")
	n := len(lines) - len(after) - 1
	want := make([]string, 0, len(lines))
	for i := range n {
		want = append(want, strconv.Itoa(i+1))
	}
	want = append(append(want, "counted "+strconv.Itoa(n)), after...)
	same(h.t, "the transcript", []byte(strings.Join(lines, "\n")), []byte(strings.Join(want, "\n")))
}

func (h *home) socketOf(name string) string {
	h.t.Helper()
	var l struct{ Socket string }
	text, err := os.ReadFile(filepath.Join(h.dir, "data", "spool", h.find(name).ID, "launch.json"))
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil || l.Socket == "" {
		h.t.Fatalf("no socket of %s: %v", name, err)
	}
	return l.Socket
}

// A shim of before cannot listen anew: whoever asks for it hears what to end.
func TestAShimThatCannotListenAnewIsNamed(t *testing.T) {
	runtime := ownRuntime(t)
	bin := t.TempDir() // before the home, so that it goes after it
	h := newHome(t)
	today := h.bin
	h.bin = bin
	install(t, today, h.bin, "atelier", "atelier-core")
	install(t, filepath.Join("testdata", "shim-v1"), h.bin, "atelier-shim")
	h.begin("old", "sh", "-c", "echo begun; read line")
	h.says("old", "begun")
	shim := h.shimPID(h.find("old").ID)
	core := h.core()
	relogin(t, runtime)
	h.until("the core listens anew", func() bool {
		_, err := os.Lstat(filepath.Join(filepath.Dir(filepath.Dir(h.socketOf("old"))), "core.sock"))
		return err == nil
	})
	if _, complaint, status := h.try("send", "old", "x"); status != 6 || !strings.Contains(complaint, "nothing was typed") || !strings.Contains(complaint, "`atelier kill`") {
		t.Errorf("send: %d %s", status, complaint)
	}
	h.kill9(core)
	mend := "`kill -9 " + strconv.Itoa(shim) + "`"
	if _, complaint, status := h.try("kill", "old"); status != 6 || !strings.Contains(complaint, mend) {
		t.Errorf("kill: %d %s", status, complaint)
	}
	h.kill9(shim)
	h.until("it is over", func() bool { return h.find("old").State == "lost" })
}
