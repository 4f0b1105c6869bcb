package studio

import (
	"context"
	"fmt"
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Verify audits everything that an answer rests on and reports as it goes: the
// log by itself, then the bytes that events name, then the records of control,
// which are decided again. The last report is Done.
func (s *Studio) Verify(ctx context.Context, c Caller, each func(Audit) error) error {
	a := &audit{s: s, each: each, spools: map[event.ID]*spoolAudit{}}
	defer a.close()
	events, seals, wrong, err := s.p.Auditor.AuditLog(ctx, func(events, seals uint64) {
		a.report.Events, a.report.Seals = events, seals
		a.failed = a.tell()
	})
	if err == nil {
		err = a.failed
	}
	if err != nil {
		return err
	}
	a.report.Events, a.report.Seals, a.report.Problems = events, seals, append(a.report.Problems, wrong...)
	a.report.GoneBodies, _ = s.p.Log.Dropped()
	if err := a.tell(); err != nil {
		return err
	}
	// Every event that can be read has its own hash: what is wrong elsewhere takes
	// nothing from what it says of bytes.
	if err := a.bytes(ctx); err != nil && (len(wrong) == 0 || ctx.Err() != nil) {
		return err
	} else if err != nil {
		a.unreadable("not all recorded bytes were compared, for an event cannot be read", err)
	}
	if err := a.records(ctx); err != nil && (len(wrong) == 0 || ctx.Err() != nil) {
		return err
	} else if err != nil {
		a.unreadable("not all records of control were decided again, for an event cannot be read", err)
	}
	a.report.Read, err = s.served(ctx, c, func() {})
	a.report.Done = true
	if err != nil {
		return err
	}
	return a.tell()
}

type audit struct {
	s      *Studio
	each   func(Audit) error
	report Audit
	failed error
	spools map[event.ID]*spoolAudit
	finals map[event.ID]uint64 // how far each execution had written at a final checkpoint; nil until it is asked for
	open   []openSpool         // the one that was used last at the end
}

// spoolAudit is what was found of the bytes of one execution.
type spoolAudit struct {
	id    event.ID
	wrong int
	over  bool // nothing more of them can be compared
	// elsewhere tells that another replica runs it: its bytes need not be here.
	elsewhere bool
}

type openSpool struct {
	id event.ID
	Spool
}

// tell reports what was read, and the problems found since the last report.
func (a *audit) tell() error {
	err := a.each(a.report)
	a.report.Problems = nil
	return err
}

func (a *audit) close() {
	for _, o := range a.open {
		o.Close()
	}
	a.open = nil
}

// spool opens the bytes of an execution, or finds them open. Of all that history
// has only the few that were used last are held.
func (a *audit) spool(id event.ID) (Spool, error) {
	if n := a.opened(id); n >= 0 {
		used := a.open[n]
		a.open = append(slices.Delete(a.open, n, n+1), used)
		return used, nil
	}
	if len(a.open) == auditSpools {
		a.leave(a.open[0].id)
	}
	spool, err := a.s.p.Spools.Open(id)
	if err != nil {
		return nil, err
	}
	a.open = append(a.open, openSpool{id, spool})
	return spool, nil
}

func (a *audit) opened(id event.ID) int {
	return slices.IndexFunc(a.open, func(o openSpool) bool { return o.id == id })
}

// leave closes the bytes of an execution that writes no more.
func (a *audit) leave(id event.ID) {
	if n := a.opened(id); n >= 0 {
		a.open[n].Close()
		a.open = slices.Delete(a.open, n, n+1)
	}
}

// bytes compares every range that an event names with what is there.
func (a *audit) bytes(ctx context.Context) error {
	read := uint64(0)
	return a.s.scan(0, func(_ uint64, e event.Event) error {
		if err := ctx.Err(); err != nil {
			return fault.Wrap(err, fault.Canceled, "canceled", "the audit was given up", "begin it again")
		}
		switch e.Header.Type {
		case event.ExecutionStartedType:
			a.report.Executions++
			a.spools[e.ID] = &spoolAudit{id: e.ID, elsewhere: e.Header.Replica != a.s.p.Log.Replica()}
		case event.ExecutionOutputType:
			if len(e.Header.Affected) == 1 && a.spools[e.Header.Affected[0]] != nil {
				a.compare(a.spools[e.Header.Affected[0]], *e.Header.Facts.Range)
			}
		case event.ExecutionExitedType, event.ExecutionLostType:
			for _, id := range e.Header.Affected {
				a.leave(id)
			}
		}
		if a.report.OutputBytes-read < 64*event.MaxRange {
			return nil
		}
		read = a.report.OutputBytes
		return a.tell()
	})
}

func (s *Studio) nameFor(id event.ID) string {
	if name := s.actorName(id); name != "" {
		return name
	}
	return id.String()
}

// compare compares the bytes of a range with what an event says of them. Only a
// folder that is not there is lost: what cannot be read now may be read later.
func (a *audit) compare(x *spoolAudit, r event.Range) {
	if x.over || x.wrong >= auditProblems {
		return
	}
	var end uint64
	spool, err := a.spool(x.id)
	if err == nil {
		end, err = spool.End()
	}
	x.over = err != nil || end < r.To
	if err == nil && a.isGone(x, spool, r) {
		return
	}
	switch {
	case absent(err) && x.elsewhere:
	case absent(err):
		a.problem("spool_lost", fmt.Sprintf("the recorded bytes of %s are gone: events name them from %d on", a.s.nameFor(x.id), r.From))
	case err != nil:
		a.unreadable(fmt.Sprintf("the recorded bytes of %s cannot be read from %d on", a.s.nameFor(x.id), r.From), err)
	case end < r.To:
		a.problem("spool_cut", fmt.Sprintf("the recorded bytes of %s end at %d, and an event names them up to %d", a.s.nameFor(x.id), end, r.To))
	default:
		a.hash(x, spool, r)
	}
}

// isGone reports whether a range begins in what was dropped, and holds that to a
// checkpoint that is final: below one, bytes may go.
func (a *audit) isGone(x *spoolAudit, spool Spool, r event.Range) bool {
	gone, err := spool.Gone()
	if err != nil {
		x.over = true
		a.unreadable("nobody can tell how much is gone of the recorded bytes of "+a.s.nameFor(x.id), err)
		return true
	}
	if r.From >= gone {
		return false
	}
	a.report.GoneBytes += min(gone, r.To) - r.From
	if most, err := a.final(x.id); err != nil {
		a.unreadable("nobody can tell what is final", err)
	} else if gone > most || gone < r.To {
		x.over = true
		a.problem("spool_gone", fmt.Sprintf("the recorded bytes of %s are gone up to %d, and below a final checkpoint lie %d", a.s.nameFor(x.id), gone, most))
	}
	return true
}

// final is how far an execution had written at the final checkpoint that holds most.
func (a *audit) final(id event.ID) (uint64, error) {
	if a.finals != nil {
		return a.finals[id], nil
	}
	a.finals = map[event.ID]uint64{}
	a.s.mu.Lock()
	records := a.s.records[:len(a.s.records):len(a.s.records)]
	a.s.mu.Unlock()
	for _, record := range records {
		e, err := a.s.p.Log.Event(record)
		if err != nil {
			return 0, err
		}
		if err := a.finalIn(e); err != nil {
			return 0, err
		}
	}
	return a.finals[id], nil
}

// finalIn notes how far executions had written at the checkpoint that a record
// finalizes, if it does.
func (a *audit) finalIn(record event.Event) error {
	h := record.Header
	if h.Type != event.CheckpointFinalizedType || h.Facts.Decision.Outcome != event.OutcomeDone {
		return nil
	}
	proposed, err := a.s.p.Log.Event(h.Affected[0])
	if err != nil {
		return err
	}
	_, f, err := a.s.digestOf(*proposed.Header.Facts.Cut)
	if err != nil {
		return err
	}
	for _, x := range f.Executions() {
		a.finals[x.ID] = max(a.finals[x.ID], x.Output)
	}
	return nil
}

func (a *audit) hash(x *spoolAudit, spool Spool, r event.Range) {
	root, err := spool.Root(r.From, r.To)
	if err == nil {
		a.report.OutputBytes += r.To - r.From
	}
	if err == nil && root == r.Root {
		return
	}
	x.wrong++
	part := fmt.Sprintf("the recorded bytes of %s from %d to %d", a.s.nameFor(x.id), r.From, r.To)
	if err != nil {
		a.unreadable(part+" cannot be read", err)
		return
	}
	a.problem("spool_hash", part+" are not those that were recorded")
}

func (a *audit) problem(code, message string) {
	a.report.Problems = append(a.report.Problems, Problem{Code: code, Message: message,
		Mend: "keep a copy of the home as it is, and restore it from a backup"})
}

// unreadable tells a failure of reading with its cause, which says what to do.
func (a *audit) unreadable(what string, err error) {
	why := fault.Of(err)
	a.report.Problems = append(a.report.Problems, Problem{Code: "spool_unreadable", Message: what + ": " + why.Message, Mend: why.Mend})
}
