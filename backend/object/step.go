package object

import (
	"fmt"
	"slices"
	"strings"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// took gives an event its effect by the table of its family.
func took(f *Fold, e event.Event) (effect, *fault.Error) {
	family := byType[e.Header.Type]
	if family.makes(e.Header.Type) {
		return makes(f, family, e)
	}
	return steps(f, family, e)
}

// makes is the birth of an entity.
func makes(f *Fold, family *Family, e event.Event) (effect, *fault.Error) {
	if err := makesOnly(e); err != nil {
		return effect{}, err
	}
	if stated := State(e.Header.Facts.State); stated != family.First {
		return effect{}, void("state_stated", fmt.Sprintf("the event states %q, and a %s begins %s", stated, family.Kind, family.First), "state the state after the event")
	}
	x := &Entity{Envelope: bornOf(e, family.Kind), Home: e.Header.Replica, cut: e.Header.Facts.Cut}
	if err := x.writes(f, family, e, nil); err != nil {
		return effect{}, err
	}
	x.moveTo(f, e, family.First, ByCause)
	return effect{objects: []Object{x}}, nil
}

// steps is any later event of an entity.
func steps(f *Fold, family *Family, e event.Event) (effect, *fault.Error) {
	old, err := f.entity(family.Kind, e)
	if err != nil {
		return effect{}, err
	}
	if family.Order == ByChain && e.Header.Replica != old.Home {
		return effect{}, void("not_home", "only the replica that made it records what happens to it", "ask its home")
	}
	x := *old
	if d := e.Header.Facts.Decision; d == nil || d.Outcome == event.OutcomeDone {
		if err := x.change(f, family, e); err != nil {
			return effect{}, err
		}
	}
	x.Envelope = old.after(e, f.past)
	return effect{objects: []Object{&x}}, nil
}

// change gives the entity what a step of its table changes.
func (x *Entity) change(f *Fold, family *Family, e event.Event) *fault.Error {
	step, err := x.step(f, family, e)
	if err != nil {
		return err
	}
	if err := x.writes(f, family, e, step.Writes); err != nil {
		return err
	}
	// What control decides is said by control alone: an event of another class
	// that states a state says which one it saw.
	if to := State(e.Header.Facts.State); to != "" && (family.Order != ByControl || e.Header.Class == event.Control) {
		x.moveTo(f, e, to, family.Order)
	}
	if d := e.Header.Facts.Digest; d != nil {
		x.digest = d
	}
	return nil
}

// entity returns the one entity of a kind that an event names, if the event's
// author can have known it.
func (f *Fold) entity(kind Kind, e event.Event) (*Entity, *fault.Error) {
	o, err := f.named(e)
	if err != nil {
		return nil, err
	}
	x, is := o.(*Entity)
	if !is || x.Kind != kind {
		return nil, void("object_kind", fmt.Sprintf("the event is about a %s and names a %s", kind, o.Head().Kind), "name a "+string(kind))
	}
	return x, nil
}

// step finds the row of the table that an event is. It is legal if it is from at
// least one value of the state in the event's past.
func (x *Entity) step(f *Fold, family *Family, e event.Event) (Step, *fault.Error) {
	stated := State(e.Header.Facts.State)
	seen := x.statesBefore(e, f.past, family.Order)
	for _, from := range seen {
		for _, s := range family.steps(e.Header.Type, from.Value) {
			if s.leads(from.Value, stated) {
				return s, nil
			}
		}
	}
	for _, from := range seen {
		if rows := family.steps(e.Header.Type, from.Value); len(rows) > 0 {
			return Step{}, void("state_stated", fmt.Sprintf("the event states %q, to which %s does not lead", stated, e.Header.Type), "state the state after the event")
		}
	}
	return Step{}, notTaken(family, e.Header.Type, seen)
}

// leads reports whether the step leads from a state to the one that an event
// states. One that stays states none, or one that stands: where several do, that
// decides between them.
func (s Step) leads(from, stated State) bool {
	switch {
	case s.To != "":
		return stated == s.To
	case s.Or != "":
		return stated == s.Or
	}
	return stated == "" || stated == from
}

func notTaken(family *Family, t event.Type, seen []Written[State]) *fault.Error {
	var from, allowed []string
	for _, w := range seen {
		from = append(from, string(w.Value))
		for _, legal := range family.Takes(w.Value) {
			if !slices.Contains(allowed, string(legal)) {
				allowed = append(allowed, string(legal))
			}
		}
	}
	mend := "it takes nothing more"
	if len(allowed) > 0 {
		mend = "allowed are " + strings.Join(allowed, ", ")
	}
	return void("illegal_transition", fmt.Sprintf("%s is not allowed in state %s", t, strings.Join(from, " or ")), mend).
		With("state", strings.Join(from, " ")).With("allowed", strings.Join(allowed, ", "))
}

// writes gives the entity the fields that an event writes. What a body says of
// fields that its facts do not name is not believed.
func (x *Entity) writes(f *Fold, family *Family, e event.Event, may []string) *fault.Error {
	keys := e.Header.Facts.Fields
	for _, key := range keys {
		if _, known := family.Field(key); !known || may != nil && !slices.Contains(may, key) {
			return void("fields", fmt.Sprintf("%s does not write the field %s of a %s", e.Header.Type, key, family.Kind), "write fields of its kind").With("field", key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	body, c := changeOf(e)
	for _, key := range keys {
		rule, _ := family.Field(key)
		x.fields = x.fields.with(x.field(key).write(e, f.past, rule, body, c))
	}
	return nil
}

func (old Field) write(e event.Event, past *memory, rule FieldRule, body event.Change, c Content) Field {
	old.Rule = rule
	if !rule.fits(body) && c == Read {
		c = IllFormed
	}
	if rule.Set {
		old.Many = old.Many.write(e, past, body.Add[rule.Key], body.Remove[rule.Key], c)
		return old
	}
	value := body.Set[rule.Key]
	if c != Read {
		value = event.Value{}
	}
	old.One = old.One.write(e, past, value, c)
	return old
}

// fits reports whether a body writes a field as its kind has it.
func (r FieldRule) fits(body event.Change) bool {
	value, one := body.Set[r.Key]
	many := slices.Concat(body.Add[r.Key], body.Remove[r.Key])
	odd := slices.ContainsFunc(many, func(v event.Value) bool { return v.Kind() != r.Of })
	if r.Set {
		return !one && len(many) > 0 && !odd
	}
	return one && len(many) == 0 && value.Kind() == r.Of
}

// changeOf reads the body of an event that writes fields, or says why it cannot
// be.
func changeOf(e event.Event) (event.Change, Content) {
	if e.Body == nil {
		return event.Change{}, Absent
	}
	body, err := event.ReadChange(e.Header, e.Body)
	if err != nil {
		return event.Change{}, IllFormed
	}
	return body, Read
}
