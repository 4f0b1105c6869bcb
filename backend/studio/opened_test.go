package studio

import (
	"context"
	"slices"
	"sync"
	"testing"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// meanwhile lets a test do something once, while what a session was shown is
// being kept.
type meanwhile struct {
	Log
	key string
	mu  sync.Mutex
	do  func()
}

func (m *meanwhile) SaveState(key string, value []byte) error {
	err := m.Log.SaveState(key, value)
	if key == m.key {
		m.mu.Lock()
		do := m.do
		m.do = nil
		m.mu.Unlock()
		if do != nil {
			do()
		}
	}
	return err
}

func (m *meanwhile) then(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.do = do
}

// renamedMeanwhile is a world with an ended terminal "one", which another
// session names "two" while answer is on its way to the session that it gets.
// The frontier that answer returns is that of what it saw, before the rename.
func renamedMeanwhile(t *testing.T, answer func(*world, Caller, event.ID) Frontier) {
	w := newWorld(t)
	m := &meanwhile{Log: w.p.Log}
	w.p.Log = m
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	m.key = stateKey(web.Session) // what keeps that this session was answered
	id, shim := w.run(cli, "one")
	shim.prints("result")
	shim.note(attach.Note{Kind: attach.NoteExited})
	if _, _, err := w.Wait(background, cli, "one"); err != nil {
		t.Fatal(err)
	}
	m.then(func() {
		if _, _, err := w.Rename(background, cli, id.String(), "two"); err != nil {
			t.Error(err)
		}
	})
	read := answer(w, web, id)
	renamed := w.last(event.ExecutionRenamedType)
	if len(read.lacks(Frontier{{Chain: renamed.Header.Replica, Seq: renamed.Header.Seq, ID: renamed.ID}})) == 0 {
		t.Error("the frontier names a rename that was not answered")
	}
	if _, _, err := w.Rename(background, web, id.String(), "three"); err != nil {
		t.Fatal(err)
	}
	if x, _ := w.execution(id); len(x.Names()) != 2 {
		t.Errorf("after a rename that had not seen the other there stand %q", x.Names())
	}
}

func TestShowOpensTheVersionThatItAnswers(t *testing.T) {
	renamedMeanwhile(t, func(w *world, c Caller, id event.ID) Frontier {
		shown, err := w.Show(background, c, id.String(), Where{})
		if err != nil {
			t.Fatal(err)
		}
		if name := shown.Object["name"]; name != "one" {
			t.Errorf("%v was shown, and another version opened", name)
		}
		return shown.Read
	})
}

func TestAttachOpensTheVersionThatItAnswers(t *testing.T) {
	renamedMeanwhile(t, func(w *world, c Caller, id event.ID) Frontier {
		a, err := w.Attach(background, c, id.String(), false, "")
		if err != nil || !a.Ended {
			t.Fatal(a, err)
		}
		return a.Ack.Frontier
	})
}

func TestTranscriptOpensTheVersionThatItAnswers(t *testing.T) {
	renamedMeanwhile(t, func(w *world, c Caller, id event.ID) (read Frontier) {
		err := w.Transcript(background, c, id.String(), TranscriptRequest{}, func(p Piece) error { read = p.Read; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return read
	})
}

// What a transcript goes on with is opened too, before it is given.
func TestFollowedTranscriptOpensItsEnd(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	id, shim := w.run(cli, "one")
	shim.prints("a")
	var got string
	end := sync.OnceFunc(func() {
		shim.prints("b")
		shim.note(attach.Note{Kind: attach.NoteExited})
	})
	err := w.Transcript(background, web, id.String(), TranscriptRequest{Follow: true}, func(p Piece) error {
		got += string(p.Bytes)
		end()
		return nil
	})
	if err != nil || got != "ab" {
		t.Fatalf("%q, %v", got, err)
	}
	after, _ := w.run(web, "two")
	if r := w.relate(w.last(event.ExecutionExitedType).ID, after); r != causal.Before {
		t.Errorf("the end that was shown stands %v to the next write", r)
	}
}

// Wait answers an object and opens none.
func TestARenameAfterWaitIsBasedOnWhatItAnswered(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	id, shim := w.run(cli, "one")
	if _, _, err := w.Executions(background, web, Where{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Rename(background, cli, "one", "two"); err != nil {
		t.Fatal(err)
	}
	shim.note(attach.Note{Kind: attach.NoteExited})
	v, _, err := w.Wait(context.Background(), web, id.String())
	if err != nil || v.Name != "two" {
		t.Fatal(v.Name, err)
	}
	other, _ := w.run(web, "other")
	if r := w.relate(w.last(event.ExecutionExitedType).ID, other); r != causal.Concurrent {
		t.Errorf("a session that only waited stands %v to what it waited for", r)
	}
	if _, _, err := w.Rename(background, web, id.String(), "three"); err != nil {
		t.Fatal(err)
	}
	if x, _ := w.execution(id); !slices.Equal(x.Names(), []string{"three"}) {
		t.Errorf("after a rename that saw the other there stand %q", x.Names())
	}
}

// Attach refuses it too: nothing is what a silent program wrote.
func TestTranscriptBeginsNotBeyondTheEnd(t *testing.T) {
	w := newWorld(t)
	_, shim := w.run(w.caller(event.SurfaceCLI), "one")
	shim.prints("result")
	for _, over := range []bool{false, true} {
		if over {
			shim.note(attach.Note{Kind: attach.NoteExited})
			if _, _, err := w.Wait(background, Caller{}, "one"); err != nil {
				t.Fatal(err)
			}
		}
		for _, follow := range []bool{false, true} {
			given := 0
			q := TranscriptRequest{From: 7, Follow: follow, Timing: true}
			err := w.Transcript(background, Caller{}, "one", q, func(Piece) error { given++; return nil })
			if fault.Of(err) == nil || fault.Of(err).Code != fault.OutOfRange || given > 0 {
				t.Errorf("over %v, follow %v: %v, and %d pieces", over, follow, err, given)
			}
		}
		err := w.Transcript(background, Caller{}, "one", TranscriptRequest{From: 6}, func(Piece) error { return nil })
		if err != nil {
			t.Errorf("from the end on: %v", err)
		}
	}
}
