package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
)

func TestAStoreThatDoesNotSyncIsNotComparedWith(t *testing.T) {
	all := []store{{name: "ours"}, {name: "slow"}, {name: "grouped", grouped: true}}
	rates := func() []row {
		return []row{{values: []float64{10}}, {values: []float64{5}}, {values: []float64{50}}}
	}
	rows := rates()
	if err := compare(setting{}, rows, all, []bool{true, true, true}); err != nil || !strings.HasSuffix(rows[0].note, ": met") {
		t.Errorf("ahead of all that count: %v, %s", err, rows[0].note)
	}
	rows = rates()
	if err := compare(setting{}, rows, all, []bool{true, false, true}); err == nil || !strings.HasSuffix(rows[0].note, "NOT MET") || !strings.Contains(rows[1].note, "NOT SYNCED") {
		t.Errorf("one that does not sync was counted: %v, %s", err, rows[1].note)
	}
	rows = rates()
	rows[1].values[0] = 11
	if err := compare(setting{}, rows, all, []bool{true, true, true}); err != nil || !strings.HasSuffix(rows[0].note, "NOT MET") {
		t.Errorf("behind one: %v, %s", err, rows[0].note)
	}
}

// Every store holds what it acknowledged, and says that it syncs.
func TestEveryStoreHoldsWhatItAcknowledged(t *testing.T) {
	for _, st := range stores {
		o, err := st.open(t.TempDir())
		if err != nil {
			t.Fatal(st.name, err)
		}
		if _, err := rateStore(o, 20*time.Millisecond); err != nil {
			t.Error(st.name, err)
		}
		if !o.synced {
			t.Error(st.name, "does not say that it syncs")
		}
		put := o.put
		o.put = func(writer int) error { return errors.Join(put(writer), put(writer)) }
		if _, err := rateStore(o, 20*time.Millisecond); err == nil {
			t.Error(st.name, "holds more than was acknowledged, and nobody noticed")
		}
		if err := o.close(); err != nil {
			t.Error(st.name, err)
		}
	}
}

// graphOf names each event by its session and its place there, and says what it
// follows.
func graphOf(t *testing.T) []string {
	folder := t.TempDir()
	o, err := logOptions(folder)
	if err != nil {
		t.Fatal(err)
	}
	log, _, err := badgerlog.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c := newCrowd(log, seed, 20)
	names, count := map[event.ID]string{}, map[event.ID]int{}
	for range 60 {
		if err := c.wave(); err != nil {
			t.Fatal(err)
		}
		if len(names) == 0 {
			for n, m := range c.all {
				names[m.session] = fmt.Sprint(n)
			}
		}
	}
	sessions := map[event.ID]string{}
	for id, name := range names {
		sessions[id] = name
	}
	var graph []string
	err = log.Scan(0, func(_ uint64, e event.Event) error {
		if s := e.Header.Session; !s.IsZero() {
			count[s]++
			names[e.ID] = fmt.Sprint(sessions[s], ".", count[s])
		}
		var follows []string
		for _, p := range e.Header.Parents {
			follows = append(follows, names[p])
		}
		slices.Sort(follows)
		graph = append(graph, fmt.Sprint(names[e.ID], e.Header.Type, follows))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(graph)
	return graph
}

func TestACrowdWritesTheSameGraphEachTime(t *testing.T) {
	first, second := graphOf(t), graphOf(t)
	if !slices.Equal(first, second) {
		t.Error("the same seed gave two graphs")
	}
	if len(first) != 1+20*60 {
		t.Errorf("%d events, wanted genesis and one of each session in each wave", len(first))
	}
}

func TestAPlotIsWellFormed(t *testing.T) {
	svg := plotOf("What it costs", []curve{{"one", "a", []point{{1000, 20e-6}, {1e6, 31e-6}}}, {"other", "b", []point{{1000, 3e-6}}}})
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || strings.Count(svg, `class="mark`) != 5 {
		t.Error("a point is not where it should be:", svg)
	}
}

func TestWhatWasNotAnsweredIsNotMet(t *testing.T) {
	for _, r := range answerRows(setting{}, whole, []reading{{Reopen: 1, Relate: [2]float64{1e-6, 2e-6}}}) {
		answered := strings.HasPrefix(r.peer, "relate")
		if strings.HasSuffix(r.note, "NOT MET") == answered {
			t.Errorf("%s: %s", r.peer, r.note)
		}
	}
}

// What is measured is a whole chain: every event of it is taken.
func TestAForeignChainIsAdmittedWhole(t *testing.T) {
	p, err := writeForeign(t.TempDir(), 40*writers)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rateAdmit(t.TempDir(), p); err != nil || p.events != 40*writers {
		t.Error(p.events, err)
	}
	p.batch.Runs = p.batch.Runs[:len(p.batch.Runs)-1]
	if _, err := rateAdmit(t.TempDir(), p); err == nil {
		t.Error("a part was admitted, and nobody noticed")
	}
}
