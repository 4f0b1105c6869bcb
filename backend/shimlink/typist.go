package shimlink

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// Typist types on behalf of callers that have no connection of their own. Its
// methods may be called at once; what is typed under one ticket goes one call
// after the other, since input is numbered within its ticket.
type Typist struct {
	mu    sync.Mutex
	turns map[attach.Ticket]*turn
}

// turn is the right to type under a ticket: a channel with room for one.
type turn struct {
	taken chan struct{}
	users int
}

// NewTypist returns a typist.
func NewTypist() *Typist { return &Typist{turns: map[attach.Ticket]*turn{}} }

// Type writes data under a ticket and epoch and returns when all of it is
// written to the terminal. Reasons: keyboard_taken (detail driver), ticket_unknown,
// not_running, shim_gone; input_unread when the program reads nothing more.
// The detail written says how many bytes were, before that; of what follows
// some may be read later.
func (p *Typist) Type(ctx context.Context, socket string, t attach.Ticket, epoch uint64, data []byte) error {
	leave, err := p.enter(ctx, t)
	if err != nil {
		return err
	}
	defer leave()
	w, err := dial(ctx, socket, 0)
	if unheard(err) {
		return untyped(err)
	}
	if err != nil {
		return asGone(ctx, err)
	}
	defer w.conn.Close()
	last, err := greet(ctx, w, t)
	if err != nil {
		return err
	}
	for written := 0; written < len(data); {
		piece := data[written:min(len(data), written+attach.MaxInput)]
		last++
		if err := typePiece(ctx, w, attach.Input{Epoch: epoch, Seq: last, Bytes: piece}); err != nil {
			return fault.Of(err).With("written", strconv.Itoa(written))
		}
		written += len(piece)
	}
	return nil
}

// enter waits until nobody types under a ticket.
func (p *Typist) enter(ctx context.Context, t attach.Ticket) (leave func(), err error) {
	p.mu.Lock()
	mine := p.turns[t]
	if mine == nil {
		mine = &turn{taken: make(chan struct{}, 1)}
		p.turns[t] = mine
	}
	mine.users++
	p.mu.Unlock()
	select {
	case mine.taken <- struct{}{}:
		return func() { <-mine.taken; p.leave(t, mine) }, nil
	case <-ctx.Done():
		p.leave(t, mine)
		return nil, unread(ctx, "others type under the same ticket").With("written", "0")
	}
}

func (p *Typist) leave(t attach.Ticket, mine *turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(p.turns, t)
	}
}

// greet says HELLO and returns the number of the last input that was written.
func greet(ctx context.Context, w *wire, t attach.Ticket) (last uint64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, holdingWait, fmt.Errorf("it did not answer for %v", holdingWait))
	defer cancel()
	inTime := w.until(ctx)
	f, err := w.ask(attach.Hello{Version: attach.Version, Ticket: t})
	if !inTime() || err != nil {
		return 0, asGone(ctx, err)
	}
	switch f := f.(type) {
	case attach.Welcome:
		if f.State == attach.Exited {
			return 0, over()
		}
		return f.LastSeq, nil
	case attach.Refused:
		return 0, inputRefused(f)
	default:
		return 0, unexpected(f)
	}
}

// typePiece sends one piece and waits until it is written.
func typePiece(ctx context.Context, w *wire, piece attach.Input) error {
	ctx, cancel := context.WithTimeoutCause(ctx, inputWait, fmt.Errorf("nothing was read for %v", inputWait))
	defer cancel()
	inTime := w.until(ctx)
	err := w.send(attach.Append(nil, piece))
	var f attach.Frame
	if err == nil || errors.Is(err, unix.EPIPE) { // who sends us away has said why
		f, err = answerTo(w, piece.Seq)
	}
	switch {
	case !inTime():
		return unread(ctx, "the program does not read what is typed")
	case err != nil:
		return asGone(ctx, err)
	}
	switch f := f.(type) {
	case attach.Ack:
		return nil
	case attach.Refused:
		return inputRefused(f)
	default: // EXIT
		return over()
	}
}

// answerTo returns the ACK, REFUSED or EXIT that answers a piece.
func answerTo(w *wire, seq uint64) (attach.Frame, error) {
	for {
		f, err := w.next()
		if err != nil {
			return nil, err
		}
		switch f := f.(type) {
		case attach.Turn, attach.Size, attach.Suspend: // of no matter to one piece
		case attach.Refused, attach.Exit:
			return f, nil
		case attach.Ack:
			if f.Seq != seq {
				return nil, unexpected(f)
			}
			return f, nil
		default:
			return nil, unexpected(f)
		}
	}
}

func over() *fault.Error {
	return fault.New(fault.FailedPrecondition, "not_running", "the program has ended", "see `atelier ps`")
}

// unread is input_unread, or the caller's own going.
func unread(ctx context.Context, message string) *fault.Error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fault.Wrap(context.Cause(ctx), fault.Canceled, "canceled", "the typing was given up", "see what has arrived with `atelier transcript`")
	}
	return fault.Wrap(context.Cause(ctx), fault.DeadlineExceeded, "input_unread", message,
		"wait until it does, or interrupt it; see what has arrived with `atelier transcript`")
}

// asGone is a fault as it is, the end of ctx, or shim_gone.
func asGone(ctx context.Context, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f
	}
	return gone(why(ctx, err))
}
