package object

import (
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// plain is an execution as the oracle sees it.
type plain struct {
	State     State
	Turn      event.Turn
	Size      event.Size
	Output    uint64
	Typed     uint64
	Note      int64 // -1 for none
	Operators string
	Exit      string
	Ended     bool
	Reason    string
	Names     []event.ID // whose values stand, ascending
	Default   event.ID
	Version   []event.ID
	Updated   int64
	Clouded   bool
}

// oracle computes all from nothing, event by event, by asking for pasts as sets.
type oracle struct {
	w        *world
	verdicts map[event.ID]string
	objects  map[event.ID]plain
}

func judgeAll(w *world) oracle {
	o := oracle{w, map[event.ID]string{}, map[event.ID]plain{}}
	made := map[event.ID]Kind{w.genesis: KindWorkspace, w.anna.ID: KindActor, w.core.ID: KindActor}
	for _, e := range w.events {
		h := e.Header
		v := "?"
		switch {
		case h.Type == event.WorkspaceCreatedType:
			v = "valid"
		case !event.Known(h.Type) || h.Branch != event.Derived(w.genesis, "main"):
			v = "opaque"
		case h.Type == event.SessionOpenedType || h.Type == event.SessionJoinedType:
			v = when(len(h.Affected) > 0, "object_count", "valid")
			if v == "valid" && h.Type == event.SessionOpenedType {
				made[e.ID] = KindSession
			}
		case h.Type == event.ExecutionStartedType:
			v = when(h.Facts.State != "starting", "state_stated", when(len(h.Affected) > 0, "object_count", when(badFields(h), "fields", "valid")))
			if v == "valid" {
				made[e.ID] = KindExecution
			}
		}
		o.verdicts[e.ID] = v
	}
	for _, e := range w.events {
		if o.verdicts[e.ID] == "?" {
			o.verdicts[e.ID] = o.aim(e, made)
		}
	}
	for _, e := range w.events {
		if made[e.ID] == KindExecution {
			o.objects[e.ID] = o.replay(e)
		}
	}
	return o
}

func when(is bool, then, otherwise string) string {
	if is {
		return then
	}
	return otherwise
}

func badFields(h event.Header) bool { return len(h.Facts.Fields) > 0 && h.Facts.Fields[0] != "name" }

// aim looks at what an execution's event names; "?" is judged by the replay.
func (o oracle) aim(e event.Event, made map[event.ID]Kind) string {
	if len(e.Header.Affected) != 1 {
		return "object_count"
	}
	id := e.Header.Affected[0]
	switch kind := made[id]; {
	case kind == KindActor || kind == KindWorkspace:
		return "object_kind"
	case kind == "" || !o.w.pasts[e.ID][id]:
		return "object_unknown"
	case kind != KindExecution:
		return "object_kind"
	case e.Header.Type == event.ExecutionRenamedType:
		return when(badFields(e.Header), "fields", "valid")
	}
	for _, other := range o.w.events {
		if other.ID == id && other.Header.Replica != e.Header.Replica {
			return "not_home"
		}
	}
	return "?"
}

// replay walks the home's chain for the fields in chain order, and then compares
// each pair of events for the causal ones.
func (o oracle) replay(start event.Event) plain {
	p := plain{State: Starting, Note: -1}
	if t := start.Header.Facts.Turn; t != nil {
		p.Turn = *t
	}
	if s := start.Header.Facts.Size; s != nil {
		p.Size = *s
	}
	type seat struct {
		session event.ID
		count   int
	}
	var seats []seat
	names := []event.Event{start}
	affect := []event.Event{start}
	for _, e := range o.w.events { // the order of writing is the order of every chain
		h := e.Header
		if !slices.Contains(h.Affected, start.ID) || e.ID == start.ID {
			continue
		}
		if o.verdicts[e.ID] == "opaque" && o.w.pasts[e.ID][start.ID] {
			p.Clouded = true
			affect = append(affect, e)
		}
		if o.verdicts[e.ID] == "valid" && h.Type == event.ExecutionRenamedType {
			names, affect = append(names, e), append(affect, e)
		}
		if o.verdicts[e.ID] != "?" {
			continue
		}
		after, seat2, why := p, slices.Clone(seats), ""
		over := p.State == Exited || p.State == Lost
		refuse := func(is bool, reason string) {
			if is && why == "" {
				why = reason
			}
		}
		to := p.State
		changes := true
		switch h.Type {
		case event.ExecutionRunningType:
			refuse(p.State != Starting, "illegal_transition")
			to, after.Ended, after.Reason = Running, false, ""
		case event.ExecutionSuspendedType:
			refuse(p.State != Running, "illegal_transition")
			to, after.Reason = Suspended, o.why(e)
		case event.ExecutionRecoveredType:
			refuse(p.State == Starting || p.State == Exited, "illegal_transition")
			to, after.Ended, after.Reason = Running, false, ""
		case event.ExecutionExitedType:
			refuse(p.State == Exited, "illegal_transition")
			to, after.Ended, after.Reason, after.Turn, seat2 = Exited, true, o.why(e), event.Turn{Epoch: p.Turn.Epoch}, nil
		case event.ExecutionLostType:
			refuse(over, "illegal_transition")
			to, after.Ended, after.Reason, after.Turn, seat2 = Lost, true, o.why(e), event.Turn{Epoch: p.Turn.Epoch}, nil
		case event.ExecutionAttachedType, event.ExecutionControlChangedType, event.ExecutionResizedType:
			refuse(over, "illegal_transition")
			changes = false
		default:
			changes = false
		}
		refuse(State(h.Facts.State) != to && (changes || h.Facts.State != ""), "state_stated")
		after.State = to
		if n := h.Facts.Note; n != nil {
			refuse(int64(*n) < p.Note, "note_order")
			after.Note = int64(*n)
		}
		if t := h.Facts.Turn; t != nil {
			switch h.Type {
			case event.ExecutionControlChangedType:
				refuse(t.Epoch <= p.Turn.Epoch, "epoch_order")
				after.Turn = *t
			case event.ExecutionAttachedType, event.ExecutionDetachedType:
				refuse(t.Epoch <= p.Turn.Epoch && *t != p.Turn, "epoch_order")
				after.Turn = *t
			default:
				refuse(t.Epoch > p.Turn.Epoch, "epoch_order")
			}
		}
		switch h.Type {
		case event.ExecutionOutputType:
			refuse(h.Facts.Range.From != p.Output, "range_gap")
			after.Output = h.Facts.Range.To
		case event.ExecutionInputType:
			if h.Facts.Typed != nil {
				after.Typed += *h.Facts.Typed
			}
		case event.ExecutionAttachedType:
			refuse(h.Facts.Operator != h.Session, "operator_other")
			found := false
			for i := range seat2 {
				if seat2[i].session == h.Session {
					seat2[i].count++
					found = true
				}
			}
			if !found {
				seat2 = append(seat2, seat{h.Session, 1})
			}
		case event.ExecutionDetachedType:
			var left []seat
			found := false
			for _, s := range seat2 {
				if s.session == h.Facts.Operator {
					s.count--
					found = true
				}
				if s.count > 0 {
					left = append(left, s)
				}
			}
			refuse(!found && !over, "not_attached")
			seat2 = left
		case event.ExecutionExitedType:
			refuse(h.Facts.Exit == nil, "exit_missing")
			after.Exit = fmt.Sprint(h.Facts.Exit)
		}
		if h.Facts.Size != nil {
			after.Size = *h.Facts.Size
		}
		o.verdicts[e.ID] = when(why == "", "valid", why)
		if why == "" {
			p, seats, affect = after, seat2, append(affect, e)
		}
	}
	for _, s := range seats {
		p.Operators += fmt.Sprint(s.session.String()[:6], s.count, " ")
	}
	p.Names = o.maximal(names)
	p.Version = o.maximal(affect)
	for _, e := range affect {
		p.Updated = max(p.Updated, e.Header.WallTime)
	}
	best := uint64(0)
	for _, id := range p.Names { // ascending, so that the last of equals wins
		if l := o.w.lamport[id]; l >= best {
			best, p.Default = l, id
		}
	}
	return p
}

func (o oracle) why(e event.Event) string {
	body, err := event.DecodeBody(e.Header.Type, e.Body)
	if err != nil {
		return ""
	}
	return body.(*event.Remark).Why
}

func (o oracle) maximal(events []event.Event) []event.ID {
	var top []event.ID
	for _, a := range events {
		if !slices.ContainsFunc(events, func(b event.Event) bool { return o.w.pasts[b.ID][a.ID] }) {
			top = append(top, a.ID)
		}
	}
	slices.SortFunc(top, byID)
	return top
}

// seen reduces an execution of the fold to what the oracle computes.
func seen(x *Execution) plain {
	p := plain{State: x.State, Turn: x.Turn, Size: x.Size, Output: x.Output, Typed: x.Typed, Note: -1, Ended: !x.EndedAt.IsZero(),
		Reason: x.Reason.Value, Default: x.Name.Default().Event, Version: x.Frontier, Updated: x.UpdatedAt.UnixNano(), Clouded: x.Metadata.NotUnderstood}
	if x.LastNote != nil {
		p.Note = int64(*x.LastNote)
	}
	if x.Exit != nil {
		p.Exit = fmt.Sprint(x.Exit)
	}
	for _, s := range x.Operators {
		p.Operators += fmt.Sprint(s.Session.String()[:6], s.Count, " ")
	}
	for _, w := range x.Name.Values() {
		p.Names = append(p.Names, w.Event)
	}
	slices.SortFunc(p.Names, byID)
	return p
}

// randomWorld writes n events by several sessions on three chains, most of them
// about a few executions, many of them wrong in some way.
func randomWorld(t testing.TB, seed int64, n int) *world {
	w := newWorld(t)
	r := rand.New(rand.NewSource(seed))
	chains := []event.Chain{home, home, home, other, "third"}
	sessions := []event.ID{{1}, {2}, {3}}
	started := []event.Event{w.start("x0")}
	end := map[event.ID]uint64{}
	types := []event.Type{event.SessionOpenedType, event.SessionJoinedType, event.ExecutionStartedType, "execution.teleported", event.ExecutionOutputType, event.ExecutionAttachedType,
		event.ExecutionDetachedType, event.ExecutionRenamedType, event.ExecutionRenamedType}
	for _, row := range transitions {
		types = append(types, row.event)
	}
	for len(w.events) < n {
		kind := types[r.Intn(len(types))]
		x := started[r.Intn(len(started))]
		chain := x.Header.Replica
		if r.Intn(4) == 0 {
			chain = chains[r.Intn(len(chains))]
		}
		epoch := uint64(r.Intn(6) + 1)
		if r.Intn(2) == 0 {
			epoch = uint64(len(w.events))
		}
		drives := r.Intn(3) > 0
		from := end[x.ID]
		if r.Intn(8) == 0 {
			from += uint64(r.Intn(3))
		}
		e := w.write(chain, kind, w.someParents(r, x), randomBody(r, kind), func(h *event.Header) {
			h.Session = sessions[r.Intn(len(sessions))]
			if kind == event.SessionOpenedType {
				h.Session = event.ID{}
			}
			if creates := kind == event.SessionOpenedType || kind == event.SessionJoinedType || kind == event.ExecutionStartedType; !creates || r.Intn(12) == 0 {
				h.Affected = w.someTarget(r, x)
			}
			if r.Intn(25) == 0 {
				h.Branch = event.ID{5}
			}
			if r.Intn(4) == 0 {
				h.WallTime += int64(r.Intn(5_000_000)) - 2_500_000
			}
			randomFacts(r, h, epoch, drives, w.anna.ID)
			if kind == event.ExecutionOutputType {
				bytesOf(from, from+5)(h)
			}
			if kind == event.ExecutionAttachedType || kind == event.ExecutionDetachedType {
				operator(h.Session)(h)
				if r.Intn(8) == 0 {
					operator(sessions[r.Intn(len(sessions))])(h)
				}
			}
		})
		if kind == event.ExecutionOutputType {
			end[x.ID] = e.Header.Facts.Range.To
		}
		if kind == event.ExecutionStartedType && len(started) < 4 {
			started = append(started, e)
		}
	}
	return w
}

func (w *world) someTarget(r *rand.Rand, x event.Event) []event.ID {
	switch r.Intn(20) {
	case 0:
		return nil
	case 1:
		return []event.ID{w.anna.ID}
	case 2:
		return []event.ID{w.events[r.Intn(len(w.events))].ID}
	case 3:
		two := []event.ID{x.ID, w.events[r.Intn(len(w.events))].ID}
		slices.SortFunc(two, byID)
		return slices.Compact(two)
	}
	return []event.ID{x.ID}
}

// someParents is x with some newer events, or now and then anything, made an
// antichain.
func (w *world) someParents(r *rand.Rand, x event.Event) []event.ID {
	all := []event.ID{x.ID}
	if r.Intn(10) == 0 {
		all = nil
	}
	for range r.Intn(4) {
		at := max(len(w.events)-1-r.Intn(10), 1)
		all = append(all, w.events[at].ID)
	}
	slices.SortFunc(all, byID)
	all = slices.Compact(all)
	return slices.DeleteFunc(slices.Clone(all), func(a event.ID) bool {
		return slices.ContainsFunc(all, func(b event.ID) bool { return w.pasts[b][a] })
	})
}

func randomBody(r *rand.Rand, t event.Type) any {
	switch t {
	case event.SessionOpenedType:
		return event.SessionOpened{Label: "l"}
	case event.ExecutionStartedType:
		return event.ExecutionStarted{Name: fmt.Sprint("s", r.Intn(5)), Argv: []string{"a"}}
	case event.ExecutionRenamedType:
		return event.ExecutionRenamed{Name: fmt.Sprint("n", r.Intn(5))}
	}
	return event.Remark{Why: fmt.Sprint("w", r.Intn(100))}
}

func randomFacts(r *rand.Rand, h *event.Header, epoch uint64, drives bool, driver event.ID) {
	one := func(in int) bool { return r.Intn(in) == 0 }
	stated := map[event.Type]State{event.ExecutionStartedType: Starting, event.ExecutionRunningType: Running, event.ExecutionSuspendedType: Suspended,
		event.ExecutionRecoveredType: Running, event.ExecutionExitedType: Exited, event.ExecutionLostType: Lost}[h.Type]
	if one(15) {
		stated = every[r.Intn(len(every))]
	}
	state(stated)(h)
	if h.Type == event.ExecutionControlChangedType || one(8) {
		turn(epoch, event.ID{}, event.ID{})(h)
		if drives {
			turn(epoch, driver, h.Session)(h)
		}
	}
	if h.Type == event.ExecutionExitedType && !one(4) || one(20) {
		exit(uint64(r.Intn(3)), uint64(r.Intn(2)))(h)
	}
	if one(4) {
		note(uint64(r.Intn(10)) + h.Seq/2)(h)
	}
	if one(4) {
		size(uint64(r.Intn(90)), 24)(h)
	}
	if one(3) {
		typing(uint64(r.Intn(9)))(h)
	}
	if one(8) {
		h.Facts.Fields = []string{[]string{"name", "title"}[r.Intn(2)]}
	}
}

// shuffled returns the events in another order that a replica might take them
// in: parents first, and each chain in its own order.
func (w *world) shuffled(r *rand.Rand) []event.Event {
	order := []event.Event{w.events[0]}
	taken := map[event.ID]bool{w.genesis: true}
	rest := slices.Clone(w.events[1:])
	for len(rest) > 0 {
		var ready []int
		for i, e := range rest {
			if (e.Header.Prev.IsZero() || taken[e.Header.Prev]) && !slices.ContainsFunc(e.Header.Parents, func(p event.ID) bool { return !taken[p] }) {
				ready = append(ready, i)
			}
		}
		at := ready[r.Intn(len(ready))]
		taken[rest[at].ID] = true
		order = append(order, rest[at])
		rest = slices.Delete(rest, at, at+1)
	}
	return order
}

// differ says how a fold differs from the oracle; empty if it does not.
func (o oracle) differ(f *Fold) string {
	for _, e := range o.w.events {
		j, got := f.Judgement(e.ID), ""
		if got = j.Verdict.String(); j.Verdict == Void {
			got = fault.Of(j.Why).Reason
		}
		if got != o.verdicts[e.ID] {
			return fmt.Sprintf("%s is %s, want %s", e.Header.Type, got, o.verdicts[e.ID])
		}
	}
	if len(f.Executions()) != len(o.objects) {
		return fmt.Sprintf("%d executions, want %d", len(f.Executions()), len(o.objects))
	}
	for _, x := range f.Executions() {
		if got, want := seen(x), o.objects[x.ID]; !reflect.DeepEqual(got, want) {
			return fmt.Sprintf("got  %+v\nwant %+v", got, want)
		}
	}
	return ""
}

const (
	seeds = 60
	long  = 150
)

func TestRule02_AnyOrderOfArrivalGivesTheSame(t *testing.T) {
	reasons := map[string]int{}
	provisional, moved := 0, 0
	for seed := range int64(seeds) {
		w := randomWorld(t, seed, long)
		want := judgeAll(w)
		first := w.fold()
		if d := want.differ(first); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
		for _, v := range want.verdicts {
			reasons[v]++
		}
		for _, x := range first.Executions() {
			if x.Name.Provisional() {
				provisional++
			}
		}
		r := rand.New(rand.NewSource(seed))
		for range 4 {
			order := w.shuffled(r)
			if !slices.EqualFunc(order, w.events, func(a, b event.Event) bool { return a.ID == b.ID }) {
				moved++
			}
			if got := w.foldOf(order); !reflect.DeepEqual(got, first) {
				t.Fatalf("seed %d: another order of arrival gives another fold; %s", seed, want.differ(got))
			}
		}
	}
	for _, reason := range []string{"valid", "opaque", "object_count", "object_unknown", "object_kind", "not_home", "fields", "illegal_transition", "state_stated",
		"epoch_order", "range_gap", "note_order", "operator_other", "not_attached", "exit_missing"} {
		if reasons[reason] < 5 {
			t.Errorf("%s came up %d times only", reason, reasons[reason])
		}
	}
	if provisional < 20 || moved < seeds {
		t.Errorf("too little was concurrent: %d provisional names, %d other orders", provisional, moved)
	}
}

// forgetful is a past that knows nothing: the control of the test above.
type forgetful struct{}

func (forgetful) Relate(_, _ event.ID) (causal.Relation, error) { return causal.Concurrent, nil }

func TestControl_WithoutThePastTheOracleDiffers(t *testing.T) {
	for seed := range int64(seeds) {
		w := randomWorld(t, seed, long)
		f := New(forgetful{})
		for _, e := range w.events {
			if _, err := f.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		if judgeAll(w).differ(f) != "" {
			return
		}
	}
	t.Error("no seed needs the past")
}

// The index that the core uses gives the same as pasts that are sets.
func TestRule02_WithTheIndexOfTheCore(t *testing.T) {
	for seed := range int64(seeds / 4) {
		w := randomWorld(t, seed, long)
		index := causal.NewIndex(func(id event.ID) (event.Header, error) {
			return w.events[slices.IndexFunc(w.events, func(e event.Event) bool { return e.ID == id })].Header, nil
		})
		f := New(index)
		for _, e := range w.events {
			if _, err := f.Apply(e); err != nil {
				t.Fatal(err)
			}
			if err := index.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		if d := judgeAll(w).differ(f); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

func TestRule05_BodiesRemovedInRandomHistories(t *testing.T) {
	for seed := range int64(seeds) {
		w := randomWorld(t, seed, long)
		whole, bare := judgeAll(w), slices.Clone(w.events)
		for i := range bare {
			bare[i].Body = nil
		}
		for id, p := range whole.objects {
			p.Reason = ""
			whole.objects[id] = p
		}
		if d := whole.differ(w.foldOf(bare)); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}
