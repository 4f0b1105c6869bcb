package object

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// crowd writes random events of every kind that has a table, by several actors on
// two chains and by control, many of them wrong in some way.
type crowd struct {
	*world
	r      *rand.Rand
	made   map[Kind][]event.Event
	agents []event.Event // the records that enrol them
	ruled  map[event.ID]event.Event
	basis  event.Event // the newest record that causal events rest on
}

// oneIn is a chance.
func (c *crowd) oneIn(n int) bool { return c.r.Intn(n) == 0 }

func pick[T any](c *crowd, from []T) T { return from[c.r.Intn(len(from))] }

func randomCrowd(t testing.TB, seed int64, n int) *crowd {
	t.Helper()
	c := &crowd{world: newWorld(t), r: rand.New(rand.NewSource(seed)), made: map[Kind][]event.Event{}, ruled: map[event.ID]event.Event{}}
	c.basis = c.events[0]
	var all []event.Type
	for _, f := range families {
		for _, made := range f.Made {
			c.birth(f, made)
			all = append(all, made)
		}
		for _, s := range f.Steps {
			all = append(all, s.Event, s.Event)
		}
	}
	all = append(all, event.ActorEnrolledType, event.ActorRetiredType, event.RequestMadeType, "work_item.dreamt", event.SessionJoinedType)
	for len(c.events) < n {
		c.act(pick(c, all))
		if last, begun := c.heads[event.Chain(c.genesis[:])]; begun && c.oneIn(2) {
			c.basis = last
		}
	}
	return c
}

func (c *crowd) act(t event.Type) {
	f, makes, known := FamilyOfType(t)
	switch {
	case event.ClassOf(t) == event.Control:
		c.rule(t)
	case !known:
		c.causal(t, c.some(nil), event.Change{}, func(h *event.Header) {
			h.Affected = nil
			if t != event.SessionJoinedType {
				h.Affected = c.target(c.any())
			}
			if t == event.RequestMadeType {
				h.Facts.Ask = &event.Ask{Type: event.CheckpointInvalidatedType}
			}
		})
	case makes:
		if len(c.made[f.Kind]) < 3 {
			c.birth(f, t)
		}
	default:
		c.change(f, t)
	}
}

func (c *crowd) any() event.Event {
	f := families[c.r.Intn(len(families))]
	return pick(c, c.made[f.Kind])
}

func (c *crowd) birth(f Family, t event.Type) {
	body := c.body(f, nil)
	e := c.causal(t, c.some(nil), body, writing(body), func(h *event.Header) {
		if h.Facts.State = string(f.First); c.oneIn(30) {
			h.Facts.State = "elsewhere"
		}
		if c.oneIn(40) {
			h.Affected = []event.ID{c.anna.ID}
		}
		if t == event.CheckpointProposedType {
			h.Facts.Cut = &event.Cut{Past: []event.ID{c.genesis}}
		}
		h.Branch = event.Derived(c.genesis, "main")
	})
	if len(e.Header.Affected) == 0 && e.Header.Facts.State == string(f.First) {
		c.made[f.Kind] = append(c.made[f.Kind], e)
	} else if len(c.made[f.Kind]) == 0 {
		c.birth(f, t)
	}
}

func (c *crowd) change(f Family, t event.Type) {
	x, row := pick(c, c.made[f.Kind]), c.row(f, t)
	body := c.body(f, row.Writes)
	chain := pick(c, []event.Chain{home, home, other})
	if f.Order == ByChain && !c.oneIn(5) {
		chain = x.Header.Replica
	}
	c.causal(t, c.some(&x), body, writing(body), onChain(chain), func(h *event.Header) {
		h.Affected, h.Facts.State = c.target(x), string(c.stated(f, row))
	})
}

func onChain(chain event.Chain) change { return func(h *event.Header) { h.Replica = chain } }

func (c *crowd) row(f Family, t event.Type) Step {
	var rows []Step
	for _, s := range f.Steps {
		if s.Event == t {
			rows = append(rows, s)
		}
	}
	return pick(c, rows)
}

func (c *crowd) stated(f Family, row Step) State {
	if c.oneIn(6) {
		return pick(c, row.From) // what stands perhaps
	}
	return row.To + row.Or
}

// body is a change of some fields, now and then one that does not fit.
func (c *crowd) body(f Family, writes []string) event.Change {
	body := event.Change{Set: map[string]event.Value{}, Add: map[string][]event.Value{}, Remove: map[string][]event.Value{}}
	for _, rule := range f.Fields {
		if writes != nil && !slices.Contains(writes, rule.Key) && !c.oneIn(60) || !c.oneIn(4) {
			continue
		}
		if v := c.value(rule.Of); rule.Set != c.oneIn(25) {
			in := body.Add
			if c.oneIn(2) {
				in = body.Remove
			}
			in[rule.Key] = []event.Value{v}
		} else {
			body.Set[rule.Key] = v
		}
	}
	if c.oneIn(40) {
		body.Set["colour"] = event.Text("red")
	}
	return body
}

