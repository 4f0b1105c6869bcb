package object

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func TestRule11_Birth(t *testing.T) {
	w := newWorld(t)
	x := w.start("build", session(event.ID{3}), size(80, 24), turn(4, w.anna.ID, event.ID{3}))
	f := w.fold()
	w.want(f, x, "")
	got := w.execution(f, x)
	if got.State != Starting || got.Home != home || got.Session != (event.ID{3}) || got.CreatedBy != w.anna || got.Size != (event.Size{Cols: 80, Rows: 24}) || got.Turn.Epoch != 4 {
		t.Errorf("%+v", got)
	}
	if want := (Launch{Argv: []string{"make", "all"}, Program: "/usr/bin/make", Folder: "/src", Environment: []string{"HOME", "PATH"}, Isolation: "none"}); !reflect.DeepEqual(got.Launch, want) {
		t.Errorf("%+v", got.Launch)
	}
	two := w.start("two", about(x.ID))
	silent := w.start("silent", state(""))
	f = w.fold()
	w.want(f, two, "object_count")
	w.want(f, silent, "state_stated")
}

func TestRule12_OneExecutionInThePast(t *testing.T) {
	w := newWorld(t)
	x, y := w.start("x"), w.start("y")
	s := w.write(home, event.SessionOpenedType, nil, event.SessionOpened{})
	both := slices.SortedFunc(slices.Values([]event.ID{x.ID, y.ID}), byID)
	none := w.next(event.ExecutionResizedType, x, x, func(h *event.Header) { h.Affected = nil })
	two := w.next(event.ExecutionResizedType, x, x, func(h *event.Header) { h.Affected = both })
	unseen := w.next(event.ExecutionResizedType, y, x)
	kind := w.next(event.ExecutionRenamedType, s, s)
	person := w.next(event.ExecutionRenamedType, s, s, about(w.anna.ID))
	far := w.next(event.ExecutionResizedType, x, two) // x lies behind another event
	f := w.fold()
	w.want(f, none, "object_count")
	w.want(f, two, "object_count")
	w.want(f, unseen, "object_unknown")
	w.want(f, kind, "object_kind")
	w.want(f, person, "object_kind")
	w.want(f, far, "")
}

func TestRule13_HomeRecordsAllButTheName(t *testing.T) {
	w := newWorld(t)
	x := w.start("build", func(h *event.Header) { h.Facts.Fields = []string{"name"} })
	name := w.write(other, event.ExecutionRenamedType, []event.ID{x.ID}, event.ExecutionRenamed{Name: "far"}, about(x.ID), func(h *event.Header) { h.Facts.Fields = []string{"name"} })
	title := w.write(other, event.ExecutionRenamedType, []event.ID{x.ID}, event.ExecutionRenamed{Name: "far"}, about(x.ID), func(h *event.Header) { h.Facts.Fields = []string{"title"} })
	wrong := w.start("wrong", func(h *event.Header) { h.Facts.Fields = []string{"title"} })
	var away []event.Event
	for _, row := range transitions {
		if row.event == event.ExecutionRenamedType {
			continue
		}
		away = append(away, w.write(other, row.event, []event.ID{x.ID}, event.Remark{}, about(x.ID), full(row.event, w.anna.ID), state(row.to)))
	}
	f := w.fold()
	w.want(f, x, "")
	w.want(f, name, "")
	w.want(f, title, "fields")
	w.want(f, wrong, "fields")
	for _, e := range away {
		w.want(f, e, "not_home")
	}
	if got := w.execution(f, x); got.Names()[0] != "far" || got.State != Starting {
		t.Errorf("%+v", got)
	}
}

// full gives an event of a type the facts without which it would be refused.
func full(t event.Type, driver event.ID) change {
	return func(h *event.Header) {
		switch t {
		case event.ExecutionAttachedType, event.ExecutionDetachedType:
			operator(h.Session)(h)
		case event.ExecutionControlChangedType:
			turn(1, driver, h.Session)(h)
		case event.ExecutionOutputType:
			bytesOf(0, 5)(h)
		case event.ExecutionExitedType:
			exit(0, 0)(h)
		}
	}
}

// into writes an execution that is in a state, with one operator if it lives.
func (w *world) into(s State) (x, last event.Event) {
	x = w.start("build")
	last = w.next(event.ExecutionAttachedType, x, x, operator(event.ID{1}))
	step := func(t event.Type, s State) { last = w.next(t, x, last, full(t, w.anna.ID), state(s)) }
	switch s {
	case Running:
		step(event.ExecutionRunningType, Running)
	case Suspended:
		step(event.ExecutionRunningType, Running)
		step(event.ExecutionSuspendedType, Suspended)
	case Exited:
		step(event.ExecutionExitedType, Exited)
	case Lost:
		step(event.ExecutionLostType, Lost)
	}
	return x, last
}

