package main

import (
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// do carries out effects in their order. An effect may bring a fact at once, and
// that new effects: they follow those that are there.
func (h *holder) do(effects []attach.Effect) {
	h.todo = append(h.todo, effects...)
	if h.doing {
		return
	}
	h.doing = true
	for n := 0; n < len(h.todo); n++ {
		h.effect(h.todo[n])
	}
	clear(h.todo)
	h.todo, h.doing = h.todo[:0], false
}

func (h *holder) effect(e attach.Effect) {
	switch e := e.(type) {
	case attach.Type:
		h.beginTyping(e)
	case attach.SetSize:
		ours(h.program.Resize(e.Cols, e.Rows))
	case attach.SignalGroup:
		h.signal(e)
	case attach.SetLimit:
		h.setLimit(e)
	case attach.Record:
		h.record(e.Note)
	case attach.ReplayNotes:
		h.replayNotes(e)
	default:
		h.clientEffect(e)
	}
}

// clientEffect is an effect on a connection that may have gone meanwhile.
func (h *holder) clientEffect(e attach.Effect) {
	switch e := e.(type) {
	case attach.Send:
		h.send(e)
	case attach.Feed:
		h.with(e.Conn, func(c *client) { c.feed(e.From, e.MaxLag) })
	case attach.Finish:
		h.with(e.Conn, func(c *client) {
			c.exit = &e.Exit
			c.wait(time.Now())
		})
	case attach.Close:
		h.with(e.Conn, func(c *client) { c.part(time.Now()) })
	case attach.Hold:
		h.with(e.Conn, func(c *client) { c.held = true })
	case attach.Release:
		h.with(e.Conn, func(c *client) { c.held = false })
	}
}

// with does something to a client and has it looked after.
func (h *holder) with(id attach.Conn, do func(*client)) {
	if c := h.byID[id]; c != nil {
		do(c)
		h.touch(c)
	}
}

// touch has a client looked after before the next wait.
func (h *holder) touch(c *client) {
	if !c.dirty {
		c.dirty = true
		h.dirty = append(h.dirty, c)
	}
}

func (h *holder) send(e attach.Send) {
	c := h.byID[e.Conn]
	if c == nil {
		return
	}
	if note, is := e.Frame.(attach.Note); is && note.Index > h.spool.Last() {
		h.sendWhenNoted(e.Conn, note.Index)
		return
	}
	if _, is := e.Frame.(attach.Holding); is {
		c.core = true
	}
	c.send(e.Frame)
	h.touch(c)
	if len(c.queue) > maxQueued {
		h.lost(c)
	}
}

func (h *holder) signal(e attach.SignalGroup) {
	answer := attach.Done{Request: attach.KindSignal}
	if err := h.program.Signal(int(e.Signal)); err != nil {
		f := fault.Of(err)
		answer.Code, answer.Message = f.Code.String(), f.Message
	}
	h.send(attach.Send{Conn: e.Conn, Frame: answer})
}
