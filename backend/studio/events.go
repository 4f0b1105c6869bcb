package studio

import (
	"context"
	"errors"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
	"atelier.dev/atelier/backend/projection"
)

// Events calls each with pages of events, parents first. The frontier comes
// with the last page, and when following whenever all known events are out. It
// raises only the floor. Reasons: object_unknown, actor_unknown and their like.
func (s *Studio) Events(ctx context.Context, c Caller, f EventFilter, each func([]Event, Frontier) error) error {
	if err := s.dominating(ctx, c, func() {}); err != nil {
		return err
	}
	if f.Follow && f.At != "" {
		return watchPast()
	}
	wanted, err := s.wanted(f)
	if err != nil {
		return err
	}
	r := &eventReader{s: s, c: c, wanted: wanted, each: each}
	if r.from, err = s.beginning(f, wanted); err != nil {
		return err
	}
	for {
		news := s.newsNow()
		if err := r.page(ctx, !f.Follow); err != nil || !f.Follow {
			return err
		}
		if err := s.await(ctx, news); err != nil {
			return err
		}
	}
}

type eventReader struct {
	s      *Studio
	c      Caller
	wanted func(uint64, event.Event) bool
	each   func([]Event, Frontier) error
	from   uint64        // arrivals below it were read
	found  []event.Event // of those, what is wanted and not given yet
	begun  bool
}

// page gives what is there from where the reader stands. With last, or at the
// first time, the last page comes even when it is empty.
func (r *eventReader) page(ctx context.Context, last bool) error {
	for {
		if err := r.read(ctx); err != nil {
			return err
		}
		page, read, whole, err := r.take(ctx)
		switch {
		case err != nil:
			return err
		case !whole && len(page) == 0: // there are more by now
		case whole && len(page) == 0 && r.begun && !last:
			return nil
		default:
			r.begun = r.begun || whole
			if err := r.each(page, read); err != nil || whole {
				return err
			}
		}
	}
}

// read goes on until a page is full or all that the objects have was read.
func (r *eventReader) read(ctx context.Context) error {
	return r.s.scan(r.from, func(arrival uint64, e event.Event) error {
		if err := ctx.Err(); err != nil {
			return fault.Wrap(err, fault.Canceled, "canceled", "the call was given up", "send it again")
		}
		if len(r.found) == pageEvents {
			return errEnough
		}
		r.from = arrival + 1
		if r.wanted(arrival, e) {
			r.found = append(r.found, e)
		}
		return nil
	})
}

// take makes a page of what was read. When that is whole, all that the objects
// have, the page comes with their frontier: no word in it is newer.
func (r *eventReader) take(ctx context.Context) (page []Event, read Frontier, whole bool, err error) {
	s := r.s
	err = s.dominating(ctx, r.c, func() {
		whole = r.from >= s.applied
		if !whole && len(r.found) < pageEvents {
			return
		}
		for _, e := range r.found {
			page = append(page, s.asNow().eventView(e))
		}
		r.found = nil
		if whole {
			read = s.heads
			s.raise(r.c)
		}
	})
	return page, read, whole, err
}

// errEnough ends a scan, and is no failure of it.
var errEnough = errors.New("enough was read")

// scan is the log's, as far as the objects have its events: what a durable one
// means that they lack is not known yet.
func (s *Studio) scan(from uint64, each func(arrival uint64, e event.Event) error) error {
	end := s.appliedNow()
	if from >= end {
		return nil
	}
	err := s.p.Log.Scan(from, func(arrival uint64, e event.Event) error {
		if arrival >= end {
			return errEnough
		}
		return each(arrival, e)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (s *Studio) appliedNow() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied
}

// wanted returns what tells whether an event passes a filter.
func (s *Studio) wanted(f EventFilter) (func(uint64, event.Event) bool, error) {
	if _, err := s.branch(f.Branch); err != nil {
		return nil, err
	}
	c, err := s.cutOf(f.At)
	if err != nil {
		return nil, err
	}
	var about, by event.ID
	s.mu.Lock()
	if f.Object != "" {
		about, err = s.fold.Find("", f.Object)
	}
	if f.Actor != "" && err == nil {
		by, err = s.fold.Find(object.KindActor, f.Actor)
	}
	s.mu.Unlock()
	return func(arrival uint64, e event.Event) bool {
		return (f.Type == "" || e.Header.Type == f.Type) && (by.IsZero() || e.Header.Actor.ID == by) &&
			(about.IsZero() || e.ID == about || slices.Contains(e.Header.Affected, about)) && (c == nil || c.Has(causal.Ordinal(arrival)))
	}, err
}

// beginning is the arrival from which on the newest n events that are wanted
// lie. It looks at windows that double, from the end of the log.
func (s *Studio) beginning(f EventFilter, wanted func(uint64, event.Event) bool) (uint64, error) {
	if f.Newest == 0 {
		return 0, nil
	}
	count := s.appliedNow()
	for window := uint64(max(firstWindow, f.Newest)); ; window *= 2 {
		from := count - min(window, count)
		var found []uint64
		err := s.scan(from, func(arrival uint64, e event.Event) error {
			if arrival < count && wanted(arrival, e) {
				found = append(found, arrival)
			}
			return nil
		})
		switch {
		case err != nil:
			return 0, err
		case len(found) >= int(f.Newest):
			return found[len(found)-int(f.Newest)], nil
		case from == 0:
			return 0, nil
		}
	}
}

// eventView is an event with its words. The caller holds mu.
func (s scene) eventView(e event.Event) Event {
	v := Event{Event: e, ActorName: s.objects.Name(e.Header.Actor.ID), Summary: projection.Sentence(e, s.objects),
		Subject: projection.Subject(e, s.objects), Verdict: s.objects.Judgement(e.ID).Verdict.String()}
	if content, err := event.DecodeBody(e.Header.Type, e.Body); err == nil {
		v.Content = content
	}
	return v
}
