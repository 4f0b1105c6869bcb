package apiclient

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/gen/atelier/v1/atelierv1connect"
)

// Fault returns the fault that an error of a call carries, nil for nil. Use it
// on the Err of a stream; errors of unary calls are faults already.
func Fault(err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	var wire *connect.Error
	if !errors.As(err, &wire) {
		return fault.Of(err)
	}
	if !connect.IsWireError(err) {
		return broken(wire)
	}
	for _, detail := range wire.Details() {
		value, err := detail.Value()
		if f, ok := value.(*atelierv1.Fault); err == nil && ok {
			return fromWire(f, fault.Code(wire.Code()))
		}
	}
	return &fault.Error{Code: fault.Code(wire.Code()), Reason: "wire", Message: wire.Message(),
		Mend: "see `atelier core logs`", Cause: err}
}

// broken is the fault of a call that was not answered: nobody said no.
func broken(wire *connect.Error) error {
	switch {
	case errors.Is(wire, context.Canceled):
		return fault.Wrap(wire.Unwrap(), fault.Canceled, "canceled", "the call was given up", "send it again")
	case errors.Is(wire, context.DeadlineExceeded):
		return fault.Wrap(wire.Unwrap(), fault.DeadlineExceeded, "core_slow", "the core did not answer in time", "see `atelier core logs`")
	}
	return fault.Wrap(wire.Unwrap(), fault.Unavailable, "core_gone", "the core has ended in the middle of the call",
		"send it again: the next call starts a core")
}

// doneOnce are the calls that do more when they are made twice. A start carries a
// key of its own, under which it is asked again; all others may be repeated.
var doneOnce = []string{
	atelierv1connect.ExecutionServiceControlProcedure, atelierv1connect.ExecutionServiceKillProcedure,
	atelierv1connect.ExecutionServiceRenameProcedure, atelierv1connect.ExecutionServiceResizeProcedure,
	atelierv1connect.ExecutionServiceSendProcedure,
}

// ofCall is the fault of a call, which is not to be repeated blindly when nobody
// knows whether it was done.
func (s session) ofCall(procedure string, err error) error {
	if fault.Is(err, "core_slow") && s.core != 0 {
		err = silent(strconv.Itoa(s.core))
	}
	unanswered := fault.Is(err, "core_gone") || fault.Is(err, "core_silent") || fault.Is(err, "core_slow") || fault.Is(err, "canceled")
	if !unanswered || !slices.Contains(doneOnce, procedure) {
		return err
	}
	f := *fault.Of(err)
	if f.Reason == "core_silent" {
		f.Mend += "; then look before you ask again"
	} else {
		f.Mend = "look, with `atelier ps` and `atelier log`, before you ask again"
	}
	f.Reason, f.Message = "outcome_unknown", "outcome unknown, it may have been done: "+f.Message
	return &f
}

func fromWire(f *atelierv1.Fault, fallback fault.Code) *fault.Error {
	code, ok := fault.ParseCode(f.GetCode())
	if !ok {
		code = fallback
	}
	return &fault.Error{Code: code, Reason: f.GetReason(), Message: f.GetMessage(),
		Mend: f.GetMend(), Details: f.GetDetails()}
}