// tableOf reads the table of SPEC.md: by type and state what the state is after.
func tableOf(t *testing.T) map[event.Type]map[State]State {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[event.Type]map[State]State{}
	for _, line := range strings.Split(string(spec), "\n") {
		if !strings.HasPrefix(line, "| `execution.") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for _, word := range regexp.MustCompile("`([a-z_.]+)`").FindAllStringSubmatch(cells[0], -1) {
			row := map[State]State{}
			for i, from := range every {
				if to := State(strings.TrimSpace(cells[i+1])); to != "" {
					row[from] = to
				}
			}
			table[event.Type("execution."+strings.TrimPrefix(word[1], "execution."))] = row
		}
	}
	return table
}

func TestRule14_StatesAsInTheTable(t *testing.T) {
	table := tableOf(t)
	if len(table) != len(transitions) {
		t.Fatalf("SPEC.md has %d types, the code %d", len(table), len(transitions))
	}
	for _, row := range transitions {
		for _, from := range every {
			w := newWorld(t)
			x, last := w.into(from)
			to, legal := table[row.event][from]
			stated := to
			if to == "stays" {
				to, stated = from, ""
			}
			e := w.next(row.event, x, last, full(row.event, w.anna.ID), state(stated))
			f := w.fold()
			if legal {
				w.want(f, e, "")
			} else {
				to = from
				w.want(f, e, "illegal_transition")
			}
			if got := w.execution(f, x).State; got != to {
				t.Errorf("%s leads from %s to %s, not to %s", row.event, from, got, to)
			}
			if Legal(row.event, from) != legal {
				t.Errorf("%s in %s: Legal says %v", row.event, from, !legal)
			}
		}
	}
	w := newWorld(t)
	x, last := w.into(Suspended)
	silent := w.next(event.ExecutionRecoveredType, x, last)
	liar := w.next(event.ExecutionRecoveredType, x, last, state(Suspended))
	aside := w.next(event.ExecutionResizedType, x, last, state(Running))
	fine := w.next(event.ExecutionResizedType, x, last, state(Suspended))
	again := w.next(event.ExecutionRunningType, x, last, state(Running))
	f := w.fold()
	for _, e := range []event.Event{silent, liar, aside} {
		w.want(f, e, "state_stated")
	}
	w.want(f, fine, "")
	why := fault.Of(f.Judgement(again.ID).Why)
	if !strings.Contains(why.Error(), "suspended") || !strings.Contains(why.Details["allowed"], "execution.recovered, execution.exited") {
		t.Error("a refusal does not say what was allowed:", why)
	}
}

func TestRule15_EpochsRise(t *testing.T) {
	w := newWorld(t)
	x, last := w.into(Running)
	me, s := w.anna.ID, event.ID{1}
	next := func(reason string, t event.Type, changes ...change) {
		w.t.Helper()
		last = w.next(t, x, last, append([]change{full(t, me)}, changes...)...)
		w.want(w.fold(), last, reason)
	}
	next("", event.ExecutionControlChangedType, turn(3, me, s))
	next("epoch_order", event.ExecutionControlChangedType, turn(3, me, s))
	next("epoch_order", event.ExecutionControlChangedType, turn(2, event.ID{}, event.ID{}))
	next("", event.ExecutionAttachedType, turn(3, me, s))
	next("epoch_order", event.ExecutionAttachedType, turn(3, event.ID{}, event.ID{}))
	next("", event.ExecutionAttachedType, turn(5, me, event.ID{2}))
	next("epoch_order", event.ExecutionDetachedType, turn(4, event.ID{}, event.ID{}))
	next("", event.ExecutionInputType, turn(3, me, s))
	next("", event.ExecutionResizedType, turn(5, event.ID{8}, s))
	next("epoch_order", event.ExecutionInputType, turn(6, me, s))
	if got := w.execution(w.fold(), x).Turn; got != (event.Turn{Epoch: 5, Driver: me, Session: event.ID{2}}) {
		t.Errorf("%+v", got)
	}
	next("", event.ExecutionDetachedType, turn(6, event.ID{}, event.ID{}))
	if got := w.execution(w.fold(), x).Turn; got != (event.Turn{Epoch: 6}) {
		t.Errorf("%+v", got)
	}
}

