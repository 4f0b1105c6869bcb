package projection

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"atelier.dev/atelier/backend/event"
)

// Sentence says in one plain sentence without ids, capital and full stop what an
// event did, for lists: "anna started build". Names are whole, however long, but
// what does not print in them is replaced. It does not say whether the event is
// void. What was dropped is said to be gone. An event whose type is not known here gets a sentence that says so.
func Sentence(e event.Event, look Names) string {
	if say := sentences[e.Header.Type]; say != nil {
		return say(line{e, look}) + gone(e)
	}
	return "something happened that a newer version of Atelier can explain"
}

// gone says of an event that retention has dropped what it said.
func gone(e event.Event) string {
	if e.Gone {
		return " (the rest of it is gone)"
	}
	return ""
}

// Subject returns the name of what an event is about, for lists; empty if that
// has no name. A session is called after its actor.
func Subject(e event.Event, look Names) string {
	l := line{e, look}
	switch {
	case e.Header.Type == event.SessionOpenedType:
		return l.name(e.Header.Actor.ID, "")
	case len(e.Header.Affected) > 0:
		return l.name(e.Header.Affected[0], "")
	}
	return l.name(e.ID, "")
}

// A line is an event with what is needed to speak about it.
type line struct {
	event event.Event
	look  Names
}

var sentences = map[event.Type]func(line) string{
	event.WorkspaceCreatedType:        founded,
	event.SessionOpenedType:           opened,
	event.SessionJoinedType:           func(l line) string { return l.who() + " caught up with what others did" },
	event.ExecutionStartedType:        func(l line) string { return l.who() + " started " + l.name(l.event.ID, aTerminal) },
	event.ExecutionRunningType:        func(l line) string { return l.what() + " is running" },
	event.ExecutionAttachedType:       func(l line) string { return l.who() + " opened " + l.what() },
	event.ExecutionDetachedType:       func(l line) string { return l.operator() + " left " + l.what() },
	event.ExecutionControlChangedType: turned,
	event.ExecutionRenamedType:        renamed,
	event.ExecutionInputType:          typed,
	event.ExecutionResizedType:        resized,
	event.ExecutionSignalledType:      signalled,
	event.ExecutionOutputType:         wrote,
	event.ExecutionSuspendedType:      func(l line) string { return l.what() + " was suspended" + l.why() },
	event.ExecutionRecoveredType:      func(l line) string { return l.what() + " goes on" + l.why() },
	event.ExecutionExitedType:         exited,
	event.ExecutionLostType:           func(l line) string { return l.what() + " was lost" + l.why() },

	event.SessionClosedType: func(l line) string { return l.who() + " closed a session" },

	event.WorkItemCreatedType: func(l line) string { return l.who() + " added " + l.name(l.event.ID, "a work item") },
	event.WorkItemClaimedType: func(l line) string { return l.who() + " claimed " + l.thing("a work item") + l.because() },
	event.WorkItemUpdatedType: updated,
	event.WorkItemBlockedType: func(l line) string {
		return l.who() + " said that " + l.thing("a work item") + " is blocked" + l.because()
	},
	event.WorkItemReadyForReviewType: func(l line) string { return l.who() + " asked for a review of " + l.thing("a work item") + l.because() },
	event.WorkItemCompletedType:      func(l line) string { return l.who() + " completed " + l.thing("a work item") + l.because() },
	event.WorkItemCanceledType:       func(l line) string { return l.who() + " canceled " + l.thing("a work item") + l.because() },

	event.ArtifactRecordedType:   func(l line) string { return l.who() + " recorded " + l.name(l.event.ID, "an artifact") },
	event.ArtifactSupersededType: func(l line) string { return l.thing("an artifact") + " was superseded" + l.because() },
	event.TraceOpenedType:        func(l line) string { return l.who() + " opened " + l.name(l.event.ID, "a trace") },
	event.TraceClosedType:        func(l line) string { return l.thing("a trace") + " was closed" + l.because() },
	event.ToolCallStartedType:    func(l line) string { return l.who() + " called " + l.name(l.event.ID, "a tool") },
	event.ToolCallFinishedType:   func(l line) string { return l.thing("a call") + " came back" + l.because() },
	event.ToolCallFailedType:     func(l line) string { return l.thing("a call") + " failed" + l.because() },
	event.ViewDraftedType:        func(l line) string { return l.who() + " drafted " + l.name(l.event.ID, "a view") },
	event.ViewPublishedType:      func(l line) string { return l.decided(l.thing("a view")+" is published", "publish "+l.thing("a view")) },
	event.ViewDeprecatedType: func(l line) string {
		return l.decided(l.thing("a view")+" is deprecated", "deprecate "+l.thing("a view"))
	},

	event.CheckpointProposedType: func(l line) string { return l.who() + " named " + l.titled("checkpoint") },
	event.CheckpointReopenedType: func(l line) string { return l.who() + " opened " + l.thing("a checkpoint") + " again" },
	event.CheckpointThinnedType: func(l line) string {
		return l.who() + " thinned out what lies before " + l.thing("a checkpoint") + l.because()
	},
	event.CheckpointFinalizedType: func(l line) string {
		return l.decided(l.thing("a checkpoint")+" is final", "finalize "+l.thing("a checkpoint"))
	},
	event.CheckpointInvalidatedType: func(l line) string {
		return l.decided(l.thing("a checkpoint")+" no longer counts", "invalidate "+l.thing("a checkpoint"))
	},

	event.RequestMadeType:   asked,
	event.ActorEnrolledType: func(l line) string { return l.decided(l.newActor()+" may act here", "add "+l.newActor()) },
	event.ActorRetiredType: func(l line) string {
		return l.decided(l.thing("an actor")+" is retired", "retire "+l.thing("an actor"))
	},
}

