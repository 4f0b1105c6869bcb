package studio

import (
	"sync/atomic"
	"testing"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// A key answers the same, of what failed too: nothing is started anew under it,
// and a core that only has the record says what the one before said.
func TestAFailedStartIsAnsweredTheSameByEveryCore(t *testing.T) {
	for reason, failed := range map[string]attach.Note{
		"program_not_found":      {Kind: attach.NoteFailed, Errno: 2, Message: "there is no such file"},
		"program_not_executable": {Kind: attach.NoteFailed, Errno: 8, Message: "it is of another machine"},
		"shim_start":             {Kind: attach.NoteFailed, Message: "half a launch"},
	} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t)
			w.quiet = true
			cli := w.caller(event.SurfaceCLI)
			q := StartRequest{Argv: []string{"bad"}, Folder: "/", Key: "mine"}
			done := w.begin(cli, q)
			w.reached().note(failed)
			first := (<-done).err
			if f := fault.Of(first); f.Reason != reason || f.Message != failed.Message || f.Details["execution"] != w.last(event.ExecutionStartedType).ID.String() {
				t.Fatalf("answered with %v, %v", first, f.Details)
			}
			for _, which := range []string{"this core", "the next core"} {
				again := (<-w.begin(cli, q)).err
				if again == nil || again.Error() != first.Error() || fault.Of(again).Code != fault.Of(first).Code {
					t.Errorf("%s answers with %v", which, again)
				}
				w.restart()
			}
			if n := len(w.events(event.ExecutionStartedType)); n != 1 {
				t.Errorf("%d programs were started", n)
			}
		})
	}
}

// What ran and ended is no failure to start it, whatever its status is.
func TestAStatusOfTheProgramsOwnIsNoFailedStart(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	cli := w.caller(event.SurfaceCLI)
	q := StartRequest{Argv: []string{"sh"}, Folder: "/", Key: "mine"}
	done := w.begin(cli, q)
	shim := w.reached()
	shim.note(attach.Note{Kind: attach.NoteStarted, PID: 7})
	shim.note(attach.Note{Kind: attach.NoteExited, Status: statusNotFound})
	if b := <-done; b.err != nil {
		t.Fatalf("answered with %v", b.err)
	}
	w.until("ended", func() bool {
		x, _ := w.execution(w.last(event.ExecutionStartedType).ID)
		return x.State == object.Exited
	})
	w.restart()
	if b := <-w.begin(cli, q); b.err != nil || b.started.ID.IsZero() {
		t.Errorf("after a restart: %+v, %v", b.started, b.err)
	}
}

// unsaving is a log that takes events, and while it is full keeps no state of
// sessions.
type unsaving struct {
	Log
	full *atomic.Bool
}

func (u unsaving) SaveState(key string, value []byte) error {
	if u.full.Load() {
		return fault.New(fault.Unknown, "state_unsaved", "the disk is full", "make room")
	}
	return u.Log.SaveState(key, value)
}

// What was recorded runs and has its key, although its caller was told a failure.
func TestAStartWhoseSessionCannotBeSavedKeepsItsKey(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	q := StartRequest{Argv: []string{"sh"}, Folder: "/", Key: "mine"}
	log := unsaving{w.p.Log, new(atomic.Bool)}
	w.p.Log = log
	log.full.Store(true)
	if _, err := w.Start(background, cli, q); !fault.Is(err, "state_unsaved") {
		t.Fatalf("answered with %v", err)
	}
	log.full.Store(false)
	again, err := w.Start(background, cli, q)
	if x, _ := w.execution(again.ID); err != nil || x == nil || x.State != object.Running {
		t.Errorf("again: %+v, %v", again, err)
	}
	if n := len(w.events(event.ExecutionStartedType)); n != 1 {
		t.Errorf("%d programs were started", n)
	}
}

// A start that came to nothing leaves its key free.
func TestAKeyOfWhatWasNeverRecordedIsFree(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	w.run(cli, "taken")
	q := StartRequest{Argv: []string{"sh"}, Folder: "/", Name: "taken", Key: "mine"}
	if _, err := w.Start(background, cli, q); !fault.Is(err, "name_taken") {
		t.Fatal(err)
	}
	if _, _, err := w.Rename(background, cli, "taken", "free"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Start(background, cli, q); err != nil {
		t.Errorf("the name is free: %v", err)
	}
}

func TestAKeyForAnotherRequestIsFoundOut(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	whole := StartRequest{Argv: []string{"sh", "-c", "true"}, Folder: "/", Name: "x", Environment: []string{"A=1", "B=2"}, Cols: 80, Rows: 24, Key: "mine"}
	first, err := w.Start(background, cli, whole)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*StartRequest){
		"program": func(q *StartRequest) { q.Argv = []string{"bash", "-c", "true"} }, "arguments": func(q *StartRequest) { q.Argv = []string{"sh", "-c true"} },
		"folder": func(q *StartRequest) { q.Folder = "/tmp" }, "name": func(q *StartRequest) { q.Name = "y" }, "login": func(q *StartRequest) { q.Login = true },
		"columns": func(q *StartRequest) { q.Cols = 81 }, "rows": func(q *StartRequest) { q.Rows = 25 },
		"a variable more": func(q *StartRequest) { q.Environment = []string{"A=1", "B=2", "C=3"} }, "one less": func(q *StartRequest) { q.Environment = []string{"A=1"} },
		"an argument for a variable": func(q *StartRequest) { q.Argv, q.Environment = append(q.Argv, "A"), []string{"B=2"} },
	} {
		q := whole
		q.Argv = append([]string{}, whole.Argv...)
		change(&q)
		if _, err := w.Start(background, cli, q); !fault.Is(err, "request_differs") || fault.Of(err).Code != fault.Aborted {
			t.Errorf("another %s: %v", what, err)
		}
	}
	shell := StartRequest{Key: "mine"}
	if login := (StartRequest{Key: "mine", Login: true}); requestID(cli.Session, shell) == requestID(cli.Session, login) {
		t.Error("a login shell is the same as none")
	}
	// Values are nowhere, so that they cannot tell requests apart.
	whole.Environment = []string{"B=another", "A=value"}
	if again, err := w.Start(background, cli, whole); err != nil || again.ID != first.ID {
		t.Errorf("other values: %+v, %v", again, err)
	}
}
