package object

import (
	"bytes"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// Past answers how two events stand to each other. It is asked about events that
// were applied already, and about nothing else. A causal.Order that knows their ids is one.
type Past interface {
	Relate(a, b event.ID) (causal.Relation, error)
}

// memory is a Past that remembers whether it failed. Nothing that was computed
// since then may have an effect.
type memory struct {
	past   Past
	failed error
}

// follows reports whether id lies in the causal past of e. Only e's parents are
// asked for, so that e itself need not be known to past yet.
func (m *memory) follows(e event.Event, id event.ID) bool {
	parents := e.Header.Parents
	return slices.Contains(parents, id) ||
		slices.ContainsFunc(parents, func(p event.ID) bool { return m.before(id, p) })
}

func (m *memory) before(a, b event.ID) bool {
	if m.failed != nil {
		return false
	}
	r, err := m.past.Relate(a, b)
	m.failed = err
	return r == causal.Before
}

func byID(a, b event.ID) int { return bytes.Compare(a[:], b[:]) }
