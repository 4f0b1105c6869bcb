package badgerlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// written follows the file of values: its largest size, what was appended and
// what was written anew.
type written struct{ largest, appended, rewritten int }

// send saves what a send of a session does: who is admitted four times, and
// with it what the session and its person have seen.
func (w *written) send(t testing.TB, l *Log, n int) {
	t.Helper()
	for step := range 4 {
		for _, key := range []string{"tickets/", "session/", "floor/"} {
			w.save(t, l, key+fmt.Sprint(n%20), fmt.Appendf(nil, "%0400d", n*4+step))
		}
	}
}

func (w *written) save(t testing.TB, l *Log, key string, value []byte) {
	t.Helper()
	before := l.values.file
	if err := l.SaveState(key, value); err != nil {
		t.Fatal(err)
	}
	w.appended += frameSize(key, value)
	if l.values.file != before {
		w.rewritten += l.values.size
	}
	w.largest = max(w.largest, l.values.size)
}

func sizeOf(t testing.TB, dir string) int {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "values"))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}

// Ten thousand sends leave a file of bounded size, and what is written anew is
// no more than what was appended, also when much is kept.
func TestValuesStayBounded(t *testing.T) {
	for name, kept := range map[string]int{"little is kept": 0, "much is kept": 3} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := mustOpen(t, dir)
			defer l.Close()
			for n := range kept {
				if err := l.SaveState(fmt.Sprint(n), make([]byte, maxValue/2)); err != nil {
					t.Fatal(err)
				}
			}
			var w written
			bound := compactValues + 2*l.values.live
			for n := 0; n < 10_000 && w.rewritten <= w.appended+bound; n++ {
				w.send(t, l, n)
			}
			if w.largest > bound || sizeOf(t, dir) != l.values.size {
				t.Errorf("the file grew to %d bytes, the bound is %d; it has %d, and is told to have %d", w.largest, bound, sizeOf(t, dir), l.values.size)
			}
			if w.appended < 10*bound || w.rewritten == 0 || w.rewritten > w.appended {
				t.Errorf("%d bytes were appended and %d written anew: too few to tell, or too many", w.appended, w.rewritten)
			}
		})
	}
}

func BenchmarkSend(b *testing.B) {
	dir := b.TempDir()
	l := mustOpen(b, dir)
	defer l.Close()
	var w written
	for n := 0; b.Loop(); n++ {
		w.send(b, l, n)
	}
	b.ReportMetric(float64(w.largest), "largest-B")
	b.ReportMetric(float64(w.rewritten)/float64(w.appended), "rewritten/appended")
}

func TestEqualValueIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	defer l.Close()
	save := func(value string) int {
		if err := l.SaveState("k", []byte(value)); err != nil {
			t.Fatal(err)
		}
		return sizeOf(t, dir)
	}
	if save("") != 0 {
		t.Error("the lack of a value was written")
	}
	one := save("one")
	if again := save("one"); one == 0 || again != one {
		t.Errorf("%d bytes after the first write, %d after an equal one", one, again)
	}
	if other := save("two"); other <= one {
		t.Error("the control: another value was not written")
	}
}

