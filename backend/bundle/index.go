package bundle

import (
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// index knows the events of a bundle by the order in which they came.
type index struct {
	numbers   map[event.ID]causal.Ordinal
	ids       []event.ID
	seqs      []uint32
	starts    []int64 // where each begins in the file
	outside   []bool
	order     causal.Order
	proposals map[event.ID]*event.Cut
	told      int // records whose cuts judged has told
	records   []Record
}

func newIndex(records []Record) *index {
	return &index{numbers: map[event.ID]causal.Ordinal{}, proposals: map[event.ID]*event.Cut{}, records: records}
}

func (x *index) numberOf(id event.ID) (causal.Ordinal, error) {
	n, known := x.numbers[id]
	if !known {
		return n, fault.New(fault.NotFound, "event_unknown", "the bundle does not have the event "+id.String(), "get the bundle anew from who made it")
	}
	return n, nil
}

func (x *index) numbersOf(ids []event.ID) ([]causal.Ordinal, error) {
	all := make([]causal.Ordinal, len(ids))
	for i, id := range ids {
		var err error
		if all[i], err = x.numberOf(id); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Relate says how an event of the bundle stands to another.
func (x *index) Relate(a, b event.ID) (causal.Relation, error) {
	both, err := x.numbersOf([]event.ID{a, b})
	if err != nil {
		return 0, err
	}
	return x.order.Relate(both[0], both[1]), nil
}

// idsOf returns the events of a set.
func (x *index) idsOf(in causal.Cut) []event.ID {
	ids := make([]event.ID, 0, in.Count())
	for n := range in.All() {
		ids = append(ids, x.ids[n])
	}
	return ids
}

// Cut returns the closed set that a cut names.
func (x *index) Cut(named event.Cut) (causal.Cut, error) {
	from, err := x.generators(named)
	if err != nil {
		return causal.Cut{}, err
	}
	return x.order.Cut(from), nil
}

// Whole makes a set whole by chains.
func (x *index) Whole(in causal.Cut) causal.Cut { return x.order.Whole(in) }

func (x *index) generators(named event.Cut) (from causal.Generators, err error) {
	for _, h := range named.Heads {
		n, err := x.numberOf(h.ID)
		if err != nil {
			return from, err
		}
		if x.order.Replica(n) != h.Chain || uint64(x.seqs[n]) != h.Seq {
			return from, fault.New(fault.InvalidArgument, "head_other", "a cut names a head "+h.ID.String()+" with another chain or number than it has", "get the bundle anew from who made it")
		}
		from.Heads = append(from.Heads, n)
	}
	from.Past, err = x.numbersOf(named.Past)
	return from, err
}

// frontier are the events that name a cut, which are here.
func (x *index) frontier(named event.Cut) []event.Head {
	heads := slices.Clone(named.Heads)
	for _, id := range named.Past {
		n := x.numbers[id]
		heads = append(heads, event.Head{Chain: x.order.Replica(n), Seq: uint64(x.seqs[n]), ID: id})
	}
	return heads
}

func (x *index) judged(in causal.Cut, each func(event.Cut) error) error {
	for ; x.told < x.order.Records() && in.Has(x.order.Record(x.told)); x.told++ {
		by, err := judgedBy(&x.records[x.told].Event.Header, x.proposed)
		if err != nil {
			return err
		}
		for _, c := range by {
			if err := each(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *index) proposed(id event.ID) (*event.Cut, error) { return x.proposals[id], nil }

// add takes the next event. It returns the last of those that it rests on, NoEvent
// where it rests on none. Faults: event_unknown, head_other, parents_related, and those of
// causal.Order.Add; then it was not added.
func (x *index) add(i *Item, start int64) (ready causal.Ordinal, err error) {
	h := &i.Event.Header
	entry, err := x.entry(&i.Event)
	if err != nil {
		return ready, err
	}
	if ready, err = x.readyAfter(h); err != nil {
		return ready, err
	}
	if _, err := x.order.Lamport(entry.Parents); err != nil {
		return ready, err
	}
	n, err := x.order.Add(entry)
	if err != nil {
		return ready, err
	}
	x.numbers[i.Event.ID] = n
	x.ids, x.starts, x.outside = append(x.ids, i.Event.ID), append(x.starts, start), append(x.outside, i.Outside)
	x.seqs = append(x.seqs, uint32(h.Seq)) // below the number of events
	if c := proposal(h); c != nil {
		x.proposals[i.Event.ID] = c
	}
	return ready, nil
}

// readyAfter is the last event that must have come before one.
func (x *index) readyAfter(h *event.Header) (causal.Ordinal, error) {
	by, err := judgedBy(h, x.proposed)
	if err != nil {
		return causal.NoEvent, err
	}
	on, err := x.numbersOf(restsOn(h, by))
	if err != nil || len(on) == 0 {
		return causal.NoEvent, err
	}
	return slices.Max(on), nil
}

// entry is what the order is told of an event.
func (x *index) entry(e *event.Event) (causal.Entry, error) {
	h := &e.Header
	entry := causal.Entry{Replica: e.Chain(), Prev: causal.NoEvent, Session: strandOf(e), Lamport: h.Lamport, Record: h.Class == event.Control, Basis: h.Basis.Index}
	var err error
	if !h.Prev.IsZero() {
		if entry.Prev, err = x.numberOf(h.Prev); err != nil {
			return entry, err
		}
	}
	if entry.Record {
		entry.Seq = h.Seq
	}
	if entry.Parents, err = x.numbersOf(h.Parents); err != nil {
		return entry, err
	}
	frozen, err := freezes(h, x.proposed)
	if err == nil && frozen != nil {
		var from causal.Generators
		from, err = x.generators(*frozen)
		entry.Freezes = &from
	}
	return entry, err
}

// strandOf names those that an event claims to follow: its session, for one that
// opens a session its own id, and for a record the workspace.
func strandOf(e *event.Event) event.ID {
	switch h := &e.Header; {
	case !h.Session.IsZero():
		return h.Session
	case h.Class == event.Control && !h.Workspace.IsZero():
		return h.Workspace
	}
	return e.ID
}
