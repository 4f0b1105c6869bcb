package bundle

import (
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// ground is what a bundle is measured on: a log, or what a bundle itself holds.
type ground interface {
	Cut(named event.Cut) (causal.Cut, error)
	Whole(in causal.Cut) causal.Cut
	// judged calls each with every cut by which the records of a set were judged,
	// but for those that it was called with before.
	judged(in causal.Cut, each func(event.Cut) error) error
}

// extent returns the cut, and all that a bundle of it holds: each chain from its
// beginning, all that tells of the checkpoint, and what the records among them
// were judged by.
func extent(g ground, named event.Cut, tells []event.ID) (cut, all causal.Cut, err error) {
	if cut, err = g.Cut(named); err != nil {
		return cut, all, err
	}
	all = cut
	if len(tells) > 0 {
		about, err := g.Cut(event.Cut{Past: tells})
		if err != nil {
			return cut, all, err
		}
		all = all.Union(about)
	}
	for {
		all = g.Whole(all)
		more := all
		err := g.judged(all, func(named event.Cut) error {
			by, err := g.Cut(named)
			more = more.Union(by)
			return err
		})
		if err != nil || more.Equal(all) {
			return cut, all, err
		}
		all = more
	}
}

// judgedBy are the cuts by which a record was judged: its as_of, and those of the
// checkpoints that it names. proposed tells what an event proposes to freeze; nil
// where it proposes nothing.
func judgedBy(h *event.Header, proposed func(event.ID) (*event.Cut, error)) ([]event.Cut, error) {
	if h.Class != event.Control || h.Facts.Cut == nil {
		return nil, nil
	}
	cuts := []event.Cut{*h.Facts.Cut}
	for _, id := range h.Affected {
		c, err := proposed(id)
		if err != nil {
			return nil, err
		}
		if c != nil {
			cuts = append(cuts, *c)
		}
	}
	return cuts, nil
}

// freezes is the cut that a record freezes; nil where it freezes none.
func freezes(h *event.Header, proposed func(event.ID) (*event.Cut, error)) (*event.Cut, error) {
	if d := h.Facts.Decision; h.Type != event.CheckpointFinalizedType || d == nil || d.Outcome != event.OutcomeDone || len(h.Affected) != 1 {
		return nil, nil //nolint:nilnil // most records freeze nothing
	}
	return proposed(h.Affected[0])
}

// restsOn are the events that come before an event in a bundle: those that it
// names, and those that name what it was judged by.
func restsOn(h *event.Header, judgedBy []event.Cut) []event.ID {
	ids := slices.Clone(h.Parents)
	for _, id := range []event.ID{h.Prev, h.Basis.Record} {
		if !id.IsZero() {
			ids = append(ids, id)
		}
	}
	if h.Facts.Decision != nil {
		ids = append(ids, h.Facts.Decision.Request)
	}
	for _, c := range judgedBy {
		for _, head := range c.Heads {
			ids = append(ids, head.ID)
		}
		ids = append(ids, c.Past...)
	}
	return ids
}

// proposal is what an event proposes to freeze; nil where it proposes nothing.
func proposal(h *event.Header) *event.Cut {
	if h.Type != event.CheckpointProposedType {
		return nil
	}
	return h.Facts.Cut
}
