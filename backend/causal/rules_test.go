package causal

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// sized makes small histories of all sizes.
func sized(seed int64) int { return 3 + int(seed)%37 }

func TestRule01_ExactlyOneRelationHolds(t *testing.T) {
	mirror := map[Relation]Relation{Same: Same, Before: After, After: Before, Concurrent: Concurrent}
	seen := map[Relation]int{}
	worlds(t, 300, func(t *testing.T, seed int64, w *world) {
		x := w.build(t)
		for a := range Ordinal(x.Len()) {
			for b := range Ordinal(x.Len()) {
				there, back := x.Relate(a, b), x.Relate(b, a)
				if mirror[there] != back || (there == Same) != (a == b) {
					t.Fatalf("seed %d: %d stands %v to %d, which stands %v to it", seed, a, there, b, back)
				}
				seen[there]++
			}
		}
	})
	for r := range mirror {
		if seen[r] == 0 {
			t.Errorf("no two events were %v", r)
		}
	}
}

func TestRule02_MaximalOfASet(t *testing.T) {
	reduced := 0
	worlds(t, 500, func(t *testing.T, seed int64, w *world) {
		x := w.build(t)
		for range 6 {
			all := w.any(1 + w.rng.Intn(6))
			got := x.Maximal(all)
			if !slices.Equal(got, w.maximal(all)) {
				t.Fatalf("seed %d: %v has the maximal events %v, want %v", seed, all, got, w.maximal(all))
			}
			w.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			if again := x.Maximal(all); !slices.Equal(again, got) {
				t.Fatalf("seed %d: another order gives another answer", seed)
			}
			slices.Sort(all)
			if len(got) < len(slices.Compact(all)) {
				reduced++
			}
		}
	})
	if reduced == 0 {
		t.Error("no set was ever reduced: the sets do not bite")
	}
}

