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
	nameless       = event.ID{7}
)

type names struct{}

func (names) Name(id event.ID) string {
	return map[event.ID]string{anna: "anna", system: "Atelier", build: "build", space: "Home"}[id]
}

func (names) NameBefore(rename event.ID) string { return map[event.ID]string{renames: "build"}[rename] }

func (names) ActorOf(session event.ID) event.ID { return map[event.ID]event.ID{annas: anna}[session] }

// nobody knows no name.
type nobody struct{}

func (nobody) Name(event.ID) string       { return "" }
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
		{of("canvas.created", anna, none, nothing), "something happened that a newer version of Atelier can explain", "something happened that a newer version of Atelier can explain", "build", ""},
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

// Every type that the event package defines has a sentence and a row.
func TestEveryTypeHasASentence(t *testing.T) {
	source, err := os.ReadFile("../event/body.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[event.Type]bool{}
	for _, row := range table() {
		rows[row.event.Header.Type] = true
	}
	types := regexp.MustCompile(`Type\s+Type = "([a-z_.]+)"`).FindAllSubmatch(source, -1)
	if len(types) != len(sentences) || len(types) < 16 {
		t.Errorf("%d types, %d sentences", len(types), len(sentences))
	}
	for _, m := range types {
		if kind := event.Type(m[1]); sentences[kind] == nil || !rows[kind] {
			t.Errorf("%s has no sentence, or no row in the table", kind)
		}
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
