package studio

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// session is one actor on one surface. It orders its own writes.
type session struct {
	id      event.ID
	actor   event.Actor
	surface event.Surface
	// own sessions are those of executions: their state is the log's own.
	own bool

	mu sync.Mutex
	// deps are what the next write follows: the last write, and what was opened
	// or named since. They become parents; a floor never does.
	deps []event.ID
	// listed are the versions of executions that were last returned in a list,
	// returned those of objects that were answered alone: a command that names an
	// object is based on them.
	listed   map[event.ID][]event.ID
	returned map[event.ID][]event.ID
}

// sessionState is what is kept of a session between two runs of the core. A
// later era than its own has begun with a power cut that may have taken some of
// it.
type sessionState struct {
	Deps []event.ID
	Era  uint64 `json:",omitempty"`
}

// keptHead is a head as it is kept: a chain's name is bytes, not text.
type keptHead struct {
	Chain []byte
	Seq   uint64
	ID    event.ID
}

func keep(f Frontier) []keptHead {
	kept := make([]keptHead, 0, len(f))
	for _, h := range f {
		kept = append(kept, keptHead{[]byte(h.Chain), h.Seq, h.ID})
	}
	return kept
}

var surfaceWords = map[event.Surface]string{
	event.SurfaceCLI: "cli", event.SurfaceWindow: "window", event.SurfaceWeb: "web", event.SurfaceAPI: "api",
	event.SurfaceMCP: "mcp", event.SurfaceSSH: "ssh", event.SurfaceAutomation: "automation", event.SurfaceSystem: "system",
}

// SurfaceWord returns a surface's word, for example "window".
func SurfaceWord(s event.Surface) string { return surfaceWords[s] }

// ParseSurface returns the surface of a word; false for what no caller may be.
func ParseSurface(word string) (event.Surface, bool) {
	for s, known := range surfaceWords {
		if known == word && s != event.SurfaceSystem {
			return s, true
		}
	}
	return 0, false
}

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
	opened, err := s.beginSession(ctx, surface, after)
	if err != nil {
		return Session{}, nil, err
	}
	return s.answerSession(ctx, opened)
}

func persistentKey(surface event.Surface) string { return "persistent/" + surfaceWords[surface] }
func stateKey(id event.ID) string                { return "session/" + id.String() }
func floorKey(actor event.ID) string             { return "floor/" + actor.String() }

