package badgerlog

import (
	"encoding/binary"

	"atelier.dev/atelier/backend/event"
)

// ids leads from an event's id to its arrival number. It is made anew at each
// Open, which reads all events anyway: kept in the store it would double the
// keys of every group. A million events take 16 to 32 MB.
//
// It is a table with open addressing that keeps the first eight bytes of an
// id. Who finds an arrival there reads the event and compares the whole id.
type ids struct {
	slots []idSlot // a power of two of them
	count int
}

// idSlot is empty when next is 0.
type idSlot struct {
	head uint64
	next uint64 // arrival number + 1
}

func head(id event.ID) uint64 { return binary.BigEndian.Uint64(id[:]) }

func (t *ids) add(id event.ID, arrival uint64) {
	if t.count*4 >= len(t.slots)*3 {
		t.resize(max(minSlots, 2*len(t.slots)))
	}
	t.put(idSlot{head(id), arrival + 1})
	t.count++
}

// reserve makes room for n ids.
func (t *ids) reserve(n uint64) {
	size := minSlots
	for uint64(size)*3 <= n*4 {
		size *= 2
	}
	t.resize(size)
}

func (t *ids) put(s idSlot) {
	at := t.first(s.head)
	for t.slots[at].next != 0 {
		at = t.after(at)
	}
	t.slots[at] = s
}

// Ids are hashes, so their last bits are as good as any hash of them.
func (t *ids) first(head uint64) uint64 { return head & uint64(len(t.slots)-1) }
func (t *ids) after(at uint64) uint64   { return (at + 1) & uint64(len(t.slots)-1) }

func (t *ids) resize(size int) {
	old := t.slots
	t.slots = make([]idSlot, size)
	for _, s := range old {
		if s.next != 0 {
			t.put(s)
		}
	}
}

// find returns the arrivals of events whose ids begin as this one does: one,
// unless two hashes agree in 64 bits.
func (t *ids) find(id event.ID) (arrivals []uint64) {
	if len(t.slots) == 0 {
		return nil
	}
	h := head(id)
	for at := t.first(h); t.slots[at].next != 0; at = t.after(at) {
		if t.slots[at].head == h {
			arrivals = append(arrivals, t.slots[at].next-1)
		}
	}
	return arrivals
}

// between returns the slots whose heads lie in [low, high].
func (t *ids) between(low, high uint64) (found []idSlot) {
	for _, s := range t.slots {
		if s.next != 0 && s.head >= low && s.head <= high {
			found = append(found, s)
		}
	}
	return found
}
