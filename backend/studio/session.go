package studio

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
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
	// listed are the versions of objects that were last returned in a list of their kind,
	// returned those of objects that were answered alone: a command that names an
	// object is based on them.
	listed   map[object.Kind]map[event.ID][]event.ID
	returned map[event.ID][]event.ID
}

// sessionState is what is kept of a session between two runs of the core. A
// later era than its own has begun with a power cut that may have taken some of
// it.
type sessionState struct {
	Deps []event.ID
	Era  uint64 `json:",omitempty"`
	// Closed tells that it is over for good.
	Closed bool `json:",omitempty"`
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

func headsOf(all []keptHead) Frontier {
	heads := make(Frontier, 0, len(all))
	for _, h := range all {
		heads = append(heads, event.Head{Chain: event.Chain(h.Chain), Seq: h.Seq, ID: h.ID})
	}
	return heads
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
	if kept.Closed {
		return nil, fault.New(fault.FailedPrecondition, "session_closed", "this session is closed", "open another with `atelier session new`")
	}
	if kept.Era != s.era {
		return nil, fault.New(fault.FailedPrecondition, "session_lost",
			"a power cut may have taken what this session had opened, so it has ended", "open another session")
	}
	if err := s.loadFloor(opened.Actor.ID); err != nil {
		return nil, err
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
	state, err := json.Marshal(sessionState{Deps: se.deps, Era: s.era})
	if err != nil {
		return err
	}
	if err := s.p.Log.SaveState(stateKey(se.id), state); err != nil {
		return err
	}
	s.mu.Lock()
	floor, err := json.Marshal(keep(s.floors[se.actor.ID]))
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.p.Log.SaveState(floorKey(se.actor.ID), floor)
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

func addMissing[T comparable](to, ids []T) []T {
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
	basis := slices.Clone(se.returned[id])
	for _, versions := range se.listed {
		basis = addMissing(basis, versions[id])
	}
	return basis
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
		return nil, cmp.Or(s.p.Log.MayWrite(), noSession())
	}
	if err := s.dominating(s.ctx, c, func() {}); err != nil {
		return nil, err
	}
	return s.session(c.Session)
}

func noSession() error {
	return fault.New(fault.Unauthenticated, "session_missing", "this call needs a session", "open one with CoreService.OpenSession")
}

// ack is the answer to a write.
func (s *Studio) ack(c Caller, id event.ID) (Ack, error) {
	read, err := s.served(s.ctx, c, func() {})
	return Ack{Event: id, Frontier: read}, err
}
