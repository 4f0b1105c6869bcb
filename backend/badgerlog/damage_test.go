package badgerlog

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// history reads a log as an operator would; ok is false when anything at all
// was reported on the way.
func history(dir string) (ids []event.ID, ok bool) {
	l, report, err := Open(context.Background(), homeOf(dir))
	if err != nil {
		return nil, false
	}
	defer l.Close()
	if l.Scan(0, func(_ uint64, e event.Event) error { ids = append(ids, e.ID); return nil }) != nil {
		return nil, false
	}
	r, err := l.Audit(context.Background(), nil)
	return ids, err == nil && len(r.Findings) == 0 && !report.AnchorTorn && report.Completed == 0
}

// keptLog makes a log of n events; open keeps its WAL, as a crash would.
func keptLog(t *testing.T, n int, closed bool) string {
	t.Helper()
	dir, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	l := mustOpen(t, dir)
	for range n {
		mustAppend(t, l)
	}
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	if closed {
		l.Close()
	}
	if err := os.CopyFS(kept, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if !closed {
		l.Close()
	}
	return kept
}

// harmed copies a log and changes one file of the copy.
func harmed(t *testing.T, from, file string, change func([]byte) []byte) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "h")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), change(b), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func filesOf(t *testing.T, dir, pattern string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(all) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	name, _ := filepath.Rel(dir, all[0])
	return name
}

func used(b []byte) int {
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return n
}

// A flipped bit is reported, or no answer rested on it: then the history is whole.
func TestFlippedBitsNeverChangeHistorySilently(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, closed := range []bool{true, false} {
		dir := keptLog(t, 40, closed)
		whole, ok := history(harmed(t, dir, "anchor", func(b []byte) []byte { return b }))
		if !ok || len(whole) != 41 {
			t.Fatal("the control, an unharmed log, is reported:", len(whole))
		}
		store := "log/*.sst"
		if !closed {
			store = "log/*.mem"
		}
		reported := 0
		for _, file := range []string{"anchor", filesOf(t, dir, store)} {
			for range 15 {
				copyOf := harmed(t, dir, file, func(b []byte) []byte {
					b[rng.Intn(used(b))] ^= 1 << rng.Intn(8)
					return b
				})
				ids, ok := history(copyOf)
				if !ok {
					reported++
				} else if fmt.Sprint(ids) != fmt.Sprint(whole) {
					t.Errorf("%s: a silently different history of %d events", file, len(ids))
				}
			}
		}
		if reported == 0 {
			t.Error("nothing was reported: the flips do not bite")
		}
	}
}

func TestCutTailIsReported(t *testing.T) {
	dir := keptLog(t, 40, false)
	wal := filesOf(t, dir, "log/*.mem")
	silent := 0
	for _, part := range []int{2, 3, 5, 9, 10} {
		cut := func(b []byte) []byte { clear(b[used(b)*part/11:]); return b }
		if ids, ok := history(harmed(t, dir, wal, cut)); ok {
			t.Errorf("cut at %d/11: %d events and no report", part, len(ids))
		}
		if rawCount(t, harmed(t, dir, wal, cut)) < 41 {
			silent++
		}
	}
	// The control: without chain and anchor Badger opens and says nothing.
	if silent == 0 {
		t.Error("Badger alone lost nothing: the cuts do not bite")
	}
}

func rawCount(t *testing.T, dir string) uint64 {
	t.Helper()
	db, err := badger.Open(badger.DefaultOptions(filepath.Join(dir, "log")).WithLogger(nil).WithMemTableSize(memTable).WithValueLogFileSize(16 << 20))
	if err != nil {
		return 41
	}
	defer db.Close()
	n, err := (&Log{db: db}).lastNumber('a')
	if err != nil {
		return 41
	}
	return n
}

// What a power cut between the two syncs leaves: the anchor has the group.
func TestStoreThatLacksTheNewestGroupIsCompleted(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	for range 3 {
		mustAppend(t, l)
	}
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := filepath.Join(t.TempDir(), "before")
	if err := os.CopyFS(before, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	last := mustAppend(t, l)
	anchor, err := os.ReadFile(filepath.Join(dir, "anchor"))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.WriteFile(filepath.Join(before, "anchor"), anchor, 0o600); err != nil {
		t.Fatal(err)
	}
	l, report, err := Open(context.Background(), homeOf(before))
	if err != nil || report.Completed != 1 {
		t.Fatal(report, err)
	}
	defer l.Close()
	if _, err := l.Event(last.ID); err != nil {
		t.Error(err)
	}
	mustAudit(t, l)
}

func TestNewerStoreIsRefused(t *testing.T) {
	dir := keptLog(t, 2, true)
	newer := harmed(t, dir, "anchor", func(b []byte) []byte {
		copy(b[6:], "02")
		copy(b[slotSize+6:], "02")
		return b
	})
	_, _, err := Open(context.Background(), homeOf(newer))
	if !fault.Is(err, "store_newer") {
		t.Fatal(err)
	}
}
