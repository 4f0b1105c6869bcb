package studio

import (
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

// Where is the branch and the cut that a read is made at. Empty fields mean main
// and all that is here.
type Where struct{ Branch, At string }

// ChangeRequest is one event about an object, in the words of a caller. Values
// of fields are text, whole numbers (int64), bool or, for a field that names an
// object, its id, a part of one, or its name.
type ChangeRequest struct {
	Type        event.Type
	Object      string // empty where the event makes one
	Set         map[string]any
	Add, Remove map[string][]any
	Why         string
	Branch      string
	State       string   // where the type leaves a choice
	BasedOn     []string // events; empty for the version that was last returned
}

// Changed is an object after an event about it.
type Changed struct {
	ID       event.ID
	Document map[string]any
	Ack      Ack
}

// ObjectList is a list of objects as documents.
type ObjectList struct {
	Objects []map[string]any
	Partial bool // only what changed since the list before
	Read    Frontier
}

// ObjectFilter says which objects are listed.
type ObjectFilter struct {
	Kind  object.Kind
	State object.State // empty for any
	Where
}

// Cause is an event in an answer, with the events of the answer that it follows.
type Cause struct {
	Event
	Follows []event.ID
}

// Related is how one event stands to another, or what is concurrent with one.
type Related struct {
	A, B       event.ID
	Relation   string  // before, after, concurrent or same; empty for one alone
	Concurrent []Cause // the newest last
	More       bool
	Read       Frontier
}

// Reasons is why something is as it is: causes before effects.
type Reasons struct {
	Object event.ID
	Field  string
	Causes []Cause
	More   bool
	Read   Frontier
}

// Obstacle is one thing that stands against a transition.
type Obstacle struct {
	Type                  event.Type
	Reason, Message, Mend string
	Events                []event.ID
}

// Obstacles is what an object takes and what stands against the rest.
type Obstacles struct {
	Object  event.ID
	State   string
	Allowed []string
	Against []Obstacle
	Read    Frontier
}

// Decided is what control answered to a request.
type Decided struct {
	ID       event.ID // the object
	Request  event.ID
	Record   event.ID
	Index    uint64
	Document map[string]any // the object after it
	Ack      Ack
}

// CheckpointRequest is a cut to name.
type CheckpointRequest struct {
	Name string
	Where
	Mode  string   // "quiescent" or "suspended"; empty for that
	Scope []string // objects; empty for all
}

// CheckpointMade is a checkpoint that was proposed.
type CheckpointMade struct {
	ID     event.ID
	Name   string
	Digest string
	Ack    Ack
}

// Difference is one object that is not the same at two cuts.
type Difference struct {
	ID     event.ID
	Kind   string
	Name   string
	How    string // only_a, only_b or changed
	Fields []FieldDifference
}

// FieldDifference is a field with its values at two cuts; nil where it has none.
type FieldDifference struct {
	Field string
	A, B  any
}

// Compared is how two cuts differ.
type Compared struct {
	Relation         string // of a to b
	OnlyA, OnlyB     uint64 // events
	Differences      []Difference
	DigestA, DigestB string
	Read             Frontier
}

// Size is what one kind of thing takes: how many there are, and their bytes.
type Size struct {
	Kind         string
	Count, Bytes uint64
}
