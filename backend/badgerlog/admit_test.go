package badgerlog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func keyOf(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
}

// following are the options of a home that follows another's workspace.
func following(t testing.TB, founder *Log, dir string, seed byte) Options {
	t.Helper()
	g, err := founder.EventAt(0)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Dir: dir, Key: keyOf(seed), Follow: &event.Sent{Header: g.Bytes, Body: g.Body}}
}

// follow opens a log that follows another's workspace, in which no seal comes of
// itself.
func follow(t testing.TB, founder *Log, dir string, seed byte) *Log {
	t.Helper()
	return openWith(t, following(t, founder, dir, seed))
}

func openWith(t testing.TB, o Options) *Log {
	t.Helper()
	l, _, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	l.idle.Stop()
	l.idle = time.AfterFunc(time.Hour, func() {})
	t.Cleanup(func() { l.Close() })
	return l
}

// founded is a new log that begins a workspace.
func founded(t testing.TB) *Log { t.Helper(); return openWith(t, homeOf(t.TempDir())) }

// enrol has control enrol an agent at a replica.
func enrol(t testing.TB, founder *Log, replica event.Chain) event.Event {
	t.Helper()
	r := recordAfter(t, founder, mustAppend(t, founder))
	r.Header.Facts.Member = &event.Member{Kind: event.Agent, Replica: replica}
	return mustCertified(t, founder, r)
}

func mustCertified(t testing.TB, l *Log, r control.Record) event.Event {
	t.Helper()
	r, err := certified(l, r)
	if err != nil {
		t.Fatal(err)
	}
	e, err := l.AppendRecord(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustSeal(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// all is a batch of what a log has and another lacks, as far as it is sealed.
func all(t testing.TB, from, to *Log) Batch {
	t.Helper()
	mustSeal(t, from)
	var b Batch
	have := map[event.Chain]uint64{}
	for _, h := range to.Heads() {
		have[h.Chain] = max(have[h.Chain], h.Seq+1)
	}
	for _, h := range from.Heads() {
		if g := from.Genesis(); h.Chain == event.Chain(g[:]) {
			b.Records = records(t, from, have[h.Chain], h.Seq)
			continue
		}
		err := from.Runs(h, have[h.Chain], func(r event.Run) error { b.Runs = append(b.Runs, r); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// records are those of a log from one index to another.
func records(t testing.TB, l *Log, from, to uint64) (sent []SentRecord) {
	t.Helper()
	for n := from; n <= to; n++ {
		at, is := l.chains.controlLine().at(n)
		if !is {
			t.Fatal("no record", n)
		}
		e, err := l.EventAt(uint64(at))
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.Certificates(n)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, SentRecord{event.Sent{Header: e.Bytes, Body: e.Body}, c})
	}
	return sent
}

func mustAdmit(t testing.TB, l *Log, b Batch) Admission {
	t.Helper()
	a, err := l.Admit(context.Background(), b)
	if err != nil {
		t.Fatal(a, err)
	}
	return a
}

// exchanged admits all that another log has, and wants it whole.
func exchanged(t testing.TB, from, to *Log) Admission {
	t.Helper()
	a := mustAdmit(t, to, all(t, from, to))
	if len(a.Refused) > 0 || a.Waiting > 0 {
		t.Fatal(a, a.Refused, a.Missing)
	}
	return a
}

func idSet(t testing.TB, l *Log) (ids []event.ID) {
	t.Helper()
	if err := l.Scan(0, func(_ uint64, e event.Event) error { ids = append(ids, e.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(ids, func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

func sameEvents(t testing.TB, logs ...*Log) {
	t.Helper()
	want := idSet(t, logs[0])
	for i, l := range logs[1:] {
		if got := idSet(t, l); !slices.Equal(got, want) {
			t.Fatalf("log %d has %d events, the first has %d", i+1, len(got), len(want))
		}
	}
}

// auditClean audits an open log, and then the same one closed and opened again.
func auditClean(t testing.TB, l *Log) {
	t.Helper()
	r, err := l.Audit(context.Background(), nil)
	if err != nil || len(r.Findings) > 0 {
		t.Fatal(r.Findings, err)
	}
}

func TestTwoReplicasExchangeTheirChains(t *testing.T) {
	a := founded(t)
	dir := t.TempDir()
	b := follow(t, a, dir, 2)
	if _, err := b.Append(context.Background(), draft(b, nil)); !fault.Is(err, "replica_not_enrolled") {
		t.Fatal("a stranger wrote:", err)
	}
	enrol(t, a, b.Replica())
	if got := exchanged(t, a, b); got.Taken != 2 {
		t.Fatal(got)
	}
	first := mustAppend(t, b)
	for range 5 {
		first = mustAppend(t, b, first.ID)
	}
	exchanged(t, b, a)
	mustAppend(t, a, first.ID)
	exchanged(t, a, b)
	sameEvents(t, a, b)
	if got := mustAdmit(t, b, all(t, a, founded(t))); got.Taken != 0 || got.Known != 10 || len(got.Refused) > 0 {
		t.Error("what is here already:", got, got.Refused)
	}
	auditClean(t, a)
	auditClean(t, b)
	heads := fmt.Sprint(b.Heads())
	b.Close()
	b = openWith(t, Options{Dir: dir, Key: keyOf(2)})
	if got := fmt.Sprint(b.Heads()); got != heads {
		t.Error("opened again:", got, "were", heads)
	}
	auditClean(t, b)
	// What came from others is handed on again, byte for byte.
	c := follow(t, a, t.TempDir(), 3)
	exchanged(t, b, c)
	sameEvents(t, a, b, c)
	auditClean(t, c)
}