func TestRemovedValueStaysRemoved(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	for _, value := range []string{"one", ""} {
		if err := l.SaveState("k", []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.SaveState("other", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if err := l.values.rewrite(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l = mustOpen(t, dir)
	defer l.Close()
	if l.LoadState("k") != nil || string(l.LoadState("other")) != "kept" || l.values.live != l.values.size {
		t.Errorf("%q, %q; %d of %d bytes are in force", l.LoadState("k"), l.LoadState("other"), l.values.live, l.values.size)
	}
}

// What is cut every audit tells, until a start tells it and makes the file whole.
func TestCutValuesAreTold(t *testing.T) {
	k := keptLog(t, 1, true)
	cut := k.with("values", func(f keptFile) keptFile {
		return keptFile{append(f.bytes, 1, 2, 3), f.size + 3}
	})
	dir := cut.write(t)
	for range 2 {
		r, err := Audit(context.Background(), homeOf(dir), nil)
		if err != nil || len(r.Findings) != 1 || r.Findings[0].Code != "values" {
			t.Fatal(r.Findings, err)
		}
	}
	l, report, err := Open(context.Background(), homeOf(dir))
	if err != nil || report.ValuesCut != 3 {
		t.Fatal(report, err)
	}
	l.Close()
	l, report, err = Open(context.Background(), homeOf(dir))
	if err != nil || report.ValuesCut != 0 || string(l.LoadState("floor")) != "value" {
		t.Fatal(report, err)
	}
	l.Close()
}

// What a kill in the middle of a rewrite leaves beside the file is removed, and
// is never taken for it.
func TestUnfinishedRewriteIsDropped(t *testing.T) {
	k := keptLog(t, 1, true)
	k["values.new"] = keptFile{[]byte("half"), 4}
	dir := k.write(t)
	l, report, err := Open(context.Background(), homeOf(dir))
	if err != nil || report.ValuesCut != 0 || string(l.LoadState("floor")) != "value" {
		t.Fatal(report, err)
	}
	l.Close()
	if _, err := os.Stat(filepath.Join(dir, "values.new")); !os.IsNotExist(err) {
		t.Error("the unfinished file is still there:", err)
	}
}

// Write n of the tests below goes under key n modulo ring, so that a file tells
// by itself whether it holds all that was saved up to some write.
const ring = 10

func saveNth(v *values, n int) error {
	return v.write(fmt.Sprint(n%ring), fmt.Appendf(nil, "%0800d", n))
}

// upTo returns the last write that a file holds; ok is false when it lacks what
// came before.
func upTo(b []byte) (last int, ok bool) {
	v := &values{all: map[string][]byte{}}
	v.read(b)
	last = -1
	for _, value := range v.all {
		n, err := strconv.Atoi(string(value))
		if err != nil {
			return last, false
		}
		last = max(last, n)
	}
	for n := max(0, last-ring+1); n <= last; n++ {
		if string(v.all[fmt.Sprint(n%ring)]) != fmt.Sprintf("%0800d", n) {
			return last, false
		}
	}
	return last, true
}

// saver saves values in a loop while a test looks at what a cut would leave.
type saver struct {
	v       *values
	rewrite func(*values) error
	acked   atomic.Int64
	synced  atomic.Int64 // the last write that a rewrite has made durable
	stop    chan struct{}
	done    chan error
}

// startSaver saves one ring and makes it durable, then goes on in a goroutine
// up to write n; until it is stopped when n is 0.
func startSaver(t *testing.T, v *values, n int, rewrite func(*values) error) *saver {
	t.Helper()
	for i := range ring {
		if err := saveNth(v, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.rewrite(); err != nil {
		t.Fatal(err)
	}
	s := &saver{v: v, rewrite: rewrite, stop: make(chan struct{}), done: make(chan error, 1)}
	s.acked.Store(ring - 1)
	s.synced.Store(ring - 1)
	go func() { s.done <- s.run(n) }()
	return s
}

func (s *saver) run(n int) error {
	for i := ring; n == 0 || i < n; i++ {
		if err := saveNth(s.v, i); err != nil {
			return err
		}
		s.acked.Store(int64(i))
		if i%64 == 0 {
			if err := s.rewrite(s.v); err != nil {
				return err
			}
			s.synced.Store(int64(i))
		}
		select {
		case <-s.stop:
			return nil
		default:
		}
	}
	return nil
}

// harm looks again and again, until the saver is done or a look finds less than
// there must be. It tells what was wrong, or nothing.
func (s *saver) harm(t *testing.T, look func() []byte, least func() int) string {
	t.Helper()
	hang := time.After(2 * time.Minute)
	for {
		must := least()
		if last, ok := upTo(look()); !ok || last < must {
			close(s.stop)
			<-s.done
			return fmt.Sprintf("a cut leaves values up to %d, whole %v; want %d or more", last, ok, must)
		}
		select {
		case err := <-s.done:
			if err != nil {
				t.Fatal(err)
			}
			return ""
		case <-hang:
			t.Fatal("neither harm nor an end in two minutes")
		default:
		}
	}
}

// inPlace is the control: the file is emptied and filled again.
func inPlace(v *values) error {
	if err := v.file.Truncate(0); err != nil {
		return err
	}
	if _, err := v.file.Seek(0, 0); err != nil {
		return err
	}
	v.size = 0
	for key, value := range v.all {
		n, err := v.file.Write(frameValue(key, value))
		if err != nil {
			return err
		}
		v.size += n
	}
	return nil
}

// unsynced is the other control: a new file, renamed before its bytes are durable.
func unsynced(v *values) error {
	var whole []byte
	for key, value := range v.all {
		whole = append(whole, frameValue(key, value)...)
	}
	file, err := os.Create(newName(v.path))
	if err != nil {
		return err
	}
	if _, err := file.Write(whole); err != nil {
		return err
	}
	if err := os.Rename(newName(v.path), v.path); err != nil {
		return err
	}
	v.close()
	v.file, v.size = file, len(whole)
	return syncPath(filepath.Dir(v.path))
}

func openTestValues(t *testing.T, dir string) *values {
	t.Helper()
	v, _, err := openValues(filepath.Join(dir, "values"), false)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// killed looks at what a kill at this instant would leave: all that was saved.
func killed(t *testing.T, n int, rewrite func(*values) error) string {
	v := openTestValues(t, t.TempDir())
	defer func() { v.close() }()
	s := startSaver(t, v, n, rewrite)
	look := func() []byte {
		b, err := os.ReadFile(v.path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return s.harm(t, look, func() int { return int(s.acked.Load()) })
}

// unpowered looks at what a power cut would leave: what the last rewrite held.
func unpowered(t *testing.T, n int, rewrite func(*values) error) string {
	disk, dir := mount(t)
	v := openTestValues(t, dir)
	defer func() { v.close() }()
	s := startSaver(t, v, n, rewrite)
	look := func() []byte { return disk.Cut()["values"] }
	return s.harm(t, look, func() int { return int(s.synced.Load()) })
}

func TestCutDuringRewriteLeavesTheOldOrTheNew(t *testing.T) {
	if harm := killed(t, rounds(4000, 100_000), (*values).rewrite); harm != "" {
		t.Error("killed:", harm)
	}
	if harm := unpowered(t, rounds(2000, 20_000), (*values).rewrite); harm != "" {
		t.Error("power cut:", harm)
	}
}

// The controls: what is not made whole beside and then named is caught.
func TestCutDuringCarelessRewriteHarms(t *testing.T) {
	if killed(t, 0, inPlace) == "" {
		t.Error("a kill while a file is written in place does no harm: the looks do not bite")
	}
	if unpowered(t, 0, unsynced) == "" {
		t.Error("a power cut after an unsynced rename does no harm: the cuts do not bite")
	}
}
