package main

import (
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// unnoted is a note for which the disk has no room yet, and the connection of
// the core that is to get it once it is written; 0 for none.
type unnoted struct {
	note attach.Note
	core attach.Conn
}

// record writes a note. One that cannot be written waits, and so do all after
// it: the core never knows more than the disk.
func (h *holder) record(n attach.Note) {
	if len(h.unnoted) == 0 {
		err := h.spool.Note(n)
		if err == nil {
			return
		}
		complain(err)
		h.retrySoon(time.Now())
	}
	h.unnoted = append(h.unnoted, unnoted{note: n})
	if h.crowded() {
		h.sendAway()
	}
}

// sendAway ends all connections but that of a core, which alone can mend the disk.
func (h *holder) sendAway() {
	for _, c := range append([]*client(nil), h.clients...) {
		if !c.core {
			h.lost(c)
		}
	}
}

// crowded reports whether no client may come in because of the notes it brings.
func (h *holder) crowded() bool { return len(h.unnoted) >= maxUnnoted }

// turnAway refuses a client for whose notes there is no room. Who a connection
// is of shows with its first frame: a core is always let in.
func (h *holder) turnAway(c *client) {
	h.send(attach.Send{Conn: c.id, Frame: attach.Refused{Code: fault.Unknown.String(),
		Message: "the disk is full, and too much waits to be noted; free space and attach again"}})
	c.part(time.Now())
	h.do(h.machine.Closed(c.id, h.seen()))
}

// sendWhenNoted has the core told of a note when it is written.
func (h *holder) sendWhenNoted(core attach.Conn, index uint64) {
	if at := int(index - h.spool.Last() - 1); at < len(h.unnoted) {
		h.unnoted[at].core = core
	}
}

// retryNotes writes the notes that wait, as many as there is room for.
func (h *holder) retryNotes() {
	for len(h.unnoted) > 0 {
		next := h.unnoted[0]
		if h.spool.Note(next.note) != nil {
			return
		}
		h.unnoted = h.unnoted[1:]
		if next.core != 0 {
			h.send(attach.Send{Conn: next.core, Frame: next.note})
		}
	}
}

// replayNotes has a core given notes from the file, and those that are not in
// it yet when they are.
func (h *holder) replayNotes(e attach.ReplayNotes) {
	h.with(e.Conn, func(c *client) { c.replayNotes(e.After, min(e.Through, h.spool.Last())) })
	for index := h.spool.Last() + 1; index <= e.Through; index++ {
		h.sendWhenNoted(e.Conn, index)
	}
}

// refill puts some of the notes that are replayed into the first queue.
func (h *holder) refill(c *client) error {
	for !c.replay.over() && len(c.first) < batch {
		notes, err := h.spool.Notes(c.replay.last)
		if err != nil {
			return err
		}
		for _, n := range notes {
			if n.Index > c.replay.through {
				break
			}
			c.first = attach.Append(c.first, n)
			c.replay.last = n.Index
		}
	}
	return nil
}
