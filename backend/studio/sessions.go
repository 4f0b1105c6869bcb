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

// OpenSession opens a session of this home's human on a surface, or goes on
// with the one that is named by its id. Without an id it is the persistent
// session of the surface. Reasons: session_unknown, session_lost.
func (s *Studio) OpenSession(ctx context.Context, surface event.Surface, id string) (Session, Frontier, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	if id != "" {
		c, err := s.Caller(id)
		if err != nil {
			return Session{}, nil, err
		}
		return s.answerSession(ctx, c.Session)
	}
	kept, err := event.ParseID(string(s.p.Log.LoadState(persistentKey(surface))))
	if err == nil && s.usable(kept) == nil {
		return s.answerSession(ctx, kept)
	}
	after := ""
	if err == nil {
		after = "a power cut may have taken what the session before this one had opened"
	}
	opened, err := s.beginSession(ctx, birth{actor: s.human, surface: surface, after: after})
	if err == nil {
		err = s.p.Log.SaveState(persistentKey(surface), []byte(opened.String()))
	}
	if err != nil {
		return Session{}, nil, err
	}
	return s.answerSession(ctx, opened)
}

func persistentKey(surface event.Surface) string { return "persistent/" + surfaceWords[surface] }
func stateKey(id event.ID) string                { return "session/" + id.String() }
func floorKey(actor event.ID) string             { return "floor/" + actor.String() }

// birth is a session to open.
type birth struct {
	actor     event.Actor
	surface   event.Surface
	label     string
	after     string   // why another could not go on
	continues event.ID // the session that it goes on for
}

// beginSession writes session.opened, whose id is the session's.
func (s *Studio) beginSession(ctx context.Context, b birth) (event.ID, error) {
	d := event.Draft{Type: event.SessionOpenedType, Actor: b.actor, Surface: b.surface, Branch: s.main,
		Facts: event.Facts{Continues: b.continues}, Body: encode(&event.SessionOpened{Label: valid(b.label), After: b.after})}
	e, err := s.append(ctx, d)
	if err != nil {
		return event.ID{}, err
	}
	se := &session{id: e.ID, actor: b.actor, surface: b.surface, deps: []event.ID{e.ID}}
	s.mu.Lock()
	err = s.loadFloor(b.actor.ID)
	s.sessions[e.ID] = se
	s.mu.Unlock()
	return e.ID, errors.Join(err, s.save(se))
}

func (s *Studio) answerSession(ctx context.Context, id event.ID) (Session, Frontier, error) {
	se, err := s.session(id)
	if err != nil {
		return Session{}, nil, err
	}
	v := Session{ID: id, Actor: se.actor.ID, Surface: se.surface}
	read, err := s.served(ctx, Caller{Session: id}, func() { v.ActorName = s.fold.Name(v.Actor) })
	return v, read, err
}

// SessionRequest is a session to open for an actor.
type SessionRequest struct {
	As      string // the actor by name or id; empty for this home's human
	Surface event.Surface
	Label   string
	// Forget goes on without what this home lacks of what the actor was served.
	Forget bool
}

// Opened is a session that was opened.
type Opened struct {
	Session
	Continues event.ID // the session that it goes on for; zero for none
	Ack       Ack
}

// NewSession opens a session of its own for an actor. Reasons: actor_unknown,
// actor_ambiguous, actor_retired; stale, which Forget passes over.
func (s *Studio) NewSession(ctx context.Context, q SessionRequest) (Opened, error) {
	actor, err := s.actor(q.As)
	if err != nil {
		return Opened{}, err
	}
	return s.openFor(ctx, birth{actor: actor, surface: q.Surface, label: q.Label}, q.Forget)
}

