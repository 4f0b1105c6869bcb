package causal

import "slices"

// gather collects a closed set: how many events of each strand lie in it.
// Whatever is counted in known has its past there too, or in open.
type gather struct {
	order *Order
	known []uint32
	open  newest
}

func (x *Order) gather() *gather { return &gather{order: x, known: make([]uint32, len(x.strands))} }

// pastOf returns the past of an event, with itself.
func (x *Order) pastOf(n Ordinal) []uint32 {
	g := x.gather()
	g.add(n)
	g.settle()
	return g.known
}

// add brings in an event, and with settle its past.
func (g *gather) add(n Ordinal) { g.open.push(n) }

// settle brings in the past of all that was added. A strand is visited once at
// most, where the set reaches furthest.
func (g *gather) settle() {
	for len(g.open) > 0 {
		g.visit(g.order.events[g.open.pop()])
	}
}

func (g *gather) visit(p position) {
	low := g.known[p.strand]
	if p.at < low {
		return
	}
	g.known[p.strand] = p.at + 1
	t := &g.order.strands[p.strand]
	leaps := t.between(low, p.at)
	if past, _ := t.vectors.around(p.at); past != nil && past.at >= low && len(leaps) > fewLeaps {
		past.raise(g.known)
		leaps = t.since(past, p.at)
	}
	for _, l := range leaps {
		if g.known[l.there.strand] <= l.there.at {
			g.open.push(l.to)
		}
	}
}

// between returns the leaps of the events from low to high.
func (t *strand) between(low, high uint32) []leap {
	return t.leaps[t.leapsBelow(low):t.leapsBelow(high+1)]
}

// leapsBelow returns how many leaps of a strand lie before its at-th event.
func (t *strand) leapsBelow(at uint32) int {
	from, to := 0, len(t.leaps)
	for from < to {
		if middle := int(uint(from+to) / 2); t.leaps[middle].at < at {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from
}

// since returns the leaps after a vector, nil for the beginning, up to the
// high-th event. They are few as a rule, so they are counted.
func (t *strand) since(past *vector, high uint32) []leap {
	if past == nil {
		return t.between(0, high)
	}
	from := int(past.leaps)
	to := from
	for to < len(t.leaps) && t.leaps[to].at <= high {
		to++
	}
	return t.leaps[from:to]
}

// head brings in all of a replica's chain up to an event.
func (g *gather) head(n Ordinal) {
	for n != NoEvent {
		l := g.order.lineOf(n)
		for _, s := range l.strands {
			g.first(s, n)
		}
		n = l.fork
	}
}

// first brings in the events of a strand that came up to one.
func (g *gather) first(s uint32, last Ordinal) {
	if t := &g.order.strands[s]; t.upTo(last) > 0 {
		g.add(t.events[t.upTo(last)-1])
	}
}

// upTo returns how many events of a strand came up to one.
func (t *strand) upTo(last Ordinal) uint32 {
	n, found := slices.BinarySearchFunc(t.events, last, compare[Ordinal])
	if found {
		n++
	}
	return uint32(n)
}

// close brings in what the set needs: the records up to the greatest index that
// is in it or that an event of it rests on, their pasts, and what those of them
// froze. All that comes in so arrived before the newest of these records, and
// needs no record after it.
func (g *gather) close() {
	x := g.order
	records := uint32(0)
	for s, count := range g.known {
		records = max(records, x.strands[s].needed(count))
	}
	if records == 0 {
		return
	}
	g.frozen(records)
	for _, s := range x.lineOf(x.records[0]).strands {
		g.first(s, x.records[records-1])
	}
	g.settle()
}

// frozen brings in what the first so many records froze.
func (g *gather) frozen(records uint32) {
	if records == 0 {
		return
	}
	if past, _ := g.order.frozen.around(records - 1); past != nil {
		past.raise(g.known)
	}
}

// freeze notes what a cut must hold that holds the newest record.
func (x *Order) freeze(frozen *Generators) {
	g := x.gather()
	g.generate(frozen)
	newest := uint32(len(x.records) - 1)
	g.add(x.records[newest])
	g.settle()
	g.close()
	x.frozen.keep(newest, 0, g.known)
}

// generate brings in what generators name. What the records froze that they rest
// on comes first: it is a large part of the whole.
func (g *gather) generate(from *Generators) {
	records := uint32(0)
	for _, all := range [][]Ordinal{from.Heads, from.Past} {
		for _, n := range all {
			p := g.order.events[n]
			records = max(records, g.order.strands[p.strand].needed(p.at+1))
		}
	}
	g.frozen(records)
	for _, n := range from.Heads {
		g.head(n)
	}
	for _, n := range from.Past {
		g.add(n)
	}
	g.settle()
}
