package studio

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// tellings counts what the core's log was told of something.
func (w *world) tellings(of string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range w.told {
		if strings.Contains(line, of) {
			n++
		}
	}
	return n
}

// ended waits for the end of a terminal.
func (w *world) ended(ref string) Execution {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(background, patience)
	defer cancel()
	v, _, err := w.Wait(ctx, Caller{}, ref)
	if err != nil {
		w.t.Fatalf("%v; told: %q", err, w.told)
	}
	return v
}

// A folder that cannot be opened is not one that was never there: what the dead
// shim noted comes as soon as it can be read, and until then nothing is said.
func TestAFolderThatCannotBeOpenedIsNotLost(t *testing.T) {
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "x")
	w.kill()
	shim.prints("result")
	shim.note(attach.Note{Kind: attach.NoteExited, Status: 3})
	shim.dies()
	w.faults.fail("open", 2)
	w.open()
	if v := w.ended("x"); v.Status != "exit 3" {
		t.Errorf("it ended as %q", v.Status)
	}
	if end := w.contiguous(id); end != 6 {
		t.Errorf("events name %d of 6 bytes", end)
	}
	if n := w.tellings(opening); n != 2 {
		t.Errorf("two failures were told %d times", n)
	}
}

// A terminal that lives is not followed before its bytes can be opened, and
// whoever asks for it meanwhile hears why.
func TestATerminalWhoseBytesCannotBeOpenedIsFollowedLater(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	id, shim := w.run(cli, "x")
	w.kill()
	shim.prints("result")
	w.faults.fail("open", always)
	w.open()
	if _, err := w.Send(background, cli, "x", []byte("x")); !fault.Is(err, "shim_gone") || !strings.Contains(err.Error(), "open fails") {
		t.Errorf("answered with %v", err)
	}
	w.until("tried three times", func() bool { return w.faults.tries("open") > 2 })
	w.faults.fail("open", 0)
	if got := string(w.read("x")); got != "result" {
		t.Errorf("read %q", got)
	}
	w.contiguous(id)
	if shim.leaks() > 0 {
		t.Error("links to the shim were left open")
	}
}

func (s *fakeShim) leaks() int { s.mu.Lock(); defer s.mu.Unlock(); return s.leaked }

// Only of a folder that is known to be gone nothing will ever be known.
func TestAFolderThatIsAbsentIsLost(t *testing.T) {
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "x")
	w.kill()
	shim.dies()
	if err := w.Remove(id); err != nil {
		t.Fatal(err)
	}
	w.open()
	if v := w.ended("x"); v.Status != "lost: its folder is gone, and with it what its process saw" {
		t.Errorf("it is %q", v.Status)
	}
}

// What a failed launch left tells how it ended, at once. Where that
// is nothing it is lost, and says why.
func TestALaunchThatFailedIsSettledAtOnce(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	w.refuses = &attach.Note{Kind: attach.NoteFailed, Errno: 2, Message: "no such interpreter"}
	if _, err := w.Start(background, cli, StartRequest{Argv: []string{"bad"}, Folder: "/", Name: "bad"}); !fault.Is(err, "program_not_found") {
		t.Fatalf("answered with %v", err)
	}
	if v := w.ended("bad"); v.Status != "exit 127" {
		t.Errorf("it is %q", v.Status)
	}
	if n := w.tellings("error"); n != 0 {
		t.Errorf("the log was told of it: %q", w.told)
	}
	w.faults.fail("make", 1)
	if _, err := w.Start(background, cli, StartRequest{Argv: []string{"sh"}, Folder: "/", Name: "none"}); !fault.Is(err, "shim_start") {
		t.Fatalf("answered with %v", err)
	}
	if v := w.ended("none"); v.Status != "lost: the program was not started: make fails" {
		t.Errorf("it is %q", v.Status)
	}
	if n := w.tellings("error: starting a terminal: make fails"); n != 1 {
		t.Errorf("that the folder cannot be made was told %d times", n)
	}
}

