package object

import (
	"maps"
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// NewAt returns an empty fold of a cut. It takes the events of the cut alone, in
// an order of arrival, from chains that may have gaps there; genesis comes first.
// What each is judged does not depend on the cut (SPEC.md, rule 2), so judged
// tells it, from a fold of all.
//
// Of the cut it may take, after genesis, only the events that make or name one
// object: it then has that object as the cut has it, at the cost of these alone.
func NewAt(past Past, judged func(event.ID) Judgement) *Fold {
	f := New(past)
	f.retells = judged
	return f
}

// NewParts returns a fold of a cut that takes in each object when it is asked for,
// at the cost of the events about it: genesis, and those of the cut that make or
// name it, which about gives in an order of arrival. It finds objects by whole ids
// alone, lists none and has no digest. See Failed.
func NewParts(past Past, judged func(event.ID) Judgement, about func(event.ID) ([]event.Event, error)) *Fold {
	f := NewAt(past, judged)
	f.part = func(id event.ID) (Object, bool) { return f.takePart(id, about) }
	return f
}

// Only returns a fold of a cut that has, of the objects of this one, those of which
// the cut has all events. It shares them. Add takes in the others.
func (f *Fold) Only(judged func(event.ID) Judgement, whole func(event.ID) bool) *Fold {
	g := NewAt(f.past.past, judged)
	g.workspace, g.main = f.workspace, f.main
	maps.Copy(g.calls.replaced, f.calls.replaced)
	for _, kind := range slices.Sorted(maps.Keys(f.order)) {
		for _, id := range f.order[kind] {
			if whole(id) {
				g.enter(f.objects[id])
			}
		}
	}
	return g
}

// Add takes in the object that some events make and name: genesis, and those of the
// cut, in an order of arrival. They may make none.
func (f *Fold) Add(id event.ID, events []event.Event) error {
	own := NewAt(f.past.past, f.retells)
	for _, e := range events {
		if _, err := own.Apply(e); err != nil {
			return err
		}
	}
	if o, known := own.objects[id]; known {
		f.put(o)
		maps.Copy(f.calls.replaced, own.calls.replaced)
	}
	return nil
}

// Failed returns what kept a fold of parts from taking in an object that it was
// asked for: then what it said of that is wrong.
func (f *Fold) Failed() error { return f.past.failed }

// takePart takes in an object. One that the cut does not have is asked for again.
func (f *Fold) takePart(id event.ID, about func(event.ID) ([]event.Event, error)) (Object, bool) {
	events, err := about(id)
	if err == nil {
		err = f.Add(id, events)
	}
	if err != nil {
		f.past.failed = err
		return nil, false
	}
	o, known := f.objects[id]
	return o, known
}

// findPart is Find by a whole id.
func (f *Fold) findPart(kind Kind, ref string) (event.ID, error) {
	id, err := event.ParseID(ref)
	if o, known := f.Object(id); err == nil && known && (kind == "" || o.Head().Kind == kind) {
		return id, nil
	}
	return event.ID{}, f.unknown(kind, ref)
}

// retold gives an event of a cut the effect that its judgement allows. A valid
// event that cannot be taken by the rules, because its chain has a gap before it,
// has what it is about marked as partial, with what the event states.
func (f *Fold) retold(e event.Event) (Judgement, effect) {
	j := f.retells(e.ID)
	if j.Verdict == Void {
		return j, effect{}
	}
	if f.opaque(e) {
		return j, f.cloud(e)
	}
	does, why := ruleOf(e.Header.Type)(f, e)
	if why == nil {
		return j, does
	}
	for _, id := range e.Header.Affected {
		if o, known := f.objects[id]; known {
			does.objects = append(does.objects, afterGap(o, e, f.past))
		}
	}
	return j, does
}

// afterGap is an object after an event of a chain that has a gap before it: with
// what the event states, and as it was in all else.
func afterGap(o Object, e event.Event, past *memory) Object {
	n := o.Head().after(e, past)
	n.Metadata.Partial = true
	if old, is := o.(*Execution); is {
		x := *old
		x.states(e)
		o = &x
	}
	return o.headed(n)
}

// states gives an execution what an event states, whatever was before.
func (x *Execution) states(e event.Event) {
	facts := e.Header.Facts
	if row, _ := transitionOf(e.Header.Type); row.to != "" {
		x.State = row.to
	} else if facts.State != "" {
		x.State = State(facts.State)
	}
	if facts.Note != nil {
		x.LastNote = facts.Note
	}
	if facts.Turn != nil && givesTurn(e.Header.Type) {
		x.Turn = *facts.Turn
	}
	if facts.Range != nil && e.Header.Type == event.ExecutionOutputType {
		x.Output = facts.Range.To
	}
	for _, step := range []func(*Execution, event.Event) *fault.Error{typed, operated, ended, sized} {
		_ = step(x, e) // who is detached perhaps came in the gap
	}
}
