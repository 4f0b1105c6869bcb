package studio

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"atelier.dev/atelier/backend/bundle"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

func (w *world) bundled(c Caller, at string) (Bundled, bundle.Report) {
	w.t.Helper()
	var b bytes.Buffer
	made, err := w.Bundle(background, c, at, &b)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := bundle.Verify(bytes.NewReader(b.Bytes()), int64(b.Len()), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range r.Findings {
		w.t.Errorf("%s of a bundle of %s: %s", f.Code, at, f.What)
	}
	if r.ID != made.ID || r.Digest != made.Head.Digest || r.Events != made.Head.Events || made.Bytes != uint64(b.Len()) || len(made.Read) == 0 || r.Believed > 0 {
		w.t.Errorf("made %+v, and found %+v", made, r)
	}
	return made, r
}

// What a home writes of a checkpoint, or of any other cut, is right for whoever
// has no home.
func TestACutLeavesAsABundle(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	worker := w.addAgent(c, "worker")
	logs := w.add(c, "Read the logs")
	_, shim := w.run(c, "made")
	shim.prints("hello\r\n")
	w.change(c, ChangeRequest{Type: event.TraceOpenedType, Set: map[string]any{"title": "a run"}})
	agent := w.newSession(SessionRequest{As: "worker", Surface: event.SurfaceCLI})
	w.change(agent, ChangeRequest{Type: event.WorkItemClaimedType, Object: logs.String()})
	quiet := w.checkpoint(c, CheckpointRequest{Name: "quiet", Mode: "quiescent"})
	first := w.checkpoint(c, CheckpointRequest{Name: "first"})
	w.add(c, "after it")
	if _, err := w.Finalize(background, c, "quiet", ""); !fault.Is(err, "not_quiescent") {
		t.Fatal(err)
	}
	finalized, err := w.Finalize(background, c, "first", "so")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.RetireActor(background, c, worker.ID.String(), ""); err != nil {
		t.Fatal(err)
	}
	w.add(c, "later")

	made, r := w.bundled(c, "first")
	if r.Head.Checkpoint != first.ID || r.State != "finalized" || made.Head.Digest.Hash.String() != first.Digest || fmt.Sprint(finalized.Document["digest"]) != first.Digest {
		t.Errorf("it is %+v, want the digest %s", r, first.Digest)
	}
	if made.Head.Outside == 0 {
		t.Error("nothing outside tells what became of it")
	}
	if _, r := w.bundled(c, quiet.ID.String()); r.State != "proposed" {
		t.Errorf("what was refused is %s", r.State)
	}
	if _, err := w.Invalidate(background, c, "first", ""); err != nil {
		t.Fatal(err)
	}
	if _, r := w.bundled(c, "first"); r.State != "invalidated" {
		t.Errorf("it is %s", r.State)
	}
	if _, r := w.bundled(c, "now"); r.Outside != 0 || !r.Head.Checkpoint.IsZero() || r.Head.Records != uint64(len(w.records)+1) {
		t.Errorf("all that is here is %+v", r)
	}
	for n := uint64(1); n <= w.log.Count(); n += 3 {
		if _, r := w.bundled(c, fmt.Sprintf("arrival:%d", n)); r.Events != n {
			t.Errorf("%d of the first %d are in it", r.Events, n)
		}
	}
	for n, e := range w.events("") {
		if n%4 == 0 {
			w.bundled(c, e.ID.String())
		}
	}
	if _, err := w.Bundle(background, c, "nothing", &bytes.Buffer{}); !fault.Is(err, "cut_unknown") {
		t.Error("what is not here leaves:", err)
	}
}

// The same cut is the same bytes, also from a home that was started anew.
func TestABundleIsTheSameAgain(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.add(c, "Read the logs")
	w.checkpoint(c, CheckpointRequest{Name: "first"})
	if _, err := w.Finalize(background, c, "first", ""); err != nil {
		t.Fatal(err)
	}
	before, _ := w.bundled(c, "first")
	w.add(c, "later")
	w.restart()
	after, _ := w.bundled(w.caller(event.SurfaceCLI), "first")
	if before.ID != after.ID {
		t.Errorf("it was %s, and is %s", before.ID, after.ID)
	}
}

// full is a writer that takes only so many bytes.
type full struct{ room int }

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestABundleEndsWithItsReader(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.add(c, "Read the logs")
	for room := range 3 {
		if _, err := w.Bundle(background, c, "now", &full{room: room}); !errors.Is(err, errFull) {
			t.Error("where there is no room:", err)
		}
	}
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := w.Bundle(ctx, c, "now", &bytes.Buffer{}); !fault.Is(err, "canceled") {
		t.Error("who does not wait:", err)
	}
}

// unsealing is a log that seals nothing more.
type unsealing struct{ Log }

func (unsealing) Seal(context.Context) error { return nil }
func (unsealing) ReadOnly() string           { return "" }

// What was written a moment ago is sealed first, and without that it stays.
func TestWhatLeavesIsSealed(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	log := w.p.Log
	for { // until no idle seal came in between
		w.add(c, "Read the logs")
		w.p.Log = unsealing{log}
		_, err := w.Bundle(background, c, "now", &bytes.Buffer{})
		w.p.Log = log
		if fault.Is(err, "unsealed") {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.bundled(c, "now")
	if kinds := len(w.fold.Objects(object.KindWorkItem)); kinds == 0 {
		t.Error("nothing was written")
	}
}

// What is changed in the bundle of a home is found, also when its sum is made anew.
func TestAChangedBundleIsFound(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	w.add(c, "Read the logs")
	w.checkpoint(c, CheckpointRequest{Name: "first"})
	if _, err := w.Finalize(background, c, "first", ""); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := w.Bundle(background, c, "first", &b); err != nil {
		t.Fatal(err)
	}
	content := b.Bytes()[:b.Len()-sha256.Size]
	found := func(content []byte) bool {
		sum := sha256.Sum256(content)
		whole := append(bytes.Clone(content), sum[:]...)
		r, err := bundle.Verify(bytes.NewReader(whole), int64(len(whole)), nil)
		return err != nil || len(r.Findings) > 0
	}
	if found(content) {
		t.Fatal("the control is refused")
	}
	for n := 0; n < len(content); n += 5 {
		harmed := bytes.Clone(content)
		harmed[n] ^= 1 << (n % 8)
		if !found(harmed) {
			t.Errorf("a changed byte %d is not noticed", n)
		}
		if !found(content[:n]) {
			t.Errorf("cut off at %d it passes", n)
		}
	}
}
