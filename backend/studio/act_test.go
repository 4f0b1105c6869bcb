package studio

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func (w *world) signalsOf(shim *fakeShim) []uint32 {
	shim.mu.Lock()
	defer shim.mu.Unlock()
	return slices.Clone(shim.signals)
}

func TestASignalIsRecordedAsItsSendersBeforeItIsSent(t *testing.T) {
	w := newWorld(t)
	_, shim := w.run(w.caller(event.SurfaceCLI), "x")
	web := w.caller(event.SurfaceWeb)
	for _, c := range []struct {
		asked string
		want  event.ExecutionSignalled
	}{
		{"", event.ExecutionSignalled{Signal: 15, Name: "TERM"}}, {"sigint", event.ExecutionSignalled{Signal: 2, Name: "INT"}},
		{"9", event.ExecutionSignalled{Signal: 9, Name: "KILL"}}, {"40", event.ExecutionSignalled{Signal: 40}},
	} {
		_, ack, err := w.Kill(background, web, "x", c.asked)
		e := w.last(event.ExecutionSignalledType)
		if err != nil || ack.Event != e.ID || ack.Frontier[1].Seq < e.Header.Seq || e.Header.Session != web.Session {
			t.Fatalf("signal %q is event %v of session %v, acknowledged as %+v, %v", c.asked, e.ID, e.Header.Session, ack, err)
		}
		if got, err := event.DecodeBody(e.Header.Type, e.Body); err != nil || *got.(*event.ExecutionSignalled) != c.want {
			t.Errorf("signal %q is recorded as %+v, %v", c.asked, got, err)
		}
	}
	if got := w.signalsOf(shim); !slices.Equal(got, []uint32{15, 2, 9, 40}) {
		t.Errorf("sent were %v", got)
	}
	// What cannot be recorded is not sent.
	w.refused = event.ExecutionSignalledType
	if _, _, err := w.Kill(background, web, "x", ""); !fault.Is(err, "read_only") || len(w.signalsOf(shim)) != 4 {
		t.Errorf("answered with %v, and sent %v", err, w.signalsOf(shim))
	}
	for _, bad := range []string{"0", "65", "x", "-1"} {
		if _, _, err := w.Kill(background, web, "x", bad); !fault.Is(err, "signal_unknown") {
			t.Errorf("signal %q: %v", bad, err)
		}
	}
	w.noneVoid()
}

// A caller that gives up once it is recorded has sent the signal all the same.
func TestASignalThatIsRecordedIsSent(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	_, shim := w.run(cli, "x")
	ctx, giveUp := context.WithCancel(background)
	w.appended = func(kind event.Type) {
		if kind == event.ExecutionSignalledType {
			giveUp()
		}
	}
	if _, _, err := w.Kill(ctx, cli, "x", ""); err != nil || len(w.signalsOf(shim)) != 1 {
		t.Errorf("recorded, and sent %v, %v", w.signalsOf(shim), err)
	}
}

func TestASizeIsRecordedAsOfWhoAskedForIt(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	id, shim := w.run(cli, "x")
	_, ack, err := w.Resize(background, web, "x", 120, 40)
	e := w.last(event.ExecutionResizedType)
	if err != nil || ack.Event != e.ID || ack.Frontier[1].Seq < e.Header.Seq {
		t.Fatalf("resized by event %v, acknowledged as %+v, %v", e.ID, ack, err)
	}
	if h := e.Header; h.Session != web.Session || h.Surface != event.SurfaceWeb || *h.Facts.Size != (event.Size{Cols: 120, Rows: 40}) || h.Facts.Note == nil {
		t.Errorf("recorded as %+v", h)
	}
	// The same size again is no change.
	if _, again, err := w.Resize(background, web, "x", 120, 40); err != nil || again.Event != e.ID || len(w.events(event.ExecutionResizedType)) != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
	// The driver's window sets a size: no caller asked for it, even if it is the one of before.
	shim.note(attach.Note{Kind: attach.NoteResized, Cols: 80, Rows: 24})
	shim.note(attach.Note{Kind: attach.NoteResized, Cols: 120, Rows: 40})
	w.until("recorded", func() bool { return len(w.events(event.ExecutionResizedType)) == 3 })
	if h := w.last(event.ExecutionResizedType).Header; h.Session != id || h.Surface != event.SurfaceSystem {
		t.Errorf("the driver's is recorded as %+v", h)
	}
	w.noneVoid()
}

