package event

import "slices"

// Cut names a closed set of events by what generates it: all of each chain up
// to its head, the past of some events, and all that these rest on. What is not
// closed cannot be expressed.
type Cut struct {
	// Heads are the newest events of chains, ascending by chain: what a replica
	// had at a point of its arrival order.
	Heads []Head
	// Past are events whose causal past, with themselves, is in the cut:
	// ascending, at most MaxParents.
	Past []ID
}

// IsZero reports whether the cut names nothing.
func (c Cut) IsZero() bool { return len(c.Heads) == 0 && len(c.Past) == 0 }

// Equal reports whether both name a cut by the same.
func (c Cut) Equal(other Cut) bool {
	return slices.Equal(c.Heads, other.Heads) && slices.Equal(c.Past, other.Past)
}

// Check reports what is malformed in a cut by itself. Reason: cut.
func (c Cut) Check() error { return checkCut(&c) }

func checkCut(c *Cut) error {
	switch {
	case c.IsZero():
		return malformed("cut", "a cut names heads or events")
	case len(c.Heads) > MaxHeads:
		return malformed("cut", "a cut names at most 512 chains")
	case len(c.Past) > MaxParents || !ascending(c.Past):
		return malformed("cut", "the events of a cut are not ascending and unique, or more than 64")
	}
	for i, h := range c.Heads {
		if h.Chain == "" || len(h.Chain) > MaxChain || h.ID.IsZero() || i > 0 && c.Heads[i-1].Chain >= h.Chain {
			return malformed("cut", "the heads of a cut are not ascending by chain and whole")
		}
	}
	return nil
}
