package main

import (
	"runtime"
	"time"
	"unsafe"

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

// alert waits as wait does, but for a short time at most, and without the
// runtime. To it a thread that waits has gone, and each time that one comes back
// it wakes others, who take the processor from what has just come.
func (p poller) alert(until time.Time) []unix.EpollEvent {
	timeout := alertMost
	if !until.IsZero() {
		timeout = max(0, min(timeout, time.Until(until)+time.Millisecond-1))
	}
	events := p.ask(timeout)
	if len(events) == 0 {
		runtime.Gosched() // or it would interrupt a thread that seems to work for long
	}
	return events
}

// look looks again and again for a time. Others who wait for this processor go
// first: what is looked for is their work.
func (p poller) look(most time.Duration) []unix.EpollEvent {
	for until := time.Now().Add(most); time.Now().Before(until); {
		if events := p.ask(0); len(events) > 0 {
			return events
		}
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // it cannot fail
	}
	return nil
}

// ask is epoll_pwait, without the runtime.
func (p poller) ask(most time.Duration) []unix.EpollEvent {
	n, _, err := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p.events))),
		uintptr(len(p.events)), uintptr(most/time.Millisecond), 0, 0)
	if err != 0 {
		return nil
	}
	return p.events[:n]
}
