package studio

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// openKinds are those whose objects callers change by events of their own; the
// others have use cases that say what belongs to a change.
var openKinds = []object.Kind{object.KindWorkItem, object.KindArtifact, object.KindTrace, object.KindView}

// Change writes one event about an object. What the rules do not allow is not
// written. Reasons: type_unknown, type_closed, branch_unknown, KIND_unknown,
// KIND_ambiguous, fields, value_bad, text_long, name_bad, illegal_transition,
// state_stated, event_unknown.
func (s *Studio) Change(ctx context.Context, c Caller, q ChangeRequest) (Changed, error) {
	se, err := s.acted(c)
	if err != nil {
		return Changed{}, err
	}
	d, about, err := s.drafted(se, q)
	if err != nil {
		return Changed{}, err
	}
	e, err := s.writeAllowed(ctx, se, d, about...)
	if err != nil {
		return Changed{}, err
	}
	changed := Changed{ID: e.ID, Ack: Ack{Event: e.ID}}
	if len(d.Affected) > 0 {
		changed.ID = d.Affected[0]
	}
	var version []event.ID
	changed.Ack.Frontier, err = s.served(ctx, c, func() {
		if o, known := s.fold.Object(changed.ID); known {
			changed.Document, version = s.asNow().document(o), o.Head().Frontier
		}
	})
	if err != nil {
		return changed, err
	}
	return changed, s.opens(se, changed.ID, version)
}

// drafted makes the event that is asked for, and says what it is based on.
func (s *Studio) drafted(se *session, q ChangeRequest) (d event.Draft, basedOn []event.ID, err error) {
	family, makes, known := object.FamilyOfType(q.Type)
	switch {
	case !known:
		return d, nil, fault.New(fault.InvalidArgument, "type_unknown", fmt.Sprintf("no object is changed by %q", q.Type), "see the manual for the types of event")
	case !slices.Contains(openKinds, family.Kind) || event.ClassOf(q.Type) == event.Control:
		return d, nil, fault.New(fault.InvalidArgument, "type_closed", string(q.Type)+" is not written by itself", "use the command for it")
	}
	if _, err := s.branch(q.Branch); err != nil {
		return d, nil, err
	}
	d.Type = q.Type
	if basedOn, err = s.eventsOf(q.BasedOn); err != nil {
		return d, nil, err
	}
	var x *object.Entity
	if !makes {
		if x, err = s.entity(family.Kind, q.Object); err != nil {
			return d, nil, err
		}
		d.Affected = []event.ID{x.ID}
		if len(basedOn) == 0 {
			basedOn = se.basisOf(x)
		}
		basedOn = append(basedOn, x.ID)
	}
	body, err := s.changeOf(se, family, q)
	if err != nil {
		return d, nil, err
	}
	d.Facts, d.Body = event.Facts{Fields: body.Keys(), State: string(stateAfter(family, makes, x, q))}, encode(&body)
	return d, basedOn, nil
}

// basisOf is what a command about an object is based on: the version that was
// last returned to the session, or, where none was, the one that stands when it
// is named.
func (se *session) basisOf(o object.Object) []event.ID {
	n := o.Head()
	if basis := se.basis(n.ID); len(basis) > 0 {
		return basis
	}
	return n.Frontier
}

// branch resolves the branch that is worked on.
func (s *Studio) branch(ref string) (event.ID, error) {
	if ref == "" || ref == "main" {
		return s.main, nil
	}
	return event.ID{}, fault.New(fault.NotFound, "branch_unknown", fmt.Sprintf("there is no branch %q", ref), "leave it out for main")
}

func (s *Studio) entity(kind object.Kind, ref string) (*object.Entity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.fold.Find(kind, ref)
	if err != nil {
		return nil, err
	}
	x, _ := s.fold.Entity(id)
	return x, nil
}

