package badgerlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/dgraph-io/badger/v4"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// The format marker: the second once a body was dropped, since who knows only the
// first would take that for damage.
const (
	marker        = "atelier log 1"
	droppedMarker = "atelier log 2"
)

// recover compares the store with the newest slot of the anchor, completes a
// store that lacks exactly that slot's group, and refuses any other below it.
func (l *Log) recover(last point, blank bool, report *Report) error {
	if err := l.checkMarker(last); err != nil {
		return err
	}
	if lacks, err := l.lacksGroup(last); err != nil {
		return err
	} else if lacks {
		if err := l.store(last.Group, last.version()); err != nil {
			return openFault(err)
		}
		report.Completed = int(last.Events - last.EventsBefore)
		report.CompletedSeals = int(last.Seals - last.SealsBefore)
	}
	found, err := l.measure()
	if err != nil {
		return err
	}
	if found.Events < last.Events || found.Seals < last.Seals || blank && found.Events > 1 {
		return dataLoss("tail_lost", fmt.Sprintf("the log has %d events and %d seals; its anchor says %d and %d",
			found.Events, found.Seals, last.Events, last.Seals))
	}
	if found.Seals > last.Seals+maxGroupSeals {
		return anchorBehind()
	}
	l.at = found
	return l.checkSeal(last)
}

func anchorBehind() error {
	return dataLoss("anchor_behind", "the anchor lies far behind the log: it is not of this log or was restored alone")
}

// standUp finds the newest own event and record once all events were read, and
// holds them to the anchor. Events of others need not be named by it: who loses
// some at the end asks for them again.
func (l *Log) standUp(last point) error {
	l.at.Control = event.Basis{Record: l.at.Genesis}
	if records := l.chains.controlLine(); records != nil {
		l.at.Control = event.Basis{Index: records.next() - 1, Record: l.newestOf(records)}
	}
	switch own := l.chains.ownLine(); {
	case l.marks.retired != nil:
		l.at.Own, l.at.OwnCount = l.marks.retired.ID, l.marks.retired.Seq
	case own != nil && len(l.chains.of[l.chains.own]) > 1:
		return dataLoss("chain_broken", "the own chain has a fork")
	case own != nil:
		l.at.Own, l.at.OwnCount = l.newestOf(own), own.next()
	}
	if l.at.OwnCount > last.OwnCount+maxGroupEvents || l.at.Control.Index > last.Control.Index+maxAdmitEvents {
		return anchorBehind()
	}
	if err := l.checkHeads(last); err != nil {
		return err
	}
	return l.readUnsealed()
}

func (l *Log) newestOf(on *chainLine) event.ID {
	return l.ids.at(uint64(on.arrivals[len(on.arrivals)-1]))
}

// checkHeads holds the store to the heads of its anchor.
func (l *Log) checkHeads(last point) error {
	if last.Events == 0 {
		return nil
	}
	own := last.OwnCount == 0 || l.isAt(l.chains.ownLine(), last.OwnCount-1, last.Own)
	if !own || last.Genesis != l.at.Genesis || !l.isAt(l.chains.controlLine(), last.Control.Index, last.Control.Record) {
		return dataLoss("head_differs", "the log's newest event is not the one its anchor names")
	}
	return nil
}

// isAt reports whether an event is the one of a line at a seq.
func (l *Log) isAt(on *chainLine, seq uint64, id event.ID) bool {
	if on == nil {
		return false
	}
	n, is := on.at(seq)
	return is && l.ids.at(uint64(n)) == id
}

// lookUp reads a key that need not be there.
func (l *Log) lookUp(key []byte) (value []byte, found bool, err error) {
	value, err = l.get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil && !fault.Is(err, "log_closed") {
		err = openFault(err)
	}
	return value, err == nil, err
}

func (l *Log) checkMarker(last point) error {
	got, err := l.get([]byte("m"))
	switch {
	case errors.Is(err, badger.ErrKeyNotFound) && len(last.Group) > 0 && last.EventsBefore == 0:
		return nil
	case errors.Is(err, badger.ErrKeyNotFound) && last.Events == 0:
		if found, err := l.measure(); err != nil || found.Events > 0 {
			return dataLoss("marker_lost", "the log has no format marker")
		}
		return nil
	case errors.Is(err, badger.ErrKeyNotFound):
		return dataLoss("tail_lost", "the store is empty, and its anchor says that it was not")
	case err != nil:
		return openFault(err)
	case string(got) == marker, string(got) == droppedMarker:
		return nil
	case bytes.HasPrefix(got, []byte("atelier log ")):
		return openFault(errNewer)
	}
	return dataLoss("marker_damaged", "the log's format marker is not Atelier's")
}

