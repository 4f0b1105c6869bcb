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
	c.ids = append(c.ids, e.ID)
	if e.Header.Seq+uint64(len(c.rest)) < c.seal.Last {
		return
	}
	if event.Root(append(c.ids, c.rest...)) != c.seal.Root {
		a.report.find("seal_root", fmt.Sprintf("the seal over events %d to %d is not of these events", c.seal.First, c.seal.Last))
	}
	delete(a.seals, e.Header.Replica)
}
