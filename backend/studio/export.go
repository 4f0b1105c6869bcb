package studio

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Key is this replica's key, which never leaves whoever holds it.
type Key interface {
	SignExport(x *event.SessionExport) error
	SignCertificate(c *event.Certificate) error
}

// ExportSession returns what this replica vouches for of a session, as text
// that another replica goes on from until it expires; after 0 that is a day.
// Reasons: those of Caller; export_form.
func (s *Studio) ExportSession(ctx context.Context, c Caller, ref string, after time.Duration) (string, Frontier, error) {
	se, err := s.sessionOf(c, ref)
	if err != nil {
		return "", nil, err
	}
	if after == 0 {
		after = exportWhile
	}
	x := event.SessionExport{Workspace: s.p.Log.Genesis(), Replica: s.p.Log.Replica(), Session: se.id, Actor: se.actor.ID,
		Expires: s.p.Now().Add(after).UnixNano()}
	read, err := s.served(ctx, Caller{Session: se.id}, func() { x.Floor = byChain(s.heads) })
	if err != nil {
		return "", nil, err
	}
	if err := s.save(se); err != nil {
		return "", nil, err
	}
	if err := s.p.Key.SignExport(&x); err != nil {
		return "", nil, err
	}
	text, err := x.Text()
	return text, read, err
}

// byChain is a frontier in the order that exports and cuts have.
func byChain(f Frontier) []event.Head {
	sorted := slices.Clone(f)
	slices.SortFunc(sorted, func(a, b event.Head) int { return cmp.Compare(a.Chain, b.Chain) })
	return sorted
}

// ImportSession opens the successor of an exported session: the same actor goes
// on from what it was served. The exported one is closed where it is of this
// home. Reasons: export_form, export_signature, export_expired, export_foreign,
// actor_unknown; stale, which forget passes over.
func (s *Studio) ImportSession(ctx context.Context, text string, surface event.Surface, forget bool) (Opened, error) {
	x, err := s.trusted(text)
	if err != nil {
		return Opened{}, err
	}
	actor, err := s.actor(x.Actor.String())
	if err != nil {
		return Opened{}, err
	}
	s.serve(x.Actor, x.Floor)
	o, err := s.openFor(ctx, birth{actor: actor, surface: surface, continues: x.Session}, forget)
	if err != nil {
		return o, err
	}
	if before, err := s.session(x.Session); err == nil { // else it is another replica's, or over
		if _, _, err := s.CloseSession(ctx, Caller{Session: before.id}, ""); err != nil {
			return o, err
		}
	}
	return o, nil
}

// trusted reads an export of this workspace whose replica is known here.
func (s *Studio) trusted(text string) (event.SessionExport, error) {
	x, err := event.ParseSessionExport(text)
	if err != nil {
		return x, err
	}
	key, is := x.Replica.Key()
	switch {
	case !is || x.Workspace != s.p.Log.Genesis() || !s.knows(x.Replica):
		return x, fault.New(fault.PermissionDenied, "export_foreign", "the session is of another workspace, or of a replica that is not known here",
			"export it at a replica of this workspace")
	case s.p.Now().UnixNano() > x.Expires:
		return x, fault.New(fault.FailedPrecondition, "export_expired", fmt.Sprintf("the export ended at %s", timeText(time.Unix(0, x.Expires))),
			"export the session again")
	}
	return x, x.Verify(key)
}

// knows reports whether a replica has written what is here.
func (s *Studio) knows(replica event.Chain) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.heads, func(h event.Head) bool { return h.Chain == replica })
}

// serve takes it that an actor was served more, elsewhere.
func (s *Studio) serve(actor event.ID, more Frontier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	floor := slices.Clone(s.floors[actor])
	for _, h := range more {
		at := slices.IndexFunc(floor, func(old event.Head) bool { return old.Chain == h.Chain })
		switch {
		case at < 0:
			floor = append(floor, h)
		case floor[at].Seq < h.Seq:
			floor[at] = h
		}
	}
	s.floors[actor] = floor
}
