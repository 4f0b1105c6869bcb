package attach

import (
	"slices"

	"atelier.dev/atelier/backend/fault"
)

// Terminal is the shim's side of the protocol: frames and facts go in, effects
// come out. Every method tells it one thing and returns what is to be done about
// it, in order. It belongs to one goroutine, keeps no clock and does nothing by
// itself. It answers for the rules of SPEC.md but 4, 5 and 13, where the shim
// moves the bytes: it feeds a connection as Feed says, with Lag, and lets no
// connection wait for another.
//
// The shim calls Open for a connection, Frame for each frame of it, Broken when
// its bytes are no frames, Closed at its end. It calls Started, Wrote, Suspended,
// Typed or Untyped, and Exited or Failed as it sees them, and Tick at the time
// that Due tells.
type Terminal struct {
	key  Key
	size Size

	state     State
	pid       uint32
	suspended string // the reason
	exit      Exit

	epoch   uint64
	driver  *attachment   // nil: nobody drives
	tickets []*attachment // in the order of their admission

	conns   []*connection // in the order of their opening
	clients int           // of them, those that have said HELLO
	core    *connection

	writing   *piece // what Type was returned for
	waiting   []*piece
	unwritten int

	notes uint64
	typed typed

	out []Effect
}

// attachment is a ticket that is admitted.
type attachment struct {
	ticket   Ticket
	label    string
	mayDrive bool
	outputs  int // connections that want output
	// taken is the last number that was accepted, written the last that was
	// written to the terminal.
	taken, written uint64
	over           bool // by BYE or DISMISS
}

type connection struct {
	id       Conn
	ticket   *attachment // nil: the core, or nobody knows yet who it is
	output   bool
	owed     []*answer // in the order of its INPUT
	held     bool
	finished bool // EXIT is or will be its last frame
}

// NewTerminal returns the terminal of a program that is about to be started, of
// which the core knows the key. The shim has given it its size.
func NewTerminal(key Key, size Size) *Terminal {
	return &Terminal{key: key, size: size, state: Running}
}

// Open says that a connection was opened.
func (t *Terminal) Open(c Conn, in Seen) []Effect {
	strangers := 0
	var oldest *connection
	for _, known := range t.conns {
		if known.ticket == nil && known != t.core {
			strangers++
			if oldest == nil {
				oldest = known
			}
		}
	}
	if strangers >= MaxStrangers {
		t.expel(oldest, fault.ResourceExhausted, "too many connections have not said who they are", in)
	}
	t.conns = append(t.conns, &connection{id: c})
	return t.effects()
}

// Frame brings a frame that came over a connection. It keeps none of its bytes.
// A frame of a connection that is not known any more has no effect.
func (t *Terminal) Frame(c Conn, f Frame, in Seen) []Effect {
	switch from := t.find(c); {
	case from == nil:
	case from == t.core:
		t.request(from, f, in)
	case from.ticket == nil:
		t.greet(from, f, in)
	case !from.finished:
		t.client(from, f, in)
	default:
		t.late(from, f, in)
	}
	return t.effects()
}

// Broken says that what came over a connection is no frame, with the error of
// Splitter or Decode. It ends the connection.
func (t *Terminal) Broken(c Conn, err error, in Seen) []Effect {
	if from := t.find(c); from != nil {
		t.expel(from, fault.InvalidArgument, fault.Of(err).Message, in)
	}
	return t.effects()
}

// Closed says that a connection has ended without Close.
func (t *Terminal) Closed(c Conn, in Seen) []Effect {
	if from := t.find(c); from != nil {
		t.drop(from, in)
	}
	return t.effects()
}

// Started says that the program runs.
func (t *Terminal) Started(pid uint32, in Seen) []Effect {
	t.pid = pid
	t.note(Note{Kind: NoteStarted, PID: pid}, in)
	return t.effects()
}

// Wrote says that the spool has grown to in.End. The core is told each time; the
// shim may leave some out, but not the last before it waits for the program.
func (t *Terminal) Wrote(in Seen) []Effect {
	if t.core != nil {
		t.send(t.core, Wrote{in.End})
	}
	return t.effects()
}

