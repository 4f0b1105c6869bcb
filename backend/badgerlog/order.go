package badgerlog

import (
	"bytes"
	"cmp"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// The causal order numbers events by their arrival. Whoever uses it or ids holds
// orderMu.

// arrivalOf returns the arrival number of an event. Fault: event_unknown.
func (l *Log) arrivalOf(id event.ID) (causal.Ordinal, error) {
	n, known := l.ids.find(id)
	if !known || uint64(n) >= l.visible {
		return n, fault.New(fault.NotFound, "event_unknown", "there is no event "+id.String(), "see `atelier log`")
	}
	return n, nil
}

func (l *Log) arrivalsOf(ids []event.ID) ([]causal.Ordinal, error) {
	all := make([]causal.Ordinal, len(ids))
	for i, id := range ids {
		var err error
		if all[i], err = l.arrivalOf(id); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Relate says how durable event a stands to b. Fault: event_unknown.
func (l *Log) Relate(a, b event.ID) (causal.Relation, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	both, err := l.arrivalsOf([]event.ID{a, b})
	if err != nil {
		return 0, err
	}
	return l.order.Relate(both[0], both[1]), nil
}

// Maximal reduces a set of durable events to those that lie in the past of no
// other of the set, ascending. Fault: parent_unknown.
func (l *Log) Maximal(set []event.ID) ([]event.ID, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	all, err := l.arrivalsOf(set)
	if err != nil {
		return nil, asParent(err)
	}
	return l.idsOf(l.order.Maximal(all)), nil
}

// idsOf returns the ids of some arrivals, ascending.
func (l *Log) idsOf(arrivals []causal.Ordinal) []event.ID {
	all := make([]event.ID, len(arrivals))
	for i, n := range arrivals {
		all[i] = l.ids.at(uint64(n))
	}
	slices.SortFunc(all, func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) })
	return all
}

// Cut returns the closed set that a cut names, by arrival. Faults: event_unknown
// and head_unknown for what is not here, head_other for a head that is not the
// event that it says.
func (l *Log) Cut(named event.Cut) (causal.Cut, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	from, err := l.generators(named)
	if err != nil {
		return causal.Cut{}, err
	}
	return l.order.Cut(from), nil
}

// IDs returns the ids of the events of a cut, as they came.
func (l *Log) IDs(in causal.Cut) []event.ID {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	all := make([]event.ID, 0, in.Count())
	for n := range in.All() {
		all = append(all, l.ids.at(uint64(n)))
	}
	return all
}

// generators are what names a cut, by arrival.
func (l *Log) generators(named event.Cut) (from causal.Generators, err error) {
	for _, h := range named.Heads {
		n, err := l.headAt(h)
		if err != nil {
			return from, err
		}
		from.Heads = append(from.Heads, n)
	}
	from.Past, err = l.arrivalsOf(named.Past)
	return from, err
}

// headAt returns the arrival of a head, which must be the event that it says.
func (l *Log) headAt(h event.Head) (causal.Ordinal, error) {
	n, err := l.arrivalOf(h.ID)
	if err != nil {
		return n, fault.New(fault.FailedPrecondition, "head_unknown", "the cut names a head that is not here: "+h.ID.String(), "take that one first")
	}
	if on, seq := l.placeOf(n); on.chain != h.Chain || seq != h.Seq {
		return n, fault.New(fault.InvalidArgument, "head_other", "the cut names a head "+h.ID.String()+" with another chain or number than it has", "name it as it is")
	}
	return n, nil
}

// Arrived returns the first n arrivals, at most all that are durable, as a closed
// set, and the heads that name it. Fault: data_loss when a head cannot be read.
func (l *Log) Arrived(n uint64) (causal.Cut, event.Cut, error) {
	n = min(n, l.Count())
	l.orderMu.RLock()
	c, heads := l.order.Arrived(causal.Ordinal(n)), l.order.Heads(causal.Ordinal(n))
	l.orderMu.RUnlock()
	named, err := l.headsAmong(heads)
	return c, named, err
}

// headsAmong names a cut by heads, given by their arrivals.
func (l *Log) headsAmong(arrivals []causal.Ordinal) (event.Cut, error) {
	var named event.Cut
	for _, n := range arrivals {
		e, err := l.eventAt(uint64(n))
		if err != nil {
			return named, err
		}
		named.Heads = append(named.Heads, event.Head{Chain: chainOf(&e), Seq: e.Header.Seq, ID: e.ID})
	}
	slices.SortFunc(named.Heads, func(a, b event.Head) int { return cmp.Compare(a.Chain, b.Chain) })
	return named, nil
}

// checkParents returns the lamport of an event with these parents, and refuses
// parents that are unknown or no antichain.
func (l *Log) checkParents(parents []event.ID) (uint64, error) {
	if len(parents) > event.MaxParents {
		return 0, fault.New(fault.InvalidArgument, "parents_count", "an event has at most 64 parents", "join them first")
	}
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	all, err := l.arrivalsOf(parents)
	if err != nil {
		return 0, asParent(err)
	}
	return l.order.Lamport(all)
}

func asParent(err error) error {
	if !fault.Is(err, "event_unknown") {
		return err
	}
	return fault.New(fault.NotFound, "parent_unknown", fault.Of(err).Message+" to follow", "read the object again")
}

// learn adds a durable event. The caller holds orderMu.
func (l *Log) learn(e *event.Event) error {
	entry, err := l.entryOf(e)
	if err != nil {
		return err
	}
	n, err := l.order.Add(entry)
	if err != nil {
		return err
	}
	l.chains.add(n, e, l.order)
	l.ids.add(e.ID)
	l.held.add(e)
	l.members.take(&e.Header)
	return nil
}

// entryOf is what the order is told of an event.
func (l *Log) entryOf(e *event.Event) (causal.Entry, error) {
	h := &e.Header
	entry := causal.Entry{Replica: chainOf(e), Prev: causal.NoEvent, Session: strandOf(e), Lamport: h.Lamport,
		Record: h.Class == event.Control, Basis: h.Basis.Index}
	var err error
	if !h.Prev.IsZero() {
		if entry.Prev, err = l.arrivalOf(h.Prev); err != nil {
			return entry, err
		}
	}
	if entry.Record {
		entry.Seq = h.Seq
	}
	if entry.Parents, err = l.arrivalsOf(h.Parents); err == nil && finalizes(h) {
		entry.Freezes, err = l.frozenBy(h)
	}
	return entry, err
}

// chainOf returns the chain that an event lies on. Genesis cannot name the
// control chain, whose first record it is.
func chainOf(e *event.Event) event.Chain {
	if e.Header.Type == event.WorkspaceCreatedType {
		return event.Chain(e.ID[:])
	}
	return e.Header.Replica
}

// strandOf names those that an event claims to follow: its session, for one that
// opens a session its own id, and for a record the workspace.
func strandOf(e *event.Event) event.ID {
	switch h := &e.Header; {
	case !h.Session.IsZero():
		return h.Session
	case h.Class == event.Control && !h.Workspace.IsZero():
		return h.Workspace
	}
	return e.ID
}

// finalizes reports whether a record freezes the cut of a checkpoint.
func finalizes(h *event.Header) bool {
	return h.Type == event.CheckpointFinalizedType && h.Facts.Decision != nil && h.Facts.Decision.Outcome == event.OutcomeDone && len(h.Affected) == 1
}

// frozenBy returns the cut of the checkpoint that a record finalizes, which the
// event that proposed it names; nil when that is no checkpoint.
func (l *Log) frozenBy(record *event.Header) (*causal.Generators, error) {
	n, err := l.arrivalOf(record.Affected[0])
	if err != nil {
		return nil, err
	}
	proposed, err := l.eventAt(uint64(n))
	if err != nil || proposed.Header.Type != event.CheckpointProposedType || proposed.Header.Facts.Cut == nil {
		return nil, err
	}
	from, err := l.generators(*proposed.Header.Facts.Cut)
	return &from, err
}
