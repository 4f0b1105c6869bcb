package api

import (
	"context"
	"fmt"
	"math"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/structpb"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/object"
	"atelier.dev/atelier/backend/studio"
)

// objects answers ObjectService.
type objects struct{ *Server }

func (s objects) Change(ctx context.Context, q *connect.Request[atelierv1.ChangeRequest]) (*connect.Response[atelierv1.ChangeResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	m := q.Msg
	r := studio.ChangeRequest{Type: event.Type(m.GetType()), Object: m.GetObject(), Why: m.GetWhy(), Branch: m.GetBranch(),
		State: m.GetState(), BasedOn: m.GetBasedOn(), Set: map[string]any{}}
	for field, v := range m.GetSet() {
		if r.Set[field], err = fieldValue(field, v); err != nil {
			return nil, err
		}
	}
	if r.Add, err = elements(m.GetAdd()); err != nil {
		return nil, err
	}
	if r.Remove, err = elements(m.GetRemove()); err != nil {
		return nil, err
	}
	changed, err := s.o.Studio.Change(ctx, c, r)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.ChangeResponse{ObjectId: idText(changed.ID), Object: document(changed.Document),
		Ack: s.words.ack(changed.Ack)}), nil
}

// fieldValue reads a value of JSON as a field may hold it.
func fieldValue(field string, v *structpb.Value) (any, error) {
	switch k := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return k.StringValue, nil
	case *structpb.Value_BoolValue:
		return k.BoolValue, nil
	case *structpb.Value_NumberValue:
		if n := k.NumberValue; n == math.Trunc(n) && math.Abs(n) <= wholeMax {
			return int64(n), nil
		}
	}
	return nil, fault.New(fault.InvalidArgument, "value_bad", fmt.Sprintf("the field %s is given what no field holds", text(field)),
		"give text, a whole number, or true or false")
}

func elements(lists map[string]*structpb.ListValue) (map[string][]any, error) {
	all := map[string][]any{}
	for field, list := range lists {
		for _, v := range list.GetValues() {
			one, err := fieldValue(field, v)
			if err != nil {
				return nil, err
			}
			all[field] = append(all[field], one)
		}
	}
	return all, nil
}

func filterOf(m *atelierv1.ListObjectsRequest) studio.ObjectFilter {
	return studio.ObjectFilter{Kind: object.Kind(m.GetKind()), State: object.State(m.GetState()),
		Where: studio.Where{Branch: m.GetBranch(), At: m.GetAt()}}
}

func (w words) objects(l studio.ObjectList) *atelierv1.ListObjectsResponse {
	m := &atelierv1.ListObjectsResponse{Partial: l.Partial, ReadFrontier: w.heads(l.Read)}
	for _, o := range l.Objects {
		m.Objects = append(m.Objects, document(o))
	}
	return m
}

func (s objects) List(ctx context.Context, q *connect.Request[atelierv1.ListObjectsRequest]) (*connect.Response[atelierv1.ListObjectsResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	l, err := s.o.Studio.Objects(ctx, c, filterOf(q.Msg))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(s.words.objects(l)), nil
}

func (s objects) Watch(ctx context.Context, q *connect.Request[atelierv1.ListObjectsRequest], out *connect.ServerStream[atelierv1.ListObjectsResponse]) error {
	c, err := s.caller(q)
	if err != nil {
		return err
	}
	return s.o.Studio.WatchObjects(ctx, c, filterOf(q.Msg), func(l studio.ObjectList) error { return out.Send(s.words.objects(l)) })
}

func (s objects) Relate(ctx context.Context, q *connect.Request[atelierv1.RelateRequest]) (*connect.Response[atelierv1.RelateResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	r, err := s.o.Studio.RelateTo(ctx, c, q.Msg.GetA(), q.Msg.GetB(), q.Msg.GetLimit())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.RelateResponse{Relation: r.Relation, A: idText(r.A), B: idText(r.B),
		Concurrent: causes(r.Concurrent), More: r.More, ReadFrontier: s.words.heads(r.Read)}), nil
}

func causes(all []studio.Cause) []*atelierv1.Cause {
	list := make([]*atelierv1.Cause, len(all))
	for n, c := range all {
		list[n] = &atelierv1.Cause{EventId: idText(c.ID), Type: text(string(c.Header.Type)), ActorId: idText(c.Header.Actor.ID),
			ActorName: text(c.ActorName), WallTime: time.Unix(0, c.Header.WallTime).UTC().Format(time.RFC3339Nano),
			Summary: text(c.Summary), Verdict: c.Verdict, Gone: c.Gone, Follows: idTexts(c.Follows)}
	}
	return list
}

func (s objects) Why(ctx context.Context, q *connect.Request[atelierv1.WhyRequest]) (*connect.Response[atelierv1.WhyResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	m := q.Msg
	r, err := s.o.Studio.Why(ctx, c, m.GetRef(), studio.Where{Branch: m.GetBranch(), At: m.GetAt()}, m.GetLimit())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.WhyResponse{ObjectId: idText(r.Object), Field: r.Field, Causes: causes(r.Causes),
		More: r.More, ReadFrontier: s.words.heads(r.Read)}), nil
}

func (s objects) WhyNot(ctx context.Context, q *connect.Request[atelierv1.WhyNotRequest]) (*connect.Response[atelierv1.WhyNotResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	m := q.Msg
	r, err := s.o.Studio.WhyNot(ctx, c, m.GetObject(), event.Type(m.GetType()), studio.Where{Branch: m.GetBranch(), At: m.GetAt()})
	if err != nil {
		return nil, err
	}
	answer := &atelierv1.WhyNotResponse{ObjectId: idText(r.Object), State: r.State, Allowed: r.Allowed, ReadFrontier: s.words.heads(r.Read)}
	for _, o := range r.Against {
		answer.Obstacles = append(answer.Obstacles, &atelierv1.Obstacle{Type: string(o.Type), Reason: o.Reason,
			Message: text(o.Message), Mend: text(o.Mend), EventIds: idTexts(o.Events)})
	}
	return connect.NewResponse(answer), nil
}

func (s objects) ImportGit(ctx context.Context, q *connect.Request[atelierv1.ImportGitRequest], out *connect.ServerStream[atelierv1.ImportGitResponse]) error {
	c, err := s.caller(q)
	if err != nil {
		return err
	}
	return s.o.Studio.ImportGit(ctx, c, q.Msg.GetFolder(), q.Msg.GetRefs(), func(g studio.GitProgress) error {
		return out.Send(&atelierv1.ImportGitResponse{Commits: g.Commits, Known: g.Known, Lanes: g.Lanes, Done: g.Done, Ack: s.words.ack(g.Ack)})
	})
}
