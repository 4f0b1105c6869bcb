package object

import (
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// The states of an actor.
const (
	Enrolled State = "active"
	Retired  State = "retired"
)

// membership is when an actor may act, by indices of the control chain.
type membership struct {
	kind    event.ActorKind
	replica event.Chain // empty for anywhere
	since   uint64
	until   uint64 // of the record that retires it; 0 while none does
}

// acts refuses an event of an actor who may not act: one that no record up to
// the event's basis has enrolled at its replica as what it says it is, or that
// one has retired. Those whom genesis enrols may act until they are retired.
func (f *Fold) acts(e event.Event) *fault.Error {
	basis := e.Header.Basis.Index
	if e.Header.Class == event.Control {
		return nil
	}
	m, enrolled := f.members[e.Header.Actor.ID]
	if !enrolled || m.since > basis || m.kind != e.Header.Actor.Kind || m.replica != "" && m.replica != e.Header.Replica {
		return void("not_enrolled", "its author was not enrolled at its replica", "have control enrol it: `atelier actor add`")
	}
	if m.until != 0 && m.until <= basis {
		return void("actor_retired", "its author was retired", "act as another actor")
	}
	return nil
}

// enrols takes a record that enrols an actor: the actor's id is the record's.
func enrols(f *Fold, e event.Event) (effect, *fault.Error) {
	if err := makesOnly(e); err != nil || refuses(e) {
		return effect{}, err
	}
	m := e.Header.Facts.Member
	a := &Actor{Envelope: bornOf(e, KindActor), ActorKind: m.Kind, Home: m.Replica, State: Enrolled}
	if slices.Contains(e.Header.Facts.Fields, nameKey) {
		a.Name = nameOf(f, e, a.Name)
	}
	return effect{objects: []Object{a}, member: &member{a.ID, membership{kind: m.Kind, replica: m.Replica, since: e.Header.Seq}}}, nil
}

const nameKey = "name"

// nameOf writes the name that a change sets.
func nameOf(f *Fold, e event.Event, r Register[string]) Register[string] {
	body, c := changeOf(e)
	if c == Read && body.Set[nameKey].Kind() != event.TextValue {
		c = IllFormed
	}
	if c != Read {
		return r.write(e, f.past, "", c)
	}
	return r.write(e, f.past, body.Set[nameKey].String(), c)
}

// retires takes a record that ends what an actor may do.
func retires(f *Fold, e event.Event) (effect, *fault.Error) {
	o, err := f.named(e)
	if err != nil {
		return effect{}, err
	}
	old, is := o.(*Actor)
	if !is {
		return effect{}, void("object_kind", "the event retires an actor and names a "+string(o.Head().Kind), "name an actor")
	}
	a := *old
	a.Envelope = old.after(e, f.past)
	if refuses(e) {
		return effect{objects: []Object{&a}}, nil
	}
	a.State = Retired
	m := f.members[a.ID]
	if m.until == 0 { // a second record takes back nothing of the first
		m.until = e.Header.Seq
	}
	return effect{objects: []Object{&a}, member: &member{a.ID, m}}, nil
}

// refuses reports whether a record of control refuses what it was asked for.
func refuses(e event.Event) bool {
	d := e.Header.Facts.Decision
	return d != nil && d.Outcome == event.OutcomeRefused
}

// asked takes a request to control. It decides nothing; whoever builds on the
// objects that it names follows it.
func asked(f *Fold, e event.Event) (effect, *fault.Error) {
	var does effect
	for _, id := range e.Header.Affected {
		o, known := f.objects[id]
		if !known && f.retells != nil {
			continue // judged already; what it names besides was not asked for
		}
		if !known || !f.knew(e, o) {
			return effect{}, void("object_unknown", "what the event names is not in its past", "follow the event that made it")
		}
		does.objects = append(does.objects, o.headed(o.Head().after(e, f.past)))
	}
	return does, nil
}

// closed ends the session that it lies in.
func closed(f *Fold, e event.Event) (effect, *fault.Error) {
	if err := makesOnly(e); err != nil {
		return effect{}, err
	}
	old, known := f.Session(e.Header.Session)
	if !known || !f.knew(e, old) {
		return effect{}, void("object_unknown", "the session that the event ends is not in its past", "follow the event that opened it")
	}
	s := *old
	s.Envelope, s.Closed = old.after(e, f.past), true
	return effect{objects: []Object{&s}}, nil
}