func (c *crowd) value(kind event.ValueKind) event.Value {
	if c.oneIn(25) {
		return event.Flag(true)
	}
	n := c.r.Intn(3)
	switch kind {
	case event.NumberValue:
		return event.Number(int64(n))
	case event.IDValue:
		return event.Reference(event.ID{byte(n + 1)})
	}
	return event.Text(fmt.Sprint("t", n))
}

func (c *crowd) target(x event.Event) []event.ID {
	switch c.r.Intn(25) {
	case 0:
		return nil
	case 1:
		return []event.ID{c.anna.ID}
	case 2:
		two := []event.ID{x.ID, c.any().ID}
		slices.SortFunc(two, byID)
		return slices.Compact(two)
	case 3:
		return []event.ID{c.any().ID}
	}
	return []event.ID{x.ID}
}

// some are parents: an object now and then, and newer events.
func (c *crowd) some(x *event.Event) []event.ID {
	var all []event.ID
	if x != nil && !c.oneIn(12) {
		all = append(all, x.ID)
	}
	for range c.r.Intn(4) {
		all = append(all, c.events[max(len(c.events)-1-c.r.Intn(14), 1)%len(c.events)].ID)
	}
	return c.maximal(all)
}

func (c *crowd) maximal(all []event.ID) []event.ID {
	all = slices.DeleteFunc(all, func(id event.ID) bool { return id == c.genesis })
	slices.SortFunc(all, byID)
	all = slices.Compact(all)
	return slices.DeleteFunc(slices.Clone(all), func(a event.ID) bool {
		return slices.ContainsFunc(all, func(b event.ID) bool { return c.pasts[b][a] })
	})
}

// causal writes an event of a person or an agent. What its changes say of the
// chain is heard first, since prev and seq come from it.
func (c *crowd) causal(t event.Type, parents []event.ID, body any, changes ...change) event.Event {
	var first event.Header
	for _, does := range changes {
		does(&first)
	}
	chain := first.Replica
	if chain == "" {
		chain = pick(c, []event.Chain{home, home, other})
	}
	author, basis := c.anna, c.basis.Header
	if len(c.agents) > 0 && c.oneIn(3) {
		author = event.Actor{ID: pick(c, c.agents).ID, Kind: event.Agent}
	}
	if c.oneIn(20) {
		author.Kind = event.Service
	}
	return c.write(chain, t, parents, body, append([]change{func(h *event.Header) {
		h.Actor = author
		if basis.Type != event.WorkspaceCreatedType {
			h.Basis = event.Basis{Index: basis.Seq, Record: c.basis.ID}
		}
		if c.oneIn(40) {
			h.Branch = event.ID{5}
		}
		if c.oneIn(4) {
			h.WallTime += int64(c.r.Intn(5_000_000)) - 2_500_000
		}
	}}, func(h *event.Header) { *h = told(*h, first) })...)
}

// told is a header with what the changes of a test made of an empty one.
func told(h, first event.Header) event.Header {
	h.Affected, h.Facts = first.Affected, first.Facts
	if !first.Branch.IsZero() {
		h.Branch = first.Branch
	}
	return h
}

// rule has control answer a request for a record. Its parents are the request and
// the newest record of what it names.
func (c *crowd) rule(t event.Type) {
	var about []event.ID
	var x event.Event
	switch f, _, is := FamilyOfType(t); {
	case is:
		x = pick(c, c.made[f.Kind])
	case t == event.ActorRetiredType && len(c.agents) > 0:
		x = pick(c, c.agents)
	case t == event.ActorRetiredType:
		return
	}
	if !x.ID.IsZero() {
		about = []event.ID{x.ID}
	}
	request := c.write(home, event.RequestMadeType, c.maximal(append(c.some(nil), about...)), event.Change{}, func(h *event.Header) {
		h.Affected, h.Facts.Ask = about, &event.Ask{Type: t}
		if t == event.ActorEnrolledType {
			h.Facts.Member = &event.Member{Kind: event.Agent, Replica: home}
		}
		if t == event.CheckpointFinalizedType {
			h.Facts.Digest = &event.Digest{Version: 1, Hash: event.ID{1}}
		}
	})
	outcome := event.OutcomeDone
	if c.oneIn(4) {
		outcome = event.OutcomeRefused
	}
	parents := []event.ID{request.ID}
	if last, ruled := c.ruled[x.ID]; ruled && !x.ID.IsZero() {
		parents = c.maximal(append(parents, last.ID))
	}
	record := c.answer(t, request, parents, outcome)
	if !x.ID.IsZero() {
		c.ruled[x.ID] = record
	}
	if t == event.ActorEnrolledType && outcome == event.OutcomeDone {
		c.agents = append(c.agents, record)
	}
}

func (c *crowd) answer(t event.Type, request event.Event, parents []event.ID, outcome string) event.Event {
	return c.record(t, request, outcome, func(h *event.Header) {
		h.Parents = parents
		for _, p := range parents {
			h.Lamport = max(h.Lamport, c.lamport[p]+1)
		}
		if f, _, is := FamilyOfType(t); is && outcome == event.OutcomeDone {
			h.Facts.State = string(c.row(f, t).To)
		}
		if t == event.CheckpointFinalizedType {
			h.Facts.Digest = &event.Digest{Version: 1, Hash: event.ID{1}}
		}
	})
}
