package api

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/structpb"

	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/studio"
)

// checkpoints answers CheckpointService.
type checkpoints struct{ *Server }

func (s checkpoints) Create(ctx context.Context, q *connect.Request[atelierv1.CreateCheckpointRequest]) (*connect.Response[atelierv1.CreateCheckpointResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	m := q.Msg
	made, err := s.o.Studio.CreateCheckpoint(ctx, c, studio.CheckpointRequest{Name: m.GetName(), Mode: m.GetMode(), Scope: m.GetScope(),
		Where: studio.Where{Branch: m.GetBranch(), At: m.GetAt()}})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.CreateCheckpointResponse{ObjectId: idText(made.ID), Name: text(made.Name), Digest: made.Digest,
		Ack: s.words.ack(made.Ack)}), nil
}

// decision is a use case by which control decides about one object.
type decision func(ctx context.Context, c studio.Caller, ref, why string) (studio.Decided, error)

func (s checkpoints) decide(ctx context.Context, q *connect.Request[atelierv1.DecideRequest], by decision) (*connect.Response[atelierv1.DecideResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	d, err := by(ctx, c, q.Msg.GetObject(), q.Msg.GetWhy())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(s.words.decided(d)), nil
}

func (w words) decided(d studio.Decided) *atelierv1.DecideResponse {
	return &atelierv1.DecideResponse{ObjectId: idText(d.ID), RequestId: idText(d.Request), RecordId: idText(d.Record),
		ControlIndex: d.Index, Object: document(d.Document), Ack: w.ack(d.Ack)}
}

func (s checkpoints) Finalize(ctx context.Context, q *connect.Request[atelierv1.DecideRequest]) (*connect.Response[atelierv1.DecideResponse], error) {
	return s.decide(ctx, q, s.o.Studio.Finalize)
}

func (s checkpoints) Invalidate(ctx context.Context, q *connect.Request[atelierv1.DecideRequest]) (*connect.Response[atelierv1.DecideResponse], error) {
	return s.decide(ctx, q, s.o.Studio.Invalidate)
}

func (s checkpoints) Open(ctx context.Context, q *connect.Request[atelierv1.OpenCheckpointRequest]) (*connect.Response[atelierv1.OpenCheckpointResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	opened, err := s.o.Studio.OpenCheckpoint(ctx, c, q.Msg.GetCheckpoint())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.OpenCheckpointResponse{Checkpoint: document(opened.Document), Ack: s.words.ack(opened.Ack)}), nil
}

func (s checkpoints) Export(ctx context.Context, q *connect.Request[atelierv1.ExportRequest], out *connect.ServerStream[atelierv1.ExportResponse]) error {
	c, err := s.caller(q)
	if err != nil {
		return err
	}
	made, err := s.o.Studio.Bundle(ctx, c, q.Msg.GetAt(), pieces{out})
	if err != nil {
		return err
	}
	h := made.Head
	return out.Send(&atelierv1.ExportResponse{Done: true, BundleId: idText(made.ID), CheckpointId: idText(h.Checkpoint), Digest: idText(h.Digest.Hash),
		FoldVersion: h.Digest.Version, Events: h.Events, Outside: h.Outside, Records: h.Records, Seals: made.Seals, Bodies: made.Bodies, Bytes: made.Bytes,
		ReadFrontier: s.words.heads(made.Read)})
}

// pieces sends a bundle as it is made. A writer keeps nothing that it is given.
type pieces struct {
	out *connect.ServerStream[atelierv1.ExportResponse]
}

func (p pieces) Write(b []byte) (int, error) {
	if err := p.out.Send(&atelierv1.ExportResponse{Data: b}); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (s checkpoints) Diff(ctx context.Context, q *connect.Request[atelierv1.DiffRequest]) (*connect.Response[atelierv1.DiffResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	d, err := s.o.Studio.Diff(ctx, c, q.Msg.GetA(), q.Msg.GetB(), q.Msg.GetBranch())
	if err != nil {
		return nil, err
	}
	m := &atelierv1.DiffResponse{Relation: d.Relation, OnlyA: d.OnlyA, OnlyB: d.OnlyB, DigestA: d.DigestA, DigestB: d.DigestB,
		ReadFrontier: s.words.heads(d.Read)}
	for _, one := range d.Differences {
		m.Differences = append(m.Differences, difference(one))
	}
	return connect.NewResponse(m), nil
}

func difference(d studio.Difference) *atelierv1.Difference {
	m := &atelierv1.Difference{ObjectId: idText(d.ID), Kind: d.Kind, Name: text(d.Name), How: d.How}
	for _, f := range d.Fields {
		m.Fields = append(m.Fields, &atelierv1.FieldDifference{Field: f.Field, A: valueOrNone(f.A), B: valueOrNone(f.B)})
	}
	return m
}

// valueOrNone leaves out what is not there.
func valueOrNone(v any) *structpb.Value {
	if v == nil {
		return nil
	}
	return value(v, 1)
}
