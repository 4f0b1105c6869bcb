package object

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// foldAt folds the events of a cut.
func (w *world) foldAt(all *Fold, events []event.Event, in func(event.Event) bool) *Fold {
	w.t.Helper()
	f := NewAt(w, all.Judgement)
	for _, e := range events {
		if in(e) {
			if _, err := f.Apply(e); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return f
}

// past is the cut that one event had: its past and itself, with genesis.
func (w *world) past(of event.Event) func(event.Event) bool {
	return func(e event.Event) bool { return e.ID == of.ID || e.ID == w.genesis || w.pasts[of.ID][e.ID] }
}

// A cut is what its events make: none that lies outside changes it, and what was
// known then is what a fold of then had.
func TestRule35_ACutIsWhatItsEventsMake(t *testing.T) {
	for seed := range int64(100) {
		w := randomWork(t, seed)
		all := w.fold()
		r := rand.New(rand.NewSource(seed))
		n := 1 + r.Intn(len(w.events)-1)
		then := w.foldOf(w.events[:n])
		at := w.foldAt(all, w.events, func(e event.Event) bool {
			return slices.ContainsFunc(w.events[:n], func(o event.Event) bool { return o.ID == e.ID })
		})
		for _, o := range then.Objects(KindWorkItem) {
			x, y := o.(*Entity), entity(t, at, event.Event{ID: o.Head().ID})
			for _, key := range []string{"state", "title", "depends_on"} {
				if !slices.Equal(x.Writers(key), y.Writers(key)) {
					t.Fatalf("seed %d: %s of a cut stands by others than it did then", seed, key)
				}
			}
			if statesText(x) != statesText(y) || fmt.Sprint(x.Frontier) != fmt.Sprint(y.Frontier) {
				t.Fatalf("seed %d: a cut differs from what stood then", seed)
			}
		}
		if len(then.Objects(KindWorkItem)) != len(at.Objects(KindWorkItem)) {
			t.Fatalf("seed %d: the cut has other objects", seed)
		}
	}
}

func TestRule36_TheDigestIsOfTheCutAlone(t *testing.T) {
	for seed := range int64(100) {
		w := randomWork(t, seed)
		all, r := w.fold(), rand.New(rand.NewSource(seed))
		cut := w.past(w.events[len(w.events)-1-r.Intn(5)])
		want := w.foldAt(all, w.events, cut).Digest()
		if want.Version != FoldVersion || want.Hash.IsZero() {
			t.Fatal(want)
		}
		if got := w.foldAt(all, w.shuffled(r), cut).Digest(); got != want {
			t.Fatalf("seed %d: another order of arrival, another digest", seed)
		}
		bare := slices.Clone(w.events)
		for n := range bare {
			bare[n].Body = nil
		}
		if got := w.foldAt(w.foldOf(bare), bare, cut).Digest(); got != want {
			t.Fatalf("seed %d: without bodies the digest is another", seed)
		}
		w.add("later")
		if got := w.foldAt(w.fold(), w.events, cut).Digest(); got != want {
			t.Fatalf("seed %d: an event outside changes the digest", seed)
		}
		last := w.events[len(w.events)-1]
		if got := w.foldAt(w.fold(), w.events, func(e event.Event) bool { return cut(e) || e.ID == last.ID }).Digest(); got == want {
			t.Fatalf("seed %d: one event more, and the same digest", seed)
		}
	}
}

// Where a chain has a gap in the cut, what cannot be said is marked.
func TestRule37_AGapIsMarked(t *testing.T) {
	w := newWorld(t)
	x := w.start("x")
	one := w.next(event.ExecutionOutputType, x, x, bytesOf(0, 5))
	two := w.write(home, event.ExecutionOutputType, []event.ID{x.ID}, event.Remark{}, about(x.ID), bytesOf(5, 9)) // has not seen the first
	all := w.fold()
	w.want(all, one, "")
	w.want(all, two, "")
	at := w.foldAt(all, w.events, w.past(two))
	if got := w.execution(at, x); !got.Metadata.Partial || got.Output != 0 {
		t.Errorf("with a gap it is %+v", got)
	}
	if got := w.execution(w.foldAt(all, w.events, func(event.Event) bool { return true }), x); got.Metadata.Partial || got.Output != 9 {
		t.Errorf("without a gap it is %+v", got)
	}
	void := w.next(event.ExecutionRenamedType, x, two, func(h *event.Header) { h.Facts.Fields = []string{"title"} })
	all = w.fold()
	w.want(all, void, "fields")
	if got := w.execution(w.foldAt(all, w.events, w.past(void)), x); slices.Contains(got.Frontier, void.ID) {
		t.Error("a void event has an effect in a cut")
	}
}
