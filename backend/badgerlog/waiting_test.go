package badgerlog

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// What waits is the log's own: whoever sent it may do with its bytes what they want.
func TestWhatWaitsIsACopy(t *testing.T) {
	l := founded(t)
	w, other := newScribe(t, l, 17), newScribe(t, l, 18)
	id := w.after(2, other.write(nil))
	r := w.run()
	header, body := bytes.Clone(r.Events[0].Header), bytes.Clone(r.Events[0].Body)
	r.Events[0] = event.Sent{Header: header, Body: body}
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{r}}); got.Waiting != 1 {
		t.Fatal(got)
	}
	clear(header)
	clear(body)
	clear(r.Seal.Signature)
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{other.run()}}); got.Taken != 2 {
		t.Fatal(got)
	}
	if e, err := l.Event(id); err != nil || !bytes.Equal(e.Bytes, w.sent[0].Header) {
		t.Error(err)
	}
	auditClean(t, l)
}

// Only what nobody has sent is missing, and its place is told where it is known.
func TestWhatIsMissingIsTold(t *testing.T) {
	l := founded(t)
	w, other := newScribe(t, l, 17), newScribe(t, l, 18)
	first := w.write(nil)
	w.run()
	before := other.write(nil)
	w.after(2, before)
	w.write(nil)
	w.write(func(h *event.Header) { h.Basis = event.Basis{Index: 9, Record: event.ID{9}} })
	got := mustAdmit(t, l, Batch{Runs: []event.Run{w.run()}})
	want := map[Missing]bool{{first, w.chain(), 0}: true, {ID: before}: true, {event.ID{9}, l.chains.control, 9}: true}
	for _, m := range got.Missing {
		if !want[m] {
			t.Errorf("%+v is missing", m)
		}
	}
	if got.Waiting != 3 || len(got.Missing) != 3 || fmt.Sprint(l.Missing()) != fmt.Sprint(got.Missing) {
		t.Error(got, got.Missing)
	}
}

// What waits is bounded in bytes too.
func TestLargeBodiesWaitWithinBounds(t *testing.T) {
	l := founded(t)
	w := newScribe(t, l, 17)
	for n := range 100 {
		body := append(make([]byte, event.BodyNonceSize), bytes.Repeat([]byte{byte(n)}, 400<<10)...)
		h := w.next()
		if h.BodyHash = event.BodyHash(body); n == 0 {
			h.Parents, h.Lamport = []event.ID{{9}}, 2
		}
		b, _, err := event.EncodeHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		w.bytes(b, body)
	}
	got := mustAdmit(t, l, Batch{Runs: []event.Run{w.run()}})
	if n := maxHeldBytes / (401 << 10); got.Waiting > n+1 || got.Waiting < n-1 || l.waits.size > maxHeldBytes {
		t.Errorf("%d wait with %d bytes", got.Waiting, l.waits.size)
	}
}

// Who came and went leaves nothing behind.
func TestNothingIsKeptOfWhoWaitsNoMore(t *testing.T) {
	w, ids := newWaiting(), make([]event.ID, 100)
	r := &run{ids: ids}
	for n := range 4 * maxHeld {
		c := &candidate{run: r}
		c.ID = event.Derived(event.ID{1}, fmt.Sprint(n))
		w.hold(c, []event.ID{{2}})
		if w.size != recordFrame+32*len(ids) {
			t.Fatal("one that waits takes", w.size)
		}
		if n%2 == 0 {
			w.wake(event.ID{2})
		} else {
			w.giveUp(event.ID{2})
		}
	}
	if len(w.held)+len(w.needed)+w.size > 0 || len(w.queue) > 2*maxHeld {
		t.Error(len(w.held), len(w.needed), w.size, len(w.queue))
	}
}

// What was staged and is not durable is shown to nobody, and kept in no index.
func TestNothingIsShownBeforeItIsDurable(t *testing.T) {
	l := founded(t)
	w := newScribe(t, l, 17)
	id := w.write(nil)
	run, heads, count := w.run(), fmt.Sprint(l.Heads()), l.Count()
	a := &admission{log: l, records: map[event.ID]*candidate{}}
	defer a.openRuns([]event.Run{run})()
	a.fill(context.Background())
	g := &group{next: l.at, unsealed: l.unsealed, admission: a}
	l.stage(g, a)
	unknown := func(what string, err error, reason string) {
		t.Helper()
		if !fault.Is(err, reason) {
			t.Errorf("%s is shown: %v", what, err)
		}
	}
	_, err := l.Event(id)
	unknown("the event", err, "event_unknown")
	_, err = l.Relate(id, l.Genesis())
	unknown("its past", err, "event_unknown")
	_, err = l.Maximal([]event.ID{id})
	unknown("its place", err, "parent_unknown")
	_, err = l.Cut(event.Cut{Past: []event.ID{id}})
	unknown("its cut", err, "event_unknown")
	if found, _ := l.Find(id.String()); len(found) > 0 || fmt.Sprint(l.Heads()) != heads || l.Count() != count {
		t.Error("it is found", found, l.Heads())
	}
	kept := make(chan error)
	go func() { kept <- l.KeepIndex() }()
	select {
	case <-kept:
		t.Fatal("an index is kept of it")
	default:
	}
	if err := l.finish(g); err != nil {
		t.Fatal(err)
	}
	if err := <-kept; err != nil {
		t.Fatal(err)
	}
	if _, err := l.Event(id); err != nil || l.Count() != count+1 || l.indexed.Load() != count+1 {
		t.Error("the control, once it is durable:", err)
	}
}
