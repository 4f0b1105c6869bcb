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
}

// seal checks the signature of a seal; its root waits for its events.
func (a *audit) seal(s event.Seal) {
	a.report.Seals++
	where := fmt.Sprintf("the seal over events %d to %d", s.First, s.Last)
	key, _ := s.Replica.Key() // what is no replica's has none, and verifies nothing
	if err := s.Verify(key); err != nil {
		a.report.find("seal_signature", where+": "+fault.Of(err).Message)
	}
	a.workspace(where, &s)
	a.seals[s.Replica] = &covering{seal: &s}
}

// proof checks a proof. Its event is the last of its chain, whose header names the
// one before it, and so all of the chain.
func (a *audit) proof(p event.Proof) {
	a.report.Seals++
	where := fmt.Sprintf("the proof of event %d", p.Seq)
	key, _ := p.Seal.Replica.Key()
	if err := p.Verify(key); err != nil {
		a.report.find(fault.Of(err).Reason, where+": "+fault.Of(err).Message)
	}
	a.workspace(where, &p.Seal)
	delete(a.seals, p.Seal.Replica)
}

func (a *audit) workspace(where string, s *event.Seal) {
	if s.Workspace != a.report.Genesis {
		a.report.find("workspace", where+" belongs to another workspace")
	}
}

// cover puts an event under its seal, and holds a seal to its events with the last.
func (a *audit) cover(e *event.Event) {
	c := a.seals[e.Header.Replica]
	if c == nil {
		return // a record, or proven with its chain
	}
	c.ids = append(c.ids, e.ID)
	if e.Header.Seq < c.seal.Last {
		return
	}
	if event.Root(c.ids) != c.seal.Root {
		a.report.find("seal_root", fmt.Sprintf("the seal over events %d to %d is not of these events", c.seal.First, c.seal.Last))
	}
	delete(a.seals, e.Header.Replica)
}
