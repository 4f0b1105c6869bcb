package badgerlog

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Audit opens a closed log, reads every byte that an answer rests on and closes
// it. It mends nothing: what no crash can leave, a torn anchor and cut values are
// findings. An error means that the log cannot be opened at all.
func Audit(ctx context.Context, o Options, progress func(done, of uint64)) (AuditReport, error) {
	o.Inspect = true
	l, opened, err := Open(ctx, o)
	if err != nil {
		return AuditReport{}, err
	}
	r, err := l.Audit(ctx, progress)
	if opened.AnchorTorn {
		r.find("anchor_slot", "anchor", "one slot of the anchor is unreadable; the next start writes it anew")
	}
	if opened.ValuesCut > 0 {
		r.find("values", "values", fmt.Sprintf("%d bytes of the saved values are unreadable; the next start drops them", opened.ValuesCut))
	}
	return r, errors.Join(err, l.Close())
}

func (r *AuditReport) find(code, where, what string) {
	if len(r.Findings) == MaxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, Finding{Code: code, Where: where, What: what})
}

// audit is one pass over the store up to a durable point. Of what it has read
// it holds one run, the ids under one seal, and a number a line.
type audit struct {
	log      *Log
	to       point
	report   AuditReport
	progress func(done, of uint64)
	at       uint64     // the next arrival to read
	first    uint64     // of the run that holds it
	run      []byte     // what is unread of that run
	own      event.Head // the newest event of each chain that was read
	control  event.Head
	unread   bool // some event could not be read
	dropped  bool // the body of the one that was read last
	begun    bool // an event of the own chain was read
	lost     bool // the one before at could not be read
	sealed   sealed
	below    *causal.Cut    // what is final, once something is gone
	bases    map[int]uint64 // of the newest event of each line of others that was read
}

// sealed is how far the seals that were read reach.
type sealed struct {
	events uint64   // of the own chain
	id     event.ID // of the newest seal
	lost   bool     // a newer one could not be read
}

// Audit reads all events and seals and holds them to one another and to the
// anchor. Open has held every event to its parents, or this log has made it
// since: the chain up to its head proves that the store has the same ones still.
// progress is called now and then; it may be nil. Fault: log_closed.
func (l *Log) Audit(ctx context.Context, progress func(done, of uint64)) (AuditReport, error) {
	if progress == nil {
		progress = func(uint64, uint64) {}
	}
	l.dropping.Lock() // nothing goes meanwhile
	defer l.dropping.Unlock()
	a := &audit{log: l, to: l.stand(), progress: progress, bases: map[int]uint64{}}
	a.report.Heads = l.headsAt(a.to.Events)
	err := a.pass(ctx)
	return a.report, err
}

func (a *audit) pass(ctx context.Context) error {
	if err := a.learn(); fault.Is(err, "log_closed") {
		return err
	} else if err != nil {
		a.report.find("event", "control", err.Error())
	}
	if err := a.seals(ctx); err != nil {
		return err
	}
	if err := a.events(ctx, a.to.Events, func(event.ID) {}); err != nil {
		return err
	}
	a.behind()
	if !a.lost && (a.own.ID != a.to.Own || a.control.ID != a.to.Control.Record) {
		a.report.find("head", "chain", "the newest event is not the one that the anchor names")
	}
	if err := a.foreignSeals(ctx); err != nil {
		return err
	}
	if err := errors.Join(a.marks(), a.keys()); err != nil {
		return err
	}
	a.slots()
	a.account()
	a.progress(a.to.Events, a.to.Events)
	return nil
}

