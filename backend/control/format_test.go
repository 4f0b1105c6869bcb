package control

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

var update = flag.Bool("update", false, "write the goldens anew")

func mustEncode(t testing.TB, e Entry) []byte {
	t.Helper()
	b, err := EncodeEntry(e)
	if err != nil {
		t.Fatalf("%v\n%+v", err, e)
	}
	return b
}

// full is an entry with all that one can hold.
func full(t testing.TB) Entry {
	t.Helper()
	w := newWorld(t)
	if _, err := w.ask(event.CheckpointInvalidatedType, naming(event.ID{21}, "checkpoint", "proposed")); err != nil {
		t.Fatal(err)
	}
	record := w.records[0].ID
	if _, err := w.ask(event.CheckpointFinalizedType, naming(event.ID{21}, "checkpoint", "proposed", "invalidated"), digests(1, 2), func(e *Entry) {
		e.Behind, e.Request.Header.Lamport = []event.ID{record}, 90
		e.Witness[0].Open, e.Witness[0].Quiescent, e.Witness[0].NameTaken = []event.ID{{8}, {9}}, true, true
		e.AsOf.Heads = []event.Head{{Chain: home, ID: event.ID{4}}, {Chain: other, Seq: 7, ID: event.ID{5}}}
	}); err != nil {
		t.Fatal(err)
	}
	return w.entries[1]
}

func TestRule15_AnEntryHasOneForm(t *testing.T) {
	e := full(t)
	b := mustEncode(t, e)
	again, err := DecodeEntry(b)
	if err != nil || !reflect.DeepEqual(e, again) {
		t.Errorf("it was %+v, and is %+v: %v", e, again, err)
	}
	for n := range b {
		if _, err := DecodeEntry(b[:n]); err == nil {
			t.Fatalf("%d of %d bytes are an entry", n, len(b))
		}
	}
	if _, err := DecodeEntry(append(bytes.Clone(b), 0)); !fault.Is(err, "entry_form") {
		t.Error("what trails is taken:", err)
	}
	time := len(b) - 2 // the last value, in the two bytes 24 and n
	if _, err := DecodeEntry(append(bytes.Clone(b[:time]), 25, 0, b[time+1])); b[time] != 24 || !fault.Is(err, "entry_form") {
		t.Error("a number in a longer form is taken:", err)
	}
	if _, err := DecodeEntry(make([]byte, MaxEntry+1)); !fault.Is(err, "entry_form") {
		t.Error("what is too long is taken:", err)
	}
}

func many(n int) (ids []event.ID) {
	for i := range n {
		ids = append(ids, event.ID{1, byte(i >> 8), byte(i)})
	}
	return ids
}

func TestRule15_AnEntryIsBounded(t *testing.T) {
	for name, change := range map[string]change{
		"the control":           func(*Entry) {},
		"no request":            func(e *Entry) { e.Request = event.Event{} },
		"another body":          func(e *Entry) { e.Request.Body = append(bytes.Clone(body), 0) },
		"a body that is absent": func(e *Entry) { e.Request.Body = nil },
		"no cut":                func(e *Entry) { e.AsOf = event.Cut{} },
		"a cut out of order":    func(e *Entry) { e.AsOf.Heads[0], e.AsOf.Heads[1] = e.AsOf.Heads[1], e.AsOf.Heads[0] },
		"a head of nothing":     func(e *Entry) { e.AsOf.Heads[0].ID = event.ID{} },
		"a past twice":          func(e *Entry) { e.AsOf.Past = append(e.AsOf.Past, e.AsOf.Past...) },
		"too much past":         func(e *Entry) { e.AsOf.Past = many(event.MaxParents + 1) },
		"a fact too many":       func(e *Entry) { e.Witness = append(e.Witness, e.Witness...) },
		"a fact of nothing":     func(e *Entry) { e.Witness[0].Object = event.ID{} },
		"a fact of no kind":     func(e *Entry) { e.Witness[0].Kind = "" },
		"no state":              func(e *Entry) { e.Witness[0].States[0].State = "" },
		"a state of no event":   func(e *Entry) { e.Witness[0].States[0].Event = event.ID{} },
		"too many states":       func(e *Entry) { e.Witness[0].States = make([]Stated, MaxStates+1) },
		"too much open":         func(e *Entry) { e.Witness[0].Open = many(MaxOpen + 1) },
		"open out of order":     func(e *Entry) { e.Witness[0].Open = []event.ID{{9}, {8}} },
		"too much behind":       func(e *Entry) { e.Behind = many(2) },
		"nothing behind":        func(e *Entry) { e.Behind = []event.ID{{}} },
	} {
		e := full(t)
		change(&e)
		if _, err := EncodeEntry(e); fault.Is(err, "entry_form") == (name == "the control") {
			t.Errorf("%s is written: %v", name, err)
		}
		w := wireOf(e)
		b, err := encMode.Marshal(&w)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeEntry(b); (err == nil) != (name == "the control") {
			t.Errorf("%s is read: %v", name, err)
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(mustEncode(f, full(f)))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEntry(b)
		if err != nil {
			return
		}
		if again := mustEncode(t, e); !bytes.Equal(again, b) {
			t.Errorf("%x is read, and written as %x", b, again)
		}
		m, err := New(newWorld(t).genesis)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := m.Decide(e); err == nil {
			if _, _, err := event.EncodeHeader(h); err != nil {
				t.Error("the record is malformed:", err)
			}
		}
	})
}

