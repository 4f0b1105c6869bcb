package causal

import (
	"math/rand"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// set is events by their ordinals.
type set []bool

func (s set) list() []Ordinal {
	all := []Ordinal{}
	for n, in := range s {
		if in {
			all = append(all, Ordinal(n))
		}
	}
	return all
}

// world is a random history with a second, dumb answer to every question: the
// whole past of every event as a set, and closing again until nothing comes in.
type world struct {
	rng     *rand.Rand
	entries []Entry
	past    []set // of each event, without itself
	records []Ordinal
	tips    map[event.Chain][]Ordinal  // of a replica, one a fork
	newest  map[name]Ordinal           // of a session at a replica
	chains  []event.Chain              // replicas
	who     map[event.Chain][]event.ID // sessions that a replica may write in
}

// wild says how a world's authors behave.
type wild struct {
	replicas, sessions    int
	lies, strays, forks   bool // about sessions; about what one wrote; about chains
	records               int  // one event in so many is one
	foreign, branchesFrom int  // most other parents, and how far back they lie, 0 for anywhere
}

func someWild(rng *rand.Rand) wild {
	return wild{1 + rng.Intn(3), 1 + rng.Intn(4), rng.Intn(2) == 0, rng.Intn(3) == 0, rng.Intn(3) == 0, 3 + rng.Intn(8), 1 + rng.Intn(3), rng.Intn(3) * 4}
}

// newWorld makes a history of so many events. The same seed makes the same.
func newWorld(seed int64, size int, how func(*rand.Rand) wild) *world {
	w := &world{rng: rand.New(rand.NewSource(seed)), tips: map[event.Chain][]Ordinal{}, newest: map[name]Ordinal{}, who: map[event.Chain][]event.ID{}}
	h := how(w.rng)
	for r := range h.replicas {
		chain := event.Chain(rune('a' + r))
		w.chains = append(w.chains, chain)
		for s := range h.sessions {
			owner := r
			if h.lies && w.rng.Intn(3) == 0 {
				owner = w.rng.Intn(h.replicas)
			}
			w.who[chain] = append(w.who[chain], event.ID{1, byte(owner), byte(s)})
		}
	}
	w.record(h)
	for len(w.entries) < size {
		w.next(h)
	}
	return w
}

func (w *world) next(h wild) {
	if w.rng.Intn(h.records) == 0 {
		w.record(h)
		return
	}
	chain := w.chains[w.rng.Intn(len(w.chains))]
	session := w.who[chain][w.rng.Intn(len(w.who[chain]))]
	used := w.some(w.rng.Intn(h.foreign+1), h)
	if own, wrote := w.newest[name{0, session}]; wrote && !(h.strays && w.rng.Intn(5) == 0) {
		used = append(used, own)
	}
	basis := len(w.records) - 1
	if w.rng.Intn(3) == 0 {
		basis = w.rng.Intn(len(w.records))
	}
	n := w.add(Entry{Replica: chain, Prev: w.prev(chain, h), Session: session, Basis: uint64(basis)}, used)
	w.newest[name{0, session}] = n
}

// prev takes the newest of a chain, or of a part of it after a fork, or forks it.
func (w *world) prev(chain event.Chain, h wild) Ordinal {
	n, tips := Ordinal(len(w.entries)), w.tips[chain]
	switch {
	case len(tips) == 0 || h.forks && w.rng.Intn(30) == 0:
		w.tips[chain] = append(tips, n)
		return NoEvent
	case h.forks && w.rng.Intn(10) == 0:
		old := w.chainOf(tips[w.rng.Intn(len(tips))])
		w.tips[chain] = append(tips, n)
		return old[w.rng.Intn(len(old))]
	}
	i := w.rng.Intn(len(tips))
	prev := tips[i]
	tips[i] = n
	return prev
}

func (w *world) record(h wild) {
	e := Entry{Replica: "w", Prev: NoEvent, Session: event.ID{2}, Record: true, Seq: uint64(len(w.records))}
	if e.Seq > 0 {
		e.Prev, e.Basis = w.records[e.Seq-1], e.Seq-1
		if w.rng.Intn(2) == 0 {
			g := w.generators()
			e.Freezes = &g
		}
	}
	w.records = append(w.records, w.add(e, w.some(w.rng.Intn(3), h)))
}

func (w *world) generators() Generators {
	return Generators{Heads: w.any(w.rng.Intn(2)), Past: w.any(w.rng.Intn(3))}
}

func (w *world) any(count int) []Ordinal { return w.some(count, wild{}) }

func (w *world) some(count int, h wild) []Ordinal {
	all := make([]Ordinal, 0, count)
	for range min(count, len(w.entries)) {
		n := w.rng.Intn(len(w.entries))
		if h.branchesFrom > 0 {
			n = max(0, len(w.entries)-1-w.rng.Intn(h.branchesFrom))
		}
		all = append(all, Ordinal(n))
	}
	return all
}

// add appends an event that used others; its parents are the maximal of them.
func (w *world) add(e Entry, used []Ordinal) Ordinal {
	e.Parents, e.Lamport = w.maximal(used), 1
	n := len(w.entries)
	past := make(set, n)
	for _, p := range e.Parents {
		copy(past, slices.Concat(w.past[p], set{true}, make(set, n-len(w.past[p])-1)).or(past))
		e.Lamport = max(e.Lamport, w.entries[p].Lamport+1)
	}
	w.entries, w.past = append(w.entries, e), append(w.past, past)
	return Ordinal(n)
}

func (s set) or(other set) set {
	for n := range other {
		s[n] = s[n] || other[n]
	}
	return s
}

func (w *world) before(a, b Ordinal) bool { return a < b && w.past[b][a] }

func (w *world) relate(a, b Ordinal) Relation {
	switch {
	case a == b:
		return Same
	case w.before(a, b):
		return Before
	case w.before(b, a):
		return After
	}
	return Concurrent
}

func (w *world) maximal(all []Ordinal) []Ordinal {
	all = slices.Clone(all)
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(slices.Clone(all), func(n Ordinal) bool {
		return slices.ContainsFunc(all, func(other Ordinal) bool { return w.before(n, other) })
	})
}

// chainOf returns an event and all before it on its chain.
func (w *world) chainOf(n Ordinal) (all []Ordinal) {
	for ; n != NoEvent; n = w.entries[n].Prev {
		all = append(all, n)
	}
	return all
}

func (w *world) generate(g Generators) set {
	s := make(set, len(w.entries))
	for _, n := range g.Heads {
		for _, m := range w.chainOf(n) {
			s[m] = true
		}
	}
	for _, n := range g.Past {
		s[n] = true
	}
	return w.close(s)
}

// close brings in by the words of the rule, until nothing comes in.
func (w *world) close(s set) set {
	for before := -1; before != len(s.list()); {
		before = len(s.list())
		for _, n := range s.list() {
			e := w.entries[n]
			for _, p := range e.Parents {
				s[p] = true
			}
			for i, r := range w.records {
				if uint64(i) <= e.Basis || e.Record && uint64(i) <= e.Seq {
					s[r] = true
				}
			}
			if e.Freezes != nil {
				s.or(w.generate(*e.Freezes)[:len(s)])
			}
		}
	}
	return s
}

func (w *world) frontier(s set) []Ordinal { return w.maximal(s.list()) }

// build adds all events to an order.
func (w *world) build(t testing.TB) *Order {
	t.Helper()
	x := &Order{}
	w.goOn(t, x)
	return x
}

// goOn adds the events that an order does not have yet.
func (w *world) goOn(t testing.TB, x *Order) {
	t.Helper()
	for n := x.Len(); n < len(w.entries); n++ {
		if got, err := x.Add(w.entries[n]); err != nil || got != Ordinal(n) {
			t.Fatalf("event %d became %d: %v", n, got, err)
		}
	}
}
