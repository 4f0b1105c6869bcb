package provenance

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// graph is a log by definition: all that lies in the past of each event.
type graph struct {
	events map[event.ID]event.Event
	past   map[event.ID]map[event.ID]bool
	about  []event.Event
	fails  error
}

func newGraph() *graph {
	return &graph{events: map[event.ID]event.Event{}, past: map[event.ID]map[event.ID]bool{}}
}

// name is a short id for a test, by its first byte.
func name(n byte) event.ID { return event.ID{n} }

// add makes an event; fields tell that it is about the object, and what it wrote.
func (g *graph) add(n byte, parents []byte, about bool, fields ...string) {
	h := event.Header{Lamport: 1, Facts: event.Facts{Fields: fields}}
	seen := map[event.ID]bool{}
	for _, p := range parents {
		id := name(p)
		h.Parents, h.Lamport = append(h.Parents, id), max(h.Lamport, g.events[id].Header.Lamport+1)
		seen[id] = true
		for behind := range g.past[id] {
			seen[behind] = true
		}
	}
	if about && len(g.about) > 0 {
		h.Affected = []event.ID{g.about[0].ID}
	}
	e := event.Event{ID: name(n), Header: h}
	g.events[e.ID], g.past[e.ID] = e, seen
	if about {
		g.about = append(g.about, e)
	}
}

func (g *graph) Relate(a, b event.ID) (causal.Relation, error) {
	switch {
	case g.fails != nil:
		return 0, g.fails
	case a == b:
		return causal.Same, nil
	case g.past[b][a]:
		return causal.Before, nil
	case g.past[a][b]:
		return causal.After, nil
	}
	return causal.Concurrent, nil
}

func (g *graph) Event(id event.ID) (event.Event, error) { return g.events[id], g.fails }

// slice asks, and prints the answer: "3+1,2" is event 3, beside the object,
// which follows 1 and 2.
func (g *graph) slice(t *testing.T, q Question) string {
	t.Helper()
	q.History = g.about
	causes, more, err := Slice(g, q)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, c := range causes {
		word := fmt.Sprint(c.Event.ID[0])
		if c.Beside {
			word += "+"
		}
		for _, f := range c.Follows {
			word += fmt.Sprint("<", f[0])
		}
		words = append(words, word)
	}
	if more {
		words = append(words, "more")
	}
	return strings.Join(words, " ")
}

