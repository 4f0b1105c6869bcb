package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// place is where a terminal is reached, as the core told.
type place struct {
	ExecutionID  string `json:"execution_id"`
	Ticket       string `json:"ticket"`
	Socket       string `json:"socket"`
	OutputOffset uint64 `json:"output_offset"`
	Ended        bool   `json:"ended"`

	answer document
}

// attachment is this program's hold on one terminal: bytes go between the
// terminal's own process and ours, and the core is not on their way.
type attachment struct {
	p    *program
	name string
	at   place
	key  attach.Ticket
	from uint64
	// observe: the keyboard is taken only when it is asked for.
	observe bool
	// fresh: this command started the program, so its questions are for us, and
	// the end of our input is the end of its.
	fresh bool
	// exact: output goes on byte by byte, to a pipe or a file.
	exact bool
	// tty: a person types, and keys of ours are among what is typed.
	tty        bool
	prefixName string
	keys       keys

	// What the receiver of output works with. Nobody else looks at it while it runs.
	offset    uint64
	oldUntil  uint64
	welcomed  bool
	replayed  bool
	filtering bool
	cutLine   bool
	scratch   []byte
	scanner   scanner
	driving   bool

	// What the loop works with. Whoever acts on a key, a frame or a signal holds
	// acting meanwhile.
	acting     sync.Mutex
	conn       *wire
	heard      chan any
	done       chan struct{}
	typing     *typing
	alertness  alertness
	drives     bool // we have the keyboard, under epoch
	epoch      uint64
	driver     string
	cols, rows uint16
	told       bool // who has the keyboard was said
	toldLeave  bool // how to leave was said
	inputOver  bool
	lastByte   byte
	since      time.Time // the connection is broken since then; zero while it holds
	renewals   int
	interrupts int
	buffer     []byte
}

// What the loop hears beside frames.
type (
	lost      struct{ conn *wire }
	failed    struct{ err error }
	shown     struct{ alternate bool } // old output was shown
	inputDone struct{}
	takeError struct{ err error }
	ended     struct{ err error } // a key has ended it
)

// A parting is how an attachment ended without the program's end.
type parting struct{ signal syscall.Signal }

func (parting) Error() string { return "detached" }

// hold attaches until the program ends, a person detaches or a signal comes. It
// returns the program's status as an error, and leaves the terminal as it was.
func (a *attachment) hold(ctx context.Context) error {
	a.heard, a.done = make(chan any, 16), make(chan struct{})
	a.typing, a.buffer, a.offset = newTyping(), make([]byte, readBuffer), a.from
	defer close(a.done)
	restore, err := a.raw()
	if err != nil {
		return err
	}
	err = a.loop(ctx)
	_ = a.acts(func() error { a.drop(); return nil })
	restore()
	return a.part(ctx, err)
}

// drop ends the connection, if there is one.
func (a *attachment) drop() {
	if a.conn != nil {
		_ = a.conn.Close() // what it carried is told elsewhere
		a.conn = nil
	}
}

// raw gives the program every key, and returns what undoes that.
func (a *attachment) raw() (restore func(), err error) {
	if !a.tty {
		return a.leave, nil
	}
	a.alertness.begin()
	before, err := term.MakeRaw(int(a.p.stdin.Fd()))
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "terminal", "this terminal cannot be set up", "use a terminal, or a pipe as input")
	}
	return func() {
		a.leave()
		_ = term.Restore(int(a.p.stdin.Fd()), before) // it may be gone: then nothing is left to restore
	}, nil
}

// leave takes back the modes that the program switched on in our terminal.
func (a *attachment) leave() {
	if !a.exact && a.scanner.used {
		_ = a.write([]byte(a.scanner.modes.undo()))
	}
}

// part says what has to be said at the end, and gives it a status.
func (a *attachment) part(ctx context.Context, err error) error {
	var how parting
	if !errors.As(err, &how) {
		return err
	}
	text := "detached from " + visible(a.name) + "; it goes on running"
	if isTerminal(a.p.stderr) && (a.tty || !a.exact) {
		text = "\r\n" + text // the cursor stands where the program left it
	}
	fmt.Fprintln(a.p.stderr, text)
	if how.signal != 0 {
		return signalStatus(how.signal)
	}
	return nil
}

func (a *attachment) write(b []byte) error {
	_, err := a.p.stdout.Write(b)
	return err
}

// notice tells a person something while the terminal is the program's.
func (a *attachment) notice(text string) {
	text = "atelier: " + visible(text)
	if a.tty {
		text = "\r\n" + text + "\r"
	}
	fmt.Fprintln(a.p.stderr, text)
}

// connect dials the terminal's process and says where to go on.
func (a *attachment) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	conn, err := dialWire(ctx, a.at.Socket, &a.alertness)
	if err != nil {
		return err
	}
	if _, err := conn.Write(attach.Append(nil, a.hello())); err != nil {
		_ = conn.Close()
		return err
	}
	a.conn = conn
	go a.guarded(func() { a.receive(conn) })
	return nil
}

// hello asks for every byte that is not here yet: no lag is too much.
func (a *attachment) hello() attach.Hello {
	return attach.Hello{Version: attach.Version, Flags: attach.WantsOutput, Ticket: a.key, From: a.offset}
}

// guarded keeps a defect in a goroutine from leaving the terminal raw.
func (a *attachment) guarded(work func()) {
	defer func() {
		if defect := recover(); defect != nil {
			a.tellLoop(failed{fmt.Errorf("%v", defect)})
		}
	}()
	work()
}

