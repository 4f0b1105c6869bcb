package badgerlog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func malformed(reason, message string) error {
	return fault.New(fault.InvalidArgument, reason, message, "drop it; the program that made it is at fault")
}

// consider finds out what becomes of a candidate: it is put into the group, waits,
// is held back or is refused. errLater leaves it for the next group.
func (s *stager) consider(c *candidate) error {
	if _, here := s.ids.find(c.ID); here {
		return s.known(c)
	}
	if s.waits.held[c.ID] != nil {
		return nil
	}
	if c.run == nil {
		return s.considerRecord(c)
	}
	switch {
	case c.run.seal.Workspace != s.at.Genesis:
		s.a.refuse(c, malformed("workspace", "the seal is of another workspace"), BlameSender)
		return nil
	case !c.Signed || c.Fault != nil && !c.Convicts():
		s.a.refuse(c, c.Fault, BlameSender)
		return nil
	}
	if done, err := s.suspect(c); done || err != nil {
		return err
	}
	if c.Fault != nil {
		return s.convict(c, c.Fault)
	}
	if missing := s.missing(c); len(missing) > 0 {
		return s.wait(c, missing)
	}
	if err := s.judge(c); err != nil {
		return s.refuseFor(c, err)
	}
	return s.put(c)
}

// known takes note of an event that is here already. Its seal may be another one
// than it was proven by before.
func (s *stager) known(c *candidate) error {
	if c.run != nil && c.Signed && c.run.seal.Workspace == s.at.Genesis {
		if err := s.compare(c); err != nil {
			return err
		}
		if err := s.adopt(c); err != nil {
			return err
		}
	}
	if !c.taken { // a record may be asked for by an event, and come up again
		s.a.told.Known++
	}
	return nil
}

// adopt keeps a seal over own events that this log has lost, or never saw: with it
// they can be handed on.
func (s *stager) adopt(c *candidate) error {
	if c.chain() != s.replica || s.marks.retired == nil || c.run.ids == nil {
		return nil
	}
	n, _ := s.ids.find(c.ID)
	on := s.order.Line(n)
	if newest := s.chains.lines[on].cover; newest != nil && newest.id == c.run.id {
		s.seal(c, on)
		return nil
	}
	if err := s.settled(); err != nil {
		return err
	}
	if ours, err := s.coverOf(on, c.Seq); err != nil || ours != nil {
		return err
	}
	s.seal(c, on)
	return nil
}