// Suspended says that the program is held because the spool may not grow, and
// why; or that it goes on.
func (t *Terminal) Suspended(suspended bool, reason string, in Seen) []Effect {
	if t.state == Exited || suspended == (t.state == Suspended) {
		return nil
	}
	if suspended {
		t.state, t.suspended = Suspended, reason
		t.note(Note{Kind: NoteSuspended, Message: reason}, in)
	} else {
		t.state, t.suspended = Running, ""
		t.note(Note{Kind: NoteResumed}, in)
	}
	t.tell(Suspend{suspended, t.suspended})
	return t.effects()
}

// Exited says that the program has ended by itself, with a status, or by a
// signal, and that its last byte is in the spool, which ends at in.End for ever.
func (t *Terminal) Exited(status, signal uint32, in Seen) []Effect {
	t.end(Note{Kind: NoteExited, Status: status, Signal: signal}, Exit{in.End, status, signal}, in)
	return t.effects()
}

// Failed says that the program could not be started or held: what the system
// said, and a sentence. Clients are told the status that a shell gives: 127 for
// a program that is not there, 126 for one that cannot be started; 125 for a
// failure of ours after it ran.
func (t *Terminal) Failed(errno uint32, message string, in Seen) []Effect {
	const noSuchFile = 2
	exit := Exit{End: in.End, Status: 126}
	switch {
	case t.pid != 0:
		exit.Status = 125
	case errno == noSuchFile:
		exit.Status = 127
	}
	t.end(Note{Kind: NoteFailed, Errno: errno, Message: message}, exit, in)
	return t.effects()
}

// end is the end of the program. Its note is the last.
func (t *Terminal) end(n Note, exit Exit, in Seen) {
	if t.state == Exited {
		return
	}
	t.noteTyped(in)
	t.note(n, in)
	t.state, t.exit = Exited, exit
	for _, c := range t.conns {
		if c.ticket != nil {
			t.finish(c)
		}
	}
	t.giveUp(fault.FailedPrecondition, ended) // which nobody hears any more
}

// finish says EXIT to a client, which answers whatever it is owed.
func (t *Terminal) finish(c *connection) {
	c.finished = true
	if c.held {
		c.held = false
		t.do(Release{c.id})
	}
	t.do(Finish{c.id, t.exit})
}

func (t *Terminal) do(e Effect) { t.out = append(t.out, e) }

func (t *Terminal) effects() []Effect {
	out := t.out
	t.out = nil
	return out
}

func (t *Terminal) find(c Conn) *connection {
	for _, known := range t.conns {
		if known.id == c {
			return known
		}
	}
	return nil
}

func (t *Terminal) admitted(ticket Ticket) *attachment {
	for _, a := range t.tickets {
		if a.ticket == ticket {
			return a
		}
	}
	return nil
}

// send sends a frame, unless EXIT is the last.
func (t *Terminal) send(c *connection, f Frame) {
	if !c.finished {
		t.do(Send{c.id, f})
	}
}

// tell sends a frame to every client that wants output.
func (t *Terminal) tell(f Frame) {
	for _, c := range t.conns {
		if c.output {
			t.send(c, f)
		}
	}
}

func (t *Terminal) driverLabel() string {
	if t.driver == nil {
		return ""
	}
	return t.driver.label
}

func (t *Terminal) refuse(c *connection, seq uint64, code fault.Code, message string) {
	t.send(c, Refused{seq, t.epoch, code.String(), message, t.driverLabel()})
}

// expel refuses a connection as a whole and ends it.
func (t *Terminal) expel(c *connection, code fault.Code, message string, in Seen) {
	t.refuse(c, 0, code, message)
	t.close(c, in)
}

func (t *Terminal) close(c *connection, in Seen) {
	t.do(Close{c.id})
	t.drop(c, in)
}

// drop forgets a connection. The ticket stays.
func (t *Terminal) drop(c *connection, in Seen) {
	t.forgive(c)
	t.conns = slices.DeleteFunc(t.conns, func(known *connection) bool { return known == c })
	if t.core == c {
		t.core = nil
	}
	if c.ticket == nil {
		return
	}
	t.clients--
	if c.output {
		t.left(c.ticket, in)
	}
}

// left says that a connection that wanted output under a ticket has ended.
func (t *Terminal) left(a *attachment, in Seen) {
	a.outputs--
	if a.outputs == 0 && !a.over {
		t.note(Note{Kind: NoteDetached, Ticket: a.ticket}, in)
	}
}
