package badgerlog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

var testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

func homeOf(dir string) Options {
	return Options{Dir: dir, Key: testKey, RecoveryKey: ed25519.PublicKey(bytes.Repeat([]byte{9}, 32))}
}

func mustOpen(t testing.TB, dir string) *Log {
	t.Helper()
	l, _, err := Open(context.Background(), homeOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func draft(l *Log, body []byte, parents ...event.ID) event.Draft {
	g := l.Genesis()
	return event.Draft{Type: event.ExecutionInputType, Parents: parents, Actor: event.Actor{ID: event.Derived(g, "system"), Kind: event.Service},
		Surface: event.SurfaceSystem, Session: event.Derived(g, "s"), Branch: event.Derived(g, "main"), Body: body}
}

func mustAppend(t testing.TB, l *Log, parents ...event.ID) event.Event {
	t.Helper()
	e, err := l.Append(context.Background(), draft(l, nil, parents...))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestFirstOpenWritesGenesisAndReopenKeepsHeads(t *testing.T) {
	dir := t.TempDir()
	l, report, err := Open(context.Background(), homeOf(dir))
	if err != nil || !report.Created {
		t.Fatal(report, err)
	}
	a := mustAppend(t, l)
	b := mustAppend(t, l, a.ID)
	if b.Header.Lamport != 2 || b.Header.Seq != 1 || b.Header.Prev != a.ID || b.Header.Basis.Record != l.Genesis() {
		t.Fatalf("%+v", b.Header)
	}
	heads := fmt.Sprint(l.Heads())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, dir)
	defer l.Close()
	if fmt.Sprint(l.Heads()) != heads || l.Count() != 3 {
		t.Fatalf("%v, were %v", l.Heads(), heads)
	}
	found, err := l.Find(b.ID.String()[:8])
	if err != nil || len(found) != 1 || found[0] != b.ID {
		t.Fatal(found, err)
	}
}

func TestRule02_WritersShareOneGaplessChain(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 40 {
				if _, err := l.Append(context.Background(), draft(l, nil)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	prev := event.ID{}
	err := l.Scan(1, func(n uint64, e event.Event) error {
		if e.Header.Seq != n-1 || e.Header.Prev != prev {
			t.Errorf("event %d breaks the chain", n)
		}
		prev = e.ID
		return nil
	})
	if err != nil || l.Count() != 321 {
		t.Fatal(l.Count(), err)
	}
	mustAudit(t, l)
}

func mustAudit(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	r, err := l.Audit(context.Background(), nil)
	if err != nil || len(r.Findings) > 0 {
		t.Fatal(r.Findings, err)
	}
}

func TestRule03_ParentsExistAndAreAnAntichain(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	a, other := mustAppend(t, l), mustAppend(t, l)
	b := mustAppend(t, l, a.ID)
	c := mustAppend(t, l, b.ID)
	if _, err := l.Append(context.Background(), draft(l, nil, sorted(a.ID, c.ID)...)); !fault.Is(err, "parents_related") {
		t.Error("a parent in the past of another was taken:", err)
	}
	if _, err := l.Append(context.Background(), draft(l, nil, event.ID{1})); !fault.Is(err, "parent_unknown") {
		t.Error("an unknown parent was taken:", err)
	}
	// The control: concurrent parents are taken, so the refusals are no accident.
	if e := mustAppend(t, l, sorted(other.ID, c.ID)...); e.Header.Lamport != 4 {
		t.Error("lamport", e.Header.Lamport)
	}
	mustAudit(t, l)
}

func TestOneOpenAtATime(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	defer l.Close()
	if _, _, err := Open(context.Background(), homeOf(dir)); !fault.Is(err, "store_busy") {
		t.Fatal(err)
	}
	mustAppend(t, l)
}

func TestLargeGroupGoesToTheStoreFirst(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	big := append([]byte{0xa1, 1, 0x7a, 0, 7, 0, 0}, bytes.Repeat([]byte("x"), 7<<16)...)
	if _, err := l.Append(context.Background(), draft(l, big)); err != nil {
		t.Fatal(err)
	}
	mustAudit(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, dir)
	defer l.Close()
	mustAudit(t, l)
}

func TestValuesSurviveReopen(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	for _, v := range []string{"one", "two"} {
		if err := l.SaveState("k", []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	if l = mustOpen(t, dir); string(l.LoadState("k")) != "two" {
		t.Fatalf("%q", l.LoadState("k"))
	}
	l.Close()
}

func TestLostAnchorIsDataLoss(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	mustAppend(t, l)
	l.Close()
	if err := os.Remove(filepath.Join(dir, "anchor")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(context.Background(), homeOf(dir)); !fault.Is(err, "anchor_lost") {
		t.Fatal(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	l := mustOpen(b, b.TempDir())
	defer l.Close()
	for b.Loop() {
		mustAppend(b, l)
	}
}

func BenchmarkAppend64(b *testing.B) {
	l := mustOpen(b, b.TempDir())
	defer l.Close()
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			mustAppend(b, l)
		}
	})
}