// eventsOf resolves events that a caller names.
func (s *Studio) eventsOf(refs []string) ([]event.ID, error) {
	var ids []event.ID
	for _, ref := range refs {
		id, err := s.eventOf(ref)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (s *Studio) eventOf(ref string) (event.ID, error) {
	found, err := s.p.Log.Find(ref)
	switch {
	case err != nil:
		return event.ID{}, err
	case len(found) == 0:
		return event.ID{}, fault.New(fault.NotFound, "event_unknown", fmt.Sprintf("there is no event %q", ref), "see `atelier log --json`")
	case len(found) > 1:
		return event.ID{}, fault.New(fault.InvalidArgument, "event_ambiguous", "more than one event begins so", "give more letters of the id")
	}
	return found[0], nil
}

// stateAfter is the state that an event states: where it leads, by what stands.
func stateAfter(family object.Family, makes bool, x *object.Entity, q ChangeRequest) object.State {
	if makes {
		return family.First
	}
	if q.State != "" {
		return object.State(q.State)
	}
	for _, w := range x.States() {
		if to, _ := family.StateAfter(q.Type, w.Value); to != "" {
			return to
		}
	}
	return ""
}

// changeOf makes the body: each value as its field holds it.
func (s *Studio) changeOf(se *session, family object.Family, q ChangeRequest) (event.Change, error) {
	body := event.Change{Why: valid(q.Why), Set: map[string]event.Value{}, Add: map[string][]event.Value{}, Remove: map[string][]event.Value{}}
	for key, v := range q.Set {
		value, err := s.valueOf(family, key, false, v)
		if err != nil {
			return body, err
		}
		body.Set[key] = value
	}
	for _, part := range []struct {
		from map[string][]any
		to   map[string][]event.Value
	}{{q.Add, body.Add}, {q.Remove, body.Remove}} {
		for key, all := range part.from {
			for _, v := range all {
				value, err := s.valueOf(family, key, true, v)
				if err != nil {
					return body, err
				}
				part.to[key] = append(part.to[key], value)
			}
		}
	}
	if _, given := body.Set["owner"]; q.Type == event.WorkItemClaimedType && !given {
		body.Set["owner"] = event.Reference(se.actor.ID) // who claims it does it
	}
	if err := body.Check(); err != nil {
		return body, err
	}
	return body, checkLong(body.Why)
}

// valueOf reads a value as a field of a family holds it.
func (s *Studio) valueOf(family object.Family, key string, many bool, v any) (event.Value, error) {
	rule, known := family.Field(key)
	switch {
	case !known:
		return event.Value{}, fault.New(fault.InvalidArgument, "fields", fmt.Sprintf("a %s has no field %q", plain(family.Kind), valid(key)), "it has "+keysOf(family)).With("field", valid(key))
	case rule.Set != many && rule.Set:
		return event.Value{}, fault.New(fault.InvalidArgument, "value_bad", key+" holds several values", fmt.Sprintf("add with %s+=VALUE and take away with %s-=VALUE", key, key))
	case rule.Set != many:
		return event.Value{}, fault.New(fault.InvalidArgument, "value_bad", key+" holds one value", fmt.Sprintf("set it with %s=VALUE", key))
	}
	switch rule.Of {
	case event.TextValue:
		return textValue(key, v)
	case event.NumberValue:
		return numberValue(key, v)
	case event.IDValue:
		return s.linkValue(key, v)
	}
	yes, is := v.(bool)
	if !is {
		return event.Value{}, badValue(key, "true or false")
	}
	return event.Flag(yes), nil
}

// plain is a kind in the words of a person.
func plain(kind object.Kind) string { return strings.ReplaceAll(string(kind), "_", " ") }

func keysOf(family object.Family) string {
	keys := make([]string, 0, len(family.Fields))
	for _, f := range family.Fields {
		keys = append(keys, f.Key)
	}
	slices.Sort(keys)
	return strings.Join(keys, ", ")
}

func badValue(key, form string) error {
	return fault.New(fault.InvalidArgument, "value_bad", key+" does not hold that", "give "+form)
}

func textValue(key string, v any) (event.Value, error) {
	text, is := v.(string)
	if !is {
		text = fmt.Sprint(v)
	}
	if key == "title" || key == "name" {
		if err := checkLine("this", text); err != nil {
			return event.Value{}, err
		}
	}
	if !utf8.ValidString(text) {
		return event.Value{}, badValue(key, "text in UTF-8")
	}
	return event.Text(text), checkLong(text)
}

// checkLong bounds text that comes from a caller: a body holds several.
func checkLong(text string) error {
	if len(text) > textMax {
		return fault.New(fault.InvalidArgument, "text_long", fmt.Sprintf("the text has %d bytes, and a field holds at most %d", len(text), textMax), "keep it in a file, and name that")
	}
	return nil
}

func numberValue(key string, v any) (event.Value, error) {
	switch v := v.(type) {
	case int64:
		return event.Number(v), nil
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return event.Number(n), nil
		}
	}
	return event.Value{}, badValue(key, "a whole number")
}

// linkKinds say what an object's field names, where only one kind makes sense.
var linkKinds = map[string]object.Kind{
	"owner": object.KindActor, "requested_by": object.KindActor, "depends_on": object.KindWorkItem, "work_item": object.KindWorkItem,
	"checkpoint": object.KindCheckpoint, "branch": object.KindBranch, "derived_from": object.KindArtifact, "artifacts": object.KindArtifact,
	"acceptance_artifacts": object.KindArtifact,
}

func (s *Studio) linkValue(key string, v any) (event.Value, error) {
	ref, is := v.(string)
	if !is {
		return event.Value{}, badValue(key, "an object's name or id")
	}
	id, err := s.findOf(linkKinds[key], ref)
	if err != nil {
		return event.Value{}, err
	}
	return event.Reference(id), nil
}

// writeAllowed is write for an event that the rules allow. Another is not
// written, and the error is what it would be void for.
func (s *Studio) writeAllowed(ctx context.Context, se *session, d event.Draft, basedOn ...event.ID) (event.Event, error) {
	se.mu.Lock()
	defer se.mu.Unlock()
	before := se.deps
	se.deps = addMissing(slices.Clone(se.deps), basedOn)
	if err := s.join(ctx, se); err != nil {
		return event.Event{}, err
	}
	d.Parents = slices.Clone(se.deps)
	if err := s.foresee(se, d); err != nil {
		se.deps = before
		return event.Event{}, err
	}
	e, err := s.writeAfter(ctx, se, d)
	if err != nil {
		return e, err
	}
	return e, s.save(se)
}

// foresee returns what an event would be void for.
func (s *Studio) foresee(se *session, d event.Draft) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.fold.Foresee(event.Header{Type: d.Type, Parents: d.Parents, Replica: s.p.Log.Replica(), Basis: s.machine.Last(), Actor: se.actor,
		Surface: se.surface, Session: se.id, Branch: s.main, Affected: d.Affected, Class: event.ClassOf(d.Type), Facts: d.Facts})
	if j.Verdict == object.Void {
		return j.Why
	}
	return nil
}
