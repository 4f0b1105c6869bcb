package causal

import (
	"cmp"
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Relate says how a stands to b. The fault is that of Find, or event_unknown
// for an event that was not added.
func (x *Index) Relate(a, b event.ID) (Relation, error) {
	p, err := x.place(a)
	if err != nil {
		return 0, err
	}
	q, err := x.place(b)
	switch {
	case err != nil:
		return 0, err
	case a == b:
		return Same, nil
	case p.lamport < q.lamport && x.reaches([]place{q}, p):
		return Before, nil
	case q.lamport < p.lamport && x.reaches([]place{p}, q):
		return After, nil
	}
	return Concurrent, nil
}

// Maximal reduces a set of events to those that lie in the past of no other.
// Faults as those of Relate.
func (x *Index) Maximal(ids []event.ID) (Frontier, error) {
	ids = sortIDs(slices.Clone(ids))
	places := make([]place, len(ids))
	for i, id := range ids {
		p, err := x.place(id)
		if err != nil {
			return nil, err
		}
		places[i] = p
	}
	if len(ids) < 2 {
		return ids, nil
	}
	w := x.walk(places, slices.MinFunc(places, func(p, q place) int { return cmp.Compare(p.lamport, q.lamport) }).lamport)
	for w.next() {
	}
	front := Frontier{}
	for i, p := range places {
		if w.met[p.chain] < p.lamport && w.settled[p.chain] == p.lamport {
			front = append(front, ids[i])
		}
	}
	return front, nil
}

// Lamport returns the lamport of an event that has these parents. Faults as
// those of Relate, and parents_related when one lies in the past of another.
func (x *Index) Lamport(parents []event.ID) (uint64, error) {
	if len(parents) > 1 {
		front, err := x.Maximal(parents)
		if err != nil {
			return 0, err
		}
		if len(front) != len(parents) {
			return 0, fault.New(fault.InvalidArgument, "parents_related", "one parent lies in the past of another", "name the newest only")
		}
	}
	high := uint64(0)
	for _, id := range parents {
		p, err := x.place(id)
		if err != nil {
			return 0, err
		}
		high = max(high, p.lamport)
	}
	return high + 1, nil
}

// reaches tells whether target is one of the places or lies in their past.
func (x *Index) reaches(from []place, target place) bool {
	w := x.walk(from, target.lamport)
	for w.next() {
		if w.settled[target.chain] >= target.lamport {
			return true
		}
	}
	return false
}

// walk visits the past of some places, one step a chain. Lamports fall along
// every link, so the chain with the greatest lamport reached is reached for
// good (as in Dijkstra 1959), and each chain is settled once.
type walk struct {
	index *Index
	least uint64  // nothing below it is asked for
	open  []place // ascending by lamport
	// settled is how far the past goes on each chain, met how far by a link.
	settled, met map[uint32]uint64
}

func (x *Index) walk(from []place, least uint64) *walk {
	w := &walk{index: x, least: least, settled: map[uint32]uint64{}, met: map[uint32]uint64{}}
	for _, p := range from {
		w.push(p)
	}
	return w
}

func (w *walk) push(p place) {
	if p.lamport < w.least {
		return
	}
	at, _ := slices.BinarySearchFunc(w.open, p, func(a, b place) int { return cmp.Compare(a.lamport, b.lamport) })
	w.open = slices.Insert(w.open, at, p)
}

// next settles one more chain. It returns false when there is none.
func (w *walk) next() bool {
	for len(w.open) > 0 {
		p := w.open[len(w.open)-1]
		w.open = w.open[:len(w.open)-1]
		if _, again := w.settled[p.chain]; again {
			continue
		}
		w.settled[p.chain] = p.lamport
		w.follow(p)
		return true
	}
	return false
}

// follow opens what a place's chain took from others, newest first. A link
// whose last step lies at or below least reaches below it, and so do all older.
func (w *walk) follow(p place) {
	for n := w.index.chains[p.chain].newest; n != none; n = w.index.links[n].older {
		l := &w.index.links[n]
		if l.steps[len(l.steps)-1].at <= w.least {
			return
		}
		if reach := l.upTo(p.lamport); reach > w.met[l.to] {
			w.met[l.to] = reach
			w.push(place{l.to, reach})
		}
	}
}

// upTo returns the greatest reach of the steps at or below a lamport, 0 for none.
func (l *link) upTo(at uint64) uint64 {
	n, found := slices.BinarySearchFunc(l.steps, at, func(s step, at uint64) int { return cmp.Compare(s.at, at) })
	if found {
		return l.steps[n].reach
	}
	if n == 0 {
		return 0
	}
	return l.steps[n-1].reach
}
