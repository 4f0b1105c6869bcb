package control

import (
	"fmt"
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Machine is where control stands: the newest record, and what records have said
// of actors and objects.
type Machine struct {
	workspace event.ID
	system    event.Actor
	epoch     uint64
	last      event.Basis
	time      int64
	voters    []event.Chain
	actors    map[event.ID]actor
	objects   map[event.ID]ruled
	answered  map[event.ID]event.Basis // requests to the records that answer them
}

// actor is what control knows of who may ask.
type actor struct {
	kind    event.ActorKind
	replica event.Chain // the only one it may act at; empty for anywhere
	since   uint64
	retired uint64 // the record that retired it; 0 for none
}

// ruled is what control has said of an object.
type ruled struct {
	record  event.ID // the newest about it
	lamport uint64
	state   string // that it gave the object; empty for none
}

// New returns a machine that stands at genesis. Fault: genesis_first.
func New(genesis event.Event) (*Machine, error) {
	g := genesis.Header.Facts.Genesis
	if g == nil {
		return nil, fault.New(fault.Internal, "genesis_first", "control begins with a workspace", "this is a defect of Atelier: rebuild from the log")
	}
	m := begin(genesis.ID)
	m.epoch, m.last, m.time, m.voters = g.Epoch, event.Basis{Record: genesis.ID}, genesis.Header.WallTime, []event.Chain{g.Replica}
	m.actors[event.Derived(genesis.ID, "human")] = actor{kind: event.Human}
	m.actors[m.system.ID] = actor{kind: event.Service}
	return m, nil
}

// begin returns a machine that knows nothing but its workspace.
func begin(workspace event.ID) *Machine {
	return &Machine{workspace: workspace, system: event.Actor{ID: event.Derived(workspace, "system"), Kind: event.Service},
		actors: map[event.ID]actor{}, objects: map[event.ID]ruled{}, answered: map[event.ID]event.Basis{}}
}

// Voters returns who certifies the next record.
func (m *Machine) Voters() []event.Chain { return slices.Clone(m.voters) }

// Last returns the newest record.
func (m *Machine) Last() event.Basis { return m.last }

// Answered returns the record that answers a request.
func (m *Machine) Answered(request event.ID) (event.Basis, bool) {
	b, is := m.answered[request]
	return b, is
}

// Decide makes the record that answers an entry, without taking it. A refusal is
// a record too. Faults: answered for a request that has its record; not_ready for
// what control does not decide yet; entry_bad when the entry carries less than
// it is judged by.
func (m *Machine) Decide(e Entry) (event.Header, error) {
	h := &e.Request.Header
	switch {
	case h.Type != event.RequestMadeType || h.Facts.Ask == nil || h.Workspace != m.workspace:
		return event.Header{}, badEntry("it holds no request of this workspace")
	case h.Basis.Index > m.last.Index:
		return event.Header{}, badEntry("its request rests on a record that is not here")
	}
	if b, is := m.answered[e.Request.ID]; is {
		return event.Header{}, fault.New(fault.AlreadyExists, "answered", fmt.Sprintf("record %d answers this request", b.Index), "read that record")
	}
	rule := rules[h.Facts.Ask.Type]
	if rule == nil {
		return event.Header{}, fault.New(fault.Unimplemented, "not_ready", string(h.Facts.Ask.Type)+" is not decided by this version", "use a newer one")
	}
	reason := m.refusal(e)
	if reason == "" {
		var err error
		if reason, err = rule.judge(m, e); err != nil {
			return event.Header{}, err
		}
	}
	return m.record(e, rule, reason)
}

func badEntry(why string) error {
	return fault.New(fault.InvalidArgument, "entry_bad", "the entry is not complete: "+why, "gather it again")
}

// refusal is what stands against any request: when and by whom it was made.
func (m *Machine) refusal(e Entry) string {
	h := &e.Request.Header
	a, known := m.actors[h.Actor.ID]
	switch {
	case !known || a.since > h.Basis.Index || a.replica != "" && a.replica != h.Replica:
		return "not_enrolled"
	case a.retired != 0:
		return "actor_retired"
	case h.Facts.Ask.Until != 0 && max(m.time, e.Time) > h.Facts.Ask.Until:
		return "expired"
	}
	return ""
}

// record is the header that answers an entry: its bytes are a function of the
// entries so far. Its body is the request's.
func (m *Machine) record(e Entry, rule *rule, reason string) (event.Header, error) {
	h := e.Request.Header
	facts := h.Facts
	facts.Ask, facts.Request = nil, event.ID{}
	facts.Cut, facts.Decision = &e.AsOf, &event.Decision{Request: e.Request.ID, Outcome: event.OutcomeDone}
	if facts.State = rule.state; reason != "" {
		facts.Decision = &event.Decision{Request: e.Request.ID, Outcome: event.OutcomeRefused, Reason: reason}
		facts.State = ""
	}
	parents, lamport, err := m.parents(e)
	if err != nil {
		return event.Header{}, err
	}
	return event.Header{SchemaVersion: 1, Workspace: m.workspace, Type: h.Facts.Ask.Type, Lamport: lamport, Parents: parents,
		Replica: event.Chain(m.workspace[:]), Seq: m.last.Index + 1, Prev: m.last.Record, Basis: m.last, WallTime: max(m.time, e.Time),
		Actor: m.system, Surface: event.SurfaceSystem, ViewEpoch: m.epoch, Branch: h.Branch, Affected: h.Affected,
		Class: event.Control, Facts: facts, BodyHash: h.BodyHash}, nil
}

// parents are the request and the newest records of what it names, without those
// that lie in the past of another.
func (m *Machine) parents(e Entry) ([]event.ID, uint64, error) {
	lamports := map[event.ID]uint64{e.Request.ID: e.Request.Header.Lamport}
	for _, id := range e.Request.Header.Affected {
		if r, known := m.objects[id]; known {
			lamports[r.record] = r.lamport
		}
	}
	parents := slices.DeleteFunc(m.MayFollow(e.Request), func(id event.ID) bool { return slices.Contains(e.Behind, id) })
	high := uint64(0)
	for _, id := range parents {
		high = max(high, lamports[id])
	}
	for _, id := range e.Behind {
		if at, may := lamports[id]; !may || at >= high {
			return nil, 0, badEntry("what it says to lie behind is nothing that its record would follow")
		}
	}
	slices.SortFunc(parents, byID)
	return parents, high + 1, nil
}

// MayFollow returns a request and the newest records of the objects that it
// names: an entry says which of these lie in the past of another of them.
func (m *Machine) MayFollow(request event.Event) []event.ID {
	all := []event.ID{request.ID}
	for _, id := range request.Header.Affected {
		if r, known := m.objects[id]; known && !slices.Contains(all, r.record) {
			all = append(all, r.record)
		}
	}
	return all
}

// Take takes the next record, which was decided here or elsewhere. Fault:
// record_order when it is not the next.
func (m *Machine) Take(e event.Event) error {
	h := &e.Header
	if h.Class != event.Control || h.Workspace != m.workspace || h.Seq != m.last.Index+1 || h.Prev != m.last.Record {
		return fault.New(fault.Aborted, "record_order", fmt.Sprintf("record %d is not the next: control stands at %d", h.Seq, m.last.Index), "read the newest record")
	}
	m.last, m.time = event.Basis{Index: h.Seq, Record: e.ID}, max(m.time, h.WallTime)
	m.answered[h.Facts.Decision.Request] = m.last
	for _, id := range h.Affected {
		r := ruled{record: e.ID, lamport: h.Lamport, state: m.objects[id].state}
		if h.Facts.Decision.Outcome == event.OutcomeDone {
			r.state = h.Facts.State
		}
		m.objects[id] = r
	}
	if h.Facts.Decision.Outcome == event.OutcomeDone {
		m.takeMember(e)
	}
	return nil
}

func (m *Machine) takeMember(e event.Event) {
	switch e.Header.Type {
	case event.ActorEnrolledType:
		is := e.Header.Facts.Member
		m.actors[e.ID] = actor{kind: is.Kind, replica: is.Replica, since: e.Header.Seq}
	case event.ActorRetiredType:
		for _, id := range e.Header.Affected {
			a := m.actors[id]
			a.retired = e.Header.Seq
			m.actors[id] = a
		}
	}
}
