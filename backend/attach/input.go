package attach

import (
	"fmt"
	"slices"

	"atelier.dev/atelier/backend/fault"
)

// piece is one INPUT that was accepted and is not written yet.
type piece struct {
	from       *attachment
	first      Conn // the connection that brought it
	seq, epoch uint64
	bytes      []byte
	// owed are the connections to answer: whoever brought it, and brought it
	// again when it was not answered.
	owed []*connection
}

func (p *piece) cost() int { return len(p.bytes) + pieceCost*len(p.owed) }

// input answers each INPUT once, by ACK or REFUSED.
func (t *Terminal) input(c *connection, f Input, in Seen) {
	a := c.ticket
	switch {
	case f.Seq == 0:
		t.expel(c, fault.InvalidArgument, "input is numbered from 1", in)
	case f.Seq <= a.written:
		t.send(c, Ack{f.Seq})
	case f.Seq <= a.taken:
		t.owe(t.pieceOf(a, f.Seq), c)
	default:
		if code, message := t.mayType(a, f); code != 0 {
			t.refuse(c, f.Seq, code, message)
			return
		}
		t.take(c, f)
	}
}

// mayType tells why input is not written; code 0: it is.
func (t *Terminal) mayType(a *attachment, f Input) (code fault.Code, message string) {
	switch {
	case t.pid == 0:
		return fault.FailedPrecondition, notStarted
	case t.driver == nil:
		return fault.Aborted, "nobody has the keyboard"
	case t.driver != a:
		return fault.Aborted, t.driver.label + " has the keyboard"
	case f.Epoch != t.epoch:
		return fault.Aborted, fmt.Sprintf("turn %d is over; this is turn %d", f.Epoch, t.epoch)
	case f.Seq != a.taken+1:
		return fault.OutOfRange, fmt.Sprintf("input %d came, and %d was expected", f.Seq, a.taken+1)
	}
	return 0, ""
}

func (t *Terminal) take(c *connection, f Input) {
	p := &piece{from: c.ticket, first: c.id, seq: f.Seq, epoch: f.Epoch, bytes: slices.Clone(f.Bytes)}
	c.ticket.taken = f.Seq
	t.unwritten += len(p.bytes)
	t.waiting = append(t.waiting, p)
	t.owe(p, c)
	t.typeNext()
}

// owe notes down whom to answer when p is written, and holds a connection that
// brings more than the terminal takes.
func (t *Terminal) owe(p *piece, c *connection) {
	p.owed = append(p.owed, c)
	t.unwritten += pieceCost
	if t.unwritten >= MaxUnwritten && !c.held {
		c.held = true
		t.do(Hold{c.id})
	}
}

// pieceOf returns a piece that was taken and is not written.
func (t *Terminal) pieceOf(a *attachment, seq uint64) *piece {
	if p := t.writing; p != nil && p.from == a && p.seq == seq {
		return p
	}
	// They are the driver's, in a row.
	return t.waiting[seq-t.waiting[0].seq]
}

// typeNext begins to write the next piece when none is being written.
func (t *Terminal) typeNext() {
	if t.writing != nil || len(t.waiting) == 0 {
		return
	}
	p := t.waiting[0]
	t.waiting[0] = nil
	t.waiting = t.waiting[1:]
	t.writing = p
	t.do(Type{p.first, p.seq, p.epoch, p.bytes})
}

// Typed says that the bytes of the last Type are written. secret: the terminal
// reads a secret now (canonical, without echo), of which nothing is noted, not
// even how long it is.
func (t *Terminal) Typed(secret bool, in Seen) []Effect {
	p := t.writing
	if p == nil {
		return nil
	}
	t.writing = nil
	p.from.written = p.seq
	if !secret {
		t.count(p.epoch, len(p.bytes), in)
	}
	for _, c := range p.owed {
		t.send(c, Ack{p.seq})
	}
	t.typeNext()
	t.written(p)
	return t.effects()
}

// Untyped says that the bytes of the last Type could not be written, because the
// terminal takes no more. Some of them may have been.
func (t *Terminal) Untyped(_ Seen) []Effect {
	p := t.writing
	if p == nil {
		return nil
	}
	t.writing = nil
	t.waiting = append([]*piece{p}, t.waiting...)
	t.giveUp(fault.FailedPrecondition, ended)
	return t.effects()
}

// giveUp refuses all input whose writing has not begun. Its numbers are free again.
func (t *Terminal) giveUp(code fault.Code, message string) {
	given := t.waiting
	t.waiting = nil
	for _, p := range given {
		p.from.taken = min(p.from.taken, p.seq-1)
		for _, c := range p.owed {
			t.refuse(c, p.seq, code, message)
		}
		t.written(p)
	}
}

// written lets go of a piece and lets connections bring more.
func (t *Terminal) written(p *piece) {
	t.unwritten -= p.cost()
	if t.unwritten > MaxUnwritten/2 {
		return
	}
	for _, c := range t.conns {
		if c.held {
			c.held = false
			t.do(Release{c.id})
		}
	}
}
