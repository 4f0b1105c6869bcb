package badgerlog

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/sim"
)

// dropAll freezes what is there and drops its bodies, again and again, and prints
// when each step is done.
func dropAll(l *Log, orphan chan struct{}, out *sync.Mutex) error {
	rng := rand.New(rand.NewSource(1))
	say := func(word string, id event.ID) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(word, id)
	}
	for {
		select {
		case <-orphan:
			return nil
		default:
		}
		if err := dropOnce(l, rng, say); err != nil {
			return err
		}
	}
}

func dropOnce(l *Log, rng *rand.Rand, say func(string, event.ID)) error {
	for range 20 {
		content, err := event.EncodeContent(&event.Remark{Why: fmt.Sprintf("%0*d", 1+rng.Intn(60_000), 7)})
		if err != nil {
			return err
		}
		if _, err := l.Append(context.Background(), draft(l, content)); err != nil {
			return err
		}
	}
	proposed, err := propose(l)
	if err == nil {
		err = finalize(l, proposed)
	}
	if err != nil {
		return err
	}
	say("final", proposed.ID)
	if _, _, err := l.DropBodies(context.Background(), proposed.ID, anyBody); err != nil {
		return err
	}
	say("dropped", proposed.ID)
	if err := l.Reclaim(context.Background()); err != nil {
		return err
	}
	say("reclaimed", proposed.ID)
	return nil
}

// undone counts the bodies that came back, though their drop was acknowledged.
func undone(t *testing.T, dir string, dropped []string) (n uint64) {
	t.Helper()
	l := mustOpen(t, dir)
	defer l.Close()
	for _, text := range dropped {
		id, err := event.ParseID(text)
		if err != nil {
			continue // the last line of a killed writer
		}
		back, _, err := l.DropBodies(context.Background(), id, anyBody)
		if err != nil {
			back++ // what the drop rested on is gone
		}
		n += back
	}
	if err := l.Reclaim(context.Background()); err != nil {
		t.Error(err)
	}
	mustAudit(t, l)
	return n
}

// steps are the words after which a dropping writer is ended, with how many of
// them: so that it is ended before, within and after each step.
var steps = []struct {
	word string
	n    int
}{{"ack", 30}, {"final", 1}, {"dropped", 1}, {"ack", 90}, {"reclaimed", 1}, {"final", 2}, {"dropped", 2}, {"ack", 200}, {"reclaimed", 2}, {"final", 4}}

// kill -9 at every step of a drop: what was acknowledged is there, what was
// dropped stays gone, and what is half done is the old or the new.
func TestKilledDropIsWholeOrNot(t *testing.T) {
	t.Setenv("BADGERLOG_DROP", "yes")
	dir := t.TempDir()
	var acked, dropped []string
	for i := range rounds(len(steps), 400) {
		step := steps[i%len(steps)]
		c := startWriter(t, dir, false)
		c.waitFor(t, step.word, step.n+i/len(steps)%3)
		c.kill()
		acked, dropped = append(acked, c.said("ack")...), append(dropped, c.said("dropped")...)
		if n, err := lost(dir, acked); n > 0 || err != nil {
			t.Fatalf("kill %d at %s: %d of %d acknowledged events lost: %v", i, step.word, n, len(acked), err)
		}
		if n := undone(t, dir, dropped); n > 0 {
			t.Fatalf("kill %d at %s: %d bodies came back", i, step.word, n)
		}
	}
}

// What a kill leaves after each step of a drop and of giving back its room is
// sound, and goes on to the same end.
func TestEachStepOfADropIsWhole(t *testing.T) {
	dir, rng := t.TempDir(), rand.New(rand.NewSource(1))
	l := mustOpen(t, dir)
	defer l.Close()
	told(t, l, rng, 2*maxGroupEvents, 40)
	checkpoint := final(t, l)
	var left []string
	l.o.stepped = func() {
		at := filepath.Join(t.TempDir(), "left")
		if err := os.CopyFS(at, os.DirFS(dir)); err != nil {
			t.Error(err)
		}
		left = append(left, at)
	}
	whole := mustDrop(t, l, checkpoint, anyBody)
	if err := l.Reclaim(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(left) < 4 { // two of the drop, two of giving back
		t.Errorf("there were %d steps", len(left))
	}
	for n, at := range left {
		l := mustOpen(t, at)
		mustAudit(t, l)
		before := l.dropped.dropped
		rest := mustDrop(t, l, checkpoint, anyBody)
		if before.bodies == 0 || before.bodies+rest.bodies != whole.bodies || (rest.bodies > 0) != (n == 0) {
			t.Errorf("step %d: %d bodies were gone, %d went then, of %d", n, before.bodies, rest.bodies, whole.bodies)
		}
		if err := l.Reclaim(context.Background()); err != nil || l.owes() {
			t.Error(n, err)
		}
		mustAudit(t, l)
		mustClose(t, l)
	}
}

// cutPowerOfDrop cuts the power at a step of a dropping writer, and returns what
// was lost and what came back.
func cutPowerOfDrop(t *testing.T, word string, n int, syncOff bool) (missing int, back uint64, err error) {
	t.Helper()
	t.Setenv("BADGERLOG_DROP", "yes")
	disk, dir := mount(t)
	c := startWriter(t, dir, syncOff)
	c.waitFor(t, word, n)
	acked, dropped := c.said("ack"), c.said("dropped")
	left := disk.Cut()
	c.kill()
	after := filepath.Join(t.TempDir(), "after")
	if err := sim.Restore(left, after); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(after); err != nil {
		return len(acked), 0, err
	}
	if missing, err = lost(after, acked); err != nil {
		return missing, 0, err
	}
	return missing, undone(t, after, dropped), nil
}

func TestPowerCutOfADropIsWholeOrNot(t *testing.T) {
	for i := range rounds(len(steps), 200) {
		step := steps[i%len(steps)]
		t.Run(fmt.Sprint(i, step.word), func(t *testing.T) {
			if n, back, err := cutPowerOfDrop(t, step.word, step.n+i/len(steps)%3, false); n > 0 || back > 0 || err != nil {
				t.Errorf("%d acknowledged events lost, %d dropped bodies back: %v", n, back, err)
			}
		})
	}
}

// The control: without syncs the same cut takes events, or brings bodies back.
func TestPowerCutOfADropWithoutSyncHarms(t *testing.T) {
	if n, back, err := cutPowerOfDrop(t, "dropped", 1, true); n == 0 && back == 0 && err == nil {
		t.Fatal("nothing was lost and nothing came back without syncs: the power cut does not bite")
	}
}
