package studio

import (
	"context"
	"errors"
	"slices"
	"strings"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
	"atelier.dev/atelier/backend/provenance"
)

// RelateTo says how one event or object stands to another. What is named by an
// id is that event, what is named by a name the newest version of that object:
// all of it comes before another when all of its events do. With one alone it
// lists what is concurrent with it, the newest limit events; 0 for a hundred.
// Reasons: event_unknown, event_ambiguous, object_ambiguous.
func (s *Studio) RelateTo(ctx context.Context, c Caller, a, b string, limit uint32) (Related, error) {
	r := Related{}
	from, err := s.meant(a)
	if err != nil {
		return r, err
	}
	r.A = from[len(from)-1]
	if b == "" {
		if limit == 0 {
			limit = concurrentUsual
		}
		return s.besides(ctx, c, r, from, int(min(limit, concurrentMax)))
	}
	to, err := s.meant(b)
	if err != nil {
		return r, err
	}
	r.B = to[len(to)-1]
	relation, err := s.relateAll(from, to)
	if err != nil {
		return r, err
	}
	r.Relation = relation.String()
	r.Read, err = s.served(ctx, c, func() {})
	return r, err
}

// meant are the events that a caller means: an object's newest version by its
// name, else an event by its id.
func (s *Studio) meant(ref string) ([]event.ID, error) {
	s.mu.Lock()
	id, unknown := s.fold.Find("", ref)
	o, _ := s.fold.Object(id)
	s.mu.Unlock()
	switch {
	case fault.Is(unknown, "object_ambiguous"):
		return nil, unknown
	case unknown == nil && slices.Contains(o.Names(), ref):
		return o.Head().Frontier, nil
	case len(ref) < event.MinPrefix:
		return nil, unknown
	}
	e, err := s.eventOf(ref)
	if err == nil {
		return []event.ID{e}, nil
	}
	if unknown == nil && fault.Is(err, "event_unknown") {
		return o.Head().Frontier, nil // of an object that genesis made
	}
	return nil, err
}

func (s *Studio) relateAll(a, b []event.ID) (causal.Relation, error) {
	if slices.Equal(a, b) {
		return causal.Same, nil
	}
	before, err := s.allBefore(a, b)
	if err != nil || before {
		return causal.Before, err
	}
	after, err := s.allBefore(b, a)
	if err != nil || after {
		return causal.After, err
	}
	return causal.Concurrent, nil
}

// allBefore reports whether each of some events is one of others or lies in
// their past.
func (s *Studio) allBefore(these, those []event.ID) (bool, error) {
	for _, a := range these {
		known := false
		for _, b := range those {
			r, err := s.p.Log.Relate(a, b)
			if err != nil {
				return false, err
			}
			known = known || r == causal.Before || r == causal.Same
		}
		if !known {
			return false, nil
		}
	}
	return true, nil
}

// besides lists the newest events that are concurrent with all of some.
func (s *Studio) besides(ctx context.Context, c Caller, r Related, of []event.ID, limit int) (Related, error) {
	var found []event.Event
	for to := s.appliedNow(); to > 0 && len(found) <= limit; {
		from := to - min(to, firstWindow)
		var window []event.Event
		err := s.scan(from, func(arrival uint64, e event.Event) error {
			if arrival >= to {
				return errEnough
			}
			beside, err := s.isBeside(e.ID, of)
			if beside {
				window = append(window, e)
			}
			return errors.Join(err, ctx.Err())
		})
		if err != nil {
			return r, err
		}
		found, to = append(window, found...), from
	}
	if len(found) > limit {
		found, r.More = found[len(found)-limit:], true
	}
	var err error
	r.Read, err = s.served(ctx, c, func() {
		for _, e := range found {
			r.Concurrent = append(r.Concurrent, Cause{Event: s.asNow().eventView(e)})
		}
	})
	return r, err
}

// isBeside reports whether an event is concurrent with all of some. Genesis is
// nobody's parent, and lies behind everything by the basis.
func (s *Studio) isBeside(id event.ID, of []event.ID) (bool, error) {
	if id == s.p.Log.Genesis() {
		return false, nil
	}
	for _, one := range of {
		r, err := s.p.Log.Relate(id, one)
		if err != nil || r != causal.Concurrent {
			return false, err
		}
	}
	return true, nil
}

// Why lists what an object, one of its fields (OBJECT.FIELD) or an event rests
// on. It opens what it answers. Reasons: those of RelateTo; field_unknown.
func (s *Studio) Why(ctx context.Context, c Caller, ref string, at Where, limit uint32) (Reasons, error) {
	q, r, err := s.asked(ref, at)
	if err != nil {
		return r, err
	}
	q.Limit = int(min(limit, provenance.Most))
	causes, more, err := provenance.Slice(s.p.Log, q)
	if err != nil {
		return r, err
	}
	r.More = more
	r.Read, err = s.served(ctx, c, func() {
		for _, cause := range causes {
			r.Causes = append(r.Causes, Cause{Event: s.asNow().eventView(cause.Event), Follows: cause.Follows})
		}
	})
	if err != nil {
		return r, err
	}
	return r, s.shows(c, r.Object, q.Seeds)
}

