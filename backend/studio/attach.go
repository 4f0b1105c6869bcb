package studio

import (
	"context"
	"encoding/hex"
	"io"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func ticketText(t attach.Ticket) string { return hex.EncodeToString(t[:]) }

func parseTicket(text string) (t attach.Ticket, ok bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(t) {
		return t, false
	}
	return attach.Ticket(raw), true
}

func (s *Studio) newTicket() (attach.Ticket, error) {
	var t attach.Ticket
	if _, err := io.ReadFull(s.p.Random, t[:]); err != nil {
		return t, fault.Wrap(err, fault.Internal, "random", "no random bytes are to be had", "mend the system's source of random bytes")
	}
	return t, nil
}

// Attach admits the caller's session as an operator, and gives it the keyboard
// if nobody has it and it does not only observe. Of an execution that has ended
// it answers where its transcript ends.
func (s *Studio) Attach(ctx context.Context, c Caller, ref string, observe bool, authSock string) (Attachment, error) {
	se, id, err := s.named(c, ref)
	if err != nil {
		return Attachment{}, err
	}
	r, err := s.runOf(id)
	if fault.Is(err, "execution_ended") {
		return s.attached(c, se, id, Attachment{Ended: true})
	}
	if err != nil {
		return Attachment{}, err
	}
	if _, err := s.p.Links.Point(id, authSock); err != nil {
		s.tell("linking the agent's socket", err)
	}
	held, err := r.reach(ctx)
	if err != nil {
		return s.attachedOr(c, se, id, Attachment{}, err)
	}
	a, err := r.attach(ctx, se, held, observe)
	if !hasGone(err) {
		return s.attachedOr(c, se, id, a, err)
	}
	if held, err = r.reachAnew(ctx, held); err == nil {
		a, err = r.attach(ctx, se, held, observe)
	}
	return s.attachedOr(c, se, id, a, err)
}

// attachedOr answers an attachment, or what is to be had of a program that ended.
func (s *Studio) attachedOr(c Caller, se *session, id event.ID, a Attachment, err error) (Attachment, error) {
	switch {
	case fault.Is(err, "execution_ended"):
		return s.attached(c, se, id, Attachment{Ended: true})
	case err != nil:
		return Attachment{}, err
	}
	return s.attached(c, se, id, a)
}

// attached fills in what every answer has, and opens the version that it tells.
func (s *Studio) attached(c Caller, se *session, id event.ID, a Attachment) (Attachment, error) {
	var version []event.ID
	read, err := s.served(s.ctx, c, func() {
		x, _ := s.fold.Execution(id)
		v := s.asNow().viewing(x)
		version = x.Frontier
		a.ID, a.Driver, a.Output, a.Cols, a.Rows = id, v.Driver, v.Output, v.Cols, v.Rows
	})
	if err != nil {
		return Attachment{}, err
	}
	a.Ack.Frontier = read
	return a, s.opens(se, id, version)
}

// attach opens the execution, records the operator, lets its ticket in and gives
// it the keyboard if nobody has it and it does not only observe.
func (r *run) attach(ctx context.Context, se *session, held Held, observe bool) (Attachment, error) {
	s := r.s
	t, err := s.newTicket()
	if err != nil {
		return Attachment{}, err
	}
	if err := s.opens(se, r.id, s.versionOf(r.id)); err != nil {
		return Attachment{}, err
	}
	e, err := r.act(ctx, se, event.Draft{Type: event.ExecutionAttachedType, Facts: event.Facts{Operator: se.id}})
	if err != nil {
		return Attachment{}, err
	}
	o := &operator{Session: se.id, Label: s.label(se)}
	if err := r.admit(ctx, held, t, o); err != nil {
		r.hasLeft(t, true)
		return Attachment{}, err
	}
	r.hasLeft(t, false) // whoever never connects does not stay
	a := Attachment{Ticket: t, Socket: held.Socket(), Ack: Ack{Event: e.ID}}
	if observe {
		return a, nil
	}
	err = r.takeIfFree(ctx, se, &a)
	return a, err
}

// used makes the execution's next event follow one that an operator wrote.
func (s *Studio) used(r *run, id event.ID) error { return s.opens(r.se, r.id, []event.ID{id}) }

// label is how an operator is called on the screens of others.
func (s *Studio) label(se *session) string {
	return s.actorName(se.actor.ID) + " (" + placeWords[se.surface] + ")"
}

// placeWords say where an operator sits, as every screen says it.
var placeWords = map[event.Surface]string{
	event.SurfaceCLI: "command line", event.SurfaceWindow: "window", event.SurfaceWeb: "browser", event.SurfaceAPI: "program",
	event.SurfaceMCP: "MCP", event.SurfaceSSH: "SSH", event.SurfaceAutomation: "automation", event.SurfaceSystem: "core",
}

// Route returns the socket of the shim that a ticket leads to, for carriers.
// Reason: ticket_unknown (unauthenticated).
func (s *Studio) Route(t attach.Ticket) (socket string, err error) {
	s.mu.Lock()
	runs := make([]*run, 0, len(s.runs))
	for _, r := range s.runs {
		runs = append(runs, r)
	}
	s.mu.Unlock()
	for _, r := range runs {
		if socket, ok := r.routes(t); ok {
			return socket, nil
		}
	}
	return "", fault.New(fault.Unauthenticated, "ticket_unknown", "this ticket lets nobody in", "attach again for another one")
}

func (r *run) routes(t attach.Ticket) (socket string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tickets[t] == nil || r.held == nil {
		return "", false
	}
	return r.held.Socket(), true
}
