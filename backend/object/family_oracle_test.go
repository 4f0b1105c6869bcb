package object

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// definition says what entities are, from nothing, by asking for pasts as sets:
// a second implementation of rules 23 to 33 that shares the tables alone.
type definition struct {
	w        *world
	verdicts map[event.ID]string
}

func define(w *world) definition {
	d := definition{w, map[event.ID]string{}}
	for _, e := range w.events { // each after its past and its chain
		d.verdicts[e.ID] = d.judge(e)
	}
	return d
}

func (d definition) valid(e event.Event) bool { return d.verdicts[e.ID] == "valid" }

func (d definition) judge(e event.Event) string {
	h := e.Header
	switch {
	case h.Type == event.WorkspaceCreatedType:
		return "valid"
	case !event.Known(h.Type) || h.Branch != event.Derived(d.w.genesis, "main"):
		return "opaque"
	}
	if why := d.acts(e); why != "" {
		return why
	}
	switch family, makes, is := FamilyOfType(h.Type); {
	case is && makes:
		return d.birth(e, family)
	case is:
		return d.step(e, family)
	case h.Type == event.ActorRetiredType:
		return d.aim(e, func(made event.Event) bool { return made.Header.Type == event.ActorEnrolledType })
	case h.Type == event.RequestMadeType:
		for _, id := range h.Affected {
			if d.maker(e, id) == nil && id != d.w.anna.ID {
				return "object_unknown"
			}
		}
		return "valid"
	}
	return when(len(h.Affected) > 0, "object_count", "valid")
}

// acts looks at all records up to an event's basis.
func (d definition) acts(e event.Event) string {
	h := e.Header
	if h.Class == event.Control {
		return ""
	}
	kind, at := event.Human, h.Replica
	enrolled := h.Actor.ID == d.w.anna.ID
	retired := false
	for _, r := range d.w.events {
		if r.Header.Class != event.Control || r.Header.Facts.Decision == nil || r.Header.Facts.Decision.Outcome != event.OutcomeDone ||
			r.Header.Seq > h.Basis.Index || !d.valid(r) {
			continue
		}
		switch {
		case r.Header.Type == event.ActorEnrolledType && r.ID == h.Actor.ID:
			enrolled, kind, at = true, r.Header.Facts.Member.Kind, r.Header.Facts.Member.Replica
		case r.Header.Type == event.ActorRetiredType && slices.Contains(r.Header.Affected, h.Actor.ID):
			retired = true
		}
	}
	return when(!enrolled || kind != h.Actor.Kind || at != h.Replica, "not_enrolled", when(retired, "actor_retired", ""))
}

func (d definition) birth(e event.Event, family Family) string {
	switch h := e.Header; {
	case len(h.Affected) > 0:
		return "object_count"
	case State(h.Facts.State) != family.First:
		return "state_stated"
	}
	return when(d.odd(e, family, nil), "fields", "valid")
}

func (d definition) odd(e event.Event, family Family, may []string) bool {
	return slices.ContainsFunc(e.Header.Facts.Fields, func(key string) bool {
		_, known := family.Field(key)
		return !known || may != nil && !slices.Contains(may, key)
	})
}

// maker is the valid event in another's past that made an object.
func (d definition) maker(e event.Event, id event.ID) *event.Event {
	for _, made := range d.w.events {
		if made.ID != id || !d.w.pasts[e.ID][id] || !d.valid(made) {
			continue
		}
		if _, makes, is := FamilyOfType(made.Header.Type); is && makes || made.Header.Type == event.ActorEnrolledType && made.Header.Facts.Decision.Outcome == event.OutcomeDone {
			return &made
		}
	}
	return nil
}

// aim looks at the one object that an event names.
func (d definition) aim(e event.Event, fits func(made event.Event) bool) string {
	if len(e.Header.Affected) != 1 {
		return "object_count"
	}
	id := e.Header.Affected[0]
	made := d.maker(e, id)
	switch {
	case id == d.w.anna.ID:
		return "object_kind"
	case made == nil:
		return "object_unknown"
	}
	return when(fits(*made), "valid", "object_kind")
}

