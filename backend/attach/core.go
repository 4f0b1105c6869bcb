package attach

import (
	"crypto/subtle"
	"fmt"
	"slices"

	"atelier.dev/atelier/backend/fault"
)

// maxSignal is the highest number of a signal on Linux.
const maxSignal = 64

// hail hears a core. It takes the place of the one before.
func (t *Terminal) hail(c *connection, f Core, in Seen) {
	switch {
	case f.Version != Version:
		t.expel(c, fault.Unimplemented, unspoken, in)
	case subtle.ConstantTimeCompare(f.Key[:], t.key[:]) != 1:
		t.expel(c, fault.Unauthenticated, "the key is not the one of this terminal's launch", in)
	case f.Note > t.notes:
		t.expel(c, fault.OutOfRange, fmt.Sprintf("notes after %d were asked for, and the last is %d", f.Note, t.notes), in)
	default:
		if t.core != nil {
			t.expel(t.core, fault.Aborted, "another core has taken over", in)
		}
		t.core = c
		t.report(f.Note, in)
	}
}

// report tells the core what is held, and gives it the notes that it lacks.
func (t *Terminal) report(after uint64, in Seen) {
	t.send(t.core, Holding{Version, t.pid, t.epoch, in.End, t.notes})
	for _, a := range t.tickets {
		t.send(t.core, Held{a.ticket, a.outputs > 0})
	}
	if after < t.notes {
		t.do(ReplayNotes{t.core.id, after, t.notes})
	}
}

// request hears the core and answers. Of SIGNAL the shim knows how it went.
func (t *Terminal) request(c *connection, f Frame, in Seen) {
	var refused *fault.Error
	switch f := f.(type) {
	case Admit:
		refused = t.admit(f, in)
	case Dismiss:
		if a := t.admitted(f.Ticket); a != nil {
			t.dismiss(a, in)
		}
	case Grant:
		refused = t.grant(f, in)
	case ResizeByCore:
		refused = t.resizeByCore(f, in)
	case Limit:
		t.do(SetLimit(f))
	case Signal:
		if refused = t.maySignal(f); refused == nil {
			t.do(SignalGroup{c.id, f.Signal})
			return
		}
	default:
		t.expel(c, fault.InvalidArgument, fmt.Sprintf("a core does not send frames of type %d after CORE", f.kind()), in)
		return
	}
	t.send(c, done(f.kind(), refused))
}

func done(request Kind, refused *fault.Error) Done {
	if refused == nil {
		return Done{Request: request}
	}
	return Done{request, refused.Code.String(), refused.Message}
}

func (t *Terminal) admit(f Admit, in Seen) *fault.Error {
	a := t.admitted(f.Ticket)
	switch {
	case f.Ticket.IsZero():
		return fault.New(fault.InvalidArgument, "ticket_zero", "the zero ticket is nobody", "make a ticket of random bytes")
	case a != nil:
		a.label, a.mayDrive = f.Label, f.MayDrive
		if t.driver == a && !a.mayDrive {
			t.nobody(in)
		}
	case len(t.tickets) >= MaxTickets:
		return fault.New(fault.ResourceExhausted, "tickets", fmt.Sprintf("this terminal has admitted %d tickets already", MaxTickets),
			"dismiss those that are not used")
	default:
		t.tickets = append(t.tickets, &attachment{ticket: f.Ticket, label: f.Label, mayDrive: f.MayDrive})
	}
	return nil
}

// dismiss ends a ticket: its connections, its turn, and its numbers. A connection
// that is given the last bytes of a program that has ended is left to get them.
func (t *Terminal) dismiss(a *attachment, in Seen) {
	a.over = true
	t.tickets = slices.DeleteFunc(t.tickets, func(known *attachment) bool { return known == a })
	drove := t.driver == a
	if drove {
		t.driver = nil
		t.noteTyped(in)
		t.giveUp(fault.Aborted, "the ticket was dismissed")
	}
	for _, c := range slices.Clone(t.conns) {
		if c.ticket == a && !c.finished {
			t.expel(c, fault.Unauthenticated, "the ticket was dismissed", in)
		}
	}
	t.note(Note{Kind: NoteDetached, Ticket: a.ticket, Left: true}, in)
	if drove {
		t.tellTurn()
	}
}

// nobody ends a turn without a new one.
func (t *Terminal) nobody(in Seen) {
	t.driver = nil
	t.turnOver(in)
}

// turnOver is what a change of who drives brings: every client hears of it, and
// input of the turn before that waits is refused.
func (t *Terminal) turnOver(in Seen) {
	t.noteTyped(in)
	t.tellTurn()
	t.giveUp(fault.Aborted, "the turn is over")
}

func (t *Terminal) tellTurn() {
	for _, c := range t.conns {
		if c.output {
			t.send(c, Turn{t.epoch, t.driver == c.ticket, t.driverLabel()})
		}
	}
}

func (t *Terminal) grant(f Grant, in Seen) *fault.Error {
	a := t.admitted(f.Ticket)
	switch {
	case t.state == Exited:
		return fault.New(fault.FailedPrecondition, "not_running", ended, "nothing is to be typed")
	case f.Epoch <= t.epoch:
		return fault.New(fault.Aborted, "epoch_old", fmt.Sprintf("turn %d was granted already; this is turn %d", f.Epoch, t.epoch),
			"grant a later one")
	case a == nil && !f.Ticket.IsZero():
		return fault.New(fault.NotFound, "ticket_unknown", "this terminal does not know the ticket", "admit it first")
	case a != nil && !a.mayDrive:
		return fault.New(fault.PermissionDenied, "may_not_drive", "the ticket may not drive", "admit it as one that may")
	}
	t.epoch, t.driver = f.Epoch, a
	t.turnOver(in)
	return nil
}

func (t *Terminal) resizeByCore(f ResizeByCore, in Seen) *fault.Error {
	switch {
	case f.Cols == 0 || f.Rows == 0:
		return fault.New(fault.InvalidArgument, "size", "a terminal has at least one column and one row", "name a larger size")
	case t.state == Exited:
		return fault.New(fault.FailedPrecondition, "not_running", ended, "nothing is to be resized")
	}
	t.resize(f.Cols, f.Rows, in)
	return nil
}

func (t *Terminal) maySignal(f Signal) *fault.Error {
	switch {
	case f.Signal == 0 || f.Signal > maxSignal:
		return fault.New(fault.InvalidArgument, "signal", fmt.Sprintf("there is no signal %d", f.Signal), "see kill(1)")
	case t.state == Exited:
		return fault.New(fault.FailedPrecondition, "not_running", ended, "nothing is to be signalled")
	case t.pid == 0:
		return fault.New(fault.FailedPrecondition, "not_running", notStarted, "try again when it runs")
	}
	return nil
}
