package control

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

const home, other = event.Chain("home"), event.Chain("other")

// world asks a machine and takes what it decides.
type world struct {
	t       testing.TB
	m       *Machine
	genesis event.Event
	anna    event.Actor
	entries []Entry
	records []event.Event
	asked   uint64
	// before and after are told of each entry that is decided; nil does nothing.
	before func(Entry)
	after  func(Entry, event.Event)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, genesis: event.Event{ID: event.ID{1}, Header: event.Header{Type: event.WorkspaceCreatedType, WallTime: 100,
		Facts: event.Facts{Genesis: &event.Genesis{Replica: home, Epoch: 3}}}}}
	m, err := New(w.genesis)
	if err != nil {
		t.Fatal(err)
	}
	w.m, w.anna = m, event.Actor{ID: event.Derived(w.genesis.ID, "human"), Kind: event.Human}
	return w
}

// change is what a test does to an entry before it is decided.
type change func(*Entry)

// ask makes an entry of anna at home, and decides it.
func (w *world) ask(t event.Type, changes ...change) (event.Event, error) {
	w.t.Helper()
	w.asked++
	e := Entry{Time: int64(200 + w.asked), AsOf: event.Cut{Past: []event.ID{{9}}}}
	e.Request.Header = event.Header{SchemaVersion: 1, Workspace: w.genesis.ID, Type: event.RequestMadeType, Lamport: 5, Parents: []event.ID{{8}}, Replica: home,
		Seq: w.asked, Prev: event.ID{7}, Basis: w.m.Last(), Actor: w.anna, Surface: event.SurfaceCLI, Session: event.ID{6}, ViewEpoch: 3,
		Branch: event.ID{5}, Class: event.Causal, BodyHash: event.BodyHash(body), Facts: event.Facts{Ask: &event.Ask{Type: t}}}
	for _, c := range changes {
		c(&e)
	}
	return w.decide(w.whole(e))
}

// whole gives an entry's request its bytes and its id.
func (w *world) whole(e Entry) Entry {
	w.t.Helper()
	b, id, err := event.EncodeHeader(e.Request.Header)
	if err != nil {
		w.t.Fatal(err)
	}
	e.Request.ID, e.Request.Bytes, e.Request.Body = id, b, body
	e.AsOf.Past = []event.ID{id}
	return e
}

// body is that of every request here.
var body = make([]byte, event.BodyNonceSize)

func idOf(h event.Header) (event.ID, error) {
	_, id, err := event.EncodeHeader(h)
	return id, err
}

func (w *world) decide(e Entry) (event.Event, error) {
	w.t.Helper()
	if w.before != nil {
		w.before(e)
	}
	h, err := w.m.Decide(e)
	if err != nil {
		return event.Event{}, err
	}
	b, id, err := event.EncodeHeader(h)
	if err != nil {
		w.t.Fatal("the record is malformed:", err)
	}
	r := event.Event{ID: id, Header: h, Bytes: b}
	if err := w.m.Take(r); err != nil {
		w.t.Fatal(err)
	}
	w.entries, w.records = append(w.entries, e), append(w.records, r)
	if w.after != nil {
		w.after(e, r)
	}
	return r, nil
}

func (w *world) agent(taken bool) change {
	return func(e *Entry) {
		e.Request.Header.Facts.Member = &event.Member{Kind: event.Agent, Replica: home}
		e.Witness = []Fact{{Object: w.genesis.ID, Kind: "workspace", NameTaken: taken}}
	}
}

func by(id event.ID, kind event.ActorKind) change {
	return func(e *Entry) { e.Request.Header.Actor = event.Actor{ID: id, Kind: kind} }
}

func naming(id event.ID, kind string, states ...string) change {
	return func(e *Entry) {
		e.Request.Header.Affected = []event.ID{id}
		f := Fact{Object: id, Kind: kind}
		for _, s := range states {
			f.States = append(f.States, Stated{s, event.ID{3}})
		}
		e.Witness = []Fact{f}
	}
}

func digests(asked, is byte) change {
	return func(e *Entry) {
		e.Request.Header.Facts.Digest = &event.Digest{Version: 1, Hash: event.ID{asked}}
		e.Witness[0].Digest = event.Digest{Version: 1, Hash: event.ID{is}}
	}
}

// want holds a record to its outcome; an empty reason means done.
func want(t testing.TB, r event.Event, err error, reason string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	d := r.Header.Facts.Decision
	if d.Reason != reason || (d.Outcome == event.OutcomeDone) != (reason == "") {
		t.Errorf("the outcome is %s %q, want %q", d.Outcome, d.Reason, reason)
	}
}

