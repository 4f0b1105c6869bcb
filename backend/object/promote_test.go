package object

import (
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

var (
	title = Place{named("doc"), "title"}
	owner = Place{named("doc"), "owner"}
	theme = Place{named("other"), "title"}
)

// fit is a promotion that nothing stands against.
func fit() Promotion {
	return Promotion{Source: named("f"), Target: named("main"), Checkpoint: named("k"), Strategy: MergeCommit, Time: 100,
		SourceState: Stated{BranchOpen, named("f")}, TargetState: Stated{BranchOpen, named("genesis")},
		CheckpointState: Stated{"finalized", named("record k")}, ProposedOn: named("f"), HoldsSource: true,
		OldTarget: []event.ID{named("old")}, Promoted: []event.ID{named("new")}, Covered: []event.ID{named("old")}}
}

// refused checks the reasons that stand against a promotion, in the order of the
// rules, and that with any of them nothing is done.
func refused(t *testing.T, p Promotion, reasons ...string) Ruling {
	t.Helper()
	r := p.Rule()
	var got []string
	for _, f := range r.Refusals {
		got = append(got, f.Reason)
		if f.Message == "" || f.Mend == "" || len(f.Events)+len(f.Places) == 0 && f.Reason != "strategy_unknown" && f.Reason != "choices_many" {
			t.Errorf("%s does not say all: %+v", f.Reason, f)
		}
	}
	if !slices.Equal(got, reasons) {
		t.Errorf("it is refused for %q, not %q", got, reasons)
	}
	if len(got) > 0 && !reflect.DeepEqual(r, Ruling{Refusals: r.Refusals}) {
		t.Error("a refused promotion does something")
	}
	return r
}

func TestRule45_TheSourceHasAFinalizedCheckpoint(t *testing.T) {
	refused(t, fit())
	for _, s := range []State{BranchOpen, BranchFrozen, BranchPromotable, BranchPromoted, BranchMerged, BranchAbandoned, ""} {
		p := fit()
		p.SourceState.State = s
		if s == BranchOpen || s == BranchFrozen || s == BranchPromotable {
			refused(t, p)
		} else {
			refused(t, p, "source_closed")
		}
	}
	for _, s := range []State{"proposed", "invalidated", ""} {
		p := fit()
		p.CheckpointState.State = s
		r := refused(t, p, "checkpoint_not_finalized")
		if !slices.Contains(r.Refusals[0].Events, named("k")) || !slices.Contains(r.Refusals[0].Events, named("record k")) {
			t.Error("it does not name the checkpoint and its record")
		}
	}
	p := fit()
	p.ProposedOn = named("main")
	refused(t, p, "checkpoint_elsewhere")
	p = fit()
	p.HoldsSource = false
	refused(t, p, "checkpoint_elsewhere")
	p = fit()
	p.Target = p.Source
	refused(t, p, "same_branch")
}

func TestRule46_TheTargetIsNotAbandoned(t *testing.T) {
	for _, s := range []State{BranchOpen, BranchFrozen, BranchPromotable, BranchPromoted, BranchMerged} {
		p := fit()
		p.TargetState.State = s
		refused(t, p)
	}
	p := fit()
	p.TargetState = Stated{BranchAbandoned, named("end")}
	if r := refused(t, p, "target_abandoned"); !slices.Contains(r.Refusals[0].Events, named("end")) {
		t.Error("it does not name what abandoned the target")
	}
	p.TargetState = Stated{}
	refused(t, p, "target_unknown")
}

func TestRule47_RequiredApprovalsAreGrantedForThisCheckpoint(t *testing.T) {
	with := func(change func(*Consent)) Promotion {
		p := fit()
		c := Consent{Approval: named("ap"), Checkpoint: p.Checkpoint, Required: true, Stated: Stated{"granted", named("grant")}, Expires: 100}
		change(&c)
		p.Approvals = []Consent{c}
		return p
	}
	refused(t, with(func(*Consent) {})) // at the time of its expiry it still holds
	refused(t, with(func(c *Consent) { c.Expires = 0 }))
	refused(t, with(func(c *Consent) { c.Expires = 99 }), "approval_expired")
	refused(t, with(func(c *Consent) { c.Checkpoint = named("k0") }), "approval_other")
	for _, s := range []State{"pending", "expired", "withdrawn", "rescinded", ""} {
		refused(t, with(func(c *Consent) { c.State = s }), "approval_wanting")
		refused(t, with(func(c *Consent) { c.State, c.Required = s, false }))
	}
}

func TestRule48_NothingSpeaksAgainstIt(t *testing.T) {
	p := fit()
	p.Approvals = []Consent{{Approval: named("ap"), Checkpoint: p.Checkpoint, Stated: Stated{"rejected", named("no")}}}
	if r := refused(t, p, "approval_rejected"); !slices.Contains(r.Refusals[0].Events, named("no")) {
		t.Error("it does not name the rejection")
	}
	p.Approvals[0].Required = true
	refused(t, p, "approval_rejected")
	p.Approvals[0].Checkpoint, p.Approvals[0].Required = named("k0"), false
	refused(t, p) // another checkpoint was rejected
	for s, reason := range map[State]string{"failed": "check_failed", "open": "check_unfinished", "truncated": "check_unfinished", "": "check_unfinished"} {
		p = fit()
		p.Checks = []Check{{named("tr"), true, Stated{s, named("end")}}}
		refused(t, p, reason)
		p.Checks[0].Required = false
		refused(t, p)
	}
	for _, level := range []string{Healthy, Delayed, Recovered} {
		p = fit()
		p.Suspects = []Suspect{{named("tr"), level, named("s"), nil}}
		refused(t, p)
	}
	waived := []Waiver{{named("w"), named("s")}}
	for _, level := range []string{SuspectedFailed, Unreachable} {
		p = fit()
		p.Suspects = []Suspect{{named("tr"), level, named("s"), nil}}
		refused(t, p, "suspicion_open")
		p.Suspects[0].Waivers = []Waiver{{named("w"), named("an older one")}}
		refused(t, p, "suspicion_open")
		p.Suspects[0].Waivers = []Waiver{{event.ID{}, named("s")}}
		refused(t, p, "suspicion_open")
		p.Suspects[0].Waivers = waived
		refused(t, p)
		p.Suspects = []Suspect{{named("tr"), level, event.ID{}, []Waiver{{named("w"), event.ID{}}}}}
		refused(t, p, "suspicion_open")
	}
	p.Suspects = []Suspect{{named("tr"), ConfirmedFailed, named("s"), waived}}
	refused(t, p, "failure_confirmed")
	p.Suspects[0].Level = "odd"
	refused(t, p, "level_unknown")
}

func TestRule49_StaleSaysWhatChanged(t *testing.T) {
	p := fit()
	p.SourceWrote = []Write{{title, named("s")}, {owner, named("s")}}
	p.TargetWrote = []Write{{theme, named("t")}}
	refused(t, p)
	p.TargetWrote = append(p.TargetWrote, Write{owner, named("u")})
	r := refused(t, p, "stale")
	if f := r.Refusals[0]; !slices.Equal(f.Events, []event.ID{named("u")}) || !slices.Equal(f.Places, []Place{owner}) {
		t.Errorf("it says %+v", f)
	}
	p.Records = []event.ID{named("r")}
	if f := refused(t, p, "stale").Refusals[0]; !slices.Equal(f.Events, sorted([]event.ID{named("r"), named("u")})) {
		t.Errorf("it says %+v", f)
	}
}

func TestRule50_FrontiersAreRecorded(t *testing.T) {
	p := fit()
	p.OldTarget, p.Promoted = []event.ID{named("x"), named("old")}, []event.ID{named("x"), named("new")}
	r := refused(t, p)
	if !slices.Equal(r.OldTarget, sorted(p.OldTarget)) || !slices.Equal(r.NewTarget, sorted([]event.ID{named("x"), named("new")})) {
		t.Errorf("%v becomes %v", r.OldTarget, r.NewTarget)
	}
}

func TestRule51_FastForwardHoldsAllThatTheTargetShows(t *testing.T) {
	p := fit()
	p.Strategy = FastForward
	if r := refused(t, p); len(r.Writes)+len(r.Displaced) > 0 {
		t.Error("a fast forward writes")
	}
	p.Ahead = []event.ID{named("a")}
	if r := refused(t, p, "not_forward"); !slices.Equal(r.Refusals[0].Events, p.Ahead) {
		t.Error("it does not say what is ahead")
	}
	p.Ahead, p.Choices = nil, []Write{{title, named("a")}}
	refused(t, p, "choice_extra")
	p.Choices, p.Strategy = nil, "rebase"
	refused(t, p, "strategy_unknown")
	p.Strategy = Strategy(strings.Repeat("x", 1<<20))
	if r := refused(t, p, "strategy_unknown"); len(r.Refusals[0].Message) > 200 {
		t.Error("a long word is repeated whole")
	}
}

func TestRule52_FieldsInConflict(t *testing.T) {
	g := newGrove(t)
	main := named("main")
	g.work("base", main, title, owner, theme)
	f := g.fork("f", main, g.all(), g.all())
	g.work("s1", f, title)
	g.work("t1", main, title, owner)
	differs := g.differ(t, f, main)
	want := map[Place]bool{title: true, owner: false}
	if len(differs) != 2 {
		t.Fatal(differs)
	}
	for _, d := range differs {
		if conflict, known := want[d.Place]; !known || d.Conflict() != conflict {
			t.Errorf("%s is in conflict: %v", d.Field, d.Conflict())
		}
	}
	// Who has seen both decides: then nothing is in conflict.
	g.join("p", main, f, g.all(), g.all())
	g.work("s2", f, title)
	for _, d := range g.differ(t, f, main) {
		if d.Conflict() {
			t.Errorf("%s is in conflict", d.Field)
		}
	}
}

func (g *grove) differ(t *testing.T, source, target event.ID) []Difference {
	t.Helper()
	all, err := Differences(projection{g, g.shown(source, g.all())}, projection{g, g.shown(target, g.all())}, g)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// contested is a merge with a conflict at title; owner was changed by the source
// alone.
func contested() Promotion {
	p := fit()
	s, t, b := named("s"), named("t"), named("b")
	p.Differs = []Difference{{title, []event.ID{s}, []event.ID{t}, sorted([]event.ID{s, t})}, {owner, []event.ID{s}, []event.ID{b}, []event.ID{s}}}
	return p
}

func TestRule53_AMergeNamesAValueForEachConflict(t *testing.T) {
	p := contested()
	if f := refused(t, p, "choice_missing").Refusals[0]; !slices.Equal(f.Places, []Place{title}) {
		t.Errorf("it says %+v", f)
	}
	p.Choices = []Write{{title, named("t")}}
	r := refused(t, p)
	if !slices.Equal(r.Writes, p.Choices) || !slices.Equal(r.Displaced, []Write{{title, named("s")}}) {
		t.Errorf("it writes %v and displaces %v", r.Writes, r.Displaced)
	}
	p.Choices = []Write{{title, named("s")}, {owner, named("b")}}
	if f := refused(t, p, "choice_extra").Refusals[0]; !slices.Equal(f.Places, []Place{owner}) {
		t.Errorf("it says %+v", f)
	}
	p.Choices = []Write{{title, named("b")}}
	refused(t, p, "choice_unknown")
	p.Choices = []Write{{title, event.ID{}}}
	refused(t, p, "choice_unknown")
	p.Choices = []Write{{title, named("s")}, {title, named("t")}}
	refused(t, p, "choice_twice")
	p.Choices = make([]Write, maxChoices+1)
	refused(t, p, "choices_many")
}

func TestRule54_ReplaceWritesEveryFieldThatDiffers(t *testing.T) {
	p := contested()
	p.Strategy = ReplaceProjection
	s, u, v := named("s"), named("u"), named("v")
	p.Differs = append(p.Differs, Difference{theme, nil, []event.ID{u}, []event.ID{u}},
		Difference{Place{named("z"), "title"}, sorted([]event.ID{u, v}), sorted([]event.ID{s, u}), sorted([]event.ID{s, u, v})})
	r := refused(t, p)
	want := []Write{{title, s}, {owner, s}, {theme, event.ID{}}, {Place{named("z"), "title"}, u}, {Place{named("z"), "title"}, v}}
	gone := []Write{{title, named("t")}, {owner, named("b")}, {theme, u}, {Place{named("z"), "title"}, s}}
	slices.SortFunc(want, Write.Compare)
	slices.SortFunc(gone, Write.Compare)
	if !slices.Equal(r.Writes, want) || !slices.Equal(r.Displaced, gone) {
		t.Errorf("it writes %v and displaces %v", r.Writes, r.Displaced)
	}
}

func TestRule55_WhatIsConcurrentWithAsOfStays(t *testing.T) {
	s, old, late := named("s"), named("old"), named("late")
	got, err := Overwrite([]event.ID{old, late}, []event.ID{s}, ids{old: true, s: true})
	if err != nil || !slices.Equal(got, sorted([]event.ID{s, late})) {
		t.Errorf("%v stands, %v", got, err)
	}
	if got, _ = Overwrite([]event.ID{old, late}, []event.ID{{}}, ids{old: true}); !slices.Equal(got, []event.ID{late}) {
		t.Errorf("a field that is emptied keeps %v", got)
	}
	if _, err = Overwrite([]event.ID{old}, nil, blind{ids{}, ids{old: true}}); err == nil {
		t.Error("it guesses what lies in as_of")
	}
}

// Who follows a promotion has what it had seen behind him, and nothing else of its
// as_of.
func TestRule55_WhoFollowsAPromotionFollowsWhatItHadSeen(t *testing.T) {
	met := 0
	for seed := range int64(2_000) {
		r := rand.New(rand.NewSource(seed))
		g, _ := randomGrove(t, r)
		seen, before := map[event.ID]Cut{}, map[event.ID]ids{}
		for _, e := range g.events {
			direct := g.pasts[e.ID]
			if e.Header.Type == event.BranchPromotedType {
				some := ids{}
				for range 2 {
					if len(before) > 0 {
						id := g.events[r.Intn(len(before))].ID
						some = some.and(g.pasts[id].with(id))
					}
				}
				seen[e.ID], direct = some, direct.and(some)
			}
			before[e.ID] = direct
			for id := range direct {
				before[e.ID] = before[e.ID].and(before[id])
			}
		}
		past := Merging(g, seen)
		for _, a := range g.events {
			for _, b := range g.events {
				got, err := past.Relate(a.ID, b.ID)
				if err != nil {
					t.Fatal(err)
				}
				if (got == causal.Before) != before[b.ID][a.ID] || (got == causal.After) != before[a.ID][b.ID] || (got == causal.Same) != (a.ID == b.ID) {
					t.Fatalf("seed %d: %s to %s is %s", seed, g.names[a.ID], g.names[b.ID], got)
				}
				if before[b.ID][a.ID] && !g.pasts[b.ID][a.ID] {
					met++
				}
			}
		}
	}
	if met < 1000 {
		t.Errorf("only %d pairs are ordered by promotions", met)
	}
	if _, err := Merging(newGrove(t), map[event.ID]Cut{named("p"): blind{ids{}, ids{named("a"): true}}}).Relate(named("a"), named("p")); err == nil {
		t.Error("it guesses what a promotion had seen")
	}
}

func TestRule61_WhatAPromotionWritesStandsWhereItRests(t *testing.T) {
	g := newGrove(t)
	main := named("main")
	f := g.fork("f", main, g.all(), g.all())
	g.work("a", f)
	h := g.fork("h", main, ids{}, ids{})
	before := g.all()
	p := g.join("p", f, h, g.all(), g.all())
	k := g.all()
	q := g.join("q", h, main, g.all(), k)
	for n, is := range []struct {
		branch event.ID
		cut    ids
		rests  []event.ID
	}{{h, k, []event.ID{h, p, f}}, {h, before, []event.ID{h}}, {main, k, nil}, {main, g.all(), []event.ID{q, h, p, f}}, {f, g.all(), []event.ID{f}}} {
		if got := g.view(is.branch, is.cut).Rests(); !slices.Equal(got, sorted(is.rests)) {
			t.Errorf("%d: it rests on %d", n, len(got))
		}
	}
}

func TestRule56_AllRefusalsAreListed(t *testing.T) {
	p := contested()
	p.SourceState.State, p.TargetState.State, p.CheckpointState.State = BranchMerged, BranchAbandoned, "proposed"
	p.Checks = []Check{{named("tr"), true, Stated{"failed", named("end")}}}
	p.Records = []event.ID{named("r")}
	refused(t, p, "checkpoint_not_finalized", "source_closed", "target_abandoned", "check_failed", "stale", "choice_missing")
	p = fit()
	p.Strategy = FastForward
	for n := range 1000 {
		p.Ahead = append(p.Ahead, named(fmt.Sprint(n)))
	}
	if f := refused(t, p, "not_forward").Refusals[0]; len(f.Events) != maxNamed || f.More != 1000-maxNamed || !slices.IsSortedFunc(f.Events, byID) {
		t.Errorf("it names %d and leaves out %d", len(f.Events), f.More)
	}
}

// Every reason that a ruling gives is in SPEC.md, and each rule there has a test.
func TestRulesOfBranchesAreInTheSpec(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	_, spec, _ := strings.Cut(read("SPEC.md"), "\n## Branches")
	reasons := regexp.MustCompile(`(?:refuse|at|reason|fault\.New)\((?:fault\.\w+, )?"([a-z_]+)"`).FindAllStringSubmatch(read("promote.go")+read("visible.go"), -1)
	if len(reasons) < 25 {
		t.Fatal(len(reasons), "reasons were found")
	}
	for _, m := range reasons {
		if !strings.Contains(spec, "`"+m[1]+"`") {
			t.Errorf("%s is not in SPEC.md", m[1])
		}
	}
	tests := read("visible_test.go") + read("promote_test.go") + read("lifecycle_test.go")
	rules := regexp.MustCompile(`(?m)^\*\*(\d+)\.\*\* `).FindAllStringSubmatch(spec, -1)
	if len(rules) != 22 {
		t.Fatal(len(rules), "rules were found")
	}
	for n, m := range rules {
		if m[1] != fmt.Sprint(40+n) || !strings.Contains(tests, "func TestRule"+m[1]+"_") {
			t.Errorf("rule %s is out of order or has no test", m[1])
		}
	}
}

// against says in one line for each reason when it stands, of promotions as
// randomPromotion makes them.
var against = map[string]func(Promotion) bool{
	"same_branch":              func(p Promotion) bool { return p.Source == p.Target },
	"checkpoint_elsewhere":     func(p Promotion) bool { return !(p.ProposedOn == p.Source && p.HoldsSource) },
	"checkpoint_not_finalized": func(p Promotion) bool { return p.CheckpointState.State != "finalized" },
	"source_closed": func(p Promotion) bool {
		return strings.Contains("promoted merged abandoned", string(p.SourceState.State))
	},
	"target_unknown":    func(p Promotion) bool { return p.TargetState.State == "" },
	"target_abandoned":  func(p Promotion) bool { return p.TargetState.State == "abandoned" },
	"approval_rejected": anyOf(func(p Promotion, c Consent) bool { return c.Checkpoint == p.Checkpoint && c.State == "rejected" }),
	"approval_other":    anyOf(func(p Promotion, c Consent) bool { return c.Required && c.Checkpoint != p.Checkpoint }),
	"approval_wanting": anyOf(func(p Promotion, c Consent) bool {
		return c.Required && c.Checkpoint == p.Checkpoint && c.State == "pending"
	}),
	"approval_expired": anyOf(func(p Promotion, c Consent) bool {
		return c.Required && c.Checkpoint == p.Checkpoint && c.State == "granted" && c.Expires == 50
	}),
	"check_failed": func(p Promotion) bool {
		return slices.ContainsFunc(p.Checks, func(c Check) bool { return c.Required && c.State == "failed" })
	},
	"check_unfinished": func(p Promotion) bool {
		return slices.ContainsFunc(p.Checks, func(c Check) bool { return c.Required && c.State == "open" })
	},
	"suspicion_open": func(p Promotion) bool {
		return slices.ContainsFunc(p.Suspects, func(s Suspect) bool { return s.Level == Unreachable && len(s.Waivers) == 0 })
	},
	"failure_confirmed": func(p Promotion) bool {
		return slices.ContainsFunc(p.Suspects, func(s Suspect) bool { return s.Level == ConfirmedFailed })
	},
	"stale": func(p Promotion) bool {
		for _, s := range p.SourceWrote {
			for _, w := range p.TargetWrote {
				if s.Place == w.Place {
					return true
				}
			}
		}
		return len(p.Records) > 0
	},
	"not_forward": func(p Promotion) bool { return p.Strategy == FastForward && len(p.Ahead) > 0 },
	"choice_missing": func(p Promotion) bool {
		return p.Strategy == MergeCommit && slices.ContainsFunc(p.Differs, func(d Difference) bool {
			return len(d.Stand) > 1 && !slices.ContainsFunc(p.Choices, func(c Write) bool { return c.Place == d.Place })
		})
	},
	"choice_extra": func(p Promotion) bool {
		return slices.ContainsFunc(p.Choices, func(c Write) bool {
			return p.Strategy != MergeCommit || !slices.ContainsFunc(p.Differs, func(d Difference) bool { return d.Place == c.Place && len(d.Stand) > 1 })
		})
	},
	"choice_twice": func(p Promotion) bool {
		return p.Strategy == MergeCommit && len(p.Choices) == 2 && p.Choices[0].Place == p.Choices[1].Place
	},
}

func anyOf(is func(Promotion, Consent) bool) func(Promotion) bool {
	return func(p Promotion) bool {
		return slices.ContainsFunc(p.Approvals, func(c Consent) bool { return is(p, c) })
	}
}

func oneOf[T any](r *rand.Rand, of ...T) T {
	if r.Intn(2) == 0 {
		return of[0] // mostly what nothing stands against
	}
	return of[r.Intn(len(of))]
}

func randomPromotion(r *rand.Rand) Promotion {
	p := fit()
	p.Target, p.ProposedOn, p.HoldsSource = oneOf(r, p.Target, p.Source), oneOf(r, p.Source, p.Target), oneOf(r, true, true, false)
	p.SourceState.State = oneOf(r, BranchOpen, BranchFrozen, BranchPromotable, BranchPromoted, BranchMerged, BranchAbandoned)
	p.TargetState.State = oneOf(r, BranchOpen, BranchAbandoned, "")
	p.CheckpointState.State = oneOf[State](r, "finalized", "proposed", "invalidated")
	p.Strategy = oneOf(r, MergeCommit, FastForward, ReplaceProjection)
	for n := range r.Intn(3) {
		p.Approvals = append(p.Approvals, Consent{named(fmt.Sprint("ap", n)), oneOf(r, p.Checkpoint, named("k0")), oneOf(r, true, false),
			Stated{oneOf[State](r, "granted", "pending", "rejected"), named(fmt.Sprint("by", n))}, oneOf[int64](r, 0, 50, 200)})
		p.Checks = append(p.Checks, Check{named(fmt.Sprint("tr", n)), oneOf(r, true, false), Stated{oneOf[State](r, "closed", "failed", "open"), named(fmt.Sprint("end", n))}})
		s := Suspect{named(fmt.Sprint("tr", n)), oneOf(r, Healthy, Unreachable, ConfirmedFailed), named(fmt.Sprint("s", n)), nil}
		if r.Intn(2) == 0 {
			s.Waivers = []Waiver{{named("w"), s.Suspicion}}
		}
		p.Suspects = append(p.Suspects, s)
	}
	if r.Intn(4) == 0 {
		p.Records = []event.ID{named("r1"), named("r2")}
	}
	for _, at := range []Place{title, owner, theme} {
		if r.Intn(2) == 0 {
			p.SourceWrote = append(p.SourceWrote, Write{at, named("s")})
		}
		if r.Intn(4) == 0 {
			p.TargetWrote = append(p.TargetWrote, Write{at, named("t")})
			p.Ahead = append(p.Ahead, named("t"))
		}
		switch s, b := named("s "+at.Field), named("t "+at.Field); r.Intn(3) {
		case 0:
			p.Differs = append(p.Differs, Difference{at, []event.ID{s}, []event.ID{b}, sorted([]event.ID{s, b})})
			if r.Intn(4) > 0 {
				p.Choices = append(p.Choices, Write{at, oneOf(r, s, b)})
			}
		case 1:
			p.Differs = append(p.Differs, Difference{at, []event.ID{s}, []event.ID{b}, []event.ID{s}})
		}
		if r.Intn(12) == 0 {
			p.Choices = append(p.Choices, Write{at, named("s " + at.Field)})
		}
	}
	return p
}

func shuffle[T any](r *rand.Rand, all []T) []T {
	own := slices.Clone(all)
	r.Shuffle(len(own), func(a, b int) { own[a], own[b] = own[b], own[a] })
	return own
}

// A ruling has exactly the reasons that stand, and the order of facts is nothing.
func TestRulingsAreAsDefined(t *testing.T) {
	const seeds = 20_000
	done, met := 0, map[string]int{}
	for seed := range int64(seeds) {
		r := rand.New(rand.NewSource(seed))
		p := randomPromotion(r)
		ruling := p.Rule()
		got := map[string]bool{}
		for _, f := range ruling.Refusals {
			got[f.Reason] = true
			met[f.Reason]++
		}
		for reason, stands := range against {
			if reason == "choice_twice" && len(p.Choices) > 2 || reason == "choice_extra" && got["choice_twice"] {
				continue
			}
			if got[reason] != stands(p) {
				t.Fatalf("seed %d: %s is given: %v", seed, reason, got[reason])
			}
		}
		if len(got) == 0 {
			done++
		}
		q := p
		q.Approvals, q.Checks, q.Suspects, q.Records = shuffle(r, p.Approvals), shuffle(r, p.Checks), shuffle(r, p.Suspects), shuffle(r, p.Records)
		q.SourceWrote, q.TargetWrote, q.Ahead, q.Differs = shuffle(r, p.SourceWrote), shuffle(r, p.TargetWrote), shuffle(r, p.Ahead), shuffle(r, p.Differs)
		q.Choices = shuffle(r, p.Choices)
		if !reflect.DeepEqual(inOrder(q.Rule()), inOrder(ruling)) {
			t.Fatalf("seed %d: another order of facts, another ruling", seed)
		}
	}
	for reason := range against {
		if met[reason] < 20 {
			t.Errorf("%s was met %d times", reason, met[reason])
		}
	}
	if done < 20 {
		t.Errorf("%d promotions were done", done)
	}
}

// inOrder is for comparing rulings by what they say.
func inOrder(r Ruling) Ruling {
	r.Refusals = slices.Clone(r.Refusals)
	slices.SortFunc(r.Refusals, func(a, b Refusal) int { return strings.Compare(a.Reason, b.Reason) })
	return r
}

// Differences are what the sets of writers say, in any world.
func TestDifferencesAreAsDefined(t *testing.T) {
	conflicts := 0
	for seed := range int64(5_000) {
		r := rand.New(rand.NewSource(seed))
		g, branches := randomGrove(t, r)
		source, target := branches[r.Intn(len(branches))], branches[r.Intn(len(branches))]
		a, b := g.shown(source, g.all()), g.shown(target, g.all())
		differs, err := Differences(projection{g, a}, projection{g, b}, g)
		if err != nil {
			t.Fatal(err)
		}
		both := projection{g, a.and(b)}
		for _, at := range []Place{title} {
			s, u := projection{g, a}.Standing(at.Object, at.Field), projection{g, b}.Standing(at.Object, at.Field)
			n := slices.IndexFunc(differs, func(d Difference) bool { return d.Place == at })
			if (n >= 0) == slices.Equal(s, u) {
				t.Fatalf("seed %d: a difference is named: %v", seed, n >= 0)
			}
			if n < 0 {
				continue
			}
			stand := both.Standing(at.Object, at.Field)
			if !slices.Equal(differs[n].Stand, stand) {
				t.Fatalf("seed %d: %d stand, not %d", seed, len(differs[n].Stand), len(stand))
			}
			onlyA := slices.ContainsFunc(stand, func(id event.ID) bool { return !slices.Contains(u, id) })
			onlyB := slices.ContainsFunc(stand, func(id event.ID) bool { return !slices.Contains(s, id) })
			if differs[n].Conflict() != (onlyA && onlyB) {
				t.Fatalf("seed %d: in conflict: %v", seed, differs[n].Conflict())
			}
			if onlyA && onlyB {
				conflicts++
			}
		}
	}
	if conflicts < 50 {
		t.Errorf("%d conflicts were met", conflicts)
	}
}