// asked finds what a question is about.
func (s *Studio) asked(ref string, at Where) (q provenance.Question, r Reasons, err error) {
	sc, _, err := s.sceneAt(at)
	if err != nil {
		return q, r, err
	}
	s.mu.Lock()
	id, unknown := sc.objects.Find("", ref)
	if unknown != nil {
		if dot := strings.LastIndexByte(ref, '.'); dot > 0 {
			if object, err := sc.objects.Find("", ref[:dot]); err == nil {
				id, unknown, q.Field = object, nil, ref[dot+1:]
			}
		}
	}
	o, _ := sc.objects.Object(id)
	s.mu.Unlock()
	if unknown != nil {
		return s.askedOf(ref, unknown)
	}
	r.Object, r.Field = id, q.Field
	q.Seeds = o.Head().Frontier
	if x, is := o.(*object.Entity); is && q.Field != "" {
		q.Seeds = x.Writers(q.Field)
	}
	if q.Field != "" && len(q.Seeds) == 0 {
		return q, r, fault.New(fault.NotFound, "field_unknown", "nobody has written the field "+valid(q.Field)+" of it", "see `atelier show`")
	}
	q.History, err = s.history(id)
	return q, r, err
}

// askedOf is asked for one event.
func (s *Studio) askedOf(ref string, unknown error) (q provenance.Question, r Reasons, err error) {
	if len(ref) < event.MinPrefix || fault.Is(unknown, "object_ambiguous") {
		return q, r, unknown
	}
	id, err := s.eventOf(ref)
	if err != nil {
		return q, r, unknown
	}
	e, err := s.p.Log.Event(id)
	if err != nil {
		return q, r, err
	}
	r.Object, q.Seeds, q.History = id, []event.ID{id}, []event.Event{e}
	if len(e.Header.Affected) > 0 {
		r.Object = e.Header.Affected[0]
		q.History, err = s.history(r.Object)
	}
	return q, r, err
}

// history are the events that made or named an object, in order of arrival.
func (s *Studio) history(id event.ID) ([]event.Event, error) {
	s.mu.Lock()
	arrivals := s.about[id]
	s.mu.Unlock()
	events := make([]event.Event, 0, len(arrivals))
	for _, n := range arrivals {
		e, err := s.p.Log.EventAt(uint64(n))
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// note keeps which objects an event is about. The caller holds mu.
func (s *Studio) note(arrival uint64, e event.Event) {
	about := append(e.Header.Affected[:len(e.Header.Affected):len(e.Header.Affected)], e.ID)
	if e.Header.Type == event.SessionClosedType {
		about = append(about, e.Header.Session) // which it ends, and does not name
	}
	for _, id := range about {
		if _, known := s.fold.Object(id); known {
			s.about[id] = append(s.about[id], uint32(arrival))
		}
	}
}

// WhyNot says what an object takes now, and what stands against an event of a
// type, or of each type that it does not take. Reasons: object_unknown,
// object_ambiguous, type_unknown.
func (s *Studio) WhyNot(ctx context.Context, c Caller, ref string, t event.Type, at Where) (Obstacles, error) {
	var answer Obstacles
	read, err := s.in(ctx, c, at, func(sc scene) (err error) {
		answer, err = sc.obstacles(ref, t)
		return err
	})
	answer.Read = read
	return answer, err
}

// obstacles is WhyNot.
func (s scene) obstacles(ref string, t event.Type) (Obstacles, error) {
	id, err := s.objects.Find("", ref)
	if err != nil {
		return Obstacles{}, err
	}
	x, is := s.objects.Entity(id)
	if !is {
		return s.terminalObstacles(id, t)
	}
	family, _ := object.FamilyOf(x.Kind)
	a := Obstacles{Object: id, State: string(x.State())}
	var all []event.Type
	for _, step := range family.Steps {
		all = addMissing(all, []event.Type{step.Event})
	}
	if t != "" && !slices.Contains(all, t) {
		return a, fault.New(fault.InvalidArgument, "type_unknown", string(t)+" is no step of a "+plain(x.Kind), "its steps are "+joinTypes(all))
	}
	takes := takenIn(family, x)
	for _, one := range all {
		switch {
		case slices.Contains(takes, one):
			a.Allowed = append(a.Allowed, string(one))
		case t == "" || t == one:
			a.Against = append(a.Against, Obstacle{Type: one, Reason: "illegal_transition", Message: "it is " + statesOf(x),
				Mend: "it would have to be " + fromOf(family, one), Events: x.Writers("state")})
		}
	}
	return a, nil
}

// takenIn are the types that an entity takes from one of the values that stand.
func takenIn(family object.Family, x *object.Entity) (types []event.Type) {
	for _, w := range x.States() {
		types = addMissing(types, family.Takes(w.Value))
	}
	return types
}

func statesOf(x *object.Entity) string {
	var words []string
	for _, w := range x.States() {
		words = append(words, string(w.Value))
	}
	return strings.Join(words, " and ")
}

// fromOf are the states from which a step leads on.
func fromOf(family object.Family, t event.Type) string {
	var words []string
	for _, step := range family.Steps {
		if step.Event == t {
			for _, from := range step.From {
				words = addMissing(words, []string{string(from)})
			}
		}
	}
	return strings.Join(words, " or ")
}

func joinTypes(all []event.Type) string {
	words := make([]string, 0, len(all))
	for _, t := range all {
		words = append(words, string(t))
	}
	return strings.Join(words, ", ")
}

// terminalObstacles is obstacles for a terminal; other objects have no steps.
func (s scene) terminalObstacles(id event.ID, t event.Type) (Obstacles, error) {
	x, is := s.objects.Execution(id)
	if !is {
		return Obstacles{}, fault.New(fault.InvalidArgument, "object_kind", "it has no steps", "ask for work, a checkpoint or a terminal")
	}
	a := Obstacles{Object: id, State: string(x.State)}
	for _, one := range object.LegalTypes(x.State) {
		a.Allowed = append(a.Allowed, string(one))
	}
	if t != "" && !slices.Contains(a.Allowed, string(t)) {
		a.Against = []Obstacle{{Type: t, Reason: "illegal_transition", Message: "it is " + string(x.State), Mend: "allowed are " + strings.Join(a.Allowed, ", "), Events: x.Frontier}}
	}
	return a, nil
}