func (d definition) step(e event.Event, family Family) string {
	if why := d.aim(e, func(made event.Event) bool { return slices.Contains(family.Made, made.Header.Type) }); why != "valid" {
		return why
	}
	made := d.maker(e, e.Header.Affected[0])
	h := e.Header
	if family.Order == ByChain && h.Replica != made.Header.Replica {
		return "not_home"
	}
	if h.Facts.Decision != nil && h.Facts.Decision.Outcome == event.OutcomeRefused {
		return "valid"
	}
	why := "illegal_transition"
	for _, from := range d.statesBefore(e, made.ID, family) {
		for _, row := range family.Steps {
			if row.Event != h.Type || !slices.Contains(row.From, from) {
				continue
			}
			if stated := State(h.Facts.State); stated == row.To+row.Or || row.To+row.Or == "" && stated == from {
				return when(d.odd(e, family, row.Writes), "fields", "valid")
			}
			why = "state_stated"
		}
	}
	return why
}

// statesBefore are the states that an event is judged by: those in its past, or on
// its chain. The one to display first.
func (d definition) statesBefore(e event.Event, id event.ID, family Family) []State {
	before := func(o event.Event) bool { return d.w.pasts[e.ID][o.ID] }
	if family.Order == ByChain {
		before = func(o event.Event) bool { return o.Header.Replica == e.Header.Replica && o.Header.Seq < e.Header.Seq }
	}
	var states []State
	for _, w := range d.stateWriters(id, family, before) {
		states = append(states, State(w.Header.Facts.State))
	}
	return states
}

// stateWriters are the events, of those that are in, whose state stands.
func (d definition) stateWriters(id event.ID, family Family, in func(event.Event) bool) []event.Event {
	var wrote []event.Event
	for _, e := range d.w.events {
		writes := e.ID == id || slices.Contains(e.Header.Affected, id) && e.Header.Facts.State != "" && e.Header.Type != event.RequestMadeType &&
			(family.Order != ByControl || e.Header.Class == event.Control) && !refuses(e)
		if writes && d.valid(e) && in(e) {
			wrote = append(wrote, e)
		}
	}
	if family.Order != ByCause {
		return wrote[len(wrote)-1:] // they are written in the order of the chain
	}
	stand := slices.DeleteFunc(slices.Clone(wrote), func(a event.Event) bool {
		return slices.ContainsFunc(wrote, func(b event.Event) bool { return d.w.pasts[b.ID][a.ID] })
	})
	slices.SortFunc(stand, func(a, b event.Event) int {
		if a.Header.Lamport != b.Header.Lamport {
			return int(b.Header.Lamport) - int(a.Header.Lamport)
		}
		return byID(b.ID, a.ID)
	})
	return stand
}

// told is an entity in words.
func (d definition) told(id event.ID, family Family, in func(event.Event) bool) string {
	text := "states"
	for _, w := range d.stateWriters(id, family, in) {
		text += fmt.Sprint(" ", w.Header.Facts.State, " by ", w.ID.String()[:8])
	}
	var affect []event.Event
	clouded := false
	for _, e := range d.w.events {
		about := e.ID == id || slices.Contains(e.Header.Affected, id) && d.w.pasts[e.ID][id]
		if about && in(e) && (d.valid(e) || d.verdicts[e.ID] == "opaque") {
			affect, clouded = append(affect, e), clouded || !d.valid(e)
		}
	}
	text += fmt.Sprint("; version ", oracle{w: d.w}.maximal(affect), " ", clouded)
	for _, rule := range family.Fields {
		var wrote []event.Event
		for _, e := range affect {
			if d.valid(e) && slices.Contains(e.Header.Facts.Fields, rule.Key) && !refuses(e) && e.Header.Type != event.RequestMadeType {
				wrote = append(wrote, e)
			}
		}
		if len(wrote) > 0 {
			text += fmt.Sprint("; ", rule.Key, " ", d.field(rule, wrote))
		}
	}
	return text
}