func TestRule01_ARecordIsAFunctionOfEntries(t *testing.T) {
	for seed := range int64(200) {
		w := newWorld(t)
		w.random(rand.New(rand.NewSource(seed)), 50)
		again := newWorld(t)
		for n, e := range w.entries {
			r, err := again.decide(e)
			if err != nil || !bytes.Equal(r.Bytes, w.records[n].Bytes) {
				t.Fatalf("seed %d: record %d differs when it is decided again: %v", seed, n+1, err)
			}
		}
		follower := newWorld(t)
		for _, r := range w.records {
			if err := follower.m.Take(r); err != nil {
				t.Fatal(err)
			}
		}
		if fmt.Sprint(follower.m) != fmt.Sprint(w.m) {
			t.Fatalf("seed %d: whoever takes the records stands elsewhere", seed)
		}
	}
}

func TestRule02_RecordsFollowOneAnother(t *testing.T) {
	w := newWorld(t)
	first, err := w.ask(event.ActorEnrolledType, w.agent(false))
	want(t, first, err, "")
	for name, change := range map[string]func(*event.Header){
		"the same again": func(*event.Header) {}, "a gap": func(h *event.Header) { h.Seq = 3; h.Prev = first.ID },
		"another before": func(h *event.Header) { h.Seq = 2 }, "another workspace": func(h *event.Header) { h.Seq, h.Prev, h.Workspace = 2, first.ID, event.ID{2} },
		"no record": func(h *event.Header) { h.Seq, h.Prev, h.Class = 2, first.ID, event.Causal },
	} {
		bad := first
		change(&bad.Header)
		if err := w.m.Take(bad); !fault.Is(err, "record_order") {
			t.Errorf("%s was taken: %v", name, err)
		}
	}
	if second, err := w.ask(event.ActorEnrolledType, w.agent(false)); err != nil || second.Header.Seq != 2 || second.Header.Prev != first.ID || second.Header.Basis.Record != first.ID {
		t.Error("the next does not follow:", err)
	}
}

func TestRule03_OneRequestOneRecord(t *testing.T) {
	w := newWorld(t)
	for _, taken := range []bool{false, true} {
		r, err := w.ask(event.ActorEnrolledType, w.agent(taken))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.decide(w.entries[len(w.entries)-1]); !fault.Is(err, "answered") {
			t.Error("a request got two records:", err)
		}
		if b, is := w.m.Answered(r.Header.Facts.Decision.Request); !is || b.Record != r.ID {
			t.Error("the answer is not known")
		}
	}
}

func TestRule04_AnEntryCarriesWhatItIsJudgedBy(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]change{
		"no witness":        func(e *Entry) { e.Witness = nil },
		"of another object": func(e *Entry) { e.Witness[0].Object = event.ID{2} },
		"another workspace": func(e *Entry) { e.Request.Header.Workspace = event.ID{2} },
		"a later basis":     func(e *Entry) { e.Request.Header.Basis.Index++ },
	} {
		if _, err := w.ask(event.ActorEnrolledType, w.agent(false), c); !fault.Is(err, "entry_bad") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.ask(event.CheckpointFinalizedType, naming(event.ID{2}, "branch", "proposed"), digests(1, 1)); !fault.Is(err, "entry_bad") {
		t.Error("another kind was judged:", err)
	}
	if w.m.Last().Index != 0 {
		t.Error("a record was made")
	}
}

func TestRule05_TimeNeverGoesBack(t *testing.T) {
	w := newWorld(t)
	at := func(time int64) change { return func(e *Entry) { e.Time = time } }
	for _, times := range [][2]int64{{50, 100}, {300, 300}, {200, 300}, {301, 301}} {
		if r, err := w.ask(event.ActorEnrolledType, w.agent(false), at(times[0])); err != nil || r.Header.WallTime != times[1] {
			t.Errorf("at %d the record says %d, want %d: %v", times[0], r.Header.WallTime, times[1], err)
		}
	}
}

func TestRule06_ParentsAreRequestAndNewestRecords(t *testing.T) {
	w := newWorld(t)
	id := event.ID{21}
	first, err := w.ask(event.CheckpointFinalizedType, naming(id, "checkpoint", "proposed"), digests(1, 2))
	want(t, first, err, "digest_other")
	second, err := w.ask(event.CheckpointFinalizedType, naming(id, "checkpoint", "proposed"), digests(1, 1))
	want(t, second, err, "")
	follows(t, second, first.Header.Lamport+1, first.ID, requestOf(second))
	third, err := w.ask(event.CheckpointInvalidatedType, naming(id, "checkpoint", "finalized"), behind(second.ID), func(e *Entry) {
		e.Request.Header.Lamport = second.Header.Lamport + 1
	})
	want(t, third, err, "")
	follows(t, third, second.Header.Lamport+2, requestOf(third))
	late, err := w.ask(event.CheckpointInvalidatedType, naming(id, "checkpoint", "finalized"), behindItself)
	want(t, late, err, "illegal_transition")
	follows(t, late, third.Header.Lamport+1, third.ID)
	for name, c := range map[string]change{
		"all": func(e *Entry) { e.Behind = []event.ID{late.ID, idIn(e)} }, "what is above all": behind(late.ID), "another": behind(event.ID{2}),
	} {
		if _, err := w.ask(event.CheckpointInvalidatedType, naming(id, "checkpoint", "finalized"), c); !fault.Is(err, "entry_bad") {
			t.Errorf("%s lies behind: %v", name, err)
		}
	}
}

