package studio

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Kill sends a signal by name or number to the program; empty means TERM. Who
// sends it is durable before, so that no signal is without its author: what
// cannot be sent then was asked for all the same. Reasons: signal_unknown,
// signal_denied, execution_ended.
func (s *Studio) Kill(ctx context.Context, c Caller, ref, signal string) (event.ID, Ack, error) {
	sent, err := signalOf(signal)
	if err != nil {
		return event.ID{}, Ack{}, err
	}
	se, r, held, err := s.reached(ctx, c, ref)
	if err != nil {
		return event.ID{}, Ack{}, err
	}
	e, err := r.act(ctx, se, event.Draft{Type: event.ExecutionSignalledType, Body: encode(&sent)}, se.basis(r.id)...)
	if err != nil {
		return r.id, Ack{}, err
	}
	// It is recorded, so it is sent even when the caller gives up now.
	if err := held.Do(context.WithoutCancel(ctx), attach.Signal{Signal: uint32(sent.Signal)}); err != nil {
		return r.id, Ack{}, err
	}
	ack, err := s.ack(c, e.ID)
	return r.id, ack, err
}

// reached resolves the terminal of a command that acts on what runs in it.
func (s *Studio) reached(ctx context.Context, c Caller, ref string) (*session, *run, Held, error) {
	se, id, err := s.named(c, ref)
	if err != nil {
		return nil, nil, nil, err
	}
	r, err := s.runOf(id)
	if err != nil {
		return nil, nil, nil, err
	}
	held, err := r.reach(ctx)
	return se, r, held, err
}

// lastSignal is SIGRTMAX on Linux.
const lastSignal = 64

func signalOf(text string) (event.ExecutionSignalled, error) {
	if text == "" {
		return sentAs(unix.SIGTERM), nil
	}
	if n, err := strconv.ParseUint(text, 10, 8); err == nil && n > 0 && n <= lastSignal {
		return sentAs(unix.Signal(n)), nil
	}
	n := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(text), "SIG"))
	if n == 0 {
		return event.ExecutionSignalled{}, fault.New(fault.InvalidArgument, "signal_unknown", fmt.Sprintf("there is no signal %q", text),
			"give a name such as TERM, or a number from 1 to 64")
	}
	return sentAs(n), nil
}

func sentAs(n unix.Signal) event.ExecutionSignalled {
	return event.ExecutionSignalled{Signal: uint64(n), Name: strings.TrimPrefix(unix.SignalName(n), "SIG")}
}
