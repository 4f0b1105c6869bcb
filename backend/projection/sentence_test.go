package projection

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

var _ Names = (*object.Fold)(nil)

var (
	anna, system   = event.ID{1}, event.ID{2}
	build, renames = event.ID{3}, event.ID{4}
	annas, space   = event.ID{5}, event.ID{6}
	nameless, lost = event.ID{7}, event.ID{8}
)

type names struct{}

func (names) Name(id event.ID) string {
	return map[event.ID]string{anna: "anna", system: "Atelier", build: "build", space: "Home"}[id]
}

func (names) NameGone(id event.ID) bool { return id == lost }

func (names) NameBefore(rename event.ID) string { return map[event.ID]string{renames: "build"}[rename] }

func (names) ActorOf(session event.ID) event.ID { return map[event.ID]event.ID{annas: anna}[session] }

// nobody knows no name.
type nobody struct{}

func (nobody) Name(event.ID) string       { return "" }
func (nobody) NameGone(event.ID) bool     { return false }
func (nobody) NameBefore(event.ID) string { return "" }
func (nobody) ActorOf(event.ID) event.ID  { return event.ID{} }

func of(t event.Type, actor event.ID, facts event.Facts, content any) event.Event {
	text, err := event.EncodeContent(content)
	if err != nil {
		panic(err)
	}
	body, err := event.JoinBody(make([]byte, 16), text)
	if err != nil {
		panic(err)
	}
	h := event.Header{Type: t, Actor: event.Actor{ID: actor}, Affected: []event.ID{build}, Facts: facts, Surface: event.SurfaceCLI}
	return event.Event{ID: event.ID{9}, Header: h, Body: body}
}

// ofTheCore is what the core writes in the session of build.
func ofTheCore(t event.Type, facts event.Facts) event.Event {
	e := of(t, system, facts, event.Remark{})
	e.Header.Surface = event.SurfaceSystem
	return e
}

func n(v uint64) *uint64 { return &v }

type said struct {
	event         event.Event
	want          string // with names
	without       string // with no names and no body
	subject, none string
}

