package control

import (
	"math/rand"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// random asks for anything, much of it wrong, and says it in entries that lack
// something, or say what cannot be.
func (w *world) random(r *rand.Rand, n int) {
	people := []event.Actor{w.anna, {ID: event.Derived(w.genesis.ID, "system"), Kind: event.Service}, {ID: event.ID{77}, Kind: event.Human}}
	for range n {
		who := people[r.Intn(len(people))]
		kind, changes := w.wish(r, people)
		changes = append(changes, by(who.ID, who.Kind), w.hostile(r), func(e *Entry) { e.Time -= int64(r.Intn(50)) })
		record, err := w.ask(kind, changes...)
		if err == nil && kind == event.ActorEnrolledType {
			people = append(people, event.Actor{ID: record.ID, Kind: record.Header.Facts.Member.Kind})
		}
	}
}

// wish is what is asked for, with what it is about.
func (w *world) wish(r *rand.Rand, people []event.Actor) (event.Type, []change) {
	kinds := []event.Type{event.ActorEnrolledType, event.ActorRetiredType, event.CheckpointFinalizedType, event.CheckpointInvalidatedType, event.PolicyChangedType}
	id := event.ID{byte(21 + r.Intn(4))}
	state := []string{"proposed", "proposed", "finalized"}[r.Intn(3)]
	switch kind := kinds[r.Intn(len(kinds))]; kind {
	case event.ActorEnrolledType:
		replica := []event.Chain{home, home, other}[r.Intn(3)]
		member := &event.Member{Kind: event.ActorKind(1 + r.Intn(3)), Replica: replica}
		return kind, []change{w.agent(r.Intn(4) == 0), func(e *Entry) { e.Request.Header.Facts.Member = member }}
	case event.ActorRetiredType:
		return kind, []change{naming(people[r.Intn(len(people))].ID, "actor", "active")}
	case event.CheckpointFinalizedType:
		quiescent := r.Intn(2) == 0
		return kind, []change{naming(id, "checkpoint", state), digests(1, byte(1+r.Intn(5)/4)), func(e *Entry) {
			if e.Witness[0].Quiescent = quiescent; r.Intn(3) == 0 {
				e.Witness[0].Open = []event.ID{{9}}
			}
		}}
	default:
		return kind, []change{naming(id, "checkpoint", state)}
	}
}

// hostile is harm to one entry in three.
func (w *world) hostile(r *rand.Rand) change {
	harms := []change{
		func(e *Entry) { e.Witness = nil },
		func(e *Entry) { e.Witness[0].Object = event.ID{2} },
		func(e *Entry) { e.Witness[0].Kind = "branch" },
		func(e *Entry) { e.Witness = append(e.Witness, e.Witness...) },
		func(e *Entry) { e.Request.Header.Basis = event.Basis{Record: w.genesis.ID} },
		func(e *Entry) { e.Request.Header.Basis.Index++ },
		func(e *Entry) { e.Request.Header.Replica = other },
		func(e *Entry) { e.Request.Header.Workspace = event.ID{2} },
		func(e *Entry) { e.Request.Header.Facts.Ask.Until = 200 + int64(r.Intn(60)) },
		func(e *Entry) { e.Request.Header.Affected = []event.ID{{2}, {3}} },
		func(e *Entry) { e.Request.Header.Affected = nil },
		func(e *Entry) { e.Behind = []event.ID{{2}} },
		behindItself,
	}
	if r.Intn(3) > 0 {
		return func(*Entry) {}
	}
	return harms[r.Intn(len(harms))]
}

// told is one entry of a history with the record that it got.
type told struct {
	entry  Entry
	record event.Event
}

// oracle judges as the machine does, but keeps nothing: each time it reads the
// whole history anew.
type oracle struct {
	genesis event.Event
	all     []told
}

// done calls each with the done records of a type, and what they name.
func (o *oracle) done(t event.Type, each func(r event.Event)) {
	for _, one := range o.all {
		if h := one.record.Header; h.Type == t && h.Facts.Decision.Outcome == event.OutcomeDone {
			each(one.record)
		}
	}
}

func (o *oracle) member(id event.ID) (kind event.ActorKind, at event.Chain, since uint64, known bool) {
	switch id {
	case event.Derived(o.genesis.ID, "human"):
		return event.Human, "", 0, true
	case event.Derived(o.genesis.ID, "system"):
		return event.Service, "", 0, true
	}
	o.done(event.ActorEnrolledType, func(r event.Event) {
		if r.ID == id {
			kind, at, since, known = r.Header.Facts.Member.Kind, r.Header.Facts.Member.Replica, r.Header.Seq, true
		}
	})
	return kind, at, since, known
}

func (o *oracle) was(t event.Type, id event.ID) (is bool) {
	o.done(t, func(r event.Event) { is = is || slices.Contains(r.Header.Affected, id) })
	return is
}

func (o *oracle) people() (n int) {
	all := []event.ID{event.Derived(o.genesis.ID, "human")}
	o.done(event.ActorEnrolledType, func(r event.Event) { all = append(all, r.ID) })
	for _, id := range all {
		if kind, _, _, _ := o.member(id); kind == event.Human && !o.was(event.ActorRetiredType, id) {
			n++
		}
	}
	return n
}

// judge returns the reason of a refusal, "" for a done record, and the reason of
// a fault with a colon before it.
func (o *oracle) judge(e Entry) string {
	h := e.Request.Header
	if h.Workspace != o.genesis.ID || h.Basis.Index > uint64(len(o.all)) {
		return ":entry_bad"
	}
	time := max(o.genesis.Header.WallTime, e.Time)
	for _, one := range o.all {
		if time = max(time, one.entry.Time); one.entry.Request.ID == e.Request.ID {
			return ":answered"
		}
	}
	t := h.Facts.Ask.Type
	if t == event.PolicyChangedType {
		return ":not_ready"
	}
	reason := o.refuses(e, t, time)
	if reason != ":entry_bad" && !o.follows(e) {
		return ":entry_bad"
	}
	return reason
}

func (o *oracle) refuses(e Entry, t event.Type, time int64) string {
	h := e.Request.Header
	kind, at, since, known := o.member(h.Actor.ID)
	switch {
	case !known, since > h.Basis.Index, at != "" && at != h.Replica:
		return "not_enrolled"
	case o.was(event.ActorRetiredType, h.Actor.ID):
		return "actor_retired"
	case h.Facts.Ask.Until > 0 && time > h.Facts.Ask.Until:
		return "expired"
	case len(e.Witness) != 1:
		return ":entry_bad"
	}
	f := e.Witness[0]
	if t == event.ActorEnrolledType {
		switch {
		case len(h.Affected) != 0 || f.Object != o.genesis.ID:
			return ":entry_bad"
		case kind == event.Agent:
			return "agent_asks"
		case f.NameTaken:
			return "name_taken"
		}
		return ""
	}
	of := map[event.Type]string{event.ActorRetiredType: "actor", event.CheckpointFinalizedType: "checkpoint", event.CheckpointInvalidatedType: "checkpoint"}
	if len(h.Affected) != 1 || h.Affected[0] != f.Object || f.Kind != of[t] {
		return ":entry_bad"
	}
	if t == event.ActorRetiredType {
		return o.retires(f.Object, kind)
	}
	return o.freezes(t, f, h.Facts.Digest)
}

func (o *oracle) retires(id event.ID, by event.ActorKind) string {
	kind, _, _, known := o.member(id)
	switch {
	case !known:
		return "actor_unknown"
	case id == event.Derived(o.genesis.ID, "system"):
		return "system_stays"
	case by == event.Agent:
		return "agent_asks"
	case o.was(event.ActorRetiredType, id):
		return "actor_retired"
	case kind == event.Human && o.people() == 1:
		return "last_person"
	}
	return ""
}

func (o *oracle) freezes(t event.Type, f Fact, asked *event.Digest) string {
	invalid, final := o.was(event.CheckpointInvalidatedType, f.Object), o.was(event.CheckpointFinalizedType, f.Object)
	switch {
	case invalid, t == event.CheckpointFinalizedType && (final || f.States[0].State != "proposed"):
		return "illegal_transition"
	case t == event.CheckpointInvalidatedType:
		return ""
	case *asked != f.Digest:
		return "digest_other"
	case f.Quiescent && len(f.Open) > 0:
		return "not_quiescent"
	}
	return ""
}

// follows reports whether what an entry says to lie behind is something that
// its record might follow, and not the newest of that.
func (o *oracle) follows(e Entry) bool {
	lamports := map[event.ID]uint64{e.Request.ID: e.Request.Header.Lamport}
	for _, id := range e.Request.Header.Affected {
		for _, one := range slices.Backward(o.all) {
			if slices.Contains(one.record.Header.Affected, id) {
				lamports[one.record.ID] = one.record.Header.Lamport
				break
			}
		}
	}
	high := uint64(0)
	for id, at := range lamports {
		if !slices.Contains(e.Behind, id) {
			high = max(high, at)
		}
	}
	for _, id := range e.Behind {
		if at, may := lamports[id]; !may || at >= high {
			return false
		}
	}
	return true
}

// The machine decides as one that reads all anew each time, 50,000 entries long.
func TestAnotherImplementationDecidesTheSame(t *testing.T) {
	seen := map[string]int{}
	for seed := range int64(1000) {
		w := newWorld(t)
		o := &oracle{genesis: w.genesis}
		w.before = func(e Entry) {
			h, err := w.m.Decide(e)
			got := ":" + reasonOf(err)
			if err == nil {
				got = h.Facts.Decision.Reason
			}
			want := o.judge(e)
			if seen[want]++; got != want {
				t.Fatalf("seed %d, after %d records: %q, and the other says %q\n%+v", seed, len(o.all), got, want, e)
			}
		}
		w.after = func(e Entry, r event.Event) { o.all = append(o.all, told{e, r}) }
		w.random(rand.New(rand.NewSource(seed)), 50)
		if len(w.entries) > 0 {
			w.before(w.entries[0])
		}
	}
	for _, reason := range []string{"", ":entry_bad", ":answered", ":not_ready", "not_enrolled", "actor_retired", "expired", "agent_asks", "name_taken", "system_stays",
		"last_person", "illegal_transition", "digest_other", "not_quiescent"} {
		if seen[reason] < 20 {
			t.Errorf("%q was met %d times", reason, seen[reason])
		}
	}
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Reason
}
