package object

import (
	"fmt"
	"maps"
	"slices"

	"atelier.dev/atelier/backend/event"
)

// The states of a branch.
const (
	BranchOpen       State = "open"
	BranchFrozen     State = "frozen"
	BranchPromotable State = "promotable"
	BranchPromoted   State = "promoted"
	BranchMerged     State = "merged"
	BranchAbandoned  State = "abandoned"
)

// Strategy is how a promotion treats fields that differ.
type Strategy string

// The strategies.
const (
	FastForward       Strategy = "fast_forward"
	MergeCommit       Strategy = "merge_commit"
	ReplaceProjection Strategy = "replace_projection"
)

// Levels of suspicion that weigh in a promotion.
const (
	Healthy         = "healthy"
	Delayed         = "delayed"
	Recovered       = "recovered"
	SuspectedFailed = "suspected_failed"
	Unreachable     = "unreachable"
	ConfirmedFailed = "confirmed_failed"
)

const (
	// maxChoices bounds what one merge decides: as many fit in a header of 64 KiB
	// beside all else, at 133 bytes for an object, a field and an event.
	maxChoices = 256
	// maxNamed bounds the facts that a refusal names: enough to act on, while a
	// target may have a million events that a source does not show.
	maxNamed = 64
)

// Stated is a state of control order, with the event that gave it.
type Stated struct {
	State State
	Event event.ID
}

// Promotion is all that a promotion is ruled by, as of one cut. It is gathered by
// whoever has the log; nothing else is read.
type Promotion struct {
	Source, Target, Checkpoint event.ID
	Strategy                   Strategy
	// Choices are the values that a merge_commit names, one for each field in
	// conflict.
	Choices []Write
	// Time is control time, in nanoseconds since 1970.
	Time int64

	SourceState, TargetState, CheckpointState Stated
	// ProposedOn is the branch that the checkpoint was proposed on.
	ProposedOn event.ID
	// HoldsSource tells that the checkpoint's cut has the event that made the
	// source. It has no such event to lack if the source is main.
	HoldsSource bool

	Approvals []Consent
	Checks    []Check
	Suspects  []Suspect

	// Records are the others that changed the target since this promotion was
	// validated.
	Records []event.ID
	// SourceWrote is what the source shows at the checkpoint and the target does
	// not, TargetWrote what came to the target in as_of since validation.
	SourceWrote, TargetWrote []Write

	// Ahead are events that the target shows at as_of, and the source does not at
	// the checkpoint.
	Ahead []event.ID
	// Differs is where the two differ (see Differences).
	Differs []Difference
	// OldTarget is the target's frontier at as_of, Promoted that of what the source
	// shows at the checkpoint. Covered are those of either that lie in the past of
	// another of them.
	OldTarget, Promoted, Covered []event.ID
}

// Consent is an approval about a promotion from one branch into another.
type Consent struct {
	Approval   event.ID
	Checkpoint event.ID // that it is for
	Required   bool
	Stated
	Expires int64 // in nanoseconds since 1970; 0 for never
}

// Check is a trace that has to end well.
type Check struct {
	Trace    event.ID
	Required bool
	Stated
}

// Suspect is a trace with the suspicion that stands against it. One that was
// cleared has another level.
type Suspect struct {
	Trace     event.ID
	Level     string
	Suspicion event.ID // the event that gave the level
	Waivers   []Waiver
}

// Waiver is an event that accepts one suspicion.
type Waiver struct{ Event, Of event.ID }

// Refusal is one reason why a promotion is not done.
type Refusal struct {
	Reason, Message, Mend string
	// Events are the facts that it rests on, ascending, and Places the fields; More
	// counts those that are left out.
	Events []event.ID
	Places []Place
	More   int
}

// Ruling is what a promotion does: nothing, if there are refusals.
type Ruling struct {
	// Refusals are all that stand against it, by rule.
	Refusals []Refusal
	// Writes are the values that it gives the target, by place, and Displaced those
	// that stood in either branch and give way.
	Writes, Displaced    []Write
	OldTarget, NewTarget []event.ID
}

