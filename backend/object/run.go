package object

import (
	"fmt"
	"slices"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// started makes an execution: its home is the chain that the event lies on.
func started(f *Fold, e event.Event) (effect, *fault.Error) {
	facts := e.Header.Facts
	if State(facts.State) != Starting {
		return effect{}, void("state_stated", fmt.Sprintf("the event states %q, and an execution begins %s", facts.State, Starting), "state the state after the event")
	}
	if err := makesOnly(e); err != nil {
		return effect{}, err
	}
	if err := writesName(e); err != nil {
		return effect{}, err
	}
	body, c := contentOf[event.ExecutionStarted](e)
	x := &Execution{Envelope: bornOf(e, KindExecution), Session: e.Header.Session, Home: e.Header.Replica,
		Launch: launchOf(body, c), State: Starting}
	var n *naming
	x.Name, n = f.called(x.ID, x.Name, e, body.Name, c)
	if facts.Turn != nil {
		x.Turn = *facts.Turn
	}
	if facts.Size != nil {
		x.Size = *facts.Size
	}
	return effect{objects: []Object{x}, naming: n}, nil
}

// renamed writes the one causal field; any replica may.
func renamed(f *Fold, e event.Event) (effect, *fault.Error) {
	old, err := f.affected(e)
	if err != nil {
		return effect{}, err
	}
	if err := writesName(e); err != nil {
		return effect{}, err
	}
	x := *old
	body, c := contentOf[event.ExecutionRenamed](e)
	var n *naming
	x.Name, n = f.called(x.ID, old.Name, e, body.Name, c)
	x.Envelope = old.after(e, f.past)
	return effect{objects: []Object{&x}, naming: n}, nil
}

func writesName(e event.Event) *fault.Error {
	if fields := e.Header.Facts.Fields; len(fields) > 0 && !slices.Equal(fields, []string{"name"}) {
		return void("fields", "the event says that it writes other fields than the name", "state the field name, or none")
	}
	return nil
}

// ran applies what the home replica records about an execution: all facts that
// the event states, or none of them.
func ran(f *Fold, e event.Event) (effect, *fault.Error) {
	old, err := f.affected(e)
	if err != nil {
		return effect{}, err
	}
	if e.Header.Replica != old.Home {
		return effect{}, void("not_home", "only the replica that runs an execution records what happens to it", "ask its home")
	}
	x := *old
	for _, step := range []func(*Execution, event.Event) *fault.Error{moved, noted, turned, wrote, typed, operated, ended, sized} {
		if err := step(&x, e); err != nil {
			return effect{}, err
		}
	}
	x.Envelope = old.after(e, f.past)
	return effect{objects: []Object{&x}}, nil
}

func sized(x *Execution, e event.Event) *fault.Error {
	if size := e.Header.Facts.Size; size != nil {
		x.Size = *size
	}
	return nil
}

// noted takes the last of the shim's notes that is accounted for.
func noted(x *Execution, e event.Event) *fault.Error {
	note := e.Header.Facts.Note
	if note == nil {
		return nil
	}
	if x.LastNote != nil && *note < *x.LastNote {
		return void("note_order", fmt.Sprintf("note %d is accounted for already, up to %d", *note, *x.LastNote), "go on after the last note")
	}
	x.LastNote = note
	return nil
}

// turned takes a turn. Where an event may change it, it states a new epoch or
// the turn that stands; elsewhere it says under which epoch something happened.
func turned(x *Execution, e event.Event) *fault.Error {
	t := e.Header.Facts.Turn
	if t == nil {
		return nil
	}
	var good bool
	switch e.Header.Type {
	case event.ExecutionControlChangedType:
		good = t.Epoch > x.Turn.Epoch
	case event.ExecutionAttachedType, event.ExecutionDetachedType:
		good = t.Epoch > x.Turn.Epoch || *t == x.Turn
	default:
		if t.Epoch <= x.Turn.Epoch {
			return nil
		}
	}
	if !good {
		return void("epoch_order", fmt.Sprintf("epoch %d does not fit after epoch %d", t.Epoch, x.Turn.Epoch), "take the next epoch")
	}
	x.Turn = *t
	return nil
}

// givesTurn reports whether events of a type state the turn after them.
func givesTurn(t event.Type) bool {
	return t == event.ExecutionControlChangedType || t == event.ExecutionAttachedType || t == event.ExecutionDetachedType
}

// wrote takes the next range of output: the stream has no gaps and no doubles.
func wrote(x *Execution, e event.Event) *fault.Error {
	if e.Header.Type != event.ExecutionOutputType {
		return nil
	}
	r := e.Header.Facts.Range
	if r.From != x.Output {
		return void("range_gap", fmt.Sprintf("the range begins at %d, and the stream ends at %d", r.From, x.Output), "name the range that begins there")
	}
	x.Output = r.To
	return nil
}

func typed(x *Execution, e event.Event) *fault.Error {
	if n := e.Header.Facts.Typed; n != nil && e.Header.Type == event.ExecutionInputType {
		x.Typed += *n
	}
	return nil
}

// ended keeps what holds only as long as a state does: the end, its reason, and
// that nobody is attached to or drives what is over; and for ever that it ran.
func ended(x *Execution, e event.Event) *fault.Error {
	exit := e.Header.Facts.Exit
	if e.Header.Type == event.ExecutionExitedType {
		if exit == nil {
			return void("exit_missing", "execution.exited states no status or signal", "state how the program ended")
		}
		x.Exit = exit
	}
	switch e.Header.Type {
	case event.ExecutionRunningType, event.ExecutionRecoveredType:
		x.EndedAt, x.Reason, x.Ran = time.Time{}, Text{}, true
	case event.ExecutionSuspendedType:
		x.Reason = remarkOf(e)
	case event.ExecutionExitedType, event.ExecutionLostType:
		x.EndedAt, x.Reason = wall(e), remarkOf(e)
		x.Operators, x.Turn = nil, event.Turn{Epoch: x.Turn.Epoch}
	}
	return nil
}

func remarkOf(e event.Event) Text {
	body, c := contentOf[event.Remark](e)
	return Text{body.Why, c}
}
