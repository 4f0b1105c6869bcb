// Package api is the core's surface: who may call a method, and how a fault
// goes over the wire.
package api

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
)

// SessionHeader carries the session of a call.
const SessionHeader = "Atelier-Session"

type ownerKey struct{}

// WithOwner marks calls that came over the unix socket from the home's owner.
func WithOwner(ctx context.Context) context.Context {
	return context.WithValue(ctx, ownerKey{}, true)
}

func isOwner(ctx context.Context) bool {
	owner, _ := ctx.Value(ownerKey{}).(bool)
	return owner
}

// authorization refuses each call whose method names no class, and each whose
// caller is less than the class asks for.
type authorization struct{}

func (authorization) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if err := admit(ctx, req.Spec(), req.Header().Get(SessionHeader)); err != nil {
			return nil, toWire(ctx, err)
		}
		resp, err := next(ctx, req)
		return resp, toWire(ctx, err)
	}
}

func (authorization) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (authorization) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := admit(ctx, conn.Spec(), conn.RequestHeader().Get(SessionHeader)); err != nil {
			return toWire(ctx, err)
		}
		return toWire(ctx, next(ctx, conn))
	}
}

func admit(ctx context.Context, spec connect.Spec, session string) error {
	method, _ := spec.Schema.(protoreflect.MethodDescriptor)
	switch classOf(method) {
	case atelierv1.AuthorizationClass_AUTHORIZATION_CLASS_READ:
		return nil
	case atelierv1.AuthorizationClass_AUTHORIZATION_CLASS_ACT:
		// OpenSession is how a caller comes by its first session.
		if session == "" && method.Name() != "OpenSession" {
			return fault.New(fault.Unauthenticated, "session_missing", "this call needs a session",
				"open one with CoreService.OpenSession and send it as "+SessionHeader)
		}
		return nil
	case atelierv1.AuthorizationClass_AUTHORIZATION_CLASS_OWNER:
		if !isOwner(ctx) {
			return fault.New(fault.PermissionDenied, "owner_only", "only the owner of the home may do this",
				"use the command line on the machine of the core")
		}
		return nil
	default:
		return fault.New(fault.PermissionDenied, "class_missing", spec.Procedure+" names no authorization class",
			"this is a defect of Atelier: report it")
	}
}

func classOf(method protoreflect.MethodDescriptor) atelierv1.AuthorizationClass {
	if method == nil {
		return atelierv1.AuthorizationClass_AUTHORIZATION_CLASS_UNSPECIFIED
	}
	options, _ := method.Options().(*descriptorpb.MethodOptions)
	class, _ := proto.GetExtension(options, atelierv1.E_Authorization).(atelierv1.AuthorizationClass)
	return class
}

// toWire gives an error the form of the wire: code, text and the Fault detail.
func toWire(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	var wire *connect.Error
	switch ended := ctx.Err(); {
	case errors.As(err, &known):
	case errors.As(err, &wire): // of a stream that broke
		return err
	case ended != nil && errors.Is(err, ended):
		known = endOf(ctx)
	default:
		known = fault.Of(err)
	}
	wire = connect.NewError(connect.Code(known.Code), errors.New(text(known.Error())))
	if detail, err := connect.NewErrorDetail(faultMessage(known)); err == nil { // it is valid text by now
		wire.AddDetail(detail)
	}
	return wire
}

// endOf says why a call was ended: the core stops, or the caller has left.
func endOf(ctx context.Context) *fault.Error {
	var why *fault.Error
	switch {
	case errors.As(context.Cause(ctx), &why):
		return why
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.New(fault.DeadlineExceeded, "late", "the call took longer than its caller allowed", "allow it more time")
	}
	return fault.New(fault.Canceled, "canceled", "the caller has left", "call again")
}

func faultMessage(f *fault.Error) *atelierv1.Fault {
	m := &atelierv1.Fault{Code: f.Code.String(), Reason: text(f.Reason), Message: text(f.Message), Mend: text(f.Mend)}
	for name, value := range f.Details {
		if m.Details == nil {
			m.Details = map[string]string{}
		}
		m.Details[text(name)] = text(value)
	}
	return m
}
