package object

import (
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// foldAt folds the events of a cut.
func (w *world) foldAt(all *Fold, events []event.Event, in func(event.Event) bool) ofCut {
	w.t.Helper()
	f := ofCut{Fold: NewAt(w, all.Judgement)}
	for _, e := range events {
		if in(e) {
			if _, err := f.Apply(e); err != nil {
				w.t.Fatal(err)
			}
			f.ids = append(f.ids, e.ID)
		}
	}
	return f
}

// ofCut is a fold of a cut, with the events of that.
type ofCut struct {
	*Fold
	ids []event.ID
}

func (f ofCut) Digest() event.Digest { return f.Fold.Digest(f.ids) }

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
			x, y := o.(*Entity), entity(t, at.Fold, event.Event{ID: o.Head().ID})
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
	if got := w.execution(at.Fold, x); !got.Metadata.Partial || got.Output != 9 {
		t.Errorf("with a gap it is %+v", got)
	}
	if got := w.execution(w.foldAt(all, w.events, func(event.Event) bool { return true }).Fold, x); got.Metadata.Partial || got.Output != 9 {
		t.Errorf("without a gap it is %+v", got)
	}
	void := w.next(event.ExecutionRenamedType, x, two, func(h *event.Header) { h.Facts.Fields = []string{"title"} })
	all = w.fold()
	w.want(all, void, "fields")
	if got := w.execution(w.foldAt(all, w.events, w.past(void)).Fold, x); slices.Contains(got.Frontier, void.ID) {
		t.Error("a void event has an effect in a cut")
	}
}

// In a cut with gaps an execution has what its last events there state.
func TestRule37_WithGapsTheLastStatementsHold(t *testing.T) {
	partial := 0
	for seed := range int64(300) {
		w, r := randomWorld(t, seed, 80), rand.New(rand.NewSource(seed))
		all := w.fold()
		in := w.past(w.events[len(w.events)-1-r.Intn(20)])
		at := w.foldAt(all, w.events, in)
		for _, x := range at.Executions() {
			if x.Metadata.Partial {
				partial++
			}
			state, output, size, turn := stated(w, all, x, in)
			if x.State != state || x.Output != output || x.Size != size || x.Turn.Epoch != turn {
				t.Fatalf("seed %d: it is %s, %d, %v, %d; its events state %s, %d, %v, %d", seed, x.State, x.Output, x.Size, x.Turn.Epoch, state, output, size, turn)
			}
		}
	}
	if partial < 30 {
		t.Errorf("only %d executions had a gap", partial)
	}
}

// stated is what the valid events of an execution in a cut state last.
func stated(w *world, all *Fold, x *Execution, in func(event.Event) bool) (s State, output uint64, size event.Size, epoch uint64) {
	for _, e := range w.events {
		facts := e.Header.Facts
		of := e.ID == x.ID || slices.Contains(e.Header.Affected, x.ID) && e.Header.Type != event.ExecutionRenamedType
		if !of || !in(e) || all.Judgement(e.ID).Verdict != Valid {
			continue
		}
		if facts.State != "" {
			s = State(facts.State)
		}
		if facts.Size != nil {
			size = *facts.Size
		}
		switch e.Header.Type {
		case event.ExecutionOutputType:
			output = facts.Range.To
		case event.ExecutionStartedType, event.ExecutionControlChangedType, event.ExecutionAttachedType, event.ExecutionDetachedType:
			if facts.Turn != nil {
				epoch = facts.Turn.Epoch
			}
		}
	}
	return s, output, size, epoch
}

// One object of a cut needs the events that make or name it, and no other.
func TestRule35_OneObjectNeedsItsOwnEvents(t *testing.T) {
	for seed := range int64(150) {
		c := randomCrowd(t, seed, 60)
		sameAlone(t, seed, c.world, c.closedOver(pick(c, c.events[30:]).ID))
		w := randomWorld(t, seed, 80)
		sameAlone(t, seed, w, w.past(w.events[60]))
	}
}

func sameAlone(t *testing.T, seed int64, w *world, in func(event.Event) bool) {
	t.Helper()
	all := w.fold()
	at := w.foldAt(all, w.events, in)
	for _, kind := range []Kind{KindExecution, KindWorkItem, KindCheckpoint, KindArtifact, KindTrace, KindView} {
		for _, want := range at.Objects(kind) {
			id := want.Head().ID
			alone := w.foldAt(all, w.events, func(e event.Event) bool {
				return in(e) && (e.ID == w.genesis || e.ID == id || slices.Contains(e.Header.Affected, id))
			})
			if got, _ := alone.Object(id); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: alone the %s is\n%+v, want\n%+v", seed, kind, got, want)
			}
		}
	}
}
