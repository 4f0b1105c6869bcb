package studio

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

var background = context.Background()

func (w *world) relate(a, b event.ID) causal.Relation {
	w.t.Helper()
	r, err := w.log.Relate(a, b)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func TestSessionsThatOnlyLookAreConcurrent(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	first, _ := w.run(cli, "first")
	if _, _, err := w.Executions(background, web, Where{}); err != nil {
		t.Fatal(err)
	}
	err := w.Events(background, web, EventFilter{}, func([]Event, Frontier) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	second, _ := w.run(web, "second")
	if r := w.relate(first, second); r != causal.Concurrent {
		t.Errorf("a session that only listed stands %v to what it saw in the list", r)
	}
	// The control: whoever opens is ordered.
	if _, err := w.Show(background, web, "first", Where{}); err != nil {
		t.Fatal(err)
	}
	third, _ := w.run(web, "third")
	if r := w.relate(first, third); r != causal.Before {
		t.Errorf("a session that opened an object stands %v to it", r)
	}
}

func TestACommandIsBasedOnTheVersionLastReturned(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	id, _ := w.run(cli, "one")
	look := func(c Caller) {
		t.Helper()
		if _, _, err := w.Executions(background, c, Where{}); err != nil {
			t.Fatal(err)
		}
	}
	look(cli)
	look(web)
	if _, _, err := w.Rename(background, cli, "one", "of-cli"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Rename(background, web, id.String(), "of-web"); err != nil {
		t.Fatal(err)
	}
	x, _ := w.execution(id)
	if n := len(x.Name.Values()); n != 2 {
		t.Fatalf("%d names stand after two renames that had not seen each other", n)
	}
	shown, err := w.Show(background, web, id.String(), Where{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(shown.Object["concurrent"].(map[string]any)["name"].([]any)); n != 2 {
		t.Errorf("show lists %d concurrent names", n)
	}
	if _, _, err := w.Rename(background, web, id.String(), "agreed"); err != nil {
		t.Fatal(err)
	}
	if x, _ := w.execution(id); !slices.Equal(x.Names(), []string{"agreed"}) {
		t.Errorf("after a rename that saw both there stand %q", x.Names())
	}
}

func TestWhatWasOpenedOutlivesTheCore(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	first, _ := w.run(cli, "first")
	if _, err := w.Show(background, web, "first", Where{}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	second, _ := w.run(web, "second")
	if r := w.relate(first, second); r != causal.Before {
		t.Errorf("what the session had opened stands %v to what it wrote after a restart", r)
	}
	if again := w.caller(event.SurfaceCLI); again != cli {
		t.Error("the persistent session of a surface is another one after a restart")
	}
}

func TestAPowerCutEndsSessionsAndTheirSuccessorSaysSo(t *testing.T) {
	w := newWorld(t)
	before := w.caller(event.SurfaceCLI)
	w.kill()
	w.boot = "boot 2"
	w.open()
	if _, err := w.Caller(before.Session.String()); !fault.Is(err, "session_lost") {
		t.Errorf("a session that a power cut may have cut answers %v", err)
	}
	after := w.caller(event.SurfaceCLI)
	if x, _ := w.fold.Session(after.Session); after == before || x.After.Value == "" {
		t.Errorf("the successor is %v and says %q", after, x.After.Value)
	}
	w.restart()
	if _, err := w.Caller(before.Session.String()); !fault.Is(err, "session_lost") {
		t.Errorf("a session that had ended goes on after a restart: %v", err)
	}
	if _, err := w.Caller(after.Session.String()); err != nil {
		t.Errorf("its successor ends with the core: %v", err)
	}
	// The control: a core that ended in order leaves sessions that go on.
	if err := w.Close(background); err != nil {
		t.Fatal(err)
	}
	w.kill()
	w.boot = "boot 3"
	w.open()
	if _, err := w.Caller(after.Session.String()); err != nil {
		t.Errorf("after an orderly end: %v", err)
	}
}

// durably keeps what a power cut would leave of the saved values.
type durably struct {
	Log
	w    *world
	left []byte
}

func (d *durably) SyncState() error {
	d.left = d.w.values()
	return d.Log.SyncState()
}

func (w *world) values() []byte {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "values"))
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// A power cut in the run after an orderly end takes what is not synced, and must
// not bring the mark of that end back: sessions may have opened more since.
func TestAPowerCutAfterAnOrderlyEndAndAStartEndsSessions(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	if err := w.Close(background); err != nil {
		t.Fatal(err)
	}
	w.kill()
	disk := &durably{w: w, left: w.values()} // the end has synced them
	w.openOver(disk)
	w.run(cli, "one")
	w.kill()
	if err := os.WriteFile(filepath.Join(w.dir, "values"), disk.left, 0o600); err != nil {
		t.Fatal(err)
	}
	w.boot = "boot 2"
	w.open()
	if _, err := w.Caller(cli.Session.String()); !fault.Is(err, "session_lost") {
		t.Errorf("a session that a power cut may have cut answers %v", err)
	}
}

// openOver is open with a log of a test's own over the true one.
func (w *world) openOver(over *durably) {
	w.t.Helper()
	log, _, err := badgerlog.Open(background, badgerlog.Options{Dir: w.dir, Key: w.key})
	if err != nil {
		w.t.Fatal(err)
	}
	w.log, over.Log = log, log
	p := w.ports()
	p.Log = over
	if w.Studio, err = Open(background, p); err != nil {
		w.t.Fatal(err)
	}
}

func TestAStoreBehindTheFloorIsStale(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	w.run(cli, "one")
	if _, _, err := w.Executions(background, cli, Where{}); err != nil {
		t.Fatal(err)
	}
	ahead := Frontier(w.log.Heads())
	ahead[1].Seq += 3
	state, err := json.Marshal(keep(ahead))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.log.SaveState(floorKey(w.human.ID), state); err != nil {
		t.Fatal(err)
	}
	w.restart()
	_, _, err = w.Executions(background, cli, Where{})
	if !fault.Is(err, "stale") || fault.Of(err).Code != fault.Unavailable {
		t.Fatalf("a store that lacks what was shown answers %v", err)
	}
	if _, _, err := w.Executions(background, Caller{}, Where{}); err != nil {
		t.Errorf("a caller without a session: %v", err)
	}
}

func TestMoreParentsThanMayBeAreJoined(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	var opened []event.ID
	for n := range event.MaxParents + 9 {
		e, err := w.append(background, event.Draft{Type: event.SessionOpenedType, Actor: w.human, Surface: event.SurfaceAPI, Branch: w.main})
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, e.ID)
		if err := w.shows(cli, e.ID, []event.ID{e.ID}); err != nil {
			t.Fatal(n, err)
		}
	}
	id, _ := w.run(cli, "all")
	if len(w.events(event.SessionJoinedType)) == 0 {
		t.Error("nothing was joined")
	}
	for _, o := range opened {
		if r := w.relate(o, id); r != causal.Before {
			t.Fatalf("an opened object stands %v to the write after it", r)
		}
	}
}

func TestUnknownSessionsAreRefused(t *testing.T) {
	w := newWorld(t)
	stranger := event.Derived(event.ID{}, "stranger")
	for name, call := range map[string]func() error{
		"caller": func() error { _, err := w.Caller(stranger.String()); return err },
		"start": func() error {
			_, err := w.Start(background, Caller{stranger}, StartRequest{Argv: []string{"sh"}})
			return err
		},
		"renew": func() error {
			_, _, err := w.OpenSession(background, event.SurfaceCLI, stranger.String())
			return err
		},
	} {
		if err := call(); !fault.Is(err, "session_unknown") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Start(background, Caller{}, StartRequest{Argv: []string{"sh"}}); !fault.Is(err, "session_missing") {
		t.Errorf("an act without a session: %v", err)
	}
}

func TestOneSessionOrdersItsWrites(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	const writers = 16
	done := make(chan error, writers)
	for n := range writers {
		go func() {
			_, err := w.Start(background, cli, StartRequest{Argv: []string{"sh"}, Folder: "/", Name: fmt.Sprint("t", n)})
			done <- err
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	started := w.events(event.ExecutionStartedType)
	for n := 1; n < len(started); n++ {
		if r := w.relate(started[n-1].ID, started[n].ID); r != causal.Before {
			t.Fatalf("two writes of a session stand %v", r)
		}
	}
}

func TestCallersAtOnceAreNeverStale(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	written := make(chan struct{})
	const callers, writes = 8, 200
	done := make(chan error, callers)
	for range callers {
		go func() {
			for {
				select {
				case <-written:
					done <- nil
					return
				default:
				}
				if _, err := w.served(background, cli, func() {}); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range writes {
		if _, err := w.append(background, event.Draft{Type: event.SessionOpenedType, Actor: w.human, Surface: event.SurfaceAPI, Branch: w.main}); err != nil {
			t.Error(err)
		}
	}
	close(written)
	for range callers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
