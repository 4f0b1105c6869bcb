package object

import (
	"slices"

	"atelier.dev/atelier/backend/event"
)

// The kinds that one table each describes.
const (
	KindWorkItem   Kind = "work_item"
	KindBranch     Kind = "branch"
	KindCheckpoint Kind = "checkpoint"
	KindArtifact   Kind = "artifact"
	KindTrace      Kind = "trace"
	KindView       Kind = "view_definition"
)

// Order says what orders the values of a field.
type Order string

// The orders.
const (
	ByCause   Order = "causal"  // concurrent values all stand
	ByChain   Order = "chain"   // the home replica's chain: the last one stands
	ByControl Order = "control" // the control chain: the last one stands
)

// FieldRule says what a field of a kind holds.
type FieldRule struct {
	Key string
	// Set tells that it holds any number of values, else it holds one.
	Set bool
	Of  event.ValueKind
}

// Step says from which states an event of its type leads an object to which.
type Step struct {
	Event event.Type
	From  []State
	// To is the state after it; empty where it stays. An event that may lead on
	// or stay, as it states, says where in Or.
	To, Or State
	// Writes are the keys of the fields that it may write; nil for all of the kind.
	Writes []string
}

// Family describes the objects of one kind: their states, fields and steps.
type Family struct {
	Kind   Kind
	Made   []event.Type // by which events
	First  State
	Order  Order // of the state
	Fields []FieldRule
	Steps  []Step
}

func text(keys ...string) []FieldRule    { return fieldRules(false, event.TextValue, keys) }
func numbers(keys ...string) []FieldRule { return fieldRules(false, event.NumberValue, keys) }
func links(keys ...string) []FieldRule   { return fieldRules(false, event.IDValue, keys) }
func sets(keys ...string) []FieldRule    { return fieldRules(true, event.IDValue, keys) }
func words(keys ...string) []FieldRule   { return fieldRules(true, event.TextValue, keys) }

func fieldRules(set bool, of event.ValueKind, keys []string) []FieldRule {
	rules := make([]FieldRule, 0, len(keys))
	for _, key := range keys {
		rules = append(rules, FieldRule{key, set, of})
	}
	return rules
}

// none is what a step writes that writes no fields.
var none = []string{}

// families describes every kind that is folded by table. SPEC.md shows it.
var families = []Family{
	{Kind: KindWorkItem, Made: []event.Type{event.WorkItemCreatedType}, First: "pending", Order: ByCause,
		Fields: slices.Concat(text("title", "summary"), links("requested_by", "owner", "coalition", "branch"),
			sets("depends_on", "blocked_on", "inputs", "outputs", "required_approvals", "acceptance_artifacts")),
		Steps: []Step{
			{Event: event.WorkItemClaimedType, From: []State{"pending", "blocked"}, To: "claimed", Writes: []string{"owner"}},
			{Event: event.WorkItemUpdatedType, From: []State{"pending", "claimed", "active", "review", "blocked", "completed", "canceled"}},
			{Event: event.WorkItemUpdatedType, From: []State{"claimed", "review", "blocked"}, Or: "active"},
			{Event: event.WorkItemBlockedType, From: []State{"pending", "claimed", "active", "review"}, To: "blocked", Writes: []string{"blocked_on"}},
			{Event: event.WorkItemReadyForReviewType, From: []State{"claimed", "active"}, To: "review", Writes: []string{"outputs"}},
			{Event: event.WorkItemCompletedType, From: []State{"claimed", "active", "review"}, To: "completed", Writes: []string{"outputs", "acceptance_artifacts"}},
			{Event: event.WorkItemCanceledType, From: []State{"pending", "claimed", "active", "review", "blocked"}, To: "canceled", Writes: none},
		}},
	{Kind: KindCheckpoint, Made: []event.Type{event.CheckpointProposedType}, First: "proposed", Order: ByControl,
		Fields: slices.Concat(text("name", "cut_mode"), words("scope"), sets("reopened_branches")),
		Steps: []Step{
			{Event: event.CheckpointReopenedType, From: []State{"proposed", "finalized"}, Writes: []string{"reopened_branches"}},
			{Event: event.CheckpointThinnedType, From: []State{"finalized"}, Writes: none},
			{Event: event.CheckpointFinalizedType, From: []State{"proposed"}, To: "finalized", Writes: none},
			{Event: event.CheckpointInvalidatedType, From: []State{"proposed", "finalized"}, To: "invalidated", Writes: none},
		}},
	{Kind: KindArtifact, Made: []event.Type{event.ArtifactRecordedType}, First: "recorded", Order: ByCause,
		Fields: slices.Concat(text("artifact_kind", "title", "media_type", "cid", "reference", "author", "written_at"), numbers("size"),
			links("produced_by", "branch", "checkpoint"), sets("derived_from")),
		Steps: []Step{
			{Event: event.ArtifactSupersededType, From: []State{"recorded"}, To: "superseded", Writes: none},
		}},
	{Kind: KindTrace, Made: []event.Type{event.TraceOpenedType, event.ToolCallStartedType}, First: "open", Order: ByChain,
		Fields: slices.Concat(text("trace_kind", "title", "mode", "replay_isolation"), numbers("spans"), links("work_item"), sets("artifacts")),
		Steps: []Step{
			{Event: event.TraceClosedType, From: []State{"open"}, To: "closed"},
			{Event: event.ToolCallFinishedType, From: []State{"open"}, To: "closed"},
			{Event: event.ToolCallFailedType, From: []State{"open"}, To: "failed"},
		}},
	{Kind: KindView, Made: []event.Type{event.ViewDraftedType}, First: "draft", Order: ByControl,
		Fields: slices.Concat(text("name", "view_kind", "query", "layout", "origin", "visibility", "source_prompt"), numbers("version")),
		Steps: []Step{
			{Event: event.ViewPublishedType, From: []State{"draft"}, To: "published", Writes: none},
			{Event: event.ViewDeprecatedType, From: []State{"draft", "published"}, To: "deprecated", Writes: none},
		}},
}

