package badgerlog

import (
	"math"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// suspect looks whether an event that its replica signed shows a second history,
// and whether more is taken of its chain. done tells that it was dealt with.
func (s *stager) suspect(c *candidate) (done bool, err error) {
	chain := c.chain()
	if err := s.compare(c); err != nil {
		return false, err
	}
	if chain == s.replica {
		if err := s.retire(); err != nil {
			return false, err
		}
	}
	if s.marks.isForked(chain) && !c.run.exposes && !c.wanted {
		if !s.isWanted(c) {
			s.a.back = append(s.a.back, c)
			return true, nil
		}
		c.wanted = true
	}
	if err := s.conflict(c); err != nil {
		return false, err
	}
	if end, has := s.marks.ended[chain]; has && c.Seq > end.Seq && !s.marks.isForked(chain) {
		s.a.refuse(c, chainEnded("it lies behind an event that is none"), BlameAuthor)
		return true, nil
	}
	return false, nil
}

func chainEnded(why string) error {
	return fault.New(fault.FailedPrecondition, "chain_ended", "the chain of this replica has ended: "+why, "have the replica fenced, and enrol a new one in its place")
}

// retire stops all writing with the own key, for ever: it has signed what is not
// here, so whatever it signs next would be a second history.
func (s *stager) retire() error {
	if s.marks.retired != nil {
		return nil
	}
	return s.mark(mark{Kind: retired, Chain: cbor.ByteString(s.replica), Seq: s.at.OwnCount, ID: s.at.Own})
}

// compare holds the seal of a candidate to the one that the same events were proven
// by here: two seals that follow one seal are two histories, whatever they cover.
func (s *stager) compare(c *candidate) error {
	if c.run.compared {
		return nil
	}
	for _, on := range s.chains.of[c.chain()] {
		if err := s.compareOn(c, on); err != nil {
			return err
		}
	}
	c.run.compared = true
	return nil
}

func (s *stager) compareOn(c *candidate, on int) error {
	r, at := c.run, &s.chains.lines[on]
	if _, here := at.at(r.seal.First); !here || at.cover != nil && at.cover.id == r.id {
		return nil
	}
	if err := s.settled(); err != nil {
		return err
	}
	ours, err := s.coverOf(on, r.seal.First)
	if err != nil || ours != nil && ours.id == r.id {
		return err
	}
	if c.chain() == s.replica {
		if err := s.retire(); err != nil {
			return err
		}
	}
	if ours == nil || !s.earlier(c.chain(), r.seal.First) {
		return nil
	}
	_, err = s.expose(c, ours)
	return err
}

// conflict looks for another event that the replica signed at the same place.
func (s *stager) conflict(c *candidate) error {
	chain := c.chain()
	for _, on := range s.chains.of[chain] {
		n, here := s.chains.lines[on].at(c.Seq)
		if !here || s.ids.at(uint64(n)) == c.ID || !s.earlier(chain, c.Seq) {
			continue
		}
		if err := s.settled(); err != nil {
			return err
		}
		ours, found, err := s.proofOf(on, c.Seq)
		if err != nil || !found {
			return err
		}
		return s.accuse(c, ours)
	}
	if end, has := s.marks.ended[chain]; has && end.Seq == c.Seq && end.ID != c.ID && s.earlier(chain, c.Seq) {
		ours, err := event.DecodeProof(end.Proof)
		if err != nil {
			return dataLoss("mark_damaged", "the proof against a chain is damaged: "+err.Error())
		}
		return s.accuse(c, ours)
	}
	return nil
}

// earlier reports whether a fork at a seq would be news of a chain.
func (s *stager) earlier(chain event.Chain, seq uint64) bool {
	known, is := s.marks.forked[chain]
	return !is || seq < known
}

// expose accuses the author of a candidate if its seal and one that is here cannot
// be of one history: they follow the same seal, or prove different events at one
// place.
func (s *stager) expose(c *candidate, ours *cover) (shown bool, err error) {
	switch {
	case ours.id == c.run.id:
		return false, nil
	case ours.seal.Prev == c.run.seal.Prev:
		p, found, err := s.proofOf(ours.on, ours.from)
		if err != nil || !found {
			return false, err
		}
		return true, s.accuse(c, p)
	case ours.whole() && c.Seq >= ours.seal.First && c.Seq <= ours.seal.Last:
		all := s.under(ours)
		if all[c.Seq-ours.seal.First] == c.ID {
			return false, nil
		}
		p, err := event.NewProof(ours.seal, all, c.Seq)
		if err != nil {
			return false, err
		}
		return true, s.accuse(c, p)
	}
	return false, nil
}

// accuse keeps the proof that a replica signed two histories. What shows it first is
// taken, so that both are here.
func (s *stager) accuse(c *candidate, ours event.Proof) error {
	theirs, err := c.proof()
	if err != nil {
		return err
	}
	f, err := event.NewFraud(ours, theirs)
	if err != nil {
		return err
	}
	key, _ := c.chain().Key()
	if err := f.Verify(key); err != nil {
		return unexpected("a second history", err)
	}
	b, err := event.EncodeFraud(f)
	if err != nil {
		return err
	}
	first := !s.marks.isForked(c.chain())
	if err := s.mark(mark{Kind: forked, Chain: cbor.ByteString(c.chain()), Seq: f.Seq(), Proof: b}); err != nil {
		return err
	}
	if c.run.exposes = c.run.exposes || first; !slices.Contains(s.a.told.Forked, c.chain()) {
		s.a.told.Forked = append(s.a.told.Forked, c.chain())
	}
	return nil
}

// proof is what proves a candidate of a run.
func (c *candidate) proof() (event.Proof, error) {
	if c.run.ids == nil {
		return event.Proof{Seal: c.run.seal, Seq: c.Seq, Event: c.ID, Path: c.Path}, nil
	}
	return event.NewProof(c.run.seal, c.run.ids, c.Seq)
}

// convict keeps the proof that a replica signed what is no event. Its chain ends
// before it. Nothing is kept of strangers.
func (s *stager) convict(c *candidate, why error) error {
	chain := c.chain()
	if !s.members.enrolled(chain, math.MaxUint64) {
		s.a.refuse(c, notEnrolled(), BlameNobody)
		return nil
	}
	if end, has := s.marks.ended[chain]; !has || end.Seq > c.Seq {
		if err := s.end(c, why); err != nil {
			return err
		}
	}
	s.a.refuse(c, why, BlameAuthor)
	s.forsake(c.ID)
	return nil
}

// end marks that a chain ends before a candidate.
func (s *stager) end(c *candidate, why error) error {
	p, err := c.proof()
	if err != nil {
		return err
	}
	b, err := event.EncodeProof(p)
	if err != nil {
		return err
	}
	m := mark{Kind: ended, Chain: cbor.ByteString(c.chain()), Seq: c.Seq, ID: c.ID, Reason: fault.Of(why).Reason, Proof: b}
	if len(c.Bytes) <= event.MaxHeader {
		m.Header = c.Bytes
	}
	return s.mark(m)
}

// forsake refuses those that wait for an event that will never be here, and those
// that wait for them.
func (s *stager) forsake(id event.ID) {
	open := []event.ID{id}
	for len(open) > 0 {
		id := open[len(open)-1]
		open = open[:len(open)-1]
		for _, c := range s.waits.giveUp(id) {
			s.a.refuse(c, chainEnded("it descends from an event that is none"), BlameAuthor)
			open = append(open, c.ID)
		}
	}
}
