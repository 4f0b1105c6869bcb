package studio

import (
	"context"
	"fmt"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// settle records what a dead shim has left on disk. Without a note of the end
// the program is lost, since nobody saw how it ended. It returns true when the
// end is an event.
func (r *run) settle(ctx context.Context) (over bool, err error) {
	if r.spool == nil {
		err = r.isLost(ctx, r.neverBegan())
		return err == nil, r.outcome(settling, err)
	}
	over, err = r.takeLeft(ctx)
	return over, r.outcome(settling, err)
}

// takeLeft records notes and bytes that are there. Notes that cannot be read now
// may tell of the end, and are read again; damaged ones never tell anything.
func (r *run) takeLeft(ctx context.Context) (over bool, err error) {
	var notes []attach.Note
	unread := r.spool.Notes(r.noted, func(n attach.Note) error { notes = append(notes, n); return nil })
	for _, n := range notes {
		if over, err := r.takeNote(ctx, n); over || err != nil {
			return over, err
		}
	}
	if unread != nil && !fault.Is(unread, "notes_damaged") {
		return false, unread
	}
	end, err := r.spool.End()
	if err == nil {
		err = r.record(ctx, end)
	}
	if err == nil {
		err = r.isLost(ctx, r.whyLost(end, unread))
	}
	return err == nil, err
}

// whyLost says why nobody knows how the program ended.
func (r *run) whyLost(end uint64, damaged error) string {
	switch {
	case damaged != nil:
		return valid(fault.Of(damaged).Message)
	case end < r.recorded:
		return fmt.Sprintf("its process was killed, and %s of what it wrote are gone", plural(r.recorded-end, "byte"))
	case r.unbegun != nil, r.unborn && r.noted == 0 && end == 0:
		return r.neverBegan()
	}
	return "the process that held its terminal was killed, so nobody saw its end"
}

// neverBegan says why there is no trace of the program.
func (r *run) neverBegan() string {
	switch {
	case r.unbegun != nil:
		return valid("the program was not started: " + fault.Of(r.unbegun).Message)
	case r.noted > 0 || r.recorded > 0:
		return "its folder is gone, and with it what its process saw"
	}
	return "the core was killed before the program began"
}

// finish ends a run whose end is an event.
func (r *run) finish() {
	close(r.over)
	r.readyNow()
	r.mu.Lock()
	for _, o := range r.tickets {
		if o.leaving != nil {
			o.leaving.Stop()
		}
	}
	r.mu.Unlock()
	r.s.tell("dropping the link of a terminal", r.s.p.Links.Drop(r.id))
	r.s.tell("forgetting who was attached", r.s.p.Log.SaveState(ticketsKey(r.id), nil))
	r.s.mu.Lock()
	delete(r.s.runs, r.id)
	r.s.changed()
	r.s.mu.Unlock()
}
