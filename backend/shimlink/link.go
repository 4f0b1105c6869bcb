package shimlink

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// link is a live connection to a shim. One goroutine reads it until it ends.
//
// What is said waits in a bounded queue, and answers come behind it: whoever
// hears must not wait for Do.
type link struct {
	wire    *wire
	socket  string
	holding attach.Holding
	heard   chan attach.Frame

	sending sync.Mutex   // keeps pending in the order of what was sent
	pending chan request // sent and not answered, oldest first

	closing context.Context // ends with Close
	close   context.CancelFunc
	over    chan struct{} // closed when nothing more is read
	err     error         // why; for reading when over
}

// request is one frame that waits for its DONE.
type request struct {
	kind attach.Kind
	done chan attach.Done // has room for it
}

func newLink(w *wire, socket string, holding attach.Holding) *link {
	l := &link{wire: w, socket: socket, holding: holding, heard: make(chan attach.Frame, heardMax),
		pending: make(chan request, pendingMax), over: make(chan struct{})}
	l.closing, l.close = context.WithCancel(context.Background())
	go l.read()
	return l
}

// pastLink is the link to a shim that has ended already: it has nothing to say.
func pastLink(socket string, holding attach.Holding) *link {
	l := &link{socket: socket, holding: holding, heard: make(chan attach.Frame), pending: make(chan request),
		over: make(chan struct{}), err: errors.New("the program has ended"), close: func() {}}
	close(l.over)
	close(l.heard)
	return l
}

func (l *link) Socket() string             { return l.socket }
func (l *link) Holding() attach.Holding    { return l.holding }
func (l *link) Heard() <-chan attach.Frame { return l.heard }
func (l *link) gone() error                { return gone(l.err) }
func (l *link) hear(f attach.Frame) (ended bool) {
	select {
	case l.heard <- f:
		return false
	case <-l.closing.Done():
		return true
	}
}

// Close ends the connection and returns when nothing is read any more. The
// shim, its program and whoever is attached stay.
func (l *link) Close() error {
	l.close()
	if l.wire != nil {
		l.wire.conn.Close()
	}
	<-l.over
	return nil
}

func (l *link) read() {
	l.err = l.receive()
	l.wire.conn.Close()
	close(l.over)
	close(l.heard)
}

func (l *link) receive() error {
	for {
		f, err := l.wire.next()
		if err != nil {
			return err
		}
		switch f := f.(type) {
		case attach.Held, attach.Note, attach.Wrote:
			if l.hear(f) {
				return errors.New("it was closed")
			}
		case attach.Done:
			if err := l.answered(f); err != nil {
				return err
			}
		case attach.Refused:
			return errors.New(f.Message)
		default:
			return unexpected(f)
		}
	}
}

// answered hands a DONE to the oldest request.
func (l *link) answered(d attach.Done) error {
	select {
	case r := <-l.pending:
		if r.kind != d.Request {
			return garbled(fmt.Sprintf("done to a request of type %d, and %d came first", d.Request, r.kind))
		}
		r.done <- d
		return nil
	default:
		return garbled("done to a request that nobody made")
	}
}

// Do sends a request and waits for its DONE. Reasons: not_running, epoch_old,
// ticket_unknown, may_not_drive, tickets, request_bad, signal_denied,
// shim_refused from the shim; shim_gone when the link ended before the answer
// came, so that nobody knows whether it was carried out; shim_silent when no
// answer came in time.
func (l *link) Do(ctx context.Context, f attach.Frame) error {
	switch f.(type) {
	case attach.Admit, attach.Dismiss, attach.Grant, attach.Signal, attach.ResizeByCore, attach.Limit:
	default:
		return fault.New(fault.Internal, "request_unknown", fmt.Sprintf("%T is not a request to a shim", f), mendDefect)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, doneWait, fmt.Errorf("no answer came for %v", doneWait))
	defer cancel()
	done, err := l.ask(ctx, attach.Append(nil, f))
	if err != nil {
		return err
	}
	select {
	case d := <-done:
		return doneFault(d)
	case <-l.over:
		return l.lastWord(done)
	case <-ctx.Done():
		return unanswered(ctx)
	}
}

// lastWord is an answer that came with the end of the link.
func (l *link) lastWord(done <-chan attach.Done) error {
	select {
	case d := <-done:
		return doneFault(d)
	default:
		return l.gone()
	}
}

// ask sends a request in the order in which answers are awaited.
func (l *link) ask(ctx context.Context, frame []byte) (<-chan attach.Done, error) {
	r := request{attach.Kind(frame[4]), make(chan attach.Done, 1)}
	l.sending.Lock()
	defer l.sending.Unlock()
	select {
	case <-l.over:
		return nil, l.gone()
	default:
	}
	select {
	case l.pending <- r:
	case <-l.over:
		return nil, l.gone()
	case <-ctx.Done():
		return nil, unanswered(ctx)
	}
	if err := l.wire.send(frame); err != nil {
		l.wire.conn.Close() // half a frame may be sent: nothing that follows would be understood
		return nil, gone(err)
	}
	return r.done, nil
}

func unanswered(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fault.Wrap(context.Cause(ctx), fault.Canceled, "canceled", "the request was given up, and may yet be carried out", "look, and ask again")
	}
	return fault.Wrap(context.Cause(ctx), fault.DeadlineExceeded, "shim_silent", "the process of this terminal does not answer, and may yet do what was asked",
		"look, and ask again")
}
