package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An upgrade replaces the programs on disk, and the shims of before live on:
// the core of today finds a shim of every version that was ever let out.
func TestAnOldShimIsAdopted(t *testing.T) {
	fixtures, err := filepath.Glob("testdata/shim-v*")
	if err != nil || len(fixtures) == 0 {
		t.Fatalf("no fixture: %v", err)
	}
	for _, fixture := range fixtures {
		t.Run(filepath.Base(fixture), func(t *testing.T) {
			bin := t.TempDir() // before the home, so that it goes after it
			h := newHome(t)
			today := h.bin
			h.bin = bin
			install(t, today, h.bin, "atelier", "atelier-core")
			install(t, fixture, h.bin, "atelier-shim")
			h.begin("old", "sh", "-c", `echo begun; read line; echo "got $line"; exit 7`)
			h.says("old", "begun")
			old := h.shimPID(h.find("old").ID)

			h.kill9(h.core())
			install(t, today, h.bin, "atelier-shim")
			if now := h.shimPID(h.find("old").ID); now != old || h.find("old").State != "running" {
				t.Fatalf("the shim was %d and is %d, %+v", old, now, h.find("old"))
			}
			h.run("resize", "old", "100", "30")
			h.run("send", "old", "hello", "--enter")
			h.ends("old", 7)
			if got := h.run("transcript", "old", "--raw"); !strings.HasSuffix(got, "got hello\r\n") {
				t.Errorf("the transcript is %q", got)
			}
			h.verified()
		})
	}
}

// install puts programs into a folder in place of what was there.
func install(t *testing.T, from, to string, names ...string) {
	t.Helper()
	for _, name := range names {
		program, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		fresh := filepath.Join(to, name+".new")
		if err := os.WriteFile(fresh, program, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(fresh, filepath.Join(to, name)); err != nil {
			t.Fatal(err)
		}
	}
}
