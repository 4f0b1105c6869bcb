package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// eot is what Ctrl-D types: the end of input.
const eot = 0x04

// loop is the life of an attachment: keys, frames, signals and time.
func (a *attachment) loop(ctx context.Context) error {
	signals := make(chan os.Signal, 8)
	// SIGPIPE too: a reader of our output that leaves must not leave the terminal raw.
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE)
	defer signal.Stop(signals)
	if err := a.connect(ctx); err != nil {
		a.broken()
	}
	typed := make(chan []byte)
	go a.guarded(func() { a.readInput(ctx, typed) })
	tick := time.NewTicker(reconnectEvery)
	defer tick.Stop()
	for {
		if err := a.acts(a.next(ctx, typed, signals, tick.C)); err != nil {
			return err
		}
	}
}

// next waits for a key, a frame, a signal or the time to try again, whichever is
// looked for now, and returns what is to be done about it.
func (a *attachment) next(ctx context.Context, typed <-chan []byte, signals <-chan os.Signal, tick <-chan time.Time) func() error {
	full, broken := a.waiting()
	if full {
		typed = nil
	}
	if !broken {
		tick = nil
	}
	select {
	case b := <-typed:
		return func() error { return a.typedKeys(ctx, b) }
	case what := <-a.heard:
		return func() error { return a.hear(ctx, what) }
	case s := <-signals:
		return func() error { return a.signalled(ctx, s.(syscall.Signal)) } // on Linux every one is
	case <-tick:
		return func() error { return a.again(ctx) }
	}
}

func (a *attachment) acts(act func() error) error {
	a.acting.Lock()
	defer a.acting.Unlock()
	return act()
}

// waiting tells whether a pipe has to wait until more is typed, and whether the
// connection is broken.
func (a *attachment) waiting() (full, broken bool) {
	a.acting.Lock()
	defer a.acting.Unlock()
	return len(a.typing.queue) >= flightMax, !a.since.IsZero()
}

// typedKeys sorts keys into the program's and ours.
func (a *attachment) typedKeys(ctx context.Context, b []byte) error {
	if !a.tty {
		a.input(ctx, b)
		return nil
	}
	for len(b) > 0 {
		input, asked, rest := a.keys.read(b)
		a.input(ctx, input)
		switch asked {
		case wishDetach:
			return a.detach(ctx, 0)
		case wishTake:
			a.told = false
			a.take(ctx)
		}
		b = rest
	}
	return nil
}

// input is for the program, if we have its keyboard or can have it.
func (a *attachment) input(ctx context.Context, b []byte) {
	if len(b) == 0 {
		return
	}
	switch {
	case a.drives:
	case a.driver != "":
		a.tellOnce(a.driver + " has the keyboard" + a.offer())
		return
	case a.observe:
		a.tellOnce("you are watching" + a.offer())
		return
	case a.welcomedOnce() && len(a.typing.queue) == 0:
		a.take(ctx)
	}
	a.lastByte = b[len(b)-1]
	if !a.typing.push(b) {
		a.tellOnce("the program does not read what is typed; the last of it was not sent")
		return
	}
	a.flush()
}

// welcomedOnce tells whether the terminal's process has said who drives.
func (a *attachment) welcomedOnce() bool { return a.cols > 0 }

func (a *attachment) tellOnce(text string) {
	if !a.told {
		a.told = true
		a.notice(text)
	}
}

// offer is what a person can do who has not the keyboard.
func (a *attachment) offer() string {
	if !a.tty {
		return ""
	}
	return "; " + a.prefixName + " t takes it"
}

// tellDriver says who has the keyboard to a person who has not.
func (a *attachment) tellDriver() {
	if !a.tty || a.drives {
		return
	}
	who := "nobody"
	if a.driver != "" {
		who = a.driver
	}
	text := "you are watching; " + who + " has the keyboard" + a.offer()
	if !a.toldLeave {
		a.toldLeave = true
		text += ", " + a.prefixName + " d leaves"
	}
	a.notice(text)
}

// tellLeave says once how to leave to a person who has the keyboard of what was
// there before: whoever started it sees its first screen as it is.
func (a *attachment) tellLeave() {
	if a.tty && a.drives && !a.fresh && !a.p.json && !a.toldLeave && isTerminal(a.p.stderr) {
		a.toldLeave = true
		a.notice("you have the keyboard of " + a.name + "; " + a.prefixName + " d leaves it running")
	}
}

// tellEnd says that the program has ended to a person who was there before.
func (a *attachment) tellEnd(status int) {
	if !a.fresh && isTerminal(a.p.stderr) {
		a.notice(fmt.Sprintf("%s has ended (exit status %d)", a.name, status))
	}
}

func (a *attachment) flush() {
	if a.conn == nil || !a.drives || !a.since.IsZero() {
		return
	}
	a.send(a.typing.frames(nil, a.epoch))
}

