package studio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// countedSpools counts the recordings that are open, and fails where a test says.
type countedSpools struct {
	Spools
	mu         sync.Mutex
	open, most int
	refused    error            // what Open fails with
	broken     map[string]error // what a method fails with
}

func (s *countedSpools) Open(id event.ID) (Spool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused != nil {
		return nil, s.refused
	}
	spool, err := s.Spools.Open(id)
	if err == nil {
		s.open++
		s.most = max(s.most, s.open)
	}
	return &countedSpool{Spool: spool, of: s}, err
}

// since begins to count what is opened from now on.
func (s *countedSpools) since() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.most = 0, 0
}

func (s *countedSpools) failing(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken[method]
}

type countedSpool struct {
	Spool
	of *countedSpools
}

func (s *countedSpool) End() (uint64, error) {
	if err := s.of.failing("end"); err != nil {
		return 0, err
	}
	return s.Spool.End()
}

func (s *countedSpool) Root(from, to uint64) (event.ID, error) {
	if err := s.of.failing("root"); err != nil {
		return event.ID{}, err
	}
	return s.Spool.Root(from, to)
}

func (s *countedSpool) Close() error {
	s.of.mu.Lock()
	s.of.open--
	s.of.mu.Unlock()
	return s.Spool.Close()
}

func newCountedWorld(t *testing.T) (*world, *countedSpools) {
	w := newWorld(t)
	s := &countedSpools{Spools: w}
	w.p.Spools = s
	return w, s
}

// audited is a whole audit.
func (w *world) audited() (found []Problem, last Audit) {
	w.t.Helper()
	if err := w.Verify(background, Caller{}, func(a Audit) error {
		found, last = append(found, a.Problems...), a
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return found, last
}

const many = auditSpools + 8

func TestAuditOfManyThatEndedHoldsOneOpen(t *testing.T) {
	w, spools := newCountedWorld(t)
	cli := w.caller(event.SurfaceCLI)
	for n := range many {
		name := fmt.Sprint("t", n)
		_, shim := w.run(cli, name)
		shim.prints("some output")
		shim.note(attach.Note{Kind: attach.NoteExited})
		if _, _, err := w.Wait(background, cli, name); err != nil {
			t.Fatal(err)
		}
	}
	w.until("nothing is open", func() bool { spools.mu.Lock(); defer spools.mu.Unlock(); return spools.open == 0 })
	spools.since()
	if found, last := w.audited(); len(found) > 0 || last.OutputBytes != many*uint64(len("some output")) {
		t.Errorf("%v, %+v", found, last)
	}
	if spools.most != 1 || spools.open != 0 {
		t.Errorf("%d recordings were open at once, and %d after", spools.most, spools.open)
	}
}

func TestAuditOfManyThatLiveHoldsFewOpen(t *testing.T) {
	w, spools := newCountedWorld(t)
	cli := w.caller(event.SurfaceCLI)
	var shims []*fakeShim
	for n := range many {
		_, shim := w.run(cli, fmt.Sprint("t", n))
		shims = append(shims, shim)
	}
	const rounds = 2
	for range rounds {
		for n, shim := range shims {
			shim.prints("some output")
			w.read(fmt.Sprint("t", n)) // makes an event of it
		}
	}
	spools.since()
	if found, last := w.audited(); len(found) > 0 || last.OutputBytes != rounds*many*uint64(len("some output")) {
		t.Errorf("%v, %+v", found, last)
	}
	if spools.most != auditSpools || spools.open != 0 {
		t.Errorf("%d recordings were open at once, and %d after", spools.most, spools.open)
	}
}

// Only a folder that is not there is lost.
func TestAuditTellsLostFromUnreadable(t *testing.T) {
	crowded := fault.Wrap(errors.New("too many open files"), fault.Unavailable, "spool_unusable", "cannot open it", "close some")
	for name, c := range map[string]struct {
		harm func(*world, *countedSpools, event.ID)
		code string
		says []string
	}{
		"no folder": {func(w *world, _ *countedSpools, id event.ID) { _ = w.Remove(id) }, "spool_lost", []string{"x", "from 0 on"}},
		"opening":   {func(_ *world, s *countedSpools, _ event.ID) { s.refused = crowded }, "spool_unreadable", []string{"x", "from 0 on", "too many open files"}},
		"its end":   {func(_ *world, s *countedSpools, _ event.ID) { s.broken["end"] = crowded }, "spool_unreadable", []string{"x", "from 0 on", "too many open files"}},
		"its bytes": {func(_ *world, s *countedSpools, _ event.ID) { s.broken["root"] = crowded }, "spool_unreadable", []string{"x", "from 0 to 11", "too many open files"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, spools := newCountedWorld(t)
			spools.broken = map[string]error{}
			id, shim := w.run(w.caller(event.SurfaceCLI), "x")
			shim.prints("some output")
			shim.note(attach.Note{Kind: attach.NoteExited})
			if _, _, err := w.Wait(background, Caller{}, "x"); err != nil {
				t.Fatal(err)
			}
			w.until("nothing is open", func() bool { spools.mu.Lock(); defer spools.mu.Unlock(); return spools.open == 0 })
			c.harm(w, spools, id)
			found, last := w.audited()
			if len(found) != 1 || found[0].Code != c.code || last.OutputBytes != 0 {
				t.Fatalf("%v, %d bytes compared", found, last.OutputBytes)
			}
			for _, part := range c.says {
				if !strings.Contains(found[0].Message, part) {
					t.Errorf("%q does not say %q", found[0].Message, part)
				}
			}
			if c.code == "spool_unreadable" && found[0].Mend != "close some" {
				t.Errorf("the mend is %q", found[0].Mend)
			}
		})
	}
}

// finding is an audit of the log that finds one thing more.
type finding struct{ Auditor }

func (f finding) AuditLog(ctx context.Context, progress func(events, seals uint64)) (events, seals uint64, wrong []Problem, err error) {
	events, seals, wrong, err = f.Auditor.AuditLog(ctx, progress)
	return events, seals, append(wrong, Problem{Code: "values", Message: "they are cut"}), err
}

// What is wrong beside the events hides nothing that is wrong with the bytes.
func TestAuditComparesBytesAlsoWhenTheLogHasAFinding(t *testing.T) {
	w := newWorld(t)
	w.p.Auditor = finding{w}
	id, shim := w.run(w.caller(event.SurfaceCLI), "x")
	shim.prints("some output")
	shim.note(attach.Note{Kind: attach.NoteExited})
	if _, _, err := w.Wait(background, Caller{}, "x"); err != nil {
		t.Fatal(err)
	}
	if found, last := w.audited(); len(found) != 1 || last.Executions != 1 || last.OutputBytes != uint64(len("some output")) {
		t.Fatalf("%v, %+v", found, last)
	}
	if err := w.Remove(id); err != nil {
		t.Fatal(err)
	}
	if found, _ := w.audited(); len(found) != 2 || found[0].Code != "values" || found[1].Code != "spool_lost" {
		t.Errorf("%v", found)
	}
}
