package studio

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

// keepHere keeps the objects as they stand, and where the log is.
func (w *world) keepHere() uint64 {
	w.t.Helper()
	w.Studio.mu.Lock()
	content, err := w.Studio.keep()
	at := w.applied
	w.Studio.mu.Unlock()
	if err != nil {
		w.t.Fatal(err)
	}
	name, b, err := content()
	if err == nil {
		err = w.log.SaveCache(name, b)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return at
}

// busy writes something of everything, and keeps the objects on the way.
func (w *world) busy() (keptAt []uint64) {
	w.t.Helper()
	c := w.caller(event.SurfaceCLI)
	w.addAgent(c, "worker")
	one, two := w.newSession(SessionRequest{As: "worker", Surface: event.SurfaceAPI}), w.newSession(SessionRequest{Surface: event.SurfaceAPI})
	id, _ := w.run(c, "build")
	logs := w.add(c, "logs").String()
	keptAt = append(keptAt, w.keepHere())
	w.checkpoint(c, CheckpointRequest{Name: "first"})
	w.change(one, ChangeRequest{Type: event.WorkItemUpdatedType, Object: logs, Set: map[string]any{"title": "by one"}})
	w.change(two, ChangeRequest{Type: event.WorkItemClaimedType, Object: logs})
	w.change(one, ChangeRequest{Type: event.TraceOpenedType, Set: map[string]any{"title": "a run"}})
	if _, err := w.Finalize(background, c, "first", "for good"); err != nil {
		w.t.Fatal(err)
	}
	keptAt = append(keptAt, w.keepHere())
	if _, _, err := w.Rename(background, c, id.String(), "test"); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Finalize(background, c, "first", ""); err == nil {
		w.t.Fatal("it is finalized twice")
	}
	w.change(c, ChangeRequest{Type: event.WorkItemCreatedType, Set: map[string]any{"title": "again"}, Add: map[string][]any{"depends_on": {logs}}})
	if _, _, err := w.CloseSession(background, two, ""); err != nil {
		w.t.Fatal(err)
	}
	return keptAt
}

// whole is all that a studio knows, as somebody sees it.
type whole struct {
	Documents map[string]map[string]any
	Objects   []byte
	About     map[event.ID][]uint32
	Records   []event.ID
	Heads     Frontier
	Requests  []string
	Control   event.ID
	Cuts      []string
}

// sees looks at everything, now and at every cut of arrivals and events.
func (w *world) sees() (all whole) {
	w.t.Helper()
	w.Studio.mu.Lock()
	all = whole{map[string]map[string]any{}, w.fold.Snapshot(), w.about, w.records, w.heads, nil, event.ID{}, nil}
	for id := range w.about {
		o, known := w.fold.Object(id)
		if known {
			all.Documents[id.String()] = w.asNow().document(o)
		}
	}
	for id, r := range w.requests {
		all.Requests = append(all.Requests, fmt.Sprint(id, r.started))
	}
	slices.Sort(all.Requests)
	var err error
	all.Control, err = w.machine.StateHash()
	w.Studio.mu.Unlock()
	if err != nil {
		w.t.Fatal(err)
	}
	for n := uint64(1); n <= w.log.Count(); n++ {
		e, err := w.log.EventAt(n - 1)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, at := range []string{fmt.Sprint("arrival:", n), e.ID.String()} {
			c, f, err := w.past(at)
			if err != nil {
				w.t.Fatal(err)
			}
			all.Cuts = append(all.Cuts, w.digest(c, f).Hash.String())
		}
	}
	return all
}

func (w *world) past(at string) (*cut, *object.Fold, error) {
	c, err := w.cutOf(at)
	if err != nil {
		return nil, nil, err
	}
	w.pasts = nil // each is folded anew
	f, err := w.foldAt(c)
	return c, f, err
}

// A studio that goes on from what was kept is the one that read all events, in
// each answer and each digest of a cut.
func TestWhatIsKeptChangesNoAnswer(t *testing.T) {
	w := newWorld(t)
	at := w.busy()
	w.reopen()
	if w.kept != at[1] || !slices.Equal(w.keptAt(), []uint64{at[1], at[0]}) {
		t.Fatalf("it goes on from %d, kept at %v", w.kept, at)
	}
	with := w.sees()
	w.dropCaches()
	w.reopen()
	if w.kept != 0 {
		t.Fatal("the control goes on from something")
	}
	without := w.sees()
	if !reflect.DeepEqual(with, without) {
		t.Errorf("it is\n%+v\nand was\n%+v", with, without)
	}
}

// reopen opens the home again for reading alone: nothing is written meanwhile.
func (w *world) reopen() {
	w.t.Helper()
	w.kill()
	log, _, err := badgerlog.Open(background, badgerlog.Options{Dir: w.dir, Key: w.key})
	if err != nil {
		w.t.Fatal(err)
	}
	w.log = log
	if w.Studio, err = OpenForAudit(background, w.ports()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) dropCaches() {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.dir, "cache")); err != nil {
		w.t.Fatal(err)
	}
}