// send writes frames. What fails shows as a broken connection where it is read.
func (a *attachment) send(frames []byte) {
	if a.conn != nil && len(frames) > 0 {
		_, _ = a.conn.Write(frames)
	}
}

// take asks the core for the keyboard; the turn comes as a frame.
func (a *attachment) take(ctx context.Context) {
	if a.drives {
		return
	}
	a.observe = false
	go a.guarded(func() {
		if err := a.control(ctx, "take", a.p.open); err != nil {
			a.tellLoop(takeError{err})
		}
	})
}

func (a *attachment) control(ctx context.Context, action string, open func(context.Context) (*studio, error)) error {
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Executions.Control)
	q.Msg.Execution, q.Msg.Action, q.Msg.Ticket = a.at.ExecutionID, action, a.at.Ticket
	_, err = do(ctx, s.Executions.Control, q)
	return err
}

// hear acts on what came from the terminal's process or a goroutine of ours.
func (a *attachment) hear(ctx context.Context, what any) error {
	switch f := what.(type) {
	case attach.Frame:
		return a.hearFrame(ctx, f)
	case shown:
		a.tellLeave()
		a.fit(f.alternate || a.from > 0)
		a.tellDriver()
	case inputDone:
		a.endInput(ctx)
	case takeError:
		a.typing.drop()
		a.notice(fault.Of(f.err).Error())
	case lost:
		if f.conn == a.conn { // not one that was given up already
			a.broken()
		}
	case ended:
		return f.err
	case failed:
		return a.fails(f.err)
	}
	return nil
}

func (a *attachment) hearFrame(ctx context.Context, frame attach.Frame) error {
	switch f := frame.(type) {
	case attach.Welcome:
		a.greeted(ctx, f)
	case attach.Turn:
		a.turned(f)
	case attach.Size:
		a.cols, a.rows = f.Cols, f.Rows
	case attach.Suspend:
		if f.Suspended {
			a.notice(a.name + " is paused: " + f.Reason)
		} else {
			a.notice(a.name + " goes on")
		}
	case attach.Ack:
		a.typing.acked(f.Seq)
		a.flush()
	case attach.Refused:
		return a.denied(ctx, f)
	case attach.Exit:
		return a.over(ctx, f)
	}
	return nil
}

func (a *attachment) fails(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return signalStatus(syscall.SIGPIPE)
	}
	return fault.Wrap(err, fault.Internal, "attach", "the attachment to "+a.name+" has failed", "it goes on running: attach again")
}

// greeted hears who drives, and goes on with what was typed.
func (a *attachment) greeted(ctx context.Context, w attach.Welcome) {
	a.since, a.renewals = time.Time{}, 0
	a.drives, a.epoch, a.driver = w.Driving, w.Epoch, w.Driver
	a.cols, a.rows = max(w.Cols, 1), max(w.Rows, 1)
	a.send(a.typing.resume(nil, w.LastSeq, w.Epoch, w.Driving))
	switch {
	case a.drives:
		if a.fresh || a.replayed {
			a.fit(false)
		}
		a.flush()
	case len(a.typing.queue) == 0:
	case a.driver == "":
		a.take(ctx)
	default:
		a.typing.drop()
		a.tellOnce(a.driver + " has the keyboard" + a.offer())
	}
}

// turned is a change of who has the keyboard.
func (a *attachment) turned(t attach.Turn) {
	mine, before, lost := t.Driving, a.driver, a.drives
	a.drives, a.epoch, a.driver = mine, t.Epoch, t.Driver
	switch {
	case mine:
		a.told = false
		a.fit(false)
		a.flush()
	case t.Driver != "":
		a.typing.drop()
		if before != t.Driver || lost {
			a.told = false
			if a.tty && !a.observe {
				a.tellOnce(t.Driver + " has the keyboard" + a.offer())
			}
		}
	}
}

// fit gives the terminal our window's size. With redraw a program that fills the
// screen is made to draw it anew, by a size that differs for a moment.
func (a *attachment) fit(redraw bool) {
	cols, rows, is := sizeOf(a.p.stdout, a.p.stdin)
	if !is || !a.tty || !a.drives || !a.since.IsZero() {
		return
	}
	same := cols == a.cols && rows == a.rows
	if same && redraw && rows > 1 {
		a.send(attach.Append(nil, attach.Resize{Epoch: a.epoch, Cols: cols, Rows: rows - 1}))
	}
	if !same || redraw {
		a.send(attach.Append(nil, attach.Resize{Epoch: a.epoch, Cols: cols, Rows: rows}))
	}
}

