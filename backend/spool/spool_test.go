package spool_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/spool"
)

func made(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "x")
	if err := spool.Make(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writer(t *testing.T, dir string) *spool.Writer {
	t.Helper()
	w, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func reader(t *testing.T, dir string) *spool.Reader {
	t.Helper()
	r, err := spool.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func resized(index uint64) attach.Note {
	return attach.Note{Index: index, Time: int64(index) * 1000, Offset: index * 10, Kind: attach.NoteResized, Cols: uint16(index), Rows: 24}
}

func noted(t *testing.T, w *spool.Writer, upTo uint64) {
	t.Helper()
	for index := w.Last() + 1; index <= upTo; index++ {
		if err := w.Note(resized(index)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReaderSeesWhatWriterWrote(t *testing.T) {
	dir := made(t)
	r := reader(t, dir) // before the shim has made its files
	if end, err := r.End(); end != 0 || err != nil {
		t.Fatalf("end %d %v", end, err)
	}
	if notes, err := r.Notes(0); len(notes) != 0 || err != nil {
		t.Fatalf("notes %v %v", notes, err)
	}
	w := writer(t, dir)
	defer w.Close()
	all := make([]byte, 200_000)
	_, _ = rand.Read(all)
	for from := 0; from < len(all); from += 70_000 {
		if n, err := w.Append(all[from:min(from+70_000, len(all))]); err != nil {
			t.Fatal(n, err)
		}
	}
	if end, err := r.End(); err != nil || end != uint64(len(all)) || w.End() != end {
		t.Fatalf("end %d %v, writer %d", end, err, w.End())
	}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, 1<<30))
	if err != nil || !bytes.Equal(got, all) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	part := make([]byte, 1000)
	if n, err := w.ReadAt(part, 123_456); err != nil || n != 1000 || !bytes.Equal(part, all[123_456:124_456]) {
		t.Fatalf("the writer reads %d, %v", n, err)
	}
	if err := errors.Join(w.Sync(), r.Sync()); err != nil {
		t.Fatal(err)
	}
}

func TestRangeGivesItsRoot(t *testing.T) {
	dir := made(t)
	w := writer(t, dir)
	defer w.Close()
	all := bytes.Repeat([]byte("0123456789"), 30_000)
	if _, err := w.Append(all); err != nil {
		t.Fatal(err)
	}
	got, want := event.NewRangeHash(), event.NewRangeHash()
	_, _ = want.Write(all[1234:290_000])
	r := reader(t, dir)
	if err := r.WriteRange(got, 1234, 290_000); err != nil || got.Root() != want.Root() {
		t.Fatalf("%v; roots equal: %v", err, got.Root() == want.Root())
	}
	if err := r.WriteRange(io.Discard, 0, uint64(len(all)+1)); !fault.Is(err, "output_short") {
		t.Errorf("past the end: %v", err)
	}
}

func TestNotesComeAfterAnIndex(t *testing.T) {
	dir := made(t)
	w := writer(t, dir)
	defer w.Close()
	r := reader(t, dir)
	const all = 20_000 // more than are read at once
	noted(t, w, all)
	var got []uint64
	for last := uint64(0); ; last = got[len(got)-1] {
		notes, err := r.Notes(last)
		if err != nil {
			t.Fatal(err)
		}
		if len(notes) == 0 {
			break
		}
		for _, n := range notes {
			if n != resized(n.Index) {
				t.Fatalf("note %+v", n)
			}
			got = append(got, n.Index)
		}
	}
	if len(got) != all || got[0] != 1 || got[all-1] != all {
		t.Fatalf("%d notes", len(got))
	}
	if again, err := r.Notes(3); err != nil || again[0].Index != 4 {
		t.Fatalf("back to 3: %v", err)
	}
	if again, err := r.Notes(all - 1); err != nil || len(again) != 1 {
		t.Fatalf("the last: %v %v", again, err)
	}
	noted(t, w, all+1)
	if more, err := r.Notes(all); err != nil || len(more) != 1 {
		t.Fatalf("one more: %v %v", more, err)
	}
}

func TestNoteOutOfOrderIsRefused(t *testing.T) {
	w := writer(t, made(t))
	defer w.Close()
	if err := w.Note(resized(2)); !fault.Is(err, "note_order") {
		t.Errorf("got %v", err)
	}
}

func TestTornNoteIsCutByTheNextWriter(t *testing.T) {
	dir := made(t)
	w := writer(t, dir)
	noted(t, w, 3)
	w.Close()
	path := filepath.Join(dir, "notes")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	record := attach.AppendRecord(nil, resized(4))
	for cut := range record {
		if err := os.WriteFile(path, append(slices.Clone(whole), record[:cut]...), 0o600); err != nil {
			t.Fatal(err)
		}
		if notes, err := reader(t, dir).Notes(0); err != nil || len(notes) != 3 {
			t.Fatalf("cut at %d: a reader has %d, %v", cut, len(notes), err)
		}
		w := writer(t, dir)
		if w.Last() != 3 {
			t.Fatalf("cut at %d: last %d", cut, w.Last())
		}
		noted(t, w, 4)
		w.Close()
		if notes, err := reader(t, dir).Notes(0); err != nil || len(notes) != 4 {
			t.Fatalf("cut at %d: then %d, %v", cut, len(notes), err)
		}
	}
}

func TestDamagedNotesAreLossOfData(t *testing.T) {
	dir := made(t)
	w := writer(t, dir)
	noted(t, w, 3)
	w.Close()
	path := filepath.Join(dir, "notes")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r := reader(t, dir)
	if notes, err := r.Notes(0); err != nil || len(notes) != 1 {
		t.Errorf("before the damage a reader has %d notes, %v", len(notes), err)
	}
	if _, err := r.Notes(1); fault.Of(err).Code != fault.DataLoss {
		t.Errorf("a reader: %v", err)
	}
	if _, err := spool.Open(dir); fault.Of(err).Code != fault.DataLoss {
		t.Errorf("a writer: %v", err)
	}
}

func TestOneWriterAtATime(t *testing.T) {
	dir := made(t)
	r := reader(t, dir)
	if held, err := r.Held(); held || err != nil {
		t.Fatalf("held %v %v", held, err)
	}
	w := writer(t, dir)
	if _, err := spool.Open(dir); !fault.Is(err, "spool_busy") {
		t.Errorf("a second writer: %v", err)
	}
	if held, err := r.Held(); !held || err != nil {
		t.Errorf("held %v %v", held, err)
	}
	if err := r.Remove(); !fault.Is(err, "spool_busy") {
		t.Errorf("removed under its writer: %v", err)
	}
	w.Close()
	if held, err := r.Held(); held || err != nil {
		t.Errorf("after: held %v %v", held, err)
	}
	if err := r.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := spool.OpenReader(dir); !fault.Is(err, "spool_unknown") {
		t.Errorf("after Remove: %v", err)
	}
}

func TestRemoveLeavesWhatIsNotOurs(t *testing.T) {
	dir := made(t)
	writer(t, dir).Close()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := reader(t, dir).Remove(); err == nil {
		t.Error("a folder with a strange file is gone")
	}
	if _, err := os.Stat(filepath.Join(dir, "mine")); err != nil {
		t.Error(err)
	}
}

func TestLaunchIsThatOfOneProcess(t *testing.T) {
	dir := made(t)
	if _, ok, err := spool.ReadLaunch(dir); ok || err != nil {
		t.Fatalf("before: %v %v", ok, err)
	}
	w := writer(t, dir)
	defer w.Close()
	want, err := spool.Self("/run/x.sock", attach.Key{1, 2, 31: 3})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.WriteLaunch(want); err != nil {
			t.Fatal(err)
		}
	}
	got, ok, err := spool.ReadLaunch(dir)
	if err != nil || !ok || got != want || !got.Lives() {
		t.Fatalf("%+v %v %v, want %+v", got, ok, err, want)
	}
	got.Start++
	if got.Lives() {
		t.Error("a process of another start is taken for the shim")
	}
	if info, err := os.Stat(filepath.Join(dir, "launch.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 3 {
		t.Errorf("left %v", names)
	}
}

func TestDeadProcessDoesNotLive(t *testing.T) {
	child := exec.Command("/bin/cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	l := spool.Launch{PID: child.Process.Pid}
	stat, err := os.ReadFile(filepath.Join("/proc", "self", "stat"))
	if err != nil || !strings.Contains(string(stat), ") ") {
		t.Fatal(err)
	}
	in.Close()
	// A zombie, which nobody has waited for yet, is dead too.
	if err := unix.Waitid(unix.P_PID, l.PID, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if l.Lives() {
		t.Error("a zombie lives")
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if l.Lives() {
		t.Error("the dead live")
	}
}

func TestDamagedLaunchIsAFault(t *testing.T) {
	for _, text := range []string{"", "{", `{"key":"00"}`, `{"pid":1,"key":"` + strings.Repeat("x", 64) + `"}`} {
		dir := made(t)
		if err := os.WriteFile(filepath.Join(dir, "launch.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := spool.ReadLaunch(dir); !fault.Is(err, "launch_damaged") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPlantedThingsAreRefused(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(dir string) error{
		"output is a link": func(dir string) error { return os.Symlink(elsewhere, filepath.Join(dir, "output")) },
		"notes is a link":  func(dir string) error { return os.Symlink(elsewhere, filepath.Join(dir, "notes")) },
		"notes is a pipe":  func(dir string) error { return unix.Mkfifo(filepath.Join(dir, "notes"), 0o600) },
		"output is open":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "output"), nil, 0o644) }, //nolint:gosec // open on purpose
		"folder is open":   func(dir string) error { return os.Chmod(dir, 0o755) },                                   //nolint:gosec // open on purpose
		"folder is a link": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := made(t)
			if err := plant(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := spool.Open(dir); fault.Of(err).Code != fault.PermissionDenied {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestForeignFolderIsRefused(t *testing.T) {
	dir := "/" // root's when we are not root
	if os.Geteuid() == 0 {
		dir = made(t)
		if err := os.Chown(dir, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := spool.OpenReader(dir); !fault.Is(err, "spool_planted") {
		t.Errorf("got %v", err)
	}
}

// limited lowers the size that files of this process may have, as a full disk
// would: the kernel then refuses and signals.
func limited(t *testing.T, bytes uint64) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
	})
}

func TestFullDiskLosesAndDoublesNothing(t *testing.T) {
	dir := made(t)
	w := writer(t, dir)
	defer w.Close()
	all := make([]byte, 300_000)
	_, _ = rand.Read(all)
	t.Run("full", func(t *testing.T) {
		limited(t, 100_000)
		n, err := w.Append(all)
		if !spool.Full(err) || fault.Of(err).Code != fault.Unknown || n != 100_000 || w.End() != 100_000 {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if n, err := w.Append(all[n:]); n != 0 || !spool.Full(err) {
			t.Fatalf("again: %d bytes, %v", n, err)
		}
		for w.Last() < 100_000 {
			if err = w.Note(resized(w.Last() + 1)); err != nil {
				break
			}
		}
		if !spool.Full(err) {
			t.Fatalf("%d notes, %v", w.Last(), err)
		}
		if notes, err := reader(t, dir).Notes(w.Last() - 1); err != nil || len(notes) != 1 {
			t.Fatalf("after half a note: %v %v", notes, err)
		}
	})
	if _, err := w.Append(all[w.End():]); err != nil {
		t.Fatal(err)
	}
	noted(t, w, w.Last()+1)
	got, err := os.ReadFile(filepath.Join(dir, "output"))
	if err != nil || !bytes.Equal(got, all) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestFreeIsWhatTheFileSystemGives(t *testing.T) {
	w := writer(t, made(t))
	defer w.Close()
	if free, err := w.Free(); err != nil || free == 0 {
		t.Errorf("%d %v", free, err)
	}
}