// Whoever has the entries as bytes makes the same records, also from a snapshot
// at any place.
func TestRule16_ASnapshotAndWhatFollows(t *testing.T) {
	for seed := range int64(300) {
		w := newWorld(t)
		r := rand.New(rand.NewSource(seed))
		w.random(r, 20)
		snapshot := mustSnapshot(t, w.m)
		at := len(w.entries)
		w.random(r, 20)
		again, err := Load(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		if b := mustSnapshot(t, again); !bytes.Equal(b, snapshot) {
			t.Fatalf("seed %d: what was loaded stands elsewhere", seed)
		}
		follower := &world{t: t, m: again}
		for n, e := range w.entries[at:] {
			record, err := follower.decide(carried(t, e))
			if err != nil || !bytes.Equal(record.Bytes, w.records[at+n].Bytes) {
				t.Fatalf("seed %d: record %d differs after a snapshot: %v", seed, at+n+1, err)
			}
		}
		if mustHash(t, again) != mustHash(t, w.m) || at < len(w.entries) && mustHash(t, w.m) == hashOf(snapshot) {
			t.Fatalf("seed %d: the states differ, or do not change", seed)
		}
	}
}

// carried is an entry as another replica reads it. One that says more than it may
// is refused for another reason before that is looked at, and not carried.
func carried(t testing.TB, e Entry) Entry {
	t.Helper()
	if len(e.Witness) > max(1, len(e.Request.Header.Affected)) {
		return e
	}
	e, err := DecodeEntry(mustEncode(t, e))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustSnapshot(t testing.TB, m *Machine) []byte {
	t.Helper()
	b, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustHash(t testing.TB, m *Machine) event.ID {
	t.Helper()
	id, err := m.StateHash()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestRule16_OtherBytesAreNoSnapshot(t *testing.T) {
	w := newWorld(t)
	w.random(rand.New(rand.NewSource(1)), 50)
	b := mustSnapshot(t, w.m)
	for n := range b {
		if _, err := Load(b[:n]); !fault.Is(err, "snapshot_form") {
			t.Fatalf("%d of %d bytes are loaded: %v", n, len(b), err)
		}
	}
	for name, change := range map[string]func(*wireMachine){
		"the control":        func(*wireMachine) {},
		"no workspace":       func(w *wireMachine) { w.Workspace = event.ID{} },
		"no record":          func(w *wireMachine) { w.Last = event.ID{} },
		"no voter":           func(w *wireMachine) { w.Voters = nil },
		"no epoch":           func(w *wireMachine) { w.Epoch = 0 },
		"an answer too few":  func(w *wireMachine) { w.Answered = w.Answered[1:] },
		"an actor twice":     func(w *wireMachine) { w.Actors = append(w.Actors[:1:1], w.Actors...) },
		"an object twice":    func(w *wireMachine) { w.Objects = append(w.Objects[:1:1], w.Objects...) },
		"an answer twice":    func(w *wireMachine) { w.Answered[1] = w.Answered[0] },
		"actors not ordered": func(w *wireMachine) { w.Actors[0], w.Actors[1] = w.Actors[1], w.Actors[0] },
	} {
		var state wireMachine
		if err := strict(b, &state, "snapshot_form"); err != nil {
			t.Fatal(err)
		}
		change(&state)
		changed, err := encMode.Marshal(&state)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(changed); fault.Is(err, "snapshot_form") == (name == "the control") {
			t.Errorf("%s is loaded: %v", name, err)
		}
	}
}

func TestRule17_AMajorityCertifies(t *testing.T) {
	w := newWorld(t)
	record, err := w.ask(event.ActorEnrolledType, w.agent(false))
	want(t, record, err, "")
	if v := w.m.Voters(); len(v) != 1 || v[0] != home {
		t.Errorf("the voters are %v", v)
	}
	var keys []ed25519.PrivateKey
	var voters []event.Chain
	for n := range byte(5) {
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
		keys, voters = append(keys, key), append(voters, event.ReplicaOf(key.Public().(ed25519.PublicKey)))
	}
	sign := func(n int, changes ...func(*event.Certificate)) event.Certificate {
		c := event.Certificate{Workspace: w.genesis.ID, Index: 1, Record: record.ID, Voter: voters[n]}
		for _, change := range changes {
			change(&c)
		}
		if err := c.Sign(keys[n]); err != nil {
			t.Fatal(err)
		}
		return c
	}
	broken := sign(1)
	broken.Signature[0]++
	for name, c := range map[string]struct {
		all    []event.Certificate
		voters int
		want   bool
	}{
		"none of one": {nil, 1, false}, "one of one": {[]event.Certificate{sign(0)}, 1, true}, "nobody votes": {[]event.Certificate{sign(0)}, 0, false},
		"one of three": {[]event.Certificate{sign(0)}, 3, false}, "two of three": {[]event.Certificate{sign(2), sign(0)}, 3, true},
		"one twice": {[]event.Certificate{sign(0), sign(0)}, 3, false}, "one of others": {[]event.Certificate{sign(0), sign(4)}, 3, false},
		"two of four": {[]event.Certificate{sign(0), sign(1)}, 4, false}, "a broken one": {[]event.Certificate{sign(0), broken}, 3, false},
		"three of five":    {[]event.Certificate{sign(0), broken, sign(3), sign(4)}, 5, true},
		"of another index": {[]event.Certificate{sign(0), sign(1, func(c *event.Certificate) { c.Index = 2 })}, 3, false},
		"of another":       {[]event.Certificate{sign(0), sign(1, func(c *event.Certificate) { c.Record = event.ID{1} })}, 3, false},
		"of elsewhere":     {[]event.Certificate{sign(0), sign(1, func(c *event.Certificate) { c.Workspace = event.ID{2} })}, 3, false},
	} {
		if got := Certified(record, c.all, voters[:c.voters]); got != c.want {
			t.Errorf("%s: certified is %v", name, got)
		}
	}
}

// golden is an entry with the record that it gives, for ever.
type golden struct{ Entry, Record, State string }

// Entries that were decided by an earlier version give the same records.
func TestGoldenRecordsAreMadeForEver(t *testing.T) {
	path := filepath.Join("testdata", "golden.json")
	if *update {
		writeGolden(t, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(text, &all); err != nil || len(all) < 20 {
		t.Fatal(len(all), err)
	}
	w := newWorld(t)
	for n, g := range all {
		b, err := hex.DecodeString(g.Entry)
		if err != nil {
			t.Fatal(err)
		}
		e, err := DecodeEntry(b)
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.decide(e)
		if err != nil || hex.EncodeToString(r.Bytes) != g.Record || mustHash(t, w.m).String() != g.State {
			t.Fatalf("record %d is another: %v", n+1, err)
		}
	}
}

func writeGolden(t *testing.T, path string) {
	t.Helper()
	var all []golden
	w := newWorld(t)
	w.after = func(e Entry, r event.Event) {
		all = append(all, golden{hex.EncodeToString(mustEncode(t, e)), hex.EncodeToString(r.Bytes), mustHash(t, w.m).String()})
	}
	w.random(rand.New(rand.NewSource(6)), 60)
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
