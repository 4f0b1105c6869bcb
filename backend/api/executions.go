package api

import (
	"context"
	"encoding/hex"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/studio"
)

// executions answers ExecutionService.
type executions struct{ *Server }

func (s executions) Start(ctx context.Context, q *connect.Request[atelierv1.StartRequest]) (*connect.Response[atelierv1.StartResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	m := q.Msg
	started, err := s.o.Studio.Start(ctx, c, studio.StartRequest{Argv: m.GetArgv(), Folder: m.GetCwd(), Environment: m.GetEnvironment(),
		Login: m.GetLoginEnvironment(), Name: m.GetName(), Cols: m.GetCols(), Rows: m.GetRows(), AuthSock: m.GetSshAuthSock(), Key: m.GetRequestKey(), As: m.GetAs()})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.StartResponse{ExecutionId: idText(started.ID), Name: text(started.Name), Ack: s.words.ack(started.Ack)}), nil
}

func (s executions) List(ctx context.Context, q *connect.Request[atelierv1.ListExecutionsRequest]) (*connect.Response[atelierv1.ListExecutionsResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	all, read, err := s.o.Studio.Executions(ctx, c, studio.Where{At: q.Msg.GetAt()})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(s.words.executions(all, read)), nil
}

func (s executions) Watch(ctx context.Context, q *connect.Request[atelierv1.ListExecutionsRequest], out *connect.ServerStream[atelierv1.ListExecutionsResponse]) error {
	c, err := s.caller(q)
	if err != nil {
		return err
	}
	return s.o.Studio.WatchExecutions(ctx, c, q.Msg.GetChanges(), func(l studio.Listing) error {
		m := s.words.executions(l.Executions, l.Read)
		m.Partial = l.Partial
		return out.Send(m)
	})
}

func (s executions) Attach(ctx context.Context, q *connect.Request[atelierv1.AttachRequest]) (*connect.Response[atelierv1.AttachResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	a, err := s.o.Studio.Attach(ctx, c, q.Msg.GetExecution(), q.Msg.GetObserve(), q.Msg.GetSshAuthSock())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(s.words.attachment(a)), nil
}

func (s executions) Control(ctx context.Context, q *connect.Request[atelierv1.ControlRequest]) (*connect.Response[atelierv1.ControlResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	ticket, err := ticketOf(q.Msg.GetTicket())
	if err != nil {
		return nil, err
	}
	turn, err := s.o.Studio.Control(ctx, c, q.Msg.GetExecution(), q.Msg.GetAction(), ticket)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.ControlResponse{Epoch: turn.Epoch, Driver: driver(turn.Driver), Ack: s.words.ack(turn.Ack)}), nil
}

// ticketOf reads the text of a ticket; no text is nobody's.
func ticketOf(hexText string) (t attach.Ticket, err error) {
	if hexText == "" {
		return t, nil
	}
	raw, err := hex.DecodeString(hexText)
	if err != nil || len(raw) != len(t) {
		return t, fault.New(fault.InvalidArgument, "ticket_malformed", "this is not a ticket", "give the 32 hex digits that Attach answered with")
	}
	return attach.Ticket(raw), nil
}

func (s executions) Send(ctx context.Context, q *connect.Request[atelierv1.SendRequest]) (*connect.Response[atelierv1.SendResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	sent, err := s.o.Studio.Send(ctx, c, q.Msg.GetExecution(), q.Msg.GetData())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.SendResponse{Epoch: sent.Epoch, BytesSent: sent.Bytes, Ack: s.words.ack(sent.Ack)}), nil
}

func (s executions) Kill(ctx context.Context, q *connect.Request[atelierv1.KillRequest]) (*connect.Response[atelierv1.KillResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	id, ack, err := s.o.Studio.Kill(ctx, c, q.Msg.GetExecution(), q.Msg.GetSignal())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.KillResponse{ExecutionId: idText(id), Ack: s.words.ack(ack)}), nil
}

func (s executions) Wait(ctx context.Context, q *connect.Request[atelierv1.WaitRequest]) (*connect.Response[atelierv1.WaitResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	e, read, err := s.o.Studio.Wait(ctx, c, q.Msg.GetExecution())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.WaitResponse{Execution: s.words.execution(e), ReadFrontier: s.words.heads(read)}), nil
}

func (s executions) Resize(ctx context.Context, q *connect.Request[atelierv1.ResizeRequest]) (*connect.Response[atelierv1.ResizeResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	id, ack, err := s.o.Studio.Resize(ctx, c, q.Msg.GetExecution(), q.Msg.GetCols(), q.Msg.GetRows())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.ResizeResponse{ExecutionId: idText(id), Ack: s.words.ack(ack)}), nil
}

func (s executions) Rename(ctx context.Context, q *connect.Request[atelierv1.RenameRequest]) (*connect.Response[atelierv1.RenameResponse], error) {
	c, err := s.caller(q)
	if err != nil {
		return nil, err
	}
	id, ack, err := s.o.Studio.Rename(ctx, c, q.Msg.GetExecution(), q.Msg.GetName())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.RenameResponse{ExecutionId: idText(id), Name: q.Msg.GetName(), Ack: s.words.ack(ack)}), nil
}

func (s executions) Transcript(ctx context.Context, q *connect.Request[atelierv1.TranscriptRequest], out *connect.ServerStream[atelierv1.TranscriptResponse]) error {
	c, err := s.caller(q)
	if err != nil {
		return err
	}
	m := q.Msg
	part := studio.TranscriptRequest{From: m.GetFrom(), To: m.To, Follow: m.GetFollow(), Timing: m.GetTiming(), At: m.GetAt()}
	return s.o.Studio.Transcript(ctx, c, m.GetExecution(), part, func(p studio.Piece) error {
		for _, one := range s.words.pieces(p) {
			if err := out.Send(one); err != nil {
				return err
			}
		}
		return nil
	})
}
