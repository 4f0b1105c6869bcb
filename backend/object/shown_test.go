package object

import (
	"math/rand"
	"reflect"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// documentsOf is what the objects of a fold show, without what stands behind them.
func documentsOf(f *Fold) map[event.ID]any {
	all := map[event.ID]any{}
	for id, o := range f.objects {
		switch o := o.(type) {
		case *Entity:
			shown := map[string]any{"state": o.States()}
			for _, key := range o.Keys() {
				field, _ := o.Field(key)
				shown[key] = []any{field.One.Values(), field.Many.Values(), field.Many.Unread()}
			}
			all[id] = shown
		case *Execution:
			all[id] = []any{o.Name.Values(), o.Launch, o.Reason, o.State}
		case *Actor:
			all[id] = o.Name.Values()
		case *Session:
			all[id] = []any{o.Label, o.After}
		case *Workspace:
			all[id] = []any{o.Name.Values(), o.Device.Values()}
		}
	}
	return all
}

// withoutBodies are the events of a world, of which those bodies are gone that goes
// names.
func (w *world) withoutBodies(goes func(event.Event) bool) []event.Event {
	events := slices.Clone(w.events)
	for i, e := range events {
		if e.Body != nil && goes(e) {
			events[i].Body, events[i].Gone = nil, true
		}
	}
	return events
}

// Over random histories the objects show the same without the bodies that they are
// not read from, and each body that they are read from is missed.
func TestObjectsAreReadFromWhatIsShown(t *testing.T) {
	missed, dropped := 0, 0
	histories(t, 60, func(t *testing.T, name string, w *world) {
		f := w.fold()
		shown, want := f.Shown(), documentsOf(f)
		got := documentsOf(w.foldOf(w.withoutBodies(func(e event.Event) bool {
			if shown(e) {
				return false
			}
			dropped++
			return true
		})))
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: they show\n%v\nand showed\n%v", name, got, want)
		}
		if !reflect.DeepEqual(documentsOf(w.foldOf(w.withoutBodies(func(e event.Event) bool { return shown(e) }))), want) {
			missed++
		}
	})
	if missed == 0 || dropped == 0 {
		t.Errorf("%d histories miss what is shown, and %d bodies are not shown: the test looks at nothing", missed, dropped)
	}
}

// Whatever bodies are gone, verdicts, states, versions and digests are the same.
func TestRule05_WhatIsGoneChangesNoVerdictAndNoDigest(t *testing.T) {
	gone := 0
	histories(t, 60, func(t *testing.T, name string, w *world) {
		rng := rand.New(rand.NewSource(int64(len(w.events))))
		all := w.fold()
		thin := w.foldOf(w.withoutBodies(func(event.Event) bool {
			if rng.Intn(2) == 0 {
				return false
			}
			gone++
			return true
		}))
		var ids []event.ID
		for _, e := range w.events {
			ids = append(ids, e.ID)
			if a, b := all.Judgement(e.ID), thin.Judgement(e.ID); a.Verdict != b.Verdict {
				t.Fatalf("%s: %s is %v, and %v without bodies", name, e.Header.Type, a.Verdict, b.Verdict)
			}
		}
		if a, b := all.Digest(ids), thin.Digest(ids); a != b {
			t.Fatalf("%s: the digest is %v, and %v without bodies", name, a, b)
		}
		for id, o := range all.objects {
			p, there := thin.Object(id)
			if !there || !slices.Equal(p.Head().Frontier, o.Head().Frontier) || p.Head().Lifecycle != o.Head().Lifecycle {
				t.Fatalf("%s: an object has another version without bodies", name)
			}
		}
	})
	if gone == 0 {
		t.Error("no body was gone")
	}
}

// Why an object is in its state is shown as long as it is; who says nothing is not.
func TestWhyAStateStandsIsShown(t *testing.T) {
	w := newWorld(t)
	x := w.add("logs")
	silent := w.write(home, event.WorkItemClaimedType, []event.ID{x.ID}, event.Change{}, about(x.ID), state("claimed"))
	says := w.write(home, event.WorkItemBlockedType, []event.ID{silent.ID}, event.Change{Why: "the disk is full"}, about(x.ID), state("blocked"))
	if shown := w.fold().Shown(); !shown(says) || shown(silent) {
		t.Error("shown are", shown(says), shown(silent))
	}
	w.write(home, event.WorkItemClaimedType, []event.ID{says.ID}, event.Change{}, about(x.ID), state("claimed"))
	if shown := w.fold().Shown(); shown(says) {
		t.Error("it is shown after that state")
	}
}
