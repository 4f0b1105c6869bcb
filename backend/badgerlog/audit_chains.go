package badgerlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// foreign holds an event that another replica wrote to its basis and to who was
// enrolled then. Its place was looked at when it came or the log was opened, and
// that a seal proves it is looked at by foreignSeals.
func (a *audit) foreign(where string, n uint64, e event.Event) {
	l, h := a.log, &e.Header
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	on := l.order.Line(causal.Ordinal(n))
	before, known := a.bases[on]
	a.bases[on] = h.Basis.Index
	switch {
	case e.ID != l.ids.at(n):
		a.report.find("event_other", where, "the event is not the one that was here at the start")
	case h.Workspace != a.to.Genesis:
		a.report.find("workspace", where, "the event belongs to another workspace")
	case !l.isAt(l.chains.controlLine(), h.Basis.Index, h.Basis.Record) || known && h.Basis.Index < before:
		a.report.find("basis", where, "the event's control basis is no record, or lies before that of the event before")
	case !l.members.enrolled(h.Replica, h.Basis.Index):
		a.report.find("not_enrolled", where, "the event's replica was not enrolled when it wrote it")
	}
	a.antichain(where, h, l.related(h.Parents))
}

// learn looks at the records once: who wrote may be enrolled by any of them.
func (a *audit) learn() error {
	a.log.orderMu.Lock()
	defer a.log.orderMu.Unlock()
	return a.log.learnMembers()
}

// antichain tells of parents that lie in the past of one another.
func (a *audit) antichain(where string, h *event.Header, err error) {
	if len(h.Parents) > 1 && err != nil {
		a.report.find("antichain", where, err.Error())
	}
}

// related refuses parents that are unknown or no antichain. The caller holds orderMu.
func (l *Log) related(parents []event.ID) error {
	if len(parents) < 2 {
		return nil
	}
	all, err := l.arrivalsOf(parents)
	if err == nil {
		_, err = l.order.Lamport(all)
	}
	return err
}

// isWritten reports whether an arrival is one that this log wrote itself. The own
// chain may have more, which others kept.
func (a *audit) isWritten(n uint64) bool {
	l := a.log
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	own := l.chains.ownLine()
	return own != nil && own.has(causal.Ordinal(n)) && own.seqOf(causal.Ordinal(n)) < a.to.OwnCount
}