// What is damaged, or of other events, is dropped; the one before is used, or none.
func TestWhatIsKeptAndUnsoundIsDropped(t *testing.T) {
	w := newWorld(t)
	at := w.busy()
	want := w.sees()
	w.kill()
	path := filepath.Join(w.dir, "cache", keptName(at[1]))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	w.open()
	if got := w.sees(); w.kept != at[0] || !slices.Equal(got.Cuts[:len(want.Cuts)], want.Cuts) {
		t.Errorf("it went on from %d, want %d, or says something else", w.kept, at[0])
	}
	if slices.Contains(w.keptAt(), at[1]) || w.tellings("dropping objects that were kept") != 1 {
		t.Errorf("kept are %v still, and told was %v", w.keptAt(), w.told)
	}
	// One that says that it is later than it is.
	w.kill()
	if err := os.Rename(filepath.Join(w.dir, "cache", keptName(at[0])), filepath.Join(w.dir, "cache", keptName(at[0]+1))); err != nil {
		t.Fatal(err)
	}
	w.open()
	if got := w.sees(); w.kept != 0 || !slices.Equal(got.Cuts[:len(want.Cuts)], want.Cuts) {
		t.Errorf("it went on from %d", w.kept)
	}
}

// By definition a cut is what all its events make. By every shorter way it is the
// same: from the objects as they stand, from those that were kept, and each alone.
func TestEveryWayToACutIsTheSame(t *testing.T) {
	w := newWorld(t)
	w.busy()
	compared, absent, changed := 0, 0, 0
	for n := uint64(1); n <= w.log.Count(); n++ {
		e, err := w.log.EventAt(n - 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []string{fmt.Sprint("arrival:", n), e.ID.String()} {
			c, short, err := w.past(at)
			if err != nil {
				t.Fatal(err)
			}
			kept, err := w.foldFrom(c)
			if err != nil {
				t.Fatal(err)
			}
			f := object.NewAt(w.log, w.judgement)
			if err := w.log.ScanIn(c.Cut, 0, func(_ uint64, e event.Event) error { _, err := f.Apply(e); return err }); err != nil {
				t.Fatal(err)
			}
			if want := w.digest(c, f); w.digest(c, short) != want || w.digest(c, kept) != want {
				t.Fatalf("at %s the digest is another by a shorter way", at)
			}
			_, since := w.sharedAt(c)
			changed += len(since.ids)
			parts := w.partsAt(c)
			for id := range w.about {
				o, known := f.Object(id)
				if !known {
					absent++
				} else {
					compared++
				}
				for way, by := range map[string]*object.Fold{"from what stands": short, "from what was kept": kept, "alone": parts} {
					p, knownSo := by.Object(id)
					if known != knownSo || by.Failed() != nil {
						t.Fatalf("at %s %s is there: %v, %s: %v: %v", at, id, known, way, knownSo, by.Failed())
					}
					if known && !reflect.DeepEqual((scene{w.Studio, f, true}).document(o), (scene{w.Studio, by, true}).document(p)) {
						t.Fatalf("at %s %s is another %s", at, id, way)
					}
				}
			}
			for _, kind := range listable {
				if !slices.Equal(idsOf(f.Objects(kind)), idsOf(short.Objects(kind))) {
					t.Fatalf("at %s the list of %ss is another", at, kind)
				}
			}
		}
	}
	if compared < 100 || absent < 100 || changed < 100 {
		t.Errorf("%d objects were compared, %d were not there, %d had changed since", compared, absent, changed)
	}
}

func idsOf(objects []object.Object) (ids []event.ID) {
	for _, o := range objects {
		ids = append(ids, o.Head().ID)
	}
	return ids
}

// What is kept grows with the log: the newest, and of older ones those that lie apart.
func TestWhatLiesTooCloseIsDropped(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	var at []uint64
	for n := range 4 {
		w.add(c, fmt.Sprint("work ", n))
		w.Studio.mu.Lock()
		content, err := w.Studio.keep()
		at = append(at, w.applied)
		w.Studio.mu.Unlock()
		if err == nil {
			err = w.saveKept(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := w.keptAt(); !slices.Equal(got, []uint64{at[3], at[0]}) {
		t.Errorf("kept are %v of %v", got, at)
	}
	if dueAt(0) != keepLeast || dueAt(8*keepLeast) != 10*keepLeast {
		t.Error("they are due at", dueAt(0), dueAt(8*keepLeast))
	}
}
