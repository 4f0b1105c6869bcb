package badgerlog

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// rounds is n in the normal run and more in the long one.
func rounds(n, long int) int {
	if os.Getenv("ATELIER_SOAK") != "" {
		return long
	}
	return n
}

// batches runs a test of random harm: once, or in the long run forty times with
// other seeds, each in a process of its own, because a Badger that refuses to
// open keeps ten megabytes for ever.
func batches(t *testing.T, run func(rng *rand.Rand, times int)) {
	t.Helper()
	seed, child := os.LookupEnv("BADGERLOG_SEED")
	if n, err := strconv.ParseInt(seed, 10, 64); child && err == nil {
		run(rand.New(rand.NewSource(n)), 25)
		return
	}
	if os.Getenv("ATELIER_SOAK") == "" {
		run(rand.New(rand.NewSource(1)), 12)
		return
	}
	for n := range 40 {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), fmt.Sprint("BADGERLOG_SEED=", n))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("seed %d: %v\n%s", n, err, out)
		}
	}
}

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
	return ids, err == nil && len(r.Findings) == 0 && !report.AnchorTorn && report.Completed+report.CompletedSeals == 0 && report.ValuesCut == 0
}

// kept is a data folder held in memory: per file its size, and its bytes up to
// the last that is not zero.
type kept map[string]keptFile

type keptFile struct {
	bytes []byte
	size  int64
}

// keep reads a folder; of an open log it is what a crash would leave.
func keep(t testing.TB, dir string) kept {
	t.Helper()
	k := kept{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		k[name] = keptFile{b[:used(b)], int64(len(b))}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func used(b []byte) int { return len(strings.TrimRight(string(b), "\x00")) }

// names are the files with bytes, in order.
func (k kept) names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(k)), func(n string) bool { return len(k[n].bytes) == 0 })
}

func (k kept) one(t *testing.T, suffix string) string {
	t.Helper()
	for _, name := range k.names() {
		if strings.HasSuffix(name, suffix) {
			return name
		}
	}
	t.Fatal("no file", suffix)
	return ""
}

// with returns a copy in which one file is changed.
func (k kept) with(name string, change func(keptFile) keptFile) kept {
	c := maps.Clone(k)
	f := c[name]
	f.bytes = slices.Clone(f.bytes)
	c[name] = change(f)
	return c
}

// write makes a folder of it.
func (k kept) write(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "h")
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range k {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, f.size); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// read is the history of what is kept.
func (k kept) read(t testing.TB) ([]event.ID, bool) {
	dir := k.write(t)
	defer os.RemoveAll(dir)
	return history(dir)
}

// keptLog is a sealed log of n events, closed or as a crash would leave it.
func keptLog(t testing.TB, n int, closed bool) kept {
	t.Helper()
	dir := t.TempDir()
	l := mustOpen(t, dir)
	defer l.Close()
	for range n {
		mustAppend(t, l)
	}
	if err := l.SaveState("floor", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	if closed {
		l.Close()
	}
	return keep(t, dir)
}

func sound(t testing.TB, k kept, n int) []event.ID {
	t.Helper()
	whole, ok := k.read(t)
	if !ok || len(whole) != n {
		t.Fatal("the control, an unharmed log, is reported:", len(whole))
	}
	return whole
}

// A flipped bit is reported, or no answer rested on it: then the history is
// whole. Every file takes its turn.
func TestFlippedBitsNeverChangeHistorySilently(t *testing.T) {
	batches(t, func(rng *rand.Rand, times int) {
		for _, closed := range []bool{true, false} {
			k := keptLog(t, 40, closed)
			whole := sound(t, k, 41)
			for _, name := range k.names() {
				k.flipOften(t, rng, name, times, whole)
			}
		}
	})
}

func (k kept) flipOften(t *testing.T, rng *rand.Rand, name string, times int, whole []event.ID) {
	t.Helper()
	reported := 0
	for range times {
		ids, ok := k.with(name, func(f keptFile) keptFile { return flip(rng, f) }).read(t)
		if !ok {
			reported++
		} else if fmt.Sprint(ids) != fmt.Sprint(whole) {
			t.Errorf("%s: a silently different history of %d events", name, len(ids))
		}
	}
	if reported == 0 && k.tells(name) {
		t.Errorf("%s: nothing was reported: the flips do not bite", name)
	}
}

// flip changes one bit where something was written: between the anchor's slots
// lie only zeros.
func flip(rng *rand.Rand, f keptFile) keptFile {
	at := rng.Intn(len(f.bytes))
	for used(f.bytes[at:min(at+64, len(f.bytes))]) == 0 {
		at = rng.Intn(len(f.bytes))
	}
	f.bytes[at] ^= 1 << rng.Intn(8)
	return f
}

// tells whether a file holds what answers rest on; what is empty by design
// (value log, lock) need not be missed.
func (k kept) tells(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".mem") || name == "values" || name == "anchor"
}

