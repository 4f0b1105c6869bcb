package object

import (
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func writing(c event.Change) change { return func(h *event.Header) { h.Facts.Fields = c.Keys() } }

// add makes a work item of a title.
func (w *world) add(title string, parents ...event.Event) event.Event {
	w.t.Helper()
	c := event.Change{Set: map[string]event.Value{"title": event.Text(title)}}
	return w.write(home, event.WorkItemCreatedType, idsOf(parents), c, state("pending"), writing(c))
}

func idsOf(events []event.Event) []event.ID {
	var ids []event.ID
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

// step writes an event about a work item after some others.
func (w *world) step(t event.Type, to State, x event.Event, parents []event.Event, c event.Change, changes ...change) event.Event {
	w.t.Helper()
	return w.write(home, t, idsOf(parents), c, append([]change{about(x.ID), state(to), writing(c)}, changes...)...)
}

func (w *world) claim(x event.Event, parents ...event.Event) event.Event {
	return w.step(event.WorkItemClaimedType, "claimed", x, parents, event.Change{Set: map[string]event.Value{"owner": event.Reference(w.anna.ID)}})
}

func (w *world) cancel(x event.Event, parents ...event.Event) event.Event {
	return w.step(event.WorkItemCanceledType, "canceled", x, parents, event.Change{})
}

func entity(t testing.TB, f *Fold, e event.Event) *Entity {
	t.Helper()
	x, known := f.Entity(e.ID)
	if !known {
		t.Fatal("there is no such entity")
	}
	return x
}

// states are the words of the values that stand, the one to display first.
func statesOf(x *Entity) string {
	var words []string
	for _, w := range x.States() {
		words = append(words, string(w.Value))
	}
	return strings.Join(words, " ")
}

func wantText(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %q, want %q", what, got, want)
	}
}

// The tables in SPEC.md are the ones that the fold follows.
func TestRule23_TheTablesAreTheSpecs(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if table := printed(f); !strings.Contains(string(spec), table) {
			t.Errorf("SPEC.md does not have the table of %s:\n%s", f.Kind, table)
		}
	}
}

