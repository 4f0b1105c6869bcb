package object

import "atelier.dev/atelier/backend/event"

// Shown returns what tells whether the objects, as they stand, are read from an
// event's body, or by it came to the state that they are in, which it may say why.
// Without all other bodies they show the same: what was replaced, and what is said
// in the log alone, goes unseen.
func (f *Fold) Shown() func(event.ID, event.Type) bool {
	shown := map[event.ID]bool{}
	for _, o := range f.objects {
		for _, id := range shownBy(o) {
			shown[id] = true
		}
	}
	return func(id event.ID, t event.Type) bool { return shown[id] || saysWhy[t] }
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

// shown are those that wrote what stands, the state too. Of a set all that wrote it: who takes a
// value away must go on to be read, or the value would come back.
func (x *Entity) shown() []event.ID {
	all := x.Writers(stateKey)
	for _, key := range x.Keys() {
		all = append(all, x.wrote(key)...)
	}
	return all
}
