package object

import (
	"fmt"
	"slices"
	"strings"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// State is how an execution is.
type State string

// The states of an execution.
const (
	Starting  State = "starting"
	Running   State = "running"
	Suspended State = "suspended"
	Exited    State = "exited"
	Lost      State = "lost"
)

// Over reports whether the program has ended, or nobody knows what became of it.
func (s State) Over() bool { return s == Exited || s == Lost }

// A transition says from which states an event of its type is taken, and what
// state it leads to; an empty one stays.
type transition struct {
	event event.Type
	from  []State
	to    State
}

var (
	live  = []State{Starting, Running, Suspended}
	every = []State{Starting, Running, Suspended, Exited, Lost}
)

// Bytes that were written or typed, and an operator who is gone, are taken in
// every state: they say what was, and the end may have been recorded first.
// What a person does to a program needs one that lives.
var transitions = []transition{
	{event.ExecutionRunningType, []State{Starting}, Running},
	{event.ExecutionSuspendedType, []State{Running}, Suspended},
	{event.ExecutionRecoveredType, []State{Running, Suspended, Lost}, Running},
	{event.ExecutionExitedType, []State{Starting, Running, Suspended, Lost}, Exited},
	{event.ExecutionLostType, live, Lost},
	{event.ExecutionOutputType, every, ""},
	{event.ExecutionInputType, every, ""},
	{event.ExecutionResizedType, live, ""},
	{event.ExecutionSignalledType, live, ""},
	{event.ExecutionAttachedType, live, ""},
	{event.ExecutionDetachedType, every, ""},
	{event.ExecutionControlChangedType, live, ""},
	{event.ExecutionRenamedType, every, ""},
}

// Legal reports whether an execution in a state takes an event of a type.
func Legal(t event.Type, from State) bool {
	row, known := transitionOf(t)
	return known && slices.Contains(row.from, from)
}

func transitionOf(t event.Type) (transition, bool) {
	at := slices.IndexFunc(transitions, func(row transition) bool { return row.event == t })
	if at < 0 {
		return transition{}, false
	}
	return transitions[at], true
}

// LegalTypes lists the types of event that an execution in a state takes.
func LegalTypes(from State) []event.Type {
	var legal []event.Type
	for _, row := range transitions {
		if slices.Contains(row.from, from) {
			legal = append(legal, row.event)
		}
	}
	return legal
}

// moved gives an execution the state after an event. An event that states a
// state states that one, and one that changes it must.
func moved(x *Execution, e event.Event) *fault.Error {
	row, _ := transitionOf(e.Header.Type)
	if !slices.Contains(row.from, x.State) {
		return illegal(e.Header.Type, x.State)
	}
	after, stated := row.to, State(e.Header.Facts.State)
	if after == "" && stated == "" {
		return nil
	}
	if after == "" {
		after = x.State
	}
	if stated != after {
		return void("state_stated", fmt.Sprintf("the event states %q, and the state after it is %q", stated, after), "state the state after the event")
	}
	x.State = after
	return nil
}

func illegal(t event.Type, from State) *fault.Error {
	var words []string
	for _, legal := range LegalTypes(from) {
		words = append(words, string(legal))
	}
	allowed := strings.Join(words, ", ")
	return void("illegal_transition", fmt.Sprintf("%s is not allowed in state %s", t, from), "allowed are "+allowed).
		With("state", string(from)).With("allowed", allowed)
}
