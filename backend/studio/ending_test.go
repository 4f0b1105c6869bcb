package studio

import (
	"testing"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
)

// noneVoid checks that every event of the log has its effect.
func (w *world) noneVoid() {
	w.t.Helper()
	for _, e := range w.events("") {
		if j := w.fold.Judgement(e.ID); j.Why != nil {
			w.t.Errorf("%s is void: %v", e.Header.Type, j.Why)
		}
	}
}

// ends makes a program end while an act of an operator is under way: the act
// has begun, and its session is held up until the end is an event.
func (w *world) ends(c Caller, id event.ID, act func() error, begun func() bool) error {
	w.t.Helper()
	se, done := w.mustSession(c), make(chan error, 1)
	se.mu.Lock()
	go func() { done <- act() }()
	w.until("the act has begun", begun)
	w.shim(id).note(attach.Note{Kind: attach.NoteExited})
	w.until("it has ended", func() bool { x, _ := w.execution(id); return x.State.Over() })
	se.mu.Unlock()
	return <-done
}

func TestAttachingToAProgramThatEndsLeavesNoVoidEvent(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	id, _ := w.run(cli, "x")
	asked := make(chan struct{}, 16)
	w.asked = func() { asked <- struct{}{} } // it is past every look at the state
	var a Attachment
	err := w.ends(cli, id, func() (err error) {
		a, err = w.Attach(background, cli, "x", false, "")
		return err
	}, func() bool { return len(asked) > 0 })
	if err != nil || !a.Ended {
		t.Errorf("attached as %+v, %v", a, err)
	}
	w.noneVoid()
}

func TestTakingTheKeyboardOfAProgramThatEndsLeavesNoVoidEvent(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	id, _ := w.run(cli, "x")
	a, err := w.Attach(background, cli, "x", true, "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.runOf(id)
	if err != nil {
		t.Fatal(err)
	}
	err = w.ends(cli, id, func() error {
		_, err := w.Control(background, cli, "x", "take", a.Ticket)
		return err
	}, func() bool {
		if r.turns.TryLock() {
			r.turns.Unlock()
			return false
		}
		return r.flush(background) == nil // served after that of the act
	})
	if !hasGone(err) {
		t.Errorf("answered with %v", err)
	}
	w.noneVoid()
}
