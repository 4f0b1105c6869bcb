package badgerlog

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// accused wants one proof that a replica signed two histories, from a seq on.
func accused(t *testing.T, l *Log, chain event.Chain, seq uint64) {
	t.Helper()
	all, err := l.Frauds()
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	key, _ := chain.Key()
	if err := all[0].Verify(key); err != nil || all[0].Seq() != seq {
		t.Fatalf("it shows a fork at %d, want %d: %v", all[0].Seq(), seq, err)
	}
}

// headsOfChain are the heads of one chain, by seq.
func headsOfChain(l *Log, chain event.Chain) (seqs []uint64) {
	for _, h := range l.Heads() {
		if h.Chain == chain {
			seqs = append(seqs, h.Seq)
		}
	}
	slices.Sort(seqs)
	return seqs
}

// forker is a chain with two sides after two events: each side is a run of its own.
type forker struct {
	base, left, right event.Run
	ids               map[string]event.ID
	chain             event.Chain
}

func newForker(t *testing.T, founder *Log, seed byte) forker {
	t.Helper()
	w := newScribe(t, founder, seed)
	w.write(nil)
	w.write(nil)
	f := forker{base: w.run(), chain: w.chain(), ids: map[string]event.ID{}}
	other := w.fork()
	w.write(nil)
	f.ids["left"] = w.write(nil)
	other.write(nil)
	other.write(nil)
	f.ids["right"] = other.write(nil)
	f.left, f.right = w.run(), other.run()
	return f
}

// Both sides are kept, whichever came first and however they come; the proof
// outlasts a start.
func TestRule08_BothForksAreKept(t *testing.T) {
	for name, order := range map[string]func(f forker) [][]event.Run{
		"one after another": func(f forker) [][]event.Run { return [][]event.Run{{f.base}, {f.left}, {f.right}} },
		"turned":            func(f forker) [][]event.Run { return [][]event.Run{{f.base}, {f.right}, {f.left}} },
		"at once":           func(f forker) [][]event.Run { return [][]event.Run{{f.base, f.left, f.right}} },
		"without a base":    func(f forker) [][]event.Run { return [][]event.Run{{f.left, f.right}, {f.base}} },
		"by paths": func(f forker) [][]event.Run {
			return [][]event.Run{{f.base, piece(f.left, 0, 2, true)}, {piece(f.right, 0, 3, true)}}
		},
		"by ids": func(f forker) [][]event.Run {
			return [][]event.Run{{f.base, piece(f.left, 0, 1, false)}, {f.right}, {f.left}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := founded(t)
			f := newForker(t, l, 17)
			taken := 0
			for _, runs := range order(f) {
				taken += mustAdmit(t, l, Batch{Runs: runs}).Taken
			}
			if taken != 7 && name != "by ids" || fmt.Sprint(headsOfChain(l, f.chain)) == "" {
				t.Error(taken, "taken; heads", headsOfChain(l, f.chain))
			}
			if got := fmt.Sprint(headsOfChain(l, f.chain)); got != "[3 4]" && name != "by ids" {
				t.Error("heads", got)
			}
			accused(t, l, f.chain, 2)
			auditClean(t, l)
			heads, dir := fmt.Sprint(l.Heads()), l.o.Dir
			for _, indexed := range []bool{false, true} {
				if indexed {
					if err := l.KeepIndex(); err != nil {
						t.Fatal(err)
					}
				}
				l.Close()
				l = openWith(t, homeOf(dir))
				if got := fmt.Sprint(l.Heads()); got != heads || indexed != (l.indexed.Load() > 0) {
					t.Errorf("opened with an index %v: heads %s, were %s", indexed, got, heads)
				}
				accused(t, l, f.chain, 2)
				auditClean(t, l)
			}
		})
	}
}