func requestOf(record event.Event) event.ID { return record.Header.Facts.Decision.Request }

// idIn is the id of the request as it is so far.
func idIn(e *Entry) event.ID {
	id, _ := idOf(e.Request.Header)
	return id
}

func behind(ids ...event.ID) change { return func(e *Entry) { e.Behind = ids } }

func behindItself(e *Entry) { e.Behind = []event.ID{idIn(e)} }

// follows holds a record to its parents and lamport.
func follows(t testing.TB, r event.Event, lamport uint64, parents ...event.ID) {
	t.Helper()
	missing := func(id event.ID) bool { return !contains(r.Header.Parents, id) }
	if len(r.Header.Parents) != len(parents) || slices.ContainsFunc(parents, missing) || r.Header.Lamport != lamport {
		t.Errorf("record %d has lamport %d and follows %v, want %d and %v", r.Header.Seq, r.Header.Lamport, r.Header.Parents, lamport, parents)
	}
}

func contains(ids []event.ID, id event.ID) bool {
	for _, one := range ids {
		if one == id {
			return true
		}
	}
	return false
}

func TestRule07_WhoeverAsksIsEnrolled(t *testing.T) {
	w := newWorld(t)
	stranger, err := w.ask(event.ActorEnrolledType, w.agent(false), by(event.ID{77}, event.Human))
	want(t, stranger, err, "not_enrolled")
	person, err := w.ask(event.ActorEnrolledType, w.agent(false), func(e *Entry) { e.Request.Header.Facts.Member.Kind = event.Human })
	want(t, person, err, "")
	good, err := w.ask(event.ActorEnrolledType, w.agent(false), by(person.ID, event.Human))
	want(t, good, err, "")
	early, err := w.ask(event.ActorEnrolledType, w.agent(false), by(person.ID, event.Human), func(e *Entry) { e.Request.Header.Basis = event.Basis{Record: w.genesis.ID} })
	want(t, early, err, "not_enrolled")
	abroad, err := w.ask(event.ActorEnrolledType, w.agent(false), by(person.ID, event.Human), func(e *Entry) { e.Request.Header.Replica = other })
	want(t, abroad, err, "not_enrolled")
	retired, err := w.ask(event.ActorRetiredType, naming(person.ID, "actor", "active"))
	want(t, retired, err, "")
	late, err := w.ask(event.ActorEnrolledType, w.agent(false), by(person.ID, event.Human))
	want(t, late, err, "actor_retired")
}

func TestRule08_ARequestRunsOut(t *testing.T) {
	w := newWorld(t)
	until := func(time int64) change {
		return func(e *Entry) { e.Request.Header.Facts.Ask.Until, e.Time = time, 500 }
	}
	r, err := w.ask(event.ActorEnrolledType, w.agent(false), until(500))
	want(t, r, err, "")
	r, err = w.ask(event.ActorEnrolledType, w.agent(false), until(499))
	want(t, r, err, "expired")
}

func TestRule09_ARefusalChangesNothingElse(t *testing.T) {
	w := newWorld(t)
	refused, err := w.ask(event.ActorEnrolledType, w.agent(true))
	want(t, refused, err, "name_taken")
	if refused.Header.Facts.State != "" {
		t.Error("a refusal states a state")
	}
	r, err := w.ask(event.ActorEnrolledType, w.agent(false), by(refused.ID, event.Human))
	want(t, r, err, "not_enrolled")
	id := event.ID{21}
	r, err = w.ask(event.CheckpointFinalizedType, naming(id, "checkpoint", "proposed"), digests(1, 2))
	want(t, r, err, "digest_other")
	r, err = w.ask(event.CheckpointFinalizedType, naming(id, "checkpoint", "proposed"), digests(1, 1))
	want(t, r, err, "")
}

func TestRule10_WhoIsEnrolled(t *testing.T) {
	w := newWorld(t)
	agent, err := w.ask(event.ActorEnrolledType, w.agent(false))
	want(t, agent, err, "")
	r, err := w.ask(event.ActorEnrolledType, w.agent(false), by(agent.ID, event.Agent))
	want(t, r, err, "agent_asks")
	r, err = w.ask(event.ActorEnrolledType, w.agent(true))
	want(t, r, err, "name_taken")
}