// story: 1 makes the object and 2 sets its title; 4 was an act of another who
// had read 3, which is beside; 5 is concurrent with all of them but 1.
func story() *graph {
	g := newGraph()
	g.add(1, nil, true)
	g.add(2, []byte{1}, true, "title")
	g.add(9, nil, false)
	g.add(3, []byte{9}, false)
	g.add(4, []byte{2, 3}, true, "owner")
	g.add(5, []byte{1}, true, "title")
	g.add(6, []byte{4}, true, "title")
	return g
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRule01_WhatStandsAndItsPast(t *testing.T) {
	want(t, story().slice(t, Question{Seeds: []event.ID{name(4)}}), "1 2<1 3+ 4<2<3")
	want(t, story().slice(t, Question{Seeds: []event.ID{name(5)}}), "1 5<1")
	want(t, story().slice(t, Question{Seeds: []event.ID{name(5), name(6)}}), "1 2<1 3+ 5<1 4<2<3 6<4")
}

func TestRule02_AFieldIsWhatWroteIt(t *testing.T) {
	want(t, story().slice(t, Question{Seeds: []event.ID{name(6)}, Field: "owner"}), "1 2+<1 3+ 4<2<3")
	want(t, story().slice(t, Question{Seeds: []event.ID{name(5)}, Field: "title"}), "1 5<1")
	g := story()
	moved := &g.about[2] // the third about the object changes its state
	moved.Header.Facts = event.Facts{State: "claimed"}
	want(t, g.slice(t, Question{Seeds: []event.ID{name(6)}, Field: "state"}), "1 2+<1 3+ 4<2<3")
}

func TestRule03_WhatAnAuthorUsedIsBeside(t *testing.T) {
	got := story().slice(t, Question{Seeds: []event.ID{name(4)}})
	if !strings.Contains(got, "3+") || strings.Contains(got, "9") {
		t.Error("one step beside the object is wanted, and no more:", got)
	}
}

func TestRule04_CausesFirstInOneOrder(t *testing.T) {
	for seed := range int64(200) {
		g, r := random(seed), rand.New(rand.NewSource(seed))
		q := Question{Seeds: []event.ID{g.about[len(g.about)-1].ID, g.about[len(g.about)/2].ID}}
		first := g.slice(t, q)
		r.Shuffle(len(g.about), func(i, j int) { g.about[i], g.about[j] = g.about[j], g.about[i] })
		slices.Reverse(q.Seeds)
		want(t, g.slice(t, q), first)
		causes, _, err := Slice(g, Question{History: g.about, Seeds: q.Seeds})
		if err != nil {
			t.Fatal(err)
		}
		for n, c := range causes {
			for _, earlier := range causes[:n] {
				if g.past[earlier.Event.ID][c.Event.ID] {
					t.Fatalf("seed %d: an effect comes before its cause", seed)
				}
			}
		}
	}
}

// What a cause follows, by definition: those of the answer in its past, less
// those in the past of another of them.
func TestRule05_FollowsAreTheNewest(t *testing.T) {
	for seed := range int64(200) {
		g := random(seed)
		causes, _, err := Slice(g, Question{History: g.about, Seeds: []event.ID{g.about[len(g.about)-1].ID}})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range causes {
			var behind []event.ID
			for _, other := range causes {
				if g.past[c.Event.ID][other.Event.ID] {
					behind = append(behind, other.Event.ID)
				}
			}
			newest := slices.DeleteFunc(slices.Clone(behind), func(id event.ID) bool {
				return slices.ContainsFunc(behind, func(over event.ID) bool { return g.past[over][id] })
			})
			slices.SortFunc(newest, func(a, b event.ID) int { return int(a[0]) - int(b[0]) })
			if !slices.Equal(newest, c.Follows) {
				t.Fatalf("seed %d: %d follows %v, want %v", seed, c.Event.ID[0], c.Follows, newest)
			}
		}
	}
}

func TestRule06_TheNewestAreKept(t *testing.T) {
	all := Question{Seeds: []event.ID{name(6)}}
	want(t, story().slice(t, all), "1 2<1 3+ 4<2<3 6<4")
	all.Limit = 2
	want(t, story().slice(t, all), "4 6<4 more")
	all.Limit = Most + 1
	g := newGraph()
	g.add(1, nil, true)
	for n := range 254 {
		g.add(byte(n+2), []byte{byte(n + 1)}, true)
	}
	all.Seeds = []event.ID{name(255)}
	if got := g.slice(t, all); strings.HasSuffix(got, "more") {
		t.Error("what fits is cut")
	}
}

func TestAPastThatCannotBeReadIsTold(t *testing.T) {
	g := story()
	g.fails = errors.New("the disk is gone")
	if _, _, err := Slice(g, Question{History: g.about, Seeds: []event.ID{name(6)}}); !errors.Is(err, g.fails) {
		t.Error("an answer was given:", err)
	}
}

func random(seed int64) *graph {
	r, g := rand.New(rand.NewSource(seed)), newGraph()
	g.add(1, nil, true)
	for n := byte(2); n < 40; n++ {
		parents := []byte{1 + byte(r.Intn(int(n)-1))}
		if other := 1 + byte(r.Intn(int(n)-1)); !slices.Contains(parents, other) {
			parents = append(parents, other)
		}
		g.add(n, parents, r.Intn(2) == 0)
	}
	return g
}

func TestEveryRuleHasATest(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("slice_test.go")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`(?m)^(\d+)\. `).FindAllStringSubmatch(string(spec), -1)
	if len(rules) == 0 {
		t.Fatal("there are no rules")
	}
	for _, rule := range rules {
		if !strings.Contains(string(tests), fmt.Sprintf("func TestRule%02s_", rule[1])) {
			t.Errorf("rule %s has no test", rule[1])
		}
	}
}
