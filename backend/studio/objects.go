package studio

import (
	"context"
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// Objects lists the objects of a kind in order of creation. It raises only the
// floor. Reasons: kind_unknown, branch_unknown, and those of cuts.
func (s *Studio) Objects(ctx context.Context, c Caller, f ObjectFilter) (ObjectList, error) {
	if err := s.checkKind(f.Kind); err != nil {
		return ObjectList{}, err
	}
	if f.At != "" {
		return s.pastObjects(ctx, c, f)
	}
	if _, err := s.branch(f.Branch); err != nil {
		return ObjectList{}, err
	}
	return s.listObjects(ctx, c, f, false, func() []object.Object { return s.fold.Objects(f.Kind) })
}

// pastObjects lists the objects of a kind in a cut. A command is never based on
// them: the past is looked at, and not gone on from.
func (s *Studio) pastObjects(ctx context.Context, c Caller, f ObjectFilter) (ObjectList, error) {
	l := ObjectList{Objects: []map[string]any{}}
	var err error
	l.Read, err = s.in(ctx, c, f.Where, func(sc scene) error {
		for _, o := range sc.objects.Objects(f.Kind) {
			if f.State == "" || stateOf(o) == f.State {
				l.Objects = append(l.Objects, sc.document(o))
			}
		}
		return nil
	})
	return l, err
}

// listable are the kinds that have lists besides those of the tables.
var listable = []object.Kind{object.KindActor, object.KindSession, object.KindWorkspace, object.KindExecution}

func (s *Studio) checkKind(kind object.Kind) error {
	if _, table := object.FamilyOf(kind); table || slices.Contains(listable, kind) {
		return nil
	}
	return fault.New(fault.InvalidArgument, "kind_unknown", "there are no objects of the kind \""+valid(string(kind))+"\"", "see the manual for the kinds")
}

// listObjects answers the objects that which returns, with mu held. Of a partial
// list nothing is nothing new: it raises no floor.
func (s *Studio) listObjects(ctx context.Context, c Caller, f ObjectFilter, partial bool, which func() []object.Object) (ObjectList, error) {
	l := ObjectList{Partial: partial}
	var listed []object.Object
	err := s.dominating(ctx, c, func() {
		listed = slices.DeleteFunc(which(), func(o object.Object) bool { return f.State != "" && stateOf(o) != f.State })
		if partial && len(listed) == 0 {
			return
		}
		l.Objects = make([]map[string]any, 0, len(listed))
		for _, o := range listed {
			l.Objects = append(l.Objects, s.asNow().document(o))
		}
		l.Read = s.heads
		s.raise(c)
	})
	if err != nil || c.Session.IsZero() {
		return l, err
	}
	versions := make(map[event.ID][]event.ID, len(listed))
	for _, o := range listed {
		versions[o.Head().ID] = o.Head().Frontier
	}
	return l, s.wereListed(c, f.Kind, versions, partial)
}

func stateOf(o object.Object) object.State {
	switch o := o.(type) {
	case *object.Entity:
		return o.State()
	case *object.Execution:
		return o.State
	case *object.Actor:
		return o.State
	}
	return ""
}

// WatchObjects calls each with the list now, and after every change of it with
// what changed, until ctx ends.
func (s *Studio) WatchObjects(ctx context.Context, c Caller, f ObjectFilter, each func(ObjectList) error) error {
	if err := s.checkKind(f.Kind); err != nil {
		return err
	}
	if f.At != "" || f.Branch != "" && f.Branch != "main" {
		return watchPast()
	}
	w := s.watch()
	defer s.unwatch(w)
	for partial := false; ; partial = true {
		news := s.newsNow()
		l, err := s.listObjects(ctx, c, f, partial, func() []object.Object { return s.changedTo(w, f.Kind, partial) })
		if err != nil {
			return err
		}
		if !partial || len(l.Objects) > 0 {
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

func watchPast() error {
	return fault.New(fault.InvalidArgument, "watch_past", "the past does not go on", "read it without waiting for more")
}

// changedTo returns the objects of a kind that a watcher has to be told of, in
// order of creation, and takes it that it is told. The caller holds mu.
func (s *Studio) changedTo(w *watcher, kind object.Kind, partial bool) []object.Object {
	changed := w.touched
	w.touched = map[event.ID]bool{}
	all := s.fold.Objects(kind)
	if !partial {
		return all
	}
	return slices.DeleteFunc(all, func(o object.Object) bool { return !changed[o.Head().ID] })
}
