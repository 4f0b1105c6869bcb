package badgerlog

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"atelier.dev/atelier/backend/event"
)

// Audit opens a closed log, reads every byte that an answer rests on and
// closes it. What Open mends (see Report) it mends too; a torn anchor is a
// finding. An error means that the log cannot be opened at all.
func Audit(ctx context.Context, o Options, progress func(done, of uint64)) (AuditReport, error) {
	l, opened, err := Open(ctx, o)
	if err != nil {
		return AuditReport{}, err
	}
	r, err := l.Audit(ctx, progress)
	if opened.AnchorTorn {
		r.find("anchor_slot", "anchor", "one slot of the anchor was unreadable; it has been written anew")
	}
	if opened.ValuesCut > 0 {
		r.find("values", "values", fmt.Sprintf("%d bytes of the saved values were unreadable and are gone", opened.ValuesCut))
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

// audit is one pass over the store up to a durable point.
type audit struct {
	log      *Log
	to       point
	report   AuditReport
	lamports map[event.ID]uint64
	own      []event.ID
}

// Audit reads all events and seals and checks them against one another, the
// indexes and the anchor. progress is called now and then; it may be nil.
func (l *Log) Audit(ctx context.Context, progress func(done, of uint64)) (AuditReport, error) {
	a := &audit{log: l, to: l.stand(), lamports: map[event.ID]uint64{}}
	a.report.Heads = l.Heads()
	for n := range a.to.Events {
		if n%1024 == 0 && progress != nil {
			progress(n, a.to.Events)
		}
		if err := ctx.Err(); err != nil {
			return a.report, err
		}
		a.event(n)
	}
	if len(a.own) > 0 && a.own[len(a.own)-1] != a.to.Own {
		a.report.find("head", "chain", "the newest event is not the one that the anchor names")
	}
	a.seals()
	a.keys()
	a.slots()
	if progress != nil {
		progress(a.to.Events, a.to.Events)
	}
	return a.report, nil
}

func (a *audit) event(n uint64) {
	where := fmt.Sprintf("event %d", n)
	e, err := a.log.eventAt(n)
	if err != nil {
		a.report.find("event", where, err.Error())
		return
	}
	a.report.Events++
	h := e.Header
	if !slices.Contains(a.log.arrivals(e.ID), n) {
		a.report.find("index", where, "the index of ids does not lead to the event")
	}
	if _, twice := a.lamports[e.ID]; twice {
		a.report.find("twice", where, "the event is stored twice")
	}
	if n == 0 {
		if e.ID != a.to.Genesis || h.Facts.Genesis == nil {
			a.report.find("genesis", where, "the log does not begin with its workspace")
		}
	} else {
		a.chain(where, n, e)
	}
	a.causes(where, e)
	a.lamports[e.ID] = h.Lamport
}

func (a *audit) chain(where string, n uint64, e event.Event) {
	h, prev := e.Header, event.ID{}
	if len(a.own) > 0 {
		prev = a.own[len(a.own)-1]
	}
	a.own = append(a.own, e.ID)
	switch {
	case h.Replica != a.log.replica || h.Seq != n-1:
		a.report.find("seq", where, "the event is not the next of this replica's chain")
	case h.Prev != prev:
		a.report.find("prev", where, "the event does not name the one before")
	case h.Workspace != a.to.Genesis:
		a.report.find("workspace", where, "the event belongs to another workspace")
	case h.Basis != event.Basis{Index: 0, Record: a.to.Genesis}:
		a.report.find("basis", where, "the event's control basis is not a record of this log")
	case h.ViewEpoch != a.log.epoch:
		a.report.find("view_epoch", where, "the event's epoch is not the one at its basis")
	}
}

func (a *audit) causes(where string, e event.Event) {
	high := uint64(0)
	for _, id := range e.Header.Parents {
		lamport, known := a.lamports[id]
		if !known {
			a.report.find("parents", where, "a parent is missing or comes later")
		}
		high = max(high, lamport)
	}
	if e.Header.Lamport != high+1 {
		a.report.find("lamport", where, "the lamport is not one above the parents'")
	}
	if len(e.Header.Parents) < 2 {
		return
	}
	if _, err := a.log.checkParents(e.Header.Parents); err != nil {
		a.report.find("antichain", where, err.Error())
	}
}

func (a *audit) seals() {
	next, prev := uint64(0), event.ID{}
	public := a.log.o.Key.Public().(ed25519.PublicKey)
	for n := range a.to.Seals {
		where := fmt.Sprintf("seal %d", n)
		s, err := a.log.sealAt(n)
		if err != nil {
			a.report.find("seal", where, err.Error())
			continue
		}
		a.report.Seals++
		switch id, _ := s.ID(); {
		case s.Verify(public) != nil:
			a.report.find("seal_signature", where, "the seal is not signed by this replica")
		case s.Workspace != a.to.Genesis || s.Replica != a.log.replica:
			a.report.find("seal_chain", where, "the seal belongs to another chain")
		case s.First != next || s.Prev != prev:
			a.report.find("seal_chain", where, "the seal does not follow the one before")
		case s.Last >= uint64(len(a.own)) || event.Root(a.own[s.First:s.Last+1]) != s.Root:
			a.report.find("seal_root", where, "the seal's root is not that of its events")
		case n == a.to.Seals-1 && id != a.to.LastSeal:
			a.report.find("head", where, "the newest seal is not the one that the anchor names")
		}
		next = s.Last + 1
		prev, _ = s.ID()
	}
	if uint64(len(a.own)) > next+event.MaxSealed {
		a.report.find("seal_late", "chain", "more than 1,024 events have no seal")
	}
}

// keys looks for what no rule put there: nobody would ever read it.
func (a *audit) keys() {
	err := a.log.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			key := it.Item().Key()
			if string(key) != "m" && (len(key) != 9 || !slices.Contains([]byte("as"), key[0])) {
				a.report.find("key", fmt.Sprintf("key %x", key), "the store holds a key of no known kind")
			}
		}
		return nil
	})
	if err != nil {
		a.report.find("store", "store", err.Error())
	}
}

// slots reads the anchor as the next start would.
func (a *audit) slots() {
	all := make([]byte, 2*slotSize)
	if n, err := a.log.anchor.file.ReadAt(all, 0); n != len(all) {
		a.report.find("anchor_slot", "anchor", fmt.Sprintf("the anchor cannot be read: %v", err))
		return
	}
	seen := uint64(0)
	for i := range 2 {
		if _, p, ok := readSlot(all[i*slotSize : (i+1)*slotSize]); ok {
			seen = max(seen, p.Events)
		}
	}
	if seen < a.to.Events {
		a.report.find("anchor_behind", "anchor", "the anchor does not name the newest event")
	}
}
