package badgerlog

import (
	"cmp"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// chains knows where the events of each chain lie among the arrivals, by lines: a
// line is a replica's chain, or the part of it after a fork, and has the number
// that the causal order gives it. Whoever uses it holds orderMu.
type chains struct {
	own, control event.Chain
	lines        []chainLine
	of           map[event.Chain][]int // the lines of each chain, as they came
}

// chainLine is the events of one author of which each names the one before.
type chainLine struct {
	chain    event.Chain
	first    uint64           // seq of the first
	from     int              // the line that it forked from, -1 for one with its own beginning
	arrivals []causal.Ordinal // ascending, one a seq
	// basis is the index of the newest event's basis, if knows says so.
	basis uint64
	knows bool
	// cover is the seal over the newest event that was admitted, once it is known.
	cover *cover
}

func newChains(own event.Chain, genesis event.ID) chains {
	return chains{own: own, control: event.Chain(genesis[:]), of: map[event.Chain][]int{}}
}

// begin adds a line that goes on from an event of another, NoEvent for none.
func (c *chains) begin(chain event.Chain, fork causal.Ordinal, order *causal.Order) {
	l := chainLine{chain: chain, from: -1}
	if fork != causal.NoEvent {
		l.from = order.Line(fork)
		l.first = c.lines[l.from].seqOf(fork) + 1
	}
	c.of[chain] = append(c.of[chain], len(c.lines))
	c.lines = append(c.lines, l)
}

// add takes an event that the order has just taken.
func (c *chains) add(n causal.Ordinal, e *event.Event, order *causal.Order) {
	on := order.Line(n)
	if on == len(c.lines) {
		c.begin(chainOf(e), order.Fork(on), order)
	}
	l := &c.lines[on]
	l.arrivals = append(l.arrivals, n)
	l.basis, l.knows = e.Header.Basis.Index, true
}

// at returns the arrival of a line's event by its seq.
func (l *chainLine) at(seq uint64) (causal.Ordinal, bool) {
	if seq < l.first || seq-l.first >= uint64(len(l.arrivals)) {
		return causal.NoEvent, false
	}
	return l.arrivals[seq-l.first], true
}

// seqOf returns the seq of an arrival that lies on the line.
func (l *chainLine) seqOf(n causal.Ordinal) uint64 {
	if last := len(l.arrivals) - 1; l.arrivals[last] == n {
		return l.first + uint64(last)
	}
	at, _ := slices.BinarySearch(l.arrivals, n)
	return l.first + uint64(at)
}

// has reports whether an arrival lies on the line.
func (l *chainLine) has(n causal.Ordinal) bool {
	_, has := slices.BinarySearch(l.arrivals, n)
	return has
}

// next is the seq after the line's newest event.
func (l *chainLine) next() uint64 { return l.first + uint64(len(l.arrivals)) }

// ownLine is the line of what this log wrote; nil before the first.
func (c *chains) ownLine() *chainLine { return c.begun(c.own) }

func (c *chains) controlLine() *chainLine { return c.begun(c.control) }

// begun returns the first line of a chain.
func (c *chains) begun(chain event.Chain) *chainLine {
	if on := c.of[chain]; len(on) > 0 {
		return &c.lines[on[0]]
	}
	return nil
}

// placeOf returns on which line an arrival lies, and its seq there.
func (l *Log) placeOf(n causal.Ordinal) (on *chainLine, seq uint64) {
	on = &l.chains.lines[l.order.Line(n)]
	return on, on.seqOf(n)
}

// follows reports whether an event has the place on its chain that it claims: it
// is the first, or names the one before it, which is here.
func (l *Log) follows(e *event.Event) bool {
	if e.Header.Prev.IsZero() {
		return e.Header.Seq == 0
	}
	n, known := l.ids.find(e.Header.Prev)
	if !known {
		return false
	}
	on, seq := l.placeOf(n)
	return on.chain == chainOf(e) && e.Header.Seq == seq+1
}

// Heads returns the newest durable event of each line: of the control chain
// first, then of the own one, then of others by their chains. A chain with a fork
// has a head for each side.
func (l *Log) Heads() []event.Head { return l.headsAt(l.Count()) }

// headsAt returns the heads of the first count arrivals.
func (l *Log) headsAt(count uint64) (heads []event.Head) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	for i := range l.chains.lines {
		on := &l.chains.lines[i]
		if below, _ := slices.BinarySearch(on.arrivals, causal.Ordinal(count)); below > 0 {
			heads = append(heads, event.Head{Chain: on.chain, Seq: on.first + uint64(below) - 1, ID: l.ids.at(uint64(on.arrivals[below-1]))})
		}
	}
	slices.SortStableFunc(heads, func(a, b event.Head) int {
		return cmp.Or(cmp.Compare(l.chains.rank(a.Chain), l.chains.rank(b.Chain)), cmp.Compare(a.Chain, b.Chain))
	})
	return heads
}

// Forked returns the chains of which more than one history is here, ascending.
func (l *Log) Forked() (chains []event.Chain) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	for i := range l.chains.lines {
		if chain := l.chains.lines[i].chain; l.chains.of[chain][0] != i {
			chains = append(chains, chain)
		}
	}
	slices.Sort(chains)
	return slices.Compact(chains)
}

func (c *chains) rank(chain event.Chain) int {
	switch chain {
	case c.control:
		return 0
	case c.own:
		return 1
	}
	return 2
}

// ownArrivals returns where two events of the own chain arrived, as far as they
// did.
func (l *Log) ownArrivals(first, last uint64) (from, to uint64) {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	return l.ownArrival(first), l.ownArrival(last)
}

// ownArrival is where an event of the own chain arrived: behind all where it did not.
func (l *Log) ownArrival(seq uint64) uint64 {
	if own := l.chains.ownLine(); own != nil {
		if n, is := own.at(seq); is {
			return uint64(n)
		}
	}
	return l.ids.count
}

func (l *Log) isOwn(arrival uint64) bool {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	own := l.chains.ownLine()
	return own != nil && own.has(causal.Ordinal(arrival))
}
