package studio

import (
	"slices"
	"strings"
	"testing"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func (w *world) newSession(q SessionRequest) Caller {
	w.t.Helper()
	o, err := w.NewSession(background, q)
	if err != nil {
		w.t.Fatal(err)
	}
	return Caller{Session: o.ID}
}

// Two sessions of one person share what they were served and nothing else.
func TestANewSessionIsOfItsOwn(t *testing.T) {
	w := newWorld(t)
	one := w.newSession(SessionRequest{Surface: event.SurfaceAPI, Label: "a script"})
	two := w.newSession(SessionRequest{Surface: event.SurfaceAPI})
	if one == two {
		t.Fatal("the two are one")
	}
	w.run(one, "work")
	st, err := w.ShowSession(background, two, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Floor.lacks(w.heads)) > 0 || len(st.Deps) != 1 || st.Deps[0] != two.Session {
		t.Errorf("the floor lacks %v, and it depends on %v", st.Floor.lacks(w.heads), st.Deps)
	}
	if st, err = w.ShowSession(background, two, one.Session.String()); err != nil || st.Document["label"] != "a script" {
		t.Errorf("the other is shown as %v: %v", st.Document, err)
	}
}

func TestAClosedSessionDoesNothingMore(t *testing.T) {
	w := newWorld(t)
	c := w.newSession(SessionRequest{Surface: event.SurfaceCLI})
	if _, _, err := w.CloseSession(background, c, ""); err != nil {
		t.Fatal(err)
	}
	if e := w.last(event.SessionClosedType); e.Header.Session != c.Session {
		t.Error("the end is no event of the session")
	}
	for range 2 { // and after the next start too
		if _, err := w.Caller(c.Session.String()); !fault.Is(err, "session_closed") {
			t.Error("it is let in:", err)
		}
		w.restart()
	}
}

// What an exported session was served, its successor has too; it is not signed
// over, expired or foreign.
func TestAnExportedSessionGoesOn(t *testing.T) {
	w := newWorld(t)
	c := w.newSession(SessionRequest{Surface: event.SurfaceCLI})
	w.run(c, "work")
	text, _, err := w.ExportSession(background, c, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ImportSession(background, text[:len(text)-4]+"AAAA", event.SurfaceAPI, false); !fault.Is(err, "export_form") && !fault.Is(err, "export_signature") {
		t.Error("a changed export was taken:", err)
	}
	o, err := w.ImportSession(background, text, event.SurfaceAPI, false)
	if err != nil {
		t.Fatal(err)
	}
	if e := w.last(event.SessionOpenedType); e.ID != o.ID || e.Header.Facts.Continues != c.Session || o.Continues != c.Session {
		t.Error("the successor does not say whom it goes on for")
	}
	if _, err := w.Caller(c.Session.String()); !fault.Is(err, "session_closed") {
		t.Error("the exported session goes on too:", err)
	}
}

func TestAnExportIsRefusedLateAndElsewhere(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	c := w.newSession(SessionRequest{Surface: event.SurfaceCLI})
	text, _, err := w.ExportSession(background, c, "", time.Nanosecond)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ImportSession(background, text, event.SurfaceAPI, false); !fault.Is(err, "export_expired") {
		t.Error("an old export was taken:", err)
	}
	if text, _, err = w.ExportSession(background, c, "", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := other.ImportSession(background, text, event.SurfaceAPI, false); !fault.Is(err, "export_foreign") {
		t.Error("a session of another workspace was taken:", err)
	}
}

// A home that lacks what an actor was served does nothing for that actor, until
// the actor goes on without it, which is recorded.
func TestForgettingWhatIsLostIsRecorded(t *testing.T) {
	w := newWorld(t)
	c := w.newSession(SessionRequest{Surface: event.SurfaceCLI})
	w.Studio.mu.Lock()
	lost := slices.Clone(w.heads)
	lost[1].Seq += 3
	w.floors[w.human.ID] = lost
	w.Studio.mu.Unlock()
	if _, err := w.NewSession(background, SessionRequest{Surface: event.SurfaceCLI}); !fault.Is(err, "stale") {
		t.Fatal("what is lost is passed over in silence:", err)
	}
	o, err := w.NewSession(background, SessionRequest{Surface: event.SurfaceCLI, Forget: true})
	if err != nil {
		t.Fatal(err)
	}
	body, err := event.DecodeBody(event.SessionOpenedType, w.last(event.SessionOpenedType).Body)
	if err != nil || !strings.Contains(body.(*event.SessionOpened).After, "3 events") {
		t.Errorf("the record says %+v: %v", body, err)
	}
	for _, all := range []Caller{{Session: o.ID}, c} {
		if _, _, err := w.Executions(background, all, Where{}); err != nil {
			t.Error("a session of that actor is refused still:", err)
		}
	}
}

// A program that acts as somebody speaks in a session of its own, which none of
// its caller's variables names.
func TestAProgramActsInASessionOfItsOwn(t *testing.T) {
	w := newWorld(t)
	c := w.newSession(SessionRequest{Surface: event.SurfaceCLI})
	q := StartRequest{Argv: []string{"agent"}, Folder: "/", Name: "agent", As: "anna", Environment: []string{"ATELIER_SESSION=mine", "PATH=/bin"}}
	started, err := w.Start(background, c, q)
	if err != nil {
		t.Fatal(err)
	}
	environment := w.shim(started.ID).launch.Environment
	named, err := w.Caller(variable(environment, "ATELIER_SESSION"))
	if err != nil || named.Session == c.Session {
		t.Fatalf("its session is %v: %v", named, err)
	}
	st, err := w.ShowSession(background, named, "")
	if err != nil || st.Document["label"] != "agent" {
		t.Errorf("its session is %v: %v", st.Document, err)
	}
	q.As = "nobody"
	if _, err := w.Start(background, c, q); !fault.Is(err, "actor_unknown") {
		t.Error("nobody acts:", err)
	}
}
