package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"atelier.dev/atelier/backend/attach"
)

// below puts the socket into folders of its own, as the core's are.
func below(t *testing.T, script string) (l launch, anchor string) {
	t.Helper()
	l = ordinary(t, script)
	anchor = filepath.Join(filepath.Dir(l.Socket), "a")
	l.Socket = filepath.Join(anchor, "b", "x", "s")
	if err := os.MkdirAll(filepath.Dir(l.Socket), 0o700); err != nil {
		t.Fatal(err)
	}
	return l, anchor
}

func (h *held) listens() bool {
	conn, err := net.Dial("unix", h.launch.Socket)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func TestAShimListensAnewWhereItsSocketWasRemoved(t *testing.T) {
	l, anchor := below(t, "stty -echo; while read line; do echo got $line; done")
	h := launched(t, filepath.Join(filepath.Dir(anchor), "spool"), l)
	core := h.core(0)
	before := h.operator(core, 1)
	core.drive(1, 1)
	for n, gone := range []string{l.Socket, filepath.Dir(l.Socket), anchor} {
		if err := os.RemoveAll(gone); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it listens again without "+gone, h.listens)
		h.protected(anchor)
		h.client(1, 0, 0)
		h.core(0)
		before.say(attach.Input{Epoch: 1, Seq: uint64(n + 1), Bytes: []byte("here\r")})
		await(before, func(a attach.Ack) bool { return a.Seq == uint64(n+1) })
	}
}

func (h *held) protected(anchor string) {
	h.t.Helper()
	want := map[string]os.FileMode{h.launch.Socket: os.ModeSocket | 0o600}
	for dir := filepath.Dir(h.launch.Socket); dir != filepath.Dir(anchor); dir = filepath.Dir(dir) {
		want[dir] = os.ModeDir | 0o700
	}
	for path, mode := range want {
		if info, err := os.Lstat(path); err != nil || info.Mode() != mode {
			h.t.Errorf("%s is %v, %v", path, info, err)
		}
	}
}

// What is planted where the folders were is neither followed nor used, and is
// left as it is; the terminal comes back when it is gone.
func TestAShimRefusesWhatIsPlantedForItsSocket(t *testing.T) {
	for name, plant := range map[string]func(dir, elsewhere string) error{
		"a link":         func(dir, elsewhere string) error { return os.Symlink(elsewhere, dir) },
		"an open folder": func(dir, _ string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o755)) }, //nolint:gosec // open on purpose
		"a file":         func(dir, _ string) error { return os.WriteFile(dir, nil, 0o600) },
		"a stranger's": func(dir, _ string) error {
			if os.Geteuid() != 0 {
				t.Skip("only root can make a folder of another user")
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			return os.Chown(dir, 1, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, anchor := below(t, "read line")
			elsewhere := filepath.Join(filepath.Dir(anchor), "elsewhere")
			h := launched(t, filepath.Join(filepath.Dir(anchor), "spool"), l)
			if err := os.MkdirAll(filepath.Join(elsewhere, "b", "x"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(anchor, anchor+".old"); err != nil {
				t.Fatal(err)
			}
			if err := plant(anchor, elsewhere); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it refuses what is planted", func() bool { return h.errors.has(anchor + " is not a folder of ours alone") })
			for _, path := range []string{filepath.Join(anchor, "b", "x", "s"), filepath.Join(elsewhere, "b", "x", "s")} {
				if _, err := os.Lstat(path); err == nil {
					t.Errorf("it listens on %s", path)
				}
			}
			if err := os.RemoveAll(anchor); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it listens again", h.listens)
			h.protected(anchor)
		})
	}
}
