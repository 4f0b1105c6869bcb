package studio

import (
	"context"
	"fmt"

	"atelier.dev/atelier/backend/fault"
)

// Send types bytes as the caller's session: it takes the keyboard if nobody has
// it, and gives it back. Reasons: keyboard_taken with who drives in the detail
// "driver", input_empty, input_unread.
func (s *Studio) Send(ctx context.Context, c Caller, ref string, data []byte) (Sent, error) {
	se, id, err := s.named(c, ref)
	if err != nil {
		return Sent{}, err
	}
	if len(data) == 0 {
		return Sent{}, fault.New(fault.InvalidArgument, "input_empty", "there is nothing to type", "send at least one byte")
	}
	r, err := s.runOf(id)
	if err != nil {
		return Sent{}, err
	}
	held, err := r.reach(ctx)
	if err != nil {
		return Sent{}, err
	}
	epoch, err := r.send(ctx, se, held, data)
	if err != nil {
		return Sent{}, err
	}
	turn, err := s.turnNow(c, r)
	return Sent{Epoch: epoch, Bytes: uint64(len(data)), Ack: turn.Ack}, err
}

func (r *run) send(ctx context.Context, se *session, held Held, data []byte) (epoch uint64, err error) {
	t, err := r.s.newTicket()
	if err != nil {
		return 0, err
	}
	if err := r.admit(ctx, held, t, &operator{Session: se.id, Label: r.s.label(se), Sender: true}); err != nil {
		return 0, err
	}
	// What was begun is ended even when the caller gives up.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWait)
	defer cancel()
	defer func() {
		if err := r.forget(after, t); !hasGone(err) {
			r.s.tell("after typed input", err)
		}
	}()
	epoch, err = r.take(ctx, se, t, true)
	if err != nil {
		return 0, err
	}
	if epoch == 0 {
		return 0, r.taken(se)
	}
	typing, stop := context.WithTimeout(ctx, sendWait)
	defer stop()
	err = r.s.p.Typist.Type(typing, held.Socket(), t, epoch, data)
	if back := r.handBack(after, se, t); err == nil && !hasGone(back) {
		err = back
	}
	return epoch, err
}

// hasGone reports whether an error says that the terminal is gone: what was
// typed may have ended its program, and then there is nothing to hand back.
func hasGone(err error) bool {
	return fault.Is(err, "shim_gone") || fault.Is(err, "not_running") || fault.Is(err, "execution_ended")
}

// taken tells who has the keyboard: it may be the asker, from elsewhere.
func (r *run) taken(asks *session) error {
	x, _ := r.s.execution(r.id)
	who, driver, mend := "somebody has", "somebody", "wait until it is handed back, or attach and take it"
	if v := r.s.view(x); v.Driver != nil {
		place := " (" + placeWords[v.Driver.Surface] + ")"
		driver = v.Driver.ActorName + place
		who = driver + " has"
		if v.Driver.Actor == asks.actor.ID {
			who, mend = "you"+place+" have", "hand it back there, or attach and take it"
		}
	}
	return fault.New(fault.Aborted, "keyboard_taken", fmt.Sprintf("%s the keyboard of %s", who, x.Name.Default().Value), mend).With("driver", driver)
}