func printed(f Family) string {
	var out strings.Builder
	fmt.Fprintf(&out, "### %s\n\nMade by %s as %s; its state is of order %s. Fields: ", f.Kind, quoted(f.Made), f.First, f.Order)
	for n, field := range f.Fields {
		kind := map[event.ValueKind]string{event.TextValue: "text", event.NumberValue: "number", event.IDValue: "id", event.FlagValue: "flag"}[field.Of]
		if field.Set {
			kind = "set of " + kind
		}
		if n > 0 {
			out.WriteString(", ")
		}
		fmt.Fprintf(&out, "%s (%s)", field.Key, kind)
	}
	out.WriteString(".\n\n| event | from | to | writes |\n|---|---|---|---|\n")
	for _, s := range f.Steps {
		from := make([]string, 0, len(s.From))
		for _, state := range s.From {
			from = append(from, string(state))
		}
		to := string(s.To) + string(s.Or)
		if to == "" {
			to = "stays"
		}
		writes := strings.Join(s.Writes, " ")
		switch {
		case s.Writes == nil:
			writes = "any field"
		case writes == "":
			writes = "nothing"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", s.Event, strings.Join(from, " "), to, writes)
	}
	return out.String()
}

func quoted(types []event.Type) string {
	var words []string
	for _, t := range types {
		words = append(words, "`"+string(t)+"`")
	}
	return strings.Join(words, " or ")
}

func TestRule24_AnEntityIsMadeInItsFirstState(t *testing.T) {
	w := newWorld(t)
	good := w.add("good")
	early := w.write(home, event.WorkItemCreatedType, nil, event.Change{}, state("claimed"))
	silent := w.write(home, event.WorkItemCreatedType, nil, event.Change{})
	twice := w.write(home, event.WorkItemCreatedType, []event.ID{good.ID}, event.Change{}, state("pending"), about(good.ID))
	f := w.fold()
	w.want(f, good, "")
	w.want(f, early, "state_stated")
	w.want(f, silent, "state_stated")
	w.want(f, twice, "object_count")
	x := entity(t, f, good)
	if x.Kind != KindWorkItem || x.State() != "pending" || x.Home != home || x.CreatedBy != w.anna || x.Text("title") != "good" {
		t.Errorf("it is %+v", x)
	}
	if id, err := f.Find(KindWorkItem, "good"); err != nil || id != good.ID {
		t.Error("its title does not find it:", err)
	}
}

// A step is judged by the state as its author saw it, whatever others did.
func TestRule25_AStepIsLegalFromWhatItsAuthorSaw(t *testing.T) {
	w := newWorld(t)
	x := w.add("x")
	claimed := w.claim(x, x)
	canceled := w.cancel(x, x) // has not seen the claim
	late := w.step(event.WorkItemCompletedType, "completed", x, []event.Event{claimed}, event.Change{})
	early := w.step(event.WorkItemCompletedType, "completed", x, []event.Event{x}, event.Change{})
	both := w.step(event.WorkItemBlockedType, "blocked", x, []event.Event{late, canceled}, event.Change{})
	f := w.fold()
	w.want(f, canceled, "")
	w.want(f, late, "")
	w.want(f, early, "illegal_transition")
	w.want(f, both, "illegal_transition") // neither completed nor canceled leads there
	wantText(t, "the state", statesOf(entity(t, f, x)), "completed canceled")
	if why := fault.Of(f.Judgement(early.ID).Why); why.Details["state"] != "pending" || !strings.Contains(why.Details["allowed"], "work_item.claimed") {
		t.Errorf("the refusal says %v", why.Details)
	}
}

func TestRule25_OneLegalValueIsEnoughAndItReplacesThoseSeen(t *testing.T) {
	w := newWorld(t)
	x := w.add("x")
	claimed, canceled := w.claim(x, x), w.cancel(x, x)
	settled := w.step(event.WorkItemCompletedType, "completed", x, []event.Event{claimed, canceled}, event.Change{})
	f := w.fold()
	w.want(f, settled, "")
	wantText(t, "the state", statesOf(entity(t, f, x)), "completed")
}

func TestRule25_WhatAStepLeadsToIsStated(t *testing.T) {
	w := newWorld(t)
	x := w.add("x")
	claimed := w.claim(x, x)
	wrong := w.step(event.WorkItemCompletedType, "canceled", x, []event.Event{claimed}, event.Change{})
	stays := w.step(event.WorkItemUpdatedType, "claimed", x, []event.Event{claimed}, event.Change{})
	silent := w.step(event.WorkItemUpdatedType, "", x, []event.Event{stays}, event.Change{})
	goesOn := w.step(event.WorkItemUpdatedType, "active", x, []event.Event{silent}, event.Change{})
	odd := w.step(event.WorkItemUpdatedType, "blocked", x, []event.Event{goesOn}, event.Change{})
	f := w.fold()
	w.want(f, wrong, "state_stated")
	w.want(f, stays, "")
	w.want(f, silent, "")
	w.want(f, goesOn, "")
	w.want(f, odd, "state_stated")
	wantText(t, "the state", statesOf(entity(t, f, x)), "active")
}

// Where two values stand, whoever saw both may state one of them.
func TestRule25_StatingOneOfTwoValuesDecides(t *testing.T) {
	w := newWorld(t)
	x := w.add("x")
	claimed, canceled := w.claim(x, x), w.cancel(x, x)
	decided := w.step(event.WorkItemUpdatedType, "canceled", x, []event.Event{claimed, canceled}, event.Change{})
	f := w.fold()
	w.want(f, decided, "")
	wantText(t, "the state", statesOf(entity(t, f, x)), "canceled")
}

func TestRule26_AnEventWritesFieldsOfItsType(t *testing.T) {
	w := newWorld(t)
	x := w.add("x")
	set := func(key string) event.Change {
		return event.Change{Set: map[string]event.Value{key: event.Text("new")}}
	}
	unknown := w.step(event.WorkItemUpdatedType, "", x, []event.Event{x}, set("colour"))
	foreign := w.step(event.WorkItemClaimedType, "claimed", x, []event.Event{x}, set("title"))
	good := w.step(event.WorkItemUpdatedType, "", x, []event.Event{x}, set("title"))
	f := w.fold()
	w.want(f, unknown, "fields")
	w.want(f, foreign, "fields")
	w.want(f, good, "")
	wantText(t, "the title", entity(t, f, x).Text("title"), "new")
}

// Facts say which fields were written, and a body that says otherwise is not
// believed; what the event is judged by stays the same.
func TestRule27_ABodyThatDoesNotFitIsIllFormed(t *testing.T) {
	title := event.Change{Set: map[string]event.Value{"title": event.Text("new")}}
	for name, body := range map[string]event.Change{
		"another key": {Set: map[string]event.Value{"summary": event.Text("new")}}, "one key more": {Set: map[string]event.Value{"title": event.Text("new"), "summary": event.Text("s")}},
		"a number": {Set: map[string]event.Value{"title": event.Number(7)}}, "a set": {Add: map[string][]event.Value{"title": {event.Text("new")}}},
	} {
		w := newWorld(t)
		x := w.add("x")
		odd := w.step(event.WorkItemUpdatedType, "", x, []event.Event{x}, body, writing(title))
		f := w.fold()
		w.want(f, odd, "")
		field, _ := entity(t, f, x).Field("title")
		if is := field.One.Default(); is.Content != IllFormed || is.Value != (event.Value{}) || is.Event != odd.ID {
			t.Errorf("%s: the title is %+v", name, is)
		}
	}
}

func TestRule28_AnAdditionThatWasNotSeenStands(t *testing.T) {
	w := newWorld(t)
	x, one, two := w.add("x"), event.Reference(event.ID{1}), event.Reference(event.ID{2})
	add := func(v event.Value) event.Change {
		return event.Change{Add: map[string][]event.Value{"depends_on": {v}}}
	}
	drop := event.Change{Remove: map[string][]event.Value{"depends_on": {one}}}
	first := w.step(event.WorkItemUpdatedType, "", x, []event.Event{x}, add(one))
	again := w.step(event.WorkItemUpdatedType, "", x, []event.Event{x}, add(one)) // not seen by who drops it
	other := w.step(event.WorkItemUpdatedType, "", x, []event.Event{first}, add(two))
	dropped := w.step(event.WorkItemUpdatedType, "", x, []event.Event{other}, drop)
	all := w.fold()
	field, _ := entity(t, all, x).Field("depends_on")
	if got := field.Many.Values(); !slices.Equal(got, []event.Value{one, two}) || len(field.Many.Additions()) != 2 {
		t.Errorf("there are %v", got)
	}
	absent := dropped
	absent.Body = nil
	f := w.foldOf([]event.Event{w.events[0], x, first, again, other, absent})
	if field, _ = entity(t, f, x).Field("depends_on"); len(field.Many.Values()) != 2 || len(field.Many.Unread()) != 1 {
		t.Errorf("without the body there are %v, unread %v", field.Many.Values(), field.Many.Unread())
	}
}

func TestRule29_ATraceIsRecordedAtItsHome(t *testing.T) {
	w := newWorld(t)
	x := w.write(home, event.TraceOpenedType, nil, event.Change{}, state("open"))
	abroad := w.write(other, event.TraceClosedType, []event.ID{x.ID}, event.Change{}, about(x.ID), state("closed"))
	atHome := w.write(home, event.TraceClosedType, []event.ID{x.ID}, event.Change{}, about(x.ID), state("closed"))
	f := w.fold()
	w.want(f, abroad, "not_home")
	w.want(f, atHome, "")
	wantText(t, "the state", statesOf(entity(t, f, x)), "closed")
}

// By definition: of an object's valid events, those that are in the past of none
// that writes the same.
func TestEntitiesAreWhatTheDefinitionSays(t *testing.T) {
	every := func(event.Event) bool { return true }
	for seed := range int64(1000) {
		w := randomWork(t, seed)
		f := w.fold()
		digest := w.foldAt(f, w.events, every).Digest()
		for n := range 2 {
			order := w.shuffled(rand.New(rand.NewSource(seed + int64(n))))
			g := w.foldOf(order)
			if w.foldAt(g, order, every).Digest() != digest {
				t.Fatalf("seed %d: another order of arrival, another digest", seed)
			}
			for _, e := range w.events {
				if a, b := f.Judgement(e.ID), g.Judgement(e.ID); a.Verdict != b.Verdict || fmt.Sprint(a.Why) != fmt.Sprint(b.Why) {
					t.Fatalf("seed %d: %s is %v by one order of arrival and %v by another", seed, e.Header.Type, a, b)
				}
			}
			w.compare(t, seed, g)
		}
		w.compare(t, seed, f)
	}
}

// compare holds what the fold has against the definition.
func (w *world) compare(t *testing.T, seed int64, f *Fold) {
	t.Helper()
	for _, made := range w.events {
		if made.Header.Type != event.WorkItemCreatedType || f.Judgement(made.ID).Verdict != Valid {
			continue
		}
		x := entity(t, f, made)
		for _, key := range []string{"state", "title", "depends_on"} {
			if got, want := x.Writers(key), w.writers(f, made.ID, key); !slices.Equal(got, want) {
				t.Fatalf("seed %d: %s stands by %v, want %v", seed, key, got, want)
			}
		}
	}
}

// writers are the events whose values of a field stand.
func (w *world) writers(f *Fold, id event.ID, key string) []event.ID {
	var wrote []event.Event
	for _, e := range w.events {
		about := e.ID == id || slices.Contains(e.Header.Affected, id)
		writes := slices.Contains(e.Header.Facts.Fields, key) || key == "state" && e.Header.Facts.State != ""
		if about && writes && f.Judgement(e.ID).Verdict == Valid {
			wrote = append(wrote, e)
		}
	}
	var stand []event.ID
	for _, e := range wrote {
		if key == "depends_on" {
			if w.standsInSet(e, wrote) {
				stand = append(stand, e.ID)
			}
		} else if !slices.ContainsFunc(wrote, func(later event.Event) bool { return w.pasts[later.ID][e.ID] }) {
			stand = append(stand, e.ID)
		}
	}
	slices.SortFunc(stand, byID)
	return stand
}

func (w *world) standsInSet(e event.Event, wrote []event.Event) bool {
	body, _ := changeOf(e)
	for _, v := range body.Add["depends_on"] {
		gone := slices.ContainsFunc(wrote, func(later event.Event) bool {
			b, _ := changeOf(later)
			return w.pasts[later.ID][e.ID] && slices.Contains(b.Remove["depends_on"], v)
		})
		if !gone {
			return true
		}
	}
	return false
}

func randomWork(t testing.TB, seed int64) *world {
	w, r := newWorld(t), rand.New(rand.NewSource(seed))
	items := []event.Event{w.add("a"), w.add("b")}
	steps := []struct {
		t  event.Type
		to State
	}{{event.WorkItemClaimedType, "claimed"}, {event.WorkItemUpdatedType, "active"}, {event.WorkItemUpdatedType, ""}, {event.WorkItemBlockedType, "blocked"},
		{event.WorkItemReadyForReviewType, "review"}, {event.WorkItemCompletedType, "completed"}, {event.WorkItemCanceledType, "canceled"}, {event.WorkItemClaimedType, "review"}}
	for range 30 {
		x := items[r.Intn(2)]
		var parents []event.Event
		for _, id := range w.someParents(r, x) {
			at := slices.IndexFunc(w.events, func(e event.Event) bool { return e.ID == id })
			parents = append(parents, w.events[at])
		}
		s := steps[r.Intn(len(steps))]
		var c event.Change
		if s.t == event.WorkItemUpdatedType {
			switch v := event.Reference(event.ID{byte(r.Intn(3) + 1)}); r.Intn(4) {
			case 0:
				c.Set = map[string]event.Value{"title": event.Text(fmt.Sprint(r.Intn(9)))}
			case 1:
				c.Add = map[string][]event.Value{"depends_on": {v}}
			case 2:
				c.Remove = map[string][]event.Value{"depends_on": {v}}
			}
		}
		chain := []event.Chain{home, home, other}[r.Intn(3)]
		w.write(chain, s.t, idsOf(parents), c, about(x.ID), state(s.to), writing(c))
	}
	return w
}

func TestRule30_ARefusalChangesNothing(t *testing.T) {
	w := newWorld(t)
	x := w.write(home, event.CheckpointProposedType, nil, event.Change{}, state("proposed"), func(h *event.Header) {
		h.Facts.Cut = &event.Cut{Past: []event.ID{w.genesis}}
	})
	record := func(outcome, reason string) event.Event {
		return w.write(event.Chain(w.genesis[:]), event.CheckpointFinalizedType, []event.ID{x.ID}, event.Change{}, about(x.ID), state("finalized"), func(h *event.Header) {
			h.Class, h.Session, h.Actor = event.Control, event.ID{}, w.core
			h.Facts.Decision = &event.Decision{Request: x.ID, Outcome: outcome, Reason: reason}
			h.Facts.Cut, h.Facts.Digest = &event.Cut{Past: []event.ID{x.ID}}, &event.Digest{Version: 1, Hash: event.ID{1}}
			if h.Seq == 0 {
				h.Seq, h.Prev = 1, w.genesis
			}
		})
	}
	refused := record(event.OutcomeRefused, "digest_other")
	f := w.fold()
	w.want(f, refused, "")
	wantText(t, "the state", statesOf(entity(t, f, x)), "proposed")
	if !slices.Contains(f.Version(x.ID), refused.ID) {
		t.Error("the refusal is no part of its version")
	}
	done := record(event.OutcomeDone, "")
	f = w.fold()
	w.want(f, done, "")
	wantText(t, "the state", statesOf(entity(t, f, x)), "finalized")
}

// A trace ends once, whichever sessions of its home did not see each other.
func TestRule25_AStateOfOrderChainIsJudgedByTheChain(t *testing.T) {
	w := newWorld(t)
	x := w.write(home, event.TraceOpenedType, nil, event.Change{}, state("open"))
	closed := w.write(home, event.TraceClosedType, []event.ID{x.ID}, event.Change{}, about(x.ID), state("closed"))
	again := w.write(home, event.ToolCallFailedType, []event.ID{x.ID}, event.Change{}, about(x.ID), state("failed"))
	f := w.fold()
	w.want(f, closed, "")
	w.want(f, again, "illegal_transition")
	wantText(t, "the state", statesOf(entity(t, f, x)), "closed")
}

// What is not of control cannot give back a state that control took away, however
// late it comes.
func TestRule25_AStateOfOrderControlIsWrittenByRecords(t *testing.T) {
	w := newWorld(t)
	x := w.write(home, event.CheckpointProposedType, nil, event.Change{}, state("proposed"), func(h *event.Header) {
		h.Facts.Cut = &event.Cut{Past: []event.ID{w.genesis}}
	})
	reopened := w.write(other, event.CheckpointReopenedType, []event.ID{x.ID}, event.Change{}, about(x.ID), state("proposed"))
	request := w.ask(event.CheckpointInvalidatedType, event.Change{}, about(x.ID), func(h *event.Header) {
		h.Parents, h.Lamport = []event.ID{x.ID}, x.Header.Lamport+1
	})
	record := w.record(event.CheckpointInvalidatedType, request, event.OutcomeDone, state("invalidated"))
	for _, order := range [][]event.Event{{w.events[0], x, reopened, request, record}, {w.events[0], x, request, record, reopened}} {
		f := w.foldOf(order)
		w.want(f, reopened, "")
		wantText(t, "the state", statesOf(entity(t, f, x)), "invalidated")
	}
}
