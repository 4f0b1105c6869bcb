// Package projection turns events into what people look at. It is pure: the same
// event and the same names give the same words on every surface.
package projection

import "atelier.dev/atelier/backend/event"

// Names says what things are called. An empty answer means that it has no name
// here; the words then do without. *object.Fold is one.
type Names interface {
	// Name is what an object is called now.
	Name(object event.ID) string
	// NameGone tells that an object has no name here because what named it was
	// dropped by retention.
	NameGone(object event.ID) bool
	// NameBefore is what the object of a rename was called before, in the eyes
	// of who renamed it.
	NameBefore(rename event.ID) string
	// ActorOf is the actor of a session, zero when the session is not known.
	ActorOf(session event.ID) event.ID
}
