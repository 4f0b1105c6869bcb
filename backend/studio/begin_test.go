package studio

import (
	"testing"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// begun is what a start came to, with the state that its caller then saw.
type begun struct {
	started Started
	err     error
	state   object.State
}

func (w *world) begin(c Caller, q StartRequest) <-chan begun {
	done := make(chan begun, 1)
	go func() {
		var b begun
		b.started, b.err = w.Start(background, c, q)
		if x, known := w.execution(b.started.ID); known {
			b.state = x.State
		}
		done <- b
	}()
	return done
}

// reached waits for the link to the only terminal, and returns its shim.
func (w *world) reached() *fakeShim {
	w.t.Helper()
	w.until("reached", func() bool {
		all := w.living()
		if len(all) == 0 {
			return false
		}
		r, err := w.runOf(all[0].ID)
		if err != nil {
			return false
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.held != nil
	})
	return w.shim(w.living()[0].ID)
}

func TestStartAnswersWhenItIsRecordedThatTheProgramRuns(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	cli := w.caller(event.SurfaceCLI)
	done := w.begin(cli, StartRequest{Argv: []string{"sh"}, Folder: "/"})
	w.reached().note(attach.Note{Kind: attach.NoteStarted, PID: 7, Cols: 80, Rows: 24})
	b := <-done
	if b.err != nil || b.state != object.Running {
		t.Fatalf("answered in state %q, %v", b.state, b.err)
	}
	own := b.started.Ack.Frontier[1]
	if running := w.last(event.ExecutionRunningType); b.started.Ack.Event != b.started.ID || own.Seq < running.Header.Seq {
		t.Errorf("the answer is as of event %d, and it runs since %d", own.Seq, running.Header.Seq)
	}
}

// A program that ends before anybody looks has run all the same.
func TestStartAnswersOfAProgramThatHasEnded(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	done := w.begin(w.caller(event.SurfaceCLI), StartRequest{Argv: []string{"true"}, Folder: "/"})
	shim := w.reached()
	shim.note(attach.Note{Kind: attach.NoteStarted, PID: 7})
	shim.note(attach.Note{Kind: attach.NoteExited})
	if b := <-done; b.err != nil || b.state == object.Starting {
		t.Errorf("answered in state %q, %v", b.state, b.err)
	}
}

// What cannot be recorded is told, and the same request never starts another
// program: the next core answers it with the one that runs.
func TestStartTellsWhenWhatRunsCannotBeRecorded(t *testing.T) {
	w := newWorld(t)
	w.refused = event.ExecutionRunningType
	cli := w.caller(event.SurfaceCLI)
	q := StartRequest{Argv: []string{"sh"}, Folder: "/", Key: "mine"}
	for range 2 {
		if _, err := w.Start(background, cli, q); !fault.Is(err, "read_only") {
			t.Fatalf("answered with %v", err)
		}
	}
	w.kill()
	w.refused = ""
	w.open()
	b := <-w.begin(cli, q)
	if b.err != nil || b.state != object.Running {
		t.Errorf("after a restart it answers in state %q, %v", b.state, b.err)
	}
	if n := len(w.events(event.ExecutionStartedType)); n != 1 {
		t.Errorf("%d programs were started", n)
	}
}
