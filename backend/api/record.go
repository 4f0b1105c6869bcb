package api

import (
	"context"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/event"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/studio"
)

// record answers LogService.
type record struct{ *Server }

func (s record) List(ctx context.Context, q *connect.Request[atelierv1.ListEventsRequest], out *connect.ServerStream[atelierv1.ListEventsResponse]) error {
	c, err := s.caller(q)
	if err != nil {
		return err
	}
	m := q.Msg
	filter := studio.EventFilter{Object: m.GetObject(), Actor: m.GetActor(), Type: event.Type(m.GetType()), Newest: m.GetLimit(), Follow: m.GetFollow(),
		Where: studio.Where{Branch: m.GetBranch(), At: m.GetAt()}}
	return s.o.Studio.Events(ctx, c, filter, func(page []studio.Event, read studio.Frontier) error {
		for _, one := range s.words.pages(page, read) {
			if err := out.Send(one); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s record) Show(ctx context.Context, q *connect.Request[atelierv1.ShowRequest]) (*connect.Response[atelierv1.ShowResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	shown, err := s.o.Studio.Show(ctx, c, q.Msg.GetRef(), studio.Where{Branch: q.Msg.GetBranch(), At: q.Msg.GetAt()})
	if err != nil {
		return nil, err
	}
	m := &atelierv1.ShowResponse{ReadFrontier: s.words.heads(shown.Read)}
	if shown.Event != nil {
		m.Shown = &atelierv1.ShowResponse_Event{Event: s.words.event(*shown.Event)}
	} else {
		m.Shown = &atelierv1.ShowResponse_Object{Object: document(shown.Object)}
	}
	return connect.NewResponse(m), nil
}

func (s record) Verify(ctx context.Context, q *connect.Request[atelierv1.VerifyRequest], out *connect.ServerStream[atelierv1.VerifyResponse]) error {
	c, err := s.caller(q)
	if err != nil {
		return err
	}
	return s.o.Studio.Verify(ctx, c, func(a studio.Audit) error { return out.Send(s.words.audit(a)) })
}

func (w words) audit(a studio.Audit) *atelierv1.VerifyResponse {
	m := &atelierv1.VerifyResponse{Events: a.Events, Seals: a.Seals, Executions: a.Executions, OutputBytes: a.OutputBytes,
		GoneBodies: a.GoneBodies, GoneBytes: a.GoneBytes, Done: a.Done, ReadFrontier: w.heads(a.Read)}
	for _, p := range a.Problems {
		m.Problems = append(m.Problems, &atelierv1.Problem{Code: text(p.Code), Message: text(p.Message), Mend: text(p.Mend)})
	}
	return m
}
