package object

import (
	"maps"
	"slices"

	"atelier.dev/atelier/backend/event"
)

// Shown returns what tells whether the objects, as they stand, are read from an
// event's body, or by it came to the state that they are in and it says why. Without
// all other bodies they show the same: what was replaced, and what is said in the log
// alone, goes unseen.
func (f *Fold) Shown() func(event.Event) bool {
	shown, moved := map[event.ID]bool{}, map[event.ID]bool{}
	for _, of := range slices.SortedFunc(maps.Keys(f.objects), byID) {
		o := f.objects[of]
		for _, id := range shownBy(o) {
			shown[id] = true
		}
		if x, is := o.(*Entity); is {
			for _, id := range x.Writers(stateKey) {
				moved[id] = true
			}
		}
	}
	return func(e event.Event) bool {
		if moved[e.ID] {
			if body, _ := changeOf(e); body.Why != "" {
				return true
			}
		}
		return shown[e.ID] || saysWhy[e.Header.Type]
	}
}

// saysWhy are the types by which an execution says why it does not go on. Which of
// them it shows is kept nowhere, and they are few.
var saysWhy = map[event.Type]bool{event.ExecutionSuspendedType: true, event.ExecutionExitedType: true, event.ExecutionLostType: true}

func shownBy(o Object) []event.ID {
	switch o := o.(type) {
	case *Workspace:
		return append(eventsOf(o.Name.Values()), eventsOf(o.Device.Values())...)
	case *Actor:
		return eventsOf(o.Name.Values())
	case *Session:
		return []event.ID{o.ID}
	case *Execution:
		return append(eventsOf(o.Name.Values()), o.ID)
	case *Entity:
		return o.shown()
	}
	return nil
}

// shown are those that wrote the fields that stand. Of a set all that wrote it: who
// takes a value away must go on to be read, or the value would come back.
func (x *Entity) shown() (all []event.ID) {
	for _, key := range x.Keys() {
		all = append(all, x.wrote(key)...)
	}
	return all
}
