package object

import (
	"slices"

	"atelier.dev/atelier/backend/event"
)

// move is a state that an event gave an entity. Every move of an entity is found
// from those that stand, through what each replaced.
type move struct {
	Written[State]
	over []*move
}

// moveTo gives the entity another state. By cause it replaces what its author had
// seen, by a chain or by control what stands.
func (x *Entity) moveTo(f *Fold, e event.Event, to State, by Order) {
	m := &move{Written: writtenBy(e, to, Read)}
	var stand []*move
	for _, old := range x.moves {
		if by != ByCause || f.past.follows(e, old.Event) {
			m.over = append(m.over, old)
		} else {
			stand = append(stand, old)
		}
	}
	x.moves, x.state = append(stand, m), Register[State]{}
	for _, m := range x.moves {
		x.state = Register[State]{slices.Clone(x.state.standing)}.beside(m.Written)
	}
}

// statesBefore returns the values of the state that an event is judged by, the
// default first: where a chain orders them what stands, since all before the event
// on its chain has come; else the newest in the event's past. What stands may be
// newer than these, by others who had not seen the event either. It looks at what
// is newer than the event's past, and at the first that is not.
func (x *Entity) statesBefore(e event.Event, past *memory, by Order) []Written[State] {
	var seen Register[State]
	met := map[event.ID]bool{}
	for next := slices.Clone(x.moves); len(next) > 0; {
		m := next[0]
		next = next[1:]
		switch {
		case met[m.Event]:
		case by == ByChain || past.follows(e, m.Event):
			seen = seen.takeMaximal(m.Written, past)
		default:
			next = append(next, m.over...)
		}
		met[m.Event] = true
	}
	return seen.Values()
}

// takeMaximal keeps a value unless one that stands has replaced it, in place of
// those that it replaced. All were written by events that are known to past.
func (r Register[T]) takeMaximal(w Written[T], past *memory) Register[T] {
	if slices.ContainsFunc(r.standing, func(old Written[T]) bool { return past.before(w.Event, old.Event) }) {
		return r
	}
	standing := slices.DeleteFunc(slices.Clone(r.standing), func(old Written[T]) bool { return past.before(old.Event, w.Event) })
	return Register[T]{standing}.beside(w)
}
