package badgerlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Append makes an event of a draft and returns it when it is durable. The
// draft's parents must be durable events of this log, ascending, none in the
// past of another. Faults: parent_unknown, parents_order, the reasons of
// event.Check, read_only.
func (l *Log) Append(ctx context.Context, d event.Draft) (event.Event, error) {
	r := newRequest()
	r.draft = d
	if err := l.prepare(r); err != nil {
		return event.Event{}, err
	}
	if err := l.submit(ctx, r); err != nil {
		return event.Event{}, err
	}
	return r.event, nil
}

// prepare does all that needs no place in the chain, on the caller's goroutine.
func (l *Log) prepare(r *request) error {
	nonce := make([]byte, event.BodyNonceSize)
	if _, err := io.ReadFull(l.o.Random, nonce); err != nil {
		return fault.Wrap(err, fault.Internal, "random", "no random bytes are to be had", "mend the system's source of random bytes")
	}
	var err error
	if r.body, err = event.JoinBody(nonce, r.draft.Body); err != nil {
		return err
	}
	r.hash = event.BodyHash(r.body)
	r.lamport, err = l.checkParents(r.draft.Parents)
	return err
}

// Seal signs all events that no seal covers yet, and returns when that is durable.
func (l *Log) Seal(ctx context.Context) error {
	r := newRequest()
	r.seal = true
	return l.submit(ctx, r)
}

// group is what becomes durable together: the log's next state, its entries
// and who waits for them.
type group struct {
	next     point
	unsealed []event.ID
	entries  []entry
	events   []*event.Event
	members  []*request
	size     int
	records  [][]byte // of the run that is being made, run bytes in all
	run      int
	count    int      // of the records of that run
	firsts   []uint64 // arrivals of the first events of runs
	foreign  bool     // it was admitted, and has nothing that the anchor names
	// admission is whose events the group has; nil where they are this log's own.
	admission *admission
	seal      bool // a member wants a seal, which then ends the group
}

// group gives those that wait their places in the chain, up to a transaction's
// bounds. Those whose draft is refused are answered at once.
func (l *Log) group() *group {
	n := min(l.queue.length(), maxGroupEvents)
	g := &group{next: l.at, unsealed: l.unsealed, records: make([][]byte, 0, n),
		events: make([]*event.Event, 0, n), members: make([]*request, 0, n)}
	g.next.EventsBefore, g.next.SealsBefore, g.next.Group = g.next.Events, g.next.Seals, nil
	for len(g.members) < maxGroupEvents && g.size < maxGroupBytes {
		r := l.queue.next(len(g.members) == 0)
		if r == nil {
			break
		}
		if r.work != nil {
			r.answer(l.work(r))
			continue
		}
		if err := l.enlist(g, r); err != nil {
			r.answer(err)
		}
		if g.admission != nil {
			return g
		}
	}
	if g.seal && len(g.unsealed) > 0 && l.marks.retired == nil {
		l.sealGroup(g)
	}
	g.closeRun()
	return g
}

// work does what a request asks for besides writing events.
func (l *Log) work(r *request) error {
	if err := l.refuseIfReadOnly(); err != nil {
		return err
	}
	return r.work()
}

func (l *Log) enlist(g *group, r *request) error {
	if err := l.refuseIfReadOnly(); err != nil {
		return err
	}
	switch {
	case r.admission != nil:
		g.admission = r.admission
		l.stage(g, r.admission)
	case r.record != nil:
		if err := l.placeRecord(g, r); err != nil {
			return err
		}
	case !r.seal:
		if err := l.place(g, r); err != nil {
			return err
		}
	}
	g.members = append(g.members, r)
	g.seal = g.seal || r.seal
	if len(g.unsealed) == event.MaxSealed {
		l.sealGroup(g)
	}
	return nil
}

// sealGroup covers what is unsealed with this group. Without its seal a group
// must not become durable, so a failure makes the log read-only first.
func (l *Log) sealGroup(g *group) {
	entries, err := l.addSeal(&g.next, g.entries, g.unsealed)
	if err != nil {
		l.fail(err)
		return
	}
	g.entries, g.unsealed = entries, nil
}

// finish makes a group durable and shows it.
func (l *Log) finish(g *group) error {
	err := l.refuseIfReadOnly()
	if err != nil || len(g.entries) == 0 {
		return err
	}
	if g.admission != nil {
		return l.finishAdmitted(g)
	}
	if err := l.commit(g.entries, g.next); err != nil {
		return err
	}
	if err := l.learnGroup(g); err != nil {
		return l.failed(err)
	}
	l.at, l.unsealed = g.next, g.unsealed
	if len(l.unsealed) > 0 {
		l.idle.Reset(idleSeal)
	}
	l.publish()
	return nil
}

