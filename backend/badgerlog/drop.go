package badgerlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Retention writes runs anew without some of their bodies, under the keys that
// they have: whoever reads, and whatever a crash leaves, has the old run or the
// new one. Headers, and so ids, chains and seals, stay byte for byte. The same
// transactions keep an account of it, see account.go.
//
// The anchor has no part in it, for no head moves. But it may hold the newest group,
// whose runs could be written anew: so it is first left without one.

// DropBodies drops the bodies of those events below a finalized checkpoint that
// drop names, and returns how many these were and their bytes. It goes on in steps,
// each durable by itself: one that was ended in the middle is called again. The room
// that they took is given back by Reclaim. Faults: checkpoint_not_finalized,
// read_only, canceled, log_closed.
func (l *Log) DropBodies(ctx context.Context, checkpoint event.ID, drop func(arrival uint64, e *event.Event) bool) (bodies, bytes uint64, err error) {
	l.dropping.Lock()
	defer l.dropping.Unlock()
	below, err := l.finalized(checkpoint)
	if err != nil {
		return 0, 0, err
	}
	if below.Count() == 0 {
		return 0, 0, fault.New(fault.FailedPrecondition, "checkpoint_not_finalized", "control has not finalized this checkpoint",
			"finalize it: `atelier checkpoint finalize`")
	}
	if err := l.inTurn(ctx, func() error { return l.commit(nil, l.at) }); err != nil {
		return 0, 0, err
	}
	d := &dropStep{log: l, below: below, drop: drop}
	err = d.runs(ctx)
	return d.done.bodies, d.done.bytes, err
}

// Dropped returns how many bodies this log has dropped since it began, and their
// bytes.
func (l *Log) Dropped() (bodies, bytes uint64) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	return l.dropped.bodies, l.dropped.bytes
}

// finalized returns what lies below a checkpoint that control has finalized, or
// below any if it is zero; nothing when there is none.
func (l *Log) finalized(checkpoint event.ID) (causal.Cut, error) {
	var below causal.Cut
	for _, n := range l.recordArrivals() {
		e, err := l.eventAt(n)
		if err != nil {
			return below, err
		}
		if !finalizes(&e.Header) || !checkpoint.IsZero() && e.Header.Affected[0] != checkpoint {
			continue
		}
		in, err := l.proposedCut(e.Header.Affected[0])
		if err != nil {
			return below, err
		}
		below = below.Union(in)
	}
	return below, nil
}

// recordArrivals are those of the records of control, genesis not among them.
func (l *Log) recordArrivals() (all []uint64) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	if line := l.chains.controlLine(); line != nil {
		for _, n := range line.arrivals {
			all = append(all, uint64(n))
		}
	}
	return all
}

// proposedCut is what a checkpoint freezes.
func (l *Log) proposedCut(checkpoint event.ID) (causal.Cut, error) {
	e, err := l.Event(checkpoint)
	if err != nil || e.Header.Facts.Cut == nil {
		return causal.Cut{}, err
	}
	return l.Cut(*e.Header.Facts.Cut)
}

// dropStep gathers the runs that one transaction writes anew.
type dropStep struct {
	log     *Log
	below   causal.Cut
	drop    func(uint64, *event.Event) bool
	entries []entry
	size    int
	dropped dropped // with these entries
	done    dropped // by earlier ones
}

// runs writes anew all runs that lie below, as far as they lose something.
func (d *dropStep) runs(ctx context.Context) error {
	for _, first := range d.log.runs.upTo(uint64(d.below.End())) {
		if err := d.run(first); err != nil {
			return err
		}
		if d.size < maxGroupBytes && len(d.entries) < maxGroupEvents {
			continue
		}
		if err := d.take(ctx); err != nil {
			return err
		}
	}
	return d.take(ctx)
}

// run adds a run without the bodies that are to go, if there are any.
func (d *dropStep) run(first uint64) error {
	run, err := d.log.get(number('a', first))
	if fault.Is(err, "log_closed") {
		return err
	}
	if err != nil {
		return dataLoss("event_lost", fmt.Sprintf("event %d cannot be read: %v", first, err))
	}
	before := d.dropped.bodies
	left := make([]byte, 0, len(run))
	for n := first; len(run) > 0; n++ {
		record, rest, ok := cutRecord(run)
		if !ok {
			return dataLoss("event_damaged", fmt.Sprintf("event %d is damaged: its run is cut", n))
		}
		if record, err = d.record(n, record); err != nil {
			return err
		}
		left, run = append(left, record...), rest
	}
	if d.dropped.bodies > before {
		d.entries = append(d.entries, entry{Key: number('a', first), Value: left})
		d.size += len(left)
	}
	return nil
}

