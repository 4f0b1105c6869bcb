package object

import (
	"maps"
	"slices"

	"atelier.dev/atelier/backend/event"
)

// Entity is an object of a kind that a Family describes.
type Entity struct {
	Envelope
	Home event.Chain // of the event that made it

	state  Register[State]
	moves  []*move          // those that stand, in order of arrival
	fields map[string]Field // of what was written; never written into
	cut    *event.Cut
	digest *event.Digest
}

// Field is one field of an entity: a register, or a set.
type Field struct {
	Rule FieldRule
	One  Register[event.Value]
	Many Set
}

// State returns the state to display.
func (x *Entity) State() State { return x.state.Default().Value }

// States returns the values of the state that stand, the one to display first.
// Do not write into it.
func (x *Entity) States() []Written[State] { return x.state.Values() }

// Field returns a field that was written.
func (x *Entity) Field(key string) (Field, bool) { f, written := x.fields[key]; return f, written }

// Keys returns the keys of the fields that were written, ascending.
func (x *Entity) Keys() []string { return slices.Sorted(maps.Keys(x.fields)) }

// Cut returns what a checkpoint freezes, or where a branch forks; nil for others.
func (x *Entity) Cut() *event.Cut { return x.cut }

// Digest returns what the cut of a finalized checkpoint folds to; nil for others.
func (x *Entity) Digest() *event.Digest { return x.digest }

// Text returns the text of a field to display; empty where there is none.
func (x *Entity) Text(key string) string { return x.fields[key].One.Default().Value.String() }

// Head returns the envelope.
func (x *Entity) Head() Envelope { return x.Envelope }

// Names returns the titles or names that stand, the default first.
func (x *Entity) Names() []string {
	var names []string
	for _, key := range []string{"name", "title"} {
		for _, w := range x.fields[key].One.Values() {
			if name := w.Value.String(); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

func (x *Entity) headed(n Envelope) Object { c := *x; c.Envelope = n; return &c }

// Writers returns the events whose values of a field stand, ascending: of the
// state, of a register, or of a set's additions.
func (x *Entity) Writers(key string) []event.ID {
	var ids []event.ID
	if key == stateKey {
		ids = eventsOf(x.state.Values())
	} else {
		f := x.fields[key]
		ids = slices.Concat(eventsOf(f.One.Values()), eventsOf(f.Many.Additions()), eventsOf(f.Many.Unread()))
	}
	slices.SortFunc(ids, byID)
	return slices.Compact(ids)
}

// stateKey is what the state is called where fields are named.
const stateKey = "state"

func eventsOf[T any](all []Written[T]) []event.ID {
	ids := make([]event.ID, 0, len(all))
	for _, w := range all {
		ids = append(ids, w.Event)
	}
	return ids
}