// An end that cannot be written is written later. Until then the run is there,
// and says what is wrong.
func TestAnEndThatCannotBeWrittenIsWrittenLater(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	id, shim := w.run(cli, "x")
	w.faults.fail("append execution.exited", always)
	shim.prints("result")
	shim.note(attach.Note{Kind: attach.NoteExited, Status: 3})
	shim.dies()
	w.until("tried twice", func() bool { return w.faults.tries("append execution.exited") > 2 })
	if _, err := w.Send(background, cli, "x", []byte("x")); !fault.Is(err, "shim_gone") || !strings.Contains(err.Error(), "execution.exited fails") {
		t.Errorf("answered with %v", err)
	}
	if f := w.terminalsFinding(); f.Level != "failed" {
		t.Errorf("doctor says %+v", f)
	}
	w.faults.fail("append execution.exited", 0)
	if v := w.ended("x"); v.Status != "exit 3" {
		t.Errorf("it ended as %q", v.Status)
	}
	if end := w.contiguous(id); end != 6 {
		t.Errorf("events name %d of 6 bytes", end)
	}
	w.noneVoid()
}

// What a dead shim left is lost only when it was read: what cannot be read now
// is read again.
func TestWhatCannotBeReadIsNotLost(t *testing.T) {
	for _, what := range []string{"notes", "end", "sync", "root"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, shim := w.run(w.caller(event.SurfaceCLI), "x")
			w.kill()
			shim.prints("result")
			shim.note(attach.Note{Kind: attach.NoteExited, Status: 3})
			shim.dies()
			w.faults.fail(what, 2)
			w.open()
			if v := w.ended("x"); v.Status != "exit 3" {
				t.Errorf("it ended as %q", v.Status)
			}
			if n := len(w.events(event.ExecutionOutputType)); n != 1 {
				t.Errorf("%d events name the output", n)
			}
		})
	}
}

// An end that was noted is no less known when bytes are gone.
func TestAnEndIsToldThoughBytesAreGone(t *testing.T) {
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "x")
	w.kill()
	shim.prints("result")
	shim.note(attach.Note{Kind: attach.NoteExited, Status: 3})
	shim.dies()
	shim.spool.bytes = shim.spool.bytes[:2]
	w.open()
	if v := w.ended("x"); v.Status != "exit 3" || v.Reason != "4 bytes of what it wrote are gone" {
		t.Errorf("it ended as %q, %q", v.Status, v.Reason)
	}
	if end := w.contiguous(id); end != 2 {
		t.Errorf("events name %d of the 2 bytes that are left", end)
	}
}

// Notes that are damaged tell nothing for ever: that is why it is lost.
func TestDamagedNotesAreToldAsTheReason(t *testing.T) {
	w := newWorld(t)
	_, shim := w.run(w.caller(event.SurfaceCLI), "x")
	w.kill()
	shim.note(attach.Note{Kind: attach.NoteResized, Cols: 100, Rows: 30})
	shim.dies()
	shim.spool.damaged = fault.New(fault.DataLoss, "notes_damaged", "note 3 cannot be read", "restore it")
	w.open()
	if v := w.ended("x"); v.Status != "lost: note 3 cannot be read" || v.Cols != 100 {
		t.Errorf("it is %q of %d columns", v.Status, v.Cols)
	}
}

// typesOf lists the types of the events of a terminal that its shim's notes became.
func (w *world) typesOf(id event.ID) (all []event.Type) {
	for _, e := range w.events("") {
		if e.Header.Facts.Note != nil && slices.Contains(e.Header.Affected, id) {
			all = append(all, e.Header.Type)
		}
	}
	return all
}

