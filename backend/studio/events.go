package studio

import (
	"context"
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
	"atelier.dev/atelier/backend/projection"
)

// Events calls each with pages of events, parents first. The frontier comes
// with the last page, and when following whenever all known events are out. It
// raises only the floor. Reasons: object_unknown, actor_unknown and their like.
func (s *Studio) Events(ctx context.Context, c Caller, f EventFilter, each func([]Event, Frontier) error) error {
	if _, err := s.served(c); err != nil {
		return err
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
	wanted func(event.Event) bool
	each   func([]Event, Frontier) error
	from   uint64
	begun  bool
}

// page gives what is there from where the reader stands. With last, or at the
// first time, the last page comes even when it is empty.
func (r *eventReader) page(ctx context.Context, last bool) error {
	var page []Event
	err := r.s.p.Log.Scan(r.from, func(arrival uint64, e event.Event) error {
		r.from = arrival + 1
		if err := ctx.Err(); err != nil {
			return fault.Wrap(err, fault.Canceled, "canceled", "the call was given up", "send it again")
		}
		if !r.wanted(e) {
			return nil
		}
		page = append(page, r.s.eventView(e))
		if len(page) < pageEvents {
			return nil
		}
		full := page
		page = nil
		return r.each(full, nil)
	})
	if err != nil {
		return err
	}
	if len(page) == 0 && r.begun && !last {
		return nil
	}
	r.begun = true
	read, err := r.s.served(r.c)
	if err != nil {
		return err
	}
	return r.each(page, read)
}

// wanted returns what tells whether an event passes a filter.
func (s *Studio) wanted(f EventFilter) (func(event.Event) bool, error) {
	var about, by event.ID
	var err error
	s.mu.Lock()
	if f.Object != "" {
		about, err = s.fold.Find("", f.Object)
	}
	if f.Actor != "" && err == nil {
		by, err = s.fold.Find(object.KindActor, f.Actor)
	}
	s.mu.Unlock()
	return func(e event.Event) bool {
		return (f.Type == "" || e.Header.Type == f.Type) && (by.IsZero() || e.Header.Actor.ID == by) &&
			(about.IsZero() || e.ID == about || slices.Contains(e.Header.Affected, about))
	}, err
}

// beginning is the arrival from which on the newest n events that are wanted
// lie. It looks at windows that double, from the end of the log.
func (s *Studio) beginning(f EventFilter, wanted func(event.Event) bool) (uint64, error) {
	count := s.p.Log.Count()
	if f.Newest == 0 {
		return 0, nil
	}
	for window := uint64(max(firstWindow, f.Newest)); ; window *= 2 {
		from := count - min(window, count)
		var found []uint64
		err := s.p.Log.Scan(from, func(arrival uint64, e event.Event) error {
			if arrival < count && wanted(e) {
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

// eventView is an event with its words.
func (s *Studio) eventView(e event.Event) Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := Event{Event: e, ActorName: s.fold.Name(e.Header.Actor.ID), Summary: projection.Sentence(e, s.fold),
		Subject: projection.Subject(e, s.fold), Verdict: s.fold.Judgement(e.ID).Verdict.String()}
	if content, err := event.DecodeBody(e.Header.Type, e.Body); err == nil {
		v.Content = content
	}
	return v
}
