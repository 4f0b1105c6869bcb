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
	Ran       bool
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

// A ledger is what the home's chain says of an execution so far.
type ledger struct {
	plain
	seats []seat
}

type seat struct {
	session event.ID
	count   int
}

// replay walks the home's chain for the fields in chain order, and then compares
// each pair of events for the causal ones.
func (o oracle) replay(start event.Event) plain {
	l := ledger{plain: plain{State: Starting, Note: -1}}
	if t := start.Header.Facts.Turn; t != nil {
		l.Turn = *t
	}
	if s := start.Header.Facts.Size; s != nil {
		l.Size = *s
	}
	names, affect := []event.Event{start}, []event.Event{start}
	for _, e := range o.w.events { // the order of writing is the order of every chain
		if !slices.Contains(e.Header.Affected, start.ID) || e.ID == start.ID {
			continue
		}
		switch verdict := o.verdicts[e.ID]; {
		case verdict == "opaque" && o.w.pasts[e.ID][start.ID]:
			l.Clouded = true
			affect = append(affect, e)
		case verdict == "valid" && e.Header.Type == event.ExecutionRenamedType:
			names, affect = append(names, e), append(affect, e)
		case verdict == "?":
			after, why := o.step(l, e)
			o.verdicts[e.ID] = when(why == "", "valid", why)
			if why == "" {
				l, affect = after, append(affect, e)
			}
		}
	}
	return o.causal(l, names, affect)
}

