package studio

import (
	"slices"
	"testing"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
)

// What is durable has succeeded: objects that cannot be brought up at once are
// brought up later, and what the session writes next follows it all the same.
func TestWhatIsDurableHasSucceeded(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	id, _ := w.run(cli, "one")
	w.faults.fail("scan", 3)
	if _, _, err := w.Rename(background, cli, "one", "two"); err != nil {
		t.Fatalf("a name that is durable was not given: %v", err)
	}
	w.until("it has its name", func() bool { x, _ := w.execution(id); return x.Name.Default().Value == "two" })
	if n := w.tellings("taking in what was written"); n != 1 {
		t.Errorf("told %d times", n)
	}
	renamed := w.last(event.ExecutionRenamedType)
	if _, _, err := w.Rename(background, cli, "two", "three"); err != nil {
		t.Fatal(err)
	}
	if parents := w.last(event.ExecutionRenamedType).Header.Parents; !slices.Contains(parents, renamed.ID) {
		t.Error("the next write does not follow the one that was durable")
	}
}

// A program whose start could not be read back at once is begun, and told.
func TestAStartThatIsDurableHasSucceeded(t *testing.T) {
	w := newWorld(t)
	w.quiet = true // nothing else is written that could bring the objects up
	cli := w.caller(event.SurfaceCLI)
	w.faults.fail("scan", 1)
	done := w.begin(cli, StartRequest{Argv: []string{"sh"}, Folder: "/"})
	w.until("it is among those that live", func() bool { return len(w.living()) == 1 })
	w.reached().note(attach.Note{Kind: attach.NoteStarted, PID: 7, Cols: 80, Rows: 24})
	b := <-done
	if b.err != nil || b.state != "running" {
		t.Errorf("it is %q, %v", b.state, b.err)
	}
}
