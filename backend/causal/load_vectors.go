package causal

import (
	"encoding/binary"
	"slices"
)

// vectors reads the vectors of a strand of so many events.
func (l *loader) vectors(h *history, events uint64) {
	h.all = make([]vector, l.count(4))
	last := vector{base: &base{}}
	var spare []uint8
	for i := 0; i < len(h.all) && !l.broken; i++ {
		at := uint64(last.at) + l.number(events)
		l.require(at < events && (i == 0 || at > uint64(last.at)))
		root, newRoot := row(l, 4, last.base.root, binary.LittleEndian.Uint32)
		over, newBase := row(l, 2, last.base.over, binary.LittleEndian.Uint16)
		v := vector{at: uint32(at), base: last.base}
		if newRoot || newBase {
			v.base = &base{root, over}
			spare = l.spare(v.base)
			h.size += 2 * uint64(len(over))
		}
		if newRoot {
			h.size += 4 * uint64(len(root))
		}
		v.over = slices.Clone(l.bytes(int(l.number(uint64(len(spare))))))
		l.fit(v.over, spare)
		h.size += uint64(len(v.over))
		h.all[i], last = v, v
	}
}

// row reads the numbers of one row, of so many bytes each, or takes those before.
func row[N any](l *loader, size int, before []N, number func([]byte) N) ([]N, bool) {
	count := l.number(uint64(len(l.order.strands)) + 1)
	if count == 0 {
		return before, false
	}
	data := l.bytes(int(count-1) * size)
	if l.broken {
		return nil, true
	}
	all := make([]N, count-1)
	for i := range all {
		all[i] = number(data[i*size:])
	}
	return all, true
}

// spare returns how much a vector may have over a base at most, by strand: no
// more of a strand than there is, nor than a byte holds.
func (l *loader) spare(b *base) []uint8 {
	spare := make([]uint8, len(l.order.strands))
	l.require(len(b.root) <= len(spare) && len(b.over) <= len(spare))
	for s := range spare {
		length, has := uint32(len(l.order.strands[s].events)), b.upTo(uint32(s))
		if l.require(has <= length); l.broken {
			return nil
		}
		spare[s] = uint8(min(length-has, 255))
	}
	return spare
}

func (l *loader) fit(over, spare []uint8) {
	for s, n := range over {
		if n > spare[s] {
			l.require(false)
			return
		}
	}
}
