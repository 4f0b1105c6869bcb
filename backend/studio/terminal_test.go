package studio

import (
	"bytes"
	"math/rand"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

func (w *world) read(ref string) []byte {
	w.t.Helper()
	var all []byte
	err := w.Transcript(background, Caller{}, ref, TranscriptRequest{}, func(p Piece) error {
		if p.Missing > 0 {
			w.t.Errorf("%d bytes are missing from %d on", p.Missing, p.Offset)
		}
		all = append(all, p.Bytes...)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// contiguous checks that the ranges of a terminal's output events have neither
// gap nor double, and that they name the bytes that are there.
func (w *world) contiguous(id event.ID) (end uint64) {
	w.t.Helper()
	for _, e := range w.events(event.ExecutionOutputType) {
		if e.Header.Affected[0] != id {
			continue
		}
		r := e.Header.Facts.Range
		if r.From != end {
			w.t.Fatalf("a range begins at %d where %d was reached", r.From, end)
		}
		root, err := w.spools[id].Root(r.From, r.To)
		if err != nil || root != r.Root {
			w.t.Fatalf("a range names other bytes: %v", err)
		}
		end = r.To
	}
	return end
}

func TestOutputIsRecordedOnceThroughKilledCores(t *testing.T) {
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "busy")
	random := rand.New(rand.NewSource(1))
	var said bytes.Buffer
	for round := range 12 {
		for range random.Intn(40) {
			text := strings.Repeat(string(rune('a'+random.Intn(26))), 1+random.Intn(200_000))
			said.WriteString(text)
			shim.prints(text)
			if random.Intn(10) == 0 {
				shim.note(attach.Note{Kind: attach.NoteResized, Cols: uint16(1 + round), Rows: 5})
			}
		}
		w.restart()
	}
	shim.note(attach.Note{Kind: attach.NoteExited, Status: 3})
	if v, _, err := w.Wait(background, Caller{}, "busy"); err != nil || *v.ExitStatus != 3 || v.Status != "exit 3" {
		t.Fatalf("ended as %+v, %v", v, err)
	}
	if got := w.contiguous(id); got != uint64(said.Len()) {
		t.Errorf("events name %d of %d bytes", got, said.Len())
	}
	if !bytes.Equal(w.read("busy"), said.Bytes()) {
		t.Error("the transcript is not what was said")
	}
	for _, e := range w.events("") {
		if j := w.fold.Judgement(e.ID); j.Why != nil {
			t.Errorf("%s is void: %v", e.Header.Type, j.Why)
		}
	}
	resized, noted := w.events(event.ExecutionResizedType), 0
	for _, n := range shim.spool.notes {
		if n.Kind == attach.NoteResized {
			noted++
		}
	}
	if len(resized) != noted {
		t.Errorf("%d sizes are recorded of %d", len(resized), noted)
	}
}

func TestRangesAreAtMostOneMebibyte(t *testing.T) {
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "flood")
	shim.prints(strings.Repeat("x", 5*event.MaxRange+17))
	if got := len(w.read("flood")); got != 5*event.MaxRange+17 {
		t.Errorf("read %d bytes", got)
	}
	if n := len(w.events(event.ExecutionOutputType)); n != 6 {
		t.Errorf("%d events name 5 MiB and 17 bytes", n)
	}
	w.contiguous(id)
	if shim.spool.syncs == 0 {
		t.Error("bytes were named by an event before they were durable")
	}
}

func TestADeadShimIsSettled(t *testing.T) {
	for name, c := range map[string]struct {
		notes  []attach.Note
		state  string
		status string
	}{
		"no word":        {nil, "lost", "lost: the process that held its terminal was killed, so nobody saw its end"},
		"ended before":   {[]attach.Note{{Kind: attach.NoteExited, Signal: 9}}, "exited", "signal 9 (SIGKILL)"},
		"no interpreter": {[]attach.Note{{Kind: attach.NoteFailed, Errno: 2, Message: "no such file"}}, "exited", "exit 127"},
		"not executable": {[]attach.Note{{Kind: attach.NoteFailed, Errno: 13, Message: "permission denied"}}, "exited", "exit 126"},
		"half a launch":  {[]attach.Note{{Kind: attach.NoteFailed, Message: "half a launch"}}, "lost", "lost: half a launch"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id, shim := w.run(w.caller(event.SurfaceCLI), "x")
			w.kill()
			shim.prints("last words")
			for _, n := range c.notes {
				shim.note(n)
			}
			shim.dies()
			w.open()
			v, _, err := w.Wait(background, Caller{}, "x")
			if err != nil || v.State != c.state || v.Status != c.status {
				t.Errorf("it is %q, %q, %v", v.State, v.Status, err)
			}
			if end := w.contiguous(id); end != 10 {
				t.Errorf("events name %d of its 10 last bytes", end)
			}
		})
	}
}

func TestAShimThatDiesUnderACoreIsSettled(t *testing.T) {
	w := newWorld(t)
	_, shim := w.run(w.caller(event.SurfaceCLI), "x")
	shim.dies()
	if v, _, err := w.Wait(background, Caller{}, "x"); err != nil || v.State != "lost" {
		t.Errorf("it is %q, %v", v.State, err)
	}
}

func TestAStartThatNeverReachedItsShimIsLost(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	se, err := w.session(cli.Session)
	if err != nil {
		t.Fatal(err)
	}
	// The core is killed after the event and before the folder is made.
	if _, _, err := w.born(background, se, StartRequest{Name: "x"}, &Launch{Argv: []string{"sh"}}, nil, event.ID{}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	if v, _, err := w.Wait(background, Caller{}, "x"); err != nil || v.State != "lost" {
		t.Errorf("it is %q, %v", v.State, err)
	}
}

func TestFoldersThatNoEventNamesAreRemoved(t *testing.T) {
	w := newWorld(t)
	litter := event.Derived(event.ID{}, "litter")
	if _, err := w.Make(litter); err != nil {
		t.Fatal(err)
	}
	w.restart()
	if _, err := w.Open(litter); !fault.Is(err, "spool_unknown") {
		t.Errorf("it is still there: %v", err)
	}
}

func TestATurnIsDurableBeforeTheShimHearsOfIt(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	id, shim := w.run(cli, "x")
	a, err := w.Attach(background, cli, "x", false, "")
	if err != nil || a.Epoch != 1 || a.Driver == nil {
		t.Fatalf("attached as %+v, %v", a, err)
	}
	turn := w.last(event.ExecutionControlChangedType).Header.Facts.Turn
	if turn.Epoch != 1 || turn.Session != cli.Session {
		t.Errorf("the turn is recorded as %+v", turn)
	}
	// A change that cannot be made durable never reaches the shim.
	before := shim.epoch
	r, err := w.runOf(id)
	if err != nil {
		t.Fatal(err)
	}
	se, _ := w.session(cli.Session)
	ghost := &session{id: event.Derived(event.ID{}, "ghost"), actor: se.actor, surface: se.surface, deps: []event.ID{event.Derived(event.ID{}, "nowhere")}}
	if _, err := r.take(background, ghost, attach.Ticket{9}, false); err == nil || shim.epoch != before {
		t.Errorf("refused with %v, and the shim stands at epoch %d", err, shim.epoch)
	}
}

func TestATurnThatNeverReachedItsShimIsOver(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	id, shim := w.run(cli, "x")
	a, err := w.Attach(background, cli, "x", false, "")
	if err != nil {
		t.Fatal(err)
	}
	shim.connects(a.Ticket, true)
	w.until("connected", func() bool {
		r, _ := w.runOf(id)
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.tickets[a.Ticket].connected
	})
	// The core is killed between the event and GRANT.
	if _, err := w.write(background, w.mustSession(cli), event.Draft{Type: event.ExecutionControlChangedType, Affected: []event.ID{id},
		Facts: event.Facts{Turn: &event.Turn{Epoch: 2, Driver: w.human.ID, Session: cli.Session}}}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.until("nobody drives under a newer epoch", func() bool {
		x, _ := w.execution(id)
		return x.Turn.Epoch == 3 && x.Turn.Driver.IsZero() && shim.now() == 3
	})
	if err := shim.typed(a.Ticket, 1, []byte("late")); err == nil {
		t.Error("input under the old epoch was written")
	}
}

func (w *world) mustSession(c Caller) *session {
	w.t.Helper()
	se, err := w.session(c.Session)
	if err != nil {
		w.t.Fatal(err)
	}
	return se
}

func TestTheKeyboardIsTakenHandedBackAndLeft(t *testing.T) {
	w := newWorld(t)
	cli, web := w.caller(event.SurfaceCLI), w.caller(event.SurfaceWeb)
	id, shim := w.run(cli, "x")
	first, err := w.Attach(background, cli, "x", false, "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.Attach(background, web, "x", false, "")
	if err != nil || second.Epoch != 0 || second.Driver.Session != cli.Session {
		t.Fatalf("the second operator got %+v, %v", second, err)
	}
	if _, err := w.Control(background, web, "x", "take", first.Ticket); !fault.Is(err, "ticket_unknown") {
		t.Errorf("somebody else's ticket: %v", err)
	}
	turn, err := w.Control(background, web, "x", "take", second.Ticket)
	if err != nil || turn.Epoch != 2 || turn.Driver.Session != web.Session {
		t.Fatalf("taken as %+v, %v", turn, err)
	}
	if _, err := w.Send(background, cli, "x", []byte("ls\r")); !fault.Is(err, "keyboard_taken") || fault.Of(err).Details["driver"] != "anna (browser)" ||
		fault.Of(err).Message != "you (browser) have the keyboard of x" {
		t.Errorf("typed into somebody's turn: %v", err)
	}
	shim.connects(second.Ticket, true)
	shim.note(attach.Note{Kind: attach.NoteDetached, Ticket: second.Ticket, Left: true})
	shim.mu.Lock()
	shim.admitted[second.Ticket] = false
	shim.mu.Unlock()
	w.until("the web has left", func() bool {
		x, _ := w.execution(id)
		return len(x.Operators) == 1 && x.Turn.Driver.IsZero() && x.Turn.Epoch == 3
	})
	if _, err := w.Send(background, cli, "x", []byte("ls\r")); err != nil || string(shim.input) != "ls\r" {
		t.Errorf("typed %q, %v", shim.input, err)
	}
	if x, _ := w.execution(id); !x.Turn.Driver.IsZero() {
		t.Error("Send kept the keyboard")
	}
}

func TestABrokenOperatorMayComeBackForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	id, shim := w.run(cli, "x")
	a, err := w.Attach(background, cli, "x", false, "")
	if err != nil {
		t.Fatal(err)
	}
	shim.connects(a.Ticket, true)
	shim.connects(a.Ticket, false)
	shim.connects(a.Ticket, true)
	w.restart()
	w.until("its ticket leads to the shim again", func() bool {
		socket, err := w.Route(a.Ticket)
		return err == nil && socket == shim.launch.Socket
	})
	if x, _ := w.execution(id); x.Turn.Epoch != 1 || x.Turn.Driver.IsZero() {
		t.Errorf("the turn is %+v", x.Turn)
	}
	shim.connects(a.Ticket, false)
	w.until("it has left", func() bool { x, _ := w.execution(id); return len(x.Operators) == 0 && x.Turn.Driver.IsZero() })
	if shim.has(a.Ticket) {
		w.until("its ticket is dismissed", func() bool { return !shim.has(a.Ticket) })
	}
}

func (s *fakeShim) now() uint64 { s.mu.Lock(); defer s.mu.Unlock(); return s.epoch }

func (s *fakeShim) has(t attach.Ticket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, there := s.admitted[t]
	return there && s.held != nil
}

func TestInputIsCountedAndAttributed(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	_, shim := w.run(cli, "x")
	if _, err := w.Attach(background, cli, "x", false, ""); err != nil {
		t.Fatal(err)
	}
	shim.note(attach.Note{Kind: attach.NoteInput, Epoch: 1, Count: 5})
	w.until("recorded", func() bool { return len(w.events(event.ExecutionInputType)) == 1 })
	facts := w.last(event.ExecutionInputType).Header.Facts
	if *facts.Typed != 5 || facts.Turn.Session != cli.Session {
		t.Errorf("recorded as %+v", facts)
	}
}

func TestTheSameRequestStartsOnce(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	q := StartRequest{Argv: []string{"sh"}, Folder: "/", Key: "mine"}
	first, err := w.Start(background, cli, q)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Start(background, cli, q)
	if err != nil || again.ID != first.ID {
		t.Errorf("again: %v, %v", again, err)
	}
	w.restart()
	if again, err := w.Start(background, cli, q); err != nil || again.ID != first.ID || again.Name != first.Name {
		t.Errorf("after a restart: %+v, %v", again, err)
	}
	if _, err := w.Start(background, w.caller(event.SurfaceWeb), q); err != nil {
		t.Errorf("another session's key is another key: %v", err)
	}
	q.Argv = []string{"bash"}
	if _, err := w.Start(background, cli, q); !fault.Is(err, "request_differs") {
		t.Errorf("the same key for another program: %v", err)
	}
	if n := len(w.events(event.ExecutionStartedType)); n != 2 {
		t.Errorf("%d programs were started", n)
	}
}

func TestNamesAreReadableUniqueAndKept(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	start := func(q StartRequest) (string, error) {
		started, err := w.Start(background, cli, q)
		return started.Name, err
	}
	for _, c := range []struct {
		argv0, folder, want string
	}{
		{"claude", "/src/api", "claude-api"}, {"claude", "/src/api", "claude-api-2"}, {"/usr/bin/python3.11", "/", "python3.11"},
		{"./run me", "/a b", "run-me-a-b"}, {"\xff", "/", "terminal"}, {strings.Repeat("é", 300), "/", strings.Repeat("é", birthNameMax)},
	} {
		if got, err := start(StartRequest{Argv: []string{c.argv0}, Folder: c.folder}); err != nil || got != c.want {
			t.Errorf("%q in %q is named %q, %v", c.argv0, c.folder, got, err)
		}
	}
	if _, err := start(StartRequest{Argv: []string{"sh"}, Folder: "/", Name: "claude-api"}); !fault.Is(err, "name_taken") {
		t.Errorf("a taken name: %v", err)
	}
	for _, bad := range []string{" ", "a\nb", "\x1b[31m", "-x", "a ", strings.Repeat("x", nameMax+1), "\xff", "a\u202eb"} {
		if _, err := start(StartRequest{Argv: []string{"sh"}, Folder: "/", Name: bad}); !fault.Is(err, "name_bad") {
			t.Errorf("name %q: %v", bad, err)
		}
	}
	if _, _, err := w.Rename(background, cli, "claude-api", "claude-api"); err != nil {
		t.Errorf("its own name: %v", err)
	}
}

func TestValuesOfVariablesAreNeverRecorded(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	if _, err := w.Start(background, cli, StartRequest{Argv: []string{"sh"}, Folder: "/", Environment: []string{"SECRET=canary-value", "PATH=/bin"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Start(background, cli, StartRequest{Login: true}); err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, e := range w.events("") {
		if bytes.Contains(e.Bytes, []byte("canary-value")) || bytes.Contains(e.Body, []byte("canary-value")) {
			t.Errorf("%s holds a variable's value", e.Header.Type)
		}
		if bytes.Contains(e.Body, []byte("SECRET")) {
			names++
		}
	}
	if names != 2 {
		t.Errorf("the name is recorded %d times", names)
	}
}

func TestVerifyNamesWhatWasChanged(t *testing.T) {
	verify := func(w *world) (found []Problem, last Audit) {
		t.Helper()
		if err := w.Verify(background, Caller{}, func(a Audit) error {
			found, last = append(found, a.Problems...), a
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return found, last
	}
	w := newWorld(t)
	id, shim := w.run(w.caller(event.SurfaceCLI), "x")
	shim.prints("some output")
	w.read("x")
	if found, last := verify(w); len(found) > 0 || !last.Done || last.OutputBytes != 11 || last.Executions != 1 || last.Events == 0 {
		t.Fatalf("untouched: %v, %+v", found, last)
	}
	w.spools[id].bytes[3] ^= 1
	if found, _ := verify(w); len(found) != 1 || found[0].Code != "spool_hash" || !strings.Contains(found[0].Message, "x") {
		t.Errorf("a changed byte: %v", found)
	}
	w.spools[id].bytes = w.spools[id].bytes[:10]
	if found, _ := verify(w); len(found) != 1 || found[0].Code != "spool_cut" {
		t.Errorf("a cut tail: %v", found)
	}
}

// A core that is killed after the last output is recorded and before the end is
// leaves the end to the next one: only its own event accounts for its note.
func TestOnlyTheEndAccountsForItsNote(t *testing.T) {
	w := newWorld(t)
	_, shim := w.run(w.caller(event.SurfaceCLI), "x")
	shim.prints("last words")
	shim.note(attach.Note{Kind: attach.NoteExited, Status: 4})
	if _, _, err := w.Wait(background, Caller{}, "x"); err != nil {
		t.Fatal(err)
	}
	if note := *w.last(event.ExecutionOutputType).Header.Facts.Note; note != 1 {
		t.Errorf("output accounts for note %d", note)
	}
	if note := *w.last(event.ExecutionExitedType).Header.Facts.Note; note != 2 {
		t.Errorf("the end accounts for note %d", note)
	}
}