func table() []said {
	none, nothing := event.Facts{}, event.Remark{}
	because := func(why string) event.Change { return event.Change{Why: why} }
	done := event.Facts{Decision: &event.Decision{Outcome: event.OutcomeDone}}
	refused := event.Facts{Decision: &event.Decision{Outcome: event.OutcomeRefused, Reason: "digest_other"}}
	made := func(e event.Event, id event.ID) event.Event {
		e.ID, e.Header.Affected = id, nil
		return e
	}
	web := of(event.SessionOpenedType, anna, none, event.SessionOpened{Label: "Firefox"})
	web.Header.Surface = event.SurfaceWeb
	return []said{
		{made(of(event.WorkspaceCreatedType, event.ID{}, none, event.WorkspaceCreated{Human: "anna", Workspace: "Home"}), space), "anna created the workspace Home", "someone created the workspace", "Home", ""},
		{made(of(event.SessionOpenedType, anna, none, event.SessionOpened{}), annas), "anna began a session on the command line", "someone began a session on the command line", "anna", ""},
		{made(web, annas), "anna began a session in the browser", "someone began a session in the browser", "anna", ""},
		{made(of(event.SessionOpenedType, anna, none, event.SessionOpened{After: "a power cut"}), annas), "anna began a session on the command line, because an earlier one could not go on: a power cut", "someone began a session on the command line", "anna", ""},
		{made(of(event.SessionJoinedType, anna, none, nothing), event.ID{9}), "anna caught up with what others did", "someone caught up with what others did", "", ""},
		{made(of(event.ExecutionStartedType, anna, none, event.ExecutionStarted{Name: "first"}), build), "anna started build", "someone started a terminal", "build", ""},
		{of(event.ExecutionRunningType, system, none, nothing), "build is running", "a terminal is running", "build", ""},
		{of(event.ExecutionAttachedType, anna, event.Facts{Operator: annas}, nothing), "anna opened build", "someone opened a terminal", "build", ""},
		{of(event.ExecutionDetachedType, system, event.Facts{Operator: annas}, nothing), "anna left build", "someone left a terminal", "build", ""},
		{of(event.ExecutionDetachedType, system, event.Facts{Operator: nameless}, nothing), "someone left build", "someone left a terminal", "build", ""},
		{of(event.ExecutionControlChangedType, anna, event.Facts{Turn: &event.Turn{Epoch: 1, Driver: anna}}, nothing), "the keyboard of build went to anna", "the keyboard of a terminal went to someone", "build", ""},
		{of(event.ExecutionControlChangedType, anna, event.Facts{Turn: &event.Turn{Epoch: 2}}, nothing), "nobody has the keyboard of build", "nobody has the keyboard of a terminal", "build", ""},
		{withID(of(event.ExecutionRenamedType, anna, none, event.ExecutionRenamed{Name: "server"}), renames), "anna renamed build to server", "someone renamed a terminal to a name that is not here", "build", ""},
		{of(event.ExecutionInputType, system, event.Facts{Typed: n(12), Turn: &event.Turn{Epoch: 1, Driver: anna}}, nothing), "anna typed 12 bytes into build", "someone typed 12 bytes into a terminal", "build", ""},
		{of(event.ExecutionInputType, system, none, nothing), "someone typed into build", "someone typed into a terminal", "build", ""},
		{of(event.ExecutionResizedType, anna, event.Facts{Size: &event.Size{Cols: 80, Rows: 24}}, nothing), "anna resized build to 80 columns by 24 rows", "someone resized a terminal to 80 columns by 24 rows", "build", ""},
		{of(event.ExecutionResizedType, anna, none, nothing), "anna resized build", "someone resized a terminal", "build", ""},
		{ofTheCore(event.ExecutionResizedType, event.Facts{Size: &event.Size{Cols: 80, Rows: 24}}), "build is now 80 columns by 24 rows", "a terminal is now 80 columns by 24 rows", "build", ""},
		{ofTheCore(event.ExecutionResizedType, none), "build was resized", "a terminal was resized", "build", ""},
		{of(event.ExecutionSignalledType, anna, none, event.ExecutionSignalled{Signal: 15, Name: "TERM"}), "anna sent TERM to build", "someone sent a signal to a terminal", "build", ""},
		{of(event.ExecutionSignalledType, anna, none, event.ExecutionSignalled{Signal: 35}), "anna sent signal 35 to build", "someone sent a signal to a terminal", "build", ""},
		{of(event.ExecutionOutputType, system, event.Facts{Range: &event.Range{From: 1000, To: 4000}}, nothing), "build wrote 3 KB", "a terminal wrote 3 KB", "build", ""},
		{of(event.ExecutionOutputType, system, none, nothing), "build wrote", "a terminal wrote", "build", ""},
		{of(event.ExecutionSuspendedType, system, none, event.Remark{Why: "the disk is full"}), "build was suspended: the disk is full", "a terminal was suspended", "build", ""},
		{of(event.ExecutionRecoveredType, system, none, nothing), "build goes on", "a terminal goes on", "build", ""},
		{of(event.ExecutionExitedType, system, event.Facts{Exit: &event.Exit{}}, nothing), "build ended with status 0", "a terminal ended with status 0", "build", ""},
		{of(event.ExecutionExitedType, system, event.Facts{Exit: &event.Exit{Signal: 9}}, nothing), "build was ended by signal 9", "a terminal was ended by signal 9", "build", ""},
		{of(event.ExecutionExitedType, system, none, nothing), "build ended", "a terminal ended", "build", ""},
		{of(event.ExecutionLostType, system, none, event.Remark{Why: "no note of its end"}), "build was lost: no note of its end", "a terminal was lost", "build", ""},
		{of(event.SessionClosedType, anna, none, nothing), "anna closed a session", "someone closed a session", "build", ""},
		{made(of(event.WorkItemCreatedType, anna, none, event.Change{}), build), "anna added build", "someone added a work item", "build", ""},
		{of(event.WorkItemClaimedType, anna, none, because("mine")), "anna claimed build: mine", "someone claimed a work item", "build", ""},
		{of(event.WorkItemUpdatedType, anna, event.Facts{Fields: []string{"depends_on", "title"}}, because("so")), "anna changed depends on, title of build: so", "someone changed depends on, title of a work item", "build", ""},
		{of(event.WorkItemUpdatedType, anna, event.Facts{State: "active"}, event.Change{}), "anna said that build is active", "someone said that a work item is active", "build", ""},
		{of(event.WorkItemBlockedType, anna, none, event.Change{}), "anna said that build is blocked", "someone said that a work item is blocked", "build", ""},
		{of(event.WorkItemReadyForReviewType, anna, none, event.Change{}), "anna asked for a review of build", "someone asked for a review of a work item", "build", ""},
		{of(event.WorkItemCompletedType, anna, none, because("read")), "anna completed build: read", "someone completed a work item", "build", ""},
		{of(event.WorkItemCanceledType, anna, none, event.Change{}), "anna canceled build", "someone canceled a work item", "build", ""},
		{made(of(event.ArtifactRecordedType, anna, none, event.Change{}), build), "anna recorded build", "someone recorded an artifact", "build", ""},
		{of(event.ArtifactSupersededType, anna, none, because("old")), "build was superseded: old", "an artifact was superseded", "build", ""},
		{made(of(event.TraceOpenedType, anna, none, event.Change{}), build), "anna opened build", "someone opened a trace", "build", ""},
		{of(event.TraceClosedType, anna, none, event.Change{}), "build was closed", "a trace was closed", "build", ""},
		{made(of(event.ToolCallStartedType, anna, none, event.Change{}), build), "anna called build", "someone called a tool", "build", ""},
		{of(event.ToolCallFinishedType, anna, none, event.Change{}), "build came back", "a call came back", "build", ""},
		{of(event.ToolCallFailedType, anna, none, because("no")), "build failed: no", "a call failed", "build", ""},
		{made(of(event.ViewDraftedType, anna, none, event.Change{}), build), "anna drafted build", "someone drafted a view", "build", ""},
		{of(event.ViewPublishedType, system, done, event.Change{}), "build is published", "a view is published", "build", ""},
		{of(event.ViewDeprecatedType, system, done, event.Change{}), "build is deprecated", "a view is deprecated", "build", ""},
		{made(of(event.CheckpointProposedType, anna, none, event.Change{}), build), "anna named the checkpoint build", "someone named a checkpoint", "build", ""},
		{of(event.CheckpointReopenedType, anna, none, event.Change{}), "anna opened build again", "someone opened a checkpoint again", "build", ""},
		{of(event.CheckpointThinnedType, anna, none, event.Change{Why: "2 bodies"}), "anna thinned out what lies before build: 2 bodies", "someone thinned out what lies before a checkpoint", "build", ""},
		{of(event.CheckpointFinalizedType, system, done, event.Change{}), "build is final", "a checkpoint is final", "build", ""},
		{of(event.CheckpointFinalizedType, system, refused, event.Change{}), "it was refused to finalize build: digest other", "it was refused to finalize a checkpoint: digest other", "build", ""},
		{of(event.CheckpointInvalidatedType, system, done, event.Change{}), "build no longer counts", "a checkpoint no longer counts", "build", ""},
		{of(event.RequestMadeType, anna, event.Facts{Ask: &event.Ask{Type: event.CheckpointFinalizedType}}, because("now")), "anna asked to finalize build: now", "someone asked to finalize something", "build", ""},
		{of(event.RequestMadeType, anna, event.Facts{Ask: &event.Ask{Type: event.PolicyChangedType}}, event.Change{}), "anna asked for a decision", "someone asked for a decision", "build", ""},
		{of(event.ActorEnrolledType, system, done, event.Change{Set: map[string]event.Value{"name": event.Text("worker")}}), "worker may act here", "an actor may act here", "build", ""},
		{of(event.ActorEnrolledType, system, refused, event.Change{}), "it was refused to add an actor: digest other", "it was refused to add an actor: digest other", "build", ""},
		{of(event.ActorRetiredType, system, done, event.Change{}), "build is retired", "an actor is retired", "build", ""},
		{of("garden.watered", anna, none, nothing), "something happened that a newer version of Atelier can explain", "something happened that a newer version of Atelier can explain", "build", ""},
	}
}