// beginSession writes session.opened, whose id is the session's.
func (s *Studio) beginSession(ctx context.Context, surface event.Surface, after string) (event.ID, error) {
	e, err := s.append(ctx, event.Draft{Type: event.SessionOpenedType, Actor: s.human, Surface: surface, Branch: s.main,
		Body: encode(&event.SessionOpened{After: after})})
	if err != nil {
		return event.ID{}, err
	}
	se := &session{id: e.ID, actor: s.human, surface: surface, deps: []event.ID{e.ID}}
	s.mu.Lock()
	s.sessions[e.ID] = se
	s.mu.Unlock()
	if err := s.save(se); err != nil {
		return event.ID{}, err
	}
	return e.ID, s.p.Log.SaveState(persistentKey(surface), []byte(e.ID.String()))
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

// Caller resolves the session header of a call: the id of a session, or letters
// that only one session's begins with. An empty text is a caller without a
// session. Reasons: session_unknown, session_ambiguous, session_lost, id_malformed.
func (s *Studio) Caller(text string) (Caller, error) {
	if text == "" {
		return Caller{}, nil
	}
	id, err := event.ParseID(text)
	if err != nil {
		id, err = s.sessionFrom(text)
	}
	if err != nil {
		return Caller{}, err
	}
	return Caller{Session: id}, s.usable(id)
}

func (s *Studio) sessionFrom(start string) (event.ID, error) {
	if _, _, err := event.PrefixRange(start); err != nil {
		return event.ID{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.fold.Find(object.KindSession, start)
	if fault.Is(err, "session_unknown") {
		err = unknownSession()
	}
	return id, err
}

func unknownSession() error {
	return fault.New(fault.Unauthenticated, "session_unknown", "there is no such session in this home",
		"open one with CoreService.OpenSession, or leave ATELIER_SESSION unset")
}

func (s *Studio) usable(id event.ID) error {
	_, err := s.session(id)
	return err
}

// session returns an open session of this home.
func (s *Studio) session(id event.ID) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if se := s.sessions[id]; se != nil {
		return se, nil
	}
	opened, known := s.fold.Session(id)
	if !known {
		return nil, unknownSession()
	}
	var kept sessionState
	if err := json.Unmarshal(s.p.Log.LoadState(stateKey(id)), &kept); err != nil {
		return nil, fault.Wrap(err, fault.FailedPrecondition, "session_lost", "the state of this session is gone", "open another session")
	}
	if kept.Era != s.era {
		return nil, fault.New(fault.FailedPrecondition, "session_lost",
			"a power cut may have taken what this session had opened, so it has ended", "open another session")
	}
	se := &session{id: id, actor: opened.Actor, surface: opened.Surface, deps: kept.Deps}
	s.sessions[id] = se
	return se, nil
}

// save keeps what a session's next write follows, before anything that rests
// on it is answered. Whoever calls holds se.mu or is its only user.
func (s *Studio) save(se *session) error {
	if se.own {
		return nil
	}
	state, err := json.Marshal(sessionState{se.deps, s.era})
	if err != nil {
		return err
	}
	if err := s.p.Log.SaveState(stateKey(se.id), state); err != nil {
		return err
	}
	s.mu.Lock()
	floor, err := json.Marshal(keep(s.floor))
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.p.Log.SaveState(floorKey(se.actor.ID), floor)
}

// loadSessions takes the floor and the era.
func (s *Studio) loadSessions() error {
	if kept := s.p.Log.LoadState(floorKey(s.human.ID)); kept != nil {
		var floor []keptHead
		if err := json.Unmarshal(kept, &floor); err != nil {
			return fault.Wrap(err, fault.DataLoss, "floor_damaged", "what this person has been shown cannot be read", "remove the file values in the data folder; no event is lost")
		}
		for _, h := range floor {
			s.floor = append(s.floor, event.Head{Chain: event.Chain(h.Chain), Seq: h.Seq, ID: h.ID})
		}
	}
	return s.enter()
}

// enter begins a run of the core. A power cut since the last one begins an era,
// which ends all sessions: their state is written unsynced, so the last of it
// may be missing.
func (s *Studio) enter() error {
	boot, closed := string(s.p.Log.LoadState("boot")), string(s.p.Log.LoadState("closed"))
	s.era, _ = strconv.ParseUint(string(s.p.Log.LoadState("era")), 10, 64) // none is the first
	if boot == s.p.Boot && closed == "" {
		return nil // the core alone was killed
	}
	if boot != "" && boot != s.p.Boot && closed != boot {
		s.era++
	}
	if s.p.Log.ReadOnly() != "" {
		return nil
	}
	// In this order: a kill in between ends no session, and forgets no era.
	for _, kept := range [][2]string{{"era", strconv.FormatUint(s.era, 10)}, {"boot", s.p.Boot}, {"closed", ""}} {
		if err := s.p.Log.SaveState(kept[0], []byte(kept[1])); err != nil {
			return err
		}
	}
	// Durable before anybody works: else a power cut could bring the mark of an
	// orderly end back, and take what sessions opened since.
	return s.p.Log.SyncState()
}

func (s *Studio) closeSessions() error {
	if s.p.Log.ReadOnly() != "" {
		return nil
	}
	return s.p.Log.SaveState("closed", []byte(s.p.Boot))
}

// opens notes that a session was shown these versions of an object, and keeps
// that before the answer.
func (s *Studio) opens(se *session, id event.ID, version []event.ID) error {
	se.mu.Lock()
	defer se.mu.Unlock()
	se.returns(id, version)
	before := len(se.deps)
	se.deps = addMissing(se.deps, version)
	if len(se.deps) == before {
		return nil
	}
	if len(se.deps) > event.MaxParents {
		if err := s.join(s.ctx, se); err != nil {
			return err
		}
	}
	return s.save(se)
}

// returns notes which version of an object was answered last. The caller holds
// se.mu.
func (se *session) returns(id event.ID, version []event.ID) {
	if se.returned == nil || len(se.returned) >= returnedMax {
		se.returned = map[event.ID][]event.ID{}
	}
	se.returned[id] = version
}

func addMissing(to, ids []event.ID) []event.ID {
	for _, id := range ids {
		if !slices.Contains(to, id) {
			to = append(to, id)
		}
	}
	return to
}

// basis is the version of an object that was last returned to a session.
func (se *session) basis(id event.ID) []event.ID {
	se.mu.Lock()
	defer se.mu.Unlock()
	return slices.Concat(se.returned[id], se.listed[id])
}

// write appends an event of a session: its parents are the newest of what the
// session used and of what the command is based on.
func (s *Studio) write(ctx context.Context, se *session, d event.Draft, basedOn ...event.ID) (event.Event, error) {
	se.mu.Lock()
	defer se.mu.Unlock()
	se.deps = addMissing(se.deps, basedOn)
	if err := s.join(ctx, se); err != nil {
		return event.Event{}, err
	}
	d.Parents = slices.Clone(se.deps)
	e, err := s.writeAfter(ctx, se, d)
	if err != nil {
		return e, err
	}
	return e, s.save(se)
}

// join brings what a session depends on down to at most as many events as may
// be parents: the newest alone, and then by events that join them.
func (s *Studio) join(ctx context.Context, se *session) error {
	newest, err := s.p.Log.Maximal(se.deps)
	if err != nil {
		return err
	}
	se.deps = newest
	for len(se.deps) > event.MaxParents {
		rest := slices.Clone(se.deps[event.MaxParents:])
		d := event.Draft{Type: event.SessionJoinedType, Parents: slices.Clone(se.deps[:event.MaxParents])}
		if _, err := s.writeAfter(ctx, se, d); err != nil {
			return err
		}
		se.deps = append(se.deps, rest...)
		if se.deps, err = s.p.Log.Maximal(se.deps); err != nil {
			return err
		}
	}
	return nil
}

// writeAfter appends an event with the parents that it has; it becomes all that
// the session depends on.
func (s *Studio) writeAfter(ctx context.Context, se *session, d event.Draft) (event.Event, error) {
	d.Actor, d.Surface, d.Session, d.Branch = se.actor, se.surface, se.id, s.main
	if d.Body == nil {
		d.Body = encode(&event.Remark{})
	}
	e, err := s.append(ctx, d)
	if err == nil {
		se.deps = []event.ID{e.ID}
	}
	return e, err
}

// acted returns the session of a caller that acts; a read may do without. What
// lacks something that its person was shown does nothing: reason stale.
func (s *Studio) acted(c Caller) (*session, error) {
	if c.Session.IsZero() {
		return nil, fault.New(fault.Unauthenticated, "session_missing", "this call needs a session", "open one with CoreService.OpenSession")
	}
	if err := s.dominating(s.ctx, c, func() {}); err != nil {
		return nil, err
	}
	return s.session(c.Session)
}

// ack is the answer to a write.
func (s *Studio) ack(c Caller, id event.ID) (Ack, error) {
	read, err := s.served(s.ctx, c, func() {})
	return Ack{Event: id, Frontier: read}, err
}
