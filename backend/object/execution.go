package object

import (
	"time"

	"atelier.dev/atelier/backend/event"
)

// Execution is a program in a persistent terminal. Its name is a causal field.
// What is fixed at birth comes from execution.started. All else is ordered by
// the chain of the home replica: it has the value that the last event stated.
type Execution struct {
	Envelope
	Name Register[string]

	// Fixed at birth. Session is the one that started it, Home the chain of the
	// replica that runs it.
	Session event.ID
	Home    event.Chain
	Launch  Launch

	State State
	// Ran tells that the program was seen to run: what ended without that was
	// never started.
	Ran      bool
	Turn     event.Turn // epoch 0 before the first turn
	Size     event.Size // 0 by 0 before one was stated
	Output   uint64     // the end of the last range that an event named, in bytes
	Typed    uint64     // bytes of input that events count
	LastNote *uint64    // the shim's last note that events account for; nil before the first
	// Operators are the attached sessions, in the order in which they came.
	Operators []Operator
	Exit      *event.Exit // nil unless exited
	EndedAt   time.Time   // zero unless exited or lost
	// Reason says why it is suspended, lost or exited, if anything does.
	Reason Text
}

// Launch is what was started. All of it but Content is empty unless read.
type Launch struct {
	Content     Content
	Argv        []string
	Program     string // the resolved path
	Folder      string
	Environment []string // names of variables, never values
	Isolation   string   // the level achieved, "none" for none
}

// Operator is a session that is attached, Count times over.
type Operator struct {
	Session event.ID
	Actor   event.Actor
	Surface event.Surface
	Count   int
}

// Head returns the envelope.
func (x *Execution) Head() Envelope { return x.Envelope }

// Names returns the names that stand, the default first.
func (x *Execution) Names() []string { return textsOf(x.Name) }

func (x *Execution) headed(n Envelope) Object { c := *x; c.Envelope = n; return &c }

func launchOf(body event.ExecutionStarted, c Content) Launch {
	l := Launch{c, body.Argv, body.Program, body.Folder, body.Variables, body.Isolation}
	if c == Read && l.Isolation == "" {
		l.Isolation = "none"
	}
	return l
}
