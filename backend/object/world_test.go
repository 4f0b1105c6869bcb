package object

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

const (
	home  = event.Chain("home")
	other = event.Chain("other")
)

// world writes well-formed events and knows the whole past of each as a set.
type world struct {
	t       testing.TB
	genesis event.ID
	anna    event.Actor
	core    event.Actor
	events  []event.Event
	heads   map[event.Chain]event.Event
	lamport map[event.ID]uint64
	pasts   map[event.ID]map[event.ID]bool
	clock   int64
}

// change is what a test does to a header before it is written.
type change func(*event.Header)

func newWorld(t testing.TB) *world {
	w := &world{t: t, heads: map[event.Chain]event.Event{}, lamport: map[event.ID]uint64{}, pasts: map[event.ID]map[event.ID]bool{}, clock: 1_000_000_000}
	g := w.keep(event.Header{SchemaVersion: 1, Type: event.WorkspaceCreatedType, Lamport: 1, WallTime: w.clock, Surface: event.SurfaceSystem, ViewEpoch: 1, Class: event.Control,
		Facts: event.Facts{Genesis: &event.Genesis{Nonce: [16]byte{1}, Replica: home, RecoveryKey: bytes.Repeat([]byte{1}, 32), Epoch: 1}}},
		event.WorkspaceCreated{Workspace: "Home", Human: "anna", Device: "laptop"})
	w.genesis = g.ID
	w.anna = event.Actor{ID: event.Derived(g.ID, "human"), Kind: event.Human}
	w.core = event.Actor{ID: event.Derived(g.ID, "system"), Kind: event.Service}
	return w
}

func (w *world) Relate(a, b event.ID) (causal.Relation, error) {
	switch {
	case a == b:
		return causal.Same, nil
	case w.pasts[b][a]:
		return causal.Before, nil
	case w.pasts[a][b]:
		return causal.After, nil
	}
	return causal.Concurrent, nil
}

// write adds an event to a chain. Parents must be an antichain; the header is
// that of anna on the command line until a change says otherwise.
func (w *world) write(chain event.Chain, t event.Type, parents []event.ID, content any, changes ...change) event.Event {
	w.t.Helper()
	w.clock += 1_000_000
	h := event.Header{SchemaVersion: 1, Workspace: w.genesis, Type: t, Lamport: 1, Replica: chain, Basis: event.Basis{Record: w.genesis},
		WallTime: w.clock, Actor: w.anna, Surface: event.SurfaceCLI, Session: event.ID{1}, ViewEpoch: 1, Branch: event.Derived(w.genesis, "main"), Class: event.Causal}
	if last, begun := w.heads[chain]; begun {
		h.Seq, h.Prev = last.Header.Seq+1, last.ID
	}
	h.Parents = slices.Compact(slices.SortedFunc(slices.Values(parents), byID))
	for _, p := range h.Parents {
		h.Lamport = max(h.Lamport, w.lamport[p]+1)
	}
	if t == event.SessionOpenedType {
		h.Session = event.ID{}
	}
	for _, c := range changes {
		c(&h)
	}
	e := w.keep(h, content)
	w.heads[chain] = e
	return e
}

func (w *world) keep(h event.Header, content any) event.Event {
	w.t.Helper()
	text, err := event.EncodeContent(content)
	if err != nil {
		w.t.Fatal(err)
	}
	nonce := append([]byte(fmt.Sprintf("%08d", len(w.events))), make([]byte, 8)...)
	body, err := event.JoinBody(nonce, text)
	if err != nil {
		w.t.Fatal(err)
	}
	h.BodyHash = event.BodyHash(body)
	b, id, err := event.EncodeHeader(h)
	if err != nil {
		w.t.Fatal(h.Type, err)
	}
	e := event.Event{ID: id, Header: h, Bytes: b, Body: body}
	w.events = append(w.events, e)
	w.lamport[id] = h.Lamport
	past := map[event.ID]bool{}
	for _, p := range h.Parents {
		past[p] = true
		for q := range w.pasts[p] {
			past[q] = true
		}
	}
	w.pasts[id] = past
	return e
}

func about(id event.ID) change   { return func(h *event.Header) { h.Affected = []event.ID{id} } }
func state(s State) change       { return func(h *event.Header) { h.Facts.State = string(s) } }
func session(id event.ID) change { return func(h *event.Header) { h.Session = id } }
func note(n uint64) change       { return func(h *event.Header) { h.Facts.Note = &n } }
func exit(s, n uint64) change {
	return func(h *event.Header) { h.Facts.Exit = &event.Exit{Status: s, Signal: n} }
}
func size(c, r uint64) change {
	return func(h *event.Header) { h.Facts.Size = &event.Size{Cols: c, Rows: r} }
}
func typing(n uint64) change      { return func(h *event.Header) { h.Facts.Typed = &n } }
func operator(id event.ID) change { return func(h *event.Header) { h.Facts.Operator = id } }
func bytesOf(from, to uint64) change {
	return func(h *event.Header) { h.Facts.Range = &event.Range{From: from, To: to, Root: event.ID{9}} }
}
func turn(epoch uint64, driver, session event.ID) change {
	return func(h *event.Header) { h.Facts.Turn = &event.Turn{Epoch: epoch, Driver: driver, Session: session} }
}

// start writes execution.started with no parents.
func (w *world) start(name string, changes ...change) event.Event {
	return w.write(home, event.ExecutionStartedType, nil, event.ExecutionStarted{Name: name, Program: "/usr/bin/make", Argv: []string{"make", "all"}, Folder: "/src",
		Variables: []string{"HOME", "PATH"}}, append([]change{state(Starting)}, changes...)...)
}

// next writes an event about x on the home's chain after a parent.
func (w *world) next(t event.Type, x, parent event.Event, changes ...change) event.Event {
	w.t.Helper()
	var content any = event.Remark{}
	if t == event.ExecutionRenamedType {
		content = event.ExecutionRenamed{Name: "renamed"}
	}
	return w.write(home, t, []event.ID{parent.ID}, content, append([]change{about(x.ID)}, changes...)...)
}

// fold applies all events in the order in which they were written.
func (w *world) fold() *Fold { return w.foldOf(w.events) }

func (w *world) foldOf(events []event.Event) *Fold {
	w.t.Helper()
	f := New(w)
	for _, e := range events {
		if _, err := f.Apply(e); err != nil {
			w.t.Fatal(err)
		}
	}
	return f
}

// want checks the verdict of an event; an empty reason means valid.
func (w *world) want(f *Fold, e event.Event, reason string) {
	w.t.Helper()
	j := f.Judgement(e.ID)
	switch {
	case reason == "" && j.Verdict != Valid:
		w.t.Errorf("%s is %v: %v", e.Header.Type, j.Verdict, j.Why)
	case reason != "" && (j.Verdict != Void || !fault.Is(j.Why, reason)):
		w.t.Errorf("%s is %v, want void for %s: %v", e.Header.Type, j.Verdict, reason, j.Why)
	}
}

func (w *world) execution(f *Fold, e event.Event) *Execution {
	w.t.Helper()
	x, known := f.Execution(e.ID)
	if !known {
		w.t.Fatal("there is no such execution")
	}
	return x
}
