package badgerlog

import (
	"context"
	"errors"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Seals come in the order of their chain, and name the events under them.
func TestSealsAreGivenWithWhatTheyCover(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	decided(t, l, 23)
	last := mustAppend(t, l)
	for range 2 { // as it was written, and as it was read
		next, before := uint64(0), event.ID{}
		for s, err := range l.Seals(l.Replica()) {
			if err != nil || s.First != next || s.Prev != before {
				t.Fatalf("a seal from %d on, want %d: %v", s.First, next, err)
			}
			ids, err := l.Under(s)
			if err != nil || event.Root(ids) != s.Root {
				t.Fatalf("%d events under a seal: %v", len(ids), err)
			}
			next = s.Last + 1
			if before, err = s.ID(); err != nil {
				t.Fatal(err)
			}
		}
		if next < 20 {
			t.Fatalf("the seals cover %d events", next)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = mustOpen(t, dir)
	}
	for range l.Seals("nobody") {
		t.Error("a chain that is not here has a seal")
	}
	for _, s := range []event.Seal{{Replica: "nobody"}, {Replica: l.Replica(), Last: last.Header.Seq + 1}} {
		if _, err := l.Under(s); !fault.Is(err, "event_lost") {
			t.Error("what is not here lies under a seal:", err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, err := range l.Seals(l.Replica()) {
		if !fault.Is(err, "log_closed") {
			t.Error("a closed log gives seals:", err)
		}
	}
}

func TestRecordsAreFoundByTheirIndex(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	decided(t, l, 10)
	index := uint64(0)
	if err := l.Scan(0, func(n uint64, e event.Event) error {
		if e.Header.Class != event.Control {
			return nil
		}
		if at, known := l.RecordAt(index); !known || at != n {
			t.Errorf("record %d is at %d, want %d", index, at, n)
		}
		index++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, known := l.RecordAt(index); known || index < 3 {
		t.Errorf("there are %d records, or more", index)
	}
}

func TestACutIsMadeWhole(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	first, second := mustAppend(t, l), mustAppend(t, l)
	cut, err := l.Cut(event.Cut{Past: []event.ID{second.ID}})
	if err != nil || cut.Count() != 2 {
		t.Fatal(cut.Count(), err)
	}
	whole := l.Whole(cut)
	if n, err := l.ArrivalOf(first.ID); err != nil || whole.Count() != 3 || !whole.Contains(cut) {
		t.Errorf("%d events, with that of arrival %d: %v", whole.Count(), n, err)
	}
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Events are the same whether one or many are read at one go.
func TestEventsAreReadAtOneGo(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	decided(t, l, 40)
	for step := 1; step < 7; step++ {
		var want, got []uint64
		for n := uint64(step % 3); n < l.Count(); n += uint64(step) {
			want = append(want, n)
		}
		if err := l.EventsAt(want, func(n uint64, e event.Event) error {
			one, err := l.EventAt(n)
			if err != nil || one.ID != e.ID || string(one.Body) != string(e.Body) {
				t.Errorf("event %d is %v: %v", n, e.ID, err)
			}
			got = append(got, n)
			return nil
		}); err != nil || !slices.Equal(got, want) {
			t.Errorf("read %v, want %v: %v", got, want, err)
		}
	}
	if err := l.EventsAt([]uint64{1, l.Count()}, func(uint64, event.Event) error { return nil }); !fault.Is(err, "event_unknown") {
		t.Error("what is not here:", err)
	}
	stop := errors.New("enough")
	if err := l.EventsAt([]uint64{1, 2}, func(uint64, event.Event) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}