func (l *Log) learnGroup(g *group) error {
	l.orderMu.Lock()
	defer l.orderMu.Unlock()
	l.runs.add(g.next.Events, g.firsts...)
	l.visible = g.next.Events
	for _, e := range g.events {
		if !l.follows(e) {
			return fault.New(fault.Internal, "chain_broken", "an event was written that does not follow its chain", "this is a defect of Atelier: report it")
		}
		if err := l.learn(e); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) refuseIfReadOnly() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.why != "" {
		return l.readOnlyFault()
	}
	return nil
}

// place gives a draft its place in the chain and adds its entries. The event
// that is returned shares its bytes with the record that is stored.
func (l *Log) place(g *group, r *request) error {
	d, next := r.draft, &g.next
	if l.marks.retired != nil {
		return keyRetired()
	}
	if err := l.mayWrite(next.Control); err != nil {
		return err
	}
	r.event.Header = event.Header{SchemaVersion: 1, Workspace: next.Genesis, Type: d.Type, Lamport: r.lamport, Parents: d.Parents,
		Replica: l.replica, Seq: next.OwnCount, Prev: next.Own, Basis: next.Control,
		WallTime: l.o.Now().UnixNano(), Actor: d.Actor, Surface: d.Surface, Session: d.Session, ViewEpoch: l.epoch,
		Branch: d.Branch, Affected: d.Affected, Class: event.Causal, Facts: d.Facts, BodyHash: r.hash}
	if err := g.put(&r.event, r.body); err != nil {
		return err
	}
	g.unsealed = append(g.unsealed, r.event.ID)
	next.Own = r.event.ID
	next.OwnCount++
	return nil
}

// put adds an event that has its place in its chain.
func (g *group) put(e *event.Event, body []byte) error {
	record, err := newRecord(e, body)
	if err != nil {
		return err
	}
	if g.run+len(record) > maxRun {
		g.closeRun()
	}
	g.take(e, len(record), record)
	return nil
}

// take adds the record of an event, in one piece or several.
func (g *group) take(e *event.Event, size int, pieces ...[]byte) {
	g.records = append(g.records, pieces...)
	g.run += size
	g.count++
	g.events = append(g.events, e)
	g.size += size
	g.next.Events++
}

// putSent is put for an event of which another gave the bytes.
func (g *group) putSent(e *event.Event) {
	size := recordFrame + len(e.Bytes) + len(e.Body)
	if g.run+size > maxRun {
		g.closeRun()
	}
	g.take(e, size, frameOf(e), e.Bytes, e.Body)
}

// add writes what is no event.
func (g *group) add(key, value []byte) {
	g.entries = append(g.entries, entry{Key: key, Value: value})
	g.size += len(key) + len(value)
}

// closeRun makes one entry of the records that were placed since the last.
func (g *group) closeRun() {
	if g.count == 0 {
		return
	}
	run := g.records[0]
	if len(g.records) > 1 {
		run = bytes.Join(g.records, nil)
	}
	first := g.next.Events - uint64(g.count)
	g.entries = append(g.entries, entry{Key: number('a', first), Value: run})
	g.firsts = append(g.firsts, first)
	g.records, g.run, g.count = g.records[:0], 0, 0
}

func number(kind byte, n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{kind}, n) }

func (l *Log) addSeal(next *point, entries []entry, ids []event.ID) ([]entry, error) {
	last := next.OwnCount - 1
	s := event.Seal{Workspace: next.Genesis, Replica: l.replica, First: last + 1 - uint64(len(ids)), Last: last,
		Root: event.Root(ids), Prev: next.LastSeal}
	if err := s.Sign(l.o.Key); err != nil {
		return entries, err
	}
	b, err := event.EncodeSeal(s)
	if err != nil {
		return entries, err
	}
	id, err := s.ID()
	entries = append(entries, entry{Key: number('s', next.Seals), Value: b})
	next.Seals++
	next.LastSeal = id
	return entries, err
}

// seal covers up to MaxSealed of the events that an earlier run left.
func (l *Log) seal() error {
	n := min(len(l.unsealed), event.MaxSealed)
	next, rest := l.at, l.unsealed[n:]
	next.EventsBefore, next.SealsBefore = next.Events, next.Seals
	short := next
	short.OwnCount -= uint64(len(rest))
	entries, err := l.addSeal(&short, nil, l.unsealed[:n])
	if err != nil {
		return err
	}
	next.Seals, next.LastSeal = short.Seals, short.LastSeal
	if err := l.commit(entries, next); err != nil {
		return err
	}
	l.at, l.unsealed = next, rest
	return nil
}
