package studio

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

// Executions lists all executions, ended ones too, in order of creation, as they
// stand or in a cut. It raises only the floor. Reasons: those of cuts.
func (s *Studio) Executions(ctx context.Context, c Caller, at Where) ([]Execution, Frontier, error) {
	if at.At != "" {
		return s.pastExecutions(ctx, c, at)
	}
	l, err := s.list(ctx, c, false, s.fold.Executions)
	return l.Executions, l.Read, err
}

func (s *Studio) pastExecutions(ctx context.Context, c Caller, at Where) (all []Execution, read Frontier, err error) {
	read, err = s.in(ctx, c, at, func(sc scene) error {
		for _, x := range sc.objects.Executions() {
			all = append(all, sc.viewing(x))
		}
		return nil
	})
	return all, read, err
}

// WatchExecutions calls each with the list now and after every change of it,
// until ctx ends. With changes the lists after the first are partial: history
// grows, and what has ended changes no more.
func (s *Studio) WatchExecutions(ctx context.Context, c Caller, changes bool, each func(Listing) error) error {
	w := s.watch()
	defer s.unwatch(w)
	for partial := false; ; partial = changes {
		news := s.newsNow()
		l, err := s.list(ctx, c, partial, func() []*object.Execution { return s.newTo(w, partial) })
		if err != nil {
			return err
		}
		if !partial || len(l.Executions) > 0 {
			if err := each(l); err != nil {
				return err
			}
		}
		if err := s.await(ctx, news); err != nil {
			return err
		}
		if err := s.pause(ctx, watchEvery); err != nil {
			return err
		}
	}
}

// list answers the executions that which returns, with mu held. Of a partial
// list nothing is nothing new: it raises no floor.
func (s *Studio) list(ctx context.Context, c Caller, partial bool, which func() []*object.Execution) (Listing, error) {
	l := Listing{Partial: partial}
	var listed []*object.Execution
	err := s.dominating(ctx, c, func() {
		listed = which()
		if partial && len(listed) == 0 {
			return
		}
		l.Executions = make([]Execution, 0, len(listed))
		for _, x := range listed {
			l.Executions = append(l.Executions, s.asNow().viewing(x))
		}
		l.Read = s.heads
		s.raise(c)
	})
	if err != nil || c.Session.IsZero() {
		return l, err
	}
	versions := make(map[event.ID][]event.ID, len(listed))
	for _, x := range listed {
		versions[x.ID] = x.Frontier
	}
	return l, s.wereListed(c, object.KindExecution, versions, partial)
}

// wereListed keeps which versions of the objects of a kind a caller's session
// has now.
func (s *Studio) wereListed(c Caller, kind object.Kind, versions map[event.ID][]event.ID, partial bool) error {
	se, err := s.session(c.Session)
	if err != nil {
		return err
	}
	se.mu.Lock()
	defer se.mu.Unlock()
	if se.listed == nil {
		se.listed = map[object.Kind]map[event.ID][]event.ID{}
	}
	if !partial || se.listed[kind] == nil {
		se.listed[kind] = make(map[event.ID][]event.ID, len(versions))
	}
	for id, version := range versions {
		se.listed[kind][id] = version
	}
	return nil
}

// watcher is who is told of every change of the executions. Its fields are
// guarded by the studio's mu.
type watcher struct {
	touched map[event.ID]bool     // what may have a new value since it was told
	held    map[event.ID]shimTold // what it was told besides the objects' values
}

// shimTold is what only the shim of an execution tells, and no event.
type shimTold struct {
	end uint64
	pid int64
}

func (r *run) told() shimTold {
	r.mu.Lock()
	defer r.mu.Unlock()
	return shimTold{r.end, r.pid}
}

func (s *Studio) watch() *watcher {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &watcher{touched: map[event.ID]bool{}}
	s.watchers[w] = struct{}{}
	return w
}

func (s *Studio) unwatch(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// touch tells all watchers which objects an event may have given a new value:
// what it made and names. The caller holds mu.
func (s *Studio) touch(e event.Event) {
	ids := e.Header.Affected
	if _, made := s.fold.Object(e.ID); made {
		ids = []event.ID{e.ID}
	}
	for w := range s.watchers {
		for _, id := range ids {
			w.touched[id] = true
		}
	}
}

// newTo returns the executions that a watcher has to be told of, in order of
// creation, and takes it that it is told. The caller holds mu.
func (s *Studio) newTo(w *watcher, partial bool) []*object.Execution {
	changed, before := w.touched, w.held
	w.touched, w.held = map[event.ID]bool{}, make(map[event.ID]shimTold, len(s.runs))
	for id, r := range s.runs {
		w.held[id] = r.told()
		if was, known := before[id]; !known || was != w.held[id] {
			changed[id] = true
		}
	}
	for id := range before {
		if s.runs[id] == nil {
			changed[id] = true
		}
	}
	if !partial {
		return s.fold.Executions()
	}
	return s.executionsAmong(changed)
}

// executionsAmong returns those of some objects that are executions, in order
// of creation. The caller holds mu.
func (s *Studio) executionsAmong(ids map[event.ID]bool) []*object.Execution {
	var all []*object.Execution
	for id := range ids {
		if x, is := s.fold.Execution(id); is {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b *object.Execution) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return all
}
