package object

import (
	"slices"

	"atelier.dev/atelier/backend/event"
)

// calls remembers what objects were called, for the sentence that says what a
// rename replaced: "anna renamed build to server".
type calls struct {
	made     map[event.ID][]Written[string] // of each object, the newest first
	replaced map[event.ID]string            // by the event that wrote another name
}

// naming is one more name of an object, and the one that it replaced.
type naming struct {
	object   event.ID
	name     Written[string]
	replaced string
}

// called writes a name and finds the one that its author saw before. That is the
// newest in the author's past: nothing there can have replaced it.
func (f *Fold) called(object event.ID, r Register[string], e event.Event, name string, c Content) (Register[string], *naming) {
	n := &naming{object: object, name: writtenBy(e, name, c)}
	made := f.calls.made[object]
	if at := slices.IndexFunc(made, func(old Written[string]) bool { return f.past.follows(e, old.Event) }); at >= 0 {
		n.replaced = made[at].Value
	}
	return r.write(e, f.past, name, c), n
}

func (c calls) take(n *naming) {
	if n == nil {
		return
	}
	if n.replaced != "" {
		c.replaced[n.name.Event] = n.replaced
	}
	at, _ := slices.BinarySearchFunc(c.made[n.object], n.name, newestFirst[string])
	c.made[n.object] = slices.Insert(c.made[n.object], at, n.name)
}

// NameBefore returns the name that a rename replaced, in the eyes of its author;
// empty if there was none, or none that can be read.
func (f *Fold) NameBefore(rename event.ID) string { return f.calls.replaced[rename] }

// Name returns the display name of an object, empty if it has none.
func (f *Fold) Name(id event.ID) string {
	if o, known := f.Object(id); known {
		if names := o.Names(); len(names) > 0 {
			return names[0]
		}
	}
	return ""
}

// ActorOf returns the actor of a session, zero for one that is not known.
func (f *Fold) ActorOf(session event.ID) event.ID {
	if s, known := f.Session(session); known {
		return s.Actor.ID
	}
	return event.ID{}
}

func newCalls() calls { return calls{map[event.ID][]Written[string]{}, map[event.ID]string{}} }
