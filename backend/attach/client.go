package attach

import (
	"fmt"

	"atelier.dev/atelier/backend/fault"
)

const (
	ended      = "the program has ended"
	notStarted = "the program has not started"
	unspoken   = "this terminal's process speaks version 1 of the attach protocol, and the other end does not"
)

// greet hears the first frame of a connection.
func (t *Terminal) greet(c *connection, f Frame, in Seen) {
	switch f := f.(type) {
	case Hello:
		t.hello(c, f, in)
	case Core:
		t.hail(c, f, in)
	default:
		t.expel(c, fault.InvalidArgument, "a connection begins with HELLO", in)
	}
}

func (t *Terminal) hello(c *connection, h Hello, in Seen) {
	a := t.admitted(h.Ticket)
	start, within := begin(h, in.End)
	switch {
	case h.Version != Version:
		t.expel(c, fault.Unimplemented, unspoken, in)
	case a == nil:
		t.expel(c, fault.Unauthenticated, "this terminal does not know the ticket", in)
	case t.clients >= MaxConns:
		t.expel(c, fault.ResourceExhausted, fmt.Sprintf("this terminal has %d connections already", MaxConns), in)
	case !within:
		t.expel(c, fault.OutOfRange, fmt.Sprintf("output was asked for from %d on, and ends at %d", h.From, in.End), in)
	default:
		t.welcome(c, a, h, start, in)
	}
}

// begin returns the offset of the first byte that a client is given. One that
// wants no output is given what is after the end: nothing.
func begin(h Hello, end uint64) (start uint64, within bool) {
	switch {
	case h.Flags&WantsOutput == 0:
		return end, true
	case h.Flags&FromEnd != 0:
		return end - min(h.From, end), true
	}
	return h.From, h.From <= end
}

func (t *Terminal) welcome(c *connection, a *attachment, h Hello, start uint64, in Seen) {
	c.ticket, c.output = a, h.Flags&WantsOutput != 0
	t.clients++
	t.send(c, Welcome{Version: Version, State: t.state, Epoch: t.epoch, Driving: t.driver == a, Start: start, End: in.End,
		Cols: t.size.Cols, Rows: t.size.Rows, LastSeq: a.written, Driver: t.driverLabel()})
	if c.output {
		if t.state == Suspended {
			t.send(c, Suspend{true, t.suspended})
		}
		if a.outputs++; a.outputs == 1 {
			t.note(Note{Kind: NoteAttached, Ticket: a.ticket}, in)
		}
		t.do(Feed{c.id, start, h.MaxLag})
	}
	if t.state == Exited {
		t.finish(c)
	}
}

// client hears what a client says after its HELLO.
func (t *Terminal) client(c *connection, f Frame, in Seen) {
	switch f := f.(type) {
	case Input:
		t.input(c, f, in)
	case Resize:
		if t.driver == c.ticket && f.Epoch == t.epoch {
			t.resize(f.Cols, f.Rows, in)
		}
	case Bye:
		t.bye(c, in)
	default:
		t.expel(c, fault.InvalidArgument, fmt.Sprintf("a client does not send frames of type %d after its HELLO", f.kind()), in)
	}
}

// late hears what a client says when the program has ended: EXIT answers all of it.
func (t *Terminal) late(c *connection, f Frame, in Seen) {
	if _, leaves := f.(Bye); leaves {
		t.bye(c, in)
	}
}

// bye dismisses the ticket. Other connections under it are not admitted any more.
func (t *Terminal) bye(c *connection, in Seen) {
	a := c.ticket
	a.over = true
	t.close(c, in)
	t.dismiss(a, in)
}

// resize sets the size and tells everyone. The same size again is no change.
func (t *Terminal) resize(cols, rows uint16, in Seen) {
	size := Size{cols, rows}
	if cols == 0 || rows == 0 || size == t.size {
		return
	}
	t.size = size
	t.do(SetSize{cols, rows})
	t.note(Note{Kind: NoteResized, Cols: cols, Rows: rows}, in)
	t.tell(size)
}
