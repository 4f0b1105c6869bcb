package studio

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// adoptAll begins to look for the shims of all executions that have not ended,
// and removes the folders of executions that no event names.
func (s *Studio) adoptAll() error {
	if s.p.Log.ReadOnly() != "" {
		return nil // nothing that is found could be recorded
	}
	if err := s.sweep(); err != nil {
		return err
	}
	places := make(chan struct{}, adopting)
	for _, e := range s.living() {
		noted := uint64(0)
		if e.LastNote != nil {
			noted = *e.LastNote
		}
		r := s.newRun(e.ID, e.Frontier, e.Output, noted, e.Turn.Epoch)
		if e.Turn.Epoch > 0 {
			r.turnOf[e.Turn.Epoch] = e.Turn
		}
		r.restore()
		s.mu.Lock()
		s.runs[e.ID] = r
		s.mu.Unlock()
		s.work.Add(1)
		go func() {
			defer s.work.Done()
			places <- struct{}{}
			held, err := s.p.Shims.Adopt(s.ctx, s.p.Spools.Folder(r.id), r.noted)
			<-places
			r.live(held, err)
		}()
	}
	return nil
}

// sweep removes what a start that came to nothing left behind.
func (s *Studio) sweep() error {
	all, err := s.p.Spools.All()
	if err != nil {
		return err
	}
	for _, id := range all {
		if _, known := s.execution(id); known {
			continue
		}
		held, err := s.p.Shims.Adopt(s.ctx, s.p.Spools.Folder(id), 0)
		if err == nil {
			held.Close()
			s.p.Tell("warn", "a terminal runs that no event names; it is left alone: "+id.String())
			continue
		}
		if fault.Is(err, "shim_dead") {
			s.tell("removing what a failed start left", s.p.Spools.Remove(id))
		}
	}
	return nil
}

// restore takes who was admitted when the last core ended.
func (r *run) restore() {
	var kept keptRun
	state := r.s.p.Log.LoadState(ticketsKey(r.id))
	if len(state) == 0 {
		return
	}
	if err := json.Unmarshal(state, &kept); err != nil {
		r.s.tell("reading who was attached", err)
		return
	}
	for text, o := range kept.Tickets {
		if t, ok := parseTicket(text); ok {
			r.tickets[t] = o
		}
	}
	r.driver, _ = parseTicket(kept.Driver)
}

// live is a run's whole life: it follows its shim, finds it again when the link
// breaks, and settles what is owed when the shim is dead.
func (r *run) live(held Held, err error) {
	ctx := r.s.ctx
	if r.spool == nil {
		if r.spool, err = r.openSpool(err); err != nil && held == nil && !fault.Is(err, "shim_dead") {
			r.s.tell("opening the bytes of a terminal", err)
		}
	}
	for ctx.Err() == nil {
		switch {
		case err == nil:
			r.found(ctx, held)
			over := r.follow(ctx, held)
			r.lose()
			if over {
				r.finish()
				return
			}
			if ctx.Err() != nil {
				return
			}
		case fault.Is(err, "shim_dead"):
			r.s.tell("settling a terminal whose process has died", r.settle(ctx))
			r.finish()
			return
		default:
			r.s.tell("reaching the process of a terminal", err)
			r.readyNow()
			r.idle(ctx)
		}
		held, err = r.s.p.Shims.Adopt(ctx, r.s.p.Spools.Folder(r.id), r.noted)
	}
}

// openSpool opens the recorded bytes; without a folder there are none, and then
// there is no shim either.
func (r *run) openSpool(adopted error) (Spool, error) {
	spool, err := r.s.p.Spools.Open(r.id)
	if err != nil && adopted == nil {
		return nil, err
	}
	return spool, adopted
}

// idle waits before the next try, and carries out what is asked meanwhile.
func (r *run) idle(ctx context.Context) {
	wait := time.NewTimer(adoptEvery)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
			return
		case work := <-r.ask:
			work(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// found takes a link to the shim, which may be new to a core or to a run.
func (r *run) found(ctx context.Context, held Held) {
	holding := held.Holding()
	r.mu.Lock()
	r.held, r.pid = held, int64(holding.PID)
	r.end = max(r.end, holding.End)
	stale := holding.Epoch < r.epoch
	r.epoch = max(r.epoch, holding.Epoch)
	r.mu.Unlock()
	r.stir()
	r.readyNow()
	r.s.work.Add(1)
	go func() {
		defer r.s.work.Done()
		r.welcomeBack(ctx, held, stale)
	}()
}

// welcomeBack makes the shim's operators the same as ours after a change of
// core: who was admitted may come back for a while, and a turn that never
// reached the shim is over.
func (r *run) welcomeBack(ctx context.Context, held Held, stale bool) {
	r.mu.Lock()
	admitted := map[attach.Ticket]string{}
	for t, o := range r.tickets {
		admitted[t] = o.Label
	}
	driver := r.driver
	r.mu.Unlock()
	for t, label := range admitted {
		if err := held.Do(ctx, attach.Admit{Ticket: t, MayDrive: true, Label: label}); err != nil {
			return // the link broke; the next one does it again
		}
		r.mu.Lock()
		o := r.tickets[t]
		absent := o != nil && !o.connected
		r.mu.Unlock()
		if absent {
			r.hasLeft(t, o.Sender)
		}
	}
	if stale {
		r.s.tell("a turn that never reached its terminal", r.giveTurn(ctx, attach.Ticket{}, nil))
		return
	}
	if !driver.IsZero() && admitted[driver] == "" {
		r.s.tell("a turn of nobody", r.giveTurn(ctx, attach.Ticket{}, nil))
	}
}

func (r *run) readyNow() {
	select {
	case <-r.ready:
	default:
		close(r.ready)
	}
	r.s.mu.Lock()
	r.s.changed()
	r.s.mu.Unlock()
}

// lose drops the link.
func (r *run) lose() {
	r.mu.Lock()
	held := r.held
	r.held = nil
	r.mu.Unlock()
	if held != nil {
		held.Close()
	}
}

// settle records what a dead shim has left on disk. Without a note of the end
// the program is lost, since nobody saw how it ended.
func (r *run) settle(ctx context.Context) error {
	if r.spool == nil {
		return r.isLost(ctx, "the core was killed before the program began")
	}
	var notes []attach.Note
	if err := r.spool.Notes(r.noted, func(n attach.Note) error { notes = append(notes, n); return nil }); err != nil {
		r.s.tell("reading the notes of a terminal's process", err)
	}
	for _, n := range notes {
		over, err := r.account(ctx, n)
		if err != nil || over {
			return err
		}
	}
	end, err := r.spool.End()
	if err != nil {
		return err
	}
	if end < r.recorded {
		return r.isLost(ctx, fmt.Sprintf("its process was killed, and %s of what it wrote are gone", plural(r.recorded-end, "byte")))
	}
	if err := r.record(ctx, end); err != nil {
		return err
	}
	return r.isLost(ctx, "the process that held its terminal was killed, so nobody saw its end")
}

// finish ends a run whose end is an event, or that can record no more.
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
	if r.spool != nil {
		r.spool.Close()
	}
	r.s.tell("dropping the link of a terminal", r.s.p.Links.Drop(r.id))
	r.s.tell("forgetting who was attached", r.s.p.Log.SaveState(ticketsKey(r.id), nil))
	r.s.mu.Lock()
	delete(r.s.runs, r.id)
	r.s.changed()
	r.s.mu.Unlock()
}

// runOf returns the run of an execution that has not ended.
func (s *Studio) runOf(id event.ID) (*run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[id]; r != nil {
		return r, nil
	}
	return nil, ended()
}
