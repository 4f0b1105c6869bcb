package badgerlog

import (
	"slices"
	"sort"

	"atelier.dev/atelier/backend/event"
)

// chains knows where the events of each chain lie among the arrivals. Whoever
// uses it holds orderMu.
type chains struct {
	own, control event.Chain
	heads        map[event.Chain]event.Head
	others       []uint64 // arrivals that are not of the own chain, genesis not among them, ascending
}

func newChains(own event.Chain, genesis event.ID) chains {
	control := event.Chain(genesis[:])
	return chains{own: own, control: control, heads: map[event.Chain]event.Head{control: {Chain: control, ID: genesis}}}
}

// take adds the next arrival, or refuses one that does not follow its chain's
// newest event.
func (c *chains) take(arrival uint64, e *event.Event) bool {
	h := &e.Header
	last, begun := c.heads[h.Replica]
	switch {
	case h.Replica != c.own && h.Replica != c.control:
		return false
	case begun && (h.Seq != last.Seq+1 || h.Prev != last.ID), !begun && h.Seq != 0:
		return false
	}
	c.heads[h.Replica] = event.Head{Chain: h.Replica, Seq: h.Seq, ID: e.ID}
	if h.Replica != c.own {
		c.others = append(c.others, arrival)
	}
	return true
}

// isOwn reports whether an arrival is of the own chain.
func (c *chains) isOwn(arrival uint64) bool {
	_, other := slices.BinarySearch(c.others, arrival)
	return arrival > 0 && !other
}

// arrivalOf returns where an event of the own chain arrived: behind genesis, the
// own events before it and those of others that came before.
func (c *chains) arrivalOf(seq uint64) uint64 {
	before := sort.Search(len(c.others), func(i int) bool { return c.others[i]-uint64(i) > seq+1 })
	return seq + 1 + uint64(before)
}

// ownArrivals returns where two events of the own chain arrived.
func (l *Log) ownArrivals(first, last uint64) (from, to uint64) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	return l.chains.arrivalOf(first), l.chains.arrivalOf(last)
}

func (l *Log) isOwn(arrival uint64) bool {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	return l.chains.isOwn(arrival)
}
