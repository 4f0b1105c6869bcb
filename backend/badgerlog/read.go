package badgerlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

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

func (l *Log) eventAt(arrival uint64) (event.Event, error) {
	b, err := l.get(number('a', arrival))
	if fault.Is(err, "log_closed") {
		return event.Event{}, err
	}
	if err != nil {
		return event.Event{}, dataLoss("event_lost", fmt.Sprintf("event %d cannot be read: %v", arrival, err))
	}
	return parseRecord(arrival, b)
}

func parseRecord(arrival uint64, b []byte) (event.Event, error) {
	damaged := func(what string) (event.Event, error) {
		return event.Event{}, dataLoss("event_damaged", fmt.Sprintf("event %d is damaged: %s", arrival, what))
	}
	if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
		return damaged("its record is cut")
	}
	n := 4 + int(binary.BigEndian.Uint32(b))
	h, id, err := event.DecodeHeader(b[4:n])
	if err != nil {
		return damaged(err.Error())
	}
	e := event.Event{ID: id, Header: h, Bytes: b[4:n:n], Body: b[n:]}
	if event.BodyHash(e.Body) != h.BodyHash {
		return damaged("its body is not the one its header names")
	}
	return e, nil
}

// arrivalOf returns the arrival number of a durable event.
func (l *Log) arrivalOf(id event.ID) (uint64, error) {
	b, err := l.get(append([]byte{'i'}, id[:]...))
	if err == nil && len(b) == 8 {
		if n := binary.BigEndian.Uint64(b); n < l.Count() {
			return n, nil
		}
		err = badger.ErrKeyNotFound
	}
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, fault.New(fault.NotFound, "event_unknown", "there is no event "+id.String(), "see `atelier log`")
	}
	if fault.Is(err, "log_closed") {
		return 0, err
	}
	return 0, dataLoss("index_damaged", fmt.Sprintf("the index of ids cannot be read: %v", err))
}

// Event returns a durable event. Fault: not_found event_unknown; data_loss
// when what is stored is not what the id names.
func (l *Log) Event(id event.ID) (event.Event, error) {
	n, err := l.arrivalOf(id)
	if err != nil {
		return event.Event{}, err
	}
	e, err := l.eventAt(n)
	if err == nil && e.ID != id {
		return event.Event{}, dataLoss("index_damaged", "the index of ids leads to another event")
	}
	return e, err
}

// Find returns the durable events whose id's text begins with prefix, at most
// sixteen: more than one means that the prefix is ambiguous.
func (l *Log) Find(prefix string) ([]event.ID, error) {
	low, high, err := event.PrefixRange(prefix)
	if err != nil {
		return nil, err
	}
	count := l.Count()
	var found []event.ID
	err = l.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{'i'}, PrefetchValues: true, PrefetchSize: maxFound})
		defer it.Close()
		for it.Seek(append([]byte{'i'}, low[:]...)); it.Valid() && len(found) < maxFound; it.Next() {
			key := it.Item().Key()[1:]
			if bytes.Compare(key, high[:]) > 0 {
				return nil
			}
			n, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			if len(key) == 32 && len(n) == 8 && binary.BigEndian.Uint64(n) < count {
				found = append(found, event.ID(key))
			}
		}
		return nil
	})
	if err != nil {
		return nil, dataLoss("index_damaged", fmt.Sprintf("the index of ids cannot be read: %v", err))
	}
	return found, nil
}

// Scan calls fn with every durable event from an arrival number on, in the
// order in which this replica took them: parents always come first. It stops
// at the first error of fn and returns it.
func (l *Log) Scan(from uint64, fn func(arrival uint64, e event.Event) error) error {
	return l.scan(from, l.Count(), fn)
}

// scan reads [from, to), all of which must be there. Values lie in the tables
// beside their keys, so fetching ahead would only cost goroutines.
func (l *Log) scan(from, to uint64, fn func(arrival uint64, e event.Event) error) error {
	return l.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{'a'}})
		defer it.Close()
		n := from
		for it.Seek(number('a', from)); it.Valid() && n < to; it.Next() {
			if !bytes.Equal(it.Item().Key(), number('a', n)) {
				break
			}
			b, err := it.Item().ValueCopy(nil)
			if err != nil {
				return dataLoss("event_lost", fmt.Sprintf("event %d cannot be read: %v", n, err))
			}
			e, err := parseRecord(n, b)
			if err != nil {
				return err
			}
			if err := fn(n, e); err != nil {
				return err
			}
			n++
		}
		if n < to {
			return dataLoss("event_lost", fmt.Sprintf("event %d is missing", n))
		}
		return nil
	})
}
