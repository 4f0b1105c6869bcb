package studio

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// cut is a closed set of events, and what names it.
type cut struct {
	causal.Cut
	named event.Cut
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
	in, named, err := s.p.Log.Arrived(n)
	return &cut{in, named}, err
}

// closed is the least closed set that a cut names: with its events all that they
// follow, every record of control up to the highest that they know, what those
// follow, and the cuts of the checkpoints that those finalize. The objects have all
// of it.
func (s *Studio) closed(named event.Cut) (*cut, error) {
	in, err := s.p.Log.Cut(named)
	if err == nil && uint64(in.End()) > s.appliedNow() {
		err = s.catchUp()
	}
	return &cut{in, named}, err
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
	s.pastMu.Lock()
	defer s.pastMu.Unlock()
	for _, kept := range s.pasts {
		if kept.in.Equal(c.Cut) {
			return kept.fold, nil
		}
	}
	f := object.NewAt(s.p.Log, s.judgement)
	err := s.p.Log.ScanIn(c.Cut, 0, func(_ uint64, e event.Event) error {
		_, err := f.Apply(e)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.pasts = append(s.pasts, keptFold{c.Cut, f})
	if len(s.pasts) > pastsMax {
		s.pasts = s.pasts[1:]
	}
	return f, nil
}

// keptFold is what a cut folds to.
type keptFold struct {
	in   causal.Cut
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
	return err == nil && c.Has(causal.Ordinal(arrival)), err
}
