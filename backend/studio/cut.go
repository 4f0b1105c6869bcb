package studio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// cut is a closed set of events.
type cut struct {
	named event.Cut
	// upTo is how many arrivals are in it whole; what comes later is in it where
	// one of parts has it.
	upTo  uint64
	parts []func(*event.Event) bool
}

func (c *cut) has(arrival uint64, e *event.Event) bool {
	return arrival < c.upTo || slices.ContainsFunc(c.parts, func(in func(*event.Event) bool) bool { return in(e) })
}

// arrivalWord begins a cut that is named by a count of arrivals.
const arrivalWord = "arrival:"

// cutOf reads a cut as a caller names it: a checkpoint, events whose past is
// meant, or a count of arrivals. It is nil for all that is here. Reasons:
// cut_unknown, checkpoint_ambiguous, event_ambiguous, arrival_unknown.
func (s *Studio) cutOf(at string) (*cut, error) {
	switch count, is := strings.CutPrefix(at, arrivalWord); {
	case at == "" || at == "now":
		return nil, nil //nolint:nilnil // no cut is all that is here
	case is:
		return s.arrivalCut(count)
	}
	s.mu.Lock()
	id, err := s.fold.Find(object.KindCheckpoint, at)
	x, _ := s.fold.Entity(id)
	s.mu.Unlock()
	switch {
	case err == nil:
		return s.closed(*x.Cut())
	case !fault.Is(err, "checkpoint_unknown"):
		return nil, err
	}
	var past []event.ID
	for _, ref := range strings.Split(at, ",") {
		e, err := s.eventOf(ref)
		if fault.Is(err, "event_unknown") || fault.Is(err, "id_malformed") {
			return nil, fault.New(fault.NotFound, "cut_unknown", fmt.Sprintf("there is no checkpoint or event %q", ref), "see `atelier checkpoint list` and `atelier log --json`")
		}
		if err != nil {
			return nil, err
		}
		past = append(past, e)
	}
	newest, err := s.p.Log.Maximal(past)
	if err != nil {
		return nil, err
	}
	return s.closed(event.Cut{Past: newest})
}

func (s *Studio) arrivalCut(count string) (*cut, error) {
	n, err := strconv.ParseUint(count, 10, 64)
	if err != nil || n == 0 || n > s.appliedNow() {
		return nil, fault.New(fault.NotFound, "arrival_unknown", fmt.Sprintf("%d events have come here, not %q", s.appliedNow(), count), "name a number from 1 to that")
	}
	heads, err := s.headsAt(n)
	return &cut{named: event.Cut{Heads: byChain(heads)}, upTo: n}, err
}

// headsAt are the newest events of the control chain and of the own one among
// the first n arrivals.
func (s *Studio) headsAt(n uint64) (Frontier, error) {
	s.mu.Lock()
	known, _ := slices.BinarySearch(s.recordsAt, n)
	record := s.p.Log.Genesis()
	if known > 0 {
		record = s.records[known-1]
	}
	s.mu.Unlock()
	heads := Frontier{{Chain: event.Chain(bytesOf(s.p.Log.Genesis())), Seq: uint64(known), ID: record}}
	for at := n; at > 1; at-- {
		e, err := s.p.Log.EventAt(at - 1)
		if err != nil {
			return nil, err
		}
		if e.Header.Class != event.Control { // else the own one came before it
			return heads.with(e), nil
		}
	}
	return heads, nil
}

func bytesOf(id event.ID) []byte { return id[:] }

