package main

import (
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// What an event is about; it stands where epoll leaves room for a descriptor,
// which would be used again too soon.
const (
	aboutClient int32 = iota
	aboutTerminal
	aboutEnd
	aboutSocket
	aboutSync
)

// poller is one epoll and what it was asked to watch.
type poller struct {
	fd     int
	events []unix.EpollEvent
}

func newPoller() (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return poller{}, fault.Wrap(err, fault.ResourceExhausted, "shim_unavailable", "cannot watch the terminal", "end some programs")
	}
	return poller{fd, make([]unix.EpollEvent, 64)}, nil
}

// watch changes what is watched of fd from one mask to another; 0 is nothing,
// not even that the other end has gone.
func (p poller) watch(fd int, from, to uint32, about int32, id uint32) error {
	if from == to {
		return nil
	}
	operation := unix.EPOLL_CTL_MOD
	switch {
	case from == 0:
		operation = unix.EPOLL_CTL_ADD
	case to == 0:
		operation = unix.EPOLL_CTL_DEL
	}
	return unix.EpollCtl(p.fd, operation, fd, &unix.EpollEvent{Events: to, Fd: about, Pad: int32(id)})
}

// wait waits for events, or until a time; the zero time is for ever.
func (p poller) wait(until time.Time) []unix.EpollEvent {
	timeout := -1
	if !until.IsZero() {
		// Rounded up: woken too early, we would only wait again.
		timeout = int(max(0, time.Until(until)+time.Millisecond-1) / time.Millisecond)
	}
	n, err := unix.EpollWait(p.fd, p.events, timeout)
	if err != nil {
		return nil
	}
	return p.events[:n]
}
