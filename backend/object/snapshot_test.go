package object

import (
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"testing"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// histories calls a test with random histories of every kind.
func histories(t *testing.T, count int64, test func(t *testing.T, name string, w *world)) {
	t.Helper()
	for seed := range count {
		test(t, fmt.Sprint("terminals ", seed), randomWorld(t, seed, 40))
		test(t, fmt.Sprint("work ", seed), randomWork(t, seed))
		test(t, fmt.Sprint("family ", seed), randomCrowd(t, seed, 60).world)
	}
}

// A fold that was loaded in the middle of a history ends as one that was not.
func TestRule38_ASnapshotGoesOn(t *testing.T) {
	entities, void := 0, 0
	histories(t, 100, func(t *testing.T, name string, w *world) {
		half := rand.New(rand.NewSource(int64(len(w.events)))).Intn(len(w.events))
		f, whole := w.foldOf(w.events[:half]), w.fold()
		g, err := Load(w, f.Snapshot())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(g.Snapshot(), f.Snapshot()) {
			t.Fatalf("%s: what was loaded is not what was kept", name)
		}
		for _, e := range w.events[half:] {
			j, err := g.Apply(e)
			if want := whole.Judgement(e.ID); err != nil || j.Verdict != want.Verdict || fmt.Sprint(j.Why) != fmt.Sprint(want.Why) {
				t.Fatalf("%s: judged %v, want %v: %v", name, j, want, err)
			}
			if j.Verdict == Void {
				void++
			}
		}
		if !slices.Equal(g.Snapshot(), whole.Snapshot()) {
			t.Fatalf("%s: it goes on otherwise", name)
		}
		for id, o := range whole.objects {
			if !reflect.DeepEqual(withoutEmpty(g.objects[id]), withoutEmpty(o)) {
				t.Fatalf("%s: %+v became %+v", name, o, g.objects[id])
			}
			if _, is := o.(*Entity); is {
				entities++
			}
		}
		if !reflect.DeepEqual(g.index, whole.index) || !reflect.DeepEqual(g.order, whole.order) {
			t.Fatalf("%s: objects are found otherwise", name)
		}
	})
	if entities < 100 || void < 100 {
		t.Errorf("the histories do not bite: %d entities, %d void events", entities, void)
	}
}

// withoutEmpty is an object whose empty lists are none.
func withoutEmpty(o Object) Object {
	if o == nil {
		return nil
	}
	v := reflect.New(reflect.TypeOf(o).Elem())
	v.Elem().Set(reflect.ValueOf(o).Elem())
	if x, is := v.Interface().(*Execution); is {
		x.Launch.Argv, x.Launch.Environment = slices.Clip(x.Launch.Argv), slices.Clip(x.Launch.Environment)
		if len(x.Launch.Argv) == 0 {
			x.Launch.Argv = nil
		}
		if len(x.Launch.Environment) == 0 {
			x.Launch.Environment = nil
		}
		if len(x.Operators) == 0 {
			x.Operators = nil
		}
	}
	return v.Interface().(Object)
}

// Of every object each field is kept: the test fills all with something.
func TestRule38_NoFieldIsForgotten(t *testing.T) {
	next := uint64(0)
	for _, o := range []Object{&Workspace{}, &Actor{}, &Session{}, &Execution{}} {
		v := reflect.ValueOf(o).Elem()
		fill(t, v, &next)
		kind := map[string]Kind{"Workspace": KindWorkspace, "Actor": KindActor, "Session": KindSession, "Execution": KindExecution}[v.Type().Name()]
		v.FieldByName("Envelope").FieldByName("Kind").SetString(string(kind))
		p := &packer{}
		p.object(o)
		u := &unpacker{rest: p.b, words: map[string]string{}}
		if got := u.object(kind); !reflect.DeepEqual(got, o) || u.broken || len(u.rest) > 0 {
			t.Errorf("%+v became %+v", o, got)
		}
	}
	var m membership
	j := Judgement{Void, &fault.Error{Code: fault.Aborted, Reason: "a", Message: "b", Mend: "c", Details: map[string]string{"d": "e"}}}
	m = membership{1, "x", 2, 3}
	p := &packer{}
	p.membership(m)
	p.judgement(j)
	u := &unpacker{rest: p.b, words: map[string]string{}}
	if gotM, gotJ := u.membership(), u.judgement(); gotM != m || !reflect.DeepEqual(gotJ, j) {
		t.Errorf("%+v %+v", gotM, gotJ)
	}
	// Which chains are forked the log knows, and tells again.
	if n := reflect.TypeFor[Fold]().NumField(); n != 13 {
		t.Errorf("a fold has %d fields: keep a new one in its snapshot, or say here why not", n)
	}
	if n := reflect.TypeFor[Entity]().NumField(); n != 7 {
		t.Errorf("an entity has %d fields: keep a new one in its snapshot", n)
	}
}

// fill gives every part of a value something that is its own.
func fill(t *testing.T, v reflect.Value, next *uint64) {
	t.Helper()
	*next++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(0, int64(*next)).UTC()))
	case v.Type() == reflect.TypeFor[Register[string]]():
		v.Set(reflect.ValueOf(Register[string]{[]Written[string]{{fmt.Sprint(*next), Absent, event.ID{byte(*next)}, event.Actor{ID: event.ID{1}, Kind: 2}, *next, time.Unix(5, 0).UTC()}}}))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("text", *next))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanUint():
		v.SetUint(*next % 100)
	case v.CanInt():
		v.SetInt(int64(*next % 100))
	case v.Kind() == reflect.Array:
		v.Index(0).SetUint(*next % 100)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), next)
		fill(t, v.Index(1), next)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), next)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), next)
		}
	default:
		t.Fatalf("nothing fills a %v", v.Type())
	}
}

func TestRule38_DamageIsTold(t *testing.T) {
	w := randomWork(t, 5)
	good := w.fold().Snapshot()
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 0x20
		if _, err := Load(w, bad); !fault.Is(err, "objects_damaged") && !fault.Is(err, "objects_version") {
			t.Fatalf("a snapshot with byte %d changed is taken: %v", i, err)
		}
		if _, err := Load(w, good[:i]); !fault.Is(err, "objects_damaged") {
			t.Fatalf("the first %d bytes of a snapshot are taken: %v", i, err)
		}
	}
	if _, err := Load(w, append(slices.Clone(good), 0)); !fault.Is(err, "objects_damaged") {
		t.Error("a snapshot with a byte more is taken:", err)
	}
	if _, err := Load(w, good); err != nil {
		t.Error("the control is refused:", err)
	}
}

func FuzzLoadObjects(f *testing.F) {
	w := randomWork(f, 5)
	f.Add(w.fold().Snapshot()[len(snapshotMagic)+1:])
	f.Fuzz(func(_ *testing.T, data []byte) {
		u := &unpacker{rest: data, words: map[string]string{}} // behind the sum, which would keep all from it
		u.fold(New(w))
	})
}
