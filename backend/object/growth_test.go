package object

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// line is a past in which each event follows the one before it. An id begins with
// the event's place.
type line struct{}

func (line) Relate(a, b event.ID) (causal.Relation, error) {
	if binary.BigEndian.Uint64(a[:8]) < binary.BigEndian.Uint64(b[:8]) {
		return causal.Before, nil
	}
	return causal.After, nil
}

// BenchmarkOneObject takes ever more events about one work item: what one costs
// must not grow with those before it. The metric is the last tenth's share of the
// first tenth's time.
func BenchmarkOneObject(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				first, last := takeMany(b, n)
				b.ReportMetric(float64(last)/float64(first), "last/first")
				b.ReportMetric(float64(last.Nanoseconds())/float64(n/10), "ns/last")
			}
		})
	}
}

func takeMany(b *testing.B, n int) (first, last time.Duration) {
	b.Helper()
	w := newWorld(b)
	f := New(line{})
	x := w.add("x")
	for _, e := range w.events {
		if _, err := f.Apply(e); err != nil {
			b.Fatal(err)
		}
	}
	before, began := x.ID, time.Now()
	for i := range n {
		e := turnOf(w, x, i)
		e.Header.Parents = []event.ID{before}
		binary.BigEndian.PutUint64(e.ID[:8], uint64(i+1))
		if j, err := f.Apply(e); err != nil || j.Verdict != Valid {
			b.Fatal(j, err)
		}
		before = e.ID
		switch i {
		case n / 10:
			first, began = time.Since(began), time.Now()
		case n - n/10:
			began = time.Now()
		}
	}
	return first, time.Since(began)
}

// turnOf is one of the things that happen to a work item again and again.
func turnOf(w *world, x event.Event, i int) event.Event {
	h := x.Header
	h.Seq, h.Lamport, h.Affected = uint64(i+1), uint64(i+2), []event.ID{x.ID}
	h.Facts.Fields = nil
	switch i % 3 {
	case 0:
		h.Type, h.Facts.State = event.WorkItemClaimedType, "claimed"
	case 1:
		h.Type, h.Facts.State, h.Facts.Fields = event.WorkItemBlockedType, "blocked", []string{"blocked_on"}
	default:
		h.Type, h.Facts.State, h.Facts.Fields = event.WorkItemUpdatedType, "", []string{"title"}
	}
	return event.Event{ID: event.ID{31: 1}, Header: h}
}