// actor resolves who is to act.
func (s *Studio) actor(ref string) (event.Actor, error) {
	if ref == "" {
		return s.human, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.fold.Find(object.KindActor, ref)
	if err != nil {
		return event.Actor{}, err
	}
	a, _ := s.fold.Actor(id)
	if a.State == object.Retired {
		return event.Actor{}, fault.New(fault.FailedPrecondition, "actor_retired", a.Name.Default().Value+" is retired", "act as another actor")
	}
	return event.Actor{ID: id, Kind: a.ActorKind}, nil
}

// openFor opens a session that goes on from all that its actor was served, or,
// where that is lost, from what is here: the event says so.
func (s *Studio) openFor(ctx context.Context, b birth, forget bool) (Opened, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	lost, err := s.lostTo(b.actor.ID)
	switch {
	case err != nil:
		return Opened{}, err
	case len(lost) > 0 && !forget:
		return Opened{}, stale(lost)
	case len(lost) > 0:
		b.after = "it goes on without what is lost: " + strings.Join(lost, ", ")
	}
	id, err := s.beginSession(ctx, b)
	if err != nil {
		return Opened{}, err
	}
	if len(lost) > 0 {
		if err := s.forget(b.actor.ID, id); err != nil {
			return Opened{}, err
		}
	}
	o := Opened{Continues: b.continues, Ack: Ack{Event: id}}
	o.Session, o.Ack.Frontier, err = s.answerSession(ctx, id)
	return o, err
}

// lostTo names what this home lacks of what an actor was served.
func (s *Studio) lostTo(actor event.ID) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.loadFloor(actor)
	return s.heads.lacks(s.floors[actor]), err
}

// forget has an actor go on from what is here, in all of its sessions.
func (s *Studio) forget(actor, session event.ID) error {
	s.mu.Lock()
	s.floors[actor] = s.heads
	s.mu.Unlock()
	se, err := s.session(session)
	if err != nil {
		return err
	}
	return s.save(se)
}

// SessionState is how a session stands.
type SessionState struct {
	Document map[string]any // the session as an object
	Floor    Frontier       // all that its actor was served
	Deps     []event.ID     // what its next write follows
	Read     Frontier
}

// ShowSession answers a session by id or a part of one; without one that of the
// caller. Reasons: those of Caller, session_missing.
func (s *Studio) ShowSession(ctx context.Context, c Caller, ref string) (SessionState, error) {
	se, err := s.sessionOf(c, ref)
	if err != nil {
		return SessionState{}, err
	}
	var st SessionState
	st.Read, err = s.served(ctx, c, func() {
		if o, known := s.fold.Object(se.id); known {
			st.Document = s.asNow().document(o)
		}
		st.Floor = slices.Clone(s.floors[se.actor.ID])
	})
	se.mu.Lock()
	st.Deps = slices.Clone(se.deps)
	se.mu.Unlock()
	return st, err
}

func (s *Studio) sessionOf(c Caller, ref string) (*session, error) {
	if ref != "" {
		named, err := s.Caller(ref)
		if err != nil {
			return nil, err
		}
		c = named
	}
	if c.Session.IsZero() {
		return nil, noSession()
	}
	return s.session(c.Session)
}

// CloseSession ends a session for good: what it did stays, it does nothing more.
func (s *Studio) CloseSession(ctx context.Context, c Caller, ref string) (event.ID, Ack, error) {
	se, err := s.sessionOf(c, ref)
	if err != nil {
		return event.ID{}, Ack{}, err
	}
	e, err := s.write(ctx, se, event.Draft{Type: event.SessionClosedType})
	if err != nil {
		return se.id, Ack{}, err
	}
	if err := s.close(se); err != nil {
		return se.id, Ack{}, err
	}
	ack, err := s.ack(Caller{}, e.ID)
	return se.id, ack, err
}

// close keeps that a session is over.
func (s *Studio) close(se *session) error {
	s.mu.Lock()
	delete(s.sessions, se.id)
	s.mu.Unlock()
	state, err := json.Marshal(sessionState{Closed: true})
	if err != nil {
		return err
	}
	return s.p.Log.SaveState(stateKey(se.id), state)
}