func withID(e event.Event, id event.ID) event.Event { e.ID = id; return e }

func TestSentences(t *testing.T) {
	for _, row := range table() {
		if got := Sentence(row.event, names{}); got != row.want {
			t.Errorf("%s: %q, want %q", row.event.Header.Type, got, row.want)
		}
		if got := Subject(row.event, names{}); got != row.subject {
			t.Errorf("%s is about %q, want %q", row.event.Header.Type, got, row.subject)
		}
		for _, body := range [][]byte{nil, append(make([]byte, 16), 0xff)} {
			bare := row.event
			bare.Body = body
			if got := Sentence(bare, nobody{}); got != row.without {
				t.Errorf("%s without names: %q, want %q", row.event.Header.Type, got, row.without)
			}
			if got := Subject(bare, nobody{}); got != row.none {
				t.Errorf("%s without names is about %q", row.event.Header.Type, got)
			}
		}
	}
}

// Every type that the objects have rules for has a sentence and a row.
func TestEveryTypeHasASentence(t *testing.T) {
	source, err := os.ReadFile("../event/types.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[event.Type]bool{}
	for _, row := range table() {
		rows[row.event.Header.Type] = true
	}
	known := 0
	for _, m := range regexp.MustCompile(`Type\s+Type = "([a-z_.]+)"`).FindAllSubmatch(source, -1) {
		kind := event.Type(m[1])
		if object.Knows(kind) {
			known++
		}
		if said := sentences[kind] != nil && rows[kind]; said != object.Knows(kind) {
			t.Errorf("%s: has a sentence and a row %v, is known %v", kind, said, object.Knows(kind))
		}
	}
	if known != len(sentences) || known < 40 {
		t.Errorf("%d types are known, %d sentences", known, len(sentences))
	}
}

func TestEverySurfaceHasItsPlace(t *testing.T) {
	for s := event.SurfaceCLI; s <= event.SurfaceSystem; s++ {
		if places[s] == "" {
			t.Errorf("surface %d has no place", s)
		}
	}
}

// hostile is a name with all that could leave its line or its direction.
type hostile struct{ names }

func (hostile) Name(event.ID) string       { return "a\x1b[2J\nb\u202ec" + strings.Repeat("é", 500) }
func (hostile) NameGone(event.ID) bool     { return true }
func (hostile) NameBefore(event.ID) string { return "\r" }

func TestNamesCannotSteer(t *testing.T) {
	for _, row := range table() {
		e := row.event
		e.Body = of(e.Header.Type, anna, event.Facts{}, event.Remark{Why: "\x07\n"}).Body
		if e.Header.Type == event.ExecutionRenamedType {
			e.Body = of(e.Header.Type, anna, event.Facts{}, event.ExecutionRenamed{Name: "\u009b\n"}).Body
		}
		if e.Header.Type == event.ExecutionSignalledType {
			e.Body = of(e.Header.Type, anna, event.Facts{}, event.ExecutionSignalled{Name: "\u009b\n"}).Body
		}
		if _, changes := event.NewBody(e.Header.Type).(*event.Change); changes {
			e.Body = of(e.Header.Type, anna, event.Facts{}, event.Change{Why: "\u009b\n", Set: map[string]event.Value{"name": event.Text("\x1b\n")}}).Body
		}
		for _, said := range []string{Sentence(e, hostile{}), Subject(e, hostile{})} {
			if strings.ContainsAny(said, "\x1b\n\r\x07\u009b\u202e") {
				t.Errorf("%s: %q", e.Header.Type, said)
			}
		}
	}
	if got := Subject(of(event.ExecutionRunningType, system, event.Facts{}, event.Remark{}), hostile{}); !strings.HasSuffix(got, strings.Repeat("é", 500)) {
		t.Error("a long name was cut")
	}
}

func TestSizes(t *testing.T) {
	for bytes, want := range map[uint64]string{0: "0 bytes", 1: "1 byte", 2: "2 bytes", 999: "999 bytes", 1000: "1 KB", 1049: "1 KB", 1500: "1.5 KB", 9949: "9.9 KB",
		9950: "10 KB", 12_345: "12 KB", 999_499: "999 KB", 999_500: "1 MB", 1 << 20: "1 MB", 5_300_000_000: "5.3 GB", 1<<64 - 1: "18 EB"} {
		if got := size(bytes); got != want {
			t.Errorf("%d is %q, want %q", bytes, got, want)
		}
	}
}

// A sentence is for people: no id is in it, whatever the event names.
func TestNoIDInASentence(t *testing.T) {
	for _, row := range table() {
		for _, look := range []Names{names{}, nobody{}} {
			said := Sentence(row.event, look)
			for _, id := range []event.ID{anna, system, build, annas, space, row.event.ID} {
				if strings.Contains(said, id.String()[:6]) || strings.Contains(said, fmt.Sprintf("%x", id[:3])) {
					t.Errorf("%q holds an id", said)
				}
			}
		}
	}
}

// What retention dropped is said to be gone, and is not the same as nothing.
func TestWhatIsGoneSaysSo(t *testing.T) {
	done := of(event.WorkItemCompletedType, anna, event.Facts{}, event.Change{Why: "read them all"})
	for _, c := range []struct {
		about  event.ID
		gone   bool
		want   string
		called string
	}{
		{build, false, "anna completed build: read them all", "build"},
		{build, true, "anna completed build (the rest of it is gone)", "build"},
		{lost, true, "anna completed a work item whose name is gone (the rest of it is gone)", ""},
		{nameless, false, "anna completed a work item: read them all", ""},
	} {
		e := done
		e.Header.Affected = []event.ID{c.about}
		if e.Gone = c.gone; c.gone {
			e.Body = nil
		}
		if got := Sentence(e, names{}); got != c.want || Subject(e, names{}) != c.called {
			t.Errorf("%q about %q, want %q", got, Subject(e, names{}), c.want)
		}
	}
}
