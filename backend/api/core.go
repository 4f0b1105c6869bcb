package api

import (
	"context"
	"os"

	"connectrpc.com/connect"

	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/studio"
)

// core answers CoreService.
type core struct{ *Server }

// caller is who asks, by the session header of the call.
func (s *Server) caller(q connect.AnyRequest) (studio.Caller, error) {
	return s.o.Studio.Caller(q.Header().Get(SessionHeader))
}

func (s core) Status(context.Context, *connect.Request[atelierv1.StatusRequest]) (*connect.Response[atelierv1.StatusResponse], error) {
	is := s.o.Studio.Status()
	return connect.NewResponse(&atelierv1.StatusResponse{
		Pid: int64(os.Getpid()), Version: text(s.o.Version), PeerId: s.words.chain(is.Replica), Home: text(s.o.Home),
		Workspace: idText(is.Workspace), WorkspaceName: text(is.WorkspaceName), UptimeS: s.o.Now().Sub(s.started).Seconds(),
		ReadOnly: text(is.ReadOnly), DeviceName: text(is.DeviceName), ActorName: text(is.ActorName), ActorId: idText(is.Actor),
		Socket: text(s.o.Socket), Listening: s.listening(), Events: is.Events, ReadFrontier: s.words.heads(is.Read),
	}), nil
}

func (s core) Stop(context.Context, *connect.Request[atelierv1.StopRequest]) (*connect.Response[atelierv1.StopResponse], error) {
	s.o.Stop() // the answer goes out first: listeners end when no unary call is under way
	return connect.NewResponse(&atelierv1.StopResponse{}), nil
}

func (s core) Doctor(ctx context.Context, _ *connect.Request[atelierv1.DoctorRequest]) (*connect.Response[atelierv1.DoctorResponse], error) {
	found, read, err := s.o.Studio.Doctor(ctx)
	if err != nil {
		return nil, err
	}
	if s.o.Findings != nil {
		found = append(found, s.o.Findings()...)
	}
	sizes, err := s.o.Studio.Sizes()
	if err != nil {
		return nil, err
	}
	m := &atelierv1.DoctorResponse{Sizes: sizesOf(sizes), ReadFrontier: s.words.heads(read)}
	for _, f := range found {
		m.Findings = append(m.Findings, &atelierv1.Finding{Name: text(f.Name), Level: text(f.Level), Message: text(f.Message), Mend: text(f.Mend)})
	}
	return connect.NewResponse(m), nil
}

func (s core) Serve(ctx context.Context, q *connect.Request[atelierv1.ServeRequest], out *connect.ServerStream[atelierv1.ServeResponse]) error {
	w, err := s.openKept(q.Msg.GetListen(), q.Msg.GetKeep())
	if err != nil {
		return err
	}
	err = out.Send(&atelierv1.ServeResponse{Url: w.link.url(w.address), Address: w.address, TokenFile: text(s.o.TokenFile)})
	if err == nil && q.Msg.GetDetach() {
		return nil
	}
	defer s.closeWeb(w)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.running.ended:
		return errListenerEnded
	}
}

func (s core) OpenSession(ctx context.Context, q *connect.Request[atelierv1.OpenSessionRequest]) (*connect.Response[atelierv1.OpenSessionResponse], error) {
	surface, err := surfaceOf(q.Msg.GetSurface(), isOwner(ctx))
	if err != nil {
		return nil, err
	}
	opened, read, err := s.o.Studio.OpenSession(ctx, surface, q.Msg.GetSession())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&atelierv1.OpenSessionResponse{Session: idText(opened.ID), ActorId: idText(opened.Actor),
		ActorName: text(opened.ActorName), ReadFrontier: s.words.heads(read)}), nil
}
