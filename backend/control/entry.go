package control

import (
	"atelier.dev/atelier/backend/event"
)

// Fact is what a witness says of one object at an entry's as_of: the states that
// stand with the events that wrote them, and what its kind needs more.
type Fact struct {
	Object event.ID
	Kind   string
	States []Stated // the one to display first
	// Name is set of an actor: whether another actor has the asked-for name.
	NameTaken bool
	// Digest is set of a checkpoint: what its cut folds to.
	Digest event.Digest
	// Open is set of a checkpoint: traces that are open and approvals that are
	// pending in its cut, which a quiescent one must not have.
	Open []event.ID
	// Quiescent tells that the checkpoint was asked to have nothing open.
	Quiescent bool
}

// Stated is a state that stands, and the event that wrote it.
type Stated struct {
	State string
	Event event.ID
}

// Entry is what a record is judged by.
type Entry struct {
	Request event.Event
	// AsOf is the cut that the witness was gathered at. It has the request.
	AsOf event.Cut
	// Witness are facts of the objects that the request names, in its order; for
	// a request that names none, of the workspace.
	Witness []Fact
	// Behind are those of the request and the newest records of its objects that
	// lie in the past of another of them: the record follows the others. A request
	// is behind a record if another request, made by somebody who knew of it, was
	// answered first.
	Behind []event.ID
	// Time is the proposer's clock, in nanoseconds since 1970.
	Time int64
}