func TestRule11_WhoIsRetired(t *testing.T) {
	w := newWorld(t)
	agent, err := w.ask(event.ActorEnrolledType, w.agent(false))
	want(t, agent, err, "")
	for _, c := range []struct {
		of   event.ID
		by   change
		want string
	}{
		{event.ID{5}, by(w.anna.ID, event.Human), "actor_unknown"}, {event.Derived(w.genesis.ID, "system"), by(w.anna.ID, event.Human), "system_stays"},
		{w.anna.ID, by(w.anna.ID, event.Human), "last_person"}, {w.anna.ID, by(agent.ID, event.Agent), "agent_asks"},
		{agent.ID, by(w.anna.ID, event.Human), ""}, {agent.ID, by(w.anna.ID, event.Human), "actor_retired"},
	} {
		r, err := w.ask(event.ActorRetiredType, naming(c.of, "actor", "active"), c.by)
		want(t, r, err, c.want)
	}
}

// Who signs may sign nonsense: it is taken, for it has its place, and changes nobody.
func TestARecordThatRetiresNobodyIsTaken(t *testing.T) {
	w := newWorld(t)
	agent, err := w.ask(event.ActorEnrolledType, w.agent(false))
	want(t, agent, err, "")
	r := agent
	r.ID, r.Header.Type, r.Header.Facts.Member = event.ID{2}, event.ActorRetiredType, nil
	r.Header.Seq, r.Header.Prev = 2, agent.ID
	if err := w.m.Take(r); err != nil || w.m.Last().Record != r.ID {
		t.Error(err)
	}
}

func TestRule12_WhatIsFinalized(t *testing.T) {
	w := newWorld(t)
	open := func(quiescent bool) change {
		return func(e *Entry) { e.Witness[0].Open, e.Witness[0].Quiescent = []event.ID{{1}}, quiescent }
	}
	r, err := w.ask(event.CheckpointFinalizedType, naming(event.ID{21}, "checkpoint", "proposed"), digests(1, 1), open(true))
	want(t, r, err, "not_quiescent")
	r, err = w.ask(event.CheckpointFinalizedType, naming(event.ID{21}, "checkpoint", "proposed"), digests(1, 2))
	want(t, r, err, "digest_other")
	r, err = w.ask(event.CheckpointFinalizedType, naming(event.ID{21}, "checkpoint"), digests(1, 1))
	want(t, r, err, "illegal_transition")
	r, err = w.ask(event.CheckpointFinalizedType, naming(event.ID{21}, "checkpoint", "proposed"), digests(1, 1), open(false))
	want(t, r, err, "")
	if r.Header.Facts.State != "finalized" || r.Header.Facts.Digest.Hash != (event.ID{1}) {
		t.Errorf("the record says %+v", r.Header.Facts)
	}
	r, err = w.ask(event.CheckpointFinalizedType, naming(event.ID{21}, "checkpoint", "proposed"), digests(1, 1))
	want(t, r, err, "illegal_transition")
}

func TestRule13_WhatIsInvalidated(t *testing.T) {
	w := newWorld(t)
	r, err := w.ask(event.CheckpointInvalidatedType, naming(event.ID{21}, "checkpoint", "proposed"))
	want(t, r, err, "")
	r, err = w.ask(event.CheckpointInvalidatedType, naming(event.ID{21}, "checkpoint", "proposed"))
	want(t, r, err, "illegal_transition")
	r, err = w.ask(event.CheckpointFinalizedType, naming(event.ID{21}, "checkpoint", "proposed"), digests(1, 1))
	want(t, r, err, "illegal_transition")
}

func TestRule14_WhatHasNoRuleIsNotDecided(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []event.Type{event.PolicyChangedType, event.ApprovalGrantedType, event.BranchFrozenType} {
		if _, err := w.ask(kind, naming(event.ID{2}, "branch", "open")); !fault.Is(err, "not_ready") || Decides(kind) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if w.m.Last().Index != 0 || !Decides(event.ActorEnrolledType) {
		t.Error("a record was made")
	}
}

func TestControlBeginsWithGenesis(t *testing.T) {
	if _, err := New(event.Event{}); !fault.Is(err, "genesis_first") {
		t.Error(err)
	}
}

func TestEveryRuleHasATest(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests []byte
	for _, name := range []string{"rules_test.go", "format_test.go", "witness_test.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, b...)
	}
	rules := regexp.MustCompile(`(?m)^(\d+)\. `).FindAllStringSubmatch(string(spec), -1)
	if len(rules) != 18 {
		t.Fatalf("%d rules were found", len(rules))
	}
	for _, rule := range rules {
		if !strings.Contains(string(tests), fmt.Sprintf("func TestRule%02s_", rule[1])) {
			t.Errorf("rule %s has no test", rule[1])
		}
	}
}
