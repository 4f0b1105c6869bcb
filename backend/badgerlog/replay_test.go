package badgerlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"sync"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func replayed(dir string) (ids []event.ID, err error) {
	o := homeOf(dir)
	o.Replay = func(n uint64, e event.Event) error {
		if n != uint64(len(ids)) || event.BodyHash(e.Body) != e.Header.BodyHash {
			return fmt.Errorf("event %d comes as number %d", n, len(ids))
		}
		ids = append(ids, e.ID)
		return nil
	}
	l, _, err := Open(context.Background(), o)
	if err == nil {
		err = l.Close()
	}
	return ids, err
}

func TestReplayGivesEveryEventInOrder(t *testing.T) {
	dir := t.TempDir()
	if ids, err := replayed(dir); err != nil || len(ids) != 1 {
		t.Fatal("a new home replays its genesis alone:", ids, err)
	}
	l := mustOpen(t, dir)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 3 * replayPart / 8 {
				if _, err := l.Append(context.Background(), draft(l, nil)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var want []event.ID
	if err := l.Scan(0, func(_ uint64, e event.Event) error { want = append(want, e.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	l.Close()
	got, err := replayed(dir)
	if err != nil || !slices.Equal(got, want) || len(got) != 3*replayPart+1 {
		t.Fatalf("%d events replayed, want %d: %v", len(got), len(want), err)
	}
}

func TestReplayCanRefuse(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	mustAppend(t, l)
	l.Close()
	o, no := homeOf(dir), errors.New("no")
	o.Replay = func(n uint64, _ event.Event) error {
		if n == 1 {
			return no
		}
		return nil
	}
	if _, _, err := Open(context.Background(), o); !errors.Is(err, no) {
		t.Fatal(err)
	}
	l = mustOpen(t, dir) // what was opened is closed again
	l.Close()
}

// webs builds a log of sessions that use one another's events, and the past of
// each as a set.
func web(t *testing.T, l *Log, n int) (ids []event.ID, past map[event.ID]map[event.ID]bool) {
	t.Helper()
	rng, newest := rand.New(rand.NewSource(1)), map[int]event.ID{}
	past = map[event.ID]map[event.ID]bool{}
	for range n {
		s := rng.Intn(4)
		var used []event.ID
		if own, ok := newest[s]; ok {
			used = append(used, own)
		}
		if len(ids) > 0 && rng.Intn(2) == 0 {
			used = append(used, ids[rng.Intn(len(ids))])
		}
		parents, err := l.Maximal(used)
		if err != nil {
			t.Fatal(err)
		}
		d := draft(l, nil, parents...)
		d.Session = event.Derived(l.Genesis(), fmt.Sprint("session", s))
		e, err := l.Append(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		all := map[event.ID]bool{}
		for _, p := range parents {
			all[p] = true
			for q := range past[p] {
				all[q] = true
			}
		}
		newest[s], past[e.ID], ids = e.ID, all, append(ids, e.ID)
	}
	return ids, past
}

func TestRelateAnswersAlikeAfterReopen(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	ids, past := web(t, l, 60)
	check := func(l *Log) {
		t.Helper()
		for _, a := range ids {
			for _, b := range ids {
				want := causal.Concurrent
				switch {
				case a == b:
					want = causal.Same
				case past[b][a]:
					want = causal.Before
				case past[a][b]:
					want = causal.After
				}
				if got, err := l.Relate(a, b); err != nil || got != want {
					t.Fatalf("%v, want %v: %v", got, want, err)
				}
			}
		}
	}
	check(l)
	mustAudit(t, l)
	l.Close()
	l = mustOpen(t, dir)
	defer l.Close()
	check(l)
}

func TestUnknownEventsHaveNoRelation(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	a := mustAppend(t, l)
	if _, err := l.Relate(a.ID, event.ID{1}); !fault.Is(err, "event_unknown") {
		t.Error(err)
	}
	if _, err := l.Maximal([]event.ID{a.ID, {1}}); !fault.Is(err, "parent_unknown") {
		t.Error(err)
	}
	front, err := l.Maximal([]event.ID{a.ID, l.Genesis(), a.ID})
	if err != nil || len(front) != 2 || bytes.Compare(front[0][:], front[1][:]) >= 0 {
		t.Error("concurrent events are kept once, ascending:", front, err)
	}
}

// A log may be closed while others write and read: each call is served or told
// that the log is closed, and what was acknowledged is there.
func TestCloseServesOrRefuses(t *testing.T) {
	for range rounds(3, 100) {
		dir := t.TempDir()
		l := mustOpen(t, dir)
		var wg sync.WaitGroup
		var mu sync.Mutex
		var acked []event.ID
		began := make(chan struct{}, 64)
		for range 8 {
			wg.Go(func() {
				for {
					e, err := l.Append(context.Background(), draft(l, nil, l.Genesis()))
					if err != nil {
						if !fault.Is(err, "log_closed") {
							t.Error(err)
						}
						return
					}
					mu.Lock()
					acked = append(acked, e.ID)
					mu.Unlock()
					select {
					case began <- struct{}{}:
					default:
					}
				}
			})
			wg.Go(func() { readUntilClosed(t, l) })
		}
		<-began
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		l = mustOpen(t, dir)
		for _, id := range acked {
			if _, err := l.Event(id); err != nil {
				t.Error(err)
			}
		}
		mustAudit(t, l)
		l.Close()
	}
}

func readUntilClosed(t *testing.T, l *Log) {
	for {
		_, err := l.Event(l.Genesis())
		if err == nil {
			err = l.Scan(0, func(_ uint64, e event.Event) error { _, err := l.Event(e.ID); return err })
		}
		if fault.Is(err, "log_closed") {
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}
