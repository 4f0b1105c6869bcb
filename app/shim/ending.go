package main

import (
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/pty"
)

// ending is the way from the program's end to ours: its last output is taken and
// synced, its end is noted, and clients get their last bytes.
type ending struct {
	begun   bool // the program has ended
	status  pty.Status
	heardAt time.Time // when its terminal last said something
	until   time.Time // when we stop listening in any case
	heardOf int       // bytes since its end
	drained bool
	wake    int // an eventfd on which the end of the sync is told
	told    bool
}

// programEnded takes the program's status, and what it left in the terminal.
func (h *holder) programEnded() {
	status, ended, err := h.program.Exit()
	if err != nil {
		complain(err)
	}
	if !ended || h.ending.begun {
		return
	}
	ours(h.poller.watch(h.program.Ended(), unix.EPOLLIN, 0, aboutEnd, 0))
	now := time.Now()
	h.ending.begun, h.ending.status = true, status
	h.ending.heardAt, h.ending.until = now, now.Add(drainLongest)
	if h.output.written == h.output.read {
		h.output.suspended = false
	}
	h.output.deserted = false
	h.drain()
	h.watchTerminal()
}

// heard counts what comes after the program's end.
func (e *ending) heard(n int, now time.Time) {
	if e.begun {
		e.heardAt, e.heardOf = now, e.heardOf+n
	}
}

// drainedAt is when a terminal that a child still holds is given up.
func (e *ending) drainedAt() time.Time {
	if !e.begun || e.drained {
		return time.Time{}
	}
	if quiet := e.heardAt.Add(drainQuiet); quiet.Before(e.until) {
		return quiet
	}
	return e.until
}

// endings goes on with what comes after the program's end.
func (h *holder) endings(now time.Time) {
	e := &h.ending
	if e.begun && !e.drained && h.output.written == h.output.read &&
		(h.output.deserted || e.heardOf >= drainMost || !now.Before(e.drainedAt())) {
		h.drainedAll()
	}
	if at := h.partAt(); !at.IsZero() && !now.Before(at) {
		for _, c := range append([]*client(nil), h.clients...) {
			if c.ends() && !now.Before(c.overdue()) {
				h.lost(c)
			}
		}
	}
}

// drainedAll is when the last byte is in the spool. It is synced aside: clients
// go on meanwhile.
func (h *holder) drainedAll() {
	h.ending.drained = true
	h.watchTerminal()
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = h.poller.watch(wake, 0, unix.EPOLLIN, aboutSync, 0)
	}
	if err != nil {
		complain(err)
		h.noteEnd()
		return
	}
	h.ending.wake = wake
	go func() {
		if err := h.spool.Sync(); err != nil {
			complain(err) // the core's own sync fails too, and it says so
		}
		_, err := unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		ours(err)
	}()
}

func (h *holder) synced() {
	unix.Close(h.ending.wake)
	h.noteEnd()
}

func (h *holder) noteEnd() {
	h.ending.told = true
	h.stopTyping()
	h.tellCore(time.Now())
	h.do(h.machine.Exited(h.ending.status.Status, h.ending.status.Signal, h.seen()))
	for _, c := range h.clients {
		c.wait(time.Now())
	}
}

// over reports whether nothing is left to do.
func (h *holder) over() bool {
	if !h.ending.told || len(h.unnoted) > 0 {
		return false
	}
	for _, c := range h.clients {
		if !c.idle(h.spool.End()) || c.parting {
			return false
		}
	}
	return true
}

// partAt is when a connection that is to end is next looked at.
func (h *holder) partAt() time.Time {
	var first time.Time
	for _, c := range h.clients {
		if c.ends() && (first.IsZero() || c.overdue().Before(first)) {
			first = c.overdue()
		}
	}
	return first
}
