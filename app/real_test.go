package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ordinary is the environment of a terminal as others have it.
var ordinary = []string{"TERM=xterm-256color", "LC_ALL=C.UTF-8", "LESS=", "PS1=ready> "}

// begin starts a program in such a terminal.
func (h *home) begin(name string, program ...string) {
	h.t.Helper()
	cmd := h.command(append([]string{"run", "--detach", "--name", name, "--"}, program...)...)
	cmd.Env = append(cmd.Env, ordinary...)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("run %q: %v: %s", program, err, out)
	}
}

// ends waits for a program's own end, with a status.
func (h *home) ends(name string, want int) {
	h.t.Helper()
	if _, complaint, status := h.try("wait", name); status != want {
		h.t.Errorf("%s ended with %d, want %d: %s", name, status, want, complaint)
	}
}

func TestRealPrograms(t *testing.T) {
	h := newHome(t)
	file := filepath.Join(h.dir, "file")
	lines := strings.Repeat("a line of text\n", 500) + "the very last line\n"
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("bash", func(t *testing.T) {
		h.begin("bash", "bash", "--norc")
		h.says("bash", "ready>")
		h.run("send", "bash", "echo $((6*7)); exit 5", "--enter")
		h.ends("bash", 5)
		h.says("bash", "42\r\n")
	})
	t.Run("vim", func(t *testing.T) {
		written := filepath.Join(h.dir, "written")
		h.begin("vim", "vim", "-u", "NONE", "-i", "NONE", written)
		h.says("vim", "~")
		h.run("send", "vim", "iwritten by vim\x1b:wq", "--enter")
		h.ends("vim", 0)
		if got, err := os.ReadFile(written); err != nil || string(got) != "written by vim\n" {
			t.Errorf("vim wrote %q, %v", got, err)
		}
	})
	t.Run("less", func(t *testing.T) {
		h.begin("less", "less", file)
		h.says("less", "a line of text")
		h.run("send", "less", "G")
		h.says("less", "the very last line")
		h.run("send", "less", "q")
		h.ends("less", 0)
	})
	t.Run("top", func(t *testing.T) {
		h.begin("top", "top", "-d", "1")
		h.says("top", "%Cpu")
		h.run("send", "top", "q")
		h.ends("top", 0)
	})
	t.Run("git log", func(t *testing.T) { h.exact(t, "git", "git", "--no-pager", "log", "--stat", "-n", "300") })
	t.Run("a build", func(t *testing.T) {
		source := filepath.Join(h.dir, "hello.go")
		if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(42) }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.begin("build", "go", "build", "-v", "-o", filepath.Join(h.dir, "built"), source)
		h.ends("build", 0)
		if _, err := os.Stat(filepath.Join(h.dir, "built")); err != nil {
			t.Error(err)
		}
	})
	t.Run("seq", func(t *testing.T) { h.exact(t, "seq", "seq", "1", "2000000") })
	h.verified()
}

// exact compares what is recorded of a program with a bare terminal's record.
func (h *home) exact(t *testing.T, name string, program ...string) {
	t.Helper()
	h.begin(name, program...)
	h.ends(name, 0)
	same(t, name, []byte(h.run("transcript", name, "--raw")), bare(t, program[0], program[1:]...))
}
