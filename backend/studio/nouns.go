package studio

import (
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
)

// Caller is who asks: the session that a surface sends along. A zero session
// may read, and raises nobody's floor.
type Caller struct{ Session event.ID }

// Frontier is the newest durable event of each chain that an answer rests on.
type Frontier []event.Head

// Ack says that a write is durable, as which event, and how far the log was then.
type Ack struct {
	Event    event.ID
	Frontier Frontier
}

// Operator is a session attached to an execution.
type Operator struct {
	Session   event.ID
	Actor     event.ID
	ActorName string
	Surface   event.Surface
	Driver    bool
}

// Execution is one persistent terminal, as every surface shows it.
type Execution struct {
	ID        event.ID
	Name      string
	State     string // starting, running, suspended, exited or lost
	Status    string // for a person: "running", "exit 0", "signal 9 (killed)", "lost: …"
	Argv      []string
	Folder    string
	Variables []string // names of the environment's variables
	Cols      uint32
	Rows      uint32
	Driver    *Operator // nil while nobody drives
	Operators []Operator
	Epoch     uint64
	// Gone is where the bytes begin that retention has not dropped.
	Gone uint64
	// Output is the end of the recorded stream, in bytes: what the shim holds
	// now where it is reached, else what events name.
	Output        uint64
	ExitStatus    *int32 // 128 + n for signal n; nil unless exited
	Created       time.Time
	Ended         time.Time // zero while it lives
	CreatedBy     event.ID
	CreatedByName string
	Home          event.Chain
	Isolation     string
	PID           int64
	Reason        string // why it is suspended or lost
	// Unread names fields whose body is not here: "gone" or "absent", or "ill_formed".
	Unread map[string]string
}

// Listing is a list of executions.
type Listing struct {
	Executions []Execution
	// Partial says that the rest is as it was in the lists before this one.
	Partial bool
	Read    Frontier
}

// Over reports whether the program has ended, or its end was never seen.
func (e Execution) Over() bool { return e.State == "exited" || e.State == "lost" }

// StartRequest is a program to start.
type StartRequest struct {
	Argv        []string
	Folder      string
	Environment []string // KEY=VALUE; ignored with Login
	Login       bool     // take the environment of the login shell; with no Argv, start that shell
	Name        string   // empty: made of command and folder
	Cols, Rows  uint32   // 0: 80 by 24
	AuthSock    string   // the caller's SSH_AUTH_SOCK
	Key         string   // the caller's own: the same request twice starts once
	As          string   // the actor that the program acts as; empty for none
}

// Started is a program that runs.
type Started struct {
	ID   event.ID
	Name string
	Ack  Ack
}

// Attachment is a caller's way to a terminal.
type Attachment struct {
	ID         event.ID
	Ticket     attach.Ticket
	Socket     string // the shim's
	Epoch      uint64 // 0 while another drives, or with observe
	Driver     *Operator
	Output     uint64
	Cols, Rows uint32
	Ack        Ack
	Ended      bool // only a transcript is left; no ticket then
}

// Turn is who has the keyboard after a change.
type Turn struct {
	Epoch  uint64
	Driver *Operator
	Ack    Ack
}

// Sent is input that was written to a terminal.
type Sent struct {
	Epoch uint64
	Bytes uint64
	Ack   Ack
}

// Session is an open session.
type Session struct {
	ID        event.ID
	Actor     event.ID
	ActorName string
	Surface   event.Surface
}

// Piece is a part of a transcript.
type Piece struct {
	Offset  uint64
	Bytes   []byte
	Missing uint64        // bytes from Offset on that events name and that are not here
	Gone    bool          // what is missing was dropped by retention, below a checkpoint
	Ranges  []OutputRange // with the first piece: the timing of what is recorded
	Read    Frontier      // with the last piece
}

// OutputRange is what one execution.output event names: [From, To).
type OutputRange struct {
	Event    event.ID
	From, To uint64
	At       time.Time
}

// Event is one event as surfaces show it.
type Event struct {
	event.Event
	// Content is the decoded body (see event.NewBody); nil when it is not here
	// or ill-formed.
	Content   any
	ActorName string
	Summary   string // one plain sentence without ids
	Subject   string // the name of what it is about
	Verdict   string // valid, void or opaque
}

// EventFilter narrows a reading of the log. Empty fields narrow nothing.
type EventFilter struct {
	Object string // id, prefix or name
	Actor  string // id, prefix or name
	Type   event.Type
	Newest uint32 // the newest n only
	Follow bool
	Where
}

// Shown is one event or one object, whole: exactly one is set.
type Shown struct {
	Event  *Event
	Object map[string]any // envelope, state, fields and concurrent, ready for JSON
	Read   Frontier
}

// Audit is what verify read so far and what it found wrong since the last report.
type Audit struct {
	Events, Seals, Executions, OutputBytes uint64
	// Gone is what retention has dropped below checkpoints that are final.
	GoneBodies, GoneBytes uint64
	Problems              []Problem
	Done                  bool
	Read                  Frontier
}

// Problem is one thing that verify found wrong.
type Problem struct{ Code, Message, Mend string }

// Status is how this core is.
type Status struct {
	Replica       event.Chain
	Workspace     event.ID
	WorkspaceName string
	DeviceName    string
	Actor         event.ID
	ActorName     string
	ReadOnly      string // why no writes are taken; empty while they are
	Events        uint64
	Read          Frontier
}

// Finding is one thing that doctor looked at. Level is ok, warning or failed.
type Finding struct{ Name, Level, Message, Mend string }