// record is a record without its body, if that is to go. A body that says nothing
// stays: it is as long as its mark.
func (d *dropStep) record(n uint64, record []byte) ([]byte, error) {
	if _, there := bodyLength(record); there <= event.BodyNonceSize+1 || !d.below.Has(causal.Ordinal(n)) {
		return record, nil
	}
	var e event.Event
	if err := readRecord(&e, n, record); err != nil || !d.drop(n, &e) {
		return record, err
	}
	d.dropped = d.dropped.and(dropped{1, uint64(len(e.Body))})
	left := slices.Clone(record[:recordFrame+len(e.Bytes)])
	binary.BigEndian.PutUint32(left[4:], goneHere)
	return left, nil
}

// take makes what was gathered durable, in the place of what was there.
func (d *dropStep) take(ctx context.Context) error {
	if len(d.entries) == 0 {
		return nil
	}
	err := d.log.inTurn(ctx, func() error { return d.log.writeDropped(d.entries, d.dropped) })
	if err != nil {
		return err
	}
	d.done = d.done.and(d.dropped)
	d.entries, d.size, d.dropped = nil, 0, dropped{}
	return nil
}

// writeDropped writes runs anew, with the account. The caller leads.
func (l *Log) writeDropped(runs []entry, more dropped) error {
	next := account{l.dropped.and(more), true}
	entries := append(slices.Clip(runs), next.entry(), entry{Key: []byte("m"), Value: []byte(droppedMarker)})
	if err := l.rewrite(entries...); err != nil {
		return err
	}
	l.orderMu.Lock()
	defer l.orderMu.Unlock()
	l.dropped = next
	l.held.bodies -= more.bodies
	l.held.bodyBytes -= more.bytes
	return nil
}

// Reclaim gives back to the disk what dropped bodies took; writing waits for a
// part of it. It does nothing where nothing is owed. Faults: read_only, canceled,
// log_closed, and reclaim_failed, after which the room is owed still.
func (l *Log) Reclaim(ctx context.Context) error {
	l.dropping.Lock()
	defer l.dropping.Unlock()
	if !l.owes() {
		return nil
	}
	if err := l.inTurn(ctx, l.flush); err != nil {
		return err
	}
	if err := l.flatten(); err != nil {
		return err
	}
	return l.inTurn(ctx, l.settleAccount)
}

func (l *Log) owes() bool {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	return l.dropped.owed
}

// flush brings what Badger holds in memory and in its write-ahead log into tables.
// Badger offers that only to who drops a prefix of keys, so one is written to be
// dropped. The caller leads, since nothing can be written meanwhile.
func (l *Log) flush() error {
	key := number('d', flushNumber)
	if err := l.rewrite(entry{Key: key, Value: []byte{1}}); err != nil {
		return err
	}
	l.db.SetDiscardTs(l.at.version())
	if err := l.db.DropPrefix(key); err != nil {
		return l.failed(err)
	}
	return nil
}

// flatten merges the tables, so that runs that were written anew take the place
// of the old ones.
func (l *Log) flatten() error {
	if !l.gate.enter() {
		return errClosed()
	}
	defer l.gate.leave()
	if err := l.db.Flatten(1); err != nil {
		return fault.Wrap(err, fault.Unavailable, "reclaim_failed", "the room of what was dropped cannot be given back now", "try it again; see `atelier core logs`")
	}
	return nil
}

// settleAccount notes that no room is owed any more. The caller leads.
func (l *Log) settleAccount() error {
	next := account{dropped: l.dropped.dropped}
	if err := l.rewrite(next.entry()); err != nil {
		return err
	}
	l.orderMu.Lock()
	defer l.orderMu.Unlock()
	l.dropped = next
	return nil
}

// rewrite makes entries durable beside what the log has written, as one. The
// caller leads.
func (l *Log) rewrite(entries ...entry) error {
	err := l.room()
	if err == nil {
		err = l.store(entries, l.at.version())
	}
	if err != nil {
		return l.failed(err)
	}
	if l.o.stepped != nil {
		l.o.stepped()
	}
	return nil
}

// inTurn does what only who leads the queue may do.
func (l *Log) inTurn(ctx context.Context, work func() error) error {
	r := newRequest()
	r.work = work
	return l.submit(ctx, r)
}
