package object

import (
	"math/rand"
	"reflect"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// aboutOf are the events that make or name each object, in order of arrival.
func aboutOf(f *Fold, events []event.Event) map[event.ID][]event.Event {
	about := map[event.ID][]event.Event{}
	for _, e := range events {
		ids := append([]event.ID{e.ID}, e.Header.Affected...)
		if e.Header.Type == event.SessionClosedType {
			ids = append(ids, e.Header.Session)
		}
		for _, id := range ids {
			if _, known := f.Object(id); known {
				about[id] = append(about[id], e)
			}
		}
	}
	return about
}

// A cut is put together from objects that have not changed since, and from the
// events about each of the others.
func TestRule39_ACutCanBePutTogether(t *testing.T) {
	shared, refolded := 0, 0
	histories(t, 100, func(t *testing.T, name string, w *world) {
		all := w.fold()
		about := aboutOf(all, w.events)
		r := rand.New(rand.NewSource(int64(len(w.events))))
		past := w.past(w.events[r.Intn(len(w.events))])
		n := r.Intn(len(w.events))
		first := map[event.ID]bool{}
		for _, e := range w.events[:n+1] {
			first[e.ID] = true
		}
		for _, in := range []func(event.Event) bool{past, func(e event.Event) bool { return first[e.ID] }} {
			want := w.foldAt(all, w.events, in)
			within := func(id event.ID) (events []event.Event) {
				for i, e := range about[id] {
					if in(e) && (i == 0 || e.ID != w.genesis) {
						events = append(events, e)
					}
				}
				return events
			}
			var others []event.ID
			got := all.Only(all.Judgement, func(id event.ID) bool {
				some := len(within(id))
				if some > 0 && some == len(about[id]) && id != event.Derived(w.genesis, "human") && id != event.Derived(w.genesis, "system") {
					shared++
					return true
				}
				others = append(others, id)
				return false
			})
			for _, id := range others {
				if err := got.Add(id, append([]event.Event{w.events[0]}, without(within(id), w.genesis)...)); err != nil {
					t.Fatal(name, err)
				}
				refolded++
			}
			ofGot := ofCut{got, want.ids}
			if ofGot.Digest() != want.Digest() {
				t.Fatalf("%s: put together, the cut has another digest", name)
			}
			for id, o := range want.objects {
				if !reflect.DeepEqual(o, got.objects[id]) {
					t.Fatalf("%s: put together, %+v is %+v", name, o, got.objects[id])
				}
			}
			if !reflect.DeepEqual(want.order, got.order) || !reflect.DeepEqual(want.index, got.index) {
				t.Fatalf("%s: put together, objects are found otherwise", name)
			}
		}
	})
	if shared < 500 || refolded < 500 {
		t.Errorf("%d objects were shared and %d folded anew", shared, refolded)
	}
}

func without(events []event.Event, id event.ID) (rest []event.Event) {
	for _, e := range events {
		if e.ID != id {
			rest = append(rest, e)
		}
	}
	return rest
}
