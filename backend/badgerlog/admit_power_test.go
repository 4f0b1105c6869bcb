package badgerlog

import (
	"context"
	"fmt"
	"os"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// alone stands for a test where there is none: in the writer that others cut or kill.
type alone struct{ testing.TB }

func (alone) Helper() {}

func (alone) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// admitter admits chains of three replicas, of which the last forks, and tells each
// event that was taken. The chains are the same in every run, and begin anew: what
// is here already changes nothing.
type admitter struct {
	log  *Log
	base event.Basis
	all  []*scribe
	size int
	only bool // nobody else writes
}

const admitters = 3

// admitterOf returns who admits chains beside what the writer appends; nil for nobody.
func admitterOf(l *Log) (*admitter, error) {
	if os.Getenv("BADGERLOG_ADMIT") == "" {
		return nil, nil //nolint:nilnil // nobody admits
	}
	return newAdmitterOf(alone{}, l)
}

func newAdmitterOf(t testing.TB, l *Log) (*admitter, error) {
	for l.stand().Control.Index < admitters {
		enrol(t, l, replicaOf(keyOf(40+byte(l.stand().Control.Index))))
	}
	n, _ := l.chains.controlLine().at(admitters)
	a := &admitter{log: l, base: event.Basis{Index: admitters, Record: l.ids.at(uint64(n))}, size: 3, only: os.Getenv("BADGERLOG_ADMIT") == "only"}
	for n := range admitters {
		a.all = append(a.all, &scribe{t: t, key: keyOf(40 + byte(n)), genesis: l.Genesis(), basis: a.base})
	}
	return a, l.Seal(context.Background())
}

// step writes more of every chain, each after what the one before wrote, and admits
// it. It returns what is durable then.
func (a *admitter) step() (taken []event.ID, err error) {
	var b Batch
	first := len(a.all[0].ids) == 0
	last := event.ID{}
	for n, w := range a.all {
		if n == admitters-1 && first {
			w.write(nil)
			b.Runs = append(b.Runs, w.run())
			other := w.fork()
			w.write(nil)
			other.write(nil)
			b.Runs = append(b.Runs, w.run(), other.run())
			taken = append(taken, w.ids[1], other.ids[1])
			break
		}
		for i := range a.size {
			if i == 0 && n > 0 {
				h := a.all[n-1].lamport(last)
				last = w.after(h+1, last)
				continue
			}
			last = w.write(nil)
		}
		if n < admitters-1 {
			b.Runs = append(b.Runs, w.run())
			taken = append(taken, last)
		}
	}
	a.size = a.size%600 + 97
	got, err := a.log.Admit(context.Background(), b)
	if err == nil && len(got.Missing) > 0 {
		err = fmt.Errorf("%v: %v", got, got.Missing)
	}
	return taken, err
}

// lamport of an event of this chain.
func (w *scribe) lamport(id event.ID) uint64 {
	for i := len(w.ids) - 1; i >= 0; i-- {
		if w.ids[i] == id {
			h, _, err := event.DecodeHeader(w.sent[i].Header)
			if err != nil {
				w.t.Fatal(err)
			}
			return h.Lamport
		}
	}
	return 0
}

// A killed writer that admits chains leaves a log that is closed, and has all that
// was acknowledged, with the proof against who forked.
func TestKilledAdmitterLosesNothing(t *testing.T) {
	t.Setenv("BADGERLOG_ADMIT", "on")
	TestKilledWriterLosesNothing(t)
}

func TestPowerCutTakesNothingThatWasAdmitted(t *testing.T) {
	each(t, rounds(6, 200), func(t *testing.T, i int) {
		t.Setenv("BADGERLOG_ADMIT", []string{"on", "only"}[i%2])
		if n, err := cutPower(t, 3+i*97%1500/(1+i%2*20), false); n > 0 || err != nil {
			t.Errorf("%d acknowledged events lost: %v", n, err)
		}
	})
}

// The control: without syncs the same cut takes what was admitted.
func TestPowerCutWithoutSyncTakesWhatWasAdmitted(t *testing.T) {
	t.Setenv("BADGERLOG_ADMIT", "only")
	if n, _ := cutPower(t, 20, true); n == 0 {
		t.Fatal("nothing was lost without syncs: the power cut does not bite")
	}
}

// What a crash takes from the end of the store, where others' events lie that no
// later own event rests on, is asked for again: what is left is closed, and no loss.
func TestALostTailOfOthersIsAskedForAgain(t *testing.T) {
	l := founded(t)
	a, err := newAdmitterOf(t, l)
	if err != nil {
		t.Fatal(err)
	}
	before := keep(t, l.o.Dir)
	name := before.one(t, ".mem")
	for range 4 {
		if _, err := a.step(); err != nil {
			t.Fatal(err)
		}
	}
	whole, after := idSet(t, l), keep(t, l.o.Dir)
	from, to := len(before[name].bytes), len(after[name].bytes)
	b, fewer := all(t, l, founded(t)), 0
	for i := range rounds(24, 400) {
		at := from + (to-from)*i/rounds(24, 400)
		cut := after.with(name, func(f keptFile) keptFile { return keptFile{f.bytes[:at], f.size} })
		dir := cut.write(t)
		left, _, err := Open(context.Background(), homeOf(dir))
		if err != nil {
			t.Fatalf("cut at %d of %d: %v", at, to, err)
		}
		if left.Count() < uint64(len(whole)) {
			fewer++
		}
		auditClean(t, left)
		if frauds, _ := left.Frauds(); len(frauds) != len(left.Forked()) {
			t.Fatalf("cut at %d: %d forks and %d proofs", at, len(left.Forked()), len(frauds))
		}
		got := mustAdmit(t, left, b)
		if ids := idSet(t, left); fmt.Sprint(ids) != fmt.Sprint(whole) {
			t.Fatalf("cut at %d: %v, %d of %d events", at, got, len(ids), len(whole))
		}
		auditClean(t, left)
		left.Close()
		os.RemoveAll(dir)
	}
	if fewer < 10 {
		t.Error("the cuts do not bite:", fewer)
	}
}