// denied is input that was not written, or a connection that is not wanted.
func (a *attachment) denied(ctx context.Context, r attach.Refused) error {
	if r.Seq > 0 {
		if a.typing.refused(r.Seq) {
			a.tellOnce(refusal(r) + a.offer())
		}
		return nil
	}
	if code, known := fault.ParseCode(r.Code); known && code != fault.Unauthenticated && code != fault.NotFound {
		return fault.New(code, "attach_refused", "attaching to "+a.name+" was refused: "+r.Message, "attach again")
	}
	a.broken()
	return a.renew(ctx)
}

func refusal(r attach.Refused) string {
	if r.Driver != "" {
		return r.Driver + " has the keyboard"
	}
	return r.Message
}

// over is the program's end.
func (a *attachment) over(ctx context.Context, e attach.Exit) error {
	a.settle(ctx)
	status := int(e.Status)
	if e.Signal != 0 {
		status = exitSignal + int(e.Signal)
	}
	a.tellEnd(status)
	if status == 0 {
		return errOver
	}
	return handOn(status)
}

// errOver is the program's end without an error.
var errOver = programStatus(0)

// settle waits until the end is on disk, when a core runs that writes it: a
// command that comes after this one then sees it.
func (a *attachment) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	s, err := a.p.openRunning(ctx)
	if err != nil {
		return // the next core writes it from the notes of the terminal's process
	}
	defer s.Close()
	_, _, _ = s.await(ctx, a.at.ExecutionID)
}

// endInput is the end of a pipe. To a program that we started it is the end of
// its input too; a terminal that was there before has other operators.
func (a *attachment) endInput(ctx context.Context) {
	a.inputOver = true
	if !a.fresh || a.tty {
		return
	}
	end := []byte{eot}
	if a.lastByte != 0 && a.lastByte != '\n' {
		end = []byte{eot, eot} // the first one only ends the line
	}
	a.input(ctx, end)
}

func (a *attachment) signalled(ctx context.Context, s syscall.Signal) error {
	switch s {
	case syscall.SIGWINCH:
		a.fit(false)
	case syscall.SIGPIPE: // the write that failed tells
	case syscall.SIGINT:
		a.interrupts++
		if !a.fresh || a.interrupts > 1 {
			return a.detach(ctx, s)
		}
		go a.guarded(func() { a.interrupt(ctx) })
	default:
		return a.detach(ctx, s)
	}
	return nil
}

// interrupt hands Ctrl-C on to the program, since no terminal of ours does.
func (a *attachment) interrupt(ctx context.Context) {
	s, err := a.p.open(ctx)
	if err == nil {
		defer s.Close()
		q := ask(s, s.Executions.Kill)
		q.Msg.Execution, q.Msg.Signal = a.at.ExecutionID, "INT"
		_, err = do(ctx, s.Executions.Kill, q)
	}
	if err != nil {
		a.tellLoop(takeError{err})
	}
}

// detach gives the keyboard back and says goodbye.
func (a *attachment) detach(ctx context.Context, by syscall.Signal) error {
	if a.drives {
		ctx, cancel := context.WithTimeout(ctx, dialWait)
		defer cancel()
		// Without a core nobody writes it down now; the next one finds that we have left.
		_ = a.control(ctx, "release", a.p.openRunning)
	}
	a.send(attach.Append(nil, attach.Bye{}))
	return parting{by}
}

// broken begins to try again.
func (a *attachment) broken() {
	a.drop()
	if a.since.IsZero() {
		a.since = time.Now()
	}
}

// again connects from the exact offset; when that fails for long, or nobody is
// there any more, it asks the core.
func (a *attachment) again(ctx context.Context) error {
	if a.conn != nil {
		return nil // it waits for its welcome
	}
	err := a.connect(ctx)
	if err == nil || !nobodyListens(err) && time.Since(a.since) < reconnectFor {
		return nil
	}
	return a.renew(ctx)
}

// nobodyListens tells that the terminal's process is gone: it listens as long as
// it lives.
func nobodyListens(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
}

// renewMax is how often in a row the core is asked for another way to a terminal.
const renewMax = 3

// renew asks the core what became of the terminal, and for a new ticket.
func (a *attachment) renew(ctx context.Context) error {
	if a.renewals++; a.renewals > renewMax {
		return fault.New(fault.Unavailable, "terminal_unreachable", a.name+" cannot be reached", "see `atelier ps` and `atelier doctor`")
	}
	s, err := a.p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	at, err := s.attach(ctx, a.at.ExecutionID, a.observe)
	if err != nil {
		return err
	}
	if at.Ended {
		return a.ended(ctx, s)
	}
	key, err := keyOf(at.Ticket)
	if err != nil {
		return err
	}
	if !a.typing.idle() {
		a.notice("the connection was lost; what was typed last may not have arrived")
	}
	a.at, a.key, a.typing, a.since = at, key, newTyping(), time.Now()
	return nil
}
