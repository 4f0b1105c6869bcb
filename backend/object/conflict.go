package object

import (
	"cmp"
	"maps"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// Place is a field of an object.
type Place struct {
	Object event.ID
	Field  string
}

// Compare orders places by object, then field.
func (p Place) Compare(q Place) int {
	return cmp.Or(byID(p.Object, q.Object), cmp.Compare(p.Field, q.Field))
}

// Write is the value that an event wrote at a place. A zero event is no value:
// the field is emptied.
type Write struct {
	Place
	Event event.ID
}

// Compare orders writes by place, then event.
func (w Write) Compare(v Write) int { return cmp.Or(w.Place.Compare(v.Place), byID(w.Event, v.Event)) }

// Fields are the registers of the objects that a view shows, by the events whose
// values stand. What a promotion wrote stands by its record, in the views that rest
// on it (see View.Rests). Sets are not among them: they merge by themselves.
type Fields interface {
	Objects() []event.ID
	Keys(object event.ID) []string
	Standing(object event.ID, key string) []event.ID
}

// Difference is a field at which two views do not stand by the same events. All
// lists are ascending.
type Difference struct {
	Place
	Source, Target []event.ID
	// Stand are those of both that no other of them has in its past: what would
	// stand in a view that shows both.
	Stand []event.ID
}

// Conflict reports whether each view has a value that stands against the other.
// Where one side has seen what the other wrote, its value replaces it and nobody
// needs to choose.
func (d Difference) Conflict() bool { return d.one(d.Target) && d.one(d.Source) }

// one reports whether a value stands that the given side does not have.
func (d Difference) one(side []event.ID) bool {
	return slices.ContainsFunc(d.Stand, func(id event.ID) bool { return !slices.Contains(side, id) })
}

// Differences compares what the source shows at its checkpoint with what the
// target shows at as_of, by place. past is one that knows of promotions, if either
// rests on some (see Merging). An error is that of past.
func Differences(source, target Fields, past Past) ([]Difference, error) {
	m := &memory{past: past}
	var all []Difference
	for _, p := range places(source, target) {
		d := Difference{Place: p, Source: sorted(source.Standing(p.Object, p.Field)), Target: sorted(target.Standing(p.Object, p.Field))}
		if slices.Equal(d.Source, d.Target) {
			continue
		}
		both := sorted(slices.Concat(d.Source, d.Target))
		for _, id := range both {
			if !slices.ContainsFunc(both, func(other event.ID) bool { return other != id && m.before(id, other) }) {
				d.Stand = append(d.Stand, id)
			}
		}
		all = append(all, d)
	}
	return all, m.failed
}

// Merging returns a past in which a promotion, and all that follows it, comes after
// what it had seen: what its source showed at the checkpoint and its target at
// as_of. Of other promotions that is those which these two rested on. The parents
// of a record do not tell it.
func Merging(past Past, seen map[event.ID]Cut) Past {
	return merging{past, seen, slices.SortedFunc(maps.Keys(seen), byID)}
}

type merging struct {
	past    Past
	seen    map[event.ID]Cut
	records []event.ID
}

// Relate is that of Past.
func (m merging) Relate(a, b event.ID) (causal.Relation, error) {
	r, err := m.past.Relate(a, b)
	if err != nil || r != causal.Concurrent {
		return r, err
	}
	if saw, err := m.saw(b, a); saw || err != nil {
		return causal.Before, err
	}
	if saw, err := m.saw(a, b); saw || err != nil {
		return causal.After, err
	}
	return causal.Concurrent, nil
}

// saw reports whether an event is, or follows, a promotion that had seen another
// event, or had seen a promotion that had.
func (m merging) saw(later, earlier event.ID) (bool, error) {
	met, open := map[event.ID]bool{}, []event.ID(nil)
	for _, id := range m.records {
		r, err := m.past.Relate(id, later)
		if err != nil {
			return false, err
		}
		if r == causal.Same || r == causal.Before {
			open = append(open, id)
		}
	}
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		if met[at] {
			continue
		}
		met[at] = true
		if has, err := m.seen[at].Has(earlier); has || err != nil {
			return has && err == nil, err
		}
		for _, id := range m.records {
			has, err := m.seen[at].Has(id)
			if err != nil {
				return false, err
			}
			if has && !met[id] {
				open = append(open, id)
			}
		}
	}
	return false, nil
}

// places lists what either view has, ascending and each once.
func places(views ...Fields) []Place {
	var all []Place
	for _, v := range views {
		for _, id := range v.Objects() {
			for _, key := range v.Keys(id) {
				all = append(all, Place{id, key})
			}
		}
	}
	slices.SortFunc(all, Place.Compare)
	return slices.Compact(all)
}

// Overwrite returns what stands at a place of the target after a promotion wrote
// there, ascending: the past of that write is what the promotion had seen, so what
// stood there and lies in as_of gives way, and what was written beside it stays.
func Overwrite(standing, written []event.ID, asOf Cut) ([]event.ID, error) {
	after := slices.Clone(written)
	for _, id := range standing {
		seen, err := asOf.Has(id)
		if err != nil {
			return nil, err
		}
		if !seen {
			after = append(after, id)
		}
	}
	return sorted(after), nil
}

// sorted returns ids ascending and each once, in a list of its own, without the
// zero id.
func sorted(ids []event.ID) []event.ID {
	own := slices.DeleteFunc(slices.Clone(ids), event.ID.IsZero)
	slices.SortFunc(own, byID)
	return slices.Compact(own)
}
