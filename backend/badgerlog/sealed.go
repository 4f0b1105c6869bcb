package badgerlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// cover is a seal of another's chain as it is kept: under the line and the seq of
// the first event that it brought.
type cover struct {
	seal event.Seal
	id   event.ID
	// rest are the ids of events under the seal that are not here: its last ones.
	rest []event.ID
	// path leads from the one event that the cover is of to the root, where the ids
	// under the seal are not known.
	path []event.ID
	on   int    // the line
	from uint64 // the seq that it is kept under
}

type wireCover struct {
	_    struct{} `cbor:",toarray"`
	Seal []byte
	Rest []event.ID
}

// end is the seq of the newest event under the seal that is here.
func (c *cover) end() uint64 { return c.seal.Last - uint64(len(c.rest)) }

// whole reports whether the ids of all events under the seal are known.
func (c *cover) whole() bool { return c.path == nil }

func (c *cover) key() []byte { return coverKey(c.on, c.from) }

func coverKey(on int, seq uint64) []byte {
	b := binary.BigEndian.AppendUint32(append(make([]byte, 0, 13), 'f'), uint32(on))
	return binary.BigEndian.AppendUint64(b, seq)
}

func (c *cover) encode() ([]byte, error) {
	seal, err := event.EncodeSeal(c.seal)
	if err != nil {
		return nil, err
	}
	return cbor.Marshal(&wireCover{Seal: seal, Rest: c.rest})
}

func decodeCover(key, value []byte) (*cover, error) {
	damaged := func(err any) error { return dataLoss("seal_damaged", fmt.Sprintf("seal %x is damaged: %v", key, err)) }
	if len(key) != 13 {
		return nil, damaged("its key has a wrong length")
	}
	var w wireCover
	if err := cbor.Unmarshal(value, &w); err != nil {
		return nil, damaged(err)
	}
	c := &cover{rest: w.Rest, on: int(binary.BigEndian.Uint32(key[1:])), from: binary.BigEndian.Uint64(key[5:])}
	var err error
	if c.seal, err = event.DecodeSeal(w.Seal); err != nil {
		return nil, damaged(err)
	}
	if c.from < c.seal.First || uint64(len(c.rest)) > c.seal.Last-c.seal.First || c.from > c.end() {
		return nil, damaged("it covers nothing that is here")
	}
	c.id, err = c.seal.ID()
	return c, err
}

// coverOf returns what proves the event of a line at a seq: nil when nothing does,
// as for own events without a seal. The caller holds orderMu.
func (l *Log) coverOf(on int, seq uint64) (*cover, error) {
	c, err := l.keptCover(on, seq)
	if err != nil || c != nil {
		return c, err
	}
	if own := l.chains.of[l.chains.own]; len(own) > 0 && own[0] == on && seq < l.stand().OwnCount {
		if c, err = l.ownCover(on, seq); c != nil || err != nil {
			return c, err
		}
	}
	n, _ := l.chains.lines[on].at(seq)
	return l.proofCover(on, seq, n)
}

// keptCover finds the newest seal that is kept at or below a seq, if it reaches it.
func (l *Log) keptCover(on int, seq uint64) (c *cover, err error) {
	err = l.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Reverse: true, Prefix: coverKey(on, 0)[:5]})
		defer it.Close()
		if it.Seek(coverKey(on, seq)); !it.Valid() {
			return nil
		}
		value, err := it.Item().ValueCopy(nil)
		if err != nil {
			return dataLoss("seal_lost", fmt.Sprintf("seal %x cannot be read: %v", it.Item().Key(), err))
		}
		c, err = decodeCover(it.Item().KeyCopy(nil), value)
		return err
	})
	if err != nil || c != nil && c.end() < seq {
		return nil, err
	}
	return c, err
}

// ownCover finds the seal of this log's own over an event, among those that were
// made one after another.
func (l *Log) ownCover(on int, seq uint64) (*cover, error) {
	low, high := uint64(0), l.stand().Seals
	for low < high {
		middle := (low + high) / 2
		s, err := l.sealAt(middle)
		switch {
		case err != nil:
			return nil, err
		case s.Last < seq:
			low = middle + 1
		case s.First > seq:
			high = middle
		default:
			id, err := s.ID()
			return &cover{seal: s, id: id, on: on, from: s.First}, err
		}
	}
	return nil, nil
}

// proofCover reads the proof that is kept of one event by itself.
func (l *Log) proofCover(on int, seq uint64, n causal.Ordinal) (*cover, error) {
	b, found, err := l.lookUp(number('p', uint64(n)))
	if err != nil || !found {
		return nil, err
	}
	p, err := event.DecodeProof(b)
	if err != nil || p.Seq != seq {
		return nil, dataLoss("proof_damaged", fmt.Sprintf("the proof of event %d is damaged: %v", n, err))
	}
	id, err := p.Seal.ID()
	if p.Path == nil {
		p.Path = []event.ID{}
	}
	return &cover{seal: p.Seal, id: id, path: p.Path, on: on, from: seq}, err
}

