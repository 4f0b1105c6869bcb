package badgerlog

import (
	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// headerOf is what the index of causality reads headers by. Whoever asks the
// index holds orderMu already.
func (l *Log) headerOf(id event.ID) (event.Header, error) {
	e, err := l.eventOf(id, l.ids.find(id))
	return e.Header, err
}

// Relate says how durable event a stands to b. Faults: event_unknown, data_loss.
func (l *Log) Relate(a, b event.ID) (causal.Relation, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	return l.order.Relate(a, b)
}

// Maximal reduces a set of durable events to those that lie in the past of no
// other of the set, ascending. Faults: parent_unknown, data_loss.
func (l *Log) Maximal(ids []event.ID) ([]event.ID, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	front, err := l.order.Maximal(ids)
	return front, asParent(err)
}

// PastOf returns what tells whether an event of this log is one of some, or lies
// in their past. Faults: event_unknown, data_loss.
func (l *Log) PastOf(ids []event.ID) (func(*event.Event) bool, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	past, err := l.order.PastOf(ids)
	if err != nil {
		return nil, err
	}
	return func(e *event.Event) bool {
		l.orderMu.RLock()
		defer l.orderMu.RUnlock()
		return past.Has(e.ID, &e.Header)
	}, nil
}

// checkParents returns the lamport of an event with these parents, and refuses
// parents that are unknown or no antichain.
func (l *Log) checkParents(parents []event.ID) (uint64, error) {
	if len(parents) > event.MaxParents {
		return 0, fault.New(fault.InvalidArgument, "parents_count", "an event has at most 64 parents", "join them first")
	}
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	lamport, err := l.order.Lamport(parents)
	return lamport, asParent(err)
}

func asParent(err error) error {
	if !fault.Is(err, "event_unknown") {
		return err
	}
	return fault.New(fault.NotFound, "parent_unknown", fault.Of(err).Message+" to follow", "read the object again")
}

// learn adds a durable event. The caller holds orderMu.
func (l *Log) learn(arrival uint64, e *event.Event) error {
	l.ids.add(e.ID, arrival)
	l.held.add(e)
	return l.order.Add(*e)
}
