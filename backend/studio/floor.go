package studio

import (
	"context"
	"slices"
	"strings"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// with is the frontier after one more event, the control chain first as the log
// has it. The one before stays as it is.
func (f Frontier) with(e event.Event) Frontier {
	h := event.Head{Chain: e.Header.Replica, Seq: e.Header.Seq, ID: e.ID}
	if e.Header.Type == event.WorkspaceCreatedType {
		h.Chain = event.Chain(e.ID[:]) // the control chain, which genesis begins
	}
	after := slices.Clone(f)
	if n := slices.IndexFunc(after, func(old event.Head) bool { return old.Chain == h.Chain }); n >= 0 {
		if after[n].Seq < h.Seq { // else it lies on another side of a fork
			after[n] = h
		}
		return after
	}
	return append(after, h)
}

// lacks names what a frontier does not have of another; nothing if it has all.
func (f Frontier) lacks(seen Frontier) []string {
	var lacks []string
	for _, s := range seen {
		at := slices.IndexFunc(f, func(h event.Head) bool { return h.Chain == s.Chain })
		switch {
		case at < 0:
			lacks = append(lacks, "a whole chain")
		case f[at].Seq < s.Seq:
			lacks = append(lacks, plural(s.Seq-f[at].Seq, "event"))
		case f[at].Seq == s.Seq && f[at].ID != s.ID:
			lacks = append(lacks, "another event at the same place")
		}
	}
	return lacks
}

// served answers a read: take is called with mu held once the objects have all
// that this person was shown before, and the frontier that they stand at is
// returned. Under one hold of mu, so that what take reads is neither older nor
// newer than the frontier; with the objects' heads, because the log's may name
// what no answer has yet. It raises the floor to what is answered. Reason stale,
// after floorWait, names what lacks.
func (s *Studio) served(ctx context.Context, c Caller, take func()) (Frontier, error) {
	var read Frontier
	err := s.dominating(ctx, c, func() {
		take()
		read = s.heads
		s.raise(c)
	})
	return read, err
}

// raise keeps that an actor is shown what the objects have, by any of its
// sessions. The caller holds mu and found that they have all of the floor.
func (s *Studio) raise(c Caller) {
	if !c.Session.IsZero() {
		s.floors[s.actorOf(c)] = s.heads
	}
}

// actorOf is whose session a caller has. The caller holds mu.
func (s *Studio) actorOf(c Caller) event.ID {
	if se := s.sessions[c.Session]; se != nil {
		return se.actor.ID
	}
	return s.fold.ActorOf(c.Session)
}

// dominating calls use with mu held, once the objects have all that this person
// was shown before. A caller without a session was shown nothing.
func (s *Studio) dominating(ctx context.Context, c Caller, use func()) error {
	lacks, news := s.tryDominating(c, use)
	if len(lacks) == 0 {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, floorWait)
	defer cancel()
	for len(lacks) > 0 {
		if err := s.await(bounded, news); err != nil {
			if ctx.Err() != nil || s.ctx.Err() != nil {
				return err
			}
			return stale(lacks)
		}
		lacks, news = s.tryDominating(c, use)
	}
	return nil
}

func (s *Studio) tryDominating(c Caller, use func()) (lacks []string, news <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock() // use may be a defect
	if !c.Session.IsZero() {
		lacks = s.heads.lacks(s.floors[s.actorOf(c)])
	}
	if len(lacks) == 0 {
		use()
	}
	return lacks, s.news
}

func stale(lacks []string) error {
	return fault.New(fault.Unavailable, "stale", "this home lacks what its caller was shown before: "+strings.Join(lacks, ", "),
		"put back the newest copy of the home, or go on without it with `atelier session new --forget`")
}
