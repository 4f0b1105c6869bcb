package causal

import (
	"encoding/binary"
	"math/rand"
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// graph is a random history with a second, dumb answer to every question: the
// whole past of every event as a set.
type graph struct {
	rng    *rand.Rand
	events []event.Event
	past   []map[int]bool
	number map[event.ID]int
	own    map[event.ID]int // session → its newest event
}

func newGraph(seed int64) *graph {
	return &graph{rng: rand.New(rand.NewSource(seed)), number: map[event.ID]int{}, own: map[event.ID]int{}}
}

// find is the Find of an index over the graph.
func (g *graph) find(id event.ID) (event.Header, error) {
	n, known := g.number[id]
	if !known {
		return event.Header{}, fault.New(fault.NotFound, "event_unknown", "no such event", "ask for another")
	}
	return g.events[n].Header, nil
}

// add appends an event that used these earlier ones; its parents are the
// maximal among them.
func (g *graph) add(h event.Header, used ...int) event.Event {
	n := len(g.events)
	past := map[int]bool{}
	for _, u := range used {
		for p := range g.past[u] {
			past[p] = true
		}
	}
	h.Parents, h.Lamport = nil, 1
	for _, u := range used {
		if !past[u] {
			h.Parents = append(h.Parents, g.events[u].ID)
			h.Lamport = max(h.Lamport, g.events[u].Header.Lamport+1)
		}
	}
	for _, u := range used {
		past[u] = true
	}
	h.Parents = sortIDs(h.Parents)
	e := event.Event{ID: g.id(n), Header: h}
	g.events, g.past = append(g.events, e), append(g.past, past)
	g.number[e.ID] = n
	return e
}

// id is unlike its number, so that no order of ids is the order of arrival.
func (g *graph) id(n int) event.ID {
	var id event.ID
	g.rng.Read(id[:24])
	binary.BigEndian.PutUint64(id[24:], uint64(n)+1)
	return id
}

// write adds an event of a session: after the session's newest, unless stray,
// and after foreign others, of which some are old.
func (g *graph) write(session event.ID, foreign int, stray bool) event.Event {
	var used []int
	if newest, open := g.own[session]; open && !stray {
		used = append(used, newest)
	}
	for range foreign {
		used = append(used, g.rng.Intn(len(g.events)))
	}
	e := g.add(event.Header{Class: event.Causal, Session: session}, used...)
	g.own[session] = g.number[e.ID]
	return e
}

func (g *graph) open(foreign int) event.ID {
	used := []int{0}
	for range foreign {
		used = append(used, g.rng.Intn(len(g.events)))
	}
	e := g.add(event.Header{Class: event.Causal, Type: event.SessionOpenedType}, used...)
	g.own[e.ID] = g.number[e.ID]
	return e.ID
}

// random makes a history of genesis, control records and many sessions, of
// which some sometimes forget what they wrote.
func random(seed int64, size int) *graph {
	g := newGraph(seed)
	workspace := g.add(event.Header{Class: event.Control, Type: event.WorkspaceCreatedType}).ID
	record, strays := 0, g.rng.Intn(3) == 0
	var sessions []event.ID
	for len(g.events) < size {
		switch roll := g.rng.Intn(10); {
		case roll == 0 || len(sessions) == 0:
			sessions = append(sessions, g.open(g.rng.Intn(2)))
		case roll == 1:
			record = g.number[g.add(event.Header{Class: event.Control, Workspace: workspace}, record, g.rng.Intn(len(g.events))).ID]
		default:
			g.write(sessions[g.rng.Intn(len(sessions))], g.rng.Intn(3), strays && g.rng.Intn(6) == 0)
		}
	}
	return g
}

func (g *graph) relate(a, b int) Relation {
	switch {
	case a == b:
		return Same
	case g.past[b][a]:
		return Before
	case g.past[a][b]:
		return After
	}
	return Concurrent
}

func (g *graph) maximal(ids []event.ID) []event.ID {
	return sortIDs(slices.DeleteFunc(slices.Clone(ids), func(id event.ID) bool {
		return slices.ContainsFunc(ids, func(other event.ID) bool { return g.past[g.number[other]][g.number[id]] })
	}))
}

// some returns a random set of events with repeats.
func (g *graph) some() []event.ID {
	ids := make([]event.ID, g.rng.Intn(8))
	for i := range ids {
		ids[i] = g.events[g.rng.Intn(len(g.events))].ID
	}
	return ids
}

// index adds all events in order.
func (g *graph) index() (*Index, error) {
	x := NewIndex(g.find)
	for _, e := range g.events {
		if err := x.Add(e); err != nil {
			return nil, err
		}
	}
	return x, nil
}
