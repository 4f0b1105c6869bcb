package object

import (
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// record writes a record of control after its request.
func (w *world) record(t event.Type, request event.Event, outcome string, changes ...change) event.Event {
	w.t.Helper()
	chain := event.Chain(w.genesis[:])
	before := w.events[0]
	if last, begun := w.heads[chain]; begun {
		before = last
	}
	body, _ := changeOf(request)
	return w.write(chain, t, []event.ID{request.ID}, body, append([]change{writing(body), func(h *event.Header) {
		h.Class, h.Session, h.Actor, h.Affected = event.Control, event.ID{}, w.core, request.Header.Affected
		h.Seq, h.Prev, h.Basis = before.Header.Seq+1, before.ID, event.Basis{Index: before.Header.Seq, Record: before.ID}
		h.Facts.Member = request.Header.Facts.Member
		h.Facts.Cut, h.Facts.Decision = &event.Cut{Past: []event.ID{request.ID}}, &event.Decision{Request: request.ID, Outcome: outcome}
		if outcome == event.OutcomeRefused {
			h.Facts.Decision.Reason = "no"
		}
	}}, changes...)...)
}

func (w *world) ask(t event.Type, c event.Change, changes ...change) event.Event {
	w.t.Helper()
	return w.write(home, event.RequestMadeType, nil, c, append([]change{writing(c), func(h *event.Header) { h.Facts.Ask = &event.Ask{Type: t} }}, changes...)...)
}

func agent(h *event.Header) { h.Facts.Member = &event.Member{Kind: event.Agent, Replica: home} }

// enrol has control enrol an agent.
func (w *world) enrol(name string, outcome string) event.Event {
	w.t.Helper()
	request := w.ask(event.ActorEnrolledType, event.Change{Set: map[string]event.Value{"name": event.Text(name)}}, agent)
	return w.record(event.ActorEnrolledType, request, outcome)
}

// acts is one event of an actor, with a basis.
func (w *world) acts(chain event.Chain, actor, basis event.Event) event.Event {
	return w.write(chain, event.WorkItemCreatedType, nil, event.Change{}, state("pending"), func(h *event.Header) {
		h.Actor = event.Actor{ID: actor.ID, Kind: event.Agent}
		h.Basis = event.Basis{Index: basis.Header.Seq, Record: basis.ID}
	})
}

func TestRule31_AnActorIsEnrolledAtAReplicaByControl(t *testing.T) {
	w := newWorld(t)
	refused := w.enrol("nobody", event.OutcomeRefused)
	enrolled := w.enrol("worker", event.OutcomeDone)
	good := w.acts(home, enrolled, enrolled)
	early := w.acts(home, enrolled, refused)
	abroad := w.acts(other, enrolled, enrolled)
	never := w.acts(home, refused, enrolled)
	f := w.fold()
	w.want(f, refused, "")
	w.want(f, good, "")
	w.want(f, early, "not_enrolled")
	w.want(f, abroad, "not_enrolled")
	w.want(f, never, "not_enrolled")
	if a, known := f.Actor(enrolled.ID); !known || f.Name(a.ID) != "worker" || a.ActorKind != event.Agent || a.Home != home || a.State != Enrolled {
		t.Errorf("the actor is %+v", a)
	}
	if _, known := f.Actor(refused.ID); known {
		t.Error("a refusal makes an actor")
	}
	if id, err := f.Find(KindActor, "worker"); err != nil || id != enrolled.ID {
		t.Error("its name does not find it:", err)
	}
}

func TestRule32_ARetiredActorDoesNothingMore(t *testing.T) {
	w := newWorld(t)
	enrolled := w.enrol("worker", event.OutcomeDone)
	retire := func(outcome string) event.Event {
		return w.record(event.ActorRetiredType, w.ask(event.ActorRetiredType, event.Change{}, about(enrolled.ID), func(h *event.Header) {
			h.Parents, h.Lamport = []event.ID{enrolled.ID}, enrolled.Header.Lamport+1
		}), outcome)
	}
	refused := retire(event.OutcomeRefused)
	before := w.acts(home, enrolled, refused)
	retired := retire(event.OutcomeDone)
	after := w.acts(home, enrolled, retired)
	late := w.acts(home, enrolled, refused) // its author's replica had not heard of it
	f := w.fold()
	w.want(f, before, "")
	w.want(f, after, "actor_retired")
	w.want(f, late, "")
	if a, _ := f.Actor(enrolled.ID); a.State != Retired {
		t.Errorf("it is %s", a.State)
	}
}

func TestRule33_ARequestIsPartOfWhatItIsAbout(t *testing.T) {
	w := newWorld(t)
	x := w.add("x")
	blind := w.ask(event.BranchFrozenType, event.Change{}, about(x.ID))
	request := w.ask(event.BranchFrozenType, event.Change{}, about(x.ID), func(h *event.Header) {
		h.Parents, h.Lamport = []event.ID{x.ID}, x.Header.Lamport+1
	})
	f := w.fold()
	w.want(f, blind, "object_unknown")
	w.want(f, request, "")
	if v := f.Version(x.ID); !slices.Equal(v, []event.ID{request.ID}) || entity(t, f, x).State() != "pending" {
		t.Errorf("its version is %v", v)
	}
}

func TestRule34_ASessionEndsItself(t *testing.T) {
	w := newWorld(t)
	s := w.write(home, event.SessionOpenedType, nil, event.SessionOpened{})
	blind := w.write(home, event.SessionClosedType, nil, event.Remark{}, session(s.ID))
	named := w.write(home, event.SessionClosedType, []event.ID{s.ID}, event.Remark{}, session(s.ID), about(s.ID))
	closed := w.write(home, event.SessionClosedType, []event.ID{s.ID}, event.Remark{}, session(s.ID))
	f := w.fold()
	w.want(f, blind, "object_unknown")
	w.want(f, named, "object_count")
	w.want(f, closed, "")
	if is, _ := f.Session(s.ID); !is.Closed {
		t.Error("it is open still")
	}
}

func TestRule31_AnActorIsOfTheKindThatControlGaveIt(t *testing.T) {
	w := newWorld(t)
	enrolled := w.enrol("worker", event.OutcomeDone)
	as := func(id event.ID, kind event.ActorKind) event.Event {
		return w.write(home, event.SessionJoinedType, nil, event.Remark{}, func(h *event.Header) {
			h.Actor, h.Basis = event.Actor{ID: id, Kind: kind}, event.Basis{Index: enrolled.Header.Seq, Record: enrolled.ID}
		})
	}
	good, posing, lowered := as(enrolled.ID, event.Agent), as(enrolled.ID, event.Human), as(w.anna.ID, event.Agent)
	f := w.fold()
	w.want(f, good, "")
	w.want(f, posing, "not_enrolled")
	w.want(f, lowered, "not_enrolled")
}

// What lies between two records that retire an actor is judged by the first,
// whether the second has come or not.
func TestRule32_ASecondRetirementTakesNothingBack(t *testing.T) {
	w := newWorld(t)
	enrolled := w.enrol("worker", event.OutcomeDone)
	retire := func() event.Event {
		return w.record(event.ActorRetiredType, w.ask(event.ActorRetiredType, event.Change{}, about(enrolled.ID), func(h *event.Header) {
			h.Parents, h.Lamport = []event.ID{enrolled.ID}, enrolled.Header.Lamport+1
		}), event.OutcomeDone)
	}
	first := retire()
	retire()
	between := w.acts(home, enrolled, first)
	w.want(w.fold(), between, "actor_retired")
}

// An event is judged by the records up to its basis, so these come first.
func TestRule01_TheBasisComesFirst(t *testing.T) {
	w := newWorld(t)
	enrolled := w.enrol("worker", event.OutcomeDone)
	acts := w.acts(other, w.events[0], enrolled)
	f := w.foldOf(w.events[:2]) // genesis and the request
	if _, err := f.Apply(acts); !fault.Is(err, "out_of_order") {
		t.Errorf("before its basis it is taken: %v", err)
	}
	for _, e := range []event.Event{enrolled, acts} {
		if _, err := f.Apply(e); err != nil {
			t.Error(err)
		}
	}
}
