package object

import (
	"slices"

	"atelier.dev/atelier/backend/event"
)

// calls remembers what objects were called, for the sentence that says what a
// rename replaced: "anna renamed build to server".
type calls struct {
	made     map[event.ID][]call // of each object, the newest first
	replaced map[event.ID]string // by the event that wrote another name
}

type call = Written[string]

// called writes a name and remembers which one its author saw before.
func (f *Fold) called(object event.ID, r Register[string], e event.Event, name string, c Content) Register[string] {
	r = r.write(e, f.past, name, c)
	made := f.calls.made[object]
	// What is newest in the author's past is what the author saw by default:
	// nothing there can have replaced it.
	if at := slices.IndexFunc(made, func(old call) bool { return follows(f.past, e, old.Event) }); at >= 0 {
		f.calls.replaced[e.ID] = made[at].Value
	}
	w := r.standing[slices.IndexFunc(r.standing, func(w call) bool { return w.Event == e.ID })]
	at, _ := slices.BinarySearchFunc(made, w, newestFirst[string])
	f.calls.made[object] = slices.Insert(made, at, w)
	return r
}

// NameBefore returns the name that a rename replaced, in the eyes of its author;
// empty if it had none that can be read.
func (f *Fold) NameBefore(rename event.ID) string { return f.calls.replaced[rename] }

// Name returns the display name of an object, empty if it has none.
func (f *Fold) Name(id event.ID) string {
	if o, known := f.objects[id]; known {
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