// closed is the least closed set that a cut names: with its events all that they
// follow, every record of control up to the highest that they know, what those
// follow, and the cuts of the checkpoints that those finalize.
func (s *Studio) closed(named event.Cut) (*cut, error) {
	c := &cut{named: named}
	if len(named.Heads) > 0 {
		// Heads that were taken at one moment hold all that had come by then.
		for _, h := range named.Heads {
			c.upTo += h.Seq + 1
		}
		return c, s.checkHeads(named, c.upTo)
	}
	known, err := s.basisOf(named.Past)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	records := slices.Clone(s.records[:min(uint64(len(s.records)), known)])
	s.mu.Unlock()
	in, err := s.p.Log.PastOf(slices.Concat([]event.ID{s.p.Log.Genesis()}, named.Past, records))
	if err != nil {
		return nil, err
	}
	c.parts = append(c.parts, in)
	for _, id := range records {
		if err := s.closeOver(c, id); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// checkHeads refuses heads that were never the newest here at one moment: what
// they hold is not closed.
func (s *Studio) checkHeads(named event.Cut, n uint64) error {
	unknown := fault.New(fault.FailedPrecondition, "head_unknown", "the cut names heads that never were the newest here together", "take what is here by then")
	if n > s.appliedNow() {
		return unknown
	}
	heads, err := s.headsAt(n)
	if err == nil && (!slices.Equal(byChain(heads), named.Heads) || len(named.Past) > 0) {
		return unknown
	}
	return err
}

// closeOver takes in what a record of control freezes.
func (s *Studio) closeOver(c *cut, record event.ID) error {
	e, err := s.p.Log.Event(record)
	if err != nil {
		return err
	}
	if e.Header.Type != event.CheckpointFinalizedType || e.Header.Facts.Decision.Outcome != event.OutcomeDone {
		return nil
	}
	s.mu.Lock()
	x, known := s.fold.Entity(e.Header.Affected[0])
	s.mu.Unlock()
	if !known {
		return fault.New(fault.DataLoss, "checkpoint_lost", "what a record finalizes is not here", "run `atelier verify`")
	}
	frozen, err := s.closed(*x.Cut())
	if err != nil {
		return err
	}
	c.upTo, c.parts = max(c.upTo, frozen.upTo), append(c.parts, frozen.parts...)
	return nil
}

// basisOf is the highest record that some events know.
func (s *Studio) basisOf(ids []event.ID) (uint64, error) {
	known := uint64(0)
	for _, id := range ids {
		e, err := s.p.Log.Event(id)
		if err != nil {
			return 0, err
		}
		if known = max(known, e.Header.Basis.Index); e.Header.Class == event.Control {
			known = max(known, e.Header.Seq)
		}
	}
	return known, nil
}

// sceneAt is the scene of a place: as it stands, or in a cut. What it returns of
// a cut is its own, and needs no mu.
func (s *Studio) sceneAt(at Where) (scene, *cut, error) {
	if _, err := s.branch(at.Branch); err != nil {
		return scene{}, nil, err
	}
	c, err := s.cutOf(at.At)
	if err != nil || c == nil {
		return s.asNow(), nil, err
	}
	f, err := s.foldAt(c)
	return scene{s, f, true}, c, err
}

// foldAt folds a cut; the newest few are kept.
func (s *Studio) foldAt(c *cut) (*object.Fold, error) {
	key := fmt.Sprint(c.named)
	s.pastMu.Lock()
	defer s.pastMu.Unlock()
	for _, kept := range s.pasts {
		if kept.key == key {
			return kept.fold, nil
		}
	}
	f := object.NewAt(s.p.Log, s.judgement)
	to := s.appliedNow()
	err := s.scan(0, func(arrival uint64, e event.Event) error {
		if arrival >= to || len(c.parts) == 0 && arrival >= c.upTo {
			return errEnough
		}
		if !c.has(arrival, &e) {
			return nil
		}
		_, err := f.Apply(e)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.pasts = append(s.pasts, keptFold{key, f})
	if len(s.pasts) > pastsMax {
		s.pasts = s.pasts[1:]
	}
	return f, nil
}

// keptFold is what a cut folds to.
type keptFold struct {
	key  string
	fold *object.Fold
}

func (s *Studio) judgement(id event.ID) object.Judgement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fold.Judgement(id)
}

// in calls use with the scene of a place, and mu held where it is the present
// one, once the objects have all that the caller was shown before. It raises the
// floor and returns the frontier that the answer rests on.
func (s *Studio) in(ctx context.Context, c Caller, at Where, use func(scene) error) (Frontier, error) {
	sc, past, err := s.sceneAt(at)
	if err != nil {
		return nil, err
	}
	if past != nil {
		if err := use(sc); err != nil {
			return nil, err
		}
	}
	var failed error
	read, err := s.served(ctx, c, func() {
		if past == nil {
			failed = use(sc)
		}
	})
	return read, errors.Join(err, failed)
}

// isIn reports whether an event lies in the cut of a place.
func (s *Studio) isIn(at Where, e event.Event) (bool, error) {
	c, err := s.cutOf(at.At)
	if err != nil || c == nil {
		return c == nil, err
	}
	arrival, err := s.p.Log.ArrivalOf(e.ID)
	return err == nil && c.has(arrival, &e), err
}
