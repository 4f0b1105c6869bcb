package causal

import (
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// seeds is how many random histories are asked: many in the long run.
func seeds() int64 {
	if os.Getenv("ATELIER_SOAK") != "" {
		return 50_000
	}
	return 2_000
}

func sized(seed int64) int { return 3 + int(seed)%37 }

func mustIndex(t testing.TB, g *graph) *Index {
	t.Helper()
	x, err := g.index()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// wrong counts the pairs of a history that an index answers otherwise than the
// sets of ancestors do.
func wrong(t *testing.T, g *graph, x *Index) (bad int) {
	t.Helper()
	for a := range g.events {
		for b := range g.events {
			got, err := x.Relate(g.events[a].ID, g.events[b].ID)
			if err != nil {
				t.Fatal(err)
			}
			if got != g.relate(a, b) {
				bad++
			}
		}
	}
	return bad
}

func TestRule01_ExactlyOneRelationHolds(t *testing.T) {
	control := 0
	for seed := range seeds() {
		g := random(seed, sized(seed))
		x := mustIndex(t, g)
		if bad := wrong(t, g, x); bad > 0 {
			t.Fatalf("seed %d: %d pairs differ from the sets of ancestors", seed, bad)
		}
		// The control: an index that forgets what sessions took from others.
		if seed < 50 {
			for c := range x.chains {
				x.chains[c].newest = none
			}
			control += wrong(t, g, x)
		}
	}
	if control == 0 {
		t.Error("an index without links answers as well: the histories do not bite")
	}
}

func TestRule02_MaximalOfASet(t *testing.T) {
	reduced := 0
	for seed := range seeds() {
		g := random(seed, sized(seed))
		x := mustIndex(t, g)
		for range 6 {
			ids := g.some()
			want := g.maximal(ids)
			got, err := x.Maximal(ids)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("seed %d: %v has the maximal events %v, want %v: %v", seed, ids, got, want, err)
			}
			g.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
			if again, _ := x.Maximal(ids); !slices.Equal(again, got) {
				t.Fatalf("seed %d: another order gives another answer", seed)
			}
			if len(got) < len(sortIDs(slices.Clone(ids))) {
				reduced++
			}
		}
	}
	if reduced == 0 {
		t.Error("no set was ever reduced: the sets do not bite")
	}
}

func TestRule03_AStrayIsConcurrentWithItsSession(t *testing.T) {
	g := newGraph(1)
	g.add(event.Header{Class: event.Control, Type: event.WorkspaceCreatedType})
	s := g.open(0)
	a := g.write(s, 0, false)
	g.own[s] = 0 // the session forgets what it wrote
	stray := g.write(s, 0, false)
	after := g.write(s, 0, false)
	x := mustIndex(t, g)
	for _, pair := range []struct {
		a, b event.ID
		want Relation
	}{{a.ID, stray.ID, Concurrent}, {a.ID, after.ID, Concurrent}, {stray.ID, after.ID, Before}, {s, a.ID, Before}, {s, after.ID, Concurrent}} {
		if got, err := x.Relate(pair.a, pair.b); err != nil || got != pair.want {
			t.Errorf("%v, want %v: %v", got, pair.want, err)
		}
	}
	// The control: by what the session claims, the stray would follow.
	if len(x.strays) != 2 || session(a.ID, &a.Header) != session(stray.ID, &stray.Header) {
		t.Error("the stray is no stray:", len(x.strays))
	}
}

func TestRule04_AfterParentsWithTheirLamport(t *testing.T) {
	g := random(7, 20)
	x := mustIndex(t, g)
	s := g.open(0)
	e := g.events[g.number[s]]
	for reason, change := range map[string]func(*event.Event){
		"lamport":       func(e *event.Event) { e.Header.Lamport++ },
		"event_unknown": func(e *event.Event) { e.Header.Parents = []event.ID{{9}} },
	} {
		bad := e
		change(&bad)
		if err := x.Add(bad); !fault.Is(err, reason) {
			t.Errorf("want %s, got %v", reason, err)
		}
	}
	if _, err := x.Relate(g.events[0].ID, s); !fault.Is(err, "event_unknown") {
		t.Error("an event that was refused is known:", err)
	}
	if err := x.Add(e); err != nil {
		t.Error("the control is refused:", err)
	}
	if wrong(t, g, x) > 0 {
		t.Error("what was refused changed an answer")
	}
}

func TestRule05_EachSessionIsVisitedOnce(t *testing.T) {
	const sessions = 5
	for _, size := range []int{50, 5_000} {
		x, first, last := braid(t, sessions, size)
		p, _ := x.place(first)
		q, _ := x.place(last)
		w, steps := x.walk([]place{q}, p.lamport), 0
		for w.next() {
			steps++
		}
		if steps > sessions+1 || w.settled[p.chain] < p.lamport {
			t.Errorf("of %d events: %d sessions visited, found %v", size, steps, w.settled[p.chain] >= p.lamport)
		}
	}
}

func TestRule06_ParentsAreMaximal(t *testing.T) {
	refused := 0
	for seed := range seeds() / 10 {
		g := random(seed, sized(seed))
		x := mustIndex(t, g)
		for _, e := range g.events {
			if got, err := x.Lamport(e.Header.Parents); err != nil || got != e.Header.Lamport {
				t.Fatalf("seed %d: lamport %d, want %d: %v", seed, got, e.Header.Lamport, err)
			}
		}
		ids := g.some()
		related := len(g.maximal(ids)) < len(ids)
		if _, err := x.Lamport(ids); fault.Is(err, "parents_related") != related {
			t.Fatalf("seed %d: related %v, and %v", seed, related, err)
		}
		if related {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no parents were ever related: the sets do not bite")
	}
}

func TestRule07_ThePastIsClosedAndStays(t *testing.T) {
	for seed := range seeds() / 10 {
		g := random(seed, sized(seed))
		x := mustIndex(t, g)
		ids := g.some()
		past, err := x.PastOf(ids)
		if err != nil {
			t.Fatal(err)
		}
		wanted := map[int]bool{}
		for _, id := range ids {
			n := g.number[id]
			wanted[n] = true
			for p := range g.past[n] {
				wanted[p] = true
			}
		}
		g.add(event.Header{Class: event.Causal, Session: event.ID{0xee}}, len(g.events)-1)
		if err := x.Add(g.events[len(g.events)-1]); err != nil {
			t.Fatal(err)
		}
		for n := range g.events {
			e := &g.events[n]
			if past.Has(e.ID, &e.Header) != wanted[n] {
				t.Fatalf("seed %d: event %d lies in the past: %v, want %v", seed, n, !wanted[n], wanted[n])
			}
		}
	}
	x := NewIndex(func(event.ID) (event.Header, error) {
		return event.Header{}, fault.New(fault.NotFound, "event_unknown", "no", "no")
	})
	if _, err := x.PastOf([]event.ID{{1}}); !fault.Is(err, "event_unknown") {
		t.Error("an unknown event has a past:", err)
	}
}

// braid is a history in which sessions write in turn, each having used what
// the one before wrote. It returns the first and the last event.
func braid(t testing.TB, sessions, size int) (x *Index, first, last event.ID) {
	t.Helper()
	headers := map[event.ID]event.Header{}
	x = NewIndex(func(id event.ID) (event.Header, error) { return headers[id], nil })
	rng := rand.New(rand.NewSource(1))
	newest := make([]event.ID, sessions)
	for n := range size {
		h := event.Header{Class: event.Causal, Session: event.ID{byte(n%sessions + 1)}, Lamport: uint64(n + 1)}
		if n > 0 {
			h.Parents = []event.ID{last}
		}
		if own := newest[n%sessions]; !own.IsZero() && own != last {
			h.Parents = sortIDs(append(h.Parents, own))
		}
		rng.Read(last[:])
		newest[n%sessions], headers[last] = last, h
		if err := x.Add(event.Event{ID: last, Header: h}); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			first = last
		}
	}
	return x, first, last
}

func TestRelationsHaveWords(t *testing.T) {
	if got := fmt.Sprint(Same, Before, After, Concurrent, Relation(0), Relation(9)); got != "same before after concurrent unknown unknown" {
		t.Error(got)
	}
}

func TestEveryRuleHasATest(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("rules_test.go")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`(?m)^(\d+)\. `).FindAllStringSubmatch(string(spec), -1)
	if len(rules) < 5 {
		t.Fatalf("%d rules were found", len(rules))
	}
	for _, r := range rules {
		if name := fmt.Sprintf("func TestRule%02s_", r[1]); !strings.Contains(string(tests), name) {
			t.Errorf("rule %s has no test", r[1])
		}
	}
}

// BenchmarkRelate asks for the two ends of a history: the times of the sizes
// are alike.
func BenchmarkRelate(b *testing.B) {
	for _, size := range []int{1_000, 100_000, 1_000_000} {
		x, first, last := braid(b, 8, size)
		b.Run(fmt.Sprintf("%d events", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r, err := x.Relate(first, last); err != nil || r != Before {
					b.Fatal(r, err)
				}
			}
		})
	}
}

// BenchmarkAdd adds to a braid, in which every event has a parent elsewhere.
func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	braid(b, 8, b.N)
}
