package spool_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/spool"
)

// over is a folder whose shim has ended after so many bytes.
func over(t *testing.T, n int) (dir string, content []byte) {
	t.Helper()
	dir = made(t)
	w := writer(t, dir)
	content = bytes.Repeat([]byte("0123456789abcdef"), n/16)
	if _, err := w.Append(content); err != nil {
		t.Fatal(err)
	}
	noted(t, w, 3)
	w.Close()
	return dir, content
}

func allocated(t *testing.T, dir string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "output"), &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

// What is dropped frees the disk, keeps its offsets, and is never taken for zeros.
func TestDroppedOutputIsGoneAndSaysSo(t *testing.T) {
	dir, content := over(t, 4<<20)
	r, before := reader(t, dir), allocated(t, dir)
	const below = 3<<20 + 100
	if err := r.Drop(below); err != nil || allocated(t, dir)+3<<20 > before {
		t.Fatal(before, allocated(t, dir), err)
	}
	for name, r := range map[string]*spool.Reader{"the one that dropped": r, "another": reader(t, dir)} {
		gone, err := r.Gone()
		end, wrong := r.End()
		if gone != below || end != 4<<20 || err != nil || wrong != nil {
			t.Errorf("%s: gone %d, end %d: %v %v", name, gone, end, err, wrong)
		}
		b := make([]byte, 1000)
		for _, at := range []int64{0, below - 1} {
			if n, err := r.ReadAt(b, at); n != 0 || !fault.Is(err, "output_gone") {
				t.Errorf("%s: %d bytes at %d: %v", name, n, at, err)
			}
		}
		if n, err := r.ReadAt(b, below); n != len(b) || err != nil || !bytes.Equal(b, content[below:below+1000]) {
			t.Errorf("%s: what stays is read as %d bytes: %v", name, n, err)
		}
		if err := r.WriteRange(event.NewRangeHash(), 0, below); !fault.Is(err, "output_gone") {
			t.Errorf("%s: what is gone has a root: %v", name, err)
		}
		if err := r.WriteRange(io.Discard, below, 4<<20); err != nil {
			t.Error(name, err)
		}
	}
	if err := r.Drop(1 << 20); err != nil {
		t.Error("less is dropped again:", err)
	}
	if gone, err := r.Gone(); gone != below || err != nil {
		t.Errorf("then %d are gone: %v", gone, err)
	}
	if err := r.Drop(4 << 20); err != nil || allocated(t, dir) > 64<<10 {
		t.Errorf("the rest: %d are allocated, %v", allocated(t, dir), err)
	}
	if err := r.Remove(); err != nil {
		t.Errorf("the folder is not removed: %v", err)
	}
}

// A drop that was cut off after its mark goes on to the same end.
func TestACutOffDropGoesOn(t *testing.T) {
	dir, _ := over(t, 1<<20)
	if err := os.WriteFile(filepath.Join(dir, "gone"), []byte("1048576\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := reader(t, dir)
	if _, err := r.ReadAt(make([]byte, 10), 0); !fault.Is(err, "output_gone") {
		t.Errorf("what is marked is read: %v", err)
	}
	if err := r.Drop(1 << 20); err != nil || allocated(t, dir) > 64<<10 {
		t.Error(allocated(t, dir), err)
	}
}

func TestWhatIsWrittenOrDamagedIsNotDropped(t *testing.T) {
	dir := made(t)
	w := writer(t, dir)
	if _, err := w.Append(make([]byte, 8192)); err != nil {
		t.Fatal(err)
	}
	r := reader(t, dir)
	if err := r.Drop(4096); !fault.Is(err, "spool_busy") {
		t.Errorf("a shim writes: %v", err)
	}
	w.Close()
	if err := r.Drop(9000); !fault.Is(err, "output_short") {
		t.Errorf("beyond the end: %v", err)
	}
	for _, text := range []string{"", "12", "x\n", "-1\n", "12\n3"} {
		if err := os.WriteFile(filepath.Join(dir, "gone"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Gone(); !fault.Is(err, "gone_damaged") {
			t.Errorf("%q: %v", text, err)
		}
		if err := r.Drop(4096); !fault.Is(err, "gone_damaged") {
			t.Errorf("%q: dropped: %v", text, err)
		}
		if n, err := r.ReadAt(make([]byte, 10), 0); n != 0 || err == nil {
			t.Errorf("%q: %d bytes are read: %v", text, n, err)
		}
	}
}
