// Package bundle puts a cut into one file that anybody can check without a home,
// and that another home can take in. SPEC.md beside this file numbers the rules
// and has the format.
//
// Write makes a bundle of a log, Reader gives back what is in it as it comes, and
// Verify holds all of it to what it says. A Reader promises form alone: whoever
// takes a bundle in has it verified first.
//
// The package is pure but for the reader and writer that it is given.
package bundle

import (
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// magic begins a bundle; its version follows.
const (
	magic   = "atelier bundle\n"
	version = 1
)

// Head says what a bundle is of.
type Head struct {
	Cut event.Cut
	// Checkpoint is the one that names the cut; zero for a cut without one.
	Checkpoint event.ID
	// Digest is what the cut folds to.
	Digest event.Digest
	// Events counts those of the cut, Outside the others that it is checked by, and
	// Records the records of control among both, genesis with them.
	Events, Outside, Records uint64
}

// Body says what a bundle has of an event's body.
type Body uint8

// The states of a body.
const (
	Here     Body = 0
	Withheld Body = 1 // it is not for whom the bundle was made
	Gone     Body = 2 // who made the bundle had it no more
	Bare     Body = 3 // the event lies outside the cut, and its header is enough
)

// Record is a record of control with the signatures under it, ascending by voter.
// Its body comes with the event.
type Record struct {
	Event        event.Event
	Certificates []event.Certificate
}

// Item is what comes next in a bundle: a seal or an event.
type Item struct {
	// Seal covers the next events of its chain.
	Seal *event.Seal
	// Rest are the ids of its last events where they are not in the bundle, which
	// then ends the chain before them: with these the root can be made.
	Rest []event.ID
	// Event is set where there is no seal.
	Event event.Event
	// Outside tells that the event is not in the cut.
	Outside bool
	Body    Body
}

// about reports whether an event makes an object or names it.
func about(e *event.Event, object event.ID) bool {
	return !object.IsZero() && (e.ID == object || slices.Contains(e.Header.Affected, object))
}

// refused is a bundle that cannot be read on.
func refused(reason, message string) error {
	return fault.New(fault.DataLoss, reason, message, "get the bundle anew from who made it")
}
