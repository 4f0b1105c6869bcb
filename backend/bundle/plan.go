package bundle

import (
	"cmp"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// source is a log with what was asked of it.
type source struct {
	Log
	records   uint64 // whose cuts were told
	proposals map[event.ID]*event.Cut
}

// judged tells of the records of a set, which begin with genesis and have no gap.
func (s *source) judged(in causal.Cut, each func(event.Cut) error) error {
	for ; ; s.records++ {
		n, known := s.RecordAt(s.records)
		if !known || !in.Has(causal.Ordinal(n)) {
			return nil
		}
		e, err := s.EventAt(n)
		if err != nil {
			return err
		}
		by, err := judgedBy(&e.Header, s.proposed)
		if err != nil {
			return err
		}
		for _, c := range by {
			if err := each(c); err != nil {
				return err
			}
		}
	}
}

// proposed reads what an event proposes to freeze. What is no event proposes nothing.
func (s *source) proposed(id event.ID) (*event.Cut, error) {
	if c, known := s.proposals[id]; known {
		return c, nil
	}
	n, err := s.ArrivalOf(id)
	if fault.Is(err, "event_unknown") {
		return nil, nil //nolint:nilnil // an actor of genesis has an id of its own
	}
	if err != nil {
		return nil, err
	}
	e, err := s.EventAt(n)
	s.proposals[id] = proposal(&e.Header)
	return s.proposals[id], err
}

// plan puts what a log has for a bundle into the order of bundles.
type plan struct {
	from  *source
	lanes []*lane // ascending by chain, once all is known
	of    map[event.Chain]*lane
	at    []*lane // of each arrival; nil for what is not in the bundle
	given []bool  // by arrival
	// rests are the events of other lanes that an event rests on and the one before
	// it on its own does not, and waits the lanes that wait for an event.
	rests map[causal.Ordinal][]causal.Ordinal
	waits map[causal.Ordinal][]*lane
	ready []*lane // whose next event can be given, ascending by chain
}

// lane is a chain in a plan.
type lane struct {
	chain  event.Chain
	events []causal.Ordinal
	next   int
	basis  uint64 // of the newest event
}

// last is the seq with which the lane ends: a chain comes from its beginning.
func (l *lane) last() uint64 { return uint64(len(l.events) - 1) }

func newPlan(from *source, all causal.Cut) (*plan, error) {
	p := &plan{from: from, of: map[event.Chain]*lane{}, rests: map[causal.Ordinal][]causal.Ordinal{}, waits: map[causal.Ordinal][]*lane{},
		at: make([]*lane, all.End()), given: make([]bool, all.End())}
	err := from.ScanIn(all, 0, func(arrival uint64, e event.Event) error { return p.take(causal.Ordinal(arrival), &e) })
	slices.SortFunc(p.lanes, compareLanes)
	return p, err
}

func compareLanes(a, b *lane) int { return cmp.Compare(a.chain, b.chain) }

// take gives an event its lane, and notes what it waits for.
func (p *plan) take(n causal.Ordinal, e *event.Event) error {
	l, known := p.of[e.Chain()]
	if !known {
		l = &lane{chain: e.Chain()}
		p.of[l.chain], p.lanes = l, append(p.lanes, l)
	}
	p.at[n] = l
	h := &e.Header
	by, err := judgedBy(h, p.from.proposed)
	if err != nil {
		return err
	}
	for _, id := range restsOn(h, by) {
		if id == h.Basis.Record && len(l.events) > 0 && l.basis == h.Basis.Index {
			continue
		}
		on, err := p.from.ArrivalOf(id)
		if err != nil {
			return err
		}
		if before := causal.Ordinal(on); p.at[before] != l && !slices.Contains(p.rests[n], before) {
			p.rests[n] = append(p.rests[n], before)
		}
	}
	if h.Seq != uint64(len(l.events)) {
		return fault.New(fault.FailedPrecondition, "forked", "a replica of the cut has written two histories, and a bundle has room for one", "name a cut that has one of them alone")
	}
	l.basis, l.events = h.Basis.Index, append(l.events, n)
	return nil
}

// walk calls each with all events in the order of bundles.
func (p *plan) walk(each func(l *lane, n causal.Ordinal) error) error {
	for _, l := range p.lanes {
		p.try(l)
	}
	for len(p.ready) > 0 {
		l := p.ready[0]
		p.ready = p.ready[1:]
		n := l.events[l.next]
		if err := each(l, n); err != nil {
			return err
		}
		l.next++
		p.given[n] = true
		p.try(l)
		for _, waiting := range p.waits[n] {
			p.try(waiting)
		}
		delete(p.waits, n)
	}
	return nil
}

// try makes a lane ready if nothing that its next event rests on is outstanding.
func (p *plan) try(l *lane) {
	if l.next == len(l.events) {
		return
	}
	for _, on := range p.rests[l.events[l.next]] {
		if !p.given[on] {
			p.waits[on] = append(p.waits[on], l)
			return
		}
	}
	at, _ := slices.BinarySearchFunc(p.ready, l, compareLanes)
	p.ready = slices.Insert(p.ready, at, l)
}
