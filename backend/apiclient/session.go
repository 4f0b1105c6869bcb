package apiclient

import (
	"context"

	"connectrpc.com/connect"
)

// session puts the caller's session on every call and turns wire errors into
// faults.
type session struct {
	id   string
	core int // the pid of the core
}

func (s session) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if s.id != "" && req.Header().Get(SessionHeader) == "" {
			req.Header().Set(SessionHeader, s.id)
		}
		resp, err := next(ctx, req)
		return resp, s.ofCall(req.Spec().Procedure, Fault(err))
	}
}

func (s session) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		if s.id != "" {
			conn.RequestHeader().Set(SessionHeader, s.id)
		}
		return conn
	}
}

func (s session) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
