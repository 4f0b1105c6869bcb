package studio

import (
	"context"
	"fmt"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Verify audits everything that an answer rests on and reports as it goes: the
// log by itself, then each event's place in the objects, then the bytes that
// events name. The last report is Done.
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
	if err := a.tell(); err != nil {
		return err
	}
	if len(wrong) == 0 { // else what events say cannot be trusted
		if err := a.bytes(ctx); err != nil {
			return err
		}
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
}

// spoolAudit is how far the bytes of one execution were compared.
type spoolAudit struct {
	spool Spool
	name  string
	to    uint64
	wrong int
	cut   bool
}

// tell reports what was read, and the problems found since the last report.
func (a *audit) tell() error {
	err := a.each(a.report)
	a.report.Problems = nil
	return err
}

func (a *audit) close() {
	for _, x := range a.spools {
		if x.spool != nil {
			x.spool.Close()
		}
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
			a.spools[e.ID] = a.begin(e.ID)
		case event.ExecutionOutputType:
			if len(e.Header.Affected) == 1 && a.spools[e.Header.Affected[0]] != nil {
				a.compare(a.spools[e.Header.Affected[0]], *e.Header.Facts.Range)
			}
		}
		if a.report.OutputBytes-read < 64*event.MaxRange {
			return nil
		}
		read = a.report.OutputBytes
		return a.tell()
	})
}

func (a *audit) begin(id event.ID) *spoolAudit {
	x := &spoolAudit{name: a.s.nameFor(id)}
	spool, err := a.s.p.Spools.Open(id)
	if err == nil {
		x.spool = spool
	}
	return x
}

func (s *Studio) nameFor(id event.ID) string {
	if name := s.actorName(id); name != "" {
		return name
	}
	return id.String()
}

func (a *audit) compare(x *spoolAudit, r event.Range) {
	if x.cut || x.wrong >= auditProblems {
		return
	}
	if x.spool == nil {
		x.cut = true
		a.problem("spool_lost", fmt.Sprintf("the recorded bytes of %s are gone: events name them from %d on", x.name, r.From))
		return
	}
	if end, err := x.spool.End(); err != nil || end < r.To {
		x.cut = true
		a.problem("spool_cut", fmt.Sprintf("the recorded bytes of %s end at %d, and an event names them up to %d", x.name, end, r.To))
		return
	}
	root, err := x.spool.Root(r.From, r.To)
	switch {
	case err != nil:
		x.wrong++
		a.problem("spool_unreadable", fmt.Sprintf("the recorded bytes of %s from %d to %d cannot be read: %v", x.name, r.From, r.To, err))
	case root != r.Root:
		x.wrong++
		a.problem("spool_hash", fmt.Sprintf("the recorded bytes of %s from %d to %d are not those that were recorded", x.name, r.From, r.To))
	}
	x.to = r.To
	a.report.OutputBytes += r.To - r.From
}

func (a *audit) problem(code, message string) {
	a.report.Problems = append(a.report.Problems, Problem{Code: code, Message: message,
		Mend: "keep a copy of the home as it is, and restore it from a backup"})
}