// missing lists what an event rests on and is not here: the one before it on its
// chain, its parents, its basis, and the cut that a record freezes.
func (s *stager) missing(c *candidate) (ids []event.ID) {
	h := &c.Header
	all := make([]event.ID, 0, len(h.Parents)+2)
	if !h.Prev.IsZero() {
		all = append(all, h.Prev)
	}
	all = append(append(all, h.Parents...), h.Basis.Record)
	for _, id := range all {
		if _, here := s.ids.find(id); !here && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// wait holds an event until what is missing has come. A record of this batch that
// is missing is looked at first.
func (s *stager) wait(c *candidate, missing []event.ID) error {
	first := []*candidate{}
	for _, id := range missing {
		if r, sent := s.a.records[id]; sent {
			delete(s.a.records, id)
			first = append(first, r)
		}
		if s.marks.isBad(id) {
			s.a.refuse(c, chainEnded("it descends from an event that is none"), BlameAuthor)
			return nil
		}
	}
	if len(first) > 0 {
		s.a.todo = append(append(first, c), s.a.todo...)
		return nil
	}
	s.waits.hold(c, missing)
	return nil
}

// judge holds an event whose whole past is here to the rules of its place.
func (s *stager) judge(c *candidate) error {
	if !s.follows(&c.Event) {
		return malformed("prev", "the event before it is not the one before it on its chain")
	}
	if err := s.judgeParents(&c.Header); err != nil {
		return err
	}
	if err := s.judgeBasis(c); err != nil {
		return err
	}
	return s.judgeSeal(c)
}

func (s *stager) judgeParents(h *event.Header) error {
	parents, err := s.arrivalsOf(h.Parents)
	if err != nil {
		return err
	}
	lamport, err := s.order.Lamport(parents)
	if err != nil {
		return err
	}
	if lamport != h.Lamport {
		return malformed("lamport", "the lamport is not one above its parents'")
	}
	return nil
}

// judgeBasis holds a basis to the control chain, to the event before, and to whom
// it enrols.
func (s *stager) judgeBasis(c *candidate) error {
	h := &c.Header
	if !s.isAt(s.chains.controlLine(), h.Basis.Index, h.Basis.Record) {
		return malformed("basis", "the control basis is not the record of its number")
	}
	before, err := s.basisBefore(h)
	if err != nil {
		return err
	}
	if h.Basis.Index < before {
		return malformed("basis", "the control basis lies before that of the event before")
	}
	if !s.members.enrolled(h.Replica, h.Basis.Index) {
		return notEnrolled()
	}
	return nil
}

func notEnrolled() error {
	return fault.New(fault.PermissionDenied, "replica_unknown", "the replica was not enrolled when it wrote this", "drop it, and all that follows it on its chain")
}

// basisBefore returns the index of the basis of the event before.
func (s *stager) basisBefore(h *event.Header) (uint64, error) {
	if h.Prev.IsZero() {
		return 0, nil
	}
	n, _ := s.ids.find(h.Prev)
	on, _ := s.placeOf(n)
	if tip := on.arrivals[len(on.arrivals)-1]; tip == n && on.knows {
		return on.basis, nil
	}
	if err := s.settled(); err != nil {
		return 0, err
	}
	e, err := s.eventAt(uint64(n))
	return e.Header.Basis.Index, err
}

// judgeSeal holds the seal of an event to the one that proves the event before it.
// Of a forked chain every seal is taken that others' events make necessary.
func (s *stager) judgeSeal(c *candidate) error {
	if c.Seq == 0 || s.marks.isForked(c.chain()) {
		return nil
	}
	before, err := s.coverBefore(c)
	if err != nil || before == nil || before.id == c.run.id {
		return err
	}
	if c.run.seal.First == c.Seq && before.seal.Last == c.Seq-1 && c.run.seal.Prev == before.id {
		return nil
	}
	if err := s.settled(); err != nil {
		return err
	}
	if shown, err := s.expose(c, before); shown || err != nil {
		return err
	}
	return sealOrder(c.run.seal)
}

func sealOrder(s event.Seal) error {
	return fault.New(fault.FailedPrecondition, "seal_order", fmt.Sprintf("the seal over events from %d on does not follow the one that is here", s.First),
		"send the chain from an earlier seal on").With("seal", s.Prev.String())
}

// coverBefore returns what proves the event before: nil where nothing does, as for
// what this log wrote itself and has not sealed.
func (s *stager) coverBefore(c *candidate) (*cover, error) {
	n, _ := s.ids.find(c.Header.Prev)
	at := s.order.Line(n)
	on := &s.chains.lines[at]
	if tip := on.arrivals[len(on.arrivals)-1]; tip != n || on.cover == nil {
		if err := s.settled(); err != nil {
			return nil, err
		}
		found, err := s.coverOf(at, c.Seq-1)
		if err == nil && tip == n {
			on.cover = found
		}
		return found, err
	}
	return on.cover, nil
}

// refuseFor refuses an event for what judge found: what its author signed wrongly
// ends its chain.
func (s *stager) refuseFor(c *candidate, err error) error {
	switch {
	case fault.Is(err, "replica_unknown"):
		s.a.refuse(c, err, BlameSender)
		return nil
	case fault.Is(err, "seal_order"):
		s.a.refuse(c, err, BlameNobody)
		return nil
	case fault.Of(err).Code == fault.InvalidArgument:
		return s.convict(c, err)
	}
	return err
}

// considerRecord is consider for a record of control.
func (s *stager) considerRecord(c *candidate) error {
	delete(s.a.records, c.ID)
	err := s.judgeRecord(c)
	if err == nil {
		var missing []event.ID
		if missing, err = s.missingRecord(c); err == nil && len(missing) > 0 {
			return s.wait(c, missing)
		}
	}
	if err == nil {
		err = s.judgeNext(c)
	}
	if err == nil {
		return s.put(c)
	}
	if errors.Is(err, errLater) || !isRefusal(err) {
		return err
	}
	blame := BlameSender
	if fault.Is(err, "control_split") {
		blame = BlameAuthor
	}
	s.a.refuse(c, err, blame)
	return nil
}

// isRefusal tells what stands against a record from what fails the whole admission.
func isRefusal(err error) bool {
	f := fault.Of(err)
	return f.Code == fault.InvalidArgument || f.Reason == "control_split"
}

// judgeRecord holds a record to what can be told without those before it.
func (s *stager) judgeRecord(c *candidate) error {
	h := &c.Header
	switch {
	case c.Fault != nil:
		return c.Fault
	case h.Class != event.Control || h.Workspace != s.at.Genesis:
		return malformed("workspace", "the record is of another workspace")
	case s.marks.split != nil:
		return controlSplit()
	}
	if _, err := s.encodeCertificates(c.ID, *h, c.certificates); err != nil {
		return err
	}
	if h.Seq < s.chains.controlLine().next() {
		return s.splitControl(c)
	}
	return nil
}

// missingRecord is missing for a record, which also rests on what it freezes.
func (s *stager) missingRecord(c *candidate) ([]event.ID, error) {
	ids := s.missing(c)
	if !finalizes(&c.Header) {
		return ids, nil
	}
	n, here := s.ids.find(c.Header.Affected[0])
	if !here {
		return append(ids, c.Header.Affected[0]), nil
	}
	if err := s.settled(); err != nil {
		return nil, err
	}
	proposed, err := s.eventAt(uint64(n))
	if err != nil || proposed.Header.Facts.Cut == nil {
		return ids, err
	}
	cut := proposed.Header.Facts.Cut
	for _, head := range cut.Heads {
		ids = s.orMissing(ids, head.ID)
	}
	for _, id := range cut.Past {
		ids = s.orMissing(ids, id)
	}
	return ids, nil
}

func (s *stager) orMissing(ids []event.ID, id event.ID) []event.ID {
	if _, here := s.ids.find(id); here || slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

// judgeNext holds a record to be the next of the control chain.
func (s *stager) judgeNext(c *candidate) error {
	h, last := &c.Header, s.chains.controlLine()
	newest := last.arrivals[len(last.arrivals)-1]
	if n, _ := s.ids.find(h.Prev); h.Seq != last.next() || n != newest {
		return malformed("record_order", "the record does not follow the newest one")
	}
	if h.Basis != (event.Basis{Index: h.Seq - 1, Record: h.Prev}) {
		return malformed("basis", "a record rests on the one before it")
	}
	return s.judgeParents(h)
}

// splitControl keeps the proof that voters have certified two records at one place.
func (s *stager) splitControl(c *candidate) error {
	b, err := s.encodeCertificates(c.ID, c.Header, c.certificates)
	if err == nil {
		err = s.mark(mark{Kind: split, Chain: cbor.ByteString(c.chain()), Seq: c.Seq, ID: c.ID, Proof: b, Header: c.Bytes})
	}
	if err != nil {
		return err
	}
	return controlSplit()
}
