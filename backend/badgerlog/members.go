package badgerlog

import (
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// members knows since which record each replica is enrolled: genesis enrols the
// first, and each actor that may act at a replica enrols that one. Whether an actor
// may act is judged by whoever folds the events. Whoever uses it holds orderMu.
type members struct {
	next  uint64 // the first record that was not looked at
	since map[event.Chain]uint64
}

// take looks at the next record; others it knows.
func (m *members) take(h *event.Header) {
	if h.Class != event.Control || h.Seq != m.next {
		return
	}
	if m.next++; m.since == nil {
		m.since = map[event.Chain]uint64{}
	}
	switch f := &h.Facts; {
	case f.Genesis != nil:
		m.enrol(f.Genesis.Replica, 0)
	case h.Type == event.ActorEnrolledType && f.Decision != nil && f.Decision.Outcome == event.OutcomeDone && f.Member != nil:
		m.enrol(f.Member.Replica, h.Seq)
	}
}

func (m *members) enrol(replica event.Chain, index uint64) {
	if _, is := m.since[replica]; !is {
		m.since[replica] = index
	}
}

// enrolled reports whether a record up to an index enrols a replica.
func (m *members) enrolled(replica event.Chain, index uint64) bool {
	since, is := m.since[replica]
	return is && since <= index
}

// learnMembers looks at the durable records that no start has read: an index spares
// reading all events. The caller holds orderMu.
func (l *Log) learnMembers() error {
	records := l.chains.controlLine()
	for l.members.next < records.next() {
		n, _ := records.at(l.members.next)
		if uint64(n) >= l.visible {
			return nil
		}
		e, err := l.eventAt(uint64(n))
		if err != nil {
			return err
		}
		l.members.take(&e.Header)
	}
	return nil
}

// MayWrite returns why this replica cannot write: replica_not_enrolled, or that its
// key is retired; nil if it can.
func (l *Log) MayWrite() error {
	if slices.ContainsFunc(l.marked(), func(m mark) bool { return m.Kind == retired }) {
		return keyRetired()
	}
	return l.mayWrite(l.stand().Control)
}

// mayWrite refuses events of a replica that no record enrols. Genesis enrols the
// first voter.
func (l *Log) mayWrite(basis event.Basis) error {
	if l.replica == l.voters[0] {
		return nil
	}
	l.orderMu.Lock()
	defer l.orderMu.Unlock()
	if err := l.learnMembers(); err != nil {
		return err
	}
	if l.members.enrolled(l.replica, basis.Index) {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "replica_not_enrolled", "this replica is not enrolled in the workspace that it follows",
		"have a member enrol an actor at it: `atelier actor add`")
}
