package causal

import "slices"

// heads returns the newest event of the cut on each line, ascending.
func (c Cut) heads() []Ordinal {
	newest := map[uint32]Ordinal{}
	lines := []uint32{}
	for s, n := range c.reach {
		if n == 0 {
			continue
		}
		t := &c.order.strands[s]
		last, met := newest[t.line]
		if !met {
			lines = append(lines, t.line)
		}
		newest[t.line] = max(last, t.events[n-1])
	}
	heads := make([]Ordinal, len(lines))
	for i, l := range lines {
		heads[i] = newest[l]
	}
	slices.Sort(heads)
	return heads
}

// Whole returns the least closed set that holds a cut of this order and has no gap
// on any line: with an event all that lie before it on its chain.
func (x *Order) Whole(c Cut) Cut {
	for {
		whole := x.Cut(Generators{Heads: c.heads()}).Union(c)
		if whole.Equal(c) {
			return c
		}
		c = whole
	}
}
