package studio

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// Thinned is what Thin dropped.
type Thinned struct {
	Checkpoint     event.ID
	CheckpointName string
	Dropped        Amount
	Running        uint64
	// Busy are terminals that have ended and whose process has not: they go the next
	// time.
	Busy uint64
	Ack  Ack // its event is zero where nothing went
}

// Thin drops what the policy of this home lets go. Who does it is recorded before a
// byte goes; what was ended in the middle goes on when it is called again. Reasons:
// retention_none, checkpoint_not_finalized, and those of the checkpoint.
func (s *Studio) Thin(ctx context.Context, c Caller) (Thinned, error) {
	se, err := s.acted(c)
	if err != nil {
		return Thinned{}, err
	}
	policy, err := s.policy()
	if err != nil {
		return Thinned{}, err
	}
	if policy.Checkpoint == "" {
		return Thinned{}, fault.New(fault.FailedPrecondition, "retention_none", "this home keeps everything", "say what may go: `atelier retention set`")
	}
	done, err := s.thin(ctx, se, policy)
	if err == nil {
		done.Ack.Frontier, err = s.served(ctx, c, func() {})
	}
	return done, err
}

// thin drops what a policy lets go, in the name of a session.
func (s *Studio) thin(ctx context.Context, se *session, policy Retention) (done Thinned, err error) {
	s.thinningOne.Lock()
	defer s.thinningOne.Unlock()
	t, err := s.thinning(policy)
	if err != nil {
		return done, err
	}
	if t == nil {
		return done, fault.New(fault.FailedPrecondition, "checkpoint_not_finalized", "no checkpoint is final yet", "finalize one: `atelier checkpoint finalize`")
	}
	done.Checkpoint, done.CheckpointName, done.Running = t.checkpoint.ID, t.checkpoint.Text("name"), t.running
	if !t.due.none() {
		e, err := s.writeAllowed(ctx, se, event.Draft{Type: event.CheckpointThinnedType, Affected: []event.ID{t.checkpoint.ID},
			Body: encode(&event.Change{Why: t.due.sentence()})}, append(se.basisOf(t.checkpoint), t.checkpoint.ID)...)
		if err != nil {
			return done, err
		}
		done.Ack.Event = e.ID
		err = errors.Join(t.dropBodies(ctx, &done), t.dropTerminals(&done), s.p.Log.Reclaim(ctx))
		return done, err
	}
	return done, s.p.Log.Reclaim(ctx) // of a time before
}

// thinning is what a policy lets go below one checkpoint.
type thinning struct {
	s          *Studio
	policy     Retention
	checkpoint *object.Entity
	cut        *cut
	shown      func(event.Event) bool
	due        Amount
	terminals  []endedTerminal
	running    uint64
}

// endedTerminal is a terminal that has ended, with how far it had written at the
// checkpoint.
type endedTerminal struct {
	id    event.ID
	below uint64
}

// thinning looks what a policy lets go; nil where nothing is final yet.
func (s *Studio) thinning(policy Retention) (*thinning, error) {
	x, err := s.finalCheckpoint(policy.Checkpoint)
	if err != nil || x == nil {
		return nil, err
	}
	c, err := s.closed(*x.Cut())
	if err != nil {
		return nil, err
	}
	f, err := s.foldAt(c)
	if err != nil {
		return nil, err
	}
	t := &thinning{s: s, policy: policy, checkpoint: x, cut: c, shown: f.Shown()}
	if policy.Terminals == TerminalsDrop {
		err = t.lookAtTerminals(f)
	}
	if err != nil || policy.Bodies == BodiesKeep {
		return t, err
	}
	return t, s.p.Log.ScanIn(c.Cut, 0, func(arrival uint64, e event.Event) error {
		if len(e.Body) > event.BodyNonceSize+1 && t.goes(arrival, &e) {
			t.due.Bodies, t.due.BodyBytes = t.due.Bodies+1, t.due.BodyBytes+uint64(len(e.Body))
		}
		return nil
	})
}

// goes reports whether the policy lets the body of an event go.
func (t *thinning) goes(_ uint64, e *event.Event) bool {
	switch {
	case e.Header.Type == event.WorkspaceCreatedType || e.Header.Type == event.ActorEnrolledType:
		return false // what remains is read by these names
	case t.policy.Bodies == BodiesAll:
		return true
	}
	return !t.shown(*e)
}