// Whoever has the proof takes no more of the forker, but what others' events descend
// from.
func TestForkersAreFollowedOnlyThroughOthers(t *testing.T) {
	l := founded(t)
	w, honest := newScribe(t, l, 17), newScribe(t, l, 18)
	w.write(nil)
	base := w.run()
	other := w.fork()
	w.write(nil)
	other.write(nil)
	mustAdmit(t, l, Batch{Runs: []event.Run{base, w.run(), other.run()}})
	accused(t, l, w.chain(), 1)
	a, b := w.write(nil), other.write(nil)
	left, right := w.run(), other.run()
	w.write(nil)
	tip := w.run()
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{left, right, tip}}); got.Taken != 0 || got.Waiting != 0 || why(got) != "replica_forked nobody, replica_forked nobody, replica_forked nobody" {
		t.Fatal("directly:", got, why(got))
	}
	honest.after(2, sorted(a, b)...)
	seen := honest.run()
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{left, right, tip, seen}}); got.Taken != 3 || why(got) != "replica_forked nobody" {
		t.Fatal("with one who saw both:", got, why(got), got.Missing)
	}
	// One who waits is reason enough, too.
	c := w.write(nil)
	last := w.run()
	honest.after(2, c)
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{honest.run()}}); got.Waiting != 1 || len(got.Missing) != 1 || got.Missing[0].ID != c {
		t.Fatal(got, got.Missing)
	}
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{tip, last}}); got.Taken != 3 || got.Waiting != 0 {
		t.Fatal("for one who waits:", got, why(got))
	}
	auditClean(t, l)
}

// What a forker wrote itself is no reason to take what it rests on.
func TestForkersDoNotVouchForThemselves(t *testing.T) {
	l := founded(t)
	w := newScribe(t, l, 17)
	w.write(nil)
	base := w.run()
	other := w.fork()
	w.write(nil)
	left := w.run()
	other.write(nil)
	w.write(nil)
	middle := w.run()
	w.write(nil)
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{base, left, w.run()}}); got.Waiting != 1 {
		t.Fatal(got)
	}
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{other.run()}}); len(got.Forked) != 1 {
		t.Fatal(got)
	}
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{middle}}); got.Taken != 0 || why(got) != "replica_forked nobody" {
		t.Fatal(got, why(got))
	}
}

// A fork that lies before the one that is known is news.
func TestAnEarlierForkIsProvenToo(t *testing.T) {
	l := founded(t)
	w, honest := newScribe(t, l, 17), newScribe(t, l, 18)
	w.write(nil)
	base := w.run()
	early := w.fork()
	w.write(nil)
	middle := w.run()
	late := w.fork()
	w.write(nil)
	late.write(nil)
	mustAdmit(t, l, Batch{Runs: []event.Run{base, middle, w.run(), late.run()}})
	accused(t, l, w.chain(), 2)
	early.write(nil)
	honest.after(2, early.write(nil))
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{early.run(), honest.run()}}); got.Taken != 3 {
		t.Fatal(got, why(got))
	}
	if all, err := l.Frauds(); err != nil || len(all) != 2 || all[1].Seq() != 1 {
		t.Error(len(all), err)
	}
	auditClean(t, l)
}

// Each side of a fork in the middle of a seal is handed on by itself.
func TestTheSidesOfAForkAreHandedOn(t *testing.T) {
	l := founded(t)
	w := newScribe(t, l, 17)
	w.write(nil)
	base := w.run()
	w.write(nil)
	other := w.fork()
	for range 3 {
		w.write(nil)
		other.write(nil)
	}
	mustAdmit(t, l, Batch{Runs: []event.Run{base, w.run(), other.run()}})
	for _, side := range []*scribe{w, other} {
		var ids []event.ID
		err := l.Runs(event.Head{Chain: w.chain(), Seq: 4, ID: side.ids[4]}, 0, func(r event.Run) error {
			o, err := r.Open()
			if err != nil {
				return err
			}
			for _, e := range o.Events {
				if e.Fault != nil {
					t.Error(e.Seq, e.Fault)
				}
				ids = append(ids, e.ID)
			}
			return nil
		})
		if err != nil || !slices.Equal(ids, side.ids) {
			t.Error("a side has", len(ids), "events:", err)
		}
	}
	c := follow(t, l, t.TempDir(), 21)
	mustAdmit(t, c, all(t, l, c))
	sameEvents(t, l, c)
	accused(t, c, w.chain(), 1)
	auditClean(t, c)
}

