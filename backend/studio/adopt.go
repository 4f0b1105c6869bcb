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
			held, err := r.adopt()
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

// adopt connects to the shim, asking for the notes that are not accounted for.
func (r *run) adopt() (Held, error) {
	return r.s.p.Shims.Adopt(r.s.ctx, r.s.p.Spools.Folder(r.id), r.noted)
}

// begin is the life of a run whose shim was just launched. A failed launch says
// nothing of the shim: what it left tells whether the program began.
func (r *run) begin(held Held, failed error) {
	if failed != nil {
		if !fault.Is(failed, "program_not_found") && !fault.Is(failed, "program_not_executable") {
			r.s.tell("starting a terminal", failed) // else it is the caller's affair alone
		}
		r.unbegun = failed
		held, failed = r.adopt()
	}
	r.live(held, failed)
}

// live is a run's whole life, in rounds of reaching the shim, opening its bytes
// and following it. What a round fails with is tried again after a pause, for
// as long as the core runs: only an end that is an event ends a run.
func (r *run) live(held Held, err error) {
	defer r.closeSpool()
	for {
		over, failed := r.advance(r.s.ctx, held, err)
		switch {
		case over:
			r.finish()
			return
		case r.s.ctx.Err() != nil:
			return
		case failed != nil:
			r.idle(r.s.ctx)
		}
		held, err = r.adopt()
	}
}

// advance is one round, with what came of looking for the shim. That a terminal
// is lost rests on two findings: no process holds it, and its folder was read
// or is known to be absent. Any other failure is none of them.
func (r *run) advance(ctx context.Context, held Held, reached error) (over bool, err error) {
	if reached != nil && !fault.Is(reached, "shim_dead") {
		return false, r.hindered(reaching, reached)
	}
	r.managed(reaching)
	opened := r.openSpool()
	switch {
	case opened == nil && held != nil:
		r.managed(opening)
		return r.attend(ctx, held), nil
	case opened == nil, held == nil && absent(opened):
		r.s.tell("settling a terminal whose process has died", r.settle(ctx))
		return true, nil
	case held != nil:
		held.Close()
	}
	return false, r.hindered(opening, opened)
}

// attend follows the shim for as long as its link lasts.
func (r *run) attend(ctx context.Context, held Held) (over bool) {
	r.found(ctx, held)
	defer r.lose()
	return r.follow(ctx, held)
}

// openSpool opens the recorded bytes, if they are not open yet.
func (r *run) openSpool() (err error) {
	if r.spool == nil {
		r.spool, err = r.s.p.Spools.Open(r.id)
	}
	return err
}

func (r *run) closeSpool() {
	if r.spool != nil {
		r.spool.Close()
	}
}

// absent reports whether an error says that there is no folder of bytes.
func absent(err error) bool { return fault.Is(err, "spool_unknown") }

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
		r.s.tell("a turn that never reached its terminal", r.release(ctx, driver))
		return
	}
	if !driver.IsZero() && admitted[driver] == "" {
		r.s.tell("a turn of nobody", r.release(ctx, driver))
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
		return r.isLost(ctx, r.neverBegan())
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
	if r.unbegun != nil {
		return r.isLost(ctx, r.neverBegan())
	}
	return r.isLost(ctx, "the process that held its terminal was killed, so nobody saw its end")
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
