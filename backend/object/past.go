package object

import (
	"bytes"
	"slices"

	"atelier.dev/atelier/backend/event"
)

// Past answers what lies in the causal past of what. It is asked about events
// that were applied already, and about nothing else.
type Past interface {
	// Before reports whether a lies in the causal past of b. An event does not
	// lie in its own.
	Before(a, b event.ID) bool
}

// follows reports whether id lies in the causal past of e. Only e's parents are
// asked for, so that e itself need not be known to past yet.
func follows(past Past, e event.Event, id event.ID) bool {
	parents := e.Header.Parents
	return slices.Contains(parents, id) ||
		slices.ContainsFunc(parents, func(p event.ID) bool { return past.Before(id, p) })
}

func byID(a, b event.ID) int { return bytes.Compare(a[:], b[:]) }
