package api

import (
	"context"

	"connectrpc.com/connect"

	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/studio"
)

// retention answers RetentionService.
type retention struct{ *Server }

func (s retention) Sizes(ctx context.Context, q *connect.Request[atelierv1.SizesRequest]) (*connect.Response[atelierv1.SizesResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	sizes, read, err := s.o.Studio.SizesNow(ctx, c)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.SizesResponse{Sizes: sizesOf(sizes), ReadFrontier: s.words.heads(read)}), nil
}

func (s retention) WatchSizes(ctx context.Context, q *connect.Request[atelierv1.SizesRequest], out *connect.ServerStream[atelierv1.SizesResponse]) error {
	c, err := s.caller(q)
	if err != nil {
		return err
	}
	return s.o.Studio.WatchSizes(ctx, c, func(sizes []studio.Size, read studio.Frontier) error {
		return out.Send(&atelierv1.SizesResponse{Sizes: sizesOf(sizes), ReadFrontier: s.words.heads(read)})
	})
}

func sizesOf(all []studio.Size) []*atelierv1.Size {
	messages := make([]*atelierv1.Size, len(all))
	for n, z := range all {
		messages[n] = &atelierv1.Size{Kind: z.Kind, Bytes: z.Bytes, Count: z.Count}
	}
	return messages
}

func (s retention) Show(ctx context.Context, q *connect.Request[atelierv1.ShowRetentionRequest]) (*connect.Response[atelierv1.ShowRetentionResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	r, err := s.o.Studio.Retention(ctx, c)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(s.words.retained(r)), nil
}

func (s retention) Set(ctx context.Context, q *connect.Request[atelierv1.SetRetentionRequest]) (*connect.Response[atelierv1.SetRetentionResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	p := q.Msg
	r, err := s.o.Studio.SetRetention(ctx, c, studio.Retention{Checkpoint: p.GetCheckpoint(), Bodies: p.GetBodies(), Terminals: p.GetTerminals()})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.SetRetentionResponse{Now: s.words.retained(r)}), nil
}

func (s retention) Thin(ctx context.Context, q *connect.Request[atelierv1.ThinRequest]) (*connect.Response[atelierv1.ThinResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	t, err := s.o.Studio.Thin(ctx, c)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.ThinResponse{CheckpointId: idText(t.Checkpoint), CheckpointName: text(t.CheckpointName),
		Dropped: amount(t.Dropped), Running: t.Running, Busy: t.Busy, Ack: s.words.ack(t.Ack)}), nil
}

func (w words) retained(r studio.Retained) *atelierv1.ShowRetentionResponse {
	return &atelierv1.ShowRetentionResponse{CheckpointId: idText(r.Checkpoint), CheckpointName: text(r.CheckpointName),
		Policy: &atelierv1.Retention{Checkpoint: text(r.Policy.Checkpoint), Bodies: r.Policy.Bodies, Terminals: r.Policy.Terminals},
		Due:    amount(r.Due), Gone: amount(r.Gone), Running: r.Running, ReadFrontier: w.heads(r.Read)}
}

func amount(a studio.Amount) *atelierv1.Amount {
	return &atelierv1.Amount{Bodies: a.Bodies, BodyBytes: a.BodyBytes, Terminals: a.Terminals, TerminalBytes: a.TerminalBytes}
}
