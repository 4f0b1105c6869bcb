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
	// owed are the answers to whoever brought it, and brought it again when it
	// was not answered.
	owed []*answer
}

// answer is what a connection hears about one INPUT, in the order of its INPUT: a
// client takes everything before a number that is refused for written. What is
// being written will be, so a refusal does not wait for a program that reads late.
type answer struct {
	to      *connection
	seq     uint64
	begun   bool // it is being written
	settled bool
	code    fault.Code // of a refusal; 0: written
	message string
}

// input answers each INPUT once, by ACK or REFUSED.
func (t *Terminal) input(c *connection, f Input, in Seen) {
	if f.Seq == 0 {
		t.expel(c, fault.InvalidArgument, "input is numbered from 1", in)
		return
	}
	a := t.expect(c, f.Seq)
	switch from := c.ticket; {
	case f.Seq <= from.written:
		t.settle(a, 0, "")
	case f.Seq <= from.taken:
		p := t.pieceOf(from, f.Seq)
		p.owed = append(p.owed, a)
		a.begun = p == t.writing
	default:
		if code, message := t.mayType(from, f); code != 0 {
			t.settle(a, code, message)
		} else {
			t.take(a, f)
		}
	}
	t.hold(c)
}

// expect begins to owe an answer.
func (t *Terminal) expect(c *connection, seq uint64) *answer {
	a := &answer{to: c, seq: seq}
	c.owed = append(c.owed, a)
	t.unwritten += pieceCost
	return a
}

// settle gives an answer, when those before it are given.
func (t *Terminal) settle(a *answer, code fault.Code, message string) {
	a.settled, a.code, a.message = true, code, message
	t.answer(a.to)
}

// answer says to a connection what may be said.
func (t *Terminal) answer(c *connection) {
	kept := c.owed[:0]
	for n, a := range c.owed {
		if !a.settled && !a.begun {
			kept = append(kept, c.owed[n:]...)
			break
		}
		if !a.settled {
			kept = append(kept, a)
			continue
		}
		t.unwritten -= pieceCost
		if a.code == 0 {
			t.send(c, Ack{a.seq})
		} else {
			t.refuse(c, a.seq, a.code, a.message)
		}
	}
	clear(c.owed[len(kept):])
	c.owed = kept
}

// forgive ends what is owed to a connection that has ended.
func (t *Terminal) forgive(c *connection) {
	t.unwritten -= pieceCost * len(c.owed)
	c.owed = nil
}

// hold stops a connection that brings more than the terminal takes.
func (t *Terminal) hold(c *connection) {
	if t.unwritten >= MaxUnwritten && !c.held {
		c.held = true
		t.do(Hold{c.id})
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

func (t *Terminal) take(a *answer, f Input) {
	from := a.to.ticket
	from.taken = f.Seq
	t.unwritten += len(f.Bytes)
	t.waiting = append(t.waiting, &piece{from, a.to.id, f.Seq, f.Epoch, slices.Clone(f.Bytes), []*answer{a}})
	t.typeNext()
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
	for _, a := range p.owed {
		a.begun = true
		t.answer(a.to)
	}
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
	t.written(p, 0, "")
	t.typeNext()
	t.release()
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
		t.written(p, code, message)
	}
	t.release()
}

// written answers for a piece and lets go of it.
func (t *Terminal) written(p *piece, code fault.Code, message string) {
	t.unwritten -= len(p.bytes)
	for _, a := range p.owed {
		t.settle(a, code, message)
	}
}

// release lets connections bring more when much of it is written.
func (t *Terminal) release() {
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
