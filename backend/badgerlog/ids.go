package badgerlog

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// ids knows which event has which arrival number, both ways. It is kept in memory
// alone: in the store it would double the keys of every group. A million events
// take 40 MB.
//
// The ids lie by arrival in blocks, so that the list grows without being copied.
// A table with open addressing leads from an id to its arrival. An id's first bits
// are its place there, so that ids that begin alike lie together.
type ids struct {
	blocks [][]event.ID
	count  uint64
	slots  []uint32 // a power of two of arrivals + 1; 0 is empty
}

func (t *ids) add(id event.ID) {
	if t.count*4 >= uint64(len(t.slots))*3 {
		t.resize(max(minSlots, 2*len(t.slots)))
	}
	if t.count%idBlock == 0 {
		t.blocks = append(t.blocks, make([]event.ID, 0, idBlock))
	}
	last := len(t.blocks) - 1
	t.blocks[last] = append(t.blocks[last], id)
	t.put(id, uint32(t.count))
	t.count++
}

// at returns the id of an arrival below count.
func (t *ids) at(arrival uint64) event.ID { return t.blocks[arrival/idBlock][arrival%idBlock] }

// reserve makes room in the table for n ids.
func (t *ids) reserve(n uint64) {
	size := minSlots
	for uint64(size)*3 <= n*4 {
		size *= 2
	}
	if size > len(t.slots) {
		t.resize(size)
	}
}

func (t *ids) put(id event.ID, arrival uint32) {
	at := t.first(id)
	for t.slots[at] != 0 {
		at = t.after(at)
	}
	t.slots[at] = arrival + 1
}

// Ids are hashes, so any bits of them are as good as a hash of them.
func (t *ids) first(id event.ID) int {
	return int(binary.BigEndian.Uint64(id[:]) >> (64 - bits.Len(uint(len(t.slots)-1))))
}
func (t *ids) after(at int) int { return (at + 1) & (len(t.slots) - 1) }

func (t *ids) resize(size int) {
	t.slots = make([]uint32, size)
	for n := range t.count {
		t.put(t.at(n), uint32(n))
	}
}

// find returns the arrival of an event.
func (t *ids) find(id event.ID) (n causal.Ordinal, known bool) {
	if len(t.slots) == 0 {
		return causal.NoEvent, false
	}
	for at := t.first(id); t.slots[at] != 0; at = t.after(at) {
		if n := uint64(t.slots[at] - 1); t.at(n) == id {
			return causal.Ordinal(n), true
		}
	}
	return causal.NoEvent, false
}

// between returns the ids in [low, high] of the arrivals below one, at most so many.
// They lie from the place of the lowest to that of the highest, and on to the next
// that is free.
func (t *ids) between(low, high event.ID, below uint64, most int) (found []event.ID) {
	if len(t.slots) == 0 {
		return nil
	}
	for at, end := t.first(low), t.first(high); (at <= end || t.slots[at%len(t.slots)] != 0) && len(found) < most; at++ {
		slot := t.slots[at%len(t.slots)]
		if slot == 0 || uint64(slot-1) >= below {
			continue
		}
		if id := t.at(uint64(slot - 1)); bytes.Compare(id[:], low[:]) >= 0 && bytes.Compare(id[:], high[:]) <= 0 {
			found = append(found, id)
		}
	}
	return found
}

// write writes how many ids there are, and all of them.
func (t *ids) write(w io.Writer) error {
	_, err := w.Write(binary.BigEndian.AppendUint64(nil, t.count))
	var b []byte
	for _, block := range t.blocks {
		b = b[:0]
		for i := range block {
			b = append(b, block[i][:]...)
		}
		if err == nil {
			_, err = w.Write(b)
		}
	}
	return err
}

// read fills an empty table with what write wrote.
func (t *ids) read(r io.Reader, most int64) error {
	count, err := readLength(r, most/int64(len(event.ID{})))
	if err != nil {
		return err
	}
	t.reserve(count)
	b := make([]byte, idBlock*len(event.ID{}))
	for t.count < count {
		b = b[:min(idBlock, count-t.count)*uint64(len(event.ID{}))]
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		for rest := b; len(rest) > 0; rest = rest[len(event.ID{}):] {
			t.add(event.ID(rest[:len(event.ID{})]))
		}
	}
	return nil
}
