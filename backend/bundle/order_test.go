package bundle

import (
	"bytes"
	"math/rand"
	"os"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// random is a world in which people and agents at some replicas do things at
// random, with and without having seen each other's.
func random(t testing.TB, seed int64, acts int) *world {
	t.Helper()
	r := rand.New(rand.NewSource(seed))
	w := newWorld(t, 1+r.Intn(3))
	sessions := []*session{w.open(0, w.anna)}
	var items, checkpoints []event.ID
	for n := range w.replicas {
		if n > 0 {
			sessions = append(sessions, w.open(n, sessions[0].enrol(string(rune('a'+n)), n)))
		}
	}
	for range acts {
		w.narrow = r.Intn(3) == 0
		s := sessions[r.Intn(len(sessions))]
		switch k := r.Intn(20); {
		case k < 6 || len(items) == 0:
			items = append(items, s.add("item").ID)
		case k < 12:
			s.rename(items[r.Intn(len(items))], "other", w.log[r.Intn(len(w.log))].ID)
		case k == 12:
			sessions = append(sessions, w.open(slices.Index(w.replicas, s.r), s.actor))
		case k < 15:
			checkpoints = append(checkpoints, s.propose("c", "suspended", w.someCut(r)).ID)
		case k < 17 && len(checkpoints) > 0:
			sessions[0].finalize(checkpoints[r.Intn(len(checkpoints))])
		case k == 17 && len(checkpoints) > 0:
			sessions[0].ask(event.CheckpointInvalidatedType, []event.ID{checkpoints[r.Intn(len(checkpoints))]}, event.Facts{}, event.Change{})
		case k == 18:
			sessions[0].enrol("more", r.Intn(len(w.replicas)))
		default:
			w.sealAt(s.r)
		}
	}
	w.seal()
	return w
}

// someCut is the past of some events, or the heads of now.
func (w *world) someCut(r *rand.Rand) event.Cut {
	if r.Intn(2) == 0 {
		return w.heads()
	}
	ids, _ := w.maximal([]event.ID{w.log[r.Intn(len(w.log))].ID, w.log[r.Intn(len(w.log))].ID})
	return event.Cut{Past: ids}
}

// wanted is a cut of a world, or that of one of its checkpoints.
func (w *world) wanted(r *rand.Rand) Request {
	if r.Intn(2) == 0 {
		for _, n := range r.Perm(len(w.log)) {
			if c := proposal(&w.log[n].Header); c != nil {
				return Request{Cut: *c, Checkpoint: w.log[n].ID}
			}
		}
	}
	return Request{Cut: w.someCut(r)}
}

func seeds() int64 {
	if os.Getenv("ATELIER_SOAK") != "" {
		return 3_000
	}
	return 120
}

// names are all events that must come before one, by the words of the rule.
func (w *world) names(e *event.Event) []event.ID {
	h := &e.Header
	ids := slices.Clone(h.Parents)
	for _, id := range []event.ID{h.Prev, h.Basis.Record} {
		if !id.IsZero() {
			ids = append(ids, id)
		}
	}
	if h.Facts.Decision == nil {
		return ids
	}
	cuts := []event.Cut{*h.Facts.Cut}
	for _, id := range h.Affected {
		if n, known := w.x.numbers[id]; known && w.log[n].Header.Type == event.CheckpointProposedType {
			cuts = append(cuts, *w.log[n].Header.Facts.Cut)
		}
	}
	ids = append(ids, h.Facts.Decision.Request)
	for _, c := range cuts {
		for _, head := range c.Heads {
			ids = append(ids, head.ID)
		}
		ids = append(ids, c.Past...)
	}
	return ids
}

// closure brings in by the words of rule 7, until nothing comes in.
func (w *world) closure(q Request) map[event.ID]bool {
	in := map[event.ID]bool{}
	open := slices.Clone(q.Cut.Past)
	for _, h := range q.Cut.Heads {
		open = append(open, h.ID)
	}
	if !q.Checkpoint.IsZero() {
		open = append(open, q.Checkpoint)
		for _, e := range w.log {
			if e.Header.Class == event.Control && Tells(&e, q.Checkpoint) {
				open = append(open, e.ID)
			}
		}
	}
	for len(open) > 0 {
		id := open[len(open)-1]
		open = open[:len(open)-1]
		if !in[id] {
			in[id] = true
			open = append(open, w.names(&w.log[w.x.numbers[id]])...)
		}
	}
	return in
}

// inOrder picks the lowest chain whose next event can come, again and again.
func (w *world) inOrder(in map[event.ID]bool) (ids []event.ID) {
	given := map[event.ID]bool{}
	for len(given) < len(in) {
		var best *event.Event
		for n := range w.log {
			e := &w.log[n]
			if !in[e.ID] || given[e.ID] || slices.ContainsFunc(w.names(e), func(id event.ID) bool { return !given[id] }) {
				continue
			}
			if best == nil || e.Chain() < best.Chain() {
				best = e
			}
		}
		given[best.ID] = true
		ids = append(ids, best.ID)
	}
	return ids
}

func TestRule05_EventsHaveOneOrder(t *testing.T) {
	apart := 0
	for seed := range seeds() {
		w := random(t, seed, 30)
		q := w.wanted(rand.New(rand.NewSource(seed)))
		b, _ := w.bundled(q)
		clean(t, b)
		var got []event.ID
		p := take(t, b)
		for _, i := range p.items {
			if isEvent(i) {
				got = append(got, i.Event.ID)
			}
		}
		if want := w.inOrder(w.closure(q)); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d events come in another order, or are others, than %d", seed, len(got), len(want))
		}
		apart += w.swapped(t, p)
		if t.Failed() {
			t.Fatalf("seed %d fails: keep it as a test by its name", seed)
		}
	}
	if apart == 0 {
		t.Error("no two neighbours could ever be swapped")
	}
}