func TestRule16_OutputIsContiguous(t *testing.T) {
	w := newWorld(t)
	x, last := w.into(Running)
	next := func(reason string, t event.Type, c change) {
		w.t.Helper()
		last = w.next(t, x, last, c)
		w.want(w.fold(), last, reason)
	}
	next("range_gap", event.ExecutionOutputType, bytesOf(1, 5))
	next("", event.ExecutionOutputType, bytesOf(0, 5))
	next("range_gap", event.ExecutionOutputType, bytesOf(0, 5))
	next("range_gap", event.ExecutionOutputType, bytesOf(4, 9))
	next("range_gap", event.ExecutionOutputType, bytesOf(6, 9))
	next("", event.ExecutionOutputType, bytesOf(5, 9))
	next("", event.ExecutionInputType, typing(7))
	next("", event.ExecutionInputType, typing(2))
	next("", event.ExecutionResizedType, typing(100))
	next("", event.ExecutionResizedType, bytesOf(9, 11))
	if got := w.execution(w.fold(), x); got.Output != 9 || got.Typed != 9 {
		t.Errorf("output %d, typed %d", got.Output, got.Typed)
	}
}

func TestRule17_NotesDoNotGoBack(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	if w.execution(w.fold(), x).LastNote != nil {
		t.Error("there is a note before the first")
	}
	run := w.next(event.ExecutionRunningType, x, x, state(Running), note(4))
	same := w.next(event.ExecutionResizedType, x, run, note(4))
	back := w.next(event.ExecutionResizedType, x, run, note(3), size(5, 5))
	on := w.next(event.ExecutionResizedType, x, run, note(6), size(7, 8))
	f := w.fold()
	w.want(f, same, "")
	w.want(f, back, "note_order")
	w.want(f, on, "")
	if got := w.execution(f, x); *got.LastNote != 6 || got.Size != (event.Size{Cols: 7, Rows: 8}) {
		t.Errorf("%+v", got)
	}
}

func TestRule18_AttachmentsAreCounted(t *testing.T) {
	w := newWorld(t)
	x, last := w.into(Running) // session 1 is attached
	next := func(reason string, t event.Type, s, who event.ID) {
		w.t.Helper()
		last = w.next(t, x, last, session(s), operator(who), func(h *event.Header) { h.Surface = event.SurfaceWeb })
		w.want(w.fold(), last, reason)
	}
	one, two, system := event.ID{1}, event.ID{2}, x.ID
	next("operator_other", event.ExecutionAttachedType, one, two)
	next("not_attached", event.ExecutionDetachedType, system, two)
	next("", event.ExecutionAttachedType, two, two)
	next("", event.ExecutionAttachedType, one, one)
	want := []Operator{{one, w.anna, event.SurfaceCLI, 2}, {two, w.anna, event.SurfaceWeb, 1}}
	if got := w.execution(w.fold(), x).Operators; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	next("", event.ExecutionDetachedType, system, one)
	next("", event.ExecutionDetachedType, system, two)
	next("not_attached", event.ExecutionDetachedType, system, two)
	if got := w.execution(w.fold(), x).Operators; !reflect.DeepEqual(got, []Operator{{one, w.anna, event.SurfaceCLI, 1}}) {
		t.Errorf("%+v", got)
	}
	next("", event.ExecutionDetachedType, system, one)
	if got := w.execution(w.fold(), x).Operators; len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestRule19_TheEnd(t *testing.T) {
	w := newWorld(t)
	x, last := w.into(Running)
	last = w.next(event.ExecutionControlChangedType, x, last, turn(2, w.anna.ID, event.ID{1}))
	silent := w.next(event.ExecutionExitedType, x, last, state(Exited))
	lost := w.write(home, event.ExecutionLostType, []event.ID{last.ID}, event.Remark{Why: "no note of its end"}, about(x.ID), state(Lost))
	f := w.fold()
	w.want(f, silent, "exit_missing")
	got := w.execution(f, x)
	if got.State != Lost || got.Reason.Value != "no note of its end" || got.EndedAt != wall(lost) || len(got.Operators) != 0 || got.Turn != (event.Turn{Epoch: 2}) || got.Exit != nil {
		t.Errorf("lost: %+v", got)
	}
	gone := w.next(event.ExecutionDetachedType, x, lost, operator(event.ID{1}))
	back := w.next(event.ExecutionRecoveredType, x, gone, state(Running))
	f = w.fold()
	w.want(f, gone, "")
	if got := w.execution(f, x); got.State != Running || got.Reason != (Text{}) || !got.EndedAt.IsZero() {
		t.Errorf("recovered: %+v", got)
	}
	end := w.next(event.ExecutionExitedType, x, back, state(Exited), exit(0, 15))
	if got := w.execution(w.fold(), x); got.State != Exited || *got.Exit != (event.Exit{Signal: 15}) || got.EndedAt != wall(end) || !got.State.Over() {
		t.Errorf("exited: %+v", got)
	}
}
