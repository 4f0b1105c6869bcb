package api

import (
	"context"
	"time"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/studio"
)

// identity answers IdentityService.
type identity struct{ *Server }

func (s identity) AddActor(ctx context.Context, q *connect.Request[atelierv1.AddActorRequest]) (*connect.Response[atelierv1.AddActorResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	kind, err := actorKindOf(q.Msg.GetKind())
	if err != nil {
		return nil, err
	}
	d, err := s.o.Studio.AddActor(ctx, c, q.Msg.GetName(), kind)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.AddActorResponse{ActorId: idText(d.ID), Name: q.Msg.GetName(), RequestId: idText(d.Request),
		RecordId: idText(d.Record), Ack: s.words.ack(d.Ack)}), nil
}

func actorKindOf(word string) (event.ActorKind, error) {
	for kind, known := range actorKinds {
		if known == word {
			return kind, nil
		}
	}
	return 0, fault.New(fault.InvalidArgument, "kind_unknown", "no actor is a \""+text(word)+"\"", "say agent, human or service")
}

func (s identity) RetireActor(ctx context.Context, q *connect.Request[atelierv1.RetireActorRequest]) (*connect.Response[atelierv1.RetireActorResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	d, err := s.o.Studio.RetireActor(ctx, c, q.Msg.GetActor(), q.Msg.GetWhy())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.RetireActorResponse{ActorId: idText(d.ID), RequestId: idText(d.Request),
		RecordId: idText(d.Record), Ack: s.words.ack(d.Ack)}), nil
}

// anySurface reads the surface of a session that the home's owner opens for
// whatever acts through it.
func anySurface(word string) (event.Surface, error) {
	if word == "" {
		return event.SurfaceCLI, nil
	}
	if s, known := studio.ParseSurface(word); known {
		return s, nil
	}
	return 0, fault.New(fault.InvalidArgument, "surface_unknown", "there is no surface \""+text(word)+"\"",
		"say cli, window, web, api, mcp, ssh or automation")
}

func (s identity) NewSession(ctx context.Context, q *connect.Request[atelierv1.NewSessionRequest]) (*connect.Response[atelierv1.NewSessionResponse], error) {
	m := q.Msg
	surface, err := anySurface(m.GetSurface())
	if err != nil {
		return nil, err
	}
	o, err := s.o.Studio.NewSession(ctx, studio.SessionRequest{As: m.GetAs(), Surface: surface, Label: m.GetLabel(), Forget: m.GetForget()})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(s.words.opened(o)), nil
}

func (w words) opened(o studio.Opened) *atelierv1.NewSessionResponse {
	return &atelierv1.NewSessionResponse{Token: idText(o.ID), ActorId: idText(o.Actor), ActorName: text(o.ActorName),
		Continues: idText(o.Continues), Ack: w.ack(o.Ack)}
}

func (s identity) ShowSession(ctx context.Context, q *connect.Request[atelierv1.ShowSessionRequest]) (*connect.Response[atelierv1.ShowSessionResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	st, err := s.o.Studio.ShowSession(ctx, c, q.Msg.GetSession())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.ShowSessionResponse{Session: document(st.Document), Floor: s.words.heads(st.Floor),
		Deps: idTexts(st.Deps), ReadFrontier: s.words.heads(st.Read)}), nil
}

func (s identity) ExportSession(ctx context.Context, q *connect.Request[atelierv1.ExportSessionRequest]) (*connect.Response[atelierv1.ExportSessionResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	exported, read, err := s.o.Studio.ExportSession(ctx, c, q.Msg.GetSession(), time.Duration(q.Msg.GetSeconds())*time.Second)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.ExportSessionResponse{Exported: exported, ReadFrontier: s.words.heads(read)}), nil
}

func (s identity) ImportSession(ctx context.Context, q *connect.Request[atelierv1.ImportSessionRequest]) (*connect.Response[atelierv1.NewSessionResponse], error) {
	surface, err := anySurface(q.Msg.GetSurface())
	if err != nil {
		return nil, err
	}
	o, err := s.o.Studio.ImportSession(ctx, q.Msg.GetExported(), surface, q.Msg.GetForget())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(s.words.opened(o)), nil
}

func (s identity) CloseSession(ctx context.Context, q *connect.Request[atelierv1.CloseSessionRequest]) (*connect.Response[atelierv1.CloseSessionResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	id, ack, err := s.o.Studio.CloseSession(ctx, c, q.Msg.GetSession())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.CloseSessionResponse{Session: idText(id), Ack: s.words.ack(ack)}), nil
}
