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

// Kill sends a signal by name or number to the program; empty means TERM.
// Reasons: signal_unknown, execution_ended.
func (s *Studio) Kill(ctx context.Context, c Caller, ref, signal string) (event.ID, error) {
	n, err := signalOf(signal)
	if err != nil {
		return event.ID{}, err
	}
	return s.ask(ctx, c, ref, attach.Signal{Signal: n})
}

// Resize sets the size of a terminal. Whoever drives may set it again.
func (s *Studio) Resize(ctx context.Context, c Caller, ref string, cols, rows uint32) (event.ID, error) {
	if cols < 1 || rows < 1 || cols > sizeMax || rows > sizeMax {
		return event.ID{}, badSize()
	}
	return s.ask(ctx, c, ref, attach.ResizeByCore{Cols: uint16(cols), Rows: uint16(rows)})
}

// ask lets the shim of an execution carry out a request.
func (s *Studio) ask(ctx context.Context, c Caller, ref string, f attach.Frame) (event.ID, error) {
	_, id, err := s.named(c, ref)
	if err != nil {
		return id, err
	}
	r, err := s.runOf(id)
	if err != nil {
		return id, err
	}
	held, err := r.reach(ctx)
	if err != nil {
		return id, err
	}
	return id, held.Do(ctx, f)
}

// lastSignal is SIGRTMAX on Linux.
const lastSignal = 64

func signalOf(text string) (uint32, error) {
	if text == "" {
		return uint32(unix.SIGTERM), nil
	}
	if n, err := strconv.ParseUint(text, 10, 8); err == nil && n > 0 && n <= lastSignal {
		return uint32(n), nil
	}
	n := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(text), "SIG"))
	if n == 0 {
		return 0, fault.New(fault.InvalidArgument, "signal_unknown", fmt.Sprintf("there is no signal %q", text), "give a name such as TERM, or a number from 1 to 64")
	}
	return uint32(n), nil
}
