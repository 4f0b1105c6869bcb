package object

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func TestRule01_DutiesOfTheCaller(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	w.next(event.ExecutionRunningType, x, x, state(Running))
	foreign := newWorld(t)
	foreign.clock++
	stranger := foreign.write(home, event.SessionOpenedType, nil, event.SessionOpened{}, func(h *event.Header) { h.Workspace = event.ID{7} })

	f := New(w)
	refused := func(e event.Event, reason string) {
		t.Helper()
		if _, err := f.Apply(e); !fault.Is(err, reason) {
			t.Errorf("want %s, got %v", reason, err)
		}
	}
	take := func(e event.Event) {
		t.Helper()
		if _, err := f.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	refused(w.events[1], "genesis_first")
	take(w.events[0])
	refused(w.events[0], "genesis_first")
	refused(stranger, "workspace_foreign")
	refused(w.events[2], "out_of_order")
	if len(f.Executions()) != 0 {
		t.Error("a breach had an effect")
	}
	take(w.events[1])
	refused(w.events[1], "out_of_order")
	take(w.events[2])
}

// Both sides of a fork come once the fold is told of it; no other chain may go back.
func TestRule01_BothSidesOfAForkCome(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	before := w.heads[home]
	left := w.next(event.ExecutionRenamedType, x, x)
	w.heads[home] = before
	right := w.next(event.ExecutionRenamedType, x, x)
	more := w.next(event.ExecutionRenamedType, x, right)
	f := w.foldOf(w.events[:len(w.events)-2])
	if _, err := f.Apply(right); !fault.Is(err, "out_of_order") {
		t.Fatal("a fork that nobody told of:", err)
	}
	f.Forked("another")
	if _, err := f.Apply(right); !fault.Is(err, "out_of_order") {
		t.Fatal("a fork of another chain:", err)
	}
	f.Forked(home)
	for _, e := range []event.Event{right, more} {
		if j, err := f.Apply(e); err != nil || j.Verdict != Valid {
			t.Fatal(j, err)
		}
	}
	far := more
	far.Header.Seq += 2
	if _, err := f.Apply(far); !fault.Is(err, "out_of_order") {
		t.Error("a gap:", err)
	}
	if got := w.execution(f, x).Names(); len(got) != 2 || left.ID == right.ID {
		t.Error("the names of both sides are", got)
	}
}

// unread is a past that cannot be read while it is told so.
type unread struct {
	Past
	err error
}

func (u *unread) Relate(a, b event.ID) (causal.Relation, error) {
	if u.err != nil {
		return 0, u.err
	}
	return u.Past.Relate(a, b)
}

func TestRule01_APastThatCannotBeReadGivesNoVerdict(t *testing.T) {
	w := randomWorld(t, 7, long)
	u := &unread{Past: w}
	f, failures := New(u), 0
	lost := fault.New(fault.DataLoss, "event_lost", "the log cannot be read", "see `atelier verify`")
	for _, e := range w.events {
		u.err = lost
		if _, err := f.Apply(e); err == nil {
			continue // nothing was asked
		} else if !fault.Is(err, "event_lost") {
			t.Fatal(err)
		}
		failures++
		u.err = nil
		if _, err := f.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	if d := judgeAll(w).differ(f); d != "" || failures < 20 {
		t.Errorf("after %d failures: %s", failures, d)
	}
}

func TestRule03_VoidHasNoEffect(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	before := w.execution(w.fold(), x)
	bad := w.next(event.ExecutionRecoveredType, x, x, state(Running), size(1, 1), note(9))
	f := w.fold()
	w.want(f, bad, "illegal_transition")
	if after := w.execution(f, x); !reflect.DeepEqual(before, after) {
		t.Errorf("a void event changed %+v to %+v", before, after)
	}
	good := w.next(event.ExecutionRunningType, x, bad, state(Running))
	f = w.fold()
	w.want(f, good, "")
	if got := f.Version(x.ID); !slices.Equal(got, []event.ID{good.ID}) {
		t.Error("the version is", got)
	}
	// An execution whose start is void is none.
	never := w.start("never", state(Running))
	child := w.next(event.ExecutionRunningType, never, never, state(Running))
	f = w.fold()
	w.want(f, never, "state_stated")
	w.want(f, child, "object_unknown")
}

func TestRule04_OpaqueIsMarked(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	y := w.start("other")
	later := w.write(home, "execution.teleported", []event.ID{x.ID}, event.Remark{}, func(h *event.Header) {
		h.Affected = slices.SortedFunc(slices.Values([]event.ID{x.ID, y.ID}), byID)
	})
	draft := w.next(event.ExecutionRunningType, x, later, state(Running), func(h *event.Header) { h.Branch = event.ID{5} })
	f := w.fold()
	for _, e := range []event.Event{later, draft} {
		if j := f.Judgement(e.ID); j.Verdict != Opaque || j.Why != nil {
			t.Errorf("%s is %v", e.Header.Type, j.Verdict)
		}
	}
	if got := w.execution(f, x); !got.Metadata.NotUnderstood || !slices.Equal(got.Frontier, []event.ID{draft.ID}) || got.State != Starting {
		t.Errorf("%+v", got)
	}
	if got := w.execution(f, y); got.Metadata.NotUnderstood || !slices.Equal(got.Frontier, []event.ID{y.ID}) {
		t.Error("an event without the object in its past marks it")
	}
}

// Of a newer header only its place was read: what it did is not known.
func TestRule04_ANewerSchemaIsOpaque(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	run := w.next(event.ExecutionRunningType, x, x, state(Running))
	if f := w.fold(); f.Judgement(run.ID).Verdict != Valid {
		t.Fatal("the control is not valid")
	}
	w.events[len(w.events)-1].Header.SchemaVersion = 2
	f := w.fold()
	if got := w.execution(f, x); f.Judgement(run.ID).Verdict != Opaque || !got.Metadata.NotUnderstood || got.State != Starting {
		t.Errorf("%v %+v", f.Judgement(run.ID), got)
	}
}

func TestRule05_NoRuleReadsABody(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	run := w.next(event.ExecutionRunningType, x, x, state(Running))
	name := w.next(event.ExecutionRenamedType, x, run)
	held := w.write(home, event.ExecutionSuspendedType, []event.ID{name.ID}, event.Remark{Why: "the disk is full"}, about(x.ID), state(Suspended))
	full := w.execution(w.fold(), x)
	if full.Names()[0] != "renamed" || full.Reason.Value != "the disk is full" || full.Launch.Argv[1] != "all" || full.Launch.Isolation != "none" {
		t.Fatalf("the control does not read bodies: %+v", full)
	}
	for what, body := range map[Content][]byte{Absent: nil, Gone: nil, IllFormed: append(make([]byte, 16), 0xff)} {
		events := slices.Clone(w.events)
		for i := range events {
			events[i].Body, events[i].Gone = body, what == Gone
		}
		f := w.foldOf(events)
		got := w.execution(f, x)
		if got.State != Suspended || !slices.Equal(got.Frontier, full.Frontier) || f.Judgement(held.ID).Verdict != Valid {
			t.Errorf("content %d: %+v", what, got)
		}
		w := got.Name.Default()
		if w.Content != what || w.Value != "" || got.Reason != (Text{"", what}) || !reflect.DeepEqual(got.Launch, Launch{Content: what}) {
			t.Errorf("content %d is not marked: %+v", what, got)
		}
		if f.Name(x.ID) != "" || f.NameInUse("build") {
			t.Error("a name came from nowhere")
		}
	}
}

func TestRule06_Envelope(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	w.next(event.ExecutionRunningType, x, x, state(Running), func(h *event.Header) { h.WallTime = 9_000_000_000 })
	w.next(event.ExecutionResizedType, x, w.events[2], size(1, 2), func(h *event.Header) { h.WallTime = 5 })
	n := w.execution(w.fold(), x).Head()
	n.Frontier = nil
	want := Envelope{ID: x.ID, SchemaVersion: 1, Kind: KindExecution, Lifecycle: Committed, CreatedAt: time.Unix(0, x.Header.WallTime).UTC(),
		UpdatedAt: time.Unix(9, 0).UTC(), CreatedBy: w.anna}
	if !reflect.DeepEqual(n, want) {
		t.Errorf("%+v\nwant %+v", n, want)
	}
	if k, known := w.fold().Kind(x.ID); k != KindExecution || !known {
		t.Error(k, known)
	}
	if _, known := w.fold().Kind(event.ID{1}); known {
		t.Error("an unknown object has a kind")
	}
}

func TestRule07_VersionIsTheMaximalEvents(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	a := w.next(event.ExecutionRunningType, x, x, state(Running))
	b := w.write(other, event.ExecutionRenamedType, []event.ID{x.ID}, event.ExecutionRenamed{Name: "b"}, about(x.ID))
	want := slices.SortedFunc(slices.Values([]event.ID{a.ID, b.ID}), byID)
	if got := w.fold().Version(x.ID); !slices.Equal(got, want) {
		t.Error("concurrent:", got)
	}
	c := w.write(home, event.ExecutionOutputType, want, event.Remark{}, about(x.ID), bytesOf(0, 5))
	if got := w.fold().Version(x.ID); !slices.Equal(got, []event.ID{c.ID}) {
		t.Error("joined:", got)
	}
	if w.fold().Version(event.ID{1}) != nil {
		t.Error("an unknown object has a version")
	}
}

func TestRule08_RegisterKeepsConcurrentValues(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	name := func(chain event.Chain, name string, parents ...event.ID) event.Event {
		return w.write(chain, event.ExecutionRenamedType, parents, event.ExecutionRenamed{Name: name}, about(x.ID))
	}
	a := name(home, "a", x.ID)
	b := name(other, "b", x.ID)
	r := w.execution(w.fold(), x).Name
	first := a
	if byID(b.ID, a.ID) > 0 {
		first = b
	}
	if len(r.Values()) != 2 || !r.Provisional() || r.Default().Event != first.ID {
		t.Errorf("of two with one lamport the higher id is the default: %+v", r)
	}
	if v := r.Default(); v.Actor != w.anna || v.Lamport != 2 || v.At.IsZero() {
		t.Errorf("it is not said who and when: %+v", v)
	}
	// c replaces a alone, and comes first by its lamport.
	c := name(home, "c", a.ID)
	r = w.execution(w.fold(), x).Name
	if got := textsOf(r); !slices.Equal(got, []string{"c", "b"}) {
		t.Error("standing are", got)
	}
	name(home, "d", slices.SortedFunc(slices.Values([]event.ID{b.ID, c.ID}), byID)...)
	r = w.execution(w.fold(), x).Name
	if got := textsOf(r); !slices.Equal(got, []string{"d"}) || r.Provisional() {
		t.Error("what has seen all does not settle it:", got)
	}
	if none := (Register[int]{}); none.Provisional() || none.Default() != (Written[int]{}) {
		t.Error("an empty register has a value")
	}
}

func TestRule09_GenesisMakesTheFirst(t *testing.T) {
	w := newWorld(t)
	f := w.fold()
	space, known := f.Workspace()
	if !known || space.ID != w.genesis || space.Names()[0] != "Home" || space.Device.Default().Value != "laptop" {
		t.Errorf("%+v", space)
	}
	anna, _ := f.Actor(w.anna.ID)
	core, _ := f.Actor(w.core.ID)
	if anna.ActorKind != event.Human || f.Name(anna.ID) != "anna" || core.ActorKind != event.Service || f.Name(core.ID) != SystemName {
		t.Errorf("%+v, %+v", anna, core)
	}
	if _, known := New(w).Workspace(); known {
		t.Error("there is a workspace before genesis")
	}
}

func TestRule10_Sessions(t *testing.T) {
	w := newWorld(t)
	s := w.write(home, event.SessionOpenedType, nil, event.SessionOpened{Label: "Firefox", After: "a power cut"}, func(h *event.Header) { h.Surface = event.SurfaceWeb })
	w.write(home, event.SessionJoinedType, []event.ID{s.ID}, event.Remark{}, session(s.ID))
	bad := w.write(home, event.SessionOpenedType, []event.ID{s.ID}, event.SessionOpened{}, about(s.ID))
	worse := w.write(home, event.SessionJoinedType, []event.ID{s.ID}, event.Remark{}, session(s.ID), about(s.ID))
	f := w.fold()
	got, known := f.Session(s.ID)
	if !known || got.Actor != w.anna || got.Surface != event.SurfaceWeb || got.Label.Value != "Firefox" || got.After.Value != "a power cut" {
		t.Errorf("%+v", got)
	}
	if f.ActorOf(s.ID) != w.anna.ID || !f.ActorOf(bad.ID).IsZero() {
		t.Error("a session's actor is wrong")
	}
	w.want(f, bad, "object_count")
	w.want(f, worse, "object_count")
}

func TestRule20_OrderAndFinding(t *testing.T) {
	w := newWorld(t)
	b := w.start("b", func(h *event.Header) { h.WallTime = 3_000 })
	a := w.start("a", func(h *event.Header) { h.WallTime = 2_000 })
	c := w.start("c", func(h *event.Header) { h.WallTime = 2_000 })
	twin := w.write(other, event.ExecutionRenamedType, []event.ID{c.ID}, event.ExecutionRenamed{Name: "sea"}, about(c.ID))
	w.write(home, event.ExecutionRenamedType, []event.ID{c.ID}, event.ExecutionRenamed{Name: "b"}, about(c.ID))
	nick := w.start(twin.ID.String()[:8])
	short := w.start("anna")
	f := w.fold()
	tied := slices.SortedFunc(slices.Values([]event.ID{a.ID, c.ID}), byID)
	var order []event.ID
	for _, x := range f.Executions() {
		order = append(order, x.ID)
	}
	if want := append(tied, b.ID, nick.ID, short.ID); !slices.Equal(order, want) {
		t.Error("the order is", order)
	}
	for ref, want := range map[string]event.ID{"a": a.ID, "sea": c.ID, a.ID.String(): a.ID, a.ID.String()[:6]: a.ID, twin.ID.String()[:8]: nick.ID} {
		if got, err := f.Find(KindExecution, ref); err != nil || got != want {
			t.Errorf("%q finds %v: %v", ref, got, err)
		}
	}
	for _, ref := range []string{"", "c", "nothing", a.ID.String()[:5], a.ID.String() + "a", strings.Repeat("ü", 100), w.anna.ID.String()} {
		if _, err := f.Find(KindExecution, ref); !fault.Is(err, "execution_unknown") {
			t.Errorf("%q: %v", ref, err)
		}
	}
	_, err := f.Find(KindExecution, "b")
	if !fault.Is(err, "execution_ambiguous") || !strings.Contains(fault.Of(err).Details["candidates"], b.ID.String()) || !strings.Contains(err.Error(), c.ID.String()) {
		t.Error(err)
	}
	// Twice, because looking for one kind must not forget the others.
	for range 2 {
		if _, err := f.Find("", "anna"); !fault.Is(err, "object_ambiguous") {
			t.Error(err)
		}
		if got, err := f.Find(KindActor, "anna"); err != nil || got != w.anna.ID {
			t.Error(got, err)
		}
	}
	if !f.NameInUse("b") || !f.NameInUse("sea") || f.NameInUse("c") || f.NameInUse("Home") {
		t.Error("the names in use are wrong")
	}
	if _, err := f.Find("", "Home"); err != nil {
		t.Error(err)
	}
}

// Two ids that begin alike are too rare to make; the index is asked itself.
func TestRule20_AmbiguousPrefix(t *testing.T) {
	x := newIndex()
	one, two := event.ID{1, 2, 3, 4, 5}, event.ID{1, 2, 3, 4, 6}
	x.add(one, []string{"n"})
	x.add(two, []string{"n"})
	for range 2 {
		if got := x.begin(two.String()); !slices.Equal(got, []event.ID{two}) {
			t.Error(got)
		}
		if got := x.begin(one.String()[:6]); !slices.Equal(got, []event.ID{one, two}) {
			t.Error(got)
		}
	}
	x.rename(one, []string{"n"}, nil)
	x.rename(two, []string{"n"}, []string{"m"})
	if len(x.named) != 1 || !slices.Equal(x.named["m"], []event.ID{two}) {
		t.Error(x.named)
	}
}

func TestRule21_WhatWasReturnedStays(t *testing.T) {
	w := randomWorld(t, 5, 200)
	f := New(w)
	type kept struct {
		x    *Execution
		copy string
	}
	var all []kept
	for _, e := range w.events {
		if _, err := f.Apply(e); err != nil {
			t.Fatal(err)
		}
		for _, x := range f.Executions() {
			all = append(all, kept{x, fmt.Sprintf("%+v", *x)})
		}
	}
	if len(all) < 200 {
		t.Fatal("too few values were kept")
	}
	for _, k := range all {
		if now := fmt.Sprintf("%+v", *k.x); now != k.copy {
			t.Fatalf("a value changed afterwards:\n%s\n%s", k.copy, now)
		}
	}
}

func TestRule22_WhatARenameReplaced(t *testing.T) {
	w := newWorld(t)
	x := w.start("build")
	name := func(chain event.Chain, name string, parents ...event.ID) event.Event {
		return w.write(chain, event.ExecutionRenamedType, parents, event.ExecutionRenamed{Name: name}, about(x.ID))
	}
	a := name(home, "a", x.ID)
	b := name(home, "b", a.ID)
	late := name(other, "late", a.ID) // has not seen b
	for _, order := range [][]event.Event{w.events, {w.events[0], x, a, late, b}} {
		f := w.foldOf(order)
		for e, want := range map[event.ID]string{x.ID: "", a.ID: "build", b.ID: "a", late.ID: "a"} {
			if got := f.NameBefore(e); got != want {
				t.Errorf("it replaced %q, not %q", got, want)
			}
		}
	}
}

func TestEveryRuleHasATest(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests []byte
	for _, file := range []string{"rules_test.go", "execution_test.go", "oracle_test.go", "entity_test.go", "member_test.go", "at_test.go", "snapshot_test.go", "parts_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, text...)
	}
	rules := regexp.MustCompile(`(?m)^(\d+)\. `).FindAllSubmatch(spec, -1)
	if len(rules) != 39 {
		t.Fatalf("%d rules were found", len(rules))
	}
	for _, r := range rules {
		if name := fmt.Sprintf("func TestRule%02s_", r[1]); !bytes.Contains(tests, []byte(name)) {
			t.Errorf("rule %s has no test", r[1])
		}
	}
}

// Every reason that the rules give is in SPEC.md, and the other way round.
func TestReasonsAreInTheSpec(t *testing.T) {
	spec, _ := os.ReadFile("SPEC.md")
	rulesPart, _, _ := strings.Cut(string(spec), "## States")
	var source []byte
	for _, file := range []string{"fold.go", "run.go", "operator.go", "transition.go", "step.go", "member.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	for _, m := range regexp.MustCompile(`(?:void|disorder)\("([a-z_]+)"`).FindAllSubmatch(source, -1) {
		if !strings.Contains(rulesPart, "`"+string(m[1])+"`") {
			t.Errorf("%s is not in SPEC.md", m[1])
		}
	}
}

// What an event costs does not grow with the number of executions: a full copy
// of ten thousand would be megabytes.
func TestAnEventCopiesOneExecution(t *testing.T) {
	const many, events, most = 10_000, 100, 16 << 10
	w := newWorld(t)
	x := w.start("build")
	for range many {
		w.start("another")
	}
	f := w.fold()
	before := len(w.events)
	last := x
	for i := range uint64(events) {
		last = w.next(event.ExecutionOutputType, x, last, bytesOf(i, i+1))
	}
	var from, to runtime.MemStats
	runtime.ReadMemStats(&from)
	for _, e := range w.events[before:] {
		if j, err := f.Apply(e); err != nil || j.Verdict != Valid {
			t.Fatal(j, err)
		}
	}
	runtime.ReadMemStats(&to)
	if each := (to.TotalAlloc - from.TotalAlloc) / events; each > most {
		t.Errorf("an event takes %d bytes beside %d executions", each, many)
	}
	if len(f.Executions()) != many+1 {
		t.Error("executions are missing")
	}
}