// A tail cut at any byte, by zeros as a lost write or by length, is reported.
func TestCutTailIsReported(t *testing.T) {
	batches(t, func(rng *rand.Rand, times int) {
		for _, closed := range []bool{true, false} {
			k := keptLog(t, 40, closed)
			sound(t, k, 41)
			name, silent := k.one(t, map[bool]string{true: ".sst", false: ".mem"}[closed]), 0
			for range times {
				silent += k.cutAt(t, name, rng.Intn(len(k[name].bytes)))
			}
			// The control: without chain and anchor Badger opens and says nothing.
			if silent == 0 && !closed {
				t.Error("Badger alone lost nothing: the cuts do not bite")
			}
		}
	})
}

// cutAt cuts a file by length and by zeros, and counts what a bare Badger then
// loses without a word.
func (k kept) cutAt(t *testing.T, name string, at int) (silent int) {
	t.Helper()
	for _, size := range []int64{int64(at), k[name].size} {
		cut := k.with(name, func(f keptFile) keptFile { return keptFile{f.bytes[:at], size} })
		if ids, ok := cut.read(t); ok {
			t.Errorf("%s cut at %d of %d: %d events and no report", name, at, len(k[name].bytes), len(ids))
		}
		if strings.HasSuffix(name, ".mem") && rawCount(t, cut) < 41 {
			silent++
		}
	}
	return silent
}

func TestMissingFileIsReported(t *testing.T) {
	for _, closed := range []bool{true, false} {
		k := keptLog(t, 3, closed)
		sound(t, k, 4)
		for _, name := range k.names() {
			without := maps.Clone(k)
			delete(without, name)
			if ids, ok := without.read(t); ok && (k.tells(name) && name != "values" || len(ids) != 4) {
				t.Errorf("without %s: %d events and no report", name, len(ids))
			}
		}
	}
}

func rawCount(t *testing.T, k kept) uint64 {
	t.Helper()
	dir := k.write(t)
	defer os.RemoveAll(dir)
	db, err := badger.Open(badger.DefaultOptions(filepath.Join(dir, "log")).WithLogger(nil).WithMemTableSize(memTable).WithValueLogFileSize(16 << 20))
	if err != nil {
		return 41
	}
	defer db.Close()
	run, first, _, err := (&Log{db: db}).newest('a', math.MaxUint64)
	if err != nil {
		return 41
	}
	return first + countRecords(run)
}

// A table whose last block lies about the length of its own checksum once ended
// the process: Badger reads that block in a goroutine of its own.
func TestDamagedFrameOfABlockIsReported(t *testing.T) {
	k := keptLog(t, 40, true)
	name := k.one(t, ".sst")
	_, rest, _ := lastSized(k[name].bytes)
	_, blocks, _ := lastSized(rest)
	for _, back := range []int{1, 2, 3, 4, 5, 12} {
		harmed := k.with(name, func(f keptFile) keptFile { f.bytes[len(blocks)-back] ^= 0x40; return f })
		if _, ok := harmed.read(t); ok {
			t.Errorf("a flip %d bytes before the end of the blocks is not reported", back)
		}
	}
}

