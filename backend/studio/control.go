package studio

import (
	"context"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Control takes or releases ("take", "release") the keyboard for a ticket of
// the caller. The change is durable before the shim takes input under its
// epoch. Reasons: action_unknown, ticket_unknown, execution_ended.
func (s *Studio) Control(ctx context.Context, c Caller, ref, action string, t attach.Ticket) (Turn, error) {
	se, id, err := s.named(c, ref)
	if err != nil {
		return Turn{}, err
	}
	r, err := s.runOf(id)
	if err != nil {
		return Turn{}, err
	}
	if _, err := r.reach(ctx); err != nil {
		return Turn{}, err
	}
	r.mu.Lock()
	o := r.tickets[t]
	r.mu.Unlock()
	if o == nil || o.Session != se.id {
		return Turn{}, fault.New(fault.Unauthenticated, "ticket_unknown", "this ticket is not one of this session's", "attach again for another one")
	}
	switch action {
	case "take":
		_, err = r.take(ctx, se, t, false)
	case "release":
		err = r.handBack(ctx, se, t)
	default:
		err = fault.New(fault.InvalidArgument, "action_unknown", "the keyboard can be taken or released", `ask for "take" or "release"`)
	}
	if err != nil {
		return Turn{}, err
	}
	return s.turnNow(c, r)
}

// turnNow answers who drives, with the event of that.
func (s *Studio) turnNow(c Caller, r *run) (Turn, error) {
	var t Turn
	var version []event.ID
	read, err := s.served(s.ctx, c, func() {
		x, _ := s.fold.Execution(r.id)
		v := s.asNow().viewing(x)
		t = Turn{Epoch: v.Epoch, Driver: v.Driver}
		version = x.Frontier
	})
	if err != nil {
		return t, err
	}
	r.mu.Lock()
	t.Ack = Ack{Event: r.turned, Frontier: read}
	r.mu.Unlock()
	if t.Ack.Event.IsZero() {
		t.Ack.Event, err = s.newest(version)
	}
	return t, err
}

// drives reports whether the ticket has the keyboard, and whether anybody has.
func (r *run) drives(t attach.Ticket) (this, anybody bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.driver == t, !r.driver.IsZero()
}

// take gives a ticket the keyboard; with onlyFree not from somebody else. It
// returns the epoch, 0 when somebody else has it.
func (r *run) take(ctx context.Context, se *session, t attach.Ticket, onlyFree bool) (epoch uint64, err error) {
	r.turns.Lock()
	defer r.turns.Unlock()
	this, anybody := r.drives(t)
	if onlyFree && anybody && !this {
		return 0, nil
	}
	if this {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.epoch, nil
	}
	return r.change(ctx, t, se, &event.Turn{Driver: se.actor.ID, Session: se.id})
}

// takeIfFree gives a new attachment the keyboard if nobody has it.
func (r *run) takeIfFree(ctx context.Context, se *session, a *Attachment) error {
	epoch, err := r.take(ctx, se, a.Ticket, true)
	if err == nil && epoch > 0 {
		a.Epoch = epoch
	}
	return err
}

// handBack ends an operator's turn, written by itself.
func (r *run) handBack(ctx context.Context, se *session, t attach.Ticket) error {
	r.turns.Lock()
	defer r.turns.Unlock()
	if this, _ := r.drives(t); !this {
		return nil // it was taken meanwhile: nothing is left to hand back
	}
	_, err := r.change(ctx, attach.Ticket{}, se, &event.Turn{})
	return err
}

// release ends the turn of a ticket, or of nobody, that is still the standing one.
// The core writes it.
func (r *run) release(ctx context.Context, t attach.Ticket) error {
	r.turns.Lock()
	defer r.turns.Unlock()
	if this, _ := r.drives(t); !this {
		return nil
	}
	_, err := r.change(ctx, attach.Ticket{}, r.se, &event.Turn{})
	return err
}

// change makes the next epoch durable and then tells the shim. The caller
// holds turns.
func (r *run) change(ctx context.Context, to attach.Ticket, by *session, turn *event.Turn) (uint64, error) {
	if err := r.flush(ctx); err != nil {
		return 0, err
	}
	r.mu.Lock()
	held := r.held
	turn.Epoch = r.epoch + 1
	r.mu.Unlock()
	if held == nil {
		return 0, fault.New(fault.Unavailable, "shim_gone", "the process that holds this terminal does not answer", "try again; see `atelier doctor` and `atelier core logs`")
	}
	e, err := r.act(ctx, by, event.Draft{Type: event.ExecutionControlChangedType, Facts: event.Facts{Turn: turn}}, by.basis(r.id)...)
	if err != nil {
		return 0, err
	}
	r.mu.Lock()
	r.epoch, r.driver, r.turned = turn.Epoch, to, e.ID
	r.turnOf[turn.Epoch] = *turn
	delete(r.turnOf, turn.Epoch-turnsKept)
	r.mu.Unlock()
	if err := r.keep(); err != nil {
		return 0, err
	}
	if by != r.se {
		if err := r.s.opens(by, r.id, []event.ID{e.ID}); err != nil {
			return 0, err
		}
	}
	return turn.Epoch, held.Do(ctx, attach.Grant{Epoch: turn.Epoch, Ticket: to})
}
