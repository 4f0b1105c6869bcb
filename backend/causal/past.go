package causal

import (
	"atelier.dev/atelier/backend/event"
)

// Past is the causal past of some events, with the events themselves: for each
// chain of the index the greatest lamport that lies in it. A chain's events
// follow one another, so all below that lie in it too.
type Past struct {
	index *Index
	reach map[uint32]uint64
}

// PastOf returns the past of some events. It costs one step a chain of the index
// that lies in it. Faults as those of Relate.
func (x *Index) PastOf(ids []event.ID) (*Past, error) {
	from := make([]place, len(ids))
	for i, id := range ids {
		p, err := x.place(id)
		if err != nil {
			return nil, err
		}
		from[i] = p
	}
	w := x.walk(nil, 0)
	for _, p := range from {
		w.push(p)
	}
	for w.next() {
	}
	return &Past{x, w.settled}, nil
}

// Has reports whether an event lies in the past, by its header. The index must
// not be added to meanwhile.
func (p *Past) Has(id event.ID, h *event.Header) bool {
	at, known := p.index.standing(id, h)
	return known && at.lamport <= p.reach[at.chain]
}

// standing is place for an event whose header is at hand.
func (x *Index) standing(id event.ID, h *event.Header) (place, bool) {
	if p, stray := x.strays[id]; stray {
		return p, true
	}
	c, known := x.names[session(id, h)]
	return place{c, h.Lamport}, known && h.Lamport <= x.chains[c].lamport
}
