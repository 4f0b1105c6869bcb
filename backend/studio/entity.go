package studio

import (
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

// describeEntity adds the state and the fields of an entity to its document: a
// field that names an object comes with what that is called, and one whose body
// is not here is named under unread. The caller holds mu.
func (s scene) describeEntity(d, concurrent map[string]any, x *object.Entity) {
	d["state"], d["created_by_name"] = string(x.State()), s.objects.Name(x.CreatedBy.ID)
	if states := x.States(); len(states) > 1 {
		concurrent["state"] = valuesOf(s, states, func(v object.State) any { return string(v) })
	}
	unread := map[string]any{}
	family, _ := object.FamilyOf(x.Kind)
	for _, rule := range family.Fields {
		f, written := x.Field(rule.Key)
		switch {
		case rule.Set:
			s.describeSet(d, unread, rule, f)
		case !written:
			d[rule.Key] = nil
		default:
			s.describeField(d, concurrent, unread, rule, f)
		}
	}
	if len(unread) > 0 {
		d["unread"] = unread
	}
	if x.Digest() != nil {
		d["digest"], d["fold_version"] = x.Digest().Hash.String(), x.Digest().Version
	}
}

func (s scene) describeField(d, concurrent, unread map[string]any, rule object.FieldRule, f object.Field) {
	is := f.One.Default()
	d[rule.Key] = plainValue(is.Value)
	if is.Content != object.Read {
		unread[rule.Key] = contentWords[is.Content]
	}
	if rule.Of == event.IDValue {
		d[rule.Key+"_name"] = s.objects.Name(is.Value.ID())
	}
	if f.One.Provisional() {
		concurrent[rule.Key] = valuesOf(s, f.One.Values(), plainValue)
	}
}

func (s scene) describeSet(d, unread map[string]any, rule object.FieldRule, f object.Field) {
	values, names := []any{}, []any{}
	for _, v := range f.Many.Values() {
		values = append(values, plainValue(v))
		names = append(names, s.objects.Name(v.ID()))
	}
	d[rule.Key] = values
	if rule.Of == event.IDValue {
		d[rule.Key+"_names"] = names
	}
	for _, w := range f.Many.Unread() {
		unread[rule.Key] = contentWords[w.Content]
	}
}

var contentWords = map[object.Content]string{object.Absent: "absent", object.IllFormed: "ill_formed", object.Gone: "gone"}

// plainValue is a value as JSON has it; nil for none.
func plainValue(v event.Value) any {
	switch v.Kind() {
	case event.NumberValue:
		return v.Number()
	case event.FlagValue:
		return v.Yes()
	case event.TextValue, event.IDValue:
		return v.String()
	}
	return nil
}

// valuesOf are values that stand side by side, with who wrote them and when. The
// caller holds mu.
func valuesOf[T any](s scene, all []object.Written[T], value func(T) any) []any {
	values := make([]any, 0, len(all))
	for _, w := range all {
		values = append(values, map[string]any{"value": value(w.Value), "event_id": w.Event.String(), "actor": idText(w.Actor.ID),
			"actor_name": s.objects.Name(w.Actor.ID), "at": timeText(w.At)})
	}
	return values
}
