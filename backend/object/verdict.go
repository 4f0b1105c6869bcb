package object

import (
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Verdict is what the rules say of an event. It never changes.
type Verdict uint8

// The verdicts. What is malformed never gets here.
const (
	Valid  Verdict = 1
	Void   Verdict = 2 // a rule refuses it: it keeps its place and has no effect
	Opaque Verdict = 3 // its meaning is not known here: kept and passed on
)

// String returns the verdict's word.
func (v Verdict) String() string {
	return [...]string{"unjudged", "valid", "void", "opaque"}[min(v, Opaque)]
}

// Judgement is a verdict with what a void event is refused for.
type Judgement struct {
	Verdict Verdict
	Why     error // a fault; nil unless void
}

func void(reason, message, mend string) *fault.Error {
	return fault.New(fault.FailedPrecondition, reason, message, mend)
}

// opaque reports whether the meaning of an event is beyond this version: its
// schema, its type, or the branch that it lies on.
func (f *Fold) opaque(e event.Event) bool {
	return e.Header.SchemaVersion > 1 || ruleOf(e.Header.Type) == nil || e.Header.Type != event.WorkspaceCreatedType && e.Header.Branch != f.main
}

// Foresee says what an event of a header would be judged, if it were the next.
// Of the header only what rules read need be there; nothing changes.
func (f *Fold) Foresee(h event.Header) Judgement {
	j, _ := f.judge(event.Event{Header: h})
	if f.past.failed != nil {
		f.past.failed = nil
		return Judgement{Verdict: Void, Why: void("past_unread", "what lies before the event cannot be read", "run `atelier verify`")}
	}
	return j
}

// Knows reports whether the fold has rules for events of a type. The others are
// opaque to it.
func Knows(t event.Type) bool { return ruleOf(t) != nil }