// pair is a small history by hand: a record, then what a session writes.
func pair(t *testing.T) (x *Order, write func(session byte, parents ...Ordinal) Ordinal) {
	t.Helper()
	x = &Order{}
	add := func(e Entry) Ordinal {
		e.Lamport = x.lamportAfter(e.Parents)
		n, err := x.Add(e)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	add(Entry{Replica: "w", Prev: NoEvent, Session: event.ID{1}, Record: true})
	prev := NoEvent
	return x, func(session byte, parents ...Ordinal) Ordinal {
		prev = add(Entry{Replica: "r", Prev: prev, Session: event.ID{2, session}, Parents: parents})
		return prev
	}
}

func TestRule03_AStrayIsConcurrentWithItsSession(t *testing.T) {
	x, write := pair(t)
	s := write(1, 0)
	a := write(1, s)
	stray := write(1, 0) // the session forgets what it wrote
	after := write(1, stray)
	for _, c := range []struct {
		a, b Ordinal
		want Relation
	}{{a, stray, Concurrent}, {a, after, Concurrent}, {stray, after, Before}, {s, a, Before}, {s, after, Concurrent}} {
		if got := x.Relate(c.a, c.b); got != c.want {
			t.Errorf("%d stands %v to %d, want %v", c.a, got, c.b, c.want)
		}
	}
	// The control: one that has its session's newest in its past is no stray.
	if x.events[a].strand != x.events[s].strand || x.events[stray].strand == x.events[s].strand {
		t.Error("the stray is no stray")
	}
}

func TestRule04_AfterParentsWithTheirLamport(t *testing.T) {
	worlds(t, 100, func(t *testing.T, seed int64, w *world) {
		x := &Order{}
		for _, e := range w.entries {
			before := x.Snapshot()
			for reason, change := range map[string]func(*Entry){
				"lamport":       func(e *Entry) { e.Lamport++ },
				"event_unknown": func(e *Entry) { e.Parents = append(slices.Clone(e.Parents), Ordinal(x.Len())) },
			} {
				bad := e
				change(&bad)
				if _, err := x.Add(bad); !fault.Is(err, reason) {
					t.Fatalf("seed %d: want %s, got %v", seed, reason, err)
				}
			}
			if !slices.Equal(x.Snapshot(), before) {
				t.Fatalf("seed %d: what was refused changed the order", seed)
			}
			if _, err := x.Add(e); err != nil {
				t.Fatalf("seed %d: the control is refused: %v", seed, err)
			}
		}
	})
}

// braid is a history in which sessions write in turn, each having used what the
// one before wrote.
func braid(t *testing.T, sessions, size int) *Order {
	t.Helper()
	x, write := pair(t)
	last := make([]Ordinal, sessions)
	newest := Ordinal(0)
	for n := range size {
		parents := []Ordinal{newest}
		if own := last[n%sessions]; x.Relate(own, newest) == Concurrent {
			parents = append(parents, own)
		}
		newest = write(byte(n%sessions), parents...)
		last[n%sessions] = newest
	}
	return x
}

func TestRule05_AnAnswerDoesNotGrow(t *testing.T) {
	const sessions = 6
	looked, bare := map[int]int{}, map[int]int{}
	for _, size := range []int{60, 600, 6_000} {
		x := braid(t, sessions, size)
		looked[size] = x.looks(t)
		for s := range x.strands {
			x.strands[s].vectors = history{}
		}
		bare[size] = x.looks(t)
	}
	if looked[6_000] > 2*looked[60]+8*sessions {
		t.Errorf("what is looked at grows with the events between: %v", looked)
	}
	if bare[6_000] < 10*bare[60] { // the control
		t.Errorf("without vectors it does not grow either: %v", bare)
	}
}

// looks counts what an order looks at to find its first event in the past of
// its last.
func (x *Order) looks(t *testing.T) int {
	t.Helper()
	first, last := Ordinal(1), Ordinal(x.Len()-1)
	s := search{order: x, goal: first, top: last, from: x.events[first], to: x.events[last]}
	s.past, s.whole = x.strands[s.to.strand].vectors.around(s.to.at)
	if s.past != nil && s.past.upTo(s.from.strand) > s.from.at {
		return 1
	}
	if !s.run() {
		t.Error("the first is not in the past of the last")
	}
	return s.worked.back + s.worked.forth
}

func TestRule06_ParentsAreMaximal(t *testing.T) {
	refused := 0
	worlds(t, 300, func(t *testing.T, seed int64, w *world) {
		x := w.build(t)
		for n, e := range w.entries {
			if got, err := x.Lamport(e.Parents); err != nil || got != e.Lamport {
				t.Fatalf("seed %d: the lamport of %d is %d, want %d: %v", seed, n, got, e.Lamport, err)
			}
		}
		all := w.any(4)
		related := len(w.maximal(all)) < len(all)
		if _, err := x.Lamport(all); fault.Is(err, "parents_related") != related {
			t.Fatalf("seed %d: related %v, and %v", seed, related, err)
		}
		if related {
			refused++
		}
	})
	if refused == 0 {
		t.Error("no parents were ever related: the sets do not bite")
	}
}

func TestRule07_ThePastIsClosedAndStays(t *testing.T) {
	worlds(t, 300, func(t *testing.T, seed int64, w *world) {
		half := *w
		half.entries = w.entries[:len(w.entries)/2+1]
		x := half.build(t)
		n := Ordinal(w.rng.Intn(x.Len()))
		past := slices.Clone(x.pastOf(n))
		w.goOn(t, x)
		c := Cut{order: x, events: x.events, reach: past, end: n + 1}
		for m := range Ordinal(x.Len()) {
			if want := m == n || w.before(m, n); c.Has(m) != want {
				t.Fatalf("seed %d: %d lies in the past of %d: %v, want %v", seed, m, n, !want, want)
			}
		}
	})
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
	tests := ""
	for _, name := range []string{"rules_test.go", "order_rules_test.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests += string(b)
	}
	rules := regexp.MustCompile(`(?m)^(\d+)\. `).FindAllStringSubmatch(string(spec), -1)
	if len(rules) < 18 {
		t.Fatalf("%d rules were found", len(rules))
	}
	for _, r := range rules {
		if name := fmt.Sprintf("func TestRule%02s_", r[1]); !strings.Contains(tests, name) {
			t.Errorf("rule %s has no test", r[1])
		}
	}
}