// Two seals after one seal are two histories even where the events are the same.
func TestTwoSealsAfterOneAreAFork(t *testing.T) {
	for _, turned := range []bool{false, true} {
		l := founded(t)
		w := newScribe(t, l, 17)
		w.write(nil)
		base := w.run()
		w.write(nil)
		other := w.fork()
		short := w.run()
		other.write(nil)
		long := other.run()
		runs := []event.Run{short, long}
		if turned {
			slices.Reverse(runs)
		}
		mustAdmit(t, l, Batch{Runs: []event.Run{base}})
		if got := mustAdmit(t, l, Batch{Runs: []event.Run{base, runs[0]}}); len(got.Forked) > 0 {
			t.Fatal("the control, one seal:", got)
		}
		got := mustAdmit(t, l, Batch{Runs: []event.Run{runs[1]}})
		if len(got.Forked) != 1 || fmt.Sprint(headsOfChain(l, w.chain())) != "[2]" {
			t.Fatal(turned, got, why(got), headsOfChain(l, w.chain()))
		}
		accused(t, l, w.chain(), 1)
		auditClean(t, l)
	}
}

// A seal that follows one that is not here proves nothing against anybody: the
// chain is asked for from there.
func TestASealIsAskedForThatIsMissing(t *testing.T) {
	l := founded(t)
	w := newScribe(t, l, 17)
	w.write(nil)
	base := w.run()
	w.write(nil)
	next := w.runAs(func(s *event.Seal) { s.Prev = event.ID{9} })
	got := mustAdmit(t, l, Batch{Runs: []event.Run{base, next}})
	if why(got) != "seal_order nobody" || got.Taken != 1 || fault.Of(got.Refused[0].Fault).Details["seal"] != (event.ID{9}).String() {
		t.Fatal(got, why(got))
	}
	if all, _ := l.Frauds(); len(all) > 0 {
		t.Error("it is taken for a fork")
	}
	auditClean(t, l)
}

// What a seal says of events that are not here yet contradicts another one, too.
func TestASealAndAnotherEventUnderItAreAFork(t *testing.T) {
	l := founded(t)
	w := newScribe(t, l, 17)
	w.write(nil)
	w.write(nil)
	other := w.fork()
	w.write(nil)
	w.write(nil)
	other.sealed, other.prev = 2, event.ID{9}
	other.write(nil)
	known := piece(w.run(), 0, 2, false)
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{known, other.run()}}); got.Taken != 3 || len(got.Forked) != 1 {
		t.Fatal(got, why(got))
	}
	accused(t, l, w.chain(), 2)
	auditClean(t, l)
}

// An event that is none and another at its place are two histories.
func TestAnotherEventThanTheMalformedOneIsAFork(t *testing.T) {
	for _, turned := range []bool{false, true} {
		l := founded(t)
		w := newScribe(t, l, 17)
		w.write(nil)
		base := w.run()
		other := w.fork()
		w.raw(func(m map[uint64]any) { delete(m, 12) })
		other.write(nil)
		runs := []event.Run{w.run(), other.run()}
		if turned {
			slices.Reverse(runs)
		}
		mustAdmit(t, l, Batch{Runs: []event.Run{base}})
		for _, r := range runs {
			mustAdmit(t, l, Batch{Runs: []event.Run{r}})
		}
		accused(t, l, w.chain(), 1)
		if _, err := l.Event(other.ids[1]); err != nil {
			t.Error("the right one is not here:", err)
		}
		auditClean(t, l)
	}
}