// A size that is asked for while that of the driver is on its way is answered
// with its own event, not with what stood before both.
func TestASizeIsAnsweredAfterThoseBeforeIt(t *testing.T) {
	w := newWorld(t)
	web := w.caller(event.SurfaceWeb)
	_, shim := w.run(w.caller(event.SurfaceCLI), "x")
	for range 100 {
		shim.note(attach.Note{Kind: attach.NoteResized, Cols: 132, Rows: 50})
		_, ack, err := w.Resize(background, web, "x", 80, 24)
		if err != nil {
			t.Fatal(err)
		}
		e, err := w.log.Event(ack.Event)
		if err != nil || e.Header.Type != event.ExecutionResizedType || e.Header.Session != web.Session || *e.Header.Facts.Note != uint64(len(shim.spool.notes)) {
			t.Fatalf("answered with %s of note %d of %d, %v", e.Header.Type, *e.Header.Facts.Note, len(shim.spool.notes), err)
		}
	}
	w.noneVoid()
}

// Who names a terminal follows the event that made it, whether it was shown that
// terminal or not: else what it does would be void.
func TestActsOnATerminalThatWasNeverShownHaveEffect(t *testing.T) {
	w := newWorld(t)
	web := w.caller(event.SurfaceWeb)
	for name, act := range map[string]func(c Caller) error{
		"rename": func(c Caller) error { _, _, err := w.Rename(background, c, "rename", "renamed"); return err },
		"kill":   func(c Caller) error { _, _, err := w.Kill(background, c, "kill", ""); return err },
		"resize": func(c Caller) error { _, _, err := w.Resize(background, c, "resize", 90, 30); return err },
		"send":   func(c Caller) error { _, err := w.Send(background, c, "send", []byte("x")); return err },
	} {
		w.run(web, name)
		opened, err := w.beginSession(background, birth{actor: w.human, surface: event.SurfaceAPI})
		if err != nil {
			t.Fatal(err)
		}
		if err := act(Caller{Session: opened}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.noneVoid()
}

func TestSignalsByNameAndNumber(t *testing.T) {
	for text, want := range map[string]uint64{"": 15, "TERM": 15, "sigkill": 9, "SIGHUP": 1, "9": 9, "64": 64} {
		if got, err := signalOf(text); err != nil || got.Signal != want {
			t.Errorf("%s: %d, %v", text, got.Signal, err)
		}
	}
	for _, text := range []string{"0", "-9", "65", "NOPE", "SIGSIGHUP", "9x"} {
		if got, err := signalOf(text); !fault.Is(err, "signal_unknown") {
			t.Errorf("%q is taken for %d, %v", text, got.Signal, err)
		}
	}
}

// A turn is answered with its own event, although what others did to the terminal
// stands beside it.
func TestATurnIsAnsweredWithItsEvent(t *testing.T) {
	w := newWorld(t)
	callers := []Caller{w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)}
	w.run(callers[0], "x")
	var tickets []attach.Ticket
	for _, c := range callers {
		a, err := w.Attach(background, c, "x", true, "")
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, a.Ticket)
	}
	for n := range 40 {
		turn, err := w.Control(background, callers[n%2], "x", "take", tickets[n%2])
		if last := w.last(event.ExecutionControlChangedType); err != nil || turn.Ack.Event != last.ID || turn.Epoch != last.Header.Facts.Turn.Epoch {
			t.Fatalf("turn %d: acknowledged as %v and is %v, %v", n, turn.Ack.Event, last.ID, err)
		}
	}
}

// The same size again is answered with the event of before, although events that
// its author had not seen stand beside that in the version.
func TestTheSameSizeIsAnsweredWithTheEventThatItBecame(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	beside := 0
	for n := range 20 { // the ids are in any order
		name := fmt.Sprint("x", n)
		id, _ := w.run(cli, name)
		_, first, err := w.Resize(background, web, name, 120, 40)
		if x, _ := w.execution(id); len(x.Frontier) > 1 {
			beside++
		}
		_, again, againErr := w.Resize(background, web, name, 120, 40)
		if err != nil || againErr != nil || again.Event != first.Event {
			t.Errorf("the same size is acknowledged as %v and then %v, %v, %v", first.Event, again.Event, err, againErr)
		}
	}
	if beside == 0 {
		t.Error("nothing stood beside it")
	}
}
