package causal

import "slices"

// vector is a closed set: how many of each strand's events lie in it. The
// vectors of one history grow from one to the next, so one is kept as what it
// has over an older one: a byte a strand mostly.
type vector struct {
	at    uint32 // of the strand, the event whose past with itself this is
	leaps uint32 // how many leaps of the strand lie at or before it
	base  *base
	over  []uint8
}

// base is what several vectors have at least.
type base struct {
	root []uint32
	over []uint16
}

func (b *base) upTo(s uint32) uint32 {
	n := uint32(0)
	if s < uint32(len(b.root)) {
		n = b.root[s]
	}
	if s < uint32(len(b.over)) {
		n += uint32(b.over[s])
	}
	return n
}

// upTo returns how many events of a strand lie in it.
func (v *vector) upTo(s uint32) uint32 {
	n := v.base.upTo(s)
	if s < uint32(len(v.over)) {
		n += uint32(v.over[s])
	}
	return n
}

// raise adds the vector to a closed set that is as long as there are strands.
// The longer a strand's row, the newer: over is never shorter than its base.
func (v *vector) raise(known []uint32) {
	root, middle, over := v.base.root, v.base.over, v.over
	for s, n := range root {
		if s < len(middle) {
			n += uint32(middle[s])
		}
		if s < len(over) {
			n += uint32(over[s])
		}
		known[s] = max(known[s], n)
	}
	for s := len(root); s < len(middle); s++ {
		n := uint32(middle[s])
		if s < len(over) {
			n += uint32(over[s])
		}
		known[s] = max(known[s], n)
	}
	for s := max(len(root), len(middle)); s < len(over); s++ {
		known[s] = max(known[s], uint32(over[s]))
	}
}

// history is vectors that grow, ascending by at.
type history struct {
	all  []vector
	size uint64 // what they take, in bytes
}

// upTo returns how many vectors lie at or before the at-th event.
func (h *history) upTo(at uint32) int {
	low, high := 0, len(h.all)
	for low < high {
		if middle := int(uint(low+high) / 2); h.all[middle].at <= at {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// around returns the last vector at or before the at-th event and the first after
// it, nil where there is none.
func (h *history) around(at uint32) (past, whole *vector) {
	i := h.upTo(at)
	if i > 0 {
		past = &h.all[i-1]
	}
	if i < len(h.all) {
		whole = &h.all[i]
	}
	return past, whole
}

// cost is what the next vector will take at least, in bytes, for so many strands.
func (h *history) cost(strands int) uint64 {
	if len(h.all) == 0 {
		return 2 * uint64(strands)
	}
	return uint64(strands)
}

// keep adds a vector: a byte a strand over the base of the one before, or on a
// new base with two bytes a strand over the same root, or on a new root. It does
// not hold on to known.
func (h *history) keep(at, leaps uint32, known []uint32) {
	known = trim(known)
	v := vector{at: at, leaps: leaps, base: &base{}}
	if len(h.all) > 0 {
		v.base = h.all[len(h.all)-1].base
		v.over = over[uint8](v.base.upTo, known)
	}
	if v.over == nil {
		v.base = h.newBase(v.base.root, known)
	}
	h.size += uint64(len(v.over))
	h.all = append(h.all, v)
}

func (h *history) newBase(root, known []uint32) *base {
	b := &base{root: root}
	if b.over = over[uint16](b.upTo, known); b.over == nil {
		b.root = slices.Clone(known)
		h.size += 4 * uint64(len(known))
	}
	h.size += 2 * uint64(len(b.over))
	return b
}

// over returns what to add to base, or nil when N does not hold it.
func over[N uint8 | uint16](base func(uint32) uint32, known []uint32) []N {
	all := make([]N, len(known))
	for s, n := range known {
		n -= base(uint32(s))
		if n > uint32(^N(0)) {
			return nil
		}
		all[s] = N(n)
	}
	return all
}

func trim(known []uint32) []uint32 {
	for len(known) > 0 && known[len(known)-1] == 0 {
		known = known[:len(known)-1]
	}
	return known
}

// remember keeps a vector of an event where its strand may have another.
func (x *Order) remember(n Ordinal) {
	p := x.events[n]
	t := &x.strands[p.strand]
	leaps := len(t.leaps)
	if leaps < minLeaps || t.vectors.size+t.vectors.cost(len(x.strands)) > vectorBytes*uint64(len(t.events)) {
		return
	}
	if last := len(t.vectors.all) - 1; last >= 0 && t.leaps[leaps-minLeaps].at <= t.vectors.all[last].at {
		return
	}
	t.vectors.keep(p.at, uint32(leaps), x.pastOf(n))
}
