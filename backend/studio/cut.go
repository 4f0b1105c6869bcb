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
	f, changed := s.sharedAt(c)
	var err error
	if changed.events <= refoldMost {
		err = s.refold(f, c, changed.ids)
	} else {
		f, err = s.foldFrom(c)
	}
	if err != nil {
		return nil, err
	}
	s.pasts = append(s.pasts, keptFold{c.Cut, f})
	for len(s.pasts) > pastsMax || len(s.pasts) > 1 && s.objectsOfPasts() > pastObjects {
		s.pasts = s.pasts[1:]
	}
	return f, nil
}

// keptFold is what a cut folds to.
type keptFold struct {
	in   causal.Cut
	fold *object.Fold
}

func (s *Studio) objectsOfPasts() (n int) {
	for _, p := range s.pasts {
		n += p.fold.Len()
	}
	return n
}

// nearest is the newest fold that was kept of which all lies in a cut, and the
// arrival from which on the cut goes on: an empty one if there is none.
func (s *Studio) nearest(c *cut) (f *object.Fold, from uint64) {
	for _, n := range s.keptAt() {
		if arrived, _, err := s.p.Log.Arrived(n); err != nil || n > uint64(c.End()) || !c.Contains(arrived) {
			continue
		}
		k, _, err := s.load(n)
		if err == nil {
			f, err = object.LoadAt(s.p.Log, s.judgement, k.objects)
		}
		if err == nil {
			return f, n
		}
		s.tell("using objects that were kept", err)
	}
	return object.NewAt(s.p.Log, s.judgement), 0
}

// foldFrom folds a cut from the nearest objects that were kept.
func (s *Studio) foldFrom(c *cut) (*object.Fold, error) {
	f, from := s.nearest(c)
	return f, s.p.Log.ScanIn(c.Cut, from, func(_ uint64, e event.Event) error {
		_, err := f.Apply(e)
		return err
	})
}

// changed are the objects of which a cut has some events and not all, and how many.
type changed struct {
	ids    []event.ID
	events int
}

// sharedAt is a fold of a cut with the objects that have not changed since. What an
// object is rests on the events about it alone.
func (s *Studio) sharedAt(c *cut) (f *object.Fold, since changed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f = s.fold.Only(s.judgement, func(id event.ID) bool {
		if id == s.human.ID || id == s.system.ID {
			since.ids = append(since.ids, id) // genesis makes them, and is not about them
			return false
		}
		in, of := s.aboutIn(c, id)
		if 0 < in && in < of {
			since.ids, since.events = append(since.ids, id), since.events+in
		}
		return in > 0 && in == of
	})
	return f, since
}

// aboutIn counts the events about an object: those in a cut, and all. The caller
// holds mu.
func (s *Studio) aboutIn(c *cut, id event.ID) (in, of int) {
	arrivals := s.about[id]
	for _, n := range arrivals {
		if c.Has(causal.Ordinal(n)) {
			in++
		}
	}
	return in, len(arrivals)
}

// refold adds the objects that have changed since to a fold of a cut.
func (s *Studio) refold(f *object.Fold, c *cut, ids []event.ID) error {
	for _, id := range ids {
		events, err := s.eventsIn(c, id)
		if err == nil {
			err = f.Add(id, events)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// partsAt is a fold of a cut that takes in what it is asked for alone.
func (s *Studio) partsAt(c *cut) *object.Fold {
	return object.NewParts(s.p.Log, s.judgement, func(id event.ID) ([]event.Event, error) { return s.eventsIn(c, id) })
}

// eventsIn are genesis and the events about an object in a cut.
func (s *Studio) eventsIn(c *cut, id event.ID) (events []event.Event, err error) {
	s.mu.Lock()
	arrivals := s.about[id]
	s.mu.Unlock()
	for i, n := range append([]uint32{0}, arrivals...) {
		if !c.Has(causal.Ordinal(n)) || n == 0 && i > 0 {
			continue
		}
		e, err := s.p.Log.EventAt(uint64(n))
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

func (s *Studio) judgement(id event.ID) object.Judgement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fold.Judgement(id)
}

// inOne is in for an answer about one object: of a cut, which is named by a whole
// id, it takes in what it speaks of alone.
func (s *Studio) inOne(ctx context.Context, c Caller, ref string, at Where, use func(scene) error) (Frontier, error) {
	past, err := s.cutOf(at.At)
	id, partial := event.ParseID(ref)
	if err != nil || past == nil || partial != nil || s.isHeavy(past, id) {
		return s.in(ctx, c, at, use)
	}
	if _, err := s.branch(at.Branch); err != nil {
		return nil, err
	}
	parts := s.partsAt(past)
	if err := errors.Join(use(scene{s, parts, true}), parts.Failed()); err != nil {
		return nil, err
	}
	return s.served(ctx, c, func() {})
}

// isHeavy reports whether so many events of a cut are about an object that all are
// folded sooner than these are read one by one.
func (s *Studio) isHeavy(c *cut, id event.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	in, _ := s.aboutIn(c, id)
	return in > refoldMost
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
