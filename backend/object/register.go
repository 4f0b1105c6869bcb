package object

import (
	"cmp"
	"slices"
	"time"

	"atelier.dev/atelier/backend/event"
)

// Content says whether a body was there to read a field from.
type Content uint8

// What became of a body.
const (
	Read      Content = 0
	Absent    Content = 1 // it never came
	IllFormed Content = 2 // it fails its schema
	Gone      Content = 3 // it was dropped by retention
)

// notHere says why an event has no body.
func notHere(e event.Event) Content {
	if e.Gone {
		return Gone
	}
	return Absent
}

// Text is words from a body. The value is empty unless the content was read.
type Text struct {
	Value   string
	Content Content
}

// Written is one value of a causal field, with who wrote it and when.
type Written[T any] struct {
	Value   T // the zero value unless the content was read
	Content Content
	Event   event.ID
	Actor   event.Actor
	Lamport uint64
	At      time.Time
}

// Register is a causal field: a multi-value register. Concurrent values all
// stand until an event that has them in its past writes another.
type Register[T any] struct {
	standing []Written[T] // the display default first; never written into
}

// Values returns what stands, the display default first. Do not write into it.
func (r Register[T]) Values() []Written[T] { return r.standing }

// Default returns the value to display: of those that stand the one with the
// highest lamport, then the highest event id. It is zero before any write.
func (r Register[T]) Default() Written[T] {
	if len(r.standing) == 0 {
		return Written[T]{}
	}
	return r.standing[0]
}

// Provisional reports whether the default is one of several values.
func (r Register[T]) Provisional() bool { return len(r.standing) > 1 }

// write returns the register after e wrote value.
func (r Register[T]) write(e event.Event, past *memory, value T, c Content) Register[T] {
	standing := slices.DeleteFunc(slices.Clone(r.standing), func(old Written[T]) bool { return past.follows(e, old.Event) })
	return Register[T]{standing}.beside(writtenBy(e, value, c))
}

// beside puts one more value in its place, in a list that is its own.
func (r Register[T]) beside(w Written[T]) Register[T] {
	at, _ := slices.BinarySearchFunc(r.standing, w, newestFirst[T])
	return Register[T]{slices.Insert(r.standing, at, w)}
}

func writtenBy[T any](e event.Event, value T, c Content) Written[T] {
	return Written[T]{value, c, e.ID, e.Header.Actor, e.Header.Lamport, wall(e)}
}

func newestFirst[T any](a, b Written[T]) int {
	if c := cmp.Compare(b.Lamport, a.Lamport); c != 0 {
		return c
	}
	return byID(b.Event, a.Event)
}

// textsOf returns the texts that stand and were read, the default first.
func textsOf(r Register[string]) []string {
	var all []string
	for _, w := range r.standing {
		if w.Value != "" {
			all = append(all, w.Value)
		}
	}
	return all
}

// contentOf reads an event's body, or says why it cannot be.
func contentOf[T any](e event.Event) (T, Content) {
	var none T
	if e.Body == nil {
		return none, notHere(e)
	}
	body, err := event.DecodeBody(e.Header.Type, e.Body)
	if read, is := body.(*T); err == nil && is {
		return *read, Read
	}
	return none, IllFormed
}
