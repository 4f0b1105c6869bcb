package object

import (
	"errors"
	"math/rand"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// Of all combinations the first of the five that holds is given, and committed
// never without main.
func TestRule57_TheFirstLifecycleThatHolds(t *testing.T) {
	live := []State{BranchOpen, BranchFrozen, BranchPromotable}
	states := append([]State{BranchPromoted, BranchMerged, BranchAbandoned}, live...)
	for bits := range 1 << (3 + len(states)) {
		s := Seen{OnMain: bits&1 > 0, Displaced: bits&2 > 0, Compensated: bits&4 > 0}
		alive, dead := false, false
		for n, state := range states {
			if bits>>(3+n)&1 > 0 {
				s.Elsewhere = append(s.Elsewhere, state)
				alive, dead = alive || slices.Contains(live, state), dead || state == BranchAbandoned
			}
		}
		want := Tentative
		for _, is := range []struct {
			holds bool
			l     Lifecycle
		}{{dead && !alive, Abandoned}, {s.OnMain, Committed}, {s.Displaced, Superseded}, {s.Compensated, Compensated}} {
			if is.holds {
				want = is.l
			}
		}
		if got := s.Lifecycle(); got != want {
			t.Errorf("%+v is %s, not %s", s, got, want)
		}
	}
	if (Seen{Elsewhere: []State{BranchAbandoned, "odd"}}).Lifecycle() != Tentative {
		t.Error("a state that is not known ends what a branch may do")
	}
}

func TestRule58_NoViewCallsTentativeWorkCommitted(t *testing.T) {
	all := []Lifecycle{Tentative, Committed, Compensated, Superseded, Abandoned}
	for _, made := range all {
		for bits := range 1 << len(all) {
			var standing []Lifecycle
			for n, l := range all {
				if bits>>n&1 > 0 {
					standing = append(standing, l)
				}
			}
			got := OfObject(made, standing)
			unsettled := slices.Contains(standing, Tentative) || slices.Contains(standing, Abandoned)
			if made != Committed && got != made || made == Committed && (got == Committed) == unsettled {
				t.Errorf("made %s with %v it is %s", made, standing, got)
			}
		}
	}
	for state, want := range map[State]Lifecycle{BranchOpen: Tentative, BranchFrozen: Tentative, BranchPromotable: Tentative, BranchAbandoned: Abandoned, BranchPromoted: Tentative} {
		if got := OfBranch(state, false); got != want {
			t.Errorf("a branch that is %s is %s", state, got)
		}
	}
	if OfBranch(BranchPromoted, true) != Committed {
		t.Error("a branch whose work is in main is not committed")
	}
}

func TestRule59_CompensationIsOfWhatWasSeenAndCountsOnMain(t *testing.T) {
	g := newGrove(t)
	main := named("main")
	a := g.work("a", main)
	f := g.fork("f", main, g.all(), g.all())
	undo := g.work("undo", f)
	b := g.work("b", main)
	late := g.work("late", main)
	again := g.work("again", main)
	said := []Compensation{{undo.ID, []event.ID{a.ID, b.ID, undo.ID}}}
	by := func(more ...Compensation) map[event.ID][]event.ID {
		t.Helper()
		v := g.view(main, g.all())
		got, err := CompensatedBy(append(more, said...), g, func(id event.ID) (bool, error) {
			return v.Shows(g.events[slices.IndexFunc(g.events, func(e event.Event) bool { return e.ID == id })])
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := by(); len(got) != 0 {
		t.Error("a branch undid what stands on main:", got)
	}
	g.join("p", f, main, g.all(), g.all())
	if got := by(); len(got) != 1 || !slices.Equal(got[a.ID], []event.ID{undo.ID}) {
		t.Error("what was promoted does not count, or what was not seen does:", got)
	}
	got := by(Compensation{late.ID, []event.ID{a.ID, b.ID}}, Compensation{again.ID, []event.ID{late.ID}})
	if len(got) != 3 || !slices.Equal(got[a.ID], sorted([]event.ID{undo.ID, late.ID})) || len(got[b.ID]) != 1 || len(got[late.ID]) != 1 {
		t.Error(got)
	}
	if _, err := CompensatedBy(said, g, func(event.ID) (bool, error) { return false, errBlind }); !errors.Is(err, errBlind) {
		t.Error("it guesses what main shows:", err)
	}
}

func TestRule60_WhatIsDisplacedIsSuperseded(t *testing.T) {
	s, u, p, q := named("s"), named("u"), named("p"), named("q")
	first := Displacement{p, []Write{{title, s}}, []Write{{title, u}, {owner, u}}}
	gone := Displaced([]Displacement{first})
	if gone[Write{title, u}] != p || len(gone) != 2 {
		t.Error(gone)
	}
	if !IsDisplaced(u, []Place{title, owner}, gone) || IsDisplaced(u, []Place{title, owner, theme}, gone) || IsDisplaced(u, nil, gone) || IsDisplaced(s, []Place{title}, gone) {
		t.Error("an event is superseded once all that it wrote is displaced, and not before")
	}
	gone = Displaced([]Displacement{first, {q, []Write{{title, u}}, []Write{{title, s}}}})
	if _, is := gone[Write{title, u}]; is || gone[Write{title, s}] != q {
		t.Error("what is chosen again is displaced still:", gone)
	}
	// The write of a promotion stands for what it chose, there and no further.
	r := named("r")
	gone = Displaced([]Displacement{first, {q, []Write{{title, u}}, []Write{{title, p}, {owner, p}}}})
	if gone[Write{title, s}] != q || gone[Write{title, p}] != q || len(gone) != 4 {
		t.Error("what a promotion chose outlives its write:", gone)
	}
	gone = Displaced([]Displacement{first, {q, []Write{{title, u}}, []Write{{title, p}}}, {r, []Write{{title, p}}, []Write{{title, q}}}})
	if _, is := gone[Write{title, s}]; is || gone[Write{title, u}] != r {
		t.Error("what a promotion chose does not come back with its write:", gone)
	}
	itself := Displacement{p, []Write{{title, p}}, []Write{{title, p}}}
	if gone = Displaced([]Displacement{itself, itself}); len(gone) != 0 {
		t.Error(gone)
	}
}

// lifecycle derives an event's lifecycle in a cut by the code under test.
func (g *grove) lifecycle(e event.Event, cut ids, branches []event.ID, states map[event.ID]State, said []Compensation, moved []Displacement) Lifecycle {
	g.t.Helper()
	v := g.view(named("main"), cut)
	on, err := v.Shows(e)
	if err != nil {
		g.t.Fatal(err)
	}
	s := Seen{OnMain: on}
	for _, branch := range branches {
		if branch == named("main") || !cut[branch] {
			continue
		}
		has, err := g.known.Visible(branch, cut, e)
		if err != nil {
			g.t.Fatal(err)
		}
		if has {
			s.Elsewhere = append(s.Elsewhere, states[branch])
		}
	}
	main := g.shown(named("main"), cut)
	by, err := CompensatedBy(said, g, func(id event.ID) (bool, error) { return main[id], nil })
	if err != nil {
		g.t.Fatal(err)
	}
	rests := v.Rests()
	counts := slices.DeleteFunc(slices.Clone(moved), func(d Displacement) bool { return !slices.Contains(rests, d.Record) })
	s.Displaced, s.Compensated = IsDisplaced(e.ID, g.wrote[e.ID], Displaced(counts)), len(by[e.ID]) > 0
	return s.Lifecycle()
}

// rests is the definition of what a branch rests on: every fork and promotion on
// a way from it, by cuts that have them.
func (g *grove) rests(branch event.ID, cut, met ids) {
	if f, forked := g.forks[branch]; forked && cut[branch] && !met[branch] {
		met[branch] = true
		g.rests(f.Parent, g.sets[f.At.Past[0]], met)
	}
	for _, j := range g.joins {
		if j.Target == branch && cut[j.Record] && !met[j.Record] {
			met[j.Record] = true
			g.rests(j.Source, g.sets[j.At.Past[0]], met)
		}
	}
}

// means reports whether a writer is an event, or a promotion that chose it.
func means(before []Displacement, writer, of event.ID, met ids) bool {
	if writer == of {
		return true
	}
	met[writer] = true
	return slices.ContainsFunc(before, func(d Displacement) bool {
		return d.Record == writer && !met[d.Writes[0].Event] && means(before, d.Writes[0].Event, of, met)
	})
}

// A lifecycle is what the words say, in any world with branches in any state; and
// nothing is committed that main does not show.
func TestLifecyclesAreAsDefined(t *testing.T) {
	main, met := named("main"), map[Lifecycle]int{}
	for seed := range int64(20_000) {
		r := rand.New(rand.NewSource(seed))
		g, branches := randomGrove(t, r)
		if len(g.events) == 0 {
			continue
		}
		states := map[event.ID]State{}
		for _, branch := range branches {
			states[branch] = []State{BranchOpen, BranchFrozen, BranchPromoted, BranchAbandoned, BranchAbandoned}[r.Intn(5)]
		}
		some := func() event.ID { return g.events[r.Intn(len(g.events))].ID }
		said := []Compensation{{some(), []event.ID{some(), some()}}, {some(), []event.ID{some()}}}
		var moved []Displacement
		for _, j := range g.joins {
			moved = append(moved, Displacement{j.Record, []Write{{title, some()}}, []Write{{title, some()}, {title, some()}}})
		}
		e, cut := g.events[r.Intn(len(g.events))], g.all()
		if Everywhere(e.Header.Type) {
			continue
		}
		got := g.lifecycle(e, cut, branches, states, said, moved)
		met[got]++
		shown, rests := g.shows(main, cut), ids{}
		g.rests(main, cut, rests)
		compensated, displaced, dead, alive := false, false, false, false
		for _, c := range said {
			compensated = compensated || shown[c.By] && slices.Contains(c.Of, e.ID) && g.pasts[c.By][e.ID]
		}
		moved = slices.DeleteFunc(moved, func(d Displacement) bool { return !rests[d.Record] })
		for n, d := range moved {
			if means(moved[:n], d.Displaced[0].Event, e.ID, ids{}) || means(moved[:n], d.Displaced[1].Event, e.ID, ids{}) {
				displaced = true
			}
			if means(moved[:n], d.Writes[0].Event, e.ID, ids{}) {
				displaced = false
			}
		}
		displaced = displaced && len(g.wrote[e.ID]) > 0
		for _, branch := range branches[1:] {
			if g.shows(branch, cut)[e.ID] {
				dead, alive = dead || states[branch] == BranchAbandoned, alive || states[branch] == BranchOpen || states[branch] == BranchFrozen
			}
		}
		want := Tentative
		switch {
		case compensated:
			want = Compensated
		case displaced:
			want = Superseded
		case shown[e.ID]:
			want = Committed
		case dead && !alive:
			want = Abandoned
		}
		if got != want {
			t.Fatalf("seed %d: %s is %s, not %s", seed, g.names[e.ID], got, want)
		}
	}
	for _, l := range []Lifecycle{Tentative, Committed, Compensated, Superseded, Abandoned} {
		if met[l] < 100 {
			t.Errorf("%s was met %d times", l, met[l])
		}
	}
}
