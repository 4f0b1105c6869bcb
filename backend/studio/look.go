package studio

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// execution returns an execution as the objects have it.
func (s *Studio) execution(id event.ID) (*object.Execution, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fold.Execution(id)
}

// resolve finds the execution that a name, an id or a part of one means.
func (s *Studio) resolve(ref string) (event.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fold.Find(object.KindExecution, ref)
}

func (s *Studio) versionOf(id event.ID) []event.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fold.Version(id)
}

// living lists the executions whose end is no event yet.
func (s *Studio) living() []*object.Execution {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*object.Execution
	for _, x := range s.fold.Executions() {
		if !x.State.Over() && x.Home == s.p.Log.Replica() { // others are looked for by their own homes
			all = append(all, x)
		}
	}
	return all
}

func (s *Studio) actorName(id event.ID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fold.Name(id)
}

// await waits for a channel to be closed.
func (s *Studio) await(ctx context.Context, closed <-chan struct{}) error {
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "the call was given up", "send it again")
	case <-s.ctx.Done():
		return closing()
	}
}

func (s *Studio) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "the call was given up", "send it again")
	case <-s.ctx.Done():
		return closing()
	}
}

// newsNow is closed at the next change.
func (s *Studio) newsNow() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.news
}

// Wait answers when the execution has ended and its end is durable.
func (s *Studio) Wait(ctx context.Context, c Caller, ref string) (Execution, Frontier, error) {
	id, err := s.resolve(ref)
	if err != nil {
		return Execution{}, nil, err
	}
	for {
		news := s.newsNow()
		if x, _ := s.execution(id); x.State.Over() {
			break
		}
		if err := s.await(ctx, news); err != nil {
			return Execution{}, nil, err
		}
	}
	var x *object.Execution
	var v Execution
	read, err := s.served(ctx, c, func() {
		x, _ = s.fold.Execution(id)
		v = s.asNow().viewing(x)
	})
	if err != nil {
		return v, nil, err
	}
	return v, read, s.wasAnswered(c, id, x.Frontier)
}

// wasAnswered keeps which version of an object a caller's session has now. It
// was not opened: nothing follows it but a command that names it.
func (s *Studio) wasAnswered(c Caller, id event.ID, version []event.ID) error {
	if c.Session.IsZero() {
		return nil
	}
	se, err := s.session(c.Session)
	if err != nil {
		return err
	}
	se.mu.Lock()
	defer se.mu.Unlock()
	se.returns(id, version)
	return nil
}

// view is an execution as surfaces show it: the objects' value, with what the
// shim told since.
func (s *Studio) view(x *object.Execution) Execution {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asNow().viewing(x)
}

// viewing is view for a caller that holds mu.
func (s scene) viewing(x *object.Execution) Execution {
	v := Execution{ID: x.ID, Name: x.Name.Default().Value, State: string(x.State), Argv: x.Launch.Argv, Folder: x.Launch.Folder,
		Variables: x.Launch.Environment, Cols: uint32(x.Size.Cols), Rows: uint32(x.Size.Rows), Epoch: x.Turn.Epoch,
		Output: x.Output, Created: x.CreatedAt, Ended: x.EndedAt, CreatedBy: x.CreatedBy.ID,
		CreatedByName: s.objects.Name(x.CreatedBy.ID), Home: x.Home, Isolation: x.Launch.Isolation, Reason: x.Reason.Value}
	v.Operators = make([]Operator, 0, len(x.Operators))
	for _, o := range x.Operators {
		v.Operators = append(v.Operators, s.operatorView(o.Session, o.Actor.ID, o.Surface, o.Session == x.Turn.Session))
	}
	if !x.Turn.Driver.IsZero() {
		d := s.operatorView(x.Turn.Session, x.Turn.Driver, 0, true)
		v.Driver = &d
	}
	v.Gone = s.goneTo[x.ID]
	v.Unread = unread(map[string]object.Content{"name": x.Name.Default().Content, "argv": x.Launch.Content, "reason": x.Reason.Content})
	if x.Exit != nil {
		status := exitStatus(*x.Exit)
		v.ExitStatus = &status
	}
	v.Status = statusOf(x)
	if r := s.runs[x.ID]; r != nil && !s.past {
		r.mu.Lock()
		v.Output, v.PID = max(v.Output, r.end), r.pid
		if why := r.troubles[reaching].err; fault.Is(why, "shim_unreachable") {
			v.Status = "unreachable: " + fault.Of(why).Error()
		}
		r.mu.Unlock()
	}
	return v
}

// operatorView names an operator. The caller holds mu.
func (s scene) operatorView(session, actor event.ID, surface event.Surface, driver bool) Operator {
	if opened, known := s.objects.Session(session); known && surface == 0 {
		surface = opened.Surface
	}
	return Operator{Session: session, Actor: actor, ActorName: s.objects.Name(actor), Surface: surface, Driver: driver}
}

// signalled is what a shell adds to a signal's number.
const signalled = 128

func exitStatus(e event.Exit) int32 {
	if e.Signal > 0 {
		return int32(signalled + e.Signal)
	}
	return int32(e.Status)
}

// statusOf says in a few words how an execution is.
func statusOf(x *object.Execution) string {
	switch x.State {
	case object.Exited:
		if x.Exit.Signal > 0 {
			return fmt.Sprintf("signal %d (%s)", x.Exit.Signal, unix.SignalName(unix.Signal(x.Exit.Signal)))
		}
		return fmt.Sprintf("exit %d", x.Exit.Status)
	case object.Lost, object.Suspended:
		if x.Reason.Value != "" {
			return string(x.State) + ": " + x.Reason.Value
		}
	}
	return string(x.State)
}
