package main

import (
	"context"
	"io"

	"atelier.dev/atelier/backend/apiclient"
	"connectrpc.com/connect"
)

// decider is a method by which control decides about one object.
type decider = func(context.Context, *connect.Request[apiclient.DecideRequest]) (*connect.Response[apiclient.DecideResponse], error)

// decide has control decide, and says what it did.
func (p *program) decide(ctx context.Context, of func(*studio) decider, ref, why, done string) error {
	s, err := p.openNew(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	method := of(s)
	q := ask(s, method)
	q.Msg.Object, q.Msg.Why = ref, why
	a, err := do(ctx, method, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return sayOf(w, a, "object", done) })
}
