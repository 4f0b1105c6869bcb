package bundle

import (
	"fmt"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// covering is a seal with the events under it that have come.
type covering struct {
	seal *event.Seal
	ids  []event.ID
	rest []event.ID // those under it that do not come
}

// take puts the next event under the seal. It returns false for the last one if the
// root of the seal is not that of its events.
func (c *covering) take(id event.ID) bool {
	c.ids = append(c.ids, id)
	return !c.whole() || event.Root(append(c.ids, c.rest...)) == c.seal.Root
}

// whole reports whether all events under the seal have come that will.
func (c *covering) whole() bool {
	return uint64(len(c.ids)+len(c.rest)) > c.seal.Last-c.seal.First
}

// seal checks the signature of a seal; its root waits for its events.
func (a *audit) seal(s *event.Seal, rest []event.ID) {
	a.report.Seals++
	where := fmt.Sprintf("the seal over events %d to %d", s.First, s.Last)
	key, _ := s.Replica.Key() // what is no replica's has none, and verifies nothing
	if err := s.Verify(key); err != nil {
		a.report.find("seal_signature", where+": "+fault.Of(err).Message)
	}
	if s.Workspace != a.report.Genesis {
		a.report.find("workspace", where+" belongs to another workspace")
	}
	a.seals[s.Replica] = &covering{seal: s, rest: rest}
}

// cover puts an event under its seal, and holds a seal to its events with the last.
func (a *audit) cover(e *event.Event) {
	c := a.seals[e.Header.Replica]
	if c == nil {
		return // a record
	}
	if !c.take(e.ID) {
		a.report.find("seal_root", fmt.Sprintf("the seal over events %d to %d is not of these events", c.seal.First, c.seal.Last))
	}
	if c.whole() {
		delete(a.seals, e.Header.Replica)
	}
}