func (a *attachment) tellLoop(what any) bool {
	select {
	case a.heard <- what:
		return true
	case <-a.done:
		return false
	}
}

// receive writes output and hands every other frame to the loop.
func (a *attachment) receive(conn *wire) {
	in := newFrames(conn, a.buffer)
	for {
		body, err := in.next()
		if err != nil {
			a.tellLoop(lost{conn})
			return
		}
		if offset, bytes, is := attach.OutputOf(body); is {
			if err := a.output(offset, bytes); err != nil {
				a.tellLoop(failed{err})
				return
			}
			continue
		}
		frame, err := said(body)
		if err == nil {
			err = a.before(frame)
		}
		if err != nil {
			a.tellLoop(failed{err})
			return
		}
		if ack, is := frame.(attach.Ack); is && a.tty {
			a.acknowledged(conn, ack)
			continue
		}
		if _, over := frame.(attach.Exit); !a.tellLoop(frame) || over {
			return
		}
		a.tellReplayed()
	}
}

// acknowledged hears of a person's input that was written, without the loop.
func (a *attachment) acknowledged(conn *wire, ack attach.Ack) {
	a.acting.Lock()
	defer a.acting.Unlock()
	if conn == a.conn {
		a.typing.acked(ack.Seq)
		a.flush()
	}
}

// before keeps what output depends on, in the order of the frames.
func (a *attachment) before(frame attach.Frame) error {
	switch f := frame.(type) {
	case attach.Welcome:
		a.driving = f.Driving
		if f.Start != a.offset {
			return fmt.Errorf("%w: output from %d on, %d was asked for", errFrame, f.Start, a.offset)
		}
		if !a.welcomed {
			a.welcomed = true
			if !a.fresh {
				a.oldUntil = f.End
			}
			a.cutLine = !a.exact && a.offset > 0
		}
	case attach.Turn:
		a.driving = f.Driving
	case attach.Skipped:
		a.offset = f.To
	}
	return nil
}

// output writes what the program wrote.
func (a *attachment) output(offset uint64, bytes []byte) error {
	if offset != a.offset {
		return fmt.Errorf("%w: output at %d, expected at %d", errFrame, offset, a.offset)
	}
	a.offset += uint64(len(bytes))
	switch {
	case a.p.json:
		return a.p.bytesLine(offset, bytes)
	case a.exact:
		return a.write(bytes)
	}
	old := 0
	switch {
	case !a.driving: // who watches must answer nothing
		old = len(bytes)
	case offset < a.oldUntil:
		old = int(min(uint64(len(bytes)), a.oldUntil-offset))
	}
	if err := a.show(bytes[:old], bytes[old:]); err != nil {
		return err
	}
	a.tellReplayed()
	return nil
}

// show writes old output with what would act taken out, and live output as it is.
func (a *attachment) show(old, live []byte) error {
	if len(old) > 0 {
		a.filtering = true
		a.scratch = a.scanner.filter(a.scratch[:0], a.wholeLine(old))
		if err := a.write(a.scratch); err != nil {
			return err
		}
	}
	if len(live) == 0 {
		return nil
	}
	if a.filtering {
		a.filtering = false
		if err := a.write(a.scanner.rest()); err != nil {
			return err
		}
	}
	a.scanner.watch(live)
	return a.write(live)
}

// wholeLine leaves out the first line of a replay that begins within it: its
// beginning may be the middle of a sequence.
func (a *attachment) wholeLine(old []byte) []byte {
	if !a.cutLine {
		return old
	}
	for n, b := range old[:min(len(old), sequenceMax)] {
		if b == '\n' {
			old = old[n+1:]
			break
		}
	}
	a.cutLine = false
	return old
}

// tellReplayed says once that all old output is on the screen.
func (a *attachment) tellReplayed() {
	if a.welcomed && !a.replayed && a.offset >= a.oldUntil {
		a.replayed = true
		a.tellLoop(shown{a.scanner.modes.alternate()})
	}
}

// keyOf reads a ticket.
func keyOf(text string) (attach.Ticket, error) {
	var t attach.Ticket
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(t) {
		return t, fault.New(fault.Internal, "ticket_bad", "the core gave a ticket that cannot be read",
			"see that atelier and atelier-core are of one version")
	}
	return attach.Ticket(raw), nil
}

// readInput hands on what is piped, and acts on what is typed at once: each
// hand between a key and its echo would be felt.
func (a *attachment) readInput(ctx context.Context, typed chan<- []byte) {
	for {
		piece := make([]byte, stdinPiece)
		if a.tty {
			a.alertness.wait(int(a.p.stdin.Fd()))
		}
		n, err := a.p.stdin.Read(piece)
		if n > 0 && a.tty {
			if err := a.typedNow(ctx, piece[:n]); err != nil {
				a.tellLoop(ended{err})
				return
			}
		} else if n > 0 {
			select {
			case typed <- piece[:n]:
			case <-a.done:
				return
			}
		}
		if err != nil { // io.EOF, or there is no input at all
			a.tellLoop(inputDone{})
			return
		}
	}
}

func (a *attachment) typedNow(ctx context.Context, b []byte) error {
	a.alertness.key()
	a.acting.Lock()
	defer a.acting.Unlock()
	return a.typedKeys(ctx, b)
}

// sizeOf returns the size of the first of files that is a terminal.
func sizeOf(files ...*os.File) (cols, rows uint16, is bool) {
	for _, f := range files {
		if c, r, err := term.GetSize(int(f.Fd())); err == nil && c > 0 && r > 0 {
			return uint16(min(c, sizeMax)), uint16(min(r, sizeMax)), true
		}
	}
	return 0, 0, false
}