// updated says which fields were written, and where the state leads.
func updated(l line) string {
	f := l.event.Header.Facts
	said := l.who() + " changed "
	if len(f.Fields) > 0 {
		said += strings.ReplaceAll(strings.Join(f.Fields, ", "), "_", " ") + " of "
	}
	said += l.thing("a work item")
	if f.State != "" && len(f.Fields) == 0 {
		said = l.who() + " said that " + l.thing("a work item") + " is " + l.printed(f.State)
	}
	return said + l.because()
}

// wishes say what a request asks control for.
var wishes = map[event.Type]string{
	event.ActorEnrolledType: "to add an actor", event.ActorRetiredType: "to retire ", event.CheckpointFinalizedType: "to finalize ",
	event.CheckpointInvalidatedType: "to invalidate ",
}

func asked(l line) string {
	wish := "for a decision"
	if a := l.event.Header.Facts.Ask; a != nil && wishes[a.Type] != "" {
		wish = wishes[a.Type]
	}
	if strings.HasSuffix(wish, " ") {
		wish += l.thing("something")
	}
	return l.who() + " asked " + wish + l.because()
}

// decided says what control did, or what it refused to do.
func (l line) decided(done, wish string) string {
	if d := l.event.Header.Facts.Decision; d != nil && d.Outcome == event.OutcomeRefused {
		return "it was refused to " + wish + ": " + strings.ReplaceAll(l.printed(d.Reason), "_", " ")
	}
	return done
}

// newActor is the name that a request gives an actor.
func (l line) newActor() string {
	return orElse(l.printed(contentOf[event.Change](l.event).Set["name"].String()), "an actor")
}

// thing is the object that the event affects, or what to call it without a name.
func (l line) thing(without string) string {
	if len(l.event.Header.Affected) == 0 {
		return without
	}
	return l.name(l.event.Header.Affected[0], without)
}

// titled is a kind with the name of what the event makes.
func (l line) titled(kind string) string {
	if name := l.name(l.event.ID, ""); name != "" {
		return "the " + kind + " " + name
	}
	return "a " + kind
}

// because is the reason in the body of a change, if there is one.
func (l line) because() string {
	if why := contentOf[event.Change](l.event).Why; why != "" {
		return ": " + l.printed(why)
	}
	return ""
}

func founded(l line) string {
	body := contentOf[event.WorkspaceCreated](l.event)
	who := orElse(l.printed(body.Human), someone)
	return strings.TrimSpace(who + " created the workspace " + l.name(l.event.ID, ""))
}

var places = map[event.Surface]string{
	event.SurfaceCLI: "on the command line", event.SurfaceWindow: "in the window", event.SurfaceWeb: "in the browser",
	event.SurfaceAPI: "through the API", event.SurfaceMCP: "through MCP", event.SurfaceSSH: "over SSH",
	event.SurfaceAutomation: "as an automation", event.SurfaceSystem: "in the core",
}

func opened(l line) string {
	said := l.who() + " began a session " + places[l.event.Header.Surface]
	if after := contentOf[event.SessionOpened](l.event).After; after != "" {
		said += ", because an earlier one could not go on: " + l.printed(after)
	}
	return said
}

