package badgerlog

import (
	"context"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// What goes may lie in the newest group, which the anchor has too: whatever a kill
// leaves then opens, as it does in a home that took all of it in at once.
func TestADropInTheNewestGroupOpensAgain(t *testing.T) {
	founder := founded(t)
	events := told(t, founder, rand.New(rand.NewSource(1)), 5, 100)
	checkpoint := final(t, founder)
	dir := t.TempDir()
	to := follow(t, founder, dir, 3)
	exchanged(t, founder, to)
	run, err := to.get(number('a', 1))
	if err == nil {
		err = to.inTurn(context.Background(), func() error { return to.commit([]entry{{Key: number('a', 1), Value: run}}, to.at) })
	}
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(t.TempDir(), "left")
	to.o.stepped = func() {
		if _, err := os.Stat(left); err == nil {
			return
		}
		if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
			t.Error(err)
		}
	}
	if got := mustDrop(t, to, checkpoint, anyBody); got.bodies != 5 {
		t.Fatalf("%d bodies are gone", got.bodies)
	}
	mustAudit(t, to)
	again := openWith(t, following(t, founder, left, 3))
	for _, e := range events {
		if got, err := again.Event(e.ID); err != nil || !got.Gone {
			t.Errorf("after a kill: gone %v, %v", got.Gone, err)
		}
	}
	mustAudit(t, again)
	if mine, err := founder.Event(events[0].ID); err != nil || mine.Gone {
		t.Error("what one home dropped is gone in another:", err)
	}
}

// What was gone where it came from is told from what was withheld, and handed on so.
func TestWhatWasGoneElsewhereStaysMarked(t *testing.T) {
	founder := founded(t)
	events := told(t, founder, rand.New(rand.NewSource(1)), 3, 100)
	checkpoint := final(t, founder)
	mustDrop(t, founder, checkpoint, func(n uint64, _ *event.Event) bool { return n != 2 })
	from := founder
	for seed := byte(3); seed < 5; seed++ {
		to := follow(t, founder, t.TempDir(), seed)
		exchanged(t, from, to)
		for i, e := range events {
			got, err := to.Event(e.ID)
			if err != nil || got.Gone != (i != 1) || (got.Body == nil) != (i != 1) {
				t.Errorf("home %d: event %d is gone: %v, %v", seed, i, got.Gone, err)
			}
		}
		mustAudit(t, to)
		if r, err := to.Audit(context.Background(), nil); err != nil || r.Gone != 0 {
			t.Errorf("home %d says that it dropped %d itself: %v", seed, r.Gone, err)
		}
		if n, _ := to.Dropped(); n != 0 {
			t.Errorf("home %d: its account says %d", seed, n)
		}
		from = to
	}
}
