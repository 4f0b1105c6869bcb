package studio

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

// watching is a watcher whose lists a test takes one by one.
type watching struct {
	t     *testing.T
	lists chan Listing
	stop  func()
}

func (w *world) watches(c Caller, changes bool) *watching {
	ctx, cancel := context.WithCancel(background)
	lists, done := make(chan Listing), make(chan error, 1)
	go func() {
		done <- w.WatchExecutions(ctx, c, changes, func(l Listing) error {
			select {
			case lists <- l:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	stop := func() {
		cancel()
		if err := <-done; err == nil || ctx.Err() == nil {
			w.t.Errorf("the watching ended with %v", err)
		}
	}
	return &watching{w.t, lists, stop}
}

// until takes lists and puts them together until what is known is good.
func (w *watching) until(known map[event.ID]Execution, good func() bool) (lists []Listing) {
	w.t.Helper()
	late := time.After(patience)
	for !good() {
		var l Listing
		select {
		case l = <-w.lists:
		case <-late:
			w.t.Fatalf("never told; known are %d", len(known))
		}
		lists = append(lists, l)
		if !l.Partial {
			clear(known)
		}
		for _, v := range l.Executions {
			known[v.ID] = v
		}
	}
	return lists
}

func TestAWatcherIsToldWhatChanged(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	one, _ := w.run(cli, "one")
	two, shim := w.run(cli, "two")
	known := map[event.ID]Execution{}
	watched := w.watches(web, true)
	defer watched.stop()
	first := watched.until(known, func() bool { return len(known) > 0 })
	if len(first) != 1 || first[0].Partial || len(known) != 2 {
		t.Fatalf("first came %d lists, partial: %v, of %d", len(first), first[0].Partial, len(known))
	}
	for what, step := range map[string]struct {
		do   func() error
		good func() bool
	}{
		"a name":   {func() error { _, _, err := w.Rename(background, cli, two.String(), "renamed"); return err }, func() bool { return known[two].Name == "renamed" }},
		"a size":   {func() error { shim.note(attach.Note{Kind: attach.NoteResized, Cols: 100, Rows: 30}); return nil }, func() bool { return known[two].Cols == 100 }},
		"a driver": {func() error { _, err := w.Attach(background, cli, two.String(), false, ""); return err }, func() bool { return known[two].Driver != nil }},
		"output":   {func() error { shim.prints("output"); w.read(two.String()); return nil }, func() bool { return known[two].Output == 6 }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(what, err)
		}
		for _, l := range watched.until(known, step.good) {
			if !l.Partial || len(l.Executions) != 1 || l.Executions[0].ID != two {
				t.Errorf("of %s came %d, partial: %v", what, len(l.Executions), l.Partial)
			}
		}
	}
	three, _ := w.run(cli, "three")
	watched.until(known, func() bool { return known[three].State == "running" })
	shim.note(attach.Note{Kind: attach.NoteExited})
	watched.until(known, func() bool { return known[two].Over() && known[two].PID == 0 })
	all, _, err := w.Executions(background, web, Where{})
	if err != nil || len(all) != len(known) {
		t.Fatalf("%d of %d are known, %v", len(known), len(all), err)
	}
	if known[one].Name != "one" {
		t.Errorf("what never changed is %+v", known[one])
	}
}

// Who does not ask for changes is told all, as ever.
func TestAWatcherOfWholeListsGetsThem(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	w.run(cli, "one")
	w.run(cli, "two")
	known := map[event.ID]Execution{}
	watched := w.watches(Caller{}, false)
	defer watched.stop()
	watched.until(known, func() bool { return len(known) == 2 })
	id, _ := w.run(cli, "three")
	for _, l := range watched.until(known, func() bool { return known[id].State == "running" }) {
		if l.Partial || len(l.Executions) < 2 {
			t.Errorf("came %d, partial: %v", len(l.Executions), l.Partial)
		}
	}
}

// What changes no execution is told to nobody, and raises nobody's floor.
func TestAWatcherIsNotToldOfNothing(t *testing.T) {
	w := newWorld(t)
	id, _ := w.run(w.caller(event.SurfaceCLI), "one")
	web := w.caller(event.SurfaceWeb)
	watcher := w.watch()
	defer w.unwatch(watcher)
	list := func(partial bool) Listing {
		t.Helper()
		l, err := w.list(background, web, partial, func() []*object.Execution { return w.newTo(watcher, partial) })
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	list(false)
	floor := slices.Clone(w.floors[w.human.ID])
	if _, err := w.append(background, event.Draft{Type: event.SessionOpenedType, Actor: w.human, Surface: event.SurfaceAPI, Branch: w.main}); err != nil {
		t.Fatal(err)
	}
	if l := list(true); len(l.Executions) > 0 || l.Read != nil || !slices.Equal(w.floors[w.human.ID], floor) {
		t.Errorf("told %d; the floor rose by %v", len(l.Executions), floor.lacks(w.floors[w.human.ID]))
	}
	if _, _, err := w.Rename(background, w.caller(event.SurfaceCLI), id.String(), "two"); err != nil {
		t.Fatal(err)
	}
	if l := list(true); len(l.Executions) != 1 || len(l.Read.lacks(w.heads)) > 0 {
		t.Errorf("of a rename %d were told, up to before %v", len(l.Executions), l.Read.lacks(w.heads))
	}
	// Its birth alone: no shim is there yet.
	se, err := w.session(web.Session)
	if err != nil {
		t.Fatal(err)
	}
	born, err := w.write(background, se, event.Draft{Type: event.ExecutionStartedType, Body: encode(&event.ExecutionStarted{Name: "new"}),
		Facts: event.Facts{State: "starting", Fields: []string{"name"}, Size: &event.Size{Cols: 80, Rows: 24}}})
	if err != nil {
		t.Fatal(err)
	}
	if l := list(true); len(l.Executions) != 1 || l.Executions[0].ID != born.ID {
		t.Errorf("of a birth %d were told", len(l.Executions))
	}
}

// What the shim alone tells is told to a watcher too.
func TestAWatcherIsToldWhatTheShimTells(t *testing.T) {
	w := newWorld(t)
	id, _ := w.run(w.caller(event.SurfaceCLI), "one")
	watcher := w.watch()
	defer w.unwatch(watcher)
	take := func() []*object.Execution {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.newTo(watcher, true)
	}
	take()
	if all := take(); len(all) > 0 {
		t.Fatalf("without a change: %v", all)
	}
	r, err := w.runOf(id)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.end += 5
	r.mu.Unlock()
	if all := take(); len(all) != 1 || all[0].ID != id {
		t.Errorf("after output: %v", all)
	}
	w.mu.Lock()
	gone := w.runs[id]
	delete(w.runs, id)
	w.mu.Unlock()
	if all := take(); len(all) != 1 {
		t.Errorf("without its shim: %v", all)
	}
	w.mu.Lock()
	w.runs[id] = gone
	w.mu.Unlock()
}

// Put together, partial lists are the whole one, whatever happens.
func TestPartialListsMakeTheWholeOne(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	known := map[event.ID]Execution{}
	watcher := w.watch()
	defer w.unwatch(watcher)
	look := func(partial bool) {
		t.Helper()
		l, err := w.list(background, web, partial, func() []*object.Execution { return w.newTo(watcher, partial) })
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range l.Executions {
			known[v.ID] = v
		}
	}
	look(false)
	for _, name := range []string{"a", "b", "c"} {
		id, shim := w.run(cli, name)
		look(true)
		a, err := w.Attach(background, cli, name, false, "")
		if err != nil {
			t.Fatal(err)
		}
		look(true)
		if _, err := w.Control(background, cli, name, "release", a.Ticket); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Send(background, web, name, []byte("x")); err != nil {
			t.Fatal(err)
		}
		look(true)
		shim.connects(a.Ticket, true)
		shim.connects(a.Ticket, false)
		shim.prints("output")
		shim.note(attach.Note{Kind: attach.NoteSuspended})
		shim.note(attach.Note{Kind: attach.NoteResumed})
		w.read(name)
		look(true)
		if name != "c" {
			shim.note(attach.Note{Kind: attach.NoteExited, Status: 1})
			w.until("over", func() bool { _, err := w.runOf(id); return err != nil })
		}
		look(true)
	}
	all, _, err := w.Executions(background, web, Where{})
	if err != nil || len(all) != len(known) {
		t.Fatalf("%d of %d are known, %v", len(known), len(all), err)
	}
	for _, v := range all {
		if !reflect.DeepEqual(known[v.ID], v) {
			t.Errorf("known is %+v, and it is %+v", known[v.ID], v)
		}
	}
}

// A command is based on what a watcher was told last, too.
func TestARenameIsBasedOnAPartialList(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	id, _ := w.run(cli, "one")
	other, _ := w.run(cli, "x")
	if _, _, err := w.Rename(background, cli, "x", "y"); err != nil {
		t.Fatal(err)
	}
	known := map[event.ID]Execution{}
	watched := w.watches(web, true)
	defer watched.stop()
	watched.until(known, func() bool { return known[id].Name == "one" })
	if _, _, err := w.Rename(background, cli, "one", "two"); err != nil {
		t.Fatal(err)
	}
	watched.until(known, func() bool { return known[id].Name == "two" })
	for _, id := range []event.ID{other, id} { // the other one was only in the first list
		name := "of web " + id.String()
		if _, _, err := w.Rename(background, web, id.String(), name); err != nil {
			t.Fatal(err)
		}
		if x, _ := w.execution(id); !slices.Equal(x.Names(), []string{name}) {
			t.Errorf("after a rename that saw the other there stand %q", x.Names())
		}
	}
}