// A note that cannot become an event is not passed over: those after it wait,
// and the link is kept.
func TestANoteThatCannotBeRecordedIsNotSkipped(t *testing.T) {
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "x")
	link := shim.link()
	w.faults.fail("append execution.resized", 1)
	shim.note(attach.Note{Kind: attach.NoteResized, Cols: 100, Rows: 30})
	w.until("it has failed", func() bool { return w.faults.tries("append execution.resized") == 1 })
	shim.note(attach.Note{Kind: attach.NoteInput, Count: 3})
	w.until("both are recorded", func() bool { x, _ := w.execution(id); return x.Typed == 3 })
	want := []event.Type{event.ExecutionRunningType, event.ExecutionResizedType, event.ExecutionInputType}
	if got := w.typesOf(id); !slices.Equal(got, want) {
		t.Errorf("recorded %v", got)
	}
	if shim.link() != link {
		t.Error("the link was dropped")
	}
	if r, err := w.runOf(id); err != nil || r.failure() != nil {
		t.Errorf("what was mended still fails: %v, %v", r.failure(), err)
	}
}

func (s *fakeShim) link() *fakeHeld { s.mu.Lock(); defer s.mu.Unlock(); return s.held }

// Behind a note that never came nothing is recorded: it is asked for anew.
func TestANoteThatNeverCameIsAskedFor(t *testing.T) {
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "x")
	shim.turns(deaf)
	shim.note(attach.Note{Kind: attach.NoteResized, Cols: 100, Rows: 30})
	shim.turns(!deaf)
	shim.note(attach.Note{Kind: attach.NoteInput, Count: 3})
	w.until("both are recorded", func() bool { x, _ := w.execution(id); return x.Typed == 3 })
	want := []event.Type{event.ExecutionRunningType, event.ExecutionResizedType, event.ExecutionInputType}
	if got := w.typesOf(id); !slices.Equal(got, want) {
		t.Errorf("recorded %v", got)
	}
}

const deaf = true

func (s *fakeShim) turns(deaf bool) { s.mu.Lock(); s.deaf = deaf; s.mu.Unlock() }

// While notes cannot be recorded the shim is heard all the same, since what it
// answers comes behind them; what the queue has no room for is asked for anew.
func TestAShimIsHeardWhileItsNotesCannotBeRecorded(t *testing.T) {
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "x")
	w.faults.fail("append execution.resized", always)
	shim.note(attach.Note{Kind: attach.NoteResized, Cols: 100, Rows: 30})
	w.until("it has failed", func() bool { return w.faults.tries("append execution.resized") == 1 })
	for range noteQueue + 1 { // of nobody, so that none is an event
		shim.note(attach.Note{Kind: attach.NoteAttached, Ticket: attach.Ticket{9}})
	}
	shim.note(attach.Note{Kind: attach.NoteInput, Count: 3})
	w.until("all is heard", func() bool { return len(shim.link().heard) == 0 })
	w.faults.fail("append execution.resized", 0)
	w.until("all is recorded", func() bool { x, _ := w.execution(id); return x.Typed == 3 })
	want := []event.Type{event.ExecutionRunningType, event.ExecutionResizedType, event.ExecutionInputType}
	if got := w.typesOf(id); !slices.Equal(got, want) {
		t.Errorf("recorded %v", got)
	}
}

// A size that is an event does not become another when what its session has
// seen cannot be kept.
func TestANoteBecomesOneEvent(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	id, shim := w.run(cli, "x")
	w.faults.fail("save "+stateKey(cli.Session), 1)
	if _, _, err := w.Resize(background, cli, "x", 100, 30); err != nil {
		t.Error(err)
	}
	shim.note(attach.Note{Kind: attach.NoteInput, Count: 3})
	w.until("what comes after it is recorded", func() bool { x, _ := w.execution(id); return x.Typed == 3 })
	if n := len(w.events(event.ExecutionResizedType)); n != 1 {
		t.Errorf("one size became %d events", n)
	}
}