// byType leads from a type of event to the family that it makes or changes.
var byType = typesOf(families)

func typesOf(all []Family) map[event.Type]*Family {
	lead := map[event.Type]*Family{}
	for n := range all {
		f := &all[n]
		for _, t := range f.Made {
			lead[t] = f
		}
		for _, s := range f.Steps {
			lead[s.Event] = f
		}
	}
	return lead
}

// FamilyOf returns the family of a kind; false for a kind with rules of its own.
func FamilyOf(kind Kind) (Family, bool) {
	at := slices.IndexFunc(families, func(f Family) bool { return f.Kind == kind })
	if at < 0 {
		return Family{}, false
	}
	return families[at], true
}

// FamilyOfType returns the family that an event of a type makes or changes.
func FamilyOfType(t event.Type) (f Family, makes, known bool) {
	family := byType[t]
	if family == nil {
		return Family{}, false, false
	}
	return *family, family.makes(t), true
}

func (f *Family) makes(t event.Type) bool { return slices.Contains(f.Made, t) }

// Field returns the rule of a field.
func (f *Family) Field(key string) (FieldRule, bool) {
	at := slices.IndexFunc(f.Fields, func(r FieldRule) bool { return r.Key == key })
	if at < 0 {
		return FieldRule{}, false
	}
	return f.Fields[at], true
}

// steps returns the rows of a type that are taken in a state.
func (f *Family) steps(t event.Type, from State) (taken []Step) {
	for _, s := range f.Steps {
		if s.Event == t && slices.Contains(s.From, from) {
			taken = append(taken, s)
		}
	}
	return taken
}

// Takes lists the types of event that an object takes in a state, each once.
func (f *Family) Takes(from State) (types []event.Type) {
	for _, s := range f.Steps {
		if slices.Contains(s.From, from) && !slices.Contains(types, s.Event) {
			types = append(types, s.Event)
		}
	}
	return types
}

// StateAfter returns the state that a step leads to from a state, and the one
// that it may be asked for instead of staying; empty where there is none.
func (f *Family) StateAfter(t event.Type, from State) (to, or State) {
	for _, s := range f.steps(t, from) {
		switch {
		case s.To != "":
			to = s.To
		case s.Or != "":
			or = s.Or
		}
	}
	return to, or
}