// Rule decides a promotion. The order in which facts are listed does not matter.
func (p Promotion) Rule() Ruling {
	var r ruling
	p.branches(&r)
	p.consents(&r)
	p.evidence(&r)
	p.freshness(&r)
	var does Ruling
	switch p.Strategy {
	case FastForward:
		p.forward(&r)
	case MergeCommit:
		p.merge(&r, &does)
	case ReplaceProjection:
		p.replace(&does)
	default:
		r.refuse("strategy_unknown", fmt.Sprintf("there is no strategy %q", shown(string(p.Strategy))), "name fast_forward, merge_commit or replace_projection")
	}
	if p.Strategy != MergeCommit && len(p.Choices) > 0 {
		r.at("choice_extra", "values are named and the strategy does not choose", "name none, or use merge_commit", placesOf(p.Choices)...)
	}
	if len(r.all) > 0 {
		return Ruling{Refusals: r.bounded()}
	}
	slices.SortFunc(does.Writes, Write.Compare)
	slices.SortFunc(does.Displaced, Write.Compare)
	does.OldTarget = sorted(p.OldTarget)
	covered := sorted(p.Covered)
	does.NewTarget = slices.DeleteFunc(sorted(slices.Concat(p.OldTarget, p.Promoted)), func(id event.ID) bool {
		_, is := slices.BinarySearchFunc(covered, id, byID)
		return is
	})
	return does
}

// ruling gathers refusals, one for each reason.
type ruling struct{ all []Refusal }

func (r *ruling) refuse(reason, message, mend string, events ...event.ID) {
	f := r.reason(reason, message, mend)
	f.Events = append(f.Events, events...)
}

func (r *ruling) at(reason, message, mend string, where ...Place) {
	f := r.reason(reason, message, mend)
	f.Places = append(f.Places, where...)
}

func (r *ruling) reason(reason, message, mend string) *Refusal {
	for n := range r.all {
		if r.all[n].Reason == reason {
			return &r.all[n]
		}
	}
	r.all = append(r.all, Refusal{Reason: reason, Message: message, Mend: mend})
	return &r.all[len(r.all)-1]
}

func (r *ruling) bounded() []Refusal {
	for n := range r.all {
		f := &r.all[n]
		f.Events = sorted(f.Events)
		slices.SortFunc(f.Places, Place.Compare)
		f.Places = slices.Compact(f.Places)
		f.More = max(0, len(f.Events)-maxNamed) + max(0, len(f.Places)-maxNamed)
		f.Events, f.Places = f.Events[:min(len(f.Events), maxNamed)], f.Places[:min(len(f.Places), maxNamed)]
	}
	return r.all
}

// branches holds the two branches and the checkpoint to their states.
func (p *Promotion) branches(r *ruling) {
	if p.Source == p.Target {
		r.refuse("same_branch", "a branch is not promoted into itself", "name another target", p.Source)
	}
	if p.ProposedOn != p.Source || !p.HoldsSource {
		r.refuse("checkpoint_elsewhere", "the checkpoint is not one of the source", "propose one on the source", p.Checkpoint)
	}
	if p.CheckpointState.State != "finalized" {
		r.refuse("checkpoint_not_finalized", "the checkpoint is "+p.CheckpointState.word(), "finalize one on the source", p.Checkpoint, p.CheckpointState.Event)
	}
	if !slices.Contains([]State{BranchOpen, BranchFrozen, BranchPromotable}, p.SourceState.State) {
		r.refuse("source_closed", "the source is "+p.SourceState.word(), "promote a branch that is open or frozen", p.Source, p.SourceState.Event)
	}
	switch p.TargetState.State {
	case "":
		r.refuse("target_unknown", "the target is not known here", "see `atelier branch list`", p.Target)
	case BranchAbandoned:
		r.refuse("target_abandoned", "the target was abandoned", "name another target", p.Target, p.TargetState.Event)
	}
}

func (s Stated) word() string {
	if s.State == "" {
		return "not known here"
	}
	return string(s.State)
}

// consents wants every required approval granted for this checkpoint, and none
// rejected.
func (p *Promotion) consents(r *ruling) {
	for _, c := range p.Approvals {
		switch here := c.Checkpoint == p.Checkpoint; {
		case here && c.State == "rejected":
			r.refuse("approval_rejected", "an approval was rejected", "mend what it was rejected for, and promote another checkpoint", c.Approval, c.Event)
		case !c.Required:
		case !here:
			r.refuse("approval_other", "a required approval is for another checkpoint", "request one for this checkpoint", c.Approval)
		case c.State != "granted":
			r.refuse("approval_wanting", "a required approval is not granted", "have it granted", c.Approval, c.Event)
		case c.Expires != 0 && p.Time > c.Expires:
			r.refuse("approval_expired", "a required approval has expired", "request it again", c.Approval, c.Event)
		}
	}
}

