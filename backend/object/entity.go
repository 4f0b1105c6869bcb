package object

import (
	"slices"

	"atelier.dev/atelier/backend/event"
)

// Entity is an object of a kind that a Family describes.
type Entity struct {
	Envelope
	Home event.Chain // of the event that made it

	state  Register[State]
	moves  []*move // those that stand, in order of arrival
	fields fields  // of what was written
	cut    *event.Cut
	digest *event.Digest
}

// Field is one field of an entity: a register, or a set.
type Field struct {
	Rule FieldRule
	One  Register[event.Value]
	Many Set
}

// fields are ascending by key, and never written into: they are few, and a map of
// them would take three times the room.
type fields []Field

func (all fields) of(key string) (Field, bool) {
	at, written := all.find(key)
	if !written {
		return Field{}, false
	}
	return all[at], true
}

func (all fields) find(key string) (int, bool) {
	return slices.BinarySearchFunc(all, key, func(f Field, key string) int { return compareText(f.Rule.Key, key) })
}

// with returns the fields with one more, or the new value of one.
func (all fields) with(f Field) fields {
	at, written := all.find(f.Rule.Key)
	after := make(fields, 0, len(all)+1)
	after = append(append(after, all[:at]...), f)
	if written {
		at++
	}
	return append(after, all[at:]...)
}

// State returns the state to display.
func (x *Entity) State() State { return x.state.Default().Value }

// States returns the values of the state that stand, the one to display first.
// Do not write into it.
func (x *Entity) States() []Written[State] { return x.state.Values() }

// Field returns a field that was written.
func (x *Entity) Field(key string) (Field, bool) { return x.fields.of(key) }

// Keys returns the keys of the fields that were written, ascending.
func (x *Entity) Keys() []string {
	keys := make([]string, len(x.fields))
	for i, f := range x.fields {
		keys[i] = f.Rule.Key
	}
	return keys
}

// Cut returns what a checkpoint freezes, or where a branch forks; nil for others.
func (x *Entity) Cut() *event.Cut { return x.cut }

// Digest returns what the cut of a finalized checkpoint folds to; nil for others.
func (x *Entity) Digest() *event.Digest { return x.digest }

// Text returns the text of a field to display; empty where there is none.
func (x *Entity) Text(key string) string { return x.field(key).One.Default().Value.String() }

// field is a field as it stands, empty where nobody wrote it.
func (x *Entity) field(key string) Field { f, _ := x.fields.of(key); return f }

// Head returns the envelope.
func (x *Entity) Head() Envelope { return x.Envelope }

// Names returns the titles or names that stand, the default first.
func (x *Entity) Names() []string {
	var names []string
	for _, key := range []string{"name", "title"} {
		for _, w := range x.field(key).One.Values() {
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
		f := x.field(key)
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
