package object

import (
	"slices"
	"time"

	"atelier.dev/atelier/backend/event"
)

// SchemaVersion is the version of the objects that this package makes.
const SchemaVersion = 1

// Kind says what an object is.
type Kind string

// The kinds.
const (
	KindExecution Kind = "execution"
	KindSession   Kind = "session"
	KindActor     Kind = "actor"
	KindWorkspace Kind = "workspace"
)

// Lifecycle says whether an object is part of the shared work. It is separate
// from the object's own state.
type Lifecycle string

// Committed is what stands on main. Nothing else is made yet: an event on
// another branch is opaque (SPEC.md, rule 4).
const Committed Lifecycle = "committed"

// Envelope is what all objects have.
type Envelope struct {
	ID            event.ID // of the event that made it; an actor's is derived
	SchemaVersion uint64
	Kind          Kind
	Lifecycle     Lifecycle
	// Frontier are the maximal events that affect the object, ascending.
	Frontier  []event.ID
	CreatedAt time.Time
	// UpdatedAt is the latest wall time among the events that affect it.
	UpdatedAt time.Time
	CreatedBy event.Actor // absent where genesis made it
	Metadata  Metadata
}

// Metadata is what the fold says about an object besides its fields.
type Metadata struct {
	// Partial is set in a cut where the object's chain has gaps, so that not all of
	// it can be said.
	Partial bool
	// NotUnderstood is set when an opaque event affects the object.
	NotUnderstood bool
}

// Object is any of the kinds: *Execution, *Session, *Actor or *Workspace.
type Object interface {
	// Head returns the object's envelope.
	Head() Envelope
	// Names returns all that the object is called, the display name first.
	Names() []string
	// headed returns a copy with another envelope.
	headed(Envelope) Object
}

func bornOf(e event.Event, kind Kind) Envelope {
	at := wall(e)
	return Envelope{ID: e.ID, SchemaVersion: SchemaVersion, Kind: kind, Lifecycle: Committed,
		Frontier: []event.ID{e.ID}, CreatedAt: at, UpdatedAt: at, CreatedBy: e.Header.Actor}
}

// after returns the envelope after one more event. Arrival puts an event after
// all in its past, so what stands in the frontier is never after the event.
func (n Envelope) after(e event.Event, past *memory) Envelope {
	front := slices.DeleteFunc(slices.Clone(n.Frontier), func(id event.ID) bool { return past.follows(e, id) })
	at, _ := slices.BinarySearchFunc(front, e.ID, byID)
	n.Frontier = slices.Insert(front, at, e.ID)
	if t := wall(e); t.After(n.UpdatedAt) {
		n.UpdatedAt = t
	}
	return n
}

func wall(e event.Event) time.Time { return time.Unix(0, e.Header.WallTime).UTC() }
