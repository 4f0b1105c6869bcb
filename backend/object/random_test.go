package object

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
)

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
	case event.ExecutionSignalledType:
		return event.ExecutionSignalled{Signal: uint64(r.Intn(64))}
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