// read is what an event says of a field; it is not known where the body is not
// here or does not fit.
func (d definition) read(e event.Event, rule FieldRule) (one event.Value, add, remove []event.Value, known bool) {
	if e.Body == nil {
		return one, nil, nil, false
	}
	decoded, err := event.DecodeBody(e.Header.Type, e.Body)
	if err != nil {
		return one, nil, nil, false
	}
	b := *decoded.(*event.Change)
	if !slices.Equal(b.Keys(), e.Header.Facts.Fields) {
		return one, nil, nil, false
	}
	one, is := b.Set[rule.Key]
	add, remove = b.Add[rule.Key], b.Remove[rule.Key]
	for _, v := range append(append([]event.Value{}, add...), remove...) {
		if v.Kind() != rule.Of {
			return event.Value{}, nil, nil, false
		}
	}
	if rule.Set {
		return one, add, remove, !is
	}
	return one, nil, nil, is && one.Kind() == rule.Of && len(add)+len(remove) == 0
}

func (d definition) field(rule FieldRule, wrote []event.Event) string {
	var words []string
	for _, e := range wrote {
		one, add, _, known := d.read(e, rule)
		switch {
		case !known && rule.Set:
			words = append(words, "unread by "+e.ID.String()[:8])
		case rule.Set:
			for _, v := range add {
				gone := slices.ContainsFunc(wrote, func(later event.Event) bool {
					_, _, remove, known := d.read(later, rule)
					return known && d.w.pasts[later.ID][e.ID] && slices.Contains(remove, v)
				})
				if !gone {
					words = append(words, v.String()+" by "+e.ID.String()[:8])
				}
			}
		case slices.ContainsFunc(wrote, func(later event.Event) bool { return d.w.pasts[later.ID][e.ID] }):
		case !known:
			words = append(words, "unknown by "+e.ID.String()[:8])
		default:
			words = append(words, one.String()+" by "+e.ID.String()[:8])
		}
	}
	slices.Sort(words)
	return fmt.Sprint(words)
}

// toldBy is an entity of a fold in the same words.
func toldBy(x *Entity, family Family) string {
	text := "states"
	for _, w := range x.States() {
		text += fmt.Sprint(" ", w.Value, " by ", w.Event.String()[:8])
	}
	text += fmt.Sprint("; version ", x.Frontier, " ", x.Metadata.NotUnderstood)
	for _, rule := range family.Fields {
		f, written := x.Field(rule.Key)
		if !written {
			continue
		}
		var words []string
		for _, w := range f.One.Values() {
			if value := w.Value.String(); w.Content == Read {
				words = append(words, value+" by "+w.Event.String()[:8])
			} else {
				words = append(words, "unknown by "+w.Event.String()[:8])
			}
		}
		for _, w := range f.Many.Additions() {
			words = append(words, w.Value.String()+" by "+w.Event.String()[:8])
		}
		for _, w := range f.Many.Unread() {
			words = append(words, "unread by "+w.Event.String()[:8])
		}
		slices.Sort(words)
		text += fmt.Sprint("; ", rule.Key, " ", words)
	}
	return text
}

// differ says how a fold differs from the definition; empty if it does not.
func (d definition) differ(f *Fold, in func(event.Event) bool) string {
	for _, e := range d.w.events {
		if !in(e) {
			continue
		}
		j := f.Judgement(e.ID)
		got := j.Verdict.String()
		if j.Verdict == Void {
			got = fault.Of(j.Why).Reason
		}
		if want := d.verdicts[e.ID]; got != want {
			return fmt.Sprintf("%s is %s, want %s", e.Header.Type, got, want)
		}
		if family, makes, is := FamilyOfType(e.Header.Type); is && makes && d.valid(e) {
			x, known := f.Entity(e.ID)
			if !known {
				return "there is no " + string(family.Kind)
			}
			if got, want := toldBy(x, family), d.told(e.ID, family, in); got != want {
				return fmt.Sprintf("%s is\n%s, want\n%s", family.Kind, got, want)
			}
		}
	}
	return ""
}

func everything(event.Event) bool { return true }

