// Package studio holds the use cases: what a person, an agent or a script asks
// of a home, one file each. It knows the world only by the ports it declares.
//
// Everything that happens becomes an event of the log, and what is shown is the
// fold of those events. Two kinds of session write: those of operators, and one
// for each execution, in which the core writes what the shim saw.
package studio

import (
	"context"
	"sync"
	"sync/atomic"

	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

// Studio is one home at work. Its methods may be called from many goroutines.
type Studio struct {
	p             Ports
	main          event.ID // the branch that every event lies on
	human, system event.Actor

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	pastMu sync.Mutex
	pasts  []keptFold // what cuts fold to, the newest last

	opening sync.Mutex // one session is opened at a time
	naming  sync.Mutex // names are given one at a time, so that they stay unique
	// deciding lets control decide one request at a time.
	deciding sync.Mutex
	// thinningOne lets what may go be dropped by one at a time.
	thinningOne sync.Mutex

	mu      sync.Mutex
	fold    *object.Fold
	machine *control.Machine
	about   map[event.ID][]uint32 // of each object: the arrivals of the events that made and named it
	records []event.ID            // the control chain from its record 1 on
	open    []event.ID            // requests to control that no record answers yet
	applied uint64                // arrivals below it are in the fold
	kept    uint64                // as many were when the objects were kept last
	keeping atomic.Bool           // they are being kept
	goneTo  map[event.ID]uint64   // of terminals: up to where their bytes are gone
	// goneBodies is how many bodies were gone when the objects were read.
	goneBodies uint64
	heads      Frontier      // the newest event of each chain that is in the fold
	behind     bool          // some could not be taken in, and are tried again
	news       chan struct{} // closed at the next change
	sessions   map[event.ID]*session
	era        uint64                // how often a power cut may have taken what sessions had opened
	floors     map[event.ID]Frontier // of each actor: all that its sessions were served
	runs       map[event.ID]*run
	requests   map[event.ID]*request
	watchers   map[*watcher]struct{}
	keys       map[[keySize]byte]event.ID // a client's key to the request it stood for
}

// Open reads the log into objects and begins to look for the shims of all
// executions that have not ended.
func Open(ctx context.Context, p Ports) (*Studio, error) {
	s, err := OpenForAudit(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := s.loadSessions(); err != nil {
		return nil, err
	}
	if err := s.answerAll(ctx); err != nil {
		return nil, err
	}
	if err := s.adoptAll(); err != nil {
		return nil, err
	}
	s.work.Go(s.keepOn)
	s.reclaimLater()
	return s, nil
}

// OpenForAudit reads the log into objects, and does nothing else: only reading
// methods may be called.
func OpenForAudit(_ context.Context, p Ports) (*Studio, error) {
	genesis := p.Log.Genesis()
	s := &Studio{p: p, main: event.Derived(genesis, "main"),
		human:  event.Actor{ID: event.Derived(genesis, "human"), Kind: event.Human},
		system: event.Actor{ID: event.Derived(genesis, "system"), Kind: event.Service},
		fold:   object.New(p.Log), news: make(chan struct{}), sessions: map[event.ID]*session{},
		runs: map[event.ID]*run{}, requests: map[event.ID]*request{}, watchers: map[*watcher]struct{}{}, keys: map[[keySize]byte]event.ID{},
		floors: map[event.ID]Frontier{}, about: map[event.ID][]uint32{}, goneTo: map[event.ID]uint64{}}
	s.goneBodies, _ = p.Log.Dropped()
	s.loadGone()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mu.Lock()
	s.restore()
	s.mu.Unlock()
	return s, s.catchUp()
}

// Close ends the following of shims and writes what is owed; programs run on.
func (s *Studio) Close(context.Context) error {
	s.cancel()
	s.work.Wait()
	s.keepAtEnd()
	return s.closeSessions()
}

// append makes an event durable and takes it into the objects. It has succeeded
// when the event is durable: objects that fail to take it in do so later.
func (s *Studio) append(ctx context.Context, d event.Draft) (event.Event, error) {
	e, err := s.p.Log.Append(ctx, d)
	if err != nil {
		return e, err
	}
	if err := s.catchUp(); err != nil {
		s.catchUpLater(err)
	}
	return e, nil
}

// catchUpLater has the objects take in what they could not, as soon as they can.
func (s *Studio) catchUpLater(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind {
		return
	}
	s.behind = true
	s.tell("taking in what was written", why)
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		for s.pause(s.ctx, catchUpEvery) == nil && s.catchUp() != nil {
		}
		s.mu.Lock()
		s.behind = false
		s.mu.Unlock()
	}()
}

// catchUp takes the durable events that the objects lack, in the log's order.
func (s *Studio) catchUp() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.applied >= s.p.Log.Count() {
		return nil
	}
	for _, chain := range s.p.Log.Forked() {
		s.fold.Forked(chain)
	}
	err := s.p.Log.Scan(s.applied, func(arrival uint64, e event.Event) error {
		if _, err := s.fold.Apply(e); err != nil {
			return err
		}
		s.applied, s.heads = arrival+1, s.heads.with(e)
		s.note(arrival, e)
		s.remember(e)
		s.touch(e)
		err := s.follow(e)
		if err == nil && s.applied >= dueAt(s.kept) {
			s.keepLater()
		}
		return err
	})
	s.changed()
	return err
}

// changed wakes whoever waits for news. The caller holds mu.
func (s *Studio) changed() {
	close(s.news)
	s.news = make(chan struct{})
}

// tell says something to whoever looks after the core, if it is a failure.
func (s *Studio) tell(what string, err error) {
	if err != nil {
		s.p.Tell("error", what+": "+err.Error())
	}
}

// encode makes a body. Its text is made valid first, so that it cannot fail.
func encode(body any) []byte {
	content, err := event.EncodeContent(body)
	if err != nil {
		panic(err) // a defect: every body here has valid text
	}
	return content
}
