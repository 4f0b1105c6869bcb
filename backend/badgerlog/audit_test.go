package badgerlog

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// quiet is an open log in which no seal comes of itself.
func quiet(t testing.TB, dir string) *Log {
	t.Helper()
	l := mustOpen(t, dir)
	l.idle = time.AfterFunc(time.Hour, func() {})
	return l
}

// codes tells what was found, in a form that can be compared.
func codes(found map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(found)), " ") }

func codesOf(r AuditReport) string {
	found := map[string]bool{}
	for _, f := range r.Findings {
		found[f.Code] = true
	}
	return codes(found)
}

// forgeSeals makes a closed log of four own events under seals of these runs.
// Each is changed before it is signed and the next one and the anchor name it:
// only a reader of what was changed can tell.
func forgeSeals(t *testing.T, runs [][2]uint64, change func(n int, s *event.Seal)) string {
	t.Helper()
	dir := t.TempDir()
	l := quiet(t, dir)
	var ids []event.ID
	for range 4 {
		ids = append(ids, mustAppend(t, l).ID)
	}
	next, prev := l.at, event.ID{}
	next.EventsBefore, next.SealsBefore = next.Events, next.Seals
	var entries []entry
	for n, run := range runs {
		s := event.Seal{Workspace: l.Genesis(), Replica: l.replica, First: run[0], Last: run[1], Prev: prev,
			Root: event.Root(ids[run[0]:min(run[1]+1, 4)])}
		change(n, &s)
		entries = append(entries, entry{Key: number('s', uint64(n)), Value: signed(t, &s)})
		prev, _ = s.ID()
	}
	next.Seals, next.LastSeal = uint64(len(runs)), prev
	if err := l.commit(entries, next); err != nil {
		t.Fatal(err)
	}
	l.at, l.unsealed = next, nil
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func signed(t *testing.T, s *event.Seal) []byte {
	t.Helper()
	if s.Signature == nil {
		if err := s.Sign(testKey); err != nil {
			t.Fatal(err)
		}
	}
	b, err := event.EncodeSeal(*s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// One seal proves any event that it covers, so each field of a seal has a
// reader in the log too: these are well signed but for one.
func TestForgedSealIsNamed(t *testing.T) {
	whole := [][2]uint64{{0, 1}, {2, 2}, {3, 3}}
	at := func(which int, change func(s *event.Seal)) func(int, *event.Seal) {
		return func(n int, s *event.Seal) {
			if n == which {
				change(s)
			}
		}
	}
	for name, c := range map[string]struct {
		runs   [][2]uint64
		change func(int, *event.Seal)
		want   string
	}{
		"the control":         {whole, func(int, *event.Seal) {}, ""},
		"of another key":      {whole, at(1, func(s *event.Seal) { s.Signature = make([]byte, ed25519.SignatureSize) }), "seal_signature"},
		"another workspace":   {whole, at(1, func(s *event.Seal) { s.Workspace = event.ID{1} }), "seal_chain"},
		"another replica":     {whole, at(1, func(s *event.Seal) { s.Replica = "r" }), "seal_chain"},
		"another seal before": {whole, at(1, func(s *event.Seal) { s.Prev = event.ID{1} }), "seal_chain"},
		"an event left out":   {[][2]uint64{{0, 1}, {3, 3}}, func(int, *event.Seal) {}, "seal_chain"},
		"an event twice":      {[][2]uint64{{0, 1}, {1, 3}}, func(int, *event.Seal) {}, "seal_chain"},
		"another root":        {whole, at(1, func(s *event.Seal) { s.Root = event.ID{1} }), "seal_root"},
		"beyond the events":   {[][2]uint64{{0, 1}, {2, 5}}, func(int, *event.Seal) {}, "seal_root"},
	} {
		if got := codes(said(t, forgeSeals(t, c.runs, c.change))); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// unsealedLog is an open log whose writer forgets its seals.
func unsealedLog(t *testing.T, dir string, n int) *Log {
	t.Helper()
	l := quiet(t, dir)
	for left := n; left > 0; left -= min(left, 500) {
		oneGroup(t, l, min(left, 500), false)
		l.unsealed = nil
	}
	return l
}

func TestLateSealIsNamed(t *testing.T) {
	for n, want := range map[int]string{event.MaxSealed: "", event.MaxSealed + 1: "seal_late"} {
		dir := t.TempDir()
		l := unsealedLog(t, dir, n)
		r, err := l.Audit(context.Background(), nil)
		if got := codesOf(r); err != nil || got != want {
			t.Errorf("%d events without a seal, open: %q, want %q: %v", n, got, want, err)
		}
		l.Close()
		if got := codes(said(t, dir)); got != want {
			t.Errorf("%d events without a seal, closed: %q, want %q", n, got, want)
		}
	}
}

// openLog is one on which a test does harm while it is open: Open has found it
// sound, so only the audit can tell.
type openLog struct {
	*Log
	dir    string
	events []event.Event
}

// harm writes an entry past the log.
func (l *openLog) harm(t *testing.T, key, value []byte) {
	t.Helper()
	if err := l.store([]entry{{Key: key, Value: value}}, l.at.version()+1); err != nil {
		t.Fatal(err)
	}
}

// change puts another event in the place of one.
func (l *openLog) change(t *testing.T, arrival uint64, change func(h *event.Header)) {
	t.Helper()
	e, err := l.eventAt(arrival)
	if err != nil {
		t.Fatal(err)
	}
	other := event.Event{Header: e.Header}
	change(&other.Header)
	record, err := newRecord(&other, e.Body)
	if err != nil {
		t.Fatal(err)
	}
	l.harm(t, number('a', arrival), record)
}

// double puts an event twice into its run.
func (l *openLog) double(t *testing.T, arrival uint64) {
	t.Helper()
	record, err := l.recordAt(arrival)
	if err != nil {
		t.Fatal(err)
	}
	l.harm(t, number('a', arrival), append(record, record...))
}

// TestHarmToAnOpenLogIsNamed: arrivals 1 to 3 are under seals 0 and 1, 4 and 5
// under none.
func TestHarmToAnOpenLogIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(l *openLog)
		want string
	}{
		"the control":             {func(*openLog) {}, ""},
		"an unreadable event":     {func(l *openLog) { l.harm(t, number('a', 2), []byte("torn")) }, "event"},
		"the newest unreadable":   {func(l *openLog) { l.harm(t, number('a', 5), []byte("torn")) }, "event"},
		"more in a run":           {func(l *openLog) { l.double(t, 2) }, "event"},
		"more in the last run":    {func(l *openLog) { l.double(t, 5) }, "event"},
		"another genesis":         {func(l *openLog) { l.change(t, 0, func(h *event.Header) { h.WallTime++ }) }, "genesis"},
		"another seq":             {func(l *openLog) { l.change(t, 5, func(h *event.Header) { h.Seq++ }) }, "head seq"},
		"another replica":         {func(l *openLog) { l.change(t, 5, func(h *event.Header) { h.Replica = "r" }) }, "head seq"},
		"another event before":    {func(l *openLog) { l.change(t, 5, func(h *event.Header) { h.Prev = event.ID{1} }) }, "head prev"},
		"another newest event":    {func(l *openLog) { l.change(t, 5, func(h *event.Header) { h.WallTime++ }) }, "head"},
		"another event":           {func(l *openLog) { l.change(t, 4, func(h *event.Header) { h.WallTime++ }) }, "prev"},
		"another sealed event":    {func(l *openLog) { l.change(t, 2, func(h *event.Header) { h.WallTime++ }) }, "prev seal_root"},
		"an unreadable seal":      {func(l *openLog) { l.harm(t, number('s', 0), []byte("torn")) }, "seal"},
		"the newest seal torn":    {func(l *openLog) { l.harm(t, number('s', 1), []byte("torn")) }, "seal"},
		"another newest seal":     {shorterSeal(t), "head"},
		"a key of no known kind":  {func(l *openLog) { l.harm(t, number('x', 1), []byte("y")) }, "key"},
		"a key of a wrong length": {func(l *openLog) { l.harm(t, []byte("aa"), []byte("y")) }, "key"},
		"a shorter anchor":        {func(l *openLog) { mustTruncate(t, filepath.Join(l.dir, "anchor"), slotSize) }, "anchor_slot"},
	} {
		l := &openLog{Log: quiet(t, t.TempDir())}
		l.dir = l.o.Dir
		for n := range 5 {
			l.events = append(l.events, mustAppend(t, l.Log))
			if n == 0 || n == 2 {
				if err := l.Seal(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.harm(l)
		r, err := l.Audit(context.Background(), nil)
		if got := codesOf(r); err != nil || got != c.want {
			t.Errorf("%s: got %q, want %q: %v", name, got, c.want, err)
		}
		l.Close()
	}
}

// shorterSeal puts a well-signed seal over fewer events in the newest one's place.
func shorterSeal(t *testing.T) func(l *openLog) {
	return func(l *openLog) {
		before, err := l.sealAt(0)
		if err != nil {
			t.Fatal(err)
		}
		s := event.Seal{Workspace: l.Genesis(), Replica: l.replica, First: 1, Last: 1, Root: event.Root([]event.ID{l.events[1].ID})}
		s.Prev, _ = before.ID()
		l.harm(t, number('s', 1), signed(t, &s))
	}
}

func mustTruncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// An anchor that was put back while the log is open is one that the next start
// would complete or refuse the store by.
func TestAnchorBehindIsNamed(t *testing.T) {
	dir := t.TempDir()
	l := quiet(t, dir)
	defer l.Close()
	mustAppend(t, l)
	old, err := os.ReadFile(filepath.Join(dir, "anchor"))
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l)
	mustAudit(t, l)
	if err := os.WriteFile(filepath.Join(dir, "anchor"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := l.Audit(context.Background(), nil)
	if got := codesOf(r); err != nil || got != "anchor_behind" {
		t.Errorf("%q, want anchor_behind: %v", got, err)
	}
}

func TestTornSlotIsNamed(t *testing.T) {
	k := keptLog(t, 2, true)
	for slot := range 2 {
		torn := k.with("anchor", func(f keptFile) keptFile { f.bytes[slot*slotSize+slotFrame] ^= 1; return f })
		if got := codes(said(t, torn.write(t))); got != "anchor_slot" {
			t.Errorf("slot %d: %q, want anchor_slot", slot, got)
		}
	}
}

// An audit that meets the end of its log says so: the store is not at fault.
func TestAuditOfAClosedLogIsRefused(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	mustAppend(t, l)
	mustAudit(t, l)
	to := l.stand()
	l.Close()
	for name, step := range map[string]func(a *audit) error{
		"events": func(a *audit) error { return a.events(context.Background(), to.Events, func(event.ID) {}) },
		"seals":  func(a *audit) error { return a.seals(context.Background()) },
		"keys":   (*audit).keys,
	} {
		a := &audit{log: l, to: to, progress: func(uint64, uint64) {}}
		if err := step(a); !fault.Is(err, "log_closed") || len(a.report.Findings) > 0 {
			t.Errorf("%s: %v, findings %v", name, err, a.report.Findings)
		}
	}
}

func TestAuditCanBeGivenUp(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	ctx, giveUp := context.WithCancel(context.Background())
	if _, err := l.Audit(ctx, func(uint64, uint64) { giveUp() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAuditTellsItsProgress(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	oneGroup(t, l, 300, true)
	var told []string
	r, err := l.Audit(context.Background(), func(done, of uint64) { told = append(told, fmt.Sprint(done, "/", of)) })
	if err != nil || fmt.Sprint(told) != "[0/301 301/301]" || r.Events != 301 || r.Seals != l.at.Seals || fmt.Sprint(r.Heads) != fmt.Sprint(l.Heads()) {
		t.Error(told, r, err)
	}
}

// What an audit holds at once does not grow with the log.
func TestAuditHoldsOneSealOfEvents(t *testing.T) {
	l := quiet(t, t.TempDir())
	defer l.Close()
	held := func(n int) uint64 {
		for range n {
			oneGroup(t, l, 500, true)
		}
		return heldBy(t, l)
	}
	few, many := held(2), held(14) // 1,000 and 8,000 events
	if many > few+(250<<10) {
		t.Errorf("an audit of eight times as many events holds %d bytes, of few %d", many, few)
	}
}

// heldBy is how much more memory is in use in the middle of an audit, at the
// last time that it tells its progress from within.
func heldBy(t *testing.T, l *Log) (held uint64) {
	t.Helper()
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := used()
	_, err := l.Audit(context.Background(), func(done, of uint64) {
		if now := used(); now > before {
			held = now - before
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// A run is read once, whatever it holds. Where each event has a seal of its own,
// what costs is their signatures.
func BenchmarkAudit(b *testing.B) {
	for _, each := range []int{1, 500} {
		b.Run(fmt.Sprint(each, " a group"), func(b *testing.B) {
			l := quiet(b, b.TempDir())
			defer l.Close()
			for range 2000 / each {
				oneGroup(b, l, each, true)
			}
			for b.Loop() {
				if r, err := l.Audit(context.Background(), nil); err != nil || r.Events != 2001 {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2001, "ns/event")
		})
	}
}

// An audit changes neither anchor nor values, so that the next one tells the
// same; the control is a start, which mends and tells it once.
func TestAuditMendsNothing(t *testing.T) {
	k := keptLog(t, 3, true)
	k = k.with("values", func(f keptFile) keptFile { return keptFile{append(f.bytes, 1, 2, 3), f.size + 3} })
	k = k.with("anchor", func(f keptFile) keptFile { f.bytes[slotSize+20] ^= 1; return f })
	k["values.new"] = keptFile{[]byte("half"), 4}
	dir := k.write(t)
	for range 2 {
		r, err := Audit(context.Background(), homeOf(dir), nil)
		if err != nil || codesOf(r) != "anchor_slot values" {
			t.Fatal(r.Findings, err)
		}
		for _, name := range []string{"anchor", "values", "values.new"} {
			if after := keep(t, dir)[name]; string(after.bytes) != string(k[name].bytes) || after.size != k[name].size {
				t.Errorf("%s was changed", name)
			}
		}
	}
	if l, report, err := Open(context.Background(), homeOf(dir)); err != nil || report.ValuesCut != 3 || !report.AnchorTorn {
		t.Fatal(report, err)
	} else if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := Audit(context.Background(), homeOf(dir), nil); err != nil || len(r.Findings) > 0 {
		t.Error(r.Findings, err)
	}
}

// Neither writes nor seals come of an audit, and none is missed by it.
func TestInspectedLogTakesNoWrites(t *testing.T) {
	o := homeOf(keptLog(t, 3, false).write(t))
	o.Inspect = true
	l, _, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Append(context.Background(), draft(l, nil)); !fault.Is(err, "read_only") {
		t.Error("an event:", err)
	}
	if err := l.SaveState("word", []byte("new")); !fault.Is(err, "read_only") {
		t.Error("a value:", err)
	}
	if r, err := l.Audit(context.Background(), nil); err != nil || len(r.Findings) > 0 {
		t.Error(r.Findings, err)
	}
}

func TestAuditBeginsNoLog(t *testing.T) {
	o := homeOf(t.TempDir())
	o.Inspect = true
	if _, _, err := Open(context.Background(), o); !fault.Is(err, "log_empty") {
		t.Error(err)
	}
}
