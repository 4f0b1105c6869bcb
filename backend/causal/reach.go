package causal

import (
	"slices"

	"atelier.dev/atelier/backend/fault"
)

// Relate says how a stands to b.
func (x *Order) Relate(a, b Ordinal) Relation {
	switch {
	case a == b:
		return Same
	case a < b && x.lamports[a] < x.lamports[b] && x.precedes(a, b):
		return Before
	case b < a && x.lamports[b] < x.lamports[a] && x.precedes(b, a):
		return After
	}
	return Concurrent
}

// Maximal returns those of a set that lie in the past of no other of it,
// ascending and once.
func (x *Order) Maximal(set []Ordinal) []Ordinal {
	set = slices.Clone(set)
	slices.Sort(set)
	set = slices.Compact(set)
	front := make([]Ordinal, 0, len(set))
	for _, n := range slices.Backward(set) {
		if !x.reaches(front, n) {
			front = append(front, n)
		}
	}
	slices.Reverse(front)
	return front
}

// Lamport returns the lamport of an event that has these parents. Faults:
// event_unknown, and parents_related when one lies in the past of another or is
// named twice.
func (x *Order) Lamport(parents []Ordinal) (uint64, error) {
	if !below(Ordinal(len(x.events)), parents) {
		return 0, fault.New(fault.NotFound, "event_unknown", "a parent did not arrive", "take that one first")
	}
	if len(parents) > 1 && len(x.Maximal(parents)) != len(parents) {
		return 0, fault.New(fault.InvalidArgument, "parents_related", "one parent lies in the past of another", "name the newest only")
	}
	return x.lamportAfter(parents), nil
}

// reaches tells whether the goal is one of some events or lies in their past.
func (x *Order) reaches(from []Ordinal, goal Ordinal) bool {
	for _, top := range from {
		if top == goal || top > goal && x.precedes(goal, top) {
			return true
		}
	}
	return false
}

// precedes tells whether one event lies in the past of a later one. Mostly the
// vectors around the later one say so at once.
func (x *Order) precedes(goal, top Ordinal) bool {
	from, to := x.events[goal], x.events[top]
	if from.strand == to.strand {
		return true
	}
	past, whole := x.strands[to.strand].vectors.around(to.at)
	if past != nil && past.upTo(from.strand) > from.at {
		return true
	}
	if whole != nil && whole.upTo(from.strand) <= from.at {
		return false
	}
	s := search{order: x, goal: goal, top: top, from: from, to: to, past: past, whole: whole}
	return s.run()
}

// search looks for one event, the goal, in the past of another, the top, from
// both ends: back along leaps and forth along heirs. The events at a distance
// grow with it as powers do, so two searches that meet take about the root of
// what one would take.
type search struct {
	order     *Order
	goal, top Ordinal
	from, to  position // of goal and top
	// past is a vector that lies in the past of the top, and whole one that holds
	// it; nil where there is none.
	past, whole *vector
	back        newest
	reached     marks // by strand, how many events the search back came to
	forth       []position
	follows     marks // by strand, the complement of the least that the search forth came to
	// worked counts what the two looked at.
	worked struct{ back, forth int }
}

func (s *search) run() bool {
	s.back = append(s.back, s.top)
	s.forth = append(s.forth, s.from)
	s.follows.raise(s.from.strand, ^s.from.at)
	for len(s.back) > 0 && len(s.forth) > 0 {
		if s.worked.forth <= s.worked.back {
			if s.stepForth() {
				return true
			}
		} else if s.stepBack() {
			return true
		}
	}
	return false
}

// stepForth follows the heirs of one event that follows the goal, and of those
// after it on its strand.
func (s *search) stepForth() bool {
	p := s.forth[len(s.forth)-1]
	s.forth = s.forth[:len(s.forth)-1]
	t := &s.order.strands[p.strand]
	for _, l := range t.heirs[t.heirsUpTo(t.events[p.at]):] {
		s.worked.forth++
		if l.to > s.top {
			break
		}
		if l.at >= p.at && s.forward(l.there) {
			return true
		}
	}
	return false
}

// heirsUpTo returns how many heirs of a strand came up to an event.
func (t *strand) heirsUpTo(n Ordinal) int {
	from, to := 0, len(t.heirs)
	for from < to {
		if middle := int(uint(from+to) / 2); t.heirs[middle].to <= n {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from
}

// forward takes in an event that follows the goal, and tells whether it lies in
// the past of the top.
func (s *search) forward(p position) bool {
	switch {
	case p.strand == s.to.strand:
		return p.at <= s.to.at
	case s.past != nil && s.past.upTo(p.strand) > p.at || s.reached.of(p.strand) > p.at:
		return true
	case s.whole != nil && s.whole.upTo(p.strand) <= p.at:
		return false
	}
	if s.follows.raise(p.strand, ^p.at) < ^p.at {
		s.forth = append(s.forth, p)
	}
	return false
}

// stepBack looks at one event in the past of the top. The vector at or before it
// knows a part of its past, the one after it more than its past: where neither
// decides, the leaps between are followed.
func (s *search) stepBack() bool {
	p := s.order.events[s.back.pop()]
	s.worked.back += backCost
	if s.reached.raise(p.strand, p.at+1) > p.at {
		return false
	}
	if first := s.follows.of(p.strand); first > 0 && ^first <= p.at {
		return true
	}
	t := &s.order.strands[p.strand]
	past, whole := t.vectors.around(p.at)
	if past != nil && past.upTo(s.from.strand) > s.from.at {
		return true
	}
	if whole != nil && whole.upTo(s.from.strand) <= s.from.at {
		return false
	}
	for _, l := range t.since(past, p.at) {
		s.worked.back++
		if l.to == s.goal {
			return true
		}
		if l.to > s.goal {
			s.back.push(l.to)
		}
	}
	return false
}

// marks notes how far up each strand was looked at: a table with open addresses,
// since an answer visits few of many strands.
type marks struct {
	few   [32]mark
	slots []mark
	count int
}

type mark struct{ strand, count uint32 } // count is 0 for a free slot

// raise notes that a strand was looked at up to a count above 0, and returns how
// far it was before.
func (m *marks) raise(strand, count uint32) uint32 {
	if m.slots == nil {
		m.slots = m.few[:]
	}
	if 2*m.count >= len(m.slots) {
		m.grow()
	}
	slot := m.find(strand)
	before := slot.count
	if before == 0 {
		m.count++
	}
	*slot = mark{strand, max(before, count)}
	return before
}

// of returns how far up a strand was looked at.
func (m *marks) of(strand uint32) uint32 {
	if m.count == 0 {
		return 0
	}
	return m.find(strand).count
}

func (m *marks) find(strand uint32) *mark {
	mask := uint32(len(m.slots) - 1)
	for i := strand * 0x9e3779b1 >> 7 & mask; ; i = (i + 1) & mask {
		if slot := &m.slots[i]; slot.count == 0 || slot.strand == strand {
			return slot
		}
	}
}

func (m *marks) grow() {
	old := m.slots
	m.slots = make([]mark, 4*len(old))
	for _, k := range old {
		if k.count > 0 {
			*m.find(k.strand) = k
		}
	}
}
