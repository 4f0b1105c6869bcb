package bundle

import (
	"errors"
	"fmt"
	"io"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// Report is what Verify read and found.
type Report struct {
	ID       event.ID // zero when the end was not reached
	Head     Head
	Genesis  event.ID
	Events   uint64 // of the cut
	Outside  uint64
	Seals    uint64
	Absent   uint64 // bodies of the cut that are withheld or gone
	Findings []Finding
	More     uint64 // findings beyond MaxFindings
	// Frontier names the cut by events that are here, with their chains.
	Frontier []event.Head
	// State is where control left the checkpoint: proposed, finalized or
	// invalidated; empty for a cut without one.
	State string
	// Digest is what the cut folds to, as computed here; zero where that could not
	// be.
	Digest event.Digest
	// Believed counts the records of which something was believed that cannot be seen
	// here: words in a body that is not here, a digest or a decision by rules of
	// another version.
	Believed uint64
}

// Finding is one thing that is wrong.
type Finding struct {
	Code string // a stable word, see SPEC.md
	What string
}

func (r *Report) find(code, what string) {
	if len(r.Findings) == MaxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, Finding{code, what})
}

// Verify reads a bundle of a size, and holds all of it to what it says: nothing
// else is needed. What is wrong is in the report. progress is called now and then;
// it may be nil. Faults: those of NewReader for what is no bundle, or one of a
// newer version, or cannot be read; fold_unknown where all is right so far, and
// this version does not know the rules by which the digest was computed. What
// progress returns ends it.
func Verify(file io.ReaderAt, size int64, progress func(done, of int64) error) (Report, error) {
	if progress == nil {
		progress = func(int64, int64) error { return nil }
	}
	r, err := NewReader(io.NewSectionReader(file, 0, size))
	a := &audit{file: file, size: size, r: r, progress: progress}
	if err == nil {
		err = a.begin()
	}
	if err == nil {
		err = a.events()
	}
	if whole, fatal := a.settle(err); !whole {
		return a.report, fatal
	}
	return a.report, a.conclude()
}

// audit is one reading of a bundle.
type audit struct {
	file     io.ReaderAt
	size     int64
	r        *Reader
	progress func(done, of int64) error
	report   Report

	x        *index
	full     *object.Fold // of all events, which judges them
	fold     *object.Fold // of the cut, by its marks
	turns    turns
	seals    map[event.Chain]*covering
	bases    map[event.Chain]uint64
	replicas map[event.Chain]uint64 // the record since which each may write
	named    map[event.ID][]causal.Ordinal
	actors   []causal.Ordinal // records that say who may act
	again    *lookup
	frozen   frozen
	machine  *control.Machine
}

// errHarm ends a reading whose finding is in the report.
var errHarm = errors.New("the bundle cannot be read on")

// settle makes a finding of what the reader refused. It returns whether all was
// read, and else the error of Verify.
func (a *audit) settle(err error) (whole bool, fatal error) {
	switch f := fault.Of(err); {
	case err == nil:
		return true, nil
	case errors.Is(err, errHarm):
		return false, nil
	case f.Reason == "bundle_magic", f.Code == fault.Unimplemented, f.Code == fault.Unavailable, f.Code == fault.Canceled, f.Code == fault.Internal:
		return false, err
	default:
		a.report.find(f.Reason, f.Message)
		return false, nil
	}
}

func (a *audit) harm(code, what string) error {
	a.report.find(code, what)
	return errHarm
}

func (a *audit) begin() error {
	records := a.r.Records()
	genesis := records[0].Event
	a.report.Head, a.report.Genesis = a.r.Head(), genesis.ID
	a.x = newIndex(records)
	a.again = newLookup(a.file, a.size, a.x)
	a.full = object.New(a.x)
	a.fold = object.NewAt(a.x, a.full.Judgement)
	a.seals, a.bases = map[event.Chain]*covering{}, map[event.Chain]uint64{}
	a.replicas = map[event.Chain]uint64{genesis.Header.Facts.Genesis.Replica: 0}
	a.named = map[event.ID][]causal.Ordinal{}
	for _, r := range records[1:] {
		for _, id := range r.Event.Header.Affected {
			a.named[id] = nil
		}
		if m := r.Event.Header.Facts.Member; m != nil && r.Event.Header.Facts.Decision.Outcome == event.OutcomeDone {
			if _, known := a.replicas[m.Replica]; !known {
				a.replicas[m.Replica] = r.Event.Header.Seq
			}
		}
	}
	var err error
	a.machine, err = control.New(genesis)
	return err
}

