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
	covered uint64   // events before it have a seal
	sealed  event.ID // the newest seal
	over    bool     // the seal covers more than comes
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

// seal is taken right where its events begin. Rest are its events that do not come.
func (c *chains) seal(s *event.Seal, rest int) error {
	at := c.of(s.Replica)
	if s.Replica == c.control || c.due != nil || at.over || at.next != at.covered || s.First != at.next || s.Prev != at.sealed {
		return refused("seal_order", "a seal does not follow the one before, and its events")
	}
	if uint64(rest) > s.Last-s.First {
		return refused("seal_order", "a seal covers nothing that comes")
	}
	var err error
	at.covered, at.over, c.due = s.Last+1-uint64(rest), rest > 0, at
	at.sealed, err = s.ID()
	return err
}

// end looks whether each chain has come as far as its seals say.
func (c *chains) end() error {
	for _, at := range c.order {
		if at.next < at.covered {
			return refused("event_gap", "events are missing at the end of a chain")
		}
	}
	return nil
}
