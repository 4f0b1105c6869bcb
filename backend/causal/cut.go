package causal

import (
	"iter"
	"slices"
)

// Cut is a closed set of the events of one order: with an event it holds all
// that the event rests on. Of every strand it holds the first so many events, so
// it is one number a strand. It stays as it is, whatever is added later. The zero
// value is the empty cut.
//
// Whoever adds to the order meanwhile does not disturb a cut, but for Frontier,
// which asks the order.
type Cut struct {
	order  *Order
	events []position // of the order, when the cut was made
	reach  []uint32   // by strand, none above its length
	end    Ordinal    // the number after the newest event of the cut
}

// cut makes a cut of a closed set.
func (x *Order) cut(reach []uint32) Cut {
	c := Cut{order: x, events: x.events, reach: trim(reach)}
	for s, n := range c.reach {
		if n > 0 {
			c.end = max(c.end, x.strands[s].events[n-1]+1)
		}
	}
	return c
}

// Cut returns the least closed set that holds what the generators name.
func (x *Order) Cut(from Generators) Cut {
	g := x.gather()
	g.generate(&from)
	g.close()
	return x.cut(g.known)
}

// Arrived returns the events that came before the n-th, at most all. Whatever an
// event rests on came before it, so they are closed.
func (x *Order) Arrived(n Ordinal) Cut {
	reach := make([]uint32, len(x.strands))
	for s := range x.strands {
		if n > 0 {
			reach[s] = x.strands[s].upTo(n - 1)
		}
	}
	return x.cut(reach)
}

// Has reports whether an event lies in the cut.
func (c Cut) Has(n Ordinal) bool {
	if n >= c.end {
		return false
	}
	p := c.events[n]
	return p.strand < uint32(len(c.reach)) && p.at < c.reach[p.strand]
}

// Union returns the events of either. Both are of one order.
func (c Cut) Union(other Cut) Cut {
	if len(c.reach) < len(other.reach) {
		c, other = other, c
	}
	if len(c.events) < len(other.events) {
		c.events = other.events
	}
	c.reach, c.end = slices.Clone(c.reach), max(c.end, other.end)
	for s, n := range other.reach {
		c.reach[s] = max(c.reach[s], n)
	}
	return c
}

// Contains reports whether every event of the other lies in the cut.
func (c Cut) Contains(other Cut) bool {
	for s, n := range other.reach {
		if s >= len(c.reach) || c.reach[s] < n {
			return false
		}
	}
	return true
}

// Equal reports whether both hold the same events.
func (c Cut) Equal(other Cut) bool { return slices.Equal(c.reach, other.reach) }

// Count returns how many events lie in the cut.
func (c Cut) Count() int {
	all := 0
	for _, n := range c.reach {
		all += int(n)
	}
	return all
}

// Frontier returns the events of the cut that lie in the past of no other of
// it, ascending: of each strand's last those that no other strand reaches.
func (c Cut) Frontier() []Ordinal {
	under := make([]uint32, len(c.reach))
	for s := range c.reach {
		c.cover(uint32(s), under)
	}
	front := []Ordinal{}
	for s, n := range c.reach {
		if n > under[s] {
			front = append(front, c.order.strands[s].events[n-1])
		}
	}
	slices.Sort(front)
	return front
}

// cover raises under by what one strand's events reach on others. A parent
// that is the last of its strand is met by a leap or lies in the last vector
// before it; what is below the last need not be known.
func (c Cut) cover(s uint32, under []uint32) {
	if c.reach[s] == 0 {
		return
	}
	t, own := &c.order.strands[s], under[s]
	past, _ := t.vectors.around(c.reach[s] - 1)
	if past != nil {
		past.raise(under)
	}
	under[s] = own // that an event reaches itself does not put it under another
	for _, l := range t.since(past, c.reach[s]-1) {
		under[l.there.strand] = max(under[l.there.strand], l.there.at+1)
	}
}

// All returns the events of the cut as they came.
func (c Cut) All() iter.Seq[Ordinal] {
	return func(yield func(Ordinal) bool) {
		for n := range c.end {
			if c.Has(n) && !yield(n) {
				return
			}
		}
	}
}

// End returns the number after the newest event of the cut.
func (c Cut) End() Ordinal { return c.end }

// Heads returns the newest event of each line among the first n, ascending. With
// what lies before them on their lines they are all of these.
func (x *Order) Heads(n Ordinal) []Ordinal {
	heads := []Ordinal{}
	for i := range x.lines {
		if newest := x.newestOf(&x.lines[i], n); newest != NoEvent {
			heads = append(heads, newest)
		}
	}
	slices.Sort(heads)
	return heads
}

// newestOf returns the newest event of a line among the first n, NoEvent when
// there is none.
func (x *Order) newestOf(l *line, n Ordinal) Ordinal {
	newest := NoEvent
	for _, s := range l.strands {
		t := &x.strands[s]
		if n == 0 || t.upTo(n-1) == 0 {
			continue
		}
		if last := t.events[t.upTo(n-1)-1]; newest == NoEvent || last > newest {
			newest = last
		}
	}
	return newest
}
