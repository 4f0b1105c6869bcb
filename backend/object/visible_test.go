package object

import (
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"regexp"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func TestRule40_ABranchShowsItsOwnItsForkAndItsPromotions(t *testing.T) {
	g := newGrove(t)
	main := named("main")
	g.work("a", main)
	f := g.fork("f", main, g.all(), g.all())
	g.work("b", main)
	g.work("c", f)
	k := g.all()
	g.work("d", f)
	before := g.all()
	g.want(main, before, "a", "b")
	g.want(f, before, "a", "c", "d")
	g.join("p", f, main, g.all(), k)
	g.want(main, g.all(), "a", "b", "c")
	g.want(main, before, "a", "b")
	h := g.fork("h", f, g.all(), before)
	g.work("e", h)
	g.want(h, g.all(), "a", "c", "d", "e")
	g.want(f, g.all(), "a", "c", "d")
	again := g.all()
	g.join("q", h, f, g.all(), again)
	g.want(f, g.all(), "a", "c", "d", "e")
	g.want(main, g.all(), "a", "b", "c")
}

func TestRule41_NothingOutsideACutIsVisibleInIt(t *testing.T) {
	g := newGrove(t)
	main := named("main")
	a, b := g.work("a", main), g.work("b", main)
	f := g.fork("f", main, ids{}, g.all())
	g.work("c", f)
	g.want(f, ids{f: true, a.ID: true}, "a")
	g.want(f, g.all(), "a", "b", "c")
	// The fork itself does not have b, so no cut shows it there.
	h := g.fork("h", main, ids{}, ids{a.ID: true})
	g.want(h, g.all(), "a")
	// What the fork of a branch within has not, is not shown through it.
	i := g.fork("i", h, ids{}, ids{a.ID: true, b.ID: true, h: true})
	g.want(i, g.all(), "a")
	// A fork that the cut between does not have leads nowhere.
	j := g.fork("j", h, ids{}, ids{a.ID: true})
	g.want(j, g.all())
}

func TestRule42_TheWorkspaceIsOnEveryBranch(t *testing.T) {
	source, err := os.ReadFile("../event/types.go")
	if err != nil {
		t.Fatal(err)
	}
	types := regexp.MustCompile(`Type = "((\w+)\.\w+)"`).FindAllSubmatch(source, -1)
	if len(types) < 80 {
		t.Fatal("only", len(types), "types were found")
	}
	used := map[string]bool{}
	for _, m := range types {
		if _, decided := nouns[string(m[2])]; !decided {
			t.Errorf("nothing says where %s is visible", m[1])
		}
		used[string(m[2])] = true
	}
	if len(used) != len(nouns) {
		t.Errorf("%d nouns have types, and %d are decided", len(used), len(nouns))
	}
	g := newGrove(t)
	main := named("main")
	f := g.fork("f", main, ids{}, ids{})
	for kind, everywhere := range map[event.Type]bool{event.ExecutionStartedType: true, event.SessionOpenedType: true, event.ActorEnrolledType: true,
		event.WorkspaceCreatedType: true, event.CheckpointFinalizedType: true, event.LabelRaisedType: true, event.BranchCreatedType: true,
		event.WorkItemCreatedType: false, event.ArtifactRecordedType: false, event.TraceOpenedType: false, event.OverrideMadeType: false,
		"zebra.seen": false, "execution": true, "": false} {
		e := g.write("of type "+string(kind), kind, f, ids{})
		if got := g.shown(main, g.all())[e.ID]; got != everywhere {
			t.Errorf("main shows %s of a branch: %v", kind, got)
		}
		if !g.shown(f, g.all())[e.ID] {
			t.Errorf("the branch does not show its %s", kind)
		}
		if without := g.all(); true {
			delete(without, e.ID)
			if g.shown(f, without)[e.ID] {
				t.Errorf("%s is shown in a cut that does not have it", kind)
			}
		}
	}
}

// blind is a cut that does not know some of its events.
type blind struct {
	ids
	unknown ids
}

var errBlind = errors.New("this cannot be read")

func (b blind) Has(id event.ID) (bool, error) {
	if b.unknown[id] {
		return true, errBlind
	}
	return b.ids[id], nil
}

func TestRule43_WhatCannotBeKnownIsAnError(t *testing.T) {
	g := newGrove(t)
	main := named("main")
	a := g.work("a", main)
	f := g.fork("f", main, g.all(), g.all())
	b := g.work("b", f)
	g.join("p", f, main, ids{}, g.all())
	delete(g.sets, named("cut p"))
	ask := func(branch event.ID, cut Cut, e event.Event, has bool, want error) {
		t.Helper()
		got, err := g.known.Visible(branch, cut, e)
		if got != has || !errors.Is(err, want) || (err != nil) != (want != nil) {
			t.Errorf("it answers %v, %v", got, err)
		}
	}
	ask(main, g.all(), b, false, errNotHere)
	ask(main, g.all(), a, true, nil) // known without that cut
	ask(f, g.all(), b, true, nil)
	ask(f, blind{g.all(), ids{b.ID: true}}, b, false, errBlind)
	ask(f, blind{g.all(), ids{f: true}}, b, false, errBlind)
	ask(main, blind{g.all(), ids{named("p"): true}}, b, false, errBlind)
	ask(main, blind{g.all(), ids{named("p"): true}}, a, true, nil)
	g.cutOf("p", g.all()) // it arrived
	ask(main, g.all(), b, true, nil)
	// What leads on from a cut that is not here cannot be known either.
	far := g.fork("far", main, g.all(), g.all())
	c := g.work("c", far)
	g.join("r", far, f, ids{}, g.all())
	g.join("s", f, main, ids{}, g.all())
	delete(g.sets, named("cut s"))
	ask(f, g.all(), c, true, nil)
	ask(main, g.all(), c, false, errNotHere)
	g.join("u", far, main, ids{}, ids{far: true})
	ask(main, g.all(), c, false, errNotHere)
	// The second of two promotions answers where the first cannot be known.
	for _, name := range []string{"0", "1", "2", "3"} {
		g.join("q"+name, f, main, ids{}, g.all())
		if name != "2" {
			delete(g.sets, named("cut q"+name))
		}
	}
	ask(main, g.all(), b, true, nil)
}

func TestRule44_HostileBranches(t *testing.T) {
	g := newGrove(t)
	main, none := named("main"), named("no branch")
	a := g.work("a", main)
	f := g.fork("f", main, ids{}, ids{a.ID: true})
	p := g.join("p", f, main, ids{}, ids{f: true})
	for n, err := range []error{g.known.Fork(Fork{f, main, event.Cut{}}), g.known.Fork(Fork{main, f, event.Cut{}}), g.known.Fork(Fork{event.ID{}, main, event.Cut{}})} {
		if !fault.Is(err, "branch_known") {
			t.Error(n, err)
		}
	}
	for n, err := range []error{g.known.Fork(Fork{named("g"), none, event.Cut{}}), g.known.Fork(Fork{named("g"), named("g"), event.Cut{}}),
		g.known.Join(Joined{named("q"), none, main, event.Cut{}}), g.known.Join(Joined{named("q"), main, none, event.Cut{}})} {
		if !fault.Is(err, "branch_unknown") {
			t.Error(n, err)
		}
	}
	for n, err := range []error{g.known.Join(Joined{p, f, main, event.Cut{}}), g.known.Join(Joined{f, f, main, event.Cut{}}), g.known.Join(Joined{event.ID{}, f, main, event.Cut{}})} {
		if !fault.Is(err, "promotion_known") {
			t.Error(n, err)
		}
	}
	if _, err := g.known.View(none, g.all()); !fault.Is(err, "branch_unknown") {
		t.Error(err)
	}
	if _, err := g.known.View(f, ids{a.ID: true}); !fault.Is(err, "branch_later") {
		t.Error(err)
	}
	lost := g.write("lost", event.WorkItemUpdatedType, none, ids{})
	if has, err := g.known.Visible(main, g.all(), lost); has || err != nil {
		t.Error("an event of no branch is shown:", has, err)
	}
}

// A circle cannot be made, for it would need a hash within itself; one that is
// made here ends, and adds nothing.
func TestRule44_CirclesEnd(t *testing.T) {
	g := newGrove(t)
	main := named("main")
	g.work("a", main)
	f := g.fork("f", main, ids{}, ids{})
	b := g.work("b", f)
	p, q := g.join("p", f, main, ids{}, ids{}), g.join("q", main, f, ids{}, ids{})
	s := g.join("s", main, main, ids{}, ids{})
	for _, name := range []string{"f", "p", "q", "s"} {
		g.cutOf(name, ids{f: true, p: true, q: true, s: true, b.ID: true, named("a"): true})
	}
	g.want(main, g.all(), "a", "b")
	g.want(f, g.all(), "a", "b")
}

// Many promotions back and forth, each of which sees all others, make as many
// places as there are ways, and no deep recursion.
func TestRule44_ALongCircleEnds(t *testing.T) {
	g := newGrove(t)
	main := named("main")
	whole := ids{}
	f := g.fork("f", main, ids{}, whole)
	b := g.write("b", event.WorkItemUpdatedType, f, ids{})
	lost := g.write("lost", event.WorkItemUpdatedType, named("elsewhere"), ids{})
	for n := range 500 {
		g.join(fmt.Sprint("up ", n), f, main, ids{}, whole)
		g.join(fmt.Sprint("down ", n), main, f, ids{}, whole)
	}
	maps.Copy(whole, g.all())
	v := g.view(main, whole)
	if ways := len(g.known.taken); len(v.places) != 1+ways {
		t.Errorf("a view of %d places by %d ways", len(v.places), ways)
	}
	if has, err := v.Shows(lost); has || err != nil {
		t.Error(has, err)
	}
	if has, err := v.Shows(b); !has || err != nil {
		t.Error(has, err)
	}
}

// shows is the law as a sentence over sets, without a thought for its cost.
func (g *grove) shows(branch event.ID, cut ids) ids {
	s := ids{}
	take := func(more ids) {
		for id := range more {
			if cut[id] {
				s[id] = true
			}
		}
	}
	for _, e := range g.events {
		if e.Header.Branch == branch || Everywhere(e.Header.Type) {
			take(ids{e.ID: true})
		}
	}
	if f, forked := g.forks[branch]; forked && cut[branch] {
		take(g.shows(f.Parent, g.sets[f.At.Past[0]]))
	}
	for _, j := range g.joins {
		if j.Target == branch && cut[j.Record] {
			take(g.shows(j.Source, g.sets[j.At.Past[0]]))
		}
	}
	return s
}

// randomGrove forks forks, promotes promotions back and forth, and writes. Of
// every ten cuts one is not closed and has what nobody saw.
func randomGrove(t testing.TB, r *rand.Rand) (*grove, []event.ID) {
	g := newGrove(t)
	branches := []event.ID{named("main")}
	pick := func() event.ID { return branches[r.Intn(len(branches))] }
	seen := func(sure ...event.ID) ids { // a closed set
		s := ids{}
		for range r.Intn(3) {
			if len(g.events) > 0 {
				sure = append(sure, g.events[r.Intn(len(g.events))].ID)
			}
		}
		for _, id := range sure {
			s = s.and(g.pasts[id])
			if id != named("main") {
				s[id] = true
			}
		}
		return s
	}
	within := func(past ids, sure ...event.ID) ids {
		if r.Intn(10) == 0 {
			s := ids{}
			for _, e := range g.events {
				s[e.ID] = r.Intn(2) == 0
			}
			return s
		}
		var s = seen(sure...)
		for id := range s {
			if !past[id] {
				delete(s, id)
			}
		}
		return s
	}
	for n := range 10 + r.Intn(25) {
		name, on := fmt.Sprint(n), pick()
		past := seen(on)
		switch r.Intn(8) {
		case 0:
			branches = append(branches, g.fork("f"+name, on, past, within(past, on)))
		case 1, 2:
			if source := pick(); source != on {
				past = seen(on, source)
				g.join("p"+name, source, on, past, within(past, source))
			}
		case 3:
			g.write("x"+name, event.ExecutionOutputType, on, past)
		default:
			g.write("w"+name, event.WorkItemUpdatedType, on, past, Place{named("doc"), "title"})
		}
	}
	return g, branches
}

// A view is what the law says, in any world, branch and cut.
func TestViewsAreAsDefined(t *testing.T) {
	const seeds = 20_000
	asked, byWay := 0, 0
	for seed := range int64(seeds) {
		r := rand.New(rand.NewSource(seed))
		g, branches := randomGrove(t, r)
		for range 3 {
			cut := g.all()
			if r.Intn(2) == 0 && len(g.events) > 0 {
				last := g.events[r.Intn(len(g.events))].ID
				cut = g.pasts[last].with(last)
			}
			branch := branches[r.Intn(len(branches))]
			if branch != named("main") && !cut[branch] {
				continue
			}
			got, want := g.shown(branch, cut), g.shows(branch, cut)
			if !maps.Equal(got, want) {
				t.Fatalf("seed %d: %s shows %d events, not %d", seed, g.names[branch], len(got), len(want))
			}
			for _, e := range g.events {
				asked++
				if want[e.ID] && !Everywhere(e.Header.Type) && e.Header.Branch != branch {
					byWay++
				}
			}
		}
	}
	if byWay < asked/50 {
		t.Errorf("of %d answers only %d come from another branch", asked, byWay)
	}
}
