package badgerlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// indexed makes a home whose index knows some of its events, and others came since.
func indexed(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	l := mustOpen(t, dir)
	web(t, l, 60)
	if err := l.KeepIndex(); err != nil {
		t.Fatal(err)
	}
	web(t, l, 40)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// answers are what a log says of all that it has.
type answers struct {
	Heads    []event.Head
	Sizes    held
	Relation []causal.Relation
	Found    []uint64
	Named    event.Cut
	Order    []byte
	Chains   []chainLine
	Of       map[event.Chain][]int
	Members  members
}

func answersOf(t *testing.T, l *Log) (a answers) {
	t.Helper()
	var ids []event.ID
	if err := l.Scan(0, func(_ uint64, e event.Event) error { ids = append(ids, e.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, x := range ids {
		n, err := l.ArrivalOf(x)
		if err != nil {
			t.Fatal(err)
		}
		a.Found = append(a.Found, n)
		for _, y := range ids {
			r, err := l.Relate(x, y)
			if err != nil {
				t.Fatal(err)
			}
			a.Relation = append(a.Relation, r)
		}
	}
	var err error
	if _, a.Named, err = l.Arrived(l.Count() / 2); err != nil {
		t.Fatal(err)
	}
	l.orderMu.Lock() // members are looked at when somebody asks
	err = l.learnMembers()
	l.orderMu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	a.Heads, a.Sizes, a.Order, a.Of, a.Members = l.Heads(), l.held, l.order.Snapshot(), l.chains.of, l.members
	for _, on := range l.chains.lines {
		on.arrivals, on.cover, on.basis, on.knows = slices.Clone(on.arrivals), nil, 0, false
		a.Chains = append(a.Chains, on)
	}
	return a
}

func TestAnIndexChangesNoAnswer(t *testing.T) {
	dir := indexed(t)
	with := mustOpen(t, dir)
	if got := with.indexed.Load(); got < 60 || got >= with.Count() {
		t.Errorf("the index knew %d of %d events", got, with.Count())
	}
	got := answersOf(t, with)
	with.Close()
	if err := os.RemoveAll(filepath.Join(dir, "cache")); err != nil {
		t.Fatal(err)
	}
	without := mustOpen(t, dir)
	if without.indexed.Load() != 0 {
		t.Error("the control has an index")
	}
	if want := answersOf(t, without); !reflect.DeepEqual(got, want) {
		t.Errorf("with an index it is\n%.2000v\nwithout\n%.2000v", fmt.Sprint(got), fmt.Sprint(want))
	}
	mustAudit(t, without)
	without.Close()
}

// So it is of a log with chains of others, of which one has a fork, and after more
// came.
func TestAnIndexKnowsChainsOfOthers(t *testing.T) {
	dir := t.TempDir()
	l := openWith(t, homeOf(dir))
	f := newForker(t, l, 17)
	web(t, l, 10)
	mustAdmit(t, l, Batch{Runs: []event.Run{f.base, f.left}})
	if err := l.KeepIndex(); err != nil {
		t.Fatal(err)
	}
	mustAdmit(t, l, Batch{Runs: []event.Run{f.right}})
	for n := range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = openWith(t, homeOf(dir))
		if known := l.indexed.Load(); known == 0 || len(l.chains.lines) != 4 {
			t.Fatalf("the index knows %d events, of %d lines", known, len(l.chains.lines))
		}
		got := answersOf(t, l)
		l.Close()
		o := homeOf(dir)
		o.Inspect = true // uses none
		seen := openWith(t, o)
		if want := answersOf(t, seen); !reflect.DeepEqual(got, want) {
			t.Errorf("start %d: with an index it is\n%.2000v\nwithout\n%.2000v", n, fmt.Sprint(got), fmt.Sprint(want))
		}
		seen.Close()
		l = openWith(t, homeOf(dir))
		if err := l.KeepIndex(); err != nil { // of all
			t.Fatal(err)
		}
	}
}

// What is wrong with an index costs time alone.
func TestADamagedIndexIsNone(t *testing.T) {
	dir := indexed(t)
	path := filepath.Join(dir, "cache", indexName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l := mustOpen(t, dir)
	known := l.indexed.Load()
	l.Close()
	put := func(content []byte) uint64 {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		// What Open does first; a whole one for each byte would take minutes.
		var x learnt
		if err := l.readCacheOf(indexName, &x); err != nil {
			return 0
		}
		return x.held.events
	}
	every := 7
	if os.Getenv("ATELIER_SOAK") != "" {
		every = 1
	}
	for i := 0; i < len(good); i += every {
		bad := slices.Clone(good)
		bad[i] ^= 1
		if put(bad) != 0 || put(good[:i]) != 0 {
			t.Fatalf("an index with byte %d changed, or cut there, is taken", i)
		}
	}
	if put(append(slices.Clone(good), 0)) != 0 {
		t.Error("an index with a byte more is taken")
	}
	if got := put(good); got != known {
		t.Errorf("the control knows %d events, want %d", got, known)
	}
}

// An index of another log, or of one that has lost what it knows, is not taken.
func TestAForeignIndexIsNone(t *testing.T) {
	ours, theirs := indexed(t), indexed(t)
	foreign, err := os.ReadFile(filepath.Join(theirs, "cache", indexName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ours, "cache", indexName), foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	l := mustOpen(t, ours)
	if l.indexed.Load() != 0 {
		t.Error("the index of another log is taken")
	}
	mustAudit(t, l)
	l.Close()

	old, young := t.TempDir(), t.TempDir()
	a := mustOpen(t, old)
	web(t, a, 5)
	a.Close()
	if err := os.CopyFS(young, os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	a = mustOpen(t, old)
	web(t, a, 5)
	if err := a.KeepIndex(); err != nil {
		t.Fatal(err)
	}
	a.Close()
	if err := os.CopyFS(filepath.Join(young, "cache"), os.DirFS(filepath.Join(old, "cache"))); err != nil {
		t.Fatal(err)
	}
	b := mustOpen(t, young)
	if b.indexed.Load() != 0 {
		t.Error("an index ahead of its log is taken")
	}
	answersOf(t, b)
	// The same many events, of which the last are others.
	web(t, b, 5)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = mustOpen(t, young)
	if b.indexed.Load() != 0 {
		t.Error("an index of events that are not in the log is taken")
	}
	answersOf(t, b)
	b.Close()
}

// A log that ends in order keeps an index once it is worth it, and an audit keeps
// and takes none.
func TestAnIndexIsKeptAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	for l.Count() < indexEvery+1 {
		mustAppend(t, l)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Audit(context.Background(), homeOf(dir), nil); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, dir)
	if l.indexed.Load() != l.Count() {
		t.Errorf("the index knows %d of %d events", l.indexed.Load(), l.Count())
	}
	l.Close()
	o := homeOf(dir)
	o.Inspect = true
	seen, _, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if seen.indexed.Load() != 0 || seen.KeepIndex() == nil {
		t.Error("an audit uses an index")
	}
	seen.Close()
}