// foreignSeals holds each seal of another's chain to its signature, to the one before
// and to the events that it covers, and looks that one covers every event.
func (a *audit) foreignSeals(ctx context.Context) error {
	p := &proven{audit: a}
	err := a.log.covers(func(c *cover, err error) error {
		if err != nil {
			a.report.find("seal", "chains", err.Error())
			p.lost = true
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.report.Seals++
		p.cover(c)
		return nil
	})
	if err == nil {
		p.to(math.MaxInt, 0)
	}
	return err
}

// proven is how far seals were read: on which line, up to which seq.
type proven struct {
	*audit
	on     int
	next   uint64
	newest *cover
	lost   bool // a seal could not be read: what lacks one then is not told
}

// cover holds one seal to its chain and to its events.
func (p *proven) cover(c *cover) {
	l := p.log
	l.orderMu.RLock()
	known := c.on < len(l.chains.lines)
	l.orderMu.RUnlock()
	where := fmt.Sprintf("seal over events from %d of line %d", c.seal.First, c.on)
	if !known {
		p.report.find("seal_chain", where, "the seal is of a chain that is not here")
		return
	}
	p.to(c.on, c.from)
	if c.from > p.next {
		p.newest = nil // proofs lie between, and this seal follows theirs
	}
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	chain := l.chains.lines[c.on].chain
	key, _ := chain.Key()
	switch {
	case c.seal.Verify(key) != nil:
		p.report.find("seal_signature", where, "the seal is not signed by its replica")
	case c.seal.Workspace != p.audit.to.Genesis || c.seal.Replica != chain:
		p.report.find("seal_chain", where, "the seal belongs to another chain")
	case c.end() >= l.chains.lines[c.on].next():
		p.report.find("seal_root", where, "the seal covers events that are not here")
	case event.Root(l.under(c)) != c.seal.Root:
		p.report.find("seal_root", where, "the seal's root is not that of its events")
	case !p.follows(c):
		p.report.find("seal_chain", where, "the seal does not follow the one before")
	}
	p.next, p.newest = max(p.next, c.end()+1), c
}

// follows reports whether a seal follows the one before on its line. A forked chain
// has several that do not.
func (p *proven) follows(c *cover) bool {
	chain, before := p.log.chains.lines[c.on].chain, p.newest
	if p.log.forkedChain(chain) || before == nil || c.id == before.id {
		return true
	}
	return c.seal.First == before.seal.Last+1 && c.seal.Prev == before.id
}

// forkedChain reports whether it is known of a chain that it has a fork.
func (l *Log) forkedChain(chain event.Chain) bool {
	for _, m := range l.marked() {
		if (m.Kind == forked || m.Kind == retired) && event.Chain(m.Chain) == chain {
			return true
		}
	}
	return false
}

// to looks at the events up to a place that no seal covers: each needs a proof of
// its own.
func (p *proven) to(on int, seq uint64) {
	for p.on < on && p.on < p.lines() {
		p.gap(p.on, math.MaxUint64)
		p.on, p.next, p.newest = p.on+1, 0, nil
	}
	if p.on == on {
		p.gap(on, seq)
	}
}

func (p *proven) lines() int {
	p.log.orderMu.RLock()
	defer p.log.orderMu.RUnlock()
	return len(p.log.chains.lines)
}

func (p *proven) gap(on int, end uint64) {
	l := p.log
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	at := &l.chains.lines[on]
	if at.chain == l.chains.control || p.lost {
		return
	}
	from := max(p.next, at.first)
	if at == l.chains.ownLine() {
		from = max(from, p.audit.to.OwnCount)
	}
	for seq := from; seq < min(end, at.next()); seq++ {
		n, _ := at.at(seq)
		if uint64(n) >= p.audit.to.Events {
			return
		}
		p.alone(on, seq, n)
	}
}

// alone holds an event to the proof that is kept of it by itself.
func (p *proven) alone(on int, seq uint64, n causal.Ordinal) {
	where, l := fmt.Sprintf("event %d", n), p.log
	c, err := l.proofCover(on, seq, n)
	switch {
	case err != nil:
		p.report.find("proof", where, err.Error())
		return
	case c == nil:
		p.report.find("seal_missing", where, "no seal proves the event")
		return
	}
	proof := event.Proof{Seal: c.seal, Seq: seq, Event: l.idOn(on, seq), Path: c.path}
	key, _ := l.chains.lines[on].chain.Key()
	if c.seal.Workspace != p.audit.to.Genesis || c.seal.Replica != l.chains.lines[on].chain || proof.Verify(key) != nil {
		p.report.find("proof", where, "the proof of the event does not hold")
	}
}

// marks holds what is kept against replicas to its own proof, and looks that every
// fork has one.
func (a *audit) marks() error {
	all := a.log.marked()
	for n := range all {
		where := fmt.Sprintf("mark %d", n)
		b, found, err := a.log.lookUp(number('q', uint64(n)))
		if fault.Is(err, "log_closed") {
			return err
		}
		if want, _ := encodeMark(all[n]); err != nil || !found || !bytes.Equal(b, want) {
			a.report.find("mark", where, "the mark is not the one that was here at the start")
			continue
		}
		if err := all[n].verify(a.to.Genesis); err != nil {
			a.report.find("mark", where, err.Error())
		}
	}
	for _, chain := range a.log.Forked() {
		if !a.log.forkedChain(chain) {
			a.report.find("mark", "chains", "a chain has a fork, and nothing proves it")
		}
	}
	return nil
}

func (m *mark) verify(workspace event.ID) error {
	key, _ := event.Chain(m.Chain).Key()
	switch m.Kind {
	case forked:
		f, err := event.DecodeFraud(m.Proof)
		if err == nil {
			err = f.Verify(key)
		}
		if err == nil && (f.One.Seal.Workspace != workspace || f.One.Seal.Replica != event.Chain(m.Chain) || f.Seq() != m.Seq) {
			err = fault.New(fault.DataLoss, "mark", "it is of another workspace or place", "")
		}
		return err
	case ended:
		p, err := event.DecodeProof(m.Proof)
		if err == nil {
			err = p.Verify(key)
		}
		if err == nil && (p.Seal.Workspace != workspace || p.Seal.Replica != event.Chain(m.Chain) || p.Seq != m.Seq || p.Event != m.ID || len(m.Header) > 0 && sha256.Sum256(m.Header) != m.ID) {
			err = fault.New(fault.DataLoss, "mark", "its proof is of another event", "")
		}
		return err
	}
	return nil
}
