package main

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/pty"
	"atelier.dev/atelier/backend/spool"
)

// holder holds one terminal. Everything in it belongs to one thread, which
// waits in poller for whatever comes next.
type holder struct {
	launch  launch
	spool   *spool.Writer
	socket  *socket
	poller  poller
	program *pty.Terminal
	machine *attach.Terminal

	clients []*client
	byID    map[attach.Conn]*client
	nextID  attach.Conn
	dirty   []*client // something may be sent to them

	todo    []attach.Effect
	doing   bool
	unnoted []unnoted

	output  output
	typing  typing
	typedAt time.Time
	ending  ending

	socketAt time.Time // when the socket's file is looked for next
	unheard  string    // why it could not be made anew, once that is told
}

// begin does everything up to a running program. When that cannot be, the notes
// say so, as far as there is a folder to write them in.
func begin(dir string) (*holder, error) {
	w, err := spool.Open(dir)
	if err != nil {
		return nil, err
	}
	h := &holder{spool: w, byID: map[attach.Conn]*client{}, ending: ending{wake: -1}}
	if w.Last() > 0 || w.End() > 0 {
		w.Close()
		return nil, fault.New(fault.FailedPrecondition, "spool_used", dir+" holds another execution", "start the program again")
	}
	if err := h.start(); err != nil {
		h.fail(err)
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *holder) start() (err error) {
	if h.launch, err = readLaunch(0); err != nil {
		return err
	}
	key, err := h.launch.key()
	if err != nil {
		return err
	}
	l := h.launch
	h.machine = attach.NewTerminal(key, attach.Size{Cols: l.Cols, Rows: l.Rows})
	h.output.quota, h.output.reserve = l.Quota, l.Reserve
	if h.poller, err = newPoller(); err != nil {
		return err
	}
	if h.socket, err = listen(l.Socket); err != nil {
		return err
	}
	self, err := spool.Self(l.Socket, key)
	if err != nil {
		return err
	}
	// Before the program runs: one that runs must be found.
	if err := h.spool.WriteLaunch(self); err != nil {
		return err
	}
	h.program, err = pty.Start(pty.Command{Program: l.Program, Argv: l.Argv, Folder: l.Cwd, Environment: l.Environment,
		Cols: l.Cols, Rows: l.Rows, Umask: l.Umask})
	if err != nil {
		return err
	}
	h.do(h.machine.Started(uint32(h.program.PID()), h.seen()))
	return h.watchAll()
}

func (h *holder) watchAll() error {
	h.watchTerminal()
	h.socketAt = time.Now().Add(socketEvery)
	err := errors.Join(
		h.poller.watch(h.program.Ended(), 0, unix.EPOLLIN, aboutEnd, 0),
		h.poller.watch(h.socket.fd, 0, unix.EPOLLIN, aboutSocket, 0))
	if err != nil {
		return fault.Wrap(err, fault.ResourceExhausted, "shim_unavailable", "cannot watch the program", "end some programs")
	}
	return nil
}

// fail notes that the program could not be started, or held.
func (h *holder) fail(err error) {
	if h.machine == nil {
		h.machine = attach.NewTerminal(attach.Key{}, attach.Size{})
	}
	if h.program != nil {
		_ = h.program.Signal(int(unix.SIGKILL))
	}
	h.do(h.machine.Failed(errnoOf(err), fault.Of(err).Message, h.seen()))
}

func (h *holder) seen() attach.Seen {
	return attach.Seen{Now: time.Now().UnixNano(), End: h.spool.End()}
}

// loop runs until the program has ended and every client knows.
func (h *holder) loop() {
	for {
		h.pumpDirty()
		if h.over() { // looked at before waiting: what was just sent may have been the last
			return
		}
		for _, e := range h.events() {
			h.handle(e)
		}
		h.tick(time.Now())
	}
}

// events waits for what comes next. While somebody types, the thread stays
// alert, and awake for the echo itself: most of its time would be waking up.
func (h *holder) events() []unix.EpollEvent {
	since := time.Since(h.typedAt)
	if since < echoAwake {
		if events := h.poller.look(echoAwake - since); len(events) > 0 {
			return events
		}
	}
	if since < alertFor {
		return h.poller.alert(h.due())
	}
	return h.poller.wait(h.due())
}

func (h *holder) handle(e unix.EpollEvent) {
	switch e.Fd {
	case aboutClient:
		if c := h.byID[attach.Conn(uint32(e.Pad))]; c != nil {
			h.clientEvent(c, e.Events)
		}
	case aboutTerminal:
		h.terminalEvent(e.Events)
	case aboutEnd:
		h.programEnded()
	case aboutSocket:
		h.accept()
	case aboutSync:
		h.synced()
	}
}

// due is when something is to be done without an event; the zero time is never.
func (h *holder) due() time.Time {
	var first time.Time
	sooner := func(at time.Time) {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if at, ok := h.machine.Due(); ok {
		sooner(time.Unix(0, at))
	}
	sooner(h.socketAt)
	sooner(h.output.tellAt)
	sooner(h.output.retryAt)
	sooner(h.ending.drainedAt())
	sooner(h.partAt())
	for _, c := range h.clients {
		sooner(c.ackAt)
	}
	return first
}

func (h *holder) tick(now time.Time) {
	if at, ok := h.machine.Due(); ok && now.UnixNano() >= at {
		h.do(h.machine.Tick(h.seen()))
	}
	if at := h.output.tellAt; !at.IsZero() && !now.Before(at) {
		h.tellCore(now)
	}
	if at := h.output.retryAt; !at.IsZero() && !now.Before(at) {
		h.retry()
	}
	for _, c := range h.clients {
		if !c.ackAt.IsZero() && !now.Before(c.ackAt) {
			c.settle()
			h.touch(c)
		}
	}
	if !now.Before(h.socketAt) {
		h.keepSocket(now)
	}
	h.endings(now)
}

func (h *holder) close() {
	for _, c := range h.clients {
		unix.Close(c.fd)
	}
	if h.program != nil {
		h.program.Close()
	}
	if h.socket != nil {
		h.socket.close()
	}
	if err := h.spool.Sync(); err != nil {
		complain(err)
	}
	h.spool.Close()
}

// ours tells the log of a failure that only a defect of ours can bring.
func ours(err error) {
	if err != nil {
		_, _ = os.Stderr.WriteString("atelier-shim: " + err.Error() + "\n")
	}
}
