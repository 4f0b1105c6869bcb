package badgerlog

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// view reads the store. It may be called within itself.
func (l *Log) view(fn func(txn *badger.Txn) error) error {
	if !l.gate.enter() {
		return errClosed()
	}
	defer l.gate.leave()
	return l.db.View(fn)
}

func (l *Log) get(key []byte) ([]byte, error) {
	var value []byte
	err := l.view(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if err != nil {
			return err
		}
		value, err = item.ValueCopy(nil)
		return err
	})
	return value, err
}

func (l *Log) eventAt(arrival uint64) (e event.Event, err error) {
	b, err := l.recordAt(arrival)
	if fault.Is(err, "log_closed") {
		return e, err
	}
	if err != nil {
		return e, dataLoss("event_lost", fmt.Sprintf("event %d cannot be read: %v", arrival, err))
	}
	return e, readRecord(&e, arrival, b)
}

// ArrivalOf returns the arrival number of a durable event. Fault: event_unknown.
func (l *Log) ArrivalOf(id event.ID) (uint64, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	n, err := l.arrivalOf(id)
	return uint64(n), err
}

// EventAt returns the durable event of an arrival number below Count. Fault:
// event_unknown; data_loss when it cannot be read.
func (l *Log) EventAt(arrival uint64) (event.Event, error) {
	if arrival >= l.Count() {
		return event.Event{}, fault.New(fault.NotFound, "event_unknown", fmt.Sprintf("there is no event %d", arrival), "see `atelier log`")
	}
	return l.eventAt(arrival)
}

// Event returns a durable event. Fault: not_found event_unknown; data_loss
// when it cannot be read.
func (l *Log) Event(id event.ID) (event.Event, error) {
	n, err := l.ArrivalOf(id)
	if err != nil {
		return event.Event{}, err
	}
	return l.eventAt(n)
}

// Find returns the durable events whose id's text begins with prefix,
// ascending, at most sixteen: more than one means that it is ambiguous.
func (l *Log) Find(prefix string) ([]event.ID, error) {
	low, high, err := event.PrefixRange(prefix)
	if err != nil {
		return nil, err
	}
	l.orderMu.RLock()
	found := l.ids.between(low, high, l.visible, maxFound)
	l.orderMu.RUnlock()
	slices.SortFunc(found, func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) })
	return found, nil
}

// Scan calls fn with every durable event from an arrival number on, in the
// order in which this replica took them: parents always come first. It stops
// at the first error of fn and returns it.
func (l *Log) Scan(from uint64, fn func(arrival uint64, e event.Event) error) error {
	count := l.Count()
	return l.scan(from, count, func(n uint64, run []byte) error {
		for ; len(run) > 0 && n < count; n++ {
			record, rest, ok := cutRecord(run)
			if !ok {
				return dataLoss("event_damaged", fmt.Sprintf("event %d is damaged: its run is cut", n))
			}
			var e event.Event
			if err := readRecord(&e, n, record); err != nil {
				return err
			}
			if err := fn(n, e); err != nil {
				return err
			}
			run = rest
		}
		return nil
	})
}

// ScanIn is Scan for the events of a cut alone. Others are not decoded, and where
// the cut has few among many they are not read.
func (l *Log) ScanIn(in causal.Cut, from uint64, fn func(arrival uint64, e event.Event) error) error {
	end := uint64(in.End())
	if uint64(in.Count())*sparse < end {
		return l.scanFew(in, from, fn)
	}
	return l.scan(from, end, func(n uint64, run []byte) error {
		for ; len(run) > 0 && n < end; n++ {
			record, rest, ok := cutRecord(run)
			if !ok {
				return dataLoss("event_damaged", fmt.Sprintf("event %d is damaged: its run is cut", n))
			}
			if run = rest; !in.Has(causal.Ordinal(n)) {
				continue
			}
			var e event.Event
			if err := readRecord(&e, n, record); err != nil {
				return err
			}
			if err := fn(n, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *Log) scanFew(in causal.Cut, from uint64, fn func(arrival uint64, e event.Event) error) error {
	for n := range in.All() {
		if uint64(n) < from {
			continue
		}
		e, err := l.eventAt(uint64(n))
		if err == nil {
			err = fn(uint64(n), e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scan gives a copy of each run that holds some of [from, to), the first one
// from there on, with the arrival of its first record. All must be there.
func (l *Log) scan(from, to uint64, fn func(first uint64, run []byte) error) error {
	if from >= to {
		return nil
	}
	n, err := l.firstOf(from)
	if fault.Is(err, "log_closed") {
		return err
	}
	if err != nil {
		return dataLoss("event_lost", fmt.Sprintf("event %d cannot be read: %v", from, err))
	}
	return l.view(func(txn *badger.Txn) error {
		end, err := walkRuns(txn, n, to, func(first uint64, run []byte) error {
			l.touch(len(run))
			first, run = dropBefore(from, first, run)
			if len(run) == 0 {
				return nil
			}
			return fn(first, run)
		})
		if err == nil && end < to {
			return dataLoss("event_lost", fmt.Sprintf("event %d is missing", end))
		}
		return err
	})
}

// walkRuns gives a copy of each run from the one that begins at n to the one
// that holds to-1, and returns where they end: below to when one is missing.
// Values lie in the tables beside their keys, so fetching ahead would only
// cost goroutines.
func walkRuns(txn *badger.Txn, n, to uint64, fn func(first uint64, run []byte) error) (end uint64, err error) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{'a'}})
	defer it.Close()
	for it.Seek(number('a', n)); n < to && it.Valid() && bytes.Equal(it.Item().Key(), number('a', n)); it.Next() {
		run, err := it.Item().ValueCopy(nil)
		if err != nil {
			return n, dataLoss("event_lost", fmt.Sprintf("event %d cannot be read: %v", n, err))
		}
		first := n
		n += countRecords(run)
		if err := fn(first, run); err != nil {
			return n, err
		}
	}
	return n, nil
}

// dropBefore drops the records below an arrival from a run.
func dropBefore(from, first uint64, run []byte) (uint64, []byte) {
	for ; first < from && len(run) > 0; first++ {
		_, run, _ = cutRecord(run)
	}
	return first, run
}
