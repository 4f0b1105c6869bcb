package bundle

import (
	"atelier.dev/atelier/backend/event"
)

// chains holds events and seals to the chains that they lie on.
type chains struct {
	control event.Chain // which has certificates, and no seals
	all     map[event.Chain]*chain
	order   []*chain // as they began
	due     *chain   // whose seal came last; its event is next
}

// chain is how far one came.
type chain struct {
	next    uint64   // the seq that it goes on with
	newest  event.ID // the event before that
	covered uint64   // events before it have a seal, or the proof
	sealed  event.ID // the newest seal
	proof   *event.Proof
}

func (c *chains) of(name event.Chain) *chain {
	at, known := c.all[name]
	if !known {
		at = &chain{}
		c.all[name], c.order = at, append(c.order, at)
	}
	return at
}

// take gives an event its place. It is the n-th that comes.
func (c *chains) take(e *event.Event, n uint64) error {
	h := &e.Header
	if (h.Facts.Genesis != nil) != (n == 1) {
		return refused("genesis_first", "the events of the bundle do not begin with its workspace")
	}
	at := c.of(e.Chain())
	switch {
	case c.due != nil && c.due != at:
		return refused("seal_order", "a seal does not come right before its events")
	case h.Seq < at.next:
		return refused("event_twice", "an event comes twice, or another has its place")
	case h.Seq > at.next:
		return refused("event_gap", "events are missing on a chain")
	case h.Prev != at.newest:
		return refused("prev", "an event does not name the one before it on its chain")
	case h.Class != event.Control && h.Seq >= at.covered:
		return refused("seal_missing", "an event has no seal")
	}
	at.next, at.newest, c.due = h.Seq+1, e.ID, nil
	return nil
}

// begins returns the chain that a seal goes on, if it comes at its place.
func (c *chains) begins(s *event.Seal) (*chain, error) {
	at := c.of(s.Replica)
	if s.Replica == c.control || c.due != nil || at.proof != nil || at.next != at.covered || s.First != at.next || s.Prev != at.sealed {
		return nil, refused("seal_order", "a seal does not follow the one before, and its events")
	}
	c.due = at
	return at, nil
}

func (c *chains) seal(s event.Seal) error {
	at, err := c.begins(&s)
	if err != nil {
		return err
	}
	at.covered = s.Last + 1
	at.sealed, err = s.ID()
	return err
}

// proof is taken where the seal covers more than the bundle has, and ends its chain.
func (c *chains) proof(p event.Proof) error {
	at, err := c.begins(&p.Seal)
	if err != nil {
		return err
	}
	if p.Seq == p.Seal.Last {
		return refused("proof_whole", "a proof stands where its whole seal could")
	}
	at.covered, at.proof = p.Seq+1, &p
	return nil
}

// end looks whether each chain has come as far as its seals say.
func (c *chains) end() error {
	for _, at := range c.order {
		switch {
		case at.next < at.covered:
			return refused("event_gap", "events are missing at the end of a chain")
		case at.proof != nil && at.newest != at.proof.Event:
			return refused("proof_other", "a chain does not end with the event that is proven")
		}
	}
	return nil
}