// evidence wants required checks to have ended well, and every doubt answered.
// What is not known is no evidence.
func (p *Promotion) evidence(r *ruling) {
	for _, c := range p.Checks {
		switch {
		case !c.Required || c.State == "closed":
		case c.State == "failed":
			r.refuse("check_failed", "a required check failed", "mend it, and check another checkpoint", c.Trace, c.Event)
		default:
			r.refuse("check_unfinished", "a required check has not ended well", "let it end, or run it again", c.Trace, c.Event)
		}
	}
	for _, s := range p.Suspects {
		switch s.Level {
		case Healthy, Delayed, Recovered:
		case SuspectedFailed, Unreachable:
			if !slices.ContainsFunc(s.Waivers, func(w Waiver) bool { return w.Of == s.Suspicion && !w.Of.IsZero() && !w.Event.IsZero() }) {
				r.refuse("suspicion_open", "a trace is suspected or out of reach", "clear the suspicion, or waive it", s.Trace, s.Suspicion)
			}
		case ConfirmedFailed:
			r.refuse("failure_confirmed", "a trace has failed for certain", "run it again, and promote another checkpoint", s.Trace, s.Suspicion)
		default:
			r.refuse("level_unknown", "a trace has a level of suspicion that is not known here", "use a newer version", s.Trace, s.Suspicion)
		}
	}
}

// freshness refuses what was validated against a target that has changed since.
func (p *Promotion) freshness(r *ruling) {
	const message, mend = "the target has changed since this was validated", "look at what changed, and ask again"
	if len(p.Records) > 0 {
		r.refuse("stale", message, mend, p.Records...)
	}
	wrote := map[Place]bool{}
	for _, w := range p.SourceWrote {
		wrote[w.Place] = true
	}
	for _, w := range p.TargetWrote {
		if wrote[w.Place] {
			r.refuse("stale", message, mend, w.Event)
			r.at("stale", message, mend, w.Place)
		}
	}
}

func (p *Promotion) forward(r *ruling) {
	if len(p.Ahead) > 0 {
		r.refuse("not_forward", "the target shows events that the checkpoint does not", "merge the target into the source first, or use merge_commit", p.Ahead...)
	}
}

// merge wants a value for each field in conflict, no more and no fewer.
func (p *Promotion) merge(r *ruling, does *Ruling) {
	if len(p.Choices) > maxChoices {
		r.refuse("choices_many", fmt.Sprintf("a merge names at most %d values", maxChoices), "merge the target into the source in parts first")
		return
	}
	chosen := map[Place]event.ID{}
	for _, c := range slices.SortedFunc(slices.Values(p.Choices), Write.Compare) {
		if _, twice := chosen[c.Place]; twice {
			r.at("choice_twice", "a field has two values", "name one", c.Place)
		}
		chosen[c.Place] = c.Event
	}
	for _, d := range p.Differs {
		if !d.Conflict() {
			continue
		}
		id, named := chosen[d.Place]
		delete(chosen, d.Place)
		switch {
		case !named:
			r.at("choice_missing", "a field in conflict has no value", "name one of those that stand", d.Place)
		case !slices.Contains(d.Stand, id):
			r.at("choice_unknown", "the value that is named does not stand", "name one of those that stand", d.Place)
		}
		does.write(d.Place, []event.ID{id}, d.Stand)
	}
	if extra := slices.Collect(maps.Keys(chosen)); len(extra) > 0 { // in any order: places are sorted
		r.at("choice_extra", "a value is named for a field that is not in conflict", "leave it out", extra...)
	}
}

func (p *Promotion) replace(does *Ruling) {
	for _, d := range p.Differs {
		does.write(d.Place, d.Source, d.Target)
	}
}

// write gives a place the values of events in place of those that stand.
func (does *Ruling) write(at Place, events, stand []event.ID) {
	for _, id := range events {
		does.Writes = append(does.Writes, Write{at, id})
	}
	if len(events) == 0 {
		does.Writes = append(does.Writes, Write{Place: at})
	}
	for _, id := range stand {
		if !slices.Contains(events, id) {
			does.Displaced = append(does.Displaced, Write{at, id})
		}
	}
}

func placesOf(all []Write) (places []Place) {
	for _, w := range all {
		places = append(places, w.Place)
	}
	return places
}
