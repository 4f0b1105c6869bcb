package badgerlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand"
	"path/filepath"
	"testing"

	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// wordsOf is the content of a body with so many bytes of text.
func wordsOf(t testing.TB, rng *rand.Rand, n int) []byte {
	t.Helper()
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('a' + rng.Intn(26))
	}
	content, err := event.EncodeContent(&event.Remark{Why: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// told writes events with something in their bodies, in runs of one and of several.
func told(t testing.TB, l *Log, rng *rand.Rand, n, size int) (all []event.Event) {
	t.Helper()
	for range n {
		e, err := l.Append(context.Background(), draft(l, wordsOf(t, rng, 1+rng.Intn(size))))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// propose names a cut of all that is here.
func propose(l *Log) (event.Event, error) {
	_, named, err := l.Arrived(l.Count())
	if err != nil {
		return event.Event{}, err
	}
	return proposeCut(l, named)
}

func proposeCut(l *Log, named event.Cut) (event.Event, error) {
	d := draft(l, nil)
	d.Type, d.Facts = event.CheckpointProposedType, event.Facts{State: "proposed", Cut: &named}
	return l.Append(context.Background(), d)
}

// finalize has control freeze what was proposed, as the studio does.
func finalize(l *Log, proposed event.Event) error {
	r, err := finalRecord(l, proposed, event.OutcomeDone)
	if err == nil {
		_, err = l.AppendRecord(context.Background(), r)
	}
	return err
}

func finalRecord(l *Log, proposed event.Event, outcome string) (control.Record, error) {
	d := draft(l, nil, proposed.ID)
	digest := event.Digest{Version: 1, Hash: event.ID{1}}
	d.Type, d.Affected = event.RequestMadeType, []event.ID{proposed.ID}
	d.Facts = event.Facts{Ask: &event.Ask{Type: event.CheckpointFinalizedType}, Digest: &digest}
	request, err := l.Append(context.Background(), d)
	if err != nil {
		return control.Record{}, err
	}
	r, err := nextRecord(l, request)
	if err != nil {
		return r, err
	}
	r.Header.Type, r.Header.Affected, r.Header.Facts.Member, r.Header.Facts.Digest = event.CheckpointFinalizedType, d.Affected, nil, &digest
	if r.Header.Facts.Decision.Outcome = outcome; outcome == event.OutcomeRefused {
		r.Header.Facts.Decision.Reason = "digest_other"
	}
	return certified(l, r)
}

// final proposes all that is here and has control freeze it.
func final(t testing.TB, l *Log) event.ID {
	t.Helper()
	proposed, err := propose(l)
	if err == nil {
		err = finalize(l, proposed)
	}
	if err != nil {
		t.Fatal(err)
	}
	return proposed.ID
}

func anyBody(uint64, *event.Event) bool { return true }

func mustDrop(t testing.TB, l *Log, checkpoint event.ID, drop func(uint64, *event.Event) bool) dropped {
	t.Helper()
	bodies, bytes, err := l.DropBodies(context.Background(), checkpoint, drop)
	if err != nil {
		t.Fatal(err)
	}
	return dropped{bodies, bytes}
}

// eventsIn are all events of a log, by arrival.
func eventsIn(t testing.TB, l *Log) (events []event.Event) {
	t.Helper()
	if err := l.Scan(0, func(_ uint64, e event.Event) error { events = append(events, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return events
}

// A drop takes bodies below the checkpoint, those that it is asked for, and nothing
// else: no header, no id, no head, no order; and it stays so, with an index and
// without.
func TestADropTakesBodiesAndNothingElse(t *testing.T) {
	dir, rng := t.TempDir(), rand.New(rand.NewSource(1))
	l := mustOpen(t, dir)
	told(t, l, rng, 60, 400)
	decided(t, l, 5)
	told(t, l, rng, 40, 60_000)
	if err := l.KeepIndex(); err != nil {
		t.Fatal(err)
	}
	end := l.Count()
	checkpoint := final(t, l)
	told(t, l, rng, 20, 400)
	before, answers := eventsIn(t, l), answersOf(t, l)
	kept := func(n uint64) bool { return n%3 == 0 }
	got := mustDrop(t, l, checkpoint, func(n uint64, _ *event.Event) bool { return !kept(n) })
	if again := mustDrop(t, l, checkpoint, func(n uint64, _ *event.Event) bool { return !kept(n) }); again != (dropped{}) {
		t.Error("what is gone goes again:", again)
	}
	check := func(when string) {
		var is dropped
		for n, e := range eventsIn(t, l) {
			was := before[n]
			goes := uint64(n) < end && !kept(uint64(n)) && len(was.Body) > event.BodyNonceSize+1
			if goes {
				is = is.and(dropped{1, uint64(len(was.Body))})
				was.Body = nil
			}
			if e.ID != was.ID || !bytes.Equal(e.Bytes, was.Bytes) || !bytes.Equal(e.Body, was.Body) || (e.Body == nil) != goes || e.Gone != goes {
				t.Fatalf("%s: event %d has changed", when, n)
			}
			if at, err := l.EventAt(uint64(n)); err != nil || at.Gone != goes {
				t.Fatal(when, n, at.Gone, err)
			}
		}
		if is != got || is.bodies == 0 {
			t.Errorf("%s: %v are gone, and %v were told", when, is, got)
		}
		now := answersOf(t, l)
		if now.Sizes.bodies != answers.Sizes.bodies-got.bodies || now.Sizes.bodyBytes != answers.Sizes.bodyBytes-got.bytes || l.dropped.dropped != got {
			t.Errorf("%s: sizes %+v, were %+v; account %+v", when, now.Sizes, answers.Sizes, l.dropped)
		}
		now.Sizes = answers.Sizes
		if fmt.Sprint(now) != fmt.Sprint(answers) {
			t.Error(when, ": other answers")
		}
		mustAudit(t, l)
		if r, err := l.Audit(context.Background(), nil); err != nil || r.Gone != got.bodies {
			t.Errorf("%s: an audit counts %d gone, want %d: %v", when, r.Gone, got.bodies, err)
		}
	}
	check("at once")
	if err := l.Reclaim(context.Background()); err != nil {
		t.Fatal(err)
	}
	check("after the room was given back")
	mustClose(t, l)
	l = mustOpen(t, dir)
	if l.indexed.Load() != 0 {
		t.Error("an index of before the drop is taken")
	}
	check("opened again")
	if err := l.KeepIndex(); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	l = mustOpen(t, dir)
	if l.indexed.Load() == 0 {
		t.Error("an index of after the drop is not taken")
	}
	check("by its index")
	told(t, l, rng, 3, 100)
	mustAudit(t, l)
	mustClose(t, l)
}

// What arrived before a checkpoint and lies beside it stays.
func TestWhatLiesBesideACheckpointStays(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	beside := told(t, l, rand.New(rand.NewSource(1)), 9, 100) // none follows another
	proposed, err := proposeCut(l, event.Cut{Past: []event.ID{beside[4].ID}})
	if err == nil {
		err = finalize(l, proposed)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := mustDrop(t, l, proposed.ID, anyBody); got.bodies != 1 {
		t.Errorf("%d bodies are gone, not one", got.bodies)
	}
	if e, err := l.Event(beside[4].ID); err != nil || !e.Gone {
		t.Error("another one is gone", err)
	}
	mustAudit(t, l)
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// Nothing goes below what control has not frozen: what is proposed alone, what was
// refused, what is none.
func TestOnlyAFinalCheckpointLetsBodiesGo(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	rng := rand.New(rand.NewSource(1))
	one := told(t, l, rng, 3, 100)[0]
	proposed, err := propose(l)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(what string, id event.ID) {
		t.Helper()
		if _, _, err := l.DropBodies(context.Background(), id, anyBody); !fault.Is(err, "checkpoint_not_finalized") {
			t.Errorf("%s: %v", what, err)
		}
	}
	refuse("what is no checkpoint", one.ID)
	refuse("proposed alone", proposed.ID)
	refused, err := finalRecord(l, proposed, event.OutcomeRefused)
	if err == nil {
		_, err = l.AppendRecord(context.Background(), refused)
	}
	if err != nil {
		t.Fatal(err)
	}
	refuse("refused", proposed.ID)
	if err := finalize(l, proposed); err != nil {
		t.Fatal(err)
	}
	if got := mustDrop(t, l, proposed.ID, anyBody); got.bodies != 3 {
		t.Errorf("the control drops %v", got)
	}
	mustAudit(t, l)
	inspect := homeOf(t.TempDir())
	mustClose(t, mustOpen(t, inspect.Dir))
	inspect.Inspect = true
	seen, _, err := Open(context.Background(), inspect)
	if err != nil {
		t.Fatal(err)
	}
	defer seen.Close()
	if err := seen.inTurn(context.Background(), func() error { t.Error("an audit writes"); return nil }); !fault.Is(err, "read_only") {
		t.Error(err)
	}
}

// What went wrongly is named: a body without a checkpoint above it, one that
// nothing says was dropped, an account that does not add up.
func TestAnAuditNamesBodiesThatWentWrongly(t *testing.T) {
	for want, harm := range map[string]func(l *Log, events []event.Event) error{
		"": func(*Log, []event.Event) error { return nil },
		"body_dropped": func(l *Log, events []event.Event) error {
			return forgeBody(l, 9, true, dropped{1, uint64(len(events[9].Body))})
		},
		"body_absent": func(l *Log, _ []event.Event) error { return forgeBody(l, 2, false, dropped{}) },
		"body_count":  func(l *Log, _ []event.Event) error { return forgeBody(l, 2, true, dropped{}) },
	} {
		l := mustOpen(t, t.TempDir())
		rng := rand.New(rand.NewSource(1))
		told(t, l, rng, 5, 100)
		checkpoint := final(t, l)
		told(t, l, rng, 5, 100)
		mustDrop(t, l, checkpoint, func(n uint64, _ *event.Event) bool { return n == 1 })
		if err := harm(l, eventsIn(t, l)); err != nil {
			t.Fatal(err)
		}
		if err := l.Seal(context.Background()); err != nil {
			t.Fatal(err)
		}
		r, err := l.Audit(context.Background(), nil)
		if err != nil || codesOf(r) != want {
			t.Errorf("want %q, found %v, %v", want, r.Findings, err)
		}
		mustClose(t, l)
	}
}

// forgeBody takes a body away past all rules, and says what it likes.
func forgeBody(l *Log, n uint64, gone bool, account dropped) error {
	first, err := l.firstOf(n)
	if err != nil {
		return err
	}
	run, err := l.get(number('a', first))
	if err != nil {
		return err
	}
	var left []byte
	for at := first; len(run) > 0; at++ {
		record, rest, _ := cutRecord(run)
		if run = rest; at != n {
			left = append(left, record...)
			continue
		}
		var e event.Event
		if err := readRecord(&e, at, record); err != nil {
			return err
		}
		if record, err = newRecord(&e, nil); err != nil {
			return err
		}
		if gone {
			binary.BigEndian.PutUint32(record[4:], goneHere)
		}
		left = append(left, record...)
	}
	return l.inTurn(context.Background(), func() error { return l.writeDropped([]entry{{Key: number('a', first), Value: left}}, account) })
}

// Whoever knows no bodies that are gone says that the store is newer, and changes
// nothing.
func TestAStoreWithDroppedBodiesSaysSo(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	told(t, l, rand.New(rand.NewSource(1)), 5, 100)
	checkpoint := final(t, l)
	if m, err := l.get([]byte("m")); err != nil || string(m) != marker {
		t.Errorf("the marker is %q before, %v", m, err)
	}
	mustDrop(t, l, checkpoint, anyBody)
	if m, err := l.get([]byte("m")); err != nil || string(m) != droppedMarker {
		t.Errorf("the marker is %q after, %v", m, err)
	}
	mustClose(t, l)
}

func allocated(dir string) uint64 { return filesIn("store", filepath.Join(dir, "log")).Bytes }

// The disk has less allocated once the room was given back, while readers and
// writers go on; a log that was ended before that owes it, and gives it back later.
func TestTheDiskIsGivenBack(t *testing.T) {
	for _, ended := range []bool{false, true} {
		dir, rng := t.TempDir(), rand.New(rand.NewSource(1))
		l := mustOpen(t, dir)
		told(t, l, rng, 130, 150_000)
		checkpoint := final(t, l)
		mustClose(t, l)
		l = mustOpen(t, dir)
		before, held := allocated(dir), l.held.bodyBytes
		got := mustDrop(t, l, checkpoint, anyBody)
		if !l.owes() || got.bytes < held*9/10 {
			t.Fatal(l.dropped, held)
		}
		if ended {
			mustClose(t, l)
			l = mustOpen(t, dir)
		}
		reclaimBusily(t, l)
		if after := allocated(dir); after+got.bytes*9/10 > before || l.owes() {
			t.Errorf("ended %v: %d bytes were allocated, %d are: %d were dropped", ended, before, after, got.bytes)
		}
		mustAudit(t, l)
		mustClose(t, l)
	}
}

func reclaimBusily(t *testing.T, l *Log) {
	t.Helper()
	stop, busy := make(chan struct{}), make(chan error, 2)
	go func() {
		busy <- until(stop, func() error { return l.Scan(0, func(uint64, event.Event) error { return nil }) })
	}()
	go func() {
		busy <- until(stop, func() error { _, err := l.Append(context.Background(), draft(l, nil)); return err })
	}()
	err := l.Reclaim(context.Background())
	close(stop)
	for range 2 {
		if err := <-busy; err != nil {
			t.Error(err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// until does something again and again.
func until(stop chan struct{}, do func() error) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := do(); err != nil {
			return err
		}
	}
}
