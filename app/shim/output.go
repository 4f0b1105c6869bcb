package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/pty"
	"atelier.dev/atelier/backend/spool"
)

// output is the way of the bytes: from the terminal into a buffer, from there
// into the spool, and then to the clients, who find the last batch in the buffer
// still and all else in the spool.
type output struct {
	buffer  []byte // one batch; made when the program first says something
	base    uint64 // the offset of its beginning
	read    int    // bytes in it
	written int    // of them, those in the spool
	older   []byte // for reading back

	mask     uint32 // what epoll watches of the terminal
	deserted bool   // nobody held the terminal when it was last read

	quota, reserve uint64
	free           uint64    // bytes that may be written before looking again
	looked         time.Time // at the disk
	suspended      bool

	tellAt, told time.Time // the core of what was written
	retryAt      time.Time
}

func (o *output) end() uint64 { return o.base + uint64(o.written) }

// since returns output from an offset on, no more than up to end and as much as
// is at hand. It is the buffer's or holds until the next read.
func (o *output) since(w *spool.Writer, from, end uint64) ([]byte, error) {
	if from >= o.base && end <= o.end() {
		return o.buffer[from-o.base : end-o.base], nil
	}
	if o.older == nil {
		o.older = make([]byte, batch)
	}
	n, err := w.ReadAt(o.older[:min(batch, end-from)], from)
	if err == nil && n == 0 {
		err = fault.New(fault.DataLoss, "output_short", "the spool has lost output", "restore it from a backup")
	}
	return o.older[:n], err
}

// terminalEvent is what epoll tells of the terminal.
func (h *holder) terminalEvent(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		h.typeOn()
	}
	if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		// Epoll would say so for ever, whatever we ask.
		h.output.deserted, h.typing.waits = true, false
		h.retrySoon(time.Now())
	}
	h.drain()
	h.watchTerminal()
}

// drain takes what the program wrote, as much as may be kept.
func (h *holder) drain() {
	o := &h.output
	if o.suspended || o.written < o.read || h.ending.drained {
		return
	}
	room, why := h.room()
	if room == 0 {
		h.suspend(why)
		return
	}
	if o.buffer == nil {
		o.buffer = make([]byte, batch)
	}
	o.base, o.read, o.written = h.spool.End(), 0, 0
	deserted := h.gather(o.buffer[:min(room, batch)])
	o.deserted = deserted
	if deserted {
		h.retrySoon(time.Now())
	}
	if o.read > 0 {
		h.ending.heard(o.read, time.Now())
		h.store()
	}
}

// gather fills into as far as the terminal gives bytes. In a flood it waits for
// moments: what comes then is written and sent in one. It is true when nobody
// holds the terminal.
func (h *holder) gather(into []byte) (deserted bool) {
	o := &h.output
	for waited := 0; o.read < len(into); {
		n, err := h.program.Read(into[o.read:])
		o.read += n
		switch {
		case err == nil:
		case !errors.Is(err, pty.ErrNotNow):
			if !errors.Is(err, io.EOF) {
				complain(err)
			}
			return true
		case o.read < flood, waited == moments, !h.program.More(moment):
			return false
		default:
			waited++
		}
	}
	return false
}

// store writes what was read to the spool. What a full disk does not take stays
// in the buffer, and the program is held until it is written.
func (h *holder) store() {
	o := &h.output
	n, err := h.spool.Append(o.buffer[o.written:o.read])
	o.written += n
	o.free -= min(o.free, uint64(n))
	if n > 0 {
		h.grown()
	}
	if err != nil {
		h.suspend(fault.Of(err).Message)
	}
}

// grown gives the clients what is new and has the core told.
func (h *holder) grown() {
	for _, c := range h.clients {
		if c.fed && !c.blocked {
			h.touch(c)
		}
	}
	h.pumpDirty()
	o := &h.output
	if !o.tellAt.IsZero() {
		return
	}
	now := time.Now()
	if o.tellAt = o.told.Add(tellEvery); !now.Before(o.tellAt) {
		h.tellCore(now)
	}
}

func (h *holder) tellCore(now time.Time) {
	h.output.told, h.output.tellAt = now, time.Time{}
	h.do(h.machine.Wrote(h.seen()))
}

// room is how much output may be kept now, and why none.
func (h *holder) room() (int, string) {
	o := &h.output
	if h.ending.begun {
		// The kernel's rest of an ended program is little, and waits for nobody.
		return batch, ""
	}
	end := h.spool.End()
	if end >= o.quota {
		return 0, fmt.Sprintf("the transcript has reached its limit of %d bytes", o.quota)
	}
	h.lookAtDisk()
	if o.free == 0 {
		return 0, fmt.Sprintf("the disk has no more than the %d bytes free that are kept in reserve", o.reserve)
	}
	return int(min(o.quota-end, o.free, batch)), ""
}

// lookAtDisk asks for the free space, when the last answer is old or used up.
func (h *holder) lookAtDisk() {
	o := &h.output
	now := time.Now()
	if o.free > 0 && now.Sub(o.looked) < lookEvery {
		return
	}
	free, err := h.spool.Free()
	if err != nil {
		complain(err)
		free = o.reserve + lookAfter // a full disk will say so itself
	}
	o.looked = now
	o.free = min(free-min(free, o.reserve), lookAfter)
}

// suspend holds the program: nothing is read of it, and when the kernel's buffer
// is full it waits.
func (h *holder) suspend(why string) {
	h.output.suspended = true
	h.retrySoon(time.Now())
	h.do(h.machine.Suspended(true, why, h.seen()))
	h.watchTerminal()
}

func (h *holder) retrySoon(now time.Time) { h.output.retryAt = now.Add(retryEvery) }

// retry tries again what a full disk, a limit or a deserted terminal prevented.
func (h *holder) retry() {
	o := &h.output
	o.retryAt = time.Time{}
	if h.retryNotes(); len(h.unnoted) > 0 {
		h.retrySoon(time.Now())
	}
	if o.written < o.read {
		h.store()
	}
	if o.suspended && o.written == o.read {
		h.resume()
	}
	if o.deserted {
		h.drain()
		h.typeOn()
	}
	h.watchTerminal()
}

// resume lets the program go on if it may.
func (h *holder) resume() {
	o := &h.output
	if room, _ := h.room(); room == 0 {
		h.retrySoon(time.Now())
		return
	}
	o.suspended = false
	h.do(h.machine.Suspended(false, "", h.seen()))
}

func (h *holder) setLimit(e attach.SetLimit) {
	h.output.quota, h.output.reserve, h.output.free = e.Quota, e.Reserve, 0
	if h.output.suspended {
		h.output.retryAt = time.Now()
	}
}

// watchTerminal asks epoll for what there is to do at the terminal.
func (h *holder) watchTerminal() {
	o := &h.output
	var to uint32
	if !o.suspended && !o.deserted && !h.ending.drained {
		to |= unix.EPOLLIN
	}
	if h.typing.waits {
		to |= unix.EPOLLOUT
	}
	if err := h.poller.watch(h.program.FD(), o.mask, to, aboutTerminal, 0); err != nil {
		ours(err)
		return
	}
	o.mask = to
}