// under returns the ids of all events under a seal that is kept whole. The caller
// holds orderMu.
func (l *Log) under(c *cover) []event.ID {
	all := make([]event.ID, 0, c.seal.Last-c.seal.First+1)
	for seq := c.seal.First; seq <= c.end(); seq++ {
		all = append(all, l.idOn(c.on, seq))
	}
	return append(all, c.rest...)
}

// idOn returns the id of the event at a seq of a line, or of the line that it
// forked from; zero for one that is not here.
func (l *Log) idOn(on int, seq uint64) event.ID {
	if on = l.lineFor(on, seq); on < 0 {
		return event.ID{}
	}
	n, is := l.chains.lines[on].at(seq)
	if !is {
		return event.ID{}
	}
	return l.ids.at(uint64(n))
}

// lineFor returns the line that has a seq of a line: this one or one that it forked
// from, -1 for none.
func (l *Log) lineFor(on int, seq uint64) int {
	for on >= 0 && seq < l.chains.lines[on].first {
		on = l.chains.lines[on].from
	}
	return on
}

// proofOf returns what proves the event of a line at a seq, false when nothing does.
// The caller holds orderMu.
func (l *Log) proofOf(on int, seq uint64) (p event.Proof, found bool, err error) {
	c, err := l.coverOf(on, seq)
	if err != nil || c == nil {
		return p, false, err
	}
	if !c.whole() {
		return event.Proof{Seal: c.seal, Seq: seq, Event: l.idOn(on, seq), Path: c.path}, true, nil
	}
	p, err = event.NewProof(c.seal, l.under(c), seq)
	return p, err == nil, err
}

// ProofOf returns what proves that its replica signed a durable event. Faults:
// event_unknown, event_unsealed, data_loss.
func (l *Log) ProofOf(id event.ID) (event.Proof, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	n, err := l.arrivalOf(id)
	if err != nil {
		return event.Proof{}, err
	}
	on := l.order.Line(n)
	p, found, err := l.proofOf(on, l.chains.lines[on].seqOf(n))
	if err == nil && !found {
		err = unsealed(id)
	}
	return p, err
}

// Runs gives what to hand on of a chain: its events from a seq up to a head, with
// the seals that prove them, in the order of the chain. Own events without a seal
// are not handed on. It stops at the first error of fn and returns it. Faults:
// head_unknown, head_other, data_loss.
func (l *Log) Runs(head event.Head, from uint64, fn func(event.Run) error) error {
	l.orderMu.RLock()
	n, err := l.headAt(head)
	on := 0
	if err == nil {
		on = l.order.Line(n)
	}
	l.orderMu.RUnlock()
	for err == nil && from <= head.Seq {
		var r event.Run
		if r, err = l.runFrom(on, from, head.Seq); err != nil || len(r.Events) == 0 {
			return err
		}
		from += uint64(len(r.Events))
		err = fn(r)
	}
	return err
}

// runFrom returns a run of a line's events from a seq on, at most to another: none
// where no seal covers them.
func (l *Log) runFrom(on int, from, to uint64) (event.Run, error) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	for next := l.lineFor(on, from); on != next; on = l.chains.lines[on].from {
		to = l.chains.lines[on].first - 1
	}
	c, err := l.coverOf(on, from)
	if err != nil || c == nil {
		return event.Run{}, err
	}
	r := event.Run{Seal: c.seal, From: from}
	if !c.whole() {
		to = from
	}
	for seq := from; seq <= min(to, c.end()); seq++ {
		n, _ := l.chains.lines[on].at(seq)
		e, err := l.eventAt(uint64(n))
		if err != nil {
			return r, err
		}
		r.Events = append(r.Events, event.Sent{Header: e.Bytes, Body: e.Body, Gone: e.Gone, Path: c.path})
	}
	if c.whole() {
		all := l.under(c)
		at := int(from - c.seal.First)
		r.Others = slices.Concat(all[:at], all[at+len(r.Events):])
	}
	return r, nil
}

// covers calls fn with every seal of others' chains, by line and seq, and stops at
// its first error. A seal that cannot be read comes as one.
func (l *Log) covers(fn func(c *cover, err error) error) error {
	return l.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{'f'}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			value, err := it.Item().ValueCopy(nil)
			var c *cover
			if err == nil {
				c, err = decodeCover(bytes.Clone(it.Item().Key()), value)
			}
			if err := fn(c, err); err != nil {
				return err
			}
		}
		return nil
	})
}
