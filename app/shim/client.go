package main

import (
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
)

// client is one connection. Frames wait in two queues: those in first go before
// notes that are read from the file, those in queue after them. Output waits in
// the spool; a frame of it that has begun goes before everything else.
type client struct {
	id      attach.Conn
	fd      int
	mask    uint32
	in      *attach.Splitter
	held    bool // not read from
	blocked bool // takes no more bytes until epoll says so
	dirty   bool // in holder.dirty
	core    bool

	first, queue []byte
	replay       replay

	fed      bool
	sent     uint64 // of the spool
	maxLag   uint64
	head     []byte // what is left of a frame's head, and of an ACK before it
	headRoom [2 * headSize]byte
	frameEnd uint64 // where the output of that frame ends

	acked uint64    // what an ACK that waits says
	ackAt time.Time // when it waits no longer; zero while none does

	exit    *attach.Exit // the last frame, after all output
	parting bool         // closed when what waits is sent
	moved   time.Time    // when it last took bytes, once it is to end
	since   time.Time    // when that was decided
}

// replay is a range of notes that goes to the core from the file.
type replay struct {
	last, through uint64
}

func (r replay) over() bool { return r.last >= r.through }

// headSize is the size of the head of an OUTPUT frame, and of an ACK.
const headSize = 13

// send queues a frame. An ACK waits a moment for output to go with: a client
// that hears of its key and of the echo at once wakes up once.
func (c *client) send(f attach.Frame) {
	ack, is := f.(attach.Ack)
	if !is || !c.fed {
		c.settle()
		c.queue = attach.Append(c.queue, f)
		return
	}
	if c.acked = ack.Seq; c.ackAt.IsZero() {
		c.ackAt = time.Now().Add(ackWait)
	}
}

// settle queues the ACK that waits.
func (c *client) settle() {
	if !c.ackAt.IsZero() {
		c.queue = attach.Append(c.queue, attach.Ack{Seq: c.acked})
		c.ackAt = time.Time{}
	}
}

// feed begins to give output.
func (c *client) feed(from, maxLag uint64) {
	c.fed, c.sent, c.frameEnd, c.maxLag = true, from, from, maxLag
}

// replayNotes puts notes between what waits and what will.
func (c *client) replayNotes(after, through uint64) {
	c.first = append(c.first, c.queue...)
	c.queue = nil
	c.replay = replay{after, through}
}

// inFrame reports whether a frame of output has begun.
func (c *client) inFrame() bool { return len(c.head) > 0 || c.sent < c.frameEnd }

// begin begins a frame of output that ends at an offset.
func (c *client) begin(end uint64) {
	end = min(end, c.sent+attach.MaxOutput)
	var head [headSize]byte
	attach.OutputHeader(&head, c.sent, int(end-c.sent))
	c.head = c.headRoom[:0]
	if !c.ackAt.IsZero() {
		c.head = attach.Append(c.head, attach.Ack{Seq: c.acked})
		c.ackAt = time.Time{}
	}
	c.head, c.frameEnd = append(c.head, head[:]...), end
}

// part ends the connection when what waits is sent.
func (c *client) part(now time.Time) {
	c.settle()
	c.parting, c.fed, c.exit = true, false, nil
	c.wait(now)
}

// wait begins to wait for the connection's end.
func (c *client) wait(now time.Time) {
	if c.since.IsZero() {
		c.since, c.moved = now, now
	}
}

// ends reports whether that has begun.
func (c *client) ends() bool { return !c.since.IsZero() }

// idle reports whether nothing waits to be sent.
func (c *client) idle(end uint64) bool {
	return !c.inFrame() && len(c.first) == 0 && len(c.queue) == 0 && c.replay.over() &&
		(!c.fed || c.sent >= end) && c.exit == nil
}

// overdue is when the wait for a connection's end is given up.
func (c *client) overdue() time.Time {
	still, longest := c.moved.Add(partStill), c.since.Add(partLongest)
	if still.Before(longest) {
		return still
	}
	return longest
}

// interest is what epoll is to tell of it.
func (c *client) interest() uint32 {
	var mask uint32
	switch {
	case c.parting:
	case c.held:
		mask |= unix.EPOLLRDHUP // that it has gone is told all the same
	default:
		mask |= unix.EPOLLIN
	}
	if c.blocked {
		mask |= unix.EPOLLOUT
	}
	return mask
}

// shrink takes n bytes from the front of a queue, and gives up its room when
// that was much.
func shrink(queue []byte, n int) []byte {
	rest := len(queue) - n
	if rest > 0 {
		return queue[n:]
	}
	if cap(queue) > keptQueue {
		return nil
	}
	return queue[:0]
}
