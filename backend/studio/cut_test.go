package studio

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

func (w *world) checkpoint(c Caller, q CheckpointRequest) CheckpointMade {
	w.t.Helper()
	made, err := w.CreateCheckpoint(background, c, q)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// A list, the log and an object say the same of a cut, for ever.
func TestACutIsTheSameFromEverySide(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	id := w.add(c, "work")
	made := w.checkpoint(c, CheckpointRequest{Name: "then"})
	claimed := w.change(c, ChangeRequest{Type: event.WorkItemClaimedType, Object: "work"})
	w.add(c, "later")
	at := Where{At: "then"}
	for range 2 {
		if got := w.titles(c, at); got != "work pending" {
			t.Errorf("the list has %s", got)
		}
		shown, err := w.Show(background, c, id.String(), at)
		if err != nil || shown.Object["state"] != "pending" {
			t.Errorf("the object is %v: %v", shown.Object["state"], err)
		}
		if _, err := w.Show(background, c, claimed.Ack.Event.String(), at); !fault.Is(err, "object_unknown") {
			t.Error("an event of later is shown:", err)
		}
		var ids []event.ID
		err = w.Events(background, c, EventFilter{Where: at}, func(page []Event, _ Frontier) error {
			for _, e := range page {
				ids = append(ids, e.ID)
			}
			return nil
		})
		if err != nil || len(ids) == 0 || ids[len(ids)-1] != id {
			t.Errorf("the log ends with another event than the one that made the work: %v", err)
		}
		shown, err = w.Show(background, c, "then", Where{})
		if err != nil || shown.Object["digest"] != made.Digest || shown.Object["manifest"].(map[string]any)["events"] != len(ids) {
			t.Errorf("the checkpoint is %v: %v", shown.Object, err)
		}
		w.restart()
		c = w.caller(event.SurfaceCLI)
	}
	if got := w.titles(c, Where{}); got != "work claimed, later pending" {
		t.Errorf("now there is %s", got)
	}
}

// An event stands for what its author had: what was concurrent with it is not there,
// and of control all that the author's core knew.
func TestAnEventStandsForItsPast(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.addAgent(c, "worker")
	one, two := w.newSession(SessionRequest{As: "worker", Surface: event.SurfaceAPI}), w.newSession(SessionRequest{Surface: event.SurfaceAPI})
	w.add(one, "by one")
	last := w.add(two, "by two")
	at := Where{At: last.String()}
	if got := w.titles(c, at); got != "by two pending" {
		t.Errorf("its author had %s", got)
	}
	l, err := w.Objects(background, c, ObjectFilter{Kind: object.KindActor, Where: at})
	if err != nil || len(l.Objects) != 3 {
		t.Errorf("control is not whole: %d actors, %v", len(l.Objects), err)
	}
	if got := w.titles(c, Where{At: last.String()[:12] + "," + w.last(event.WorkItemCreatedType).ID.String()}); got != "by two pending" {
		t.Errorf("named twice it is %s", got)
	}
}

// A cut that has the record of a finalized checkpoint has all that this froze.
func TestACutHoldsWhatItsRecordsFreeze(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	apart, other := w.newSession(SessionRequest{Surface: event.SurfaceAPI}), w.newSession(SessionRequest{Surface: event.SurfaceAPI})
	w.add(apart, "frozen") // nobody opens it
	w.checkpoint(c, CheckpointRequest{Name: "cut"})
	before := w.add(other, "before")
	if _, err := w.Finalize(background, c, "cut", ""); err != nil {
		t.Fatal(err)
	}
	after := w.add(other, "after")
	if got := w.titles(c, Where{At: before.String()}); got != "before pending" {
		t.Errorf("before the record it is %s", got)
	}
	if got := w.titles(c, Where{At: after.String()}); got != "frozen pending, before pending, after pending" {
		t.Errorf("with the record it is %s", got)
	}
}

func TestCutsAreNamedInFewWays(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.add(c, "work")
	n := w.log.Count()
	if got := w.titles(c, Where{At: fmt.Sprint("arrival:", n)}); got != "work pending" {
		t.Errorf("all arrivals are %s", got)
	}
	if got := w.titles(c, Where{At: fmt.Sprint("arrival:", n-1)}); got != "" {
		t.Errorf("one less is %s", got)
	}
	if got := w.titles(c, Where{At: "now"}); got != "work pending" {
		t.Errorf("now is %s", got)
	}
	for at, want := range map[string]string{"arrival:0": "arrival_unknown", "arrival:x": "arrival_unknown", fmt.Sprint("arrival:", n+1): "arrival_unknown",
		"nothing": "cut_unknown", strings.Repeat("a", 52): "cut_unknown", ",": "cut_unknown", "a,b": "cut_unknown"} {
		if _, err := w.Objects(background, c, ObjectFilter{Kind: object.KindWorkItem, Where: Where{At: at}}); !fault.Is(err, want) {
			t.Errorf("%q: want %s, got %v", at, want, err)
		}
	}
}

// Heads name what stood together, and no others are taken.
func TestInventedHeadsAreNoCut(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.add(c, "work")
	w.addAgent(c, "worker")
	w.add(c, "more")
	for n := uint64(1); n <= w.log.Count(); n++ {
		_, named, err := w.log.Arrived(n)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := w.closed(named); err != nil || got.Count() != int(n) || uint64(got.End()) != n {
			t.Errorf("what had come by %d is %+v: %v", n, got, err)
		}
	}
	whole := byChain(w.heads)
	for name, c := range map[string]struct {
		want   string
		change func(h []event.Head)
	}{
		"another event": {"head_unknown", func(h []event.Head) { h[0].ID = event.ID{1} }},
		"another place": {"head_other", func(h []event.Head) { h[0].Seq++; h[1].Seq-- }},
		"another chain": {"head_other", func(h []event.Head) { h[1].Chain += "x" }},
		"too far":       {"head_other", func(h []event.Head) { h[1].Seq += 5 }},
	} {
		heads := append([]event.Head(nil), whole...)
		c.change(heads)
		if _, err := w.closed(event.Cut{Heads: heads}); !fault.Is(err, c.want) {
			t.Errorf("%s was taken: %v", name, err)
		}
	}
}

func TestCheckpointsAreNamedAndFinalizedOnce(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	for name, q := range map[string]CheckpointRequest{"name_bad": {Name: ""}, "mode_unknown": {Name: "x", Mode: "loud"}, "object_unknown": {Name: "x", Scope: []string{"nothing"}},
		"cut_unknown": {Name: "x", Where: Where{At: "nothing"}}, "branch_unknown": {Name: "x", Where: Where{Branch: "try"}}} {
		if _, err := w.CreateCheckpoint(background, c, q); !fault.Is(err, name) {
			t.Errorf("want %s, got %v", name, err)
		}
	}
	if _, err := w.CreateCheckpoint(background, c, CheckpointRequest{Name: "x", Mode: "quiescent", Scope: slices.Repeat([]string{w.add(c, "logs").String()}, 1025)}); !fault.Is(err, "values_count") {
		t.Error("a scope of more than one event takes:", err)
	}
	made := w.checkpoint(c, CheckpointRequest{Name: "one"})
	if _, err := w.CreateCheckpoint(background, c, CheckpointRequest{Name: "one"}); !fault.Is(err, "name_taken") {
		t.Error("a name is given twice:", err)
	}
	d, err := w.Finalize(background, c, "one", "for good")
	if err != nil || d.Document["state"] != "finalized" || d.Document["digest"] != made.Digest {
		t.Errorf("it is %v: %v", d.Document, err)
	}
	if _, err := w.Finalize(background, c, "one", ""); !fault.Is(err, "illegal_transition") {
		t.Error("it is finalized twice:", err)
	}
	if d, err = w.Invalidate(background, c, "one", ""); err != nil || d.Document["state"] != "invalidated" {
		t.Errorf("it is %v: %v", d.Document, err)
	}
	if _, err := w.OpenCheckpoint(background, c, "one"); !fault.Is(err, "illegal_transition") {
		t.Error("what no longer counts is opened:", err)
	}
	w.noneVoid()
}

// What is open keeps a quiescent checkpoint from being finalized, and is listed by
// another.
func TestAQuiescentCheckpointHasNothingOpen(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.change(c, ChangeRequest{Type: event.TraceOpenedType, Set: map[string]any{"title": "a run"}})
	w.checkpoint(c, CheckpointRequest{Name: "quiet", Mode: "quiescent"})
	w.checkpoint(c, CheckpointRequest{Name: "loud"})
	if _, err := w.Finalize(background, c, "quiet", ""); !fault.Is(err, "not_quiescent") {
		t.Error(err)
	}
	if _, err := w.Finalize(background, c, "loud", ""); err != nil {
		t.Error(err)
	}
	shown, err := w.Show(background, c, "loud", Where{})
	if open := shown.Object["manifest"].(map[string]any)["open_traces"].([]any); err != nil || len(open) != 1 {
		t.Errorf("open are %v: %v", open, err)
	}
	w.change(c, ChangeRequest{Type: event.TraceClosedType, Object: "a run"})
	w.checkpoint(c, CheckpointRequest{Name: "then", Mode: "quiescent"})
	if _, err := w.Finalize(background, c, "then", ""); err != nil {
		t.Error(err)
	}
}

func TestTwoCutsAreCompared(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.add(c, "work")
	w.checkpoint(c, CheckpointRequest{Name: "a"})
	w.change(c, ChangeRequest{Type: event.WorkItemUpdatedType, Object: "work", Set: map[string]any{"summary": "s"}})
	w.add(c, "new")
	d, err := w.Diff(background, c, "a", "now", "")
	if err != nil || d.Relation != "before" || d.OnlyA != 0 || d.OnlyB != 3 || d.DigestA == d.DigestB {
		t.Errorf("they are %+v: %v", d, err)
	}
	var told []string
	for _, one := range d.Differences {
		told = append(told, one.How+" "+one.Name)
		for _, f := range one.Fields {
			told = append(told, fmt.Sprint(f.Field, ":", f.A, ">", f.B))
		}
	}
	if got := strings.Join(told, ", "); got != "changed work, summary:<nil>>s, only_b new, only_b a" {
		t.Errorf("told was %s", got)
	}
	if d, err = w.Diff(background, c, "a", "a", ""); err != nil || d.Relation != "same" || len(d.Differences) != 0 || d.DigestA != d.DigestB {
		t.Errorf("the same are %+v: %v", d, err)
	}
}

func TestQuestionsAreAnsweredByEvents(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	id := w.add(c, "work")
	claimed := w.change(c, ChangeRequest{Type: event.WorkItemClaimedType, Object: "work"}).Ack.Event
	titled := w.change(c, ChangeRequest{Type: event.WorkItemUpdatedType, Object: "work", Set: map[string]any{"summary": "s"}}).Ack.Event
	ids := func(r Reasons, err error) (all []event.ID) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, cause := range r.Causes {
			all = append(all, cause.ID)
		}
		return all
	}
	if all := ids(w.Why(background, c, "work", Where{}, 0)); len(all) != 4 || all[1] != id || all[3] != titled {
		t.Errorf("the object rests on %v", all)
	}
	if all := ids(w.Why(background, c, "work.owner", Where{}, 0)); all[len(all)-1] != claimed {
		t.Errorf("the owner rests on %v", all)
	}
	if all := ids(w.Why(background, c, "work.state", Where{At: id.String()}, 0)); all[len(all)-1] != id {
		t.Errorf("then the state rested on %v", all)
	}
	if all := ids(w.Why(background, c, claimed.String(), Where{}, 1)); len(all) != 1 || all[0] != claimed {
		t.Errorf("the event rests on %v", all)
	}
	for ref, want := range map[string]string{"nothing": "object_unknown", "work.colour": "field_unknown", "work.inputs": "field_unknown"} {
		if _, err := w.Why(background, c, ref, Where{}, 0); !fault.Is(err, want) {
			t.Errorf("%s: want %s, got %v", ref, want, err)
		}
	}
	r, err := w.RelateTo(background, c, id.String(), claimed.String(), 0)
	if err != nil || r.Relation != "before" {
		t.Errorf("they are %v: %v", r.Relation, err)
	}
	other := w.newSession(SessionRequest{Surface: event.SurfaceAPI})
	apart := w.add(other, "apart")
	if r, err = w.RelateTo(background, c, titled.String(), "", 0); err != nil || len(r.Concurrent) != 2 || r.Concurrent[1].ID != apart {
		t.Errorf("beside it are %v: %v", r.Concurrent, err)
	}
	if r, err = w.RelateTo(background, c, titled.String(), "", 1); err != nil || len(r.Concurrent) != 1 || !r.More {
		t.Errorf("of one beside it is told %v %v: %v", r.Concurrent, r.More, err)
	}
	not, err := w.WhyNot(background, c, "work", event.WorkItemClaimedType, Where{})
	if err != nil || not.State != "claimed" || len(not.Against) != 1 || not.Against[0].Events[0] != claimed {
		t.Errorf("against it is %+v: %v", not, err)
	}
	if not, err = w.WhyNot(background, c, "work", event.WorkItemClaimedType, Where{At: id.String()}); err != nil || len(not.Against) != 0 {
		t.Errorf("then nothing was against it, but %+v: %v", not, err)
	}
	if _, err = w.WhyNot(background, c, "work", event.CheckpointFinalizedType, Where{}); !fault.Is(err, "type_unknown") {
		t.Error(err)
	}
}