// A busy terminal whose output cannot be recorded is not hashed for each word
// that it says, but once in a while; and no more when the log is read only.
func TestOutputThatCannotBeRecordedIsTriedOnceInAWhile(t *testing.T) {
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "x")
	r, err := w.runOf(id)
	if err != nil {
		t.Fatal(err)
	}
	begin, said := time.Now(), event.MaxRange+1
	w.faults.fail("append execution.output", always)
	shim.prints(strings.Repeat("x", said))
	for range 200 {
		shim.prints("x")
		said++
		w.until("it is heard", func() bool { return r.written() == uint64(said) })
	}
	w.until("it has failed", func() bool { return r.trouble(outputting) != nil })
	if most := int(time.Since(begin)/outputEvery) + 2; w.faults.tries("root") > most {
		t.Errorf("hashed %d times instead of %d", w.faults.tries("root"), most)
	}
	w.faults.fail("read only", always)
	before := w.faults.tries("read only")
	w.until("tried again", func() bool { return w.faults.tries("read only") > before })
	hashed := w.faults.tries("root")
	w.until("and again", func() bool { return w.faults.tries("read only") > before+2 })
	if n := w.faults.tries("root") - hashed; n > 0 {
		t.Errorf("hashed %d times for a log that is read only", n)
	}
	w.faults.fail("read only", 0)
	w.faults.fail("append execution.output", 0)
	if n := len(w.read("x")); n != said || int(w.contiguous(id)) != said {
		t.Errorf("recorded %d of %d bytes", n, said)
	}
}

// A failure that lasts is told ever more seldom, and anew when it comes again
// after the work was done.
func TestTroubleIsToldEverMoreSeldom(t *testing.T) {
	w := newWorld(t)
	r := w.newRun(event.ID{1}, nil, 0, 0, 0)
	fails := func(times int) {
		for range times {
			if err := r.hindered("work", errors.New("no")); err == nil {
				t.Fatal("the failure is gone")
			}
		}
	}
	fails(9)
	if n := w.tellings("work"); n != 4 {
		t.Errorf("9 failures were told %d times", n)
	}
	r.managed("work")
	fails(3)
	if n := w.tellings("work"); n != 6 {
		t.Errorf("3 more were told %d times", n-4)
	}
}

// A process that is stopped answers nothing: that is said, and not what the
// runtime calls it.
func TestASizeThatNobodySetsIsToldSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	_, shim := w.run(cli, "x")
	shim.mu.Lock()
	shim.stopped = true
	shim.mu.Unlock()
	if _, _, err := w.Resize(background, cli, "x", 90, 30); err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer came for 10s") {
		t.Errorf("answered with %v", err)
	}
}

// Whoever asks for a terminal that is not reached hears how to mend that, once.
func TestWhatMendsAnUnreachedTerminalIsTold(t *testing.T) {
	r := newWorld(t).newRun(event.ID{1}, nil, 0, 0, 0)
	_ = r.hindered(reaching, fault.New(fault.Unavailable, "shim_silent", "process 7 is stopped", "kill 7"))
	if f := fault.Of(r.outOfReach()); f.Reason != "shim_gone" || f.Mend != "kill 7" || strings.Contains(f.Message, "kill 7") {
		t.Errorf("told as %+v", f)
	}
}

// A folder in which no shim ever wrote is that of a program that never began.
func TestAProgramWhoseShimNeverWasIsNotSaidToBeKilled(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	begun := w.begin(w.caller(event.SurfaceCLI), StartRequest{Argv: []string{"sh"}, Folder: "/", Name: "x"})
	folder := w.reached().launch.Folder
	w.kill()
	<-begun // it was given up with the core
	delete(w.shims, folder)
	w.open()
	if v := w.ended("x"); v.Status != "lost: the core was killed before the program began" {
		t.Errorf("it is %q", v.Status)
	}
}

// What was removed under a process that lives loses nobody: how to end it is told.
func TestATerminalThatCannotBeReachedIsNotLost(t *testing.T) {
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "x")
	w.kill()
	if err := w.Remove(id); err != nil {
		t.Fatal(err)
	}
	w.faults.fail("adopt", always)
	w.open()
	x, _ := w.execution(id)
	w.until("it is said", func() bool { return w.view(x).Status == "unreachable: process 7 holds it; kill 7" })
	shim.dies()
	w.faults.fail("adopt", 0)
	if v := w.ended("x"); v.Status != "lost: its folder is gone, and with it what its process saw" {
		t.Errorf("it is %q", v.Status)
	}
}