func (o oracle) causal(l ledger, names, affect []event.Event) plain {
	p := l.plain
	for _, s := range l.seats {
		p.Operators += fmt.Sprint(s.session.String()[:6], s.count, " ")
	}
	p.Names, p.Version = o.maximal(names), o.maximal(affect)
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

// step says what the ledger is after an event, or the first reason against it in
// the order of the rules: state, note, turn, then what the type asks for.
func (o oracle) step(l ledger, e event.Event) (ledger, string) {
	h, after := e.Header, l
	after.seats = slices.Clone(l.seats)
	over := l.State == Exited || l.State == Lost
	to, changes, legal := l.State, true, true
	switch h.Type {
	case event.ExecutionRunningType:
		to, legal = Running, l.State == Starting
	case event.ExecutionSuspendedType:
		to, legal = Suspended, l.State == Running
	case event.ExecutionRecoveredType:
		to, legal = Running, l.State != Starting && l.State != Exited
	case event.ExecutionExitedType:
		to, legal = Exited, l.State != Exited
	case event.ExecutionLostType:
		to, legal = Lost, !over
	case event.ExecutionAttachedType, event.ExecutionControlChangedType, event.ExecutionResizedType, event.ExecutionSignalledType:
		legal, changes = !over, false
	default:
		changes = false
	}
	if !legal {
		return l, "illegal_transition"
	}
	if stated := State(h.Facts.State); stated != to && (changes || stated != "") {
		return l, "state_stated"
	}
	after.State = to
	if n := h.Facts.Note; n != nil {
		if int64(*n) < l.Note {
			return l, "note_order"
		}
		after.Note = int64(*n)
	}
	if h.Facts.Size != nil {
		after.Size = *h.Facts.Size
	}
	if turn, good := turnAfter(l.Turn, h); good {
		after.Turn = turn
	} else {
		return l, "epoch_order"
	}
	if why := after.typed(h, over); why != "" {
		return l, why
	}
	if changes {
		after.Reason, after.Ended = o.why(e), to == Exited || to == Lost
	}
	if changes && to == Running {
		after.Reason, after.Ran = "", true
	}
	if after.Ended && !over {
		after.Turn, after.seats = event.Turn{Epoch: after.Turn.Epoch}, nil
	}
	return after, ""
}

func turnAfter(standing event.Turn, h event.Header) (event.Turn, bool) {
	t := h.Facts.Turn
	switch {
	case t == nil:
		return standing, true
	case h.Type == event.ExecutionControlChangedType:
		return *t, t.Epoch > standing.Epoch
	case h.Type == event.ExecutionAttachedType || h.Type == event.ExecutionDetachedType:
		return *t, t.Epoch > standing.Epoch || *t == standing
	}
	return standing, t.Epoch <= standing.Epoch
}

// typed is what an event of its type alone does.
func (l *ledger) typed(h event.Header, over bool) string {
	at := slices.IndexFunc(l.seats, func(s seat) bool { return s.session == h.Facts.Operator })
	switch h.Type {
	case event.ExecutionOutputType:
		if h.Facts.Range.From != l.Output {
			return "range_gap"
		}
		l.Output = h.Facts.Range.To
	case event.ExecutionInputType:
		if h.Facts.Typed != nil {
			l.Typed += *h.Facts.Typed
		}
	case event.ExecutionAttachedType:
		if h.Facts.Operator != h.Session {
			return "operator_other"
		}
		if at < 0 {
			l.seats = append(l.seats, seat{session: h.Session})
			at = len(l.seats) - 1
		}
		l.seats[at].count++
	case event.ExecutionDetachedType:
		if at < 0 {
			return when(over, "", "not_attached")
		}
		l.seats[at].count--
		l.seats = slices.DeleteFunc(l.seats, func(s seat) bool { return s.count == 0 })
	case event.ExecutionExitedType:
		if h.Facts.Exit == nil {
			return "exit_missing"
		}
		l.Exit = fmt.Sprint(h.Facts.Exit)
	}
	return ""
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
	p := plain{State: x.State, Ran: x.Ran, Turn: x.Turn, Size: x.Size, Output: x.Output, Typed: x.Typed, Note: -1, Ended: !x.EndedAt.IsZero(),
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

// differ says how a fold differs from the oracle; empty if it does not.
func (o oracle) differ(f *Fold) string {
	for _, e := range o.w.events {
		j := f.Judgement(e.ID)
		got := j.Verdict.String()
		if j.Verdict == Void {
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
	seeds = 40
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

// ordered is a causal order that knows ids.
type ordered struct {
	order causal.Order
	at    map[event.ID]causal.Ordinal
}

func (o *ordered) Relate(a, b event.ID) (causal.Relation, error) {
	return o.order.Relate(o.at[a], o.at[b]), nil
}

func (o *ordered) add(e event.Event) (err error) {
	entry := causal.Entry{Replica: chainOf(e), Prev: causal.NoEvent, Session: e.Header.Session, Lamport: e.Header.Lamport,
		Record: e.Header.Class == event.Control, Basis: e.Header.Basis.Index}
	if entry.Record {
		entry.Seq = e.Header.Seq
	}
	if n, known := o.at[e.Header.Prev]; known {
		entry.Prev = n
	}
	for _, p := range e.Header.Parents {
		entry.Parents = append(entry.Parents, o.at[p])
	}
	o.at[e.ID], err = o.order.Add(entry)
	return err
}

// The order that the core uses gives the same as pasts that are sets.
func TestRule02_WithTheOrderOfTheCore(t *testing.T) {
	for seed := range int64(seeds / 4) {
		w := randomWorld(t, seed, long)
		past := &ordered{at: map[event.ID]causal.Ordinal{}}
		f := New(past)
		for _, e := range w.events {
			if _, err := f.Apply(e); err != nil {
				t.Fatal(err)
			}
			if err := past.add(e); err != nil {
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

func BenchmarkApply(b *testing.B) {
	w := newWorld(b)
	x := w.start("build")
	last := w.next(event.ExecutionAttachedType, x, x, operator(event.ID{1}))
	f := w.fold()
	e := w.next(event.ExecutionOutputType, x, last, bytesOf(0, 1))
	for i := uint64(0); b.Loop(); i++ {
		e.Header.Parents = []event.ID{e.ID}
		if i == 0 {
			e.Header.Parents[0] = last.ID
		}
		e.ID = event.Derived(e.ID, "next")
		e.Header.Seq = f.next[home]
		e.Header.Facts.Range = &event.Range{From: i, To: i + 1, Root: event.ID{9}}
		if j, err := f.Apply(e); err != nil || j.Verdict != Valid {
			b.Fatal(j, err)
		}
	}
}