// swapped swaps neighbours of two chains, which must be noticed, and counts those
// that could have come the other way.
func (w *world) swapped(t *testing.T, p parts) (apart int) {
	for n := 1; n+1 < len(p.items); n++ {
		if !isEvent(p.items[n-1]) || !isEvent(p.items[n]) || !isEvent(p.items[n+1]) || p.items[n].Event.Chain() == p.items[n+1].Event.Chain() {
			continue
		}
		q := parts{p.head, p.records, slices.Clone(p.items)}
		q.items[n], q.items[n+1] = q.items[n+1], q.items[n]
		want := "[event_unknown]"
		if !slices.Contains(w.names(&q.items[n].Event), q.items[n+1].Event.ID) {
			want = "[event_order]"
			apart++
		}
		if r := verify(t, q.bytes(t)); codes(r) != want {
			t.Errorf("swapped %d and %d: %+v, want %s", n, n+1, r.Findings, want)
		}
	}
	return apart
}

// shuffled is the same world as another replica has it, to which it came in another
// order.
func (w *world) shuffled(r *rand.Rand) *world {
	other := *w
	other.x, other.log = newIndex(w.x.records), nil
	for len(other.log) < len(w.log) {
		var ready []int
		for n := range w.log {
			e := &w.log[n]
			_, has := other.x.numbers[e.ID]
			if !has && !slices.ContainsFunc(w.names(e), func(id event.ID) bool { _, has := other.x.numbers[id]; return !has }) {
				ready = append(ready, n)
			}
		}
		e := w.log[ready[r.Intn(len(ready))]]
		if _, err := other.x.add(&Item{Event: e}, 0); err != nil {
			w.t.Fatal(err)
		}
		other.log = append(other.log, e)
	}
	return &other
}

func TestRule05_WhoHoldsTheSameWritesTheSame(t *testing.T) {
	moved := 0
	for seed := range seeds() / 4 {
		w := random(t, seed, 25)
		r := rand.New(rand.NewSource(seed))
		q := w.wanted(r)
		b, made := w.bundled(q)
		other := w.shuffled(r)
		if !slices.EqualFunc(w.log, other.log, func(a, b event.Event) bool { return a.ID == b.ID }) {
			moved++
		}
		again, second := other.bundled(q)
		if !bytes.Equal(b, again) || made.ID != second.ID {
			t.Fatalf("seed %d: the bundles differ", seed)
		}
	}
	if moved == 0 {
		t.Error("no order of arrival ever differed")
	}
}

// The reader gives a seal or proof for all that is no record, and before an event
// all that it rests on.
func TestRule05_WhatAnEventRestsOnComesFirst(t *testing.T) {
	for seed := range seeds() {
		w := random(t, seed, 25)
		b, _ := w.bundled(w.wanted(rand.New(rand.NewSource(seed))))
		given, covered := map[event.ID]bool{}, map[event.Chain]uint64{}
		for _, i := range take(t, b).items {
			switch {
			case i.Seal != nil:
				covered[i.Seal.Replica] = i.Seal.Last + 1 - uint64(len(i.Rest))
				continue
			}
			e := &i.Event
			if slices.ContainsFunc(w.names(e), func(id event.ID) bool { return !given[id] }) {
				t.Fatalf("seed %d: an event comes before what it rests on", seed)
			}
			if e.Header.Class == event.Causal && covered[e.Header.Replica] <= e.Header.Seq {
				t.Fatalf("seed %d: an event comes before its seal", seed)
			}
			given[e.ID] = true
		}
	}
}

func TestRule07_TheExtentIsWhatTheWordsSay(t *testing.T) {
	outside, gaps := 0, 0
	for seed := range seeds() {
		w := random(t, seed, 40)
		q := w.wanted(rand.New(rand.NewSource(seed)))
		b, made := w.bundled(q)
		want := w.closure(q)
		cut, err := w.Cut(q.Cut)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, i := range take(t, b).items {
			if !isEvent(i) {
				continue
			}
			n++
			in := cut.Has(w.x.numbers[i.Event.ID])
			if !want[i.Event.ID] || in == i.Outside {
				t.Fatalf("seed %d: %s is there, %v in the cut", seed, i.Event.ID, in)
			}
		}
		if n != len(want) || made.Head.Events != uint64(cut.Count()) || made.Head.Events+made.Head.Outside != uint64(n) {
			t.Fatalf("seed %d: %d events, want %d: %+v", seed, n, len(want), made.Head)
		}
		if made.Head.Outside > 0 {
			outside++
		}
		if w.x.Whole(cut).Count() > cut.Count() {
			gaps++
		}
	}
	if outside == 0 || gaps == 0 {
		t.Errorf("the worlds do not bite: %d have something outside, %d cuts gaps", outside, gaps)
	}
}
