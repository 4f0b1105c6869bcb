package studio

import (
	"context"
	"slices"
	"sync"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// lateLog lets a rename be durable while the objects do not have it yet.
type lateLog struct {
	Log
	durable, goOn chan struct{}
}

func (l *lateLog) Append(ctx context.Context, d event.Draft) (event.Event, error) {
	e, err := l.Log.Append(ctx, d)
	if d.Type == event.ExecutionRenamedType {
		close(l.durable)
		<-l.goOn
	}
	return e, err
}

// halfRenamed is a world whose terminal "one" is named "two" by an event that
// is durable and not in the objects before goOn.
func halfRenamed(t *testing.T) (w *world, goOn func()) {
	w = newWorld(t)
	late := &lateLog{w.p.Log, make(chan struct{}), make(chan struct{})}
	w.p.Log = late
	cli := w.caller(event.SurfaceCLI)
	w.run(cli, "one")
	w.caller(event.SurfaceWeb)
	done := make(chan error, 1)
	go func() { _, _, err := w.Rename(background, cli, "one", "two"); done <- err }()
	<-late.durable
	goOn = sync.OnceFunc(func() {
		close(late.goOn)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(goOn)
	return w, goOn
}

func TestNoAnswerIsOlderThanItsFrontier(t *testing.T) {
	w, goOn := halfRenamed(t)
	web := w.caller(event.SurfaceWeb)
	renamed := Frontier{w.log.Heads()[1]}
	if e := w.last(event.ExecutionRenamedType); e.ID != renamed[0].ID {
		t.Fatal("the rename is not the newest event")
	}
	reads := map[string]func(Caller) (Frontier, string){
		"list": func(c Caller) (Frontier, string) {
			all, read, err := w.Executions(background, c, Where{})
			if err != nil {
				t.Fatal(err)
			}
			return read, all[0].Name
		},
		"show": func(c Caller) (Frontier, string) {
			shown, err := w.Show(background, c, w.events(event.ExecutionStartedType)[0].ID.String(), Where{})
			if err != nil {
				t.Fatal(err)
			}
			return shown.Read, shown.Object["name"].(string)
		},
		"events": func(c Caller) (read Frontier, name string) {
			name = "one"
			err := w.Events(background, c, EventFilter{}, func(page []Event, f Frontier) error {
				read = f
				if slices.ContainsFunc(page, func(e Event) bool { return e.Header.Type == event.ExecutionRenamedType }) {
					name = "two"
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return read, name
		},
		"status": func(Caller) (Frontier, string) {
			st := w.Status()
			if st.Events == uint64(len(w.events(""))) {
				return st.Read, "two"
			}
			return st.Read, "one"
		},
	}
	look := func(name string, has bool) {
		for what, read := range reads {
			for _, c := range []Caller{web, {}} {
				f, called := read(c)
				if has != (len(f.lacks(renamed)) == 0) || called != name {
					t.Errorf("%s: %q with a frontier that has the rename: %v", what, called, !has)
				}
			}
		}
	}
	look("one", false)
	if len(w.floors[w.human.ID].lacks(renamed)) == 0 {
		t.Error("the floor has what nobody was shown")
	}
	goOn()
	look("two", true)
}

// Whoever was shown something waits for it, and is not answered without it.
func TestAReaderWaitsForWhatItWasShown(t *testing.T) {
	w, goOn := halfRenamed(t)
	web := w.caller(event.SurfaceWeb)
	w.mu.Lock()
	w.floors[w.human.ID] = w.log.Heads()
	w.mu.Unlock()
	ctx := &asked{Context: background, asked: make(chan struct{})}
	got := make(chan string, 1)
	go func() {
		all, _, err := w.Executions(ctx, web, Where{})
		if err != nil {
			got <- err.Error()
			return
		}
		got <- all[0].Name
	}()
	<-ctx.asked
	goOn()
	if name := <-got; name != "two" {
		t.Errorf("answered %q", name)
	}
}

// asked tells when somebody waits for its end.
type asked struct {
	context.Context
	once  sync.Once
	asked chan struct{}
}

func (a *asked) Done() <-chan struct{} {
	a.once.Do(func() { close(a.asked) })
	return a.Context.Done()
}

// What is answered and its frontier are one state, however busy the home is.
func TestAnAnswerIsTheStateOfItsFrontier(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	id, _ := w.run(cli, "name 0")
	type answer struct {
		seq  uint64
		name string
	}
	over := make(chan struct{})
	answers := make(chan []answer, 2)
	ask := func(once func() (Frontier, string, error)) {
		var all []answer
		for {
			select {
			case <-over:
				answers <- all
				return
			default:
			}
			read, name, err := once()
			if err != nil {
				t.Error(err)
				answers <- all
				return
			}
			all = append(all, answer{read[1].Seq, name})
		}
	}
	go ask(func() (Frontier, string, error) {
		all, read, err := w.Executions(background, web, Where{})
		return read, all[0].Name, err
	})
	go ask(func() (Frontier, string, error) {
		shown, err := w.Show(background, Caller{}, id.String(), Where{})
		name, _ := shown.Object["name"].(string)
		return shown.Read, name, err
	})
	const renames = 300
	for n := range renames {
		if _, _, err := w.Rename(background, cli, id.String(), names(n)); err != nil {
			t.Fatal(err)
		}
	}
	close(over)
	written := w.events(event.ExecutionRenamedType)
	for range 2 {
		for _, a := range <-answers {
			before := slices.IndexFunc(written, func(e event.Event) bool { return e.Header.Seq > a.seq })
			if before < 0 {
				before = renames
			}
			if want := names(before - 1); a.name != want {
				t.Fatalf("at %d the name is %q, and %q was answered", a.seq, want, a.name)
			}
		}
	}
}

// names is the name after the nth rename.
func names(n int) string {
	if n < 0 {
		return "name 0"
	}
	return "name " + string(rune('A'+n%26)) + string(rune('A'+n/26))
}

func TestAStaleHomeDoesNothing(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	w.run(cli, "one")
	before := len(w.events(event.ExecutionStartedType))
	w.mu.Lock()
	w.floors[w.human.ID] = Frontier{w.heads[0], {Chain: w.heads[1].Chain, Seq: w.heads[1].Seq + 3}}
	w.mu.Unlock()
	if _, err := w.Start(background, cli, StartRequest{Argv: []string{"sh"}, Folder: "/"}); !fault.Is(err, "stale") {
		t.Errorf("answered with %v", err)
	}
	if n := len(w.events(event.ExecutionStartedType)); n != before {
		t.Errorf("%d programs were started", n-before)
	}
}
