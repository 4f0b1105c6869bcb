package studio

import (
	"context"
	"encoding/json"
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
	r.unborn = reached != nil && fault.Of(reached).Details["launch"] == "none"
	opened := r.openSpool()
	switch {
	case opened == nil && held != nil:
		r.managed(opening)
		r.found(ctx, held)
		if over, err = r.follow(ctx, held); fault.Is(err, "note_missing") {
			return false, r.hindered(hearing, err)
		}
		return over, err
	case opened == nil, held == nil && absent(opened):
		return r.settle(ctx)
	case held != nil:
		held.Close()
	}
	return false, r.hindered(opening, opened)
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

// runOf returns the run of an execution that has not ended.
func (s *Studio) runOf(id event.ID) (*run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[id]; r != nil {
		return r, nil
	}
	x, _ := s.fold.Execution(id)
	return nil, ended(x)
}
