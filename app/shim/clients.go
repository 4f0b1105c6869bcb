package main

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
)

// accept lets clients in.
func (h *holder) accept() {
	for range acceptMost {
		fd, err := h.socket.accept()
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case err != nil:
		default:
			h.open(fd)
		}
	}
}

func (h *holder) open(fd int) {
	ours(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer))
	h.nextID++
	c := &client{id: h.nextID, fd: fd, in: attach.NewSplitter(nil)}
	h.clients = append(h.clients, c)
	h.byID[c.id] = c
	h.touch(c)
	if h.ending.told {
		c.wait(time.Now())
	}
	h.do(h.machine.Open(c.id, h.seen()))
}

func (h *holder) clientEvent(c *client, events uint32) {
	const gone = unix.EPOLLHUP | unix.EPOLLERR | unix.EPOLLRDHUP
	if c.held && events&gone != 0 {
		h.lost(c) // what it sent and was not read was not acknowledged either
		return
	}
	if events&(unix.EPOLLOUT|gone) != 0 {
		c.blocked = false
	}
	if !c.parting && !c.held {
		h.hear(c)
	}
	h.touch(c)
}

// hear reads what a client says.
func (h *holder) hear(c *client) {
	for read := 0; read < readMost && !c.held && !c.parting; {
		space := c.in.Space()
		n, err := unix.Read(c.fd, space)
		switch {
		case err == unix.EAGAIN, err == unix.EINTR:
			return
		case err != nil, n == 0:
			h.lost(c)
			return
		}
		c.in.Filled(n)
		read += n
		if !h.frames(c) || n < len(space) {
			return
		}
	}
}

// frames brings what was read to the machine. It is false when that was no frame.
func (h *holder) frames(c *client) bool {
	for {
		body, ok, err := c.in.Next()
		if err == nil && !ok {
			return true
		}
		var f attach.Frame
		if err == nil {
			f, err = attach.Decode(body)
		}
		if err != nil {
			h.do(h.machine.Broken(c.id, err, h.seen()))
			return false
		}
		if _, joins := f.(attach.Hello); joins && h.crowded() {
			h.turnAway(c)
			return false
		}
		h.do(h.machine.Frame(c.id, f, h.seen()))
	}
}

// lost forgets a connection that has ended, or that has stopped reading.
func (h *holder) lost(c *client) {
	if h.byID[c.id] == nil {
		return
	}
	delete(h.byID, c.id)
	h.clients = slices.DeleteFunc(h.clients, func(known *client) bool { return known == c })
	unix.Close(c.fd)
	h.do(h.machine.Closed(c.id, h.seen()))
}

// pumpDirty looks after the clients to whom something may be sent.
func (h *holder) pumpDirty() {
	for len(h.dirty) > 0 {
		all := h.dirty
		h.dirty = nil
		for _, c := range all {
			c.dirty = false
			if h.byID[c.id] != nil {
				h.pump(c)
			}
		}
		if h.dirty == nil {
			clear(all)
			h.dirty = all[:0]
		}
	}
}

// pump sends a client what waits for it, as far as its socket takes it.
func (h *holder) pump(c *client) {
	for sent := 0; sent < pumpMost && !c.blocked; {
		if err := h.compose(c); err != nil {
			complain(err)
			h.lost(c)
			return
		}
		n, err := h.push(c)
		switch {
		case errors.Is(err, unix.EAGAIN):
			c.blocked = true
		case errors.Is(err, unix.EINTR):
		case err != nil, n == 0 && c.parting:
			h.lost(c)
			return
		case n == 0:
			sent = pumpMost
		}
		sent += n
		if n > 0 && c.ends() {
			c.moved = time.Now()
		}
	}
	h.rewatch(c)
}

// compose decides what is sent next: it leaves a frame of output that has begun,
// or bytes in first, or nothing.
func (h *holder) compose(c *client) error {
	if c.inFrame() || len(c.first) > 0 {
		return nil
	}
	if err := h.refill(c); err != nil || len(c.first) > 0 {
		return err
	}
	end := h.spool.End()
	if c.fed && len(c.queue) == 0 {
		if to, skip := attach.Lag(c.sent, end, c.maxLag); skip {
			c.send(attach.Skipped{From: c.sent, To: to})
			c.sent, c.frameEnd = to, to
		}
	}
	if c.exit != nil && (!c.fed || c.sent >= c.exit.End) {
		c.send(*c.exit)
		c.part(time.Now())
	}
	if len(c.queue) > 0 {
		c.first, c.queue = c.queue, c.first[:0]
		return nil
	}
	if c.fed && c.sent < end {
		c.begin(min(end, c.sent+batch))
	}
	return nil
}

// push sends some of what was composed.
func (h *holder) push(c *client) (int, error) {
	if !c.inFrame() {
		if len(c.first) == 0 {
			return 0, nil
		}
		n, err := unix.SendmsgN(c.fd, c.first, nil, nil, unix.MSG_NOSIGNAL)
		c.first = shrink(c.first, max(n, 0))
		return max(n, 0), err
	}
	body, err := h.output.since(h.spool, c.sent, c.frameEnd)
	if err != nil {
		return 0, err
	}
	n, err := unix.SendmsgBuffers(c.fd, [][]byte{c.head, body}, nil, nil, unix.MSG_NOSIGNAL)
	n = max(n, 0)
	ofHead := min(n, len(c.head))
	c.head = c.head[ofHead:]
	c.sent += uint64(n - ofHead)
	return n, err
}

// rewatch asks epoll for what the client now waits for.
func (h *holder) rewatch(c *client) {
	if h.byID[c.id] == nil {
		return
	}
	to := c.interest()
	if !c.blocked && !c.idle(h.spool.End()) {
		to |= unix.EPOLLOUT // others have their turn first
	}
	if err := h.poller.watch(c.fd, c.mask, to, aboutClient, uint32(c.id)); err != nil {
		complain(err)
		h.lost(c)
		return
	}
	c.mask = to
}
