package causal

import (
	"crypto/sha256"
	"encoding/binary"
)

// A snapshot is, with all numbers as varints but where said:
//
//	magic, version
//	events, strands, lines, records
//	line:     length and bytes of the replica, fork + 1, count of strays, each of them
//	strand:   line; 0, or 1 and the session's 32 bytes when the strand has its name
//	event:    strand, lamport less that of the event before (zigzag)
//	strand:   leaps, needs, vectors, each after its count
//	record:   ordinal less that of the record before
//	vectors that records froze, after their count
//	SHA-256 of all before
//
//	leap:     steps along the strand, ordinal of its event less that of the other
//	need:     steps along the strand, records more than before
//	vector:   steps along the strand, row of the root, of the base, of itself
//	row:      0 for that of the vector before, else its length + 1 and as many
//	          numbers of 4, 2 or 1 bytes, low byte first
const (
	magic   = "atelier order"
	version = 1
)

// Snapshot returns the order as bytes that Load takes.
func (x *Order) Snapshot() []byte {
	b := append(make([]byte, 0, x.snapshotSize()), magic...)
	for _, n := range []int{version, len(x.events), len(x.strands), len(x.lines), len(x.records)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for i := range x.lines {
		b = x.lines[i].append(b)
	}
	for s := range x.strands {
		b = x.strands[s].append(b)
	}
	b = x.appendEvents(b)
	for s := range x.strands {
		b = x.appendNotes(b, &x.strands[s])
	}
	last := Ordinal(0)
	for _, n := range x.records {
		b, last = binary.AppendUvarint(b, uint64(n-last)), n
	}
	b = x.frozen.append(b)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// snapshotSize is about what a snapshot takes, so that it is written in one piece.
func (x *Order) snapshotSize() uint64 {
	size := 4*uint64(len(x.events)) + x.frozen.size
	for s := range x.strands {
		size += x.strands[s].vectors.size + 6*uint64(len(x.strands[s].leaps)) + 64
	}
	return size + size/16
}

func (l *line) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(l.replica)))
	b = append(b, l.replica...)
	b = binary.AppendUvarint(b, uint64(l.fork+1)) // NoEvent becomes 0
	b = binary.AppendUvarint(b, uint64(len(l.strays)))
	for _, s := range l.strays {
		b = binary.AppendUvarint(b, uint64(s))
	}
	return b
}

func (t *strand) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(t.line))
	if t.stray {
		return append(b, 0)
	}
	return append(append(b, 1), t.session[:]...)
}

func (x *Order) appendEvents(b []byte) []byte {
	last := uint32(0)
	for n, p := range x.events {
		b = binary.AppendUvarint(b, uint64(p.strand))
		b = binary.AppendVarint(b, int64(x.lamports[n])-int64(last))
		last = x.lamports[n]
	}
	return b
}

func (x *Order) appendNotes(b []byte, t *strand) []byte {
	b = binary.AppendUvarint(b, uint64(len(t.leaps)))
	at := uint32(0)
	for _, l := range t.leaps {
		b = binary.AppendUvarint(b, uint64(l.at-at))
		b = binary.AppendUvarint(b, uint64(t.events[l.at]-l.to))
		at = l.at
	}
	b = binary.AppendUvarint(b, uint64(len(t.needs)))
	last := need{}
	for _, n := range t.needs {
		b = binary.AppendUvarint(b, uint64(n.at-last.at))
		b = binary.AppendUvarint(b, uint64(n.records-last.records))
		last = n
	}
	return t.vectors.append(b)
}

func (h *history) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(h.all)))
	last := &vector{base: &base{}}
	for i := range h.all {
		v := &h.all[i]
		b = binary.AppendUvarint(b, uint64(v.at-last.at))
		b = appendRow(b, v.base.root, same(v.base.root, last.base.root), binary.LittleEndian.AppendUint32)
		b = appendRow(b, v.base.over, v.base == last.base, binary.LittleEndian.AppendUint16)
		b = binary.AppendUvarint(b, uint64(len(v.over)))
		b = append(b, v.over...)
		last = v
	}
	return b
}

// same tells whether two rows are one.
func same(a, b []uint32) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

func appendRow[N any](b []byte, row []N, again bool, number func([]byte, N) []byte) []byte {
	if again {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(row))+1)
	for _, n := range row {
		b = number(b, n)
	}
	return b
}