// events reads all that comes.
func (a *audit) events() error {
	for n := 0; ; n++ {
		if n%1024 == 0 {
			if err := a.progress(a.r.in.consumed, a.size); err != nil {
				return err
			}
		}
		start := a.r.in.consumed
		i, err := a.r.Next()
		switch {
		case errors.Is(err, io.EOF):
			a.report.ID = a.r.ID()
			return nil
		case err != nil:
			return err
		case i.Seal != nil:
			a.seal(i.Seal, i.Rest)
		default:
			err = a.event(&i, start)
		}
		if err != nil {
			return err
		}
	}
}

func (a *audit) event(i *Item, start int64) error {
	e := &i.Event
	ready, err := a.x.add(i, start)
	if err != nil {
		return a.harm(fault.Of(err).Reason, named(e)+": "+fault.Of(err).Message)
	}
	n := a.x.numbers[e.ID]
	if !a.turns.take(e.Chain(), n, ready) {
		a.report.find("event_order", named(e)+" comes later than its turn is")
	}
	a.count(i)
	a.author(e)
	a.cover(e)
	if i.Body == Here && event.BodyHash(e.Body) != e.Header.BodyHash {
		a.report.find("body_hash", named(e)+" has a body that is not the one its header names")
	}
	a.note(n, e)
	return a.apply(i)
}

// named is how a finding names an event.
func named(e *event.Event) string {
	return fmt.Sprintf("event %d of its chain, %s", e.Header.Seq, e.ID)
}

func (a *audit) count(i *Item) {
	switch {
	case i.Outside:
		a.report.Outside++
	default:
		a.report.Events++
		if i.Body != Here {
			a.report.Absent++
		}
	}
}

// author holds an event to its workspace, and to the records that its author held.
func (a *audit) author(e *event.Event) {
	h := &e.Header
	if h.Facts.Genesis != nil {
		return
	}
	since, known := a.replicas[h.Replica]
	switch {
	case h.Workspace != a.report.Genesis:
		a.report.find("workspace", named(e)+" belongs to another workspace")
	case h.Basis.Record != a.x.records[h.Basis.Index].Event.ID || h.Basis.Index < a.bases[h.Replica]:
		a.report.find("basis", named(e)+" does not rest on a record that its author held")
	case h.Class != event.Control && (!known || since > h.Basis.Index):
		a.report.find("replica_unknown", named(e)+" lies on the chain of a replica that no record up to its basis names")
	case h.ViewEpoch != a.x.records[0].Event.Header.Facts.Genesis.Epoch:
		a.report.find("view_epoch", named(e)+" has an epoch that is not the one at its basis")
	}
	a.bases[h.Replica] = max(a.bases[h.Replica], h.Basis.Index)
}

// note keeps where events lie that records are judged by.
func (a *audit) note(n causal.Ordinal, e *event.Event) {
	if t := e.Header.Type; t == event.ActorEnrolledType || t == event.ActorRetiredType {
		a.actors = append(a.actors, n)
	}
	a.noteOf(n, e.ID)
	for _, id := range e.Header.Affected {
		a.noteOf(n, id)
	}
}

func (a *audit) noteOf(n causal.Ordinal, id event.ID) {
	if _, asked := a.named[id]; asked {
		a.named[id] = append(a.named[id], n)
	}
}

func (a *audit) apply(i *Item) error {
	_, err := a.full.Apply(i.Event)
	if err == nil && !i.Outside {
		_, err = a.fold.Apply(i.Event)
	}
	if err != nil {
		return a.harm("fold", named(&i.Event)+" cannot be folded: "+fault.Of(err).Message)
	}
	return nil
}
