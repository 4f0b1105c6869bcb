package badgerlog

import (
	"errors"
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

// EventsAt gives the durable events of some arrivals, ascending. A run is read once
// for all its events. It stops at the first error of fn and returns it. Faults as of
// EventAt.
func (l *Log) EventsAt(arrivals []uint64, fn func(arrival uint64, e event.Event) error) error {
	for len(arrivals) > 0 {
		if arrivals[0] >= l.Count() {
			_, err := l.EventAt(arrivals[0])
			return err
		}
		n, run, err := l.runOf(arrivals[0])
		if err != nil {
			return err
		}
		for ; len(run) > 0 && len(arrivals) > 0; n++ {
			record, rest, ok := cutRecord(run)
			if !ok {
				return dataLoss("event_damaged", fmt.Sprintf("event %d is damaged: its run is cut", n))
			}
			if run = rest; n != arrivals[0] {
				continue
			}
			arrivals = arrivals[1:]
			var e event.Event
			if err := readRecord(&e, n, record); err != nil {
				return err
			}
			if err := fn(n, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// runOf returns a copy of the run that holds an arrival, from there on.
func (l *Log) runOf(arrival uint64) (first uint64, run []byte, err error) {
	if first, err = l.firstOf(arrival); err == nil {
		run, err = l.get(number('a', first))
	}
	if err == nil {
		if first, run = dropBefore(arrival, first, run); len(run) == 0 {
			err = errors.New("its run ends before it")
		}
	}
	if err != nil && !fault.Is(err, "log_closed") {
		err = dataLoss("event_lost", fmt.Sprintf("event %d cannot be read: %v", arrival, err))
	}
	return first, run, err
}

// Seals gives the seals of a chain from its first event on, as far as there are
// any: of a chain with two sides those of the one that came first. Faults:
// data_loss, log_closed.
func (l *Log) Seals(chain event.Chain) iter.Seq2[event.Seal, error] {
	return func(yield func(event.Seal, error) bool) {
		for seq := uint64(0); ; {
			c, err := l.firstCover(chain, seq)
			if err != nil {
				yield(event.Seal{}, err)
				return
			}
			if c == nil || !yield(c.seal, nil) {
				return
			}
			seq = c.end() + 1
		}
	}
}

// firstCover is the seal over an event of the side of a chain that came first, nil
// where there is none.
func (l *Log) firstCover(chain event.Chain, seq uint64) (*cover, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	on := l.chains.of[chain]
	if len(on) == 0 || seq >= l.chains.lines[on[0]].next() {
		return nil, nil //nolint:nilnil // no seal is no failure
	}
	return l.coverOf(on[0], seq)
}

// Under returns the ids of all events under a seal, in the order of its chain.
// Fault: data_loss when they are not here.
func (l *Log) Under(s event.Seal) ([]event.ID, error) {
	c, err := l.firstCover(s.Replica, s.First)
	if err != nil {
		return nil, err
	}
	if c == nil || !c.whole() || c.seal.Last != s.Last {
		return nil, fault.New(fault.DataLoss, "event_lost", fmt.Sprintf("the events under a seal from %d on are not all here", s.First), "run `atelier verify`")
	}
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	return l.under(c), nil
}