// lacksGroup reports whether the store stands exactly before the newest group.
func (l *Log) lacksGroup(last point) (bool, error) {
	if len(last.Group) == 0 {
		return false, nil
	}
	for _, e := range last.Group {
		got, err := l.get(e.Key)
		if err == nil && !bytes.Equal(got, e.Value) {
			return false, dataLoss("anchor_differs", "the log and its anchor disagree about the newest events")
		}
		if err == nil {
			return false, nil
		}
		if !errors.Is(err, badger.ErrKeyNotFound) {
			return false, openFault(err)
		}
	}
	found, err := l.measure()
	return err == nil && found.Events == last.EventsBefore && found.Seals == last.SealsBefore, err
}

// measure finds how far the store reaches, by its last keys.
func (l *Log) measure() (p point, err error) {
	run, first, found, err := l.newest('a', math.MaxUint64)
	if err != nil {
		return p, openFault(err)
	}
	if found {
		p.Events = first + countRecords(run)
	}
	_, last, found, err := l.newest('s', math.MaxUint64)
	if err != nil {
		return p, openFault(err)
	}
	if found {
		p.Seals = last + 1
	}
	p.EventsBefore, p.SealsBefore = p.Events, p.Seals
	return p, l.readHeads(&p)
}

// readHeads finds the ids that belong to a point's numbers.
func (l *Log) readHeads(p *point) (err error) {
	if p.Events > 0 {
		p.Genesis, err = l.idAt(0)
	}
	if p.Seals == 0 || err != nil {
		return err
	}
	s, err := l.sealAt(p.Seals - 1)
	if err == nil {
		p.LastSeal, err = s.ID()
	}
	return err
}

func (l *Log) idAt(arrival uint64) (event.ID, error) {
	e, err := l.eventAt(arrival)
	return e.ID, err
}

func (l *Log) sealAt(n uint64) (event.Seal, error) {
	b, err := l.get(number('s', n))
	if fault.Is(err, "log_closed") {
		return event.Seal{}, err
	}
	if err != nil {
		return event.Seal{}, dataLoss("seal_lost", fmt.Sprintf("seal %d cannot be read: %v", n, err))
	}
	s, err := event.DecodeSeal(b)
	if err != nil {
		return s, dataLoss("seal_damaged", fmt.Sprintf("seal %d is damaged: %v", n, err))
	}
	return s, nil
}

// checkSeal holds the store to the newest seal of its anchor.
func (l *Log) checkSeal(last point) error {
	if last.Seals == 0 {
		return nil
	}
	s, err := l.sealAt(last.Seals - 1)
	if err != nil {
		return err
	}
	if id, err := s.ID(); err != nil || id != last.LastSeal {
		return dataLoss("head_differs", "the log's newest seal is not the one its anchor names")
	}
	return nil
}

// readUnsealed finds the own events that no seal covers.
func (l *Log) readUnsealed() error {
	next := uint64(0)
	if l.at.Seals > 0 {
		s, err := l.sealAt(l.at.Seals - 1)
		if err != nil {
			return err
		}
		next = s.Last + 1
	}
	for seq := next; seq < l.at.OwnCount; seq++ {
		l.unsealed = append(l.unsealed, l.ids.at(l.ownArrival(seq)))
	}
	return nil
}

func (l *Log) writeGenesis() error {
	if l.o.Follow != nil {
		return l.followGenesis(l.o.Follow)
	}
	g := event.Genesis{Replica: l.replica, RecoveryKey: l.o.RecoveryKey, Epoch: 1, Policy: l.o.Policy}
	nonce := make([]byte, event.BodyNonceSize)
	for _, b := range [][]byte{g.Nonce[:], nonce} {
		if _, err := io.ReadFull(l.o.Random, b); err != nil {
			return err
		}
	}
	content, err := event.EncodeContent(l.o.Names)
	if err != nil {
		return err
	}
	body, err := event.JoinBody(nonce, content)
	if err != nil {
		return err
	}
	e := event.Event{Header: event.Header{SchemaVersion: 1, Type: event.WorkspaceCreatedType, Lamport: 1,
		WallTime: l.o.Now().UnixNano(), Surface: event.SurfaceSystem, ViewEpoch: 1, Class: event.Control,
		Facts: event.Facts{Genesis: &g}, BodyHash: event.BodyHash(body)}}
	record, err := newRecord(&e, body)
	if err != nil {
		return err
	}
	l.at = point{Events: 1, Genesis: e.ID, Control: event.Basis{Record: e.ID}}
	return l.commit([]entry{{Key: []byte("m"), Value: []byte(marker)}, {Key: number('a', 0), Value: record}}, l.at)
}

// readGenesis takes the epoch and the voters from genesis, and refuses a log of
// another replica.
func (l *Log) readGenesis() error {
	e, err := l.eventAt(0)
	if err != nil {
		return err
	}
	g := e.Header.Facts.Genesis
	if g == nil {
		return dataLoss("genesis_lost", "the log does not begin with a workspace")
	}
	l.epoch, l.voters = g.Epoch, []event.Chain{g.Replica}
	return l.checkOwner(&e)
}
