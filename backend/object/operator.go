package object

import (
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// operated adds or removes one attachment. A session attaches itself; the home
// says when one is gone.
func operated(x *Execution, e event.Event) *fault.Error {
	switch e.Header.Type {
	case event.ExecutionAttachedType:
		return attached(x, e)
	case event.ExecutionDetachedType:
		return detached(x, e)
	}
	return nil
}

func attached(x *Execution, e event.Event) *fault.Error {
	h := e.Header
	if h.Facts.Operator != h.Session {
		return void("operator_other", "a session attaches nobody but itself", "name the event's own session")
	}
	at := x.operator(h.Session)
	// A clone, because what was handed out is never written into.
	x.Operators = slices.Clone(x.Operators)
	if at < 0 {
		x.Operators = append(x.Operators, Operator{h.Session, h.Actor, h.Surface, 1})
	} else {
		x.Operators[at].Count++
	}
	return nil
}

func detached(x *Execution, e event.Event) *fault.Error {
	if x.State.Over() {
		return nil // the end has detached all
	}
	at := x.operator(e.Header.Facts.Operator)
	if at < 0 {
		return void("not_attached", "the session is not attached", "name one that is")
	}
	x.Operators = slices.Clone(x.Operators)
	if x.Operators[at].Count--; x.Operators[at].Count == 0 {
		x.Operators = slices.Delete(x.Operators, at, at+1)
	}
	return nil
}

func (x *Execution) operator(session event.ID) int {
	return slices.IndexFunc(x.Operators, func(o Operator) bool { return o.Session == session })
}