// lookAtTerminals finds the bytes that terminals which have ended by now had written
// at the checkpoint, as far as they are here.
func (t *thinning) lookAtTerminals(then *object.Fold) error {
	all, err := t.s.p.Spools.All()
	if err != nil {
		return err
	}
	here := make(map[event.ID]bool, len(all))
	for _, id := range all {
		here[id] = true
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	for _, x := range then.Executions() {
		now, _ := t.s.fold.Execution(x.ID)
		gone := t.s.goneTo[x.ID]
		switch {
		case x.Output <= gone || !here[x.ID]:
		case !now.State.Over():
			t.running++
		default:
			t.due.Terminals, t.due.TerminalBytes = t.due.Terminals+1, t.due.TerminalBytes+x.Output-gone
			t.terminals = append(t.terminals, endedTerminal{x.ID, x.Output})
		}
	}
	return nil
}

func (t *thinning) dropBodies(ctx context.Context, done *Thinned) (err error) {
	if t.due.Bodies == 0 {
		return nil
	}
	done.Dropped.Bodies, done.Dropped.BodyBytes, err = t.s.p.Log.DropBodies(ctx, t.checkpoint.ID, t.goes)
	if done.Dropped.Bodies == 0 {
		return err
	}
	return errors.Join(err, t.s.renew())
}

func (t *thinning) dropTerminals(done *Thinned) error {
	for _, x := range t.terminals {
		switch err := t.s.p.Spools.Shorten(x.id, x.below); {
		case fault.Is(err, "spool_busy"):
			done.Busy++
			continue
		case absent(err): // it was removed meanwhile
			continue
		case err != nil:
			return errors.Join(err, t.s.keepGone())
		}
		t.s.mu.Lock()
		gone := t.s.goneTo[x.id]
		t.s.goneTo[x.id] = x.below
		for w := range t.s.watchers {
			w.touched[x.id] = true
		}
		t.s.mu.Unlock()
		done.Dropped.Terminals, done.Dropped.TerminalBytes = done.Dropped.Terminals+1, done.Dropped.TerminalBytes+x.below-gone
	}
	return t.s.keepGone()
}

// keepGone keeps how far the bytes of terminals are gone. The spools say it too, and
// are believed.
func (s *Studio) keepGone() error {
	s.mu.Lock()
	all := make(map[string]uint64, len(s.goneTo))
	for id, below := range s.goneTo {
		all[id.String()] = below
	}
	s.changed()
	s.mu.Unlock()
	kept, err := json.Marshal(all)
	if err == nil {
		err = s.p.Log.SaveState(goneKey, kept)
	}
	if err != nil {
		return err
	}
	return s.p.Log.SyncState()
}

// loadGone takes what keepGone kept. The caller is the only user.
func (s *Studio) loadGone() {
	var all map[string]uint64
	if kept := s.p.Log.LoadState(goneKey); len(kept) > 0 {
		s.tell("reading what is gone of terminals", json.Unmarshal(kept, &all))
	}
	for text, below := range all {
		if id, err := event.ParseID(text); err == nil {
			s.goneTo[id] = below
		}
	}
}

// renew makes the objects anew from the bodies that are left: what is gone is not
// shown on from memory, nor from what was kept.
func (s *Studio) renew() error {
	gone, _ := s.p.Log.Dropped()
	f, at := object.New(s.p.Log), s.appliedNow()
	take := func(from, to uint64) error {
		err := s.p.Log.Scan(from, func(arrival uint64, e event.Event) error {
			if arrival >= to {
				return errEnough
			}
			_, err := f.Apply(e)
			return err
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	}
	if err := take(0, at); err != nil {
		return err
	}
	s.mu.Lock()
	err := take(at, s.applied)
	if err == nil {
		s.becomes(f, gone)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.pastMu.Lock()
	s.pasts = nil
	s.pastMu.Unlock()
	return errors.Join(s.dropKept(), s.p.Log.KeepIndex())
}

// becomes puts objects into the place of those that are there, and tells who watches.
// The caller holds mu.
func (s *Studio) becomes(f *object.Fold, gone uint64) {
	for w := range s.watchers {
		for id := range s.about {
			if before, _ := s.fold.Object(id); before != nil && !slices.Equal(before.Names(), namesOf(f, id)) {
				w.touched[id] = true
			}
		}
	}
	s.fold.Become(f)
	s.goneBodies = gone
	for _, r := range s.requests {
		if !r.started.ID.IsZero() {
			r.started.Name = f.Name(r.started.ID)
		}
	}
	s.changed()
}

func namesOf(f *object.Fold, id event.ID) []string {
	if o, known := f.Object(id); known {
		return o.Names()
	}
	return nil
}

// dropKept drops all objects that were kept.
func (s *Studio) dropKept() (err error) {
	for _, name := range s.p.Log.Caches() {
		if strings.HasPrefix(name, keptPrefix) {
			err = errors.Join(err, s.p.Log.DropCache(name))
		}
	}
	s.mu.Lock()
	s.kept = 0
	s.mu.Unlock()
	return err
}

// thinLater drops what the policy lets go, now that a checkpoint is final, if it
// asks for that.
func (s *Studio) thinLater(se *session) {
	policy, err := s.policy()
	if err != nil || policy.Checkpoint != newestCheckpoint {
		s.tell("reading what may go", err)
		return
	}
	s.work.Go(func() {
		_, err := s.thin(s.ctx, se, policy)
		s.tell("dropping what the policy lets go", err)
	})
}

// reclaimLater gives back what an earlier core dropped and did not give back.
func (s *Studio) reclaimLater() {
	log, tell := s.p.Log, s.tell
	s.work.Go(func() {
		if log.ReadOnly() == "" {
			tell("giving back the room of what is gone", log.Reclaim(s.ctx))
		}
	})
}