// The newest group may be a seal alone. That it was given back is told too.
func TestCompletedSealIsReported(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	l.idle = time.AfterFunc(time.Hour, func() {}) // no seal comes of itself
	mustAppend(t, l)
	before := keep(t, dir)
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	before["anchor"] = keep(t, dir)["anchor"]
	l.Close()
	l, report, err := Open(context.Background(), homeOf(before.write(t)))
	if err != nil || report.Completed != 0 || report.CompletedSeals != 1 {
		t.Fatal(report, err)
	}
	defer l.Close()
	mustAudit(t, l)
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
	before := keep(t, dir)
	last := mustAppend(t, l)
	before["anchor"] = keep(t, dir)["anchor"]
	l.Close()
	l, report, err := Open(context.Background(), homeOf(before.write(t)))
	if err != nil || report.Completed != 1 {
		t.Fatal(report, err)
	}
	defer l.Close()
	if _, err := l.Event(last.ID); err != nil {
		t.Error(err)
	}
	mustAudit(t, l)
}

// The other half: the store has a group, with as many seals as one can have,
// and the anchor lacks it. It was never acknowledged and is kept whole.
func TestStoreAheadOfItsAnchorByOneGroupIsKept(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	l.idle = time.AfterFunc(time.Hour, func() {}) // no seal comes of itself
	for range event.MaxSealed - 1 {
		mustAppend(t, l)
	}
	before, seals := keep(t, dir), l.at.Seals
	oneGroup(t, l, 3, true)
	if l.at.Seals != seals+maxGroupSeals {
		t.Fatalf("the group has %d seals, want %d", l.at.Seals-seals, maxGroupSeals)
	}
	after := keep(t, dir)
	after["anchor"] = before["anchor"]
	count := l.Count()
	l.Close()
	l = mustOpen(t, after.write(t))
	defer l.Close()
	if l.Count() != count {
		t.Errorf("%d events, want %d", l.Count(), count)
	}
	mustAudit(t, l)
}

// oneGroup appends n events, and a seal if asked, in exactly one group.
func oneGroup(t testing.TB, l *Log, n int, seal bool) {
	t.Helper()
	l.queue.mu.Lock()
	l.queue.led = true // by this test
	l.queue.mu.Unlock()
	done := make(chan error, n+1)
	for range n {
		go func() { _, err := l.Append(context.Background(), draft(l, nil)); done <- err }()
	}
	waitQueue(l, n)
	if seal {
		n++
		go func() { done <- l.Seal(context.Background()) }()
		waitQueue(l, n)
	}
	l.queue.pass()
	for range n {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func waitQueue(l *Log, n int) {
	for l.queue.length() < n {
		runtime.Gosched()
	}
}

// What a power cut may leave of a log that was just made: a name without bytes.
func TestEmptyLogFileIsNoLoss(t *testing.T) {
	for _, name := range []string{"log/00009.mem", "log/000009.vlog"} {
		k := keptLog(t, 3, false)
		k[name] = keptFile{}
		if ids, ok := k.read(t); !ok || len(ids) != 4 {
			t.Errorf("with an empty %s: %d events, unreported %v", name, len(ids), ok)
		}
	}
}

func TestHalfMadeTableIsNoLoss(t *testing.T) {
	k := keptLog(t, 3, true)
	k["log/000009.sst"] = keptFile{[]byte{1, 2, 3}, 9}
	if ids, ok := k.read(t); !ok || len(ids) != 4 {
		t.Errorf("with a table that no manifest names: %d events, unreported %v", len(ids), ok)
	}
}

func TestNewerStoreIsRefused(t *testing.T) {
	newer := keptLog(t, 2, true).with("anchor", func(f keptFile) keptFile {
		copy(f.bytes[6:], "03")
		copy(f.bytes[slotSize+6:], "03")
		return f
	})
	_, _, err := Open(context.Background(), homeOf(newer.write(t)))
	if !fault.Is(err, "store_newer") {
		t.Fatal(err)
	}
}
