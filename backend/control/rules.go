package control

import (
	"maps"
	"slices"

	"atelier.dev/atelier/backend/event"
)

// rule decides requests for one type of record.
type rule struct {
	state string // that a done record gives the object; empty for none
	// judge returns why a request is refused, empty when it is done. An error
	// says that the entry carries less than it is judged by.
	judge func(*Machine, Entry) (reason string, err error)
}

// rules has a row for each type that this version decides. What it does not
// decide is left to a version that has the rules for it.
var rules = map[event.Type]*rule{
	event.ActorEnrolledType:         {"", enrolls},
	event.ActorRetiredType:          {"", retires},
	event.CheckpointFinalizedType:   {"finalized", finalizes},
	event.CheckpointInvalidatedType: {"invalidated", invalidates},
}

// Decides reports whether this version decides a type of record.
func Decides(t event.Type) bool { return rules[t] != nil }

// about returns the one fact about the one object that a request names.
func about(e Entry, kind string) (Fact, error) {
	named := e.Request.Header.Affected
	if len(named) != 1 || len(e.Witness) != 1 || e.Witness[0].Object != named[0] || e.Witness[0].Kind != kind {
		return Fact{}, badEntry("its request names one " + kind + ", and its witness speaks of that")
	}
	return e.Witness[0], nil
}

// enrolls takes an actor in: a person or a service of the workspace asks, and no
// other actor has the name.
func enrolls(m *Machine, e Entry) (string, error) {
	h := &e.Request.Header
	if len(h.Affected) > 0 || len(e.Witness) != 1 || e.Witness[0].Object != m.workspace {
		return "", badEntry("it names nothing, and its witness speaks of the workspace")
	}
	switch {
	case m.actors[h.Actor.ID].kind == event.Agent:
		return "agent_asks", nil
	case e.Witness[0].NameTaken:
		return "name_taken", nil
	}
	return "", nil
}

// retires ends what an actor may do, unless nobody were left to ask for more.
func retires(m *Machine, e Entry) (string, error) {
	if _, err := about(e, "actor"); err != nil {
		return "", err
	}
	id := e.Request.Header.Affected[0]
	a, known := m.actors[id]
	switch {
	case !known:
		return "actor_unknown", nil
	case id == m.system.ID:
		return "system_stays", nil
	case m.actors[e.Request.Header.Actor.ID].kind == event.Agent:
		return "agent_asks", nil
	case a.retired != 0:
		return "actor_retired", nil
	case a.kind == event.Human && m.people() == 1:
		return "last_person", nil
	}
	return "", nil
}

// people counts the people who are not retired.
func (m *Machine) people() int {
	left := maps.Clone(m.actors)
	maps.DeleteFunc(left, func(_ event.ID, a actor) bool { return a.kind != event.Human || a.retired != 0 })
	return len(left)
}

// finalizes freezes a checkpoint for good, if its digest is what its cut folds
// to, and nothing is open where it was asked to be quiescent.
func finalizes(m *Machine, e Entry) (string, error) {
	f, err := about(e, "checkpoint")
	if err != nil {
		return "", err
	}
	asked := e.Request.Header.Facts.Digest
	switch {
	case m.objects[f.Object].state != "" || !standing(f, "proposed"):
		return "illegal_transition", nil
	case *asked != f.Digest:
		return "digest_other", nil
	case f.Quiescent && len(f.Open) > 0:
		return "not_quiescent", nil
	}
	return "", nil
}

// invalidates says that a checkpoint no longer counts.
func invalidates(m *Machine, e Entry) (string, error) {
	f, err := about(e, "checkpoint")
	if err != nil {
		return "", err
	}
	if m.objects[f.Object].state == "invalidated" {
		return "illegal_transition", nil
	}
	return "", nil
}

func standing(f Fact, state string) bool {
	return slices.ContainsFunc(f.States, func(s Stated) bool { return s.State == state })
}