func turned(l line) string {
	t := l.event.Header.Facts.Turn
	if t == nil || t.Driver.IsZero() {
		return "nobody has the keyboard of " + l.what()
	}
	return "the keyboard of " + l.what() + " went to " + l.name(t.Driver, someone)
}

func renamed(l line) string {
	before := orElse(l.printed(l.look.NameBefore(l.event.ID)), aTerminal)
	name := orElse(l.printed(contentOf[event.ExecutionRenamed](l.event).Name), "a name that is not here")
	return l.who() + " renamed " + before + " to " + name
}

// typed names the driver: the core writes the event, but types nothing.
func typed(l line) string {
	f := l.event.Header.Facts
	who, much := someone, ""
	if f.Turn != nil {
		who = l.name(f.Turn.Driver, someone)
	}
	if f.Typed != nil {
		much = size(*f.Typed) + " "
	}
	return who + " typed " + much + "into " + l.what()
}

// resized names who asked for the size. Of one that came with the window of who
// drives the core writes the event, in the execution's own session.
func resized(l line) string {
	s := l.event.Header.Facts.Size
	switch asked := l.event.Header.Surface != event.SurfaceSystem; {
	case asked && s != nil:
		return fmt.Sprintf("%s resized %s to %d columns by %d rows", l.who(), l.what(), s.Cols, s.Rows)
	case asked:
		return l.who() + " resized " + l.what()
	case s != nil:
		return fmt.Sprintf("%s is now %d columns by %d rows", l.what(), s.Cols, s.Rows)
	}
	return l.what() + " was resized"
}

func signalled(l line) string {
	body := contentOf[event.ExecutionSignalled](l.event)
	signal := "a signal"
	switch {
	case body.Name != "":
		signal = l.printed(body.Name)
	case body.Signal != 0:
		signal = fmt.Sprintf("signal %d", body.Signal)
	}
	return l.who() + " sent " + signal + " to " + l.what()
}

func wrote(l line) string {
	r := l.event.Header.Facts.Range
	if r == nil {
		return l.what() + " wrote"
	}
	return l.what() + " wrote " + size(r.To-r.From)
}

func exited(l line) string {
	x := l.event.Header.Facts.Exit
	switch {
	case x == nil:
		return l.what() + " ended" + l.why()
	case x.Signal != 0:
		return fmt.Sprintf("%s was ended by signal %d%s", l.what(), x.Signal, l.why())
	}
	return fmt.Sprintf("%s ended with status %d%s", l.what(), x.Status, l.why())
}

const (
	someone   = "someone"
	aTerminal = "a terminal"
)

// who is the actor of the event.
func (l line) who() string { return l.name(l.event.Header.Actor.ID, someone) }

// what is the object that the event affects.
func (l line) what() string {
	if len(l.event.Header.Affected) == 0 {
		return aTerminal
	}
	return l.name(l.event.Header.Affected[0], aTerminal)
}

// operator is the actor of the session that attached or left.
func (l line) operator() string {
	return l.name(l.look.ActorOf(l.event.Header.Facts.Operator), someone)
}

func (l line) name(id event.ID, without string) string {
	if without != "" && l.look.NameGone(id) {
		without += " whose name is gone"
	}
	return orElse(l.printed(l.look.Name(id)), without)
}

// why is the reason in the body, if there is one.
func (l line) why() string {
	if why := contentOf[event.Remark](l.event).Why; why != "" {
		return ": " + l.printed(why)
	}
	return ""
}

// printed keeps a name on one line, and from steering the terminal or the
// direction of text that shows it.
func (line) printed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

func orElse(s, without string) string {
	if s == "" {
		return without
	}
	return s
}

// contentOf reads the body; it is zero where that is not here or ill-formed.
func contentOf[T any](e event.Event) (content T) {
	if e.Body == nil {
		return content
	}
	body, err := event.DecodeBody(e.Header.Type, e.Body)
	if read, is := body.(*T); err == nil && is {
		return *read
	}
	return content
}

// size says a number of bytes in at most three digits, in powers of a thousand.
func size(n uint64) string {
	if n == 1 {
		return "1 byte"
	}
	if n < 1000 {
		return strconv.FormatUint(n, 10) + " bytes"
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"KB", "MB", "GB", "TB", "PB", "EB"} {
		if value /= 1000; value < 999.5 {
			break
		}
	}
	digits := 0
	if value < 9.95 {
		digits = 1
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', digits, 64), ".0") + " " + unit
}
