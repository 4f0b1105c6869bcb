package badgerlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

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
	if found.Events > last.Events+maxGroupEvents || found.Seals > last.Seals+maxGroupSeals {
		return dataLoss("anchor_behind", "the anchor lies far behind the log: it is not of this log or was restored alone")
	}
	l.at = found
	if err := l.checkTail(last); err != nil {
		return err
	}
	return l.readUnsealed()
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
	if err == nil {
		err = l.readChains(p)
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

// readChains finds the newest event of the own chain and the newest record: from
// the end back to the newest own event, which names the record before it.
func (l *Log) readChains(p *point) error {
	p.Own, p.OwnCount, p.Control = event.ID{}, 0, event.Basis{Record: p.Genesis}
	for n := p.Events; n > 1; n-- {
		e, err := l.eventAt(n - 1)
		if err != nil {
			return err
		}
		if e.Header.Class == event.Control {
			p.raise(event.Basis{Index: e.Header.Seq, Record: e.ID})
			continue
		}
		p.Own, p.OwnCount = e.ID, e.Header.Seq+1
		p.raise(e.Header.Basis)
		return nil
	}
	return nil
}

// raise takes a record that is newer than the one known.
func (p *point) raise(b event.Basis) {
	if b.Index > p.Control.Index {
		p.Control = b
	}
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

// checkTail holds the store to the heads of its anchor. What lies above them is
// held to its chain by replay.
func (l *Log) checkTail(last point) error {
	if last.Events == 0 {
		return nil
	}
	there := point{Events: last.Events, Seals: last.Seals}
	if err := l.readHeads(&there); err != nil {
		return err
	}
	if there.Genesis != last.Genesis || there.Own != last.Own || there.Control != last.Control {
		return dataLoss("head_differs", "the log's newest event is not the one its anchor names")
	}
	if there.LastSeal != last.LastSeal {
		return dataLoss("head_differs", "the log's newest seal is not the one its anchor names")
	}
	return nil
}

func (l *Log) readUnsealed() error {
	next := uint64(0)
	if l.at.Seals > 0 {
		s, err := l.sealAt(l.at.Seals - 1)
		if err != nil {
			return err
		}
		next = s.Last + 1
	}
	for n := l.at.Events; n > 1 && uint64(len(l.unsealed)) < l.at.OwnCount-next; n-- {
		e, err := l.eventAt(n - 1)
		if err != nil {
			return err
		}
		if e.Header.Class != event.Control {
			l.unsealed = append(l.unsealed, e.ID)
		}
	}
	slices.Reverse(l.unsealed)
	return nil
}

func (l *Log) writeGenesis() error {
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

// readGenesis takes the epoch from genesis, and refuses a log of another replica.
func (l *Log) readGenesis() error {
	e, err := l.eventAt(0)
	if err != nil {
		return err
	}
	g := e.Header.Facts.Genesis
	if g == nil {
		return dataLoss("genesis_lost", "the log does not begin with a workspace")
	}
	if g.Replica != l.replica {
		return fault.New(fault.FailedPrecondition, "key_foreign", "the log belongs to another replica key", "put back the key that made this home")
	}
	l.epoch = g.Epoch
	return nil
}
