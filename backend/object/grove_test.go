package object

import (
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// ids is a set of events: a cut, or a past.
type ids map[event.ID]bool

func (s ids) Has(id event.ID) (bool, error) { return s[id], nil }

func (s ids) with(others ...event.ID) ids {
	own := ids{}
	for id := range s {
		own[id] = true
	}
	for _, id := range others {
		own[id] = true
	}
	return own
}

func (s ids) and(t ids) ids {
	own := s.with()
	for id := range t {
		own[id] = true
	}
	return own
}

func (s ids) list() []event.ID {
	var all []event.ID
	for id := range s {
		all = append(all, id)
	}
	return sorted(all)
}

func named(name string) event.ID { return sha256.Sum256([]byte(name)) }

// grove is a world of branches: events with their pasts, and cuts, all as sets.
type grove struct {
	t      testing.TB
	events []event.Event
	names  map[event.ID]string
	pasts  map[event.ID]ids
	sets   map[event.ID]ids // of the cuts that can be named, by their one past event
	forks  map[event.ID]Fork
	joins  []Joined // in control order
	wrote  map[event.ID][]Place
	known  *Branches
}

var errNotHere = errors.New("the events of this cut are not here")

func newGrove(t testing.TB) *grove {
	g := &grove{t: t, names: map[event.ID]string{}, pasts: map[event.ID]ids{}, sets: map[event.ID]ids{}, forks: map[event.ID]Fork{}, wrote: map[event.ID][]Place{}}
	g.known = NewBranches(named("main"), g)
	g.names[named("main")] = "main"
	return g
}

func (g *grove) Cut(c event.Cut) (Cut, error) {
	set, here := g.sets[c.Past[0]]
	if !here {
		return nil, errNotHere
	}
	return set, nil
}

func (g *grove) Relate(a, b event.ID) (causal.Relation, error) {
	switch {
	case a == b:
		return causal.Same, nil
	case g.pasts[b][a]:
		return causal.Before, nil
	case g.pasts[a][b]:
		return causal.After, nil
	}
	return causal.Concurrent, nil
}

// write adds an event of a name on a branch with a past.
func (g *grove) write(name string, t event.Type, branch event.ID, past ids, at ...Place) event.Event {
	e := event.Event{ID: named(name), Header: event.Header{Type: t, Branch: branch}}
	g.events, g.names[e.ID], g.pasts[e.ID], g.wrote[e.ID] = append(g.events, e), name, past, at
	return e
}

// cutOf gives a set of events a name by which it can be found.
func (g *grove) cutOf(name string, set ids) event.Cut {
	g.sets[named("cut "+name)] = set
	return event.Cut{Past: []event.ID{named("cut " + name)}}
}

// fork makes a branch that begins with what its parent shows in a set.
func (g *grove) fork(name string, parent event.ID, past, at ids) event.ID {
	g.t.Helper()
	e := g.write(name, event.BranchCreatedType, parent, past)
	f := Fork{e.ID, parent, g.cutOf(name, at)}
	g.forks[e.ID] = f
	if err := g.known.Fork(f); err != nil {
		g.t.Fatal(err)
	}
	return e.ID
}

// join promotes what the source shows in a set.
func (g *grove) join(name string, source, target event.ID, past, at ids) event.ID {
	g.t.Helper()
	e := g.write(name, event.BranchPromotedType, target, past)
	j := Joined{e.ID, source, target, g.cutOf(name, at)}
	g.joins = append(g.joins, j)
	if err := g.known.Join(j); err != nil {
		g.t.Fatal(err)
	}
	return e.ID
}

func (g *grove) all() ids {
	s := ids{}
	for _, e := range g.events {
		s[e.ID] = true
	}
	return s
}

func (g *grove) view(branch event.ID, cut Cut) *View {
	g.t.Helper()
	v, err := g.known.View(branch, cut)
	if err != nil {
		g.t.Fatal(err)
	}
	return v
}

// shown asks a view about every event.
func (g *grove) shown(branch event.ID, cut Cut) ids {
	g.t.Helper()
	v, s := g.view(branch, cut), ids{}
	for _, e := range g.events {
		has, err := v.Shows(e)
		if err != nil {
			g.t.Fatal(err)
		}
		if has {
			s[e.ID] = true
		}
	}
	return s
}

// want compares what a branch shows with names of work.
func (g *grove) want(branch event.ID, cut Cut, names ...string) {
	g.t.Helper()
	var got []string
	shown := g.shown(branch, cut)
	for _, e := range g.events {
		if shown[e.ID] && !Everywhere(e.Header.Type) {
			got = append(got, g.names[e.ID])
		}
	}
	if !slices.Equal(got, names) {
		g.t.Errorf("%s shows %q, not %q", g.names[branch], got, names)
	}
}

// saw is what a branch shows, of promotions only those that it rests on.
func (g *grove) saw(branch event.ID, cut ids) ids {
	g.t.Helper()
	s, rests := g.shown(branch, cut), g.view(branch, cut).Rests()
	for _, j := range g.joins {
		if !slices.Contains(rests, j.Record) {
			delete(s, j.Record)
		}
	}
	return s
}

// work writes an event of work on a branch that its author saw whole.
func (g *grove) work(name string, branch event.ID, at ...Place) event.Event {
	g.t.Helper()
	return g.write(name, event.WorkItemUpdatedType, branch, g.saw(branch, g.all()), at...)
}

// projection is what a view shows of fields, by the definition: what is written
// and not written over.
type projection struct {
	g     *grove
	shown ids
}

func (p projection) Objects() []event.ID {
	return p.under(func(at Place) event.ID { return at.Object })
}

func (p projection) under(of func(Place) event.ID) []event.ID {
	s := ids{}
	for id := range p.shown {
		for _, at := range p.g.wrote[id] {
			s[of(at)] = true
		}
	}
	return s.list()
}

func (p projection) Keys(object event.ID) []string {
	var keys []string
	for id := range p.shown {
		for _, at := range p.g.wrote[id] {
			if at.Object == object {
				keys = append(keys, at.Field)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (p projection) Standing(object event.ID, key string) []event.ID {
	writers, stand := ids{}, ids{}
	for id := range p.shown {
		if slices.Contains(p.g.wrote[id], Place{object, key}) {
			writers[id] = true
		}
	}
	for id := range writers {
		stand[id] = true
		for later := range writers {
			if p.g.pasts[later][id] {
				delete(stand, id)
			}
		}
	}
	return stand.list()
}
