package object

import (
	"cmp"
	"slices"

	"atelier.dev/atelier/backend/event"
)

// Set is a causal field that holds any number of values, an add-wins set: an
// event that takes a value away takes those additions away that it saw (the
// observed-remove set of Shapiro et al. 2011). Of what is added and taken away
// by events that did not see each other, the addition stands.
type Set struct {
	standing []Written[event.Value] // additions, by value, then event; never written into
	// unread are the events whose body is not here: what they wrote is not known.
	unread *trail[Written[event.Value]]
	by     *trail[event.ID] // every event that wrote it
}

// trail is what came, the newest first. It grows without being written into, at a
// cost that does not grow with it.
type trail[T any] struct {
	last   T
	before *trail[T] // nil at the first
	count  int
}

func (t *trail[T]) with(last T) *trail[T] {
	if t == nil {
		return &trail[T]{last, nil, 1}
	}
	return &trail[T]{last, t, t.count + 1}
}

// all returns what came, the oldest first.
func (t *trail[T]) all() []T {
	if t == nil {
		return nil
	}
	all := make([]T, t.count)
	for ; t != nil; t = t.before {
		all[t.count-1] = t.last
	}
	return all
}

// Values returns what is in the set, ascending and each once.
func (s Set) Values() []event.Value {
	values := make([]event.Value, 0, len(s.standing))
	for _, w := range s.standing {
		if n := len(values); n == 0 || values[n-1] != w.Value {
			values = append(values, w.Value)
		}
	}
	return values
}

// Additions returns who added what stands, by value. Do not write into it.
func (s Set) Additions() []Written[event.Value] { return s.standing }

// Unread returns the events that may have written the set and whose body is not
// here or ill-formed.
func (s Set) Unread() []Written[event.Value] { return s.unread.all() }

// write returns the set after e added and took away.
func (s Set) write(e event.Event, past *memory, add, remove []event.Value, c Content) Set {
	by := s.by.with(e.ID)
	if c != Read {
		return Set{s.standing, s.unread.with(writtenBy(e, event.Value{}, c)), by}
	}
	standing := slices.DeleteFunc(slices.Clone(s.standing), func(w Written[event.Value]) bool {
		return slices.Contains(remove, w.Value) && past.follows(e, w.Event)
	})
	for _, v := range add {
		w := writtenBy(e, v, c)
		if at, there := slices.BinarySearchFunc(standing, w, byValue); !there {
			standing = slices.Insert(standing, at, w)
		}
	}
	return Set{standing, s.unread, by}
}

func byValue(a, b Written[event.Value]) int {
	return cmp.Or(a.Value.Compare(b.Value), byID(a.Event, b.Event))
}
