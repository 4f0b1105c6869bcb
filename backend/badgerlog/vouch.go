package badgerlog

import (
	"fmt"
	"iter"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// What a bundle asks of a log, besides its events.

// Whole makes a cut of this log whole by chains.
func (l *Log) Whole(in causal.Cut) causal.Cut {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	return l.order.Whole(in)
}

// RecordAt returns the arrival of a record of control; false where there is none.
func (l *Log) RecordAt(index uint64) (arrival uint64, known bool) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	if index >= uint64(l.order.Records()) {
		return 0, false
	}
	return uint64(l.order.Record(int(index))), true
}

// Seals gives the seals of a chain from its first event on, as far as there are
// any. Faults: data_loss, log_closed.
func (l *Log) Seals(chain event.Chain) iter.Seq2[event.Seal, error] {
	return func(yield func(event.Seal, error) bool) {
		if chain != l.replica {
			return
		}
		for n := range l.stand().Seals {
			if s, err := l.sealAt(n); !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// Under returns the ids of all events under a seal, in the order of its chain.
// Fault: data_loss when they are not here.
func (l *Log) Under(s event.Seal) ([]event.ID, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	if s.Replica != l.replica || s.Last >= l.stand().OwnCount {
		return nil, fault.New(fault.DataLoss, "event_lost", fmt.Sprintf("the events under a seal from %d on are not all here", s.First), "run `atelier verify`")
	}
	ids := make([]event.ID, 0, s.Last-s.First+1)
	for seq := s.First; seq <= s.Last; seq++ {
		ids = append(ids, l.ids.at(l.chains.arrivalOf(seq)))
	}
	return ids, nil
}
