package studio

import (
	"bytes"
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// aged is a world with replaced titles, a terminal that has ended and one that runs,
// and a checkpoint that is final, with more after it.
type aged struct {
	*world
	c            Caller
	logs         event.ID
	ended, runs  event.ID
	written      uint64 // by the one that ended, at the checkpoint
	digest, view string
}

func newAged(t *testing.T) *aged {
	w := newWorld(t)
	a := &aged{world: w, c: w.caller(event.SurfaceCLI)}
	a.logs = w.add(a.c, "read the logs")
	w.change(a.c, ChangeRequest{Type: event.WorkItemUpdatedType, Object: a.logs.String(), Set: map[string]any{"title": "read them all"}})
	w.add(a.c, "write it up")
	var gone, living *fakeShim
	a.ended, gone = w.run(a.c, "build")
	a.runs, living = w.run(a.c, "serve")
	if _, _, err := w.Rename(background, a.c, a.ended.String(), "make"); err != nil {
		t.Fatal(err)
	}
	gone.prints(strings.Repeat("before ", 1000))
	living.prints("it serves")
	a.written = uint64(len(w.read("make")))
	w.read("serve")
	a.view = w.titles(a.c, Where{})
	w.checkpoint(a.c, CheckpointRequest{Name: "v1"})
	if _, err := w.Finalize(background, a.c, "v1", ""); err != nil {
		t.Fatal(err)
	}
	a.digest = a.digestAt("v1")
	gone.prints("after")
	gone.note(attach.Note{Kind: attach.NoteExited})
	if _, _, err := w.Wait(background, a.c, a.ended.String()); err != nil {
		t.Fatal(err)
	}
	gone.dies()
	w.until("its run is over", func() bool { w.Studio.mu.Lock(); defer w.Studio.mu.Unlock(); return w.runs[a.ended] == nil })
	return a
}

func (a *aged) digestAt(checkpoint string) string {
	a.t.Helper()
	c, f, err := a.past(checkpoint)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.Studio.digest(c, f).Hash.String()
}

func (a *aged) policy(bodies, terminals string) Retained {
	a.t.Helper()
	r, err := a.SetRetention(background, a.c, Retention{Checkpoint: "v1", Bodies: bodies, Terminals: terminals})
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

func (a *aged) thin() Thinned {
	a.t.Helper()
	done, err := a.Thin(background, a.c)
	if err != nil {
		a.t.Fatal(err)
	}
	return done
}

// verdictsAndStates are what no body may change.
func (a *aged) verdictsAndStates() map[string]any {
	all := map[string]any{}
	for _, e := range a.events("") {
		if e.Header.Type == event.CheckpointThinnedType {
			continue
		}
		all[e.ID.String()] = a.judgement(e.ID).Verdict
	}
	a.Studio.mu.Lock()
	defer a.Studio.mu.Unlock()
	for _, kind := range []object.Kind{object.KindWorkItem, object.KindExecution, object.KindActor} {
		for _, o := range a.fold.Objects(kind) {
			all["object "+o.Head().ID.String()] = []any{stateOf(o), o.Head().Frontier}
		}
	}
	return all
}

// What was replaced goes, what stands stays, and the checkpoint reads as it did.
func TestReplacedTextGoesAndWhatStandsStays(t *testing.T) {
	a := newAged(t)
	before := a.verdictsAndStates()
	r := a.policy(BodiesReplaced, TerminalsKeep)
	if r.CheckpointName != "v1" || r.Due.Bodies == 0 || r.Due.Terminals != 0 || r.Gone != (Amount{}) {
		t.Fatalf("%+v", r)
	}
	done := a.thin()
	if done.Dropped != r.Due || done.Ack.Event.IsZero() {
		t.Errorf("dropped %+v, due were %+v", done.Dropped, r.Due)
	}
	for range 2 {
		if got := a.titles(a.c, Where{}); got != a.view {
			t.Errorf("now it reads %s, and was %s", got, a.view)
		}
		if got := a.titles(a.c, Where{At: "v1"}); got != a.view {
			t.Errorf("at the checkpoint it reads %s, and was %s", got, a.view)
		}
		first := a.events(event.WorkItemCreatedType)[0]
		if !first.Gone || a.events(event.WorkItemCreatedType)[1].Gone {
			t.Error("a title that stands is gone, or one that was replaced is there")
		}
		if got := a.verdictsAndStates(); !reflect.DeepEqual(got, before) {
			t.Errorf("verdicts or states are\n%v\nand were\n%v", got, before)
		}
		if got := a.digestAt("v1"); got != a.digest {
			t.Errorf("the digest is %s, and was %s", got, a.digest)
		}
		found, last := a.audited()
		if len(found) > 0 || last.GoneBodies != done.Dropped.Bodies || last.GoneBytes != 0 {
			t.Errorf("an audit finds %v, %+v", found, last)
		}
		a.kill()
		a.dropCaches() // all is rebuilt from nothing
		a.open()
	}
	again, err := a.Thin(background, a.c)
	if err != nil || again.Dropped != (Amount{}) || !again.Ack.Event.IsZero() {
		t.Errorf("again it drops %+v: %v", again, err)
	}
	a.noneVoid()
}

// What is gone says so: in lists, of one object, in the log and in why, now and
// after a start, with what was kept and without.
func TestWhatIsGoneSaysSo(t *testing.T) {
	a := newAged(t)
	a.keepHere()
	a.titles(a.c, Where{At: "v1"}) // what a cut folds to is kept as well
	before := a.verdictsAndStates()
	a.policy(BodiesAll, TerminalsKeep)
	a.thin()
	for _, how := range []string{"at once", "after a start", "rebuilt"} {
		shown, err := a.Show(background, a.c, a.logs.String(), Where{})
		if err != nil {
			t.Fatal(err)
		}
		if unread, _ := shown.Object["unread"].(map[string]any); shown.Object["title"] != "" && shown.Object["title"] != nil || unread["title"] != "gone" {
			t.Errorf("%s: %v", how, shown.Object)
		}
		for _, at := range []string{"", "v1"} {
			l, err := a.Objects(background, a.c, ObjectFilter{Kind: object.KindWorkItem, Where: Where{At: at}})
			if unread, _ := l.Objects[0]["unread"].(map[string]any); err != nil || unread["title"] != "gone" {
				t.Errorf("%s: at %q a list has %v, %v", how, at, l.Objects, err)
			}
		}
		x, err := a.Show(background, a.c, a.ended.String(), Where{})
		if unread, _ := x.Object["unread"].(map[string]any); err != nil || unread["name"] != "gone" || unread["argv"] != "gone" {
			t.Errorf("%s: a terminal shows %v, %v", how, x.Object, err)
		}
		event0, err := a.Show(background, a.c, a.events(event.WorkItemUpdatedType)[0].ID.String(), Where{})
		if err != nil || event0.Event == nil || !event0.Event.Gone || event0.Event.Content != nil {
			t.Errorf("%s: the event shows %+v, %v", how, event0.Event, err)
		}
		why, err := a.Why(background, a.c, a.logs.String(), Where{}, 0)
		last := why.Causes[len(why.Causes)-1]
		if err != nil || last.Summary != "anna changed title of a work item whose name is gone (the rest of it is gone)" || !last.Gone {
			t.Errorf("%s: why says %q, %v", how, last.Summary, err)
		}
		if name := a.actorName(a.human.ID); name != "anna" {
			t.Errorf("%s: who acts is called %q", how, name)
		}
		if got := a.verdictsAndStates(); !reflect.DeepEqual(got, before) {
			t.Errorf("%s: verdicts or states have changed", how)
		}
		if got := a.digestAt("v1"); got != a.digest {
			t.Errorf("%s: the digest is %s, and was %s", how, got, a.digest)
		}
		if found, _ := a.audited(); len(found) > 0 {
			t.Errorf("%s: an audit finds %v", how, found)
		}
		a.kill()
		if how == "after a start" {
			a.dropCaches()
		}
		a.open()
	}
	a.noneVoid()
}

// Objects that were kept before a drop are of no use after it, even when a kill has
// left them there.
func TestObjectsOfBeforeADropAreNotTaken(t *testing.T) {
	a := newAged(t)
	a.keepHere()
	name := a.Log().Caches()
	old, sound := a.log.LoadCache(name[len(name)-1])
	if !sound || !strings.HasPrefix(name[len(name)-1], keptPrefix) {
		t.Fatal(name)
	}
	a.policy(BodiesAll, TerminalsKeep)
	a.thin()
	if err := a.log.SaveCache(name[len(name)-1], old); err != nil {
		t.Fatal(err)
	}
	a.restart()
	if shown, err := a.Show(background, a.caller(event.SurfaceCLI), a.logs.String(), Where{}); err != nil || shown.Object["unread"] == nil {
		t.Errorf("what is gone is back: %v, %v", shown.Object, err)
	}
}

// Log is the log that the studio has.
func (a *aged) Log() Log { return a.p.Log }

// Bytes of a terminal that has ended go up to the checkpoint; those of one that runs
// stay until it ends.
func TestBytesOfEndedTerminalsGo(t *testing.T) {
	a := newAged(t)
	r := a.policy(BodiesKeep, TerminalsDrop)
	if r.Due != (Amount{Terminals: 1, TerminalBytes: a.written}) || r.Running != 1 {
		t.Fatalf("%+v", r)
	}
	done := a.thin()
	if done.Dropped != r.Due || done.Running != 1 || done.Busy != 0 {
		t.Errorf("%+v", done)
	}
	for range 2 {
		var pieces []Piece
		if err := a.Transcript(background, a.c, a.ended.String(), TranscriptRequest{}, func(p Piece) error { pieces = append(pieces, p); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(pieces) != 3 || !pieces[0].Gone || pieces[0].Missing != a.written || string(pieces[1].Bytes) != "after" || pieces[1].Gone || pieces[1].Offset != a.written {
			t.Errorf("the transcript is %+v", pieces)
		}
		if got := a.read("serve"); string(got) != "it serves" {
			t.Errorf("the one that runs has %q", got)
		}
		shown, err := a.Show(background, a.c, a.ended.String(), Where{})
		if err != nil || shown.Object["gone_offset"] != a.written || shown.Object["output_offset"] != a.written+5 {
			t.Errorf("it shows %v, %v", shown.Object, err)
		}
		found, last := a.audited()
		if len(found) > 0 || last.GoneBytes != a.written {
			t.Errorf("an audit finds %v, %+v", found, last)
		}
		sizes, err := a.Sizes()
		if err != nil || sizes[len(sizes)-1] != (Size{"transcripts_gone", 1, a.written}) {
			t.Errorf("%v %v", sizes, err)
		}
		a.restart()
		a.c = a.caller(event.SurfaceCLI)
	}
	living := a.shim(a.runs)
	living.note(attach.Note{Kind: attach.NoteExited})
	if _, _, err := a.Wait(background, a.c, a.runs.String()); err != nil {
		t.Fatal(err)
	}
	if done := a.thin(); done.Busy != 1 || done.Dropped != (Amount{}) {
		t.Errorf("with its process there: %+v", done)
	}
	living.dies()
	if done := a.thin(); done.Dropped != (Amount{Terminals: 1, TerminalBytes: 9}) || done.Running != 0 {
		t.Errorf("now that it has ended: %+v", done)
	}
	a.noneVoid()
}

// Bytes that went past a checkpoint that is final are a finding.
func TestAnAuditNamesBytesThatWentWrongly(t *testing.T) {
	a := newAged(t)
	a.policy(BodiesKeep, TerminalsDrop)
	a.thin()
	spool := a.spools[a.ended]
	spool.gone += 5
	found, _ := a.audited()
	if len(found) != 1 || found[0].Code != "spool_gone" {
		t.Errorf("found %v", found)
	}
	spool.gone -= 15 // what events do not name as a boundary
	clear(spool.bytes[:spool.gone])
	if found, _ = a.audited(); len(found) != 1 || found[0].Code != "spool_gone" {
		t.Errorf("found %v", found)
	}
}

// Whoever watches is told of what is gone, with the frontier.
func TestWatchersAreToldOfWhatIsGone(t *testing.T) {
	a := newAged(t)
	ctx, stop := context.WithCancel(background)
	lists, over := make(chan ObjectList, 16), make(chan error, 1)
	go func() {
		over <- a.WatchObjects(ctx, a.c, ObjectFilter{Kind: object.KindWorkItem}, func(l ObjectList) error { lists <- l; return nil })
	}()
	<-lists
	a.policy(BodiesAll, TerminalsKeep)
	a.thin()
	select {
	case l := <-lists:
		if !l.Partial || len(l.Objects) != 2 || l.Objects[0]["unread"] == nil || len(l.Read) == 0 {
			t.Errorf("told %+v", l)
		}
	case <-time.After(patience):
		t.Error("nobody is told")
	}
	stop()
	<-over
}

func TestAPolicyIsRefusedForWhatItSays(t *testing.T) {
	a := newAged(t)
	if _, err := a.Thin(background, a.c); !fault.Is(err, "retention_none") {
		t.Errorf("without a policy: %v", err)
	}
	for want, q := range map[string]Retention{
		"retention_bad":            {Bodies: BodiesAll},
		"checkpoint_unknown":       {Checkpoint: "v9", Bodies: BodiesAll},
		"checkpoint_not_finalized": {Checkpoint: "v2", Bodies: BodiesAll},
	} {
		a.hasCheckpoint("v2")
		if _, err := a.SetRetention(background, a.c, q); !fault.Is(err, want) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for _, q := range []Retention{{Checkpoint: "v1", Bodies: "some"}, {Checkpoint: "v1", Terminals: "all"}} {
		if _, err := a.SetRetention(background, a.c, q); !fault.Is(err, "retention_bad") {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if _, err := a.SetRetention(background, Caller{}, Retention{}); !fault.Is(err, "session_missing") {
		t.Error(err)
	}
	a.policy(BodiesAll, TerminalsDrop)
	a.restart()
	r, err := a.Retention(background, Caller{})
	if err != nil || r.Policy.Bodies != BodiesAll || r.CheckpointName != "v1" {
		t.Errorf("after a start the policy is %+v, %v", r, err)
	}
	a.c = a.caller(event.SurfaceCLI)
	if _, err := a.Invalidate(background, a.c, "v1", "a mistake"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Thin(background, a.c); !fault.Is(err, "checkpoint_not_finalized") {
		t.Errorf("below one that no longer counts: %v", err)
	}
}

func (a *aged) hasCheckpoint(name string) {
	if !a.hasName(object.KindCheckpoint, name) {
		a.checkpoint(a.c, CheckpointRequest{Name: name})
	}
}

// A policy for the newest is applied when one becomes final, in the name of whoever
// asked for that.
func TestTheNewestIsThinnedWhenItBecomesFinal(t *testing.T) {
	a := newAged(t)
	r, err := a.SetRetention(background, a.c, Retention{Checkpoint: "newest", Bodies: BodiesReplaced})
	if err != nil || r.CheckpointName != "v1" {
		t.Fatal(r, err)
	}
	a.change(a.c, ChangeRequest{Type: event.WorkItemUpdatedType, Object: a.logs.String(), Set: map[string]any{"title": "read them twice"}})
	a.checkpoint(a.c, CheckpointRequest{Name: "v2"})
	if _, err := a.Finalize(background, a.c, "v2", ""); err != nil {
		t.Fatal(err)
	}
	a.until("it is thinned", func() bool {
		return len(a.events(event.CheckpointThinnedType)) == 1 && a.events(event.WorkItemUpdatedType)[0].Gone
	})
	e := a.last(event.CheckpointThinnedType)
	if x, err := a.entity(object.KindCheckpoint, "v2"); err != nil || e.Header.Affected[0] != x.ID || e.Header.Session != a.c.Session {
		t.Errorf("%+v, %v", e.Header, err)
	}
}

// What failed in the middle goes on to the same end.
func TestThinningGoesOnAfterItFailed(t *testing.T) {
	a := newAged(t)
	a.policy(BodiesAll, TerminalsDrop)
	a.faults.fail("drop", 1)
	if _, err := a.Thin(background, a.c); err == nil {
		t.Fatal("it did not fail")
	}
	a.restart()
	a.c = a.caller(event.SurfaceCLI)
	if r, err := a.Retention(background, a.c); err != nil || r.Due.Terminals != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if done := a.thin(); done.Dropped.Terminals != 1 {
		t.Errorf("%+v", done)
	}
	if !bytes.Equal(a.spools[a.ended].bytes[:a.written], make([]byte, a.written)) {
		t.Error("the bytes are there")
	}
	if found, _ := a.audited(); len(found) > 0 {
		t.Error(found)
	}
	a.noneVoid()
}

// Bytes that are not here are not due: another home has them.
func TestBytesThatAreElsewhereAreNotDue(t *testing.T) {
	a := newAged(t)
	if err := a.Remove(a.ended); err != nil {
		t.Fatal(err)
	}
	if r := a.policy(BodiesKeep, TerminalsDrop); r.Due != (Amount{}) {
		t.Errorf("%+v", r)
	}
}
