package badgerlog

import (
	"context"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

// A web of replicas: the founder and another, who work on the same things with and
// without having seen each other's, one who forks and is followed on both sides,
// and one who ends badly.
type replicas struct {
	founder *Log
	runs    []event.Run
	records []SentRecord
	count   int
}

func newReplicas(t *testing.T) *replicas {
	t.Helper()
	a := founded(t)
	b := follow(t, a, t.TempDir(), 21)
	enrol(t, a, b.Replica())
	f, bad := newScribe(t, a, 22), newScribe(t, a, 23)
	exchanged(t, a, b)
	first := work(t, a, event.WorkItemCreatedType, event.ID{}, "pending", "title")
	exchanged(t, a, b)
	for range 3 {
		left, right := work(t, a, event.WorkItemUpdatedType, first, "", "title", first), work(t, b, event.WorkItemUpdatedType, first, "", "title", first)
		claimed := work(t, a, event.WorkItemClaimedType, first, "claimed", "owner", left)
		work(t, b, event.WorkItemCompletedType, first, "completed", "", right)
		exchanged(t, a, b)
		exchanged(t, b, a)
		work(t, b, event.WorkItemUpdatedType, first, "", "summary", sorted(claimed, right)...)
	}
	f.write(nil)
	base := f.run()
	other := f.fork()
	l, r := f.write(nil), other.write(nil)
	runs := []event.Run{base, f.run(), other.run()}
	mustAdmit(t, a, Batch{Runs: runs})
	work(t, a, event.WorkItemUpdatedType, first, "", "title", sorted(l, r)...)
	bad.write(nil)
	bad.raw(func(m map[uint64]any) { m[1], m[20] = 9, "unread" })
	bad.write(func(h *event.Header) { h.Lamport, h.Parents = 9, []event.ID{first} })
	bad.write(nil)
	runs = append(runs, bad.run())
	mustAdmit(t, a, Batch{Runs: runs[3:]})
	exchanged(t, b, a)
	w := &replicas{founder: a, records: records(t, a, 1, 3)}
	mustSeal(t, a)
	for _, l := range []*Log{a, b} {
		for _, h := range l.Heads() {
			if h.Chain == l.Replica() {
				if err := l.Runs(h, 0, func(r event.Run) error { w.runs = append(w.runs, r); return nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	w.runs = append(w.runs, runs...)
	w.count = int(a.Count())
	return w
}

// work writes an event about a piece of work.
func work(t *testing.T, l *Log, kind event.Type, about event.ID, state, field string, parents ...event.ID) event.ID {
	t.Helper()
	g := l.Genesis()
	d := event.Draft{Type: kind, Parents: parents, Actor: event.Actor{ID: event.Derived(g, "human"), Kind: event.Human}, Surface: event.SurfaceCLI,
		Session: event.Derived(g, "s"+string(l.Replica())), Branch: event.Derived(g, "main"), Facts: event.Facts{State: state}}
	if !about.IsZero() {
		d.Affected = []event.ID{about}
	}
	var body event.Change
	if field != "" {
		body.Set = map[string]event.Value{field: event.Text(fmt.Sprint(l.Count()))}
		if field == "owner" {
			body.Set[field] = event.Reference(d.Actor.ID)
		}
		d.Facts.Fields = body.Keys()
	}
	var err error
	if d.Body, err = event.EncodeContent(body); err != nil {
		t.Fatal(err)
	}
	e, err := l.Append(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return e.ID
}

// seen is what a log makes of its events: each one's verdict, and the digest.
func seen(t *testing.T, l *Log) string {
	t.Helper()
	f := object.New(l)
	for _, chain := range l.Forked() {
		f.Forked(chain)
	}
	verdicts := map[event.ID]string{}
	err := l.Scan(0, func(_ uint64, e event.Event) error {
		j, err := f.Apply(e)
		verdicts[e.ID] = j.Verdict.String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	for _, id := range slices.SortedFunc(maps.Keys(verdicts), func(a, b event.ID) int { return strings.Compare(string(a[:]), string(b[:])) }) {
		fmt.Fprintln(&s, id, verdicts[id])
	}
	ids := slices.Collect(maps.Keys(verdicts))
	return s.String() + f.Digest(ids).Hash.String()
}

// shuffled is what was sent, cut into pieces and put in any order, some of it twice.
func (w *replicas) shuffled(rng *rand.Rand) (batches []Batch) {
	var all []any
	for _, r := range w.runs {
		for at := 0; at < len(r.Events); {
			n := 1 + rng.Intn(len(r.Events)-at)
			if uint64(n) == r.Seal.Last-r.Seal.First+1 {
				all = append(all, r)
			} else {
				all = append(all, piece(r, at, at+n, rng.Intn(2) == 0))
			}
			at += n
		}
	}
	for _, r := range w.records {
		all = append(all, r)
	}
	all = append(all, all[rng.Intn(len(all))], all[rng.Intn(len(all))])
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for len(all) > 0 {
		var b Batch
		n := 1 + rng.Intn(len(all))
		for _, one := range all[:n] {
			switch one := one.(type) {
			case event.Run:
				b.Runs = append(b.Runs, one)
			case SentRecord:
				b.Records = append(b.Records, one)
			}
		}
		batches, all = append(batches, b), all[n:]
	}
	return batches
}

// The same events come to the same verdicts, states and digest in any order of
// delivery, in any pieces, through restarts.
func TestRule04_DeliveryInAnyOrderGivesTheSame(t *testing.T) {
	w := newReplicas(t)
	want, ids := seen(t, w.founder), idSet(t, w.founder)
	for _, verdict := range []string{" valid", " void", " opaque"} {
		if !strings.Contains(want, verdict) {
			t.Fatal("no event is", verdict)
		}
	}
	for seed := range int64(rounds(60, 1000)) {
		w.deliver(t, seed, want, ids)
	}
}

func (w *replicas) deliver(t *testing.T, seed int64, want string, ids []event.ID) {
	t.Helper()
	rng := rand.New(rand.NewSource(seed))
	o := following(t, w.founder, t.TempDir(), 29)
	o.syncOff = true // what a crash leaves is not asked here
	l, _, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { l.Close() }()
	for round := 0; int(l.Count()) < w.count; round++ {
		if round > 6 {
			t.Fatalf("seed %d: %d of %d events came; missing %v", seed, l.Count(), w.count, l.Missing())
		}
		for _, b := range w.shuffled(rng) {
			mustAdmit(t, l, b)
			if rng.Intn(20) == 0 {
				l.Close()
				if l, _, err = Open(context.Background(), o); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if got := seen(t, l); got != want || !slices.Equal(idSet(t, l), ids) {
		t.Fatalf("seed %d: it comes to\n%s\nwant\n%s", seed, got, want)
	}
	auditClean(t, l)
}
