package badgerlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"atelier.dev/atelier/backend/event"
)

// A record is one event: length of its header 4, of its body 4, header, body. A
// body that is not here has no byte; where it is gone, the length says so.
// A run is the records of one group, one after another, under the arrival
// number of the first: the store then takes a key a group, not an event.

// No body is as long as these.
const (
	goneHere      = 1<<32 - 1 // retention dropped it
	goneElsewhere = 1<<32 - 2 // it was gone where the event came from
)

// bodyLength is what a record says of the length of its body, and how many bytes
// of it are in the record.
func bodyLength(record []byte) (said uint32, there uint64) {
	said = binary.BigEndian.Uint32(record[4:])
	if said >= goneElsewhere {
		return said, 0
	}
	return said, uint64(said)
}

// isDropped reports whether a record's body was dropped here.
func isDropped(record []byte) bool {
	if len(record) < recordFrame {
		return false
	}
	said, _ := bodyLength(record)
	return said == goneHere
}

// newRecord encodes an event's header and body as they are stored, and fills in
// its id, bytes and body, which share the record's memory. Without a body it says
// whether that is gone elsewhere.
func newRecord(e *event.Event, body []byte) ([]byte, error) {
	record, id, err := event.AppendHeader(make([]byte, recordFrame, usualHeader+len(body)), &e.Header)
	if err != nil {
		return nil, err
	}
	n := len(record)
	binary.BigEndian.PutUint32(record, uint32(n-recordFrame))
	binary.BigEndian.PutUint32(record[4:], lengthOf(e, body))
	record = append(record, body...)
	e.ID, e.Bytes, e.Body = id, record[recordFrame:n:n], bodyIn(record, n)
	return record, nil
}

func lengthOf(e *event.Event, body []byte) uint32 {
	if len(body) == 0 && e.Gone {
		return goneElsewhere
	}
	return uint32(len(body))
}

// bodyIn is the body in a record, from n on; nil when it is not here.
func bodyIn(record []byte, n int) []byte {
	if n == len(record) {
		return nil
	}
	return record[n:]
}

// frameOf is what stands before the bytes of an event that another gave.
func frameOf(e *event.Event) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, recordFrame+len(e.Bytes)+len(e.Body)), uint32(len(e.Bytes)))
	return binary.BigEndian.AppendUint32(b, lengthOf(e, e.Body))
}

// sentRecord is newRecord for an event of which another gave the bytes.
func sentRecord(e *event.Event) []byte { return append(append(frameOf(e), e.Bytes...), e.Body...) }

// cutRecord splits the first record off a run.
func cutRecord(run []byte) (record, rest []byte, ok bool) {
	if len(run) < recordFrame {
		return nil, nil, false
	}
	_, body := bodyLength(run)
	n := recordFrame + uint64(binary.BigEndian.Uint32(run)) + body
	if n > uint64(len(run)) {
		return nil, nil, false
	}
	return run[:n:n], run[n:], true
}

// countRecords counts the whole records of a run; one that is cut is found by
// whoever reads it.
func countRecords(run []byte) (n uint64) {
	for ok := true; ok && len(run) > 0; n++ {
		_, run, ok = cutRecord(run)
	}
	return n
}

// readRecord reads a record into an empty event, which keeps b.
func readRecord(e *event.Event, arrival uint64, b []byte) error {
	damaged := func(what string) error {
		return dataLoss("event_damaged", fmt.Sprintf("event %d is damaged: %s", arrival, what))
	}
	record, rest, ok := cutRecord(b)
	if !ok || len(rest) > 0 {
		return damaged("its record is cut")
	}
	n := recordFrame + int(binary.BigEndian.Uint32(record))
	id, err := event.ReadAny(&e.Header, record[recordFrame:n])
	if err != nil {
		return damaged(err.Error())
	}
	said, _ := bodyLength(record)
	e.ID, e.Bytes, e.Body, e.Gone = id, record[recordFrame:n:n], bodyIn(record, n), said >= goneElsewhere
	if e.Body != nil && event.BodyHash(e.Body) != e.Header.BodyHash {
		return damaged("its body is not the one its header names")
	}
	return nil
}

// runs knows the first arrival of each run, in order.
type runs struct {
	mu     sync.RWMutex
	firsts []uint64
	end    uint64 // of what is known
}

func (r *runs) add(end uint64, firsts ...uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.firsts, r.end = append(r.firsts, firsts...), end
}

// upTo returns the first arrivals of the runs that begin below one.
func (r *runs) upTo(end uint64) []uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n, _ := slices.BinarySearch(r.firsts, end)
	return r.firsts[:n:n]
}

// first returns the first arrival of the run that holds one; known is false
// while Open has not come so far.
func (r *runs) first(arrival uint64) (first uint64, known bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if arrival >= r.end {
		return 0, false
	}
	at, found := slices.BinarySearch(r.firsts, arrival)
	if !found {
		at--
	}
	return r.firsts[at], true
}

// firstOf finds the run that holds an arrival, if need be in the store.
func (l *Log) firstOf(arrival uint64) (first uint64, err error) {
	if first, known := l.runs.first(arrival); known {
		return first, nil
	}
	_, first, found, err := l.newest('a', arrival)
	if err == nil && !found {
		err = badger.ErrKeyNotFound
	}
	return first, err
}

// newest returns the value and number of the key of a kind with the greatest
// number at or below one.
func (l *Log) newest(kind byte, below uint64) (value []byte, n uint64, found bool, err error) {
	err = l.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Reverse: true, Prefix: []byte{kind}})
		defer it.Close()
		it.Seek(number(kind, below))
		if !it.Valid() {
			return nil
		}
		key := it.Item().Key()
		if len(key) != 9 {
			return errors.New("a key has a wrong length")
		}
		found, n = true, binary.BigEndian.Uint64(key[1:])
		value, err = it.Item().ValueCopy(nil)
		return err
	})
	return value, n, found, err
}

// recordAt returns a copy of one event's record.
func (l *Log) recordAt(arrival uint64) (record []byte, err error) {
	first, err := l.firstOf(arrival)
	if err != nil {
		return nil, err
	}
	defer l.touch(pagesRead)
	err = l.view(func(txn *badger.Txn) error {
		item, err := txn.Get(number('a', first))
		if err != nil {
			return err
		}
		return item.Value(func(run []byte) error {
			for n := first; ; n++ {
				one, rest, ok := cutRecord(run)
				if !ok {
					return errors.New("its run ends before it")
				}
				if run = rest; n == arrival {
					record = slices.Clone(one)
					return nil
				}
			}
		})
	})
	return record, err
}
