package badgerlog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// errLater ends a group before a candidate, which the next one begins with: there is
// no more room, or what must be read for it is not durable yet.
var errLater = errors.New("the group ends here")

// stager puts what was admitted into one group. It tells the causal order at once,
// so that the next event can rest on it; readers see it once it is durable.
type stager struct {
	*Log
	g *group
	a *admission
	// covers are the seals that this group writes, once at its end.
	covers []*cover
	// anchored is true when the group has what the anchor names.
	anchored bool
}

// stage takes candidates into a group until it is full. What fails is told by the
// admission: what was staged before becomes durable all the same.
func (l *Log) stage(g *group, a *admission) {
	l.orderMu.Lock()
	defer l.orderMu.Unlock()
	s := &stager{Log: l, g: g, a: a}
	g.foreign = true
	err := l.learnMembers()
	if err == nil {
		l.visible = everything
		defer func() { l.visible = l.at.Events }()
		err = s.take()
	}
	for _, c := range s.covers {
		if e := s.writeCover(c); e != nil {
			l.fail(e) // without its seal the group must not become durable
		}
	}
	g.closeRun()
	g.foreign = !s.anchored
	if err != nil && !errors.Is(err, errLater) {
		a.failed = err
	}
}

// take looks at what there is to do, and at last at what was held back.
func (s *stager) take() error {
	a := s.a
	for len(a.todo) > 0 || a.opened && (a.recall() || s.revive()) {
		c := a.todo[0]
		a.todo = a.todo[1:]
		if err := s.consider(c); err != nil {
			a.todo = append([]*candidate{c}, a.todo...)
			return err
		}
	}
	if a.opened {
		s.conclude()
	}
	return nil
}

// recall moves the records that no event has asked for to what is to be done.
func (a *admission) recall() bool {
	for _, c := range a.ranked {
		if _, left := a.records[c.ID]; left {
			a.todo = append(a.todo, c)
		}
	}
	a.ranked = nil
	return len(a.todo) > 0
}

// conclude tells what is left when all was looked at.
func (s *stager) conclude() {
	a := s.a
	for _, c := range a.back {
		a.refuse(c, replicaForked(), BlameNobody)
	}
	a.back, a.done = nil, true
	a.told.Waiting, a.told.Missing = len(s.waits.held), s.waits.missing()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lacks = a.told.Missing
}

// revive takes back those events of forked chains from which others descend.
func (s *stager) revive() bool {
	back := map[event.ID]*candidate{}
	for _, c := range s.a.back {
		back[c.ID] = c
	}
	var open []*candidate
	for _, c := range s.a.back {
		if s.isWanted(c) {
			open = append(open, c)
		}
	}
	for len(open) > 0 {
		c := open[len(open)-1]
		open = open[:len(open)-1]
		if c.wanted {
			continue
		}
		c.wanted = true
		for _, id := range append([]event.ID{c.Header.Prev}, c.Header.Parents...) {
			if other, is := back[id]; is {
				open = append(open, other)
			}
		}
	}
	return s.unhold()
}

// unhold moves what is wanted from what was held back to what is to be done.
func (s *stager) unhold() bool {
	a, left := s.a, []*candidate(nil)
	for _, c := range a.back {
		if c.wanted {
			a.todo = append(a.todo, c)
		} else {
			left = append(left, c)
		}
	}
	a.back = left
	return len(a.todo) > 0
}

