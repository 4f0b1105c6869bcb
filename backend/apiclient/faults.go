package apiclient

import (
	"errors"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
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
	for _, detail := range wire.Details() {
		value, err := detail.Value()
		if f, ok := value.(*atelierv1.Fault); err == nil && ok {
			return fromWire(f, fault.Code(wire.Code()))
		}
	}
	return &fault.Error{Code: fault.Code(wire.Code()), Reason: "wire", Message: wire.Message(),
		Mend: "see `atelier core logs`", Cause: err}
}

func fromWire(f *atelierv1.Fault, fallback fault.Code) *fault.Error {
	code, ok := fault.ParseCode(f.GetCode())
	if !ok {
		code = fallback
	}
	return &fault.Error{Code: code, Reason: f.GetReason(), Message: f.GetMessage(),
		Mend: f.GetMend(), Details: f.GetDetails()}
}