// A home that was restored from an older copy meets what its key has signed since.
func TestARestoredCopyNeverWritesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		since int  // events that only the other has
		again int  // events that the restored copy wrote
		seal  bool // under a seal of its own
	}{
		"ahead": {since: 3}, "ahead, and different": {since: 3, again: 2}, "sealed too": {since: 2, again: 3, seal: true}, "behind, and different": {since: 1, again: 4},
	} {
		t.Run(name, func(t *testing.T) {
			founder := founded(t)
			dir := t.TempDir()
			b := follow(t, founder, dir, 19)
			enrol(t, founder, b.Replica())
			exchanged(t, founder, b)
			mustAppend(t, b)
			mustSeal(t, b)
			copied := keep(t, dir)
			for range c.since {
				mustAppend(t, b)
			}
			exchanged(t, b, founder)
			b.Close()
			b = openWith(t, Options{Dir: copied.write(t), Key: keyOf(19)})
			for range c.again {
				mustAppend(t, b)
			}
			if c.seal {
				mustSeal(t, b)
			}
			got := mustAdmit(t, b, all(t, founder, founded(t)))
			if got.Taken < c.since || len(got.Refused) > 0 || got.Waiting > 0 {
				t.Fatal(got, why(got), got.Missing)
			}
			neverWrites(t, b)
			// What was lost before is here, and the log goes on as a reader for ever.
			dir = b.o.Dir
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b = openWith(t, Options{Dir: dir, Key: keyOf(19)})
			neverWrites(t, b)
			mustAppend(t, founder)
			exchanged(t, founder, b)
			if frauds, err := b.Frauds(); err != nil || (len(frauds) > 0) != c.seal {
				t.Error(len(frauds), "frauds", err)
			}
		})
	}
}

func neverWrites(t *testing.T, l *Log) {
	t.Helper()
	before := l.stand()
	if _, err := l.Append(context.Background(), draft(l, nil)); !fault.Is(err, "key_retired") {
		t.Error("it writes:", err)
	}
	mustSeal(t, l)
	if after := l.stand(); after.Seals != before.Seals || after.OwnCount != before.OwnCount {
		t.Error("it signs")
	}
	auditClean(t, l)
}

// Another seal over its own events is a second history too, though no event is new.
func TestAReplicaMeetsASealThatItNeverMade(t *testing.T) {
	l := founded(t)
	a := mustAppend(t, l)
	mustSeal(t, l)
	b := mustAppend(t, l)
	mustSeal(t, l)
	s := event.Seal{Workspace: l.Genesis(), Replica: l.replica, Last: 1, Root: event.Root([]event.ID{a.ID, b.ID})}
	signed(t, &s)
	got := mustAdmit(t, l, Batch{Runs: []event.Run{{Seal: s, Events: []event.Sent{{Header: a.Bytes, Body: a.Body}, {Header: b.Bytes, Body: b.Body}}}}})
	if got.Known != 2 || len(got.Forked) != 1 {
		t.Fatal(got, why(got))
	}
	neverWrites(t, l)
	accused(t, l, l.replica, 0)
}

// The same history from others is no reason to stop.
func TestAReplicaTakesItsOwnChainBack(t *testing.T) {
	founder := founded(t)
	b := follow(t, founder, t.TempDir(), 19)
	enrol(t, founder, b.Replica())
	exchanged(t, founder, b)
	for range 3 {
		mustAppend(t, b)
	}
	exchanged(t, b, founder)
	mustAppend(t, b) // and one without a seal
	if got := mustAdmit(t, b, all(t, founder, founded(t))); got.Taken != 0 || len(got.Refused) > 0 {
		t.Fatal(got, why(got))
	}
	mustAppend(t, b)
	mustSeal(t, b)
	auditClean(t, b)
}
