package provenance

import (
	"bytes"
	"cmp"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// Past answers how two events stand to each other, and reads one.
type Past interface {
	Relate(a, b event.ID) (causal.Relation, error)
	Event(id event.ID) (event.Event, error)
}

// Question is why an object, or one field of it, stands as it does.
type Question struct {
	// History are the events that made or named the object, in any order.
	History []event.Event
	// Seeds are the events that say what stands: an object's version, the
	// events of a field's values, or one event.
	Seeds []event.ID
	// Field narrows the answer to what wrote it; empty for the whole object.
	Field string
	// Limit is the most causes of an answer, Most at most; 0 for Most.
	Limit int
}

// Cause is an event of an answer.
type Cause struct {
	Event event.Event
	// Follows are the events of the answer that it directly follows, ascending.
	Follows []event.ID
	// Beside tells that it is not about the object: an author had used it.
	Beside bool
}

// Slice returns the causal slice of an object or field (after Weiser 1981, over
// events instead of statements): what is about it and lies in the past of what
// stands, with what the authors of that had used. Causes come before effects;
// more tells that older ones were left out. Faults are those of Past.
func Slice(p Past, q Question) (causes []Cause, more bool, err error) {
	s := slicer{past: p, chosen: map[event.ID]bool{}}
	s.about(q)
	s.beside()
	if s.failed != nil {
		return nil, false, s.failed
	}
	slices.SortFunc(s.causes, causesFirst)
	limit := cmp.Or(q.Limit, Most)
	if cut := len(s.causes) - min(limit, Most); cut > 0 {
		s.causes, more = s.causes[cut:], true
	}
	s.link()
	return s.causes, more, s.failed
}

type slicer struct {
	past   Past
	chosen map[event.ID]bool
	causes []Cause
	failed error
}

// about takes what is about the object and stands, or lies in its past.
func (s *slicer) about(q Question) {
	for _, e := range q.History {
		if wrote(e, q.Field) && s.reaches(e.ID, q.Seeds) {
			s.take(Cause{Event: e})
		}
	}
}

// wrote reports whether an event is part of the story of a field: it made the
// object or wrote the field. A change of state is one of the field state.
func wrote(e event.Event, field string) bool {
	made := len(e.Header.Affected) == 0
	return field == "" || made || slices.Contains(e.Header.Facts.Fields, field) || field == "state" && e.Header.Facts.State != ""
}

func (s *slicer) reaches(id event.ID, seeds []event.ID) bool {
	return slices.ContainsFunc(seeds, func(seed event.ID) bool { return id == seed || s.before(id, seed) })
}

func (s *slicer) before(a, b event.ID) bool {
	if s.failed != nil {
		return false
	}
	r, err := s.past.Relate(a, b)
	s.failed = err
	return r == causal.Before
}

func (s *slicer) take(c Cause) {
	if !s.chosen[c.Event.ID] {
		s.chosen[c.Event.ID] = true
		s.causes = append(s.causes, c)
	}
}

// beside takes what the authors of the causes had used: the parents of each.
func (s *slicer) beside() {
	for _, c := range slices.Clone(s.causes) {
		for _, parent := range c.Event.Header.Parents {
			if s.chosen[parent] || s.failed != nil {
				continue
			}
			e, err := s.past.Event(parent)
			if err != nil {
				s.failed = err
				return
			}
			s.take(Cause{Event: e, Beside: true})
		}
	}
}

// causesFirst is an order that puts no event before its past.
func causesFirst(a, b Cause) int {
	return cmp.Or(cmp.Compare(a.Event.Header.Lamport, b.Event.Header.Lamport), bytes.Compare(a.Event.ID[:], b.Event.ID[:]))
}

// link finds what each cause directly follows: the newest of the answer in its
// past, none of which lies in the past of another.
func (s *slicer) link() {
	for n := range s.causes {
		c := &s.causes[n]
		for _, earlier := range slices.Backward(s.causes[:n]) {
			id := earlier.Event.ID
			if !s.reaches(id, c.Follows) && s.before(id, c.Event.ID) {
				c.Follows = append(c.Follows, id)
			}
		}
		slices.SortFunc(c.Follows, func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) })
	}
}
