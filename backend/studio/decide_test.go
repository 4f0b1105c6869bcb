package studio

import (
	"context"
	"errors"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

func (w *world) addAgent(c Caller, name string) Decided {
	w.t.Helper()
	d, err := w.AddActor(background, c, name, event.Agent)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// An actor acts from its record on, and its acts are valid.
func TestAnEnrolledActorActs(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	d := w.addAgent(c, "worker")
	if d.Index != 1 || d.Document["name"] != "worker" || d.Document["actor_kind"] != "agent" || d.Ack.Event != d.Record {
		t.Errorf("the answer is %+v", d)
	}
	if r, err := w.log.Relate(d.Request, d.Record); err != nil || r != causal.Before {
		t.Errorf("the record is %v its request: %v", r, err)
	}
	agent := w.newSession(SessionRequest{As: "worker", Surface: event.SurfaceCLI})
	id, _ := w.run(agent, "its own")
	if x, _ := w.execution(id); x.CreatedBy.ID != d.ID || x.CreatedBy.Kind != event.Agent {
		t.Errorf("it is by %v", x.CreatedBy)
	}
	w.noneVoid()
	if problems, _ := w.audited(); len(problems) > 0 {
		t.Error(problems)
	}
}

func TestARefusalIsAnErrorAndARecord(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	worker := w.addAgent(c, "worker")
	if _, err := w.AddActor(background, c, "worker", event.Agent); !fault.Is(err, "name_taken") {
		t.Error("a name is given twice:", err)
	}
	if e := w.last(event.ActorEnrolledType); e.Header.Seq != 2 || e.Header.Facts.Decision.Reason != "name_taken" {
		t.Errorf("the refusal is no record: %+v", e.Header)
	}
	agent := w.newSession(SessionRequest{As: "worker", Surface: event.SurfaceCLI})
	if _, err := w.AddActor(background, agent, "helper", event.Agent); !fault.Is(err, "agent_asks") {
		t.Error("an agent enrols another:", err)
	}
	if _, err := w.RetireActor(background, c, "anna", ""); !fault.Is(err, "last_person") {
		t.Error("nobody is left:", err)
	}
	if _, err := w.RetireActor(background, c, worker.ID.String(), "done"); err != nil {
		t.Error(err)
	}
	if _, err := w.NewSession(background, SessionRequest{As: "worker", Surface: event.SurfaceCLI}); !fault.Is(err, "actor_retired") {
		t.Error("who is retired acts:", err)
	}
	w.addAgent(c, "worker") // the name is free again
	for _, name := range []string{"", " x", "-x", "a\nb"} {
		if _, err := w.AddActor(background, c, name, event.Agent); !fault.Is(err, "name_bad") {
			t.Errorf("%q was taken: %v", name, err)
		}
	}
}

// unrecorded is a log that takes no records.
type unrecorded struct {
	Log
	off bool
}

var errNoRecord = errors.New("the core is killed here")

func (l *unrecorded) AppendRecord(ctx context.Context, r control.Record) (event.Event, error) {
	if l.off {
		return event.Event{}, errNoRecord
	}
	return l.Log.AppendRecord(ctx, r)
}

// A core that is killed between a request and its record leaves the answer to
// the next one, and there is one.
func TestARequestIsAnsweredByTheNextCore(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.p.Log = &unrecorded{w.p.Log, true}
	if _, err := w.AddActor(background, c, "worker", event.Agent); !errors.Is(err, errNoRecord) {
		t.Fatal(err)
	}
	w.restart()
	if len(w.events(event.ActorEnrolledType)) != 1 {
		t.Fatal("the request is not answered once")
	}
	if id, err := w.findOf(object.KindActor, "worker"); err != nil || id != w.last(event.ActorEnrolledType).ID {
		t.Error(err)
	}
	w.restart()
	if len(w.events(event.ActorEnrolledType)) != 1 {
		t.Error("it is answered twice")
	}
	w.noneVoid()
}

// A request that another has overtaken is answered all the same: what overtook
// it has it in its past.
func TestAnOvertakenRequestIsAnswered(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.checkpoint(c, CheckpointRequest{Name: "first"})
	log := w.p.Log
	w.p.Log = &unrecorded{log, true}
	if _, err := w.Finalize(background, c, "first", ""); !errors.Is(err, errNoRecord) {
		t.Fatal(err)
	}
	late := w.last(event.RequestMadeType)
	w.p.Log = log
	d, err := w.Finalize(background, c, "first", "")
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	answer, is := w.machine.Answered(late.ID)
	if !is || len(w.Studio.open) > 0 {
		t.Fatal("the request has no record")
	}
	e, err := w.log.Event(answer.Record)
	if err != nil || len(e.Header.Parents) != 1 || e.Header.Parents[0] != d.Record {
		t.Errorf("its record follows %v, want only %v: %v", e.Header.Parents, d.Record, err)
	}
	w.noneVoid()
	if problems, _ := w.audited(); len(problems) > 0 {
		t.Error(problems)
	}
}

// forging is a log whose next record is another than was decided.
type forging struct {
	Log
	change func(*event.Header)
	sign   func(*event.Certificate) error
}

func (l *forging) AppendRecord(ctx context.Context, r control.Record) (event.Event, error) {
	l.change(&r.Header)
	_, id, err := event.EncodeHeader(r.Header)
	if err != nil {
		return event.Event{}, err
	}
	r.Certificates[0].Record = id
	if err := l.sign(&r.Certificates[0]); err != nil {
		return event.Event{}, err
	}
	return l.Log.AppendRecord(ctx, r)
}

// A record that is signed and sound, and not what its request makes it, is found.
func TestAForgedRecordIsFound(t *testing.T) {
	for name, change := range map[string]func(*event.Header){
		"the control": func(*event.Header) {},
		"another outcome": func(h *event.Header) {
			h.Facts.Decision.Outcome, h.Facts.Decision.Reason = event.OutcomeRefused, "name_taken"
		},
		"another member": func(h *event.Header) {
			h.Facts.Member = &event.Member{Kind: event.Human, Replica: h.Facts.Member.Replica}
		},
		"a time before":     func(h *event.Header) { h.WallTime = 1 },
		"another as of":     func(h *event.Header) { h.Facts.Cut = &event.Cut{Past: h.Parents} },
		"another branch":    func(h *event.Header) { h.Branch = event.ID{1} },
		"another requester": func(h *event.Header) { h.Actor.Kind = event.Agent },
	} {
		w := newWorld(t)
		c := w.caller(event.SurfaceCLI)
		w.addAgent(c, "before")
		log := w.p.Log
		w.p.Log = &forging{Log: log, change: change, sign: w.p.Key.SignCertificate}
		_, err := w.AddActor(background, c, "worker", event.Agent)
		w.p.Log = log
		if err != nil && !fault.Is(err, "name_taken") {
			t.Fatal(name, err)
		}
		w.addAgent(c, "after")
		problems, _ := w.audited()
		if found := len(problems) > 0 && problems[0].Code == "record"; found != (name != "the control") {
			t.Errorf("%s: found %v", name, problems)
		}
	}
}

// Every kind of record is the same when it is decided again.
func TestRecordsAreDecidedAgain(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	worker := w.addAgent(c, "worker")
	w.change(c, ChangeRequest{Type: event.TraceOpenedType, Set: map[string]any{"title": "a run"}})
	w.checkpoint(c, CheckpointRequest{Name: "quiet", Mode: "quiescent"})
	w.checkpoint(c, CheckpointRequest{Name: "loud"})
	for _, act := range []func() error{
		func() error { _, err := w.Finalize(background, c, "quiet", ""); return err },
		func() error { _, err := w.Finalize(background, c, "loud", ""); return err },
		func() error { _, err := w.Finalize(background, c, "loud", ""); return err },
		func() error { _, err := w.Invalidate(background, c, "loud", ""); return err },
		func() error { _, err := w.RetireActor(background, c, worker.ID.String(), ""); return err },
		func() error { _, err := w.RetireActor(background, c, "anna", ""); return err },
	} {
		_ = act() // a refusal is a record too
	}
	if n := len(w.records); n != 7 {
		t.Errorf("there are %d records", n)
	}
	if problems, _ := w.audited(); len(problems) > 0 {
		t.Error(problems)
	}
	w.restart()
	if problems, _ := w.audited(); len(problems) > 0 {
		t.Error("after the next start:", problems)
	}
}