// isWanted reports whether somebody waits for an event whose chain has no fork,
// at once or through events that wait themselves.
func (s *stager) isWanted(c *candidate) bool {
	seen, open := map[event.ID]bool{}, []event.ID{c.ID}
	for len(open) > 0 {
		id := open[len(open)-1]
		open = open[:len(open)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		for _, by := range s.waits.needed[id] {
			if by.run == nil || !s.marks.isForked(by.chain()) {
				return true
			}
			open = append(open, by.ID)
		}
	}
	return false
}

// settled asks for what this group would have to read to be durable.
func (s *stager) settled() error {
	if len(s.g.entries)+s.g.count > 0 {
		return errLater
	}
	return nil
}

// fits reports whether the group has room for more. An empty one has it.
func (s *stager) fits(size int) bool {
	return len(s.g.entries)+s.g.count == 0 || s.g.size+size <= maxAdmitBytes
}

// coverSize is what the seal of a candidate takes at most, if this group does not
// write it yet.
func (s *stager) coverSize(c *candidate) int {
	if c.run == nil || c.run.ids == nil {
		return event.MaxProofBytes
	}
	if slices.Contains(s.covers, c.run.kept) {
		return 0
	}
	return event.MaxSealBytes + len(c.run.ids)*(len(event.ID{})+2)
}

// put takes an event that has its place into the group, under its seal.
func (s *stager) put(c *candidate) error {
	if !s.fits(c.size()+s.coverSize(c)) || len(s.g.events) >= maxAdmitEvents {
		return errLater
	}
	if err := s.learn(&c.Event); fault.Is(err, "head_other") {
		s.a.refuse(c, err, BlameAuthor) // a record that freezes what is no cut
		return nil
	} else if err != nil {
		return err
	}
	c.taken = true
	s.g.putSent(&c.Event)
	n := causal.Ordinal(s.g.next.Events - 1)
	on := s.order.Line(n)
	if err := s.prove(c, on, n); err != nil {
		s.fail(err) // what nothing proves must not become durable
		return err
	}
	if ready := s.waits.wake(c.ID); len(ready) > 0 {
		s.a.todo = append(ready, s.a.todo...)
	}
	return nil
}

// prove keeps what proves an event that was just put: its record's certificates,
// its path, or the seal that it shares with others.
func (s *stager) prove(c *candidate, on int, n causal.Ordinal) error {
	switch {
	case c.run == nil:
		return s.certify(c)
	case c.run.ids == nil:
		b, err := event.EncodeProof(event.Proof{Seal: c.run.seal, Seq: c.Seq, Event: c.ID, Path: c.Path})
		if err != nil {
			return err
		}
		s.g.add(number('p', uint64(n)), b)
		s.chains.lines[on].cover = &cover{seal: c.run.seal, id: c.run.id, path: c.Path, on: on, from: c.Seq}
		return nil
	}
	s.seal(c, on)
	return nil
}

// seal keeps the seal of a run on a line, with the ids of what is not here yet.
func (s *stager) seal(c *candidate, on int) {
	r, newest := c.run, s.chains.lines[on].cover
	switch {
	case newest == nil || newest.id != r.id || !newest.whole():
		r.kept = &cover{seal: r.seal, id: r.id, on: on, from: c.Seq}
	case newest != r.kept:
		kept := *newest
		r.kept = &kept
	}
	if !slices.Contains(s.covers, r.kept) {
		s.g.size += s.coverSize(c)
		s.covers = append(s.covers, r.kept)
	}
	r.kept.rest = r.ids[c.Seq-r.seal.First+1:]
	s.chains.lines[on].cover = r.kept
}

func (s *stager) writeCover(c *cover) error {
	b, err := c.encode()
	if err == nil {
		s.g.entries = append(s.g.entries, entry{Key: c.key(), Value: b}) // its size was counted
	}
	return err
}

func (s *stager) certify(c *candidate) error {
	b, err := s.encodeCertificates(c.ID, c.Header, c.certificates)
	if err != nil {
		return err
	}
	s.g.add(number('c', c.Seq), b)
	s.g.next.Control = event.Basis{Index: c.Seq, Record: c.ID}
	s.anchored = true
	return nil
}

// mark keeps what is to be known of a chain for ever.
func (s *stager) mark(one mark) error {
	one.Header = bytes.Clone(one.Header)
	b, err := encodeMark(one)
	switch {
	case err != nil:
		return err
	case !s.fits(len(b)):
		return errLater
	}
	s.g.add(number('q', uint64(len(s.marks.all))), b)
	s.marks.add(one)
	return nil
}

func replicaForked() error {
	return fault.New(fault.FailedPrecondition, "replica_forked", "the replica has signed two histories: of what it signs only that is taken which others' events descend from", "have it fenced, and enrol a new replica in its place")
}

// commitForeign makes a group durable that has nothing of what the anchor names:
// who loses it at the end of the store asks for it again.
func (l *Log) commitForeign(g *group) error {
	if err := errors.Join(l.room(), l.store(g.entries, g.next.version())); err != nil {
		return l.failed(err)
	}
	return nil
}

// finishAdmitted makes an admitted group durable and shows it.
func (l *Log) finishAdmitted(g *group) error {
	var err error
	if g.foreign {
		err = l.commitForeign(g)
	} else {
		err = l.commit(g.entries, g.next)
	}
	if err != nil {
		return err
	}
	l.runs.add(g.next.Events, g.firsts...)
	l.at = g.next
	g.admission.told.Taken += len(g.events)
	l.publish()
	return nil
}

func unexpected(what string, err error) error {
	return fault.Wrap(err, fault.Internal, "admission_broken", fmt.Sprintf("%s cannot be admitted", what), "this is a defect of Atelier: report it")
}
