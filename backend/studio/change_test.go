package studio

import (
	"context"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

func (w *world) add(c Caller, title string) event.ID {
	w.t.Helper()
	return w.change(c, ChangeRequest{Type: event.WorkItemCreatedType, Set: map[string]any{"title": title}}).ID
}

func (w *world) change(c Caller, q ChangeRequest) Changed {
	w.t.Helper()
	changed, err := w.Change(background, c, q)
	if err != nil {
		w.t.Fatal(err)
	}
	return changed
}

// titles are what a list has, in its order.
func (w *world) titles(c Caller, at Where) string {
	w.t.Helper()
	l, err := w.Objects(background, c, ObjectFilter{Kind: object.KindWorkItem, Where: at})
	if err != nil {
		w.t.Fatal(err)
	}
	var titles []string
	for _, o := range l.Objects {
		titles = append(titles, o["title"].(string)+" "+o["state"].(string))
	}
	return strings.Join(titles, ", ")
}

func TestWorkGoesItsWay(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	logs, fix := w.add(c, "logs"), w.add(c, "fix")
	changed := w.change(c, ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", Add: map[string][]any{"depends_on": {"logs"}},
		Set: map[string]any{"summary": "s", "owner": "anna"}, Why: "because"})
	if d := changed.Document; d["summary"] != "s" || d["owner_name"] != "anna" || d["depends_on"].([]any)[0] != logs.String() || d["depends_on_names"].([]any)[0] != "logs" {
		t.Errorf("the document is %v", d)
	}
	for _, step := range []struct {
		t     event.Type
		state string
		want  string
	}{{event.WorkItemClaimedType, "", "claimed"}, {event.WorkItemUpdatedType, "active", "active"}, {event.WorkItemReadyForReviewType, "", "review"}, {event.WorkItemCompletedType, "", "completed"}} {
		if d := w.change(c, ChangeRequest{Type: step.t, Object: "logs", State: step.state}).Document; d["state"] != step.want {
			t.Errorf("%s leads to %v", step.t, d["state"])
		}
	}
	before := w.log.Count()
	for name, c2 := range map[string]struct {
		q    ChangeRequest
		want string
	}{
		"a step that is not allowed": {ChangeRequest{Type: event.WorkItemClaimedType, Object: "logs"}, "illegal_transition"},
		"a state that it has not":    {ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", State: "completed"}, "state_stated"},
		"no such work":               {ChangeRequest{Type: event.WorkItemClaimedType, Object: "nothing"}, "work_item_unknown"},
		"another kind":               {ChangeRequest{Type: event.ArtifactSupersededType, Object: "fix"}, "artifact_unknown"},
		"no such type":               {ChangeRequest{Type: "garden.watered", Object: "fix"}, "type_unknown"},
		"what control decides":       {ChangeRequest{Type: event.ViewPublishedType, Object: "fix"}, "type_closed"},
		"what has its own command":   {ChangeRequest{Type: event.CheckpointProposedType}, "type_closed"},
		"no such field":              {ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", Set: map[string]any{"colour": "red"}}, "fields"},
		"a field of another step":    {ChangeRequest{Type: event.WorkItemCanceledType, Object: "fix", Set: map[string]any{"title": "x"}}, "fields"},
		"one value into a set":       {ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", Set: map[string]any{"depends_on": "logs"}}, "value_bad"},
		"several into one":           {ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", Add: map[string][]any{"title": {"a"}}}, "value_bad"},
		"a number for an object":     {ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", Set: map[string]any{"owner": int64(7)}}, "value_bad"},
		"nobody for an owner":        {ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", Set: map[string]any{"owner": "nobody"}}, "actor_unknown"},
		"words for a number":         {ChangeRequest{Type: event.ArtifactRecordedType, Set: map[string]any{"size": "many"}}, "value_bad"},
		"an empty title":             {ChangeRequest{Type: event.WorkItemCreatedType, Set: map[string]any{"title": ""}}, "name_bad"},
		"a title of two lines":       {ChangeRequest{Type: event.WorkItemCreatedType, Set: map[string]any{"title": "a\nb"}}, "name_bad"},
		"a title of a megabyte":      {ChangeRequest{Type: event.WorkItemCreatedType, Set: map[string]any{"title": strings.Repeat("a", 1<<20)}}, "name_bad"},
		"a text of a megabyte":       {ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", Set: map[string]any{"summary": strings.Repeat("a", 1<<20)}}, "text_long"},
		"more than one event takes":  {ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", Add: map[string][]any{"depends_on": slices.Repeat([]any{"logs"}, 1025)}}, "values_count"},
		"text that is none":          {ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", Set: map[string]any{"summary": "a\xff"}}, "value_bad"},
		"another branch":             {ChangeRequest{Type: event.WorkItemCreatedType, Branch: "try"}, "branch_unknown"},
		"no such event":              {ChangeRequest{Type: event.WorkItemUpdatedType, Object: "fix", BasedOn: []string{strings.Repeat("a", 52)}}, "event_unknown"},
	} {
		if _, err := w.Change(background, c, c2.q); !fault.Is(err, c2.want) {
			t.Errorf("%s: want %s, got %v", name, c2.want, err)
		}
	}
	if _, err := w.Change(background, Caller{}, ChangeRequest{Type: event.WorkItemCreatedType}); !fault.Is(err, "session_missing") {
		t.Error("nobody changes something:", err)
	}
	if w.log.Count() != before {
		t.Error("what was refused is in the log")
	}
	w.noneVoid()
	_ = fix
}

// Two who have not seen each other's change both keep theirs; one who saw both
// decides.
func TestConcurrentChangesBothStand(t *testing.T) {
	w := newWorld(t)
	one, two := w.newSession(SessionRequest{Surface: event.SurfaceAPI}), w.newSession(SessionRequest{Surface: event.SurfaceAPI})
	id := w.add(one, "work").String()
	if _, err := w.Show(background, two, id, Where{}); err != nil {
		t.Fatal(err)
	}
	w.change(one, ChangeRequest{Type: event.WorkItemUpdatedType, Object: id, Set: map[string]any{"title": "by one"}})
	// The second is based on what it was shown, though the objects have the other change by now.
	d := w.change(two, ChangeRequest{Type: event.WorkItemUpdatedType, Object: id, Set: map[string]any{"title": "by two"}}).Document
	values := d["concurrent"].(map[string]any)["title"].([]any)
	if len(values) != 2 {
		t.Fatalf("there stand %v", values)
	}
	if d = w.change(two, ChangeRequest{Type: event.WorkItemUpdatedType, Object: id, Set: map[string]any{"title": "by both"}}).Document; d["title"] != "by both" || len(d["concurrent"].(map[string]any)) != 0 {
		t.Errorf("who saw both did not decide: %v", d)
	}
	w.noneVoid()
}

// Who names an object that was never shown to its session acts on what stands; who
// was shown a version acts on that.
func TestACommandIsBasedOnWhatWasShownLast(t *testing.T) {
	w := newWorld(t)
	one, two := w.newSession(SessionRequest{Surface: event.SurfaceAPI}), w.newSession(SessionRequest{Surface: event.SurfaceAPI})
	w.add(one, "work")
	w.change(one, ChangeRequest{Type: event.WorkItemClaimedType, Object: "work"})
	if d := w.change(two, ChangeRequest{Type: event.WorkItemCompletedType, Object: "work"}).Document; d["state"] != "completed" || len(d["concurrent"].(map[string]any)) != 0 {
		t.Errorf("named and never shown it is %v", d)
	}
	w.add(one, "other")
	w.titles(two, Where{}) // shown as pending
	w.change(one, ChangeRequest{Type: event.WorkItemClaimedType, Object: "other"})
	if _, err := w.Change(background, two, ChangeRequest{Type: event.WorkItemCompletedType, Object: "other"}); !fault.Is(err, "illegal_transition") {
		t.Error("it acts on what it was not shown:", err)
	}
	if d := w.change(two, ChangeRequest{Type: event.WorkItemCanceledType, Object: "other"}).Document; len(d["concurrent"].(map[string]any)["state"].([]any)) != 2 {
		t.Errorf("what was not seen is replaced: %v", d)
	}
}

// Two agents that write and list are concurrent, whatever lists they look at; one
// look at an object orders what comes after it.
func TestAgentsThatOnlyListAreConcurrent(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.addAgent(c, "left")
	w.addAgent(c, "right")
	left, right := w.newSession(SessionRequest{As: "left", Surface: event.SurfaceCLI}), w.newSession(SessionRequest{As: "right", Surface: event.SurfaceCLI})
	relate := func(a, b event.ID, want causal.Relation) {
		t.Helper()
		if r, err := w.log.Relate(a, b); err != nil || r != want {
			t.Errorf("they are %v, want %v: %v", r, want, err)
		}
	}
	a := w.add(left, "left's")
	w.titles(right, Where{})
	b := w.add(right, "right's")
	w.titles(left, Where{})
	relate(a, b, causal.Concurrent)
	if _, err := w.Show(background, right, a.String(), Where{}); err != nil {
		t.Fatal(err)
	}
	relate(a, w.add(right, "after it"), causal.Before)
	relate(b, w.add(left, "still apart"), causal.Concurrent)
}

func TestAWatcherOfObjectsIsToldWhatChanged(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceWeb)
	w.add(c, "first")
	lists := make(chan ObjectList, 16)
	ctx, cancel := context.WithCancel(background)
	done := make(chan error, 1)
	go func() {
		done <- w.WatchObjects(ctx, c, ObjectFilter{Kind: object.KindWorkItem}, func(l ObjectList) error { lists <- l; return nil })
	}()
	if l := <-lists; l.Partial || len(l.Objects) != 1 {
		t.Errorf("the first list is %v", l)
	}
	w.add(c, "second")
	if l := <-lists; !l.Partial || len(l.Objects) != 1 || l.Objects[0]["title"] != "second" || len(l.Read.lacks(w.heads)) > 0 {
		t.Errorf("then comes %v", l)
	}
	cancel()
	if err := <-done; !fault.Is(err, "canceled") {
		t.Error(err)
	}
	if err := w.WatchObjects(background, c, ObjectFilter{Kind: "garden"}, nil); !fault.Is(err, "kind_unknown") {
		t.Error(err)
	}
	if err := w.WatchObjects(background, c, ObjectFilter{Kind: object.KindWorkItem, Where: Where{At: "arrival:1"}}, nil); !fault.Is(err, "watch_past") {
		t.Error(err)
	}
}