// delivered is another order in which a replica might take the events.
func (c *crowd) delivered(r *rand.Rand) []event.Event {
	order, taken := []event.Event{c.events[0]}, map[event.ID]bool{c.genesis: true}
	rest := slices.Clone(c.events[1:])
	for len(rest) > 0 {
		var ready []int
		for i, e := range rest {
			h := e.Header
			missing := slices.ContainsFunc(append([]event.ID{h.Basis.Record}, h.Parents...), func(p event.ID) bool { return !taken[p] })
			if !missing && (h.Prev.IsZero() || taken[h.Prev]) {
				ready = append(ready, i)
			}
		}
		at := ready[r.Intn(len(ready))]
		taken[rest[at].ID] = true
		order = append(order, rest[at])
		rest = slices.Delete(rest, at, at+1)
	}
	return order
}

func TestRule02_EntitiesAreTheDefinitionInAnyOrderOfArrival(t *testing.T) {
	reasons, values := map[string]int{}, 0
	for seed := range int64(1000) {
		c := randomCrowd(t, seed, 70)
		d := define(c.world)
		for _, v := range d.verdicts {
			reasons[v]++
		}
		first := c.fold()
		if differs := d.differ(first, everything); differs != "" {
			t.Fatalf("seed %d: %s", seed, differs)
		}
		again := c.foldOf(c.delivered(c.r))
		if differs := d.differ(again, everything); differs != "" {
			t.Fatalf("seed %d, in another order of arrival: %s", seed, differs)
		}
		for n := range c.events {
			c.events[n].Body = nil
		}
		if differs := d.differ(c.fold(), everything); differs != "" {
			t.Fatalf("seed %d, without bodies: %s", seed, differs)
		}
		for _, o := range again.Objects(KindWorkItem) {
			values += len(o.(*Entity).States()) - 1
		}
	}
	for _, reason := range []string{"valid", "opaque", "object_count", "object_unknown", "object_kind", "not_home", "not_enrolled", "actor_retired", "fields", "illegal_transition",
		"state_stated"} {
		if reasons[reason] < 20 {
			t.Errorf("%s came up %d times only", reason, reasons[reason])
		}
	}
	if values < 100 {
		t.Errorf("only %d states stood beside another", values)
	}
}

// closedOver is the least closed set that has some events: their pasts, and with
// every record that they know its own.
func (c *crowd) closedOver(ids ...event.ID) func(event.Event) bool {
	in := map[event.ID]bool{c.genesis: true}
	known := uint64(0)
	for more := true; more; {
		more = false
		for _, e := range c.events {
			h := e.Header
			control := h.Class == event.Control && h.Seq <= known
			below := slices.Contains(ids, e.ID) || slices.ContainsFunc(ids, func(id event.ID) bool { return c.pasts[id][e.ID] })
			if in[e.ID] || !control && !below {
				continue
			}
			in[e.ID], more = true, true
			ids = append(ids, e.ID)
			if known = max(known, h.Basis.Index); h.Class == event.Control {
				known = max(known, h.Seq)
			}
		}
	}
	return func(e event.Event) bool { return in[e.ID] }
}

func TestRule35_EntitiesOfACutAreTheDefinition(t *testing.T) {
	smaller := 0
	for seed := range int64(300) {
		c := randomCrowd(t, seed, 60)
		d, all := define(c.world), c.fold()
		in := c.closedOver(pick(c, c.events[30:]).ID)
		at := c.foldAt(all, c.events, in)
		if differs := d.differ(at.Fold, in); differs != "" {
			t.Fatalf("seed %d: %s", seed, differs)
		}
		if len(at.ids) < len(c.events)/2 {
			smaller++
		}
		want := at.Digest()
		if got := c.foldAt(all, c.delivered(c.r), in).Digest(); got != want {
			t.Fatalf("seed %d: another order of arrival, another digest", seed)
		}
		bare := slices.Clone(c.events)
		for n := range bare {
			bare[n].Body = nil
		}
		if got := c.foldAt(c.foldOf(bare), bare, in).Digest(); got != want {
			t.Fatalf("seed %d: without bodies the digest is another", seed)
		}
	}
	if smaller < 50 {
		t.Errorf("only %d cuts were less than half of the events", smaller)
	}
}
