package causal

import (
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// worlds calls a test with random histories: many in the long run.
func worlds(t *testing.T, few int64, test func(t *testing.T, seed int64, w *world)) {
	t.Helper()
	if os.Getenv("ATELIER_SOAK") != "" {
		few = 50_000
	}
	for seed := range few {
		test(t, seed, newWorld(seed, sized(seed), someWild))
		if t.Failed() {
			t.Fatalf("seed %d fails: keep it as a test by its name", seed)
		}
	}
}

// differs counts the pairs that an order relates otherwise than the sets of
// ancestors do.
func (w *world) differs(x *Order) (bad int) {
	for a := range w.entries {
		for b := range w.entries {
			if x.Relate(Ordinal(a), Ordinal(b)) != w.relate(Ordinal(a), Ordinal(b)) {
				bad++
			}
		}
	}
	return bad
}

// holds compares a cut with a set, by every question that a cut answers.
func (w *world) holds(t *testing.T, what string, c Cut, want set) {
	t.Helper()
	got := make(set, len(w.entries))
	for n := range got {
		got[n] = c.Has(Ordinal(n))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has %v, want %v", what, got.list(), want.list())
		return
	}
	if all := slices.Collect(c.All()); !slices.Equal(all, want.list()) || c.Count() != len(all) {
		t.Errorf("%s counts %d and lists %v, want %v", what, c.Count(), all, want.list())
	}
	if front := c.Frontier(); !slices.Equal(front, w.frontier(want)) {
		t.Errorf("%s has the frontier %v, want %v", what, front, w.frontier(want))
	}
}

func TestRule08_AnOrderAnswersAsTheAncestorsDo(t *testing.T) {
	forgot, vectors := 0, 0
	worlds(t, 1_000, func(t *testing.T, seed int64, w *world) {
		x := w.build(t)
		if bad := w.differs(x); bad > 0 {
			t.Fatalf("seed %d: %d pairs differ from the sets of ancestors", seed, bad)
		}
		for range 6 {
			all := w.any(w.rng.Intn(8))
			if got := x.Maximal(all); !slices.Equal(got, w.maximal(all)) {
				t.Fatalf("seed %d: of %v the maximal are %v, want %v", seed, all, got, w.maximal(all))
			}
			related := len(w.maximal(all)) < len(all)
			if _, err := x.Lamport(all); fault.Is(err, "parents_related") != related {
				t.Fatalf("seed %d: %v related: %v, and %v", seed, all, related, err)
			}
		}
		for n, e := range w.entries {
			if got, err := x.Lamport(e.Parents); err != nil || got != e.Lamport {
				t.Fatalf("seed %d: the lamport of %d is %d, want %d: %v", seed, n, got, e.Lamport, err)
			}
		}
		for s := range x.strands {
			vectors += len(x.strands[s].vectors.all)
		}
		// The control: an order that forgets the leaps it took.
		if seed < 50 {
			for s := range x.strands {
				x.strands[s].leaps, x.strands[s].vectors = nil, history{}
			}
			forgot += w.differs(x)
		}
	})
	if forgot == 0 || vectors == 0 {
		t.Errorf("the histories do not bite: %d pairs rest on leaps, %d vectors were kept", forgot, vectors)
	}
}

func TestRule09_AStrandIsAChainOfOneLine(t *testing.T) {
	strays, forks := 0, 0
	worlds(t, 500, func(t *testing.T, seed int64, w *world) {
		x := w.build(t)
		for _, s := range x.strands {
			if s.stray {
				strays++
			}
			for i := 1; i < len(s.events); i++ {
				a, b := s.events[i-1], s.events[i]
				if !w.before(a, b) || !slices.Contains(w.chainOf(b), a) {
					t.Errorf("seed %d: a strand goes from %d to %d", seed, a, b)
				}
			}
		}
		for _, l := range x.lines {
			if l.fork != NoEvent {
				forks++
			}
		}
	})
	if strays == 0 || forks == 0 {
		t.Errorf("the histories do not bite: %d strands of strays, %d forks", strays, forks)
	}
}

func TestRule10_ACutIsTheLeastThatIsClosed(t *testing.T) {
	needed, froze := 0, 0
	worlds(t, 700, func(t *testing.T, seed int64, w *world) {
		x := w.build(t)
		var all []Cut
		var sets []set
		for range 6 {
			g := w.generators()
			c, want := x.Cut(g), w.generate(g)
			w.holds(t, "a cut", c, want)
			all, sets = append(all, c), append(sets, want)
			if past := x.gather(); len(want.list()) > 0 {
				past.generate(&g)
				if w.bare(g) < len(want.list()) {
					needed++
				}
			}
		}
		for i := 1; i < len(all); i++ {
			both := slices.Clone(sets[i]).or(sets[i-1])
			w.holds(t, "a union", all[i].Union(all[i-1]), both)
			inside := !slices.ContainsFunc(sets[i-1].list(), func(n Ordinal) bool { return !sets[i][n] })
			if all[i].Contains(all[i-1]) != inside || all[i].Equal(all[i-1]) != slices.Equal(sets[i], sets[i-1]) {
				t.Errorf("seed %d: cuts are compared wrongly", seed)
			}
		}
		froze += len(x.frozen.all)
	})
	if needed == 0 || froze == 0 {
		t.Errorf("the histories do not bite: %d cuts have more than a past, %d were frozen", needed, froze)
	}
}

// bare counts what generators hold by parents and chains alone.
func (w *world) bare(g Generators) int {
	s := make(set, len(w.entries))
	seeds := slices.Clone(g.Past)
	for _, n := range g.Heads {
		seeds = append(seeds, w.chainOf(n)...)
	}
	for _, n := range seeds {
		s[n] = true
		s.or(append(slices.Clone(w.past[n]), make(set, len(s)-len(w.past[n]))...))
	}
	return len(s.list())
}

func TestRule11_BasisAndFreezingAreNotCausal(t *testing.T) {
	worlds(t, 100, func(t *testing.T, seed int64, w *world) {
		x := w.build(t)
		plain := &Order{}
		for _, e := range w.entries {
			e.Freezes = nil
			if !e.Record {
				e.Basis = 0
			}
			if _, err := plain.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		if w.differs(plain) != 0 || w.differs(x) != 0 {
			t.Errorf("seed %d: what events rest on changes how they stand", seed)
		}
	})
	// Two records of which neither has the other in its past.
	x := &Order{}
	mustAdd(t, x, Entry{Replica: "w", Prev: NoEvent, Lamport: 1, Record: true})
	mustAdd(t, x, Entry{Replica: "w", Prev: 0, Lamport: 1, Record: true, Seq: 1})
	if x.Relate(0, 1) != Concurrent || !x.Cut(Generators{Past: []Ordinal{1}}).Has(0) {
		t.Error("a record is taken for the cause of the next, or lies in no cut of it")
	}
}

func mustAdd(t testing.TB, x *Order, e Entry) Ordinal {
	t.Helper()
	n, err := x.Add(e)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRule12_… adds the two sides of a fork in either order: what lies before
// the newest of one side is the same.
func TestRule12_AHeadHasItsSideOfAFork(t *testing.T) {
	for _, turned := range []bool{false, true} {
		x := &Order{}
		mustAdd(t, x, Entry{Replica: "w", Prev: NoEvent, Lamport: 1, Record: true})
		base := mustAdd(t, x, Entry{Replica: "a", Prev: NoEvent, Session: event.ID{1}, Lamport: 1})
		side := func(s byte) (first, last Ordinal) {
			first = mustAdd(t, x, Entry{Replica: "a", Prev: base, Session: event.ID{s}, Lamport: 1})
			return first, mustAdd(t, x, Entry{Replica: "a", Prev: first, Session: event.ID{1}, Lamport: 1})
		}
		names := []byte{2, 3}
		if turned {
			slices.Reverse(names)
		}
		first, last := side(names[0])
		other, end := side(names[1])
		c := x.Cut(Generators{Heads: []Ordinal{last}})
		if !c.Has(base) || !c.Has(first) || !c.Has(last) || c.Has(other) || c.Has(end) || c.Count() != 4 {
			t.Errorf("turned %v: the head of one side has %v", turned, slices.Collect(c.All()))
		}
		var on []int
		for n := range Ordinal(x.Len()) {
			on = append(on, x.Line(n))
		}
		if fmt.Sprint(on) != "[0 1 1 1 2 2]" || x.Fork(2) != base || x.Fork(1) != NoEvent {
			t.Errorf("turned %v: the lines are %v", turned, on)
		}
		// The control: the base has neither side.
		if c := x.Cut(Generators{Heads: []Ordinal{base}}); c.Count() != 2 {
			t.Errorf("turned %v: the base has %v", turned, slices.Collect(c.All()))
		}
	}
}

func TestRule13_WhatAnEventRestsOnComesFirst(t *testing.T) {
	w := newWorld(9, 30, someWild)
	x := w.build(t)
	good := Entry{Replica: "z", Prev: NoEvent, Session: event.ID{7}, Lamport: 1}
	for _, c := range []struct {
		reason string
		change func(*Entry)
	}{
		{"event_unknown", func(e *Entry) { e.Parents = []Ordinal{30} }},
		{"event_unknown", func(e *Entry) { e.Prev = 30 }},
		{"event_unknown", func(e *Entry) { e.Freezes = &Generators{Heads: []Ordinal{30}} }},
		{"event_unknown", func(e *Entry) { e.Freezes = &Generators{Past: []Ordinal{NoEvent}} }},
		{"lamport", func(e *Entry) { e.Lamport = 2 }},
		{"lamport", func(e *Entry) { e.Lamport = 1 + 1<<32 }},
		{"prev", func(e *Entry) { e.Prev = 0 }},
		{"prev", func(e *Entry) { e.Replica = event.Chain(make([]byte, maxReplica+1)) }},
		{"basis_unknown", func(e *Entry) { e.Basis = uint64(x.Records()) }},
		{"record_order", func(e *Entry) { e.Record, e.Seq = true, uint64(x.Records()) }},
		{"record_order", func(e *Entry) { e.Replica = "w" }},
		{"record_order", func(e *Entry) { e.Replica, e.Record, e.Prev = "w", true, x.records[x.Records()-1] }},
		{"freezes", func(e *Entry) { e.Freezes = &Generators{} }},
	} {
		bad := good
		c.change(&bad)
		before := x.Snapshot()
		if n, err := x.Add(bad); !fault.Is(err, c.reason) || n != NoEvent {
			t.Errorf("want %s, got %d and %v", c.reason, n, err)
		}
		if x.Len() != 30 || !slices.Equal(x.Snapshot(), before) {
			t.Errorf("%s: what was refused changed the order", c.reason)
		}
	}
	mustAdd(t, x, good) // the control
	worlds(t, 300, func(t *testing.T, _ int64, w *world) {
		x := w.build(t)
		for n := range len(w.entries) + 2 {
			first := make(set, len(w.entries))
			for m := range min(n, len(w.entries)) {
				first[m] = true
			}
			w.holds(t, "the first arrivals", x.Arrived(Ordinal(n)), first)
			w.holds(t, "the first arrivals, closed", x.Arrived(Ordinal(n)), w.close(first))
		}
	})
}

func TestRule14_ACutStays(t *testing.T) {
	grew := 0
	worlds(t, 300, func(t *testing.T, seed int64, w *world) {
		half := *w
		half.entries = w.entries[:len(w.entries)/2+1]
		x := half.build(t)
		var g Generators
		for _, n := range w.any(3) {
			if int(n) < x.Len() {
				g.Past = append(g.Past, n)
			}
		}
		old, arrived := x.Cut(g), x.Arrived(Ordinal(x.Len()))
		size, count := old.Count(), x.Len()
		w.goOn(t, x)
		if again := x.Cut(g); !again.Equal(old) || old.Count() != size {
			t.Errorf("seed %d: a cut changed", seed)
		}
		if arrived.Count() != count || !slices.Equal(arrived.Frontier(), x.Arrived(Ordinal(count)).Frontier()) {
			t.Errorf("seed %d: what had arrived changed", seed)
		}
		for n := count; n < x.Len(); n++ {
			if old.Has(Ordinal(n)) || arrived.Has(Ordinal(n)) {
				t.Errorf("seed %d: a cut has event %d, which came later", seed, n)
			}
			grew++
		}
	})
	if grew == 0 {
		t.Error("nothing was ever added later")
	}
}

func TestRule15_AFrontierNamesItsCut(t *testing.T) {
	worlds(t, 300, func(t *testing.T, seed int64, w *world) {
		x := w.build(t)
		for range 4 {
			c := x.Cut(w.generators())
			if again := x.Cut(Generators{Past: c.Frontier()}); !again.Equal(c) {
				t.Errorf("seed %d: the frontier of a cut names another", seed)
			}
		}
	})
	var none Cut
	if none.Has(3) || none.Count() != 0 || len(none.Frontier()) != 0 || !none.Equal((&Order{}).Arrived(0)) || !none.Contains(none.Union(none)) {
		t.Error("the empty cut has something")
	}
}

func TestRule16_ASnapshotGoesOn(t *testing.T) {
	worlds(t, 300, func(t *testing.T, seed int64, w *world) {
		half := *w
		half.entries = w.entries[:w.rng.Intn(len(w.entries))]
		x := half.build(t)
		y, err := Load(x.Snapshot())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		w.goOn(t, x)
		w.goOn(t, y)
		if w.differs(y) != 0 || !slices.Equal(x.Snapshot(), y.Snapshot()) {
			t.Errorf("seed %d: a loaded order goes on otherwise", seed)
		}
		w.holds(t, "a cut of a loaded order", y.Cut(Generators{Past: []Ordinal{0}}), w.generate(Generators{Past: []Ordinal{0}}))
	})
	x := newWorld(3, 60, someWild).build(t)
	good := x.Snapshot()
	for i := range good {
		for _, bit := range []byte{1, 0x80} {
			bad := slices.Clone(good)
			bad[i] ^= bit
			if _, err := Load(bad); !fault.Is(err, "order_damaged") && !fault.Is(err, "order_version") {
				t.Fatalf("a snapshot with byte %d changed is taken: %v", i, err)
			}
		}
		if _, err := Load(good[:i]); !fault.Is(err, "order_damaged") {
			t.Fatalf("the first %d bytes of a snapshot are taken: %v", i, err)
		}
	}
	if _, err := Load(append(slices.Clone(good), 0)); !fault.Is(err, "order_damaged") {
		t.Error("a snapshot with a byte more is taken:", err)
	}
	newer := slices.Clone(good)
	newer[len(magic)]++
	if _, err := Load(newer); !fault.Is(err, "order_version") {
		t.Error("another version:", err)
	}
	if y, err := Load(good); err != nil || !reflect.DeepEqual(x.Snapshot(), y.Snapshot()) {
		t.Error("the control is refused:", err)
	}
}

// TestRule17_… has histories long enough for every kind of row, and asks the
// same without any vector.
func TestRule17_VectorsOnlySpareTime(t *testing.T) {
	busy := func(rng *rand.Rand) wild { return wild{2, 5, true, true, true, 40, 2, 25} }
	for seed := range int64(3) {
		w := newWorld(seed, 1_500, busy)
		x := w.build(t)
		kept, bare := 0, w.build(t)
		for s := range x.strands {
			v := &x.strands[s].vectors
			kept += len(v.all)
			if v.size > vectorBytes*uint64(len(x.strands[s].events))+8*uint64(len(x.strands)) {
				t.Errorf("a strand of %d events has vectors of %d bytes", len(x.strands[s].events), v.size)
			}
			bare.strands[s].vectors = history{}
		}
		if kept == 0 {
			t.Error("no vectors were kept")
		}
		for range 20_000 {
			a, b := w.any(1)[0], w.any(1)[0]
			if want := w.relate(a, b); x.Relate(a, b) != want || bare.Relate(a, b) != want {
				t.Fatalf("seed %d: %d and %d are %v, without vectors %v, want %v", seed, a, b, x.Relate(a, b), bare.Relate(a, b), want)
			}
		}
		for range 100 {
			g := w.generators()
			if !slices.Equal(x.Cut(g).reach, bare.Cut(g).reach) || !slices.Equal(x.Cut(g).Frontier(), bare.Cut(g).Frontier()) {
				t.Fatalf("seed %d: vectors change a cut", seed)
			}
		}
	}
}

func TestRule18_HeadsNameWhatArrived(t *testing.T) {
	forked := 0
	worlds(t, 300, func(t *testing.T, seed int64, w *world) {
		x := w.build(t)
		for n := range Ordinal(x.Len() + 1) {
			heads := x.Heads(n)
			if got, want := x.Cut(Generators{Heads: heads}), x.Arrived(n); !got.Equal(want) || got.Count() != int(n) || got.End() != n {
				t.Fatalf("seed %d: the heads %v name %d events, want the first %d", seed, heads, got.Count(), n)
			}
			chains := map[event.Chain]bool{}
			for _, h := range heads {
				chains[x.lineOf(h).replica] = true
			}
			if len(chains) < len(heads) {
				forked++
			}
		}
	})
	if forked == 0 {
		t.Error("no chain ever had two heads")
	}
}

func TestRule19_AWholeCutHasNoGapOnAChain(t *testing.T) {
	gaps, again := 0, 0
	worlds(t, 400, func(t *testing.T, seed int64, w *world) {
		x := w.build(t)
		for range 4 {
			c := x.Cut(w.generators())
			want, rounds := w.whole(c)
			whole := x.Whole(c)
			w.holds(t, "a whole cut", whole, want)
			if !whole.Contains(c) || !x.Whole(whole).Equal(whole) {
				t.Errorf("seed %d: the whole of a cut lacks of it, or grows again", seed)
			}
			if whole.Count() > c.Count() {
				gaps++
			}
			if rounds > 2 {
				again++
			}
		}
	})
	if gaps == 0 || again == 0 {
		t.Errorf("the histories do not bite: %d cuts had gaps, %d had others behind them", gaps, again)
	}
}

// whole brings in chains and closes, until nothing comes in, and says how often.
func (w *world) whole(c Cut) (s set, rounds int) {
	s = make(set, len(w.entries))
	for n := range c.All() {
		s[n] = true
	}
	for before := -1; before != len(s.list()); rounds++ {
		before = len(s.list())
		for _, n := range s.list() {
			for _, m := range w.chainOf(n) {
				s[m] = true
			}
		}
		s = w.close(s)
	}
	return s, rounds
}
