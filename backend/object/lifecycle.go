package object

import (
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// The lifecycles beside Committed, relative to main.
const (
	Tentative   Lifecycle = "tentative"   // on a branch from which it may come to main yet
	Compensated Lifecycle = "compensated" // a later event undid it, and says how
	Superseded  Lifecycle = "superseded"  // a promotion displaced all that it wrote
	Abandoned   Lifecycle = "abandoned"   // every branch that might bring it to main was abandoned
)

// Seen is what a lifecycle is derived from, as of one cut.
type Seen struct {
	// OnMain tells that main shows the event.
	OnMain bool
	// Elsewhere are the states of the other branches that show it.
	Elsewhere []State
	// Displaced and Compensated tell that what says so is shown on main.
	Displaced, Compensated bool
}

// Lifecycle returns the first that holds of compensated, superseded, committed,
// abandoned and tentative. What nothing is known of is tentative.
func (s Seen) Lifecycle() Lifecycle {
	switch {
	case s.Compensated:
		return Compensated
	case s.Displaced:
		return Superseded
	case s.OnMain:
		return Committed
	case slices.Contains(s.Elsewhere, BranchAbandoned) && !slices.ContainsFunc(s.Elsewhere, State.mayPromote):
		return Abandoned
	}
	return Tentative
}

// mayPromote reports whether a branch in this state may bring what it shows
// further. A state that is not known may.
func (s State) mayPromote() bool {
	return s != BranchAbandoned && s != BranchPromoted && s != BranchMerged
}

// OfObject returns the lifecycle of an object as a view shows it, from those of the
// event that made it and of the events that stand in it. An object of main that
// a branch has changed is as the change is there: no view calls it committed.
func OfObject(made Lifecycle, standing []Lifecycle) Lifecycle {
	switch {
	case made != Committed:
		return made
	case slices.Contains(standing, Tentative):
		return Tentative
	case slices.Contains(standing, Abandoned):
		return Abandoned
	}
	return Committed
}

// OfBranch returns the lifecycle of a branch itself: its work is committed when it
// is in main, wherever the event lies that made the branch.
func OfBranch(state State, inMain bool) Lifecycle {
	return Seen{OnMain: inMain, Elsewhere: []State{state}}.Lifecycle()
}

// Compensation is an event that undoes what others did.
type Compensation struct {
	By event.ID
	Of []event.ID
}

// CompensatedBy returns what is compensated, with those that did it, ascending.
// shown says whether main shows an event. A compensation counts when main shows
// it, and for what lies in its past: nobody undoes what he has not seen. One that
// is compensated itself still counts: nothing comes back but by a new event.
// Errors are those of past and shown.
func CompensatedBy(all []Compensation, past Past, shown func(event.ID) (bool, error)) (map[event.ID][]event.ID, error) {
	by := map[event.ID][]event.ID{}
	for _, c := range all {
		on, err := shown(c.By)
		if err != nil {
			return nil, err
		}
		for _, id := range c.Of {
			r, err := past.Relate(id, c.By)
			if err != nil {
				return nil, err
			}
			if on && r == causal.Before {
				by[id] = sorted(append(by[id], c.By))
			}
		}
	}
	return by, nil
}

// Displacement is what the ruling of one promotion wrote and displaced.
type Displacement struct {
	Record            event.ID
	Writes, Displaced []Write
}

// Displaced returns what is displaced and not chosen again later, with the record
// that did it. Where a promotion's own write gives way, so does the value that it
// had chosen. The promotions are those that main rests on (see View.Rests), in the
// order of control.
func Displaced(all []Displacement) map[Write]event.ID {
	gone, chose := map[Write]event.ID{}, map[Write][]Write{}
	for _, d := range all {
		for _, w := range behind(chose, d.Displaced) {
			gone[w] = d.Record
		}
		for _, w := range behind(chose, d.Writes) {
			delete(gone, w)
		}
		for _, w := range d.Writes {
			own := Write{w.Place, d.Record}
			chose[own] = append(chose[own], w)
		}
	}
	return gone
}

// behind returns writes with those that they were chosen from.
func behind(chose map[Write][]Write, all []Write) []Write {
	met, own := map[Write]bool{}, slices.Clone(all)
	for n := 0; n < len(own); n++ {
		if !met[own[n]] {
			met[own[n]] = true
			own = append(own, chose[own[n]]...)
		}
	}
	return own
}

// IsDisplaced reports whether all that an event wrote is displaced. An event that
// wrote nothing never is.
func IsDisplaced(id event.ID, wrote []Place, gone map[Write]event.ID) bool {
	return len(wrote) > 0 && !slices.ContainsFunc(wrote, func(p Place) bool { _, is := gone[Write{p, id}]; return !is })
}