// events reads on to an arrival and gives the id of each event: zero for one
// that cannot be read.
func (a *audit) events(ctx context.Context, to uint64, fn func(event.ID)) error {
	for ; a.at < min(to, a.to.Events); a.at++ {
		if a.at%1024 == 0 {
			a.progress(a.at, a.to.Events)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := a.event(a.at)
		if err != nil {
			return err
		}
		fn(id)
	}
	return nil
}

func (a *audit) event(n uint64) (event.ID, error) {
	where := fmt.Sprintf("event %d", n)
	e, err := a.read(n)
	if fault.Is(err, "log_closed") {
		return e.ID, err
	}
	if err != nil {
		a.report.find("event", where, err.Error())
		a.lost, a.unread = true, true
		return event.ID{}, nil
	}
	a.report.Events++
	a.body(where, n, &e)
	switch {
	case n == 0:
		a.control = event.Head{ID: a.to.Genesis}
		if e.ID != a.to.Genesis {
			a.report.find("genesis", where, "the log does not begin with its workspace")
		}
	case e.Header.Class == event.Control:
		a.chain(where, event.Chain(a.to.Genesis[:]), &a.control, true, e)
		a.certificates(where, e)
	case a.isWritten(n):
		a.chain(where, a.log.replica, &a.own, a.begun, e)
		a.begun = true
	default:
		a.foreign(where, n, e)
	}
	a.lost = false
	return e.ID, nil
}

// body holds an event without a body to what allows that: it lies below a
// checkpoint that control has finalized, and retention dropped it here. What others
// wrote may have come without.
func (a *audit) body(where string, n uint64, e *event.Event) {
	if e.Body != nil {
		return
	}
	if !a.dropped {
		if a.isWritten(n) {
			a.report.find("body_absent", where, "the event has no body, and nothing says that it was dropped here")
		}
		return
	}
	a.report.Gone++
	if !a.final().Has(causal.Ordinal(n)) {
		a.report.find("body_dropped", where, "its body was dropped, and it lies below no checkpoint that is final")
	}
}

// final is what lies below checkpoints that are final.
func (a *audit) final() causal.Cut {
	if a.below == nil {
		below, err := a.log.finalized(event.ID{})
		if err != nil {
			a.report.find("event", "control", "what is final cannot be told: "+err.Error())
		}
		a.below = &below
	}
	return *a.below
}

// certificates holds a record to the signatures under it.
func (a *audit) certificates(where string, e event.Event) {
	all, err := a.log.Certificates(e.Header.Seq)
	if err != nil {
		a.report.find("certificate", where, err.Error())
		return
	}
	for _, c := range all {
		if err := certifies(c, e.ID, a.to.Genesis, e.Header.Seq); err != nil {
			a.report.find("certificate", where, err.Error())
		}
	}
	if !control.Certified(e, all, a.log.voters) {
		a.report.find("certificate", where, "the record is not signed by the voter of this workspace")
	}
}

// read reads one event, and a run only once for all its events.
func (a *audit) read(n uint64) (e event.Event, err error) {
	first, err := a.log.firstOf(n)
	if err != nil {
		return e, err
	}
	if first != a.first || len(a.run) == 0 {
		a.behind()
		run, err := a.log.get(number('a', first))
		if err != nil {
			return e, err
		}
		_, a.run = dropBefore(n, first, run)
		a.first = first
	}
	record, rest, _ := cutRecord(a.run) // a cut one is no record to readRecord
	a.run, a.dropped = rest, isDropped(record)
	return e, readRecord(&e, n, record)
}

// behind tells what a run holds more than its events: the next start would take
// it for an event.
func (a *audit) behind() {
	if len(a.run) > 0 {
		a.report.find("event", fmt.Sprintf("event %d", a.first), "its run holds more than its events")
		a.run = nil
	}
}

// chain holds an event to the one before on its chain.
func (a *audit) chain(where string, chain event.Chain, last *event.Head, begun bool, e event.Event) {
	h, before := e.Header, *last
	next := before.Seq + 1
	if !begun {
		next = 0
	}
	*last = event.Head{Seq: h.Seq, ID: e.ID}
	switch {
	case h.Replica != chain || h.Seq != next && !a.lost:
		a.report.find("seq", where, "the event is not the next of its chain")
	case h.Prev != before.ID && !a.lost:
		a.report.find("prev", where, "the event does not name the one before")
	case h.Workspace != a.to.Genesis:
		a.report.find("workspace", where, "the event belongs to another workspace")
	case !a.isBasis(h):
		a.report.find("basis", where, "the event's control basis is not the newest record before it")
	case h.ViewEpoch != a.log.epoch:
		a.report.find("view_epoch", where, "the event's epoch is not the one at its basis")
	}
	a.log.orderMu.RLock()
	defer a.log.orderMu.RUnlock()
	a.antichain(where, &h, a.log.related(h.Parents))
}

// isBasis reports whether an event names the record that was the newest when it
// was written here. A record's is the one before it.
func (a *audit) isBasis(h event.Header) bool {
	if h.Class == event.Control {
		return h.Basis == event.Basis{Index: h.Seq - 1, Record: h.Prev}
	}
	return a.lost || h.Basis == event.Basis{Index: a.control.Seq, Record: a.control.ID}
}

// seals holds each seal to the one before and to the events that it covers.
func (a *audit) seals(ctx context.Context) error {
	for n := range a.to.Seals {
		where := fmt.Sprintf("seal %d", n)
		s, err := a.log.sealAt(n)
		if fault.Is(err, "log_closed") {
			return err
		}
		if err != nil {
			a.report.find("seal", where, err.Error())
			a.sealed.lost = true
			continue
		}
		if err := a.seal(ctx, where, s); err != nil {
			return err
		}
	}
	if a.sealed.lost {
		return nil
	}
	if a.sealed.id != a.to.LastSeal {
		a.report.find("head", "seals", "the newest seal is not the one that the anchor names")
	}
	a.report.late(max(a.to.OwnCount, a.sealed.events) - a.sealed.events)
	return nil
}

func (a *audit) seal(ctx context.Context, where string, s event.Seal) error {
	a.report.Seals++
	ids, err := a.covered(ctx, s)
	if err != nil {
		return err
	}
	a.holdSeal(where, s, ids)
	id, err := s.ID()
	a.sealed = sealed{events: s.Last + 1, id: id}
	return err
}

// covered reads on to the end of a seal and returns the ids that it covers, as
// far as they were not read before.
func (a *audit) covered(ctx context.Context, s event.Seal) (ids []event.ID, err error) {
	first, last := a.log.ownArrivals(s.First, s.Last)
	err = a.events(ctx, last+1, func(id event.ID) {
		if a.at >= first && a.log.isOwn(a.at) {
			ids = append(ids, id)
		}
	})
	return ids, err
}

func (a *audit) holdSeal(where string, s event.Seal, ids []event.ID) {
	before, whole := a.sealed, uint64(len(ids)) == s.Last-s.First+1
	switch {
	case s.Verify(a.log.o.Key.Public().(ed25519.PublicKey)) != nil:
		a.report.find("seal_signature", where, "the seal is not signed by this replica")
	case s.Workspace != a.to.Genesis || s.Replica != a.log.replica:
		a.report.find("seal_chain", where, "the seal belongs to another chain")
	case !before.lost && (s.First != before.events || s.Prev != before.id):
		a.report.find("seal_chain", where, "the seal does not follow the one before")
	case slices.Contains(ids, event.ID{}): // of that was told
	case !whole || event.Root(ids) != s.Root:
		a.report.find("seal_root", where, "the seal's root is not that of its events")
	}
}

func (r *AuditReport) late(unsealed uint64) {
	if unsealed > event.MaxSealed {
		r.find("seal_late", "chain", fmt.Sprintf("%d events had no seal; at most %d may lack one", unsealed, event.MaxSealed))
	}
}

// account holds what is gone to the account of it.
func (a *audit) account() {
	if said := a.log.dropped.bodies; said != a.report.Gone && !a.unread {
		a.report.find("body_count", "account", fmt.Sprintf("%d bodies are gone, and the account says %d", a.report.Gone, said))
	}
}

// keys looks for what no rule put there: nobody would ever read it.
func (a *audit) keys() error {
	return a.log.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			key := it.Item().Key()
			if !isKey(key) {
				a.report.find("key", fmt.Sprintf("key %x", key), "the store holds a key of no known kind")
			}
		}
		return nil
	})
}

// isKey reports whether a rule puts something under a key.
func isKey(key []byte) bool {
	switch len(key) {
	case 1:
		return string(key) == "m" || string(key) == ownerKey
	case 9:
		return slices.Contains([]byte("ascdpq"), key[0])
	case 13:
		return key[0] == 'f'
	}
	return false
}

// slots reads the anchor as the next start would.
func (a *audit) slots() {
	all := make([]byte, 2*slotSize)
	if n, err := a.log.anchor.file.ReadAt(all, 0); n != len(all) {
		a.report.find("anchor_slot", "anchor", fmt.Sprintf("the anchor cannot be read: %v", err))
		return
	}
	var seen point
	for i := range 2 {
		if _, p, ok := readSlot(all[i*slotSize : (i+1)*slotSize]); ok {
			seen.OwnCount, seen.Control.Index = max(seen.OwnCount, p.OwnCount), max(seen.Control.Index, p.Control.Index)
		}
	}
	// Where nothing is mended a store may be ahead by the group that Open allows.
	if (seen.OwnCount < a.to.OwnCount || seen.Control.Index < a.to.Control.Index) && !a.log.o.Inspect {
		a.report.find("anchor_behind", "anchor", "the anchor does not name the newest event")
	}
}
