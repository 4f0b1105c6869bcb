package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// recount holds every record to the voters that the records before it name, and
// decides its request again. An error is of a file that cannot be read.
func (a *audit) recount() error {
	open := 0 // the first record that no majority has signed, nor one after it
	for n := 1; n < len(a.x.records); n++ {
		if err := a.progress(a.size, a.size); err != nil {
			return err
		}
		r := a.x.records[n]
		where := fmt.Sprintf("record %d of control", n)
		switch {
		case a.certificates(where, r):
			open = 0
		case open == 0:
			open = n
		}
		why := a.differs(r)
		if fault.Is(why, "bundle_unread") {
			return why
		}
		if why != nil {
			a.report.find("record", where+" is not what its request makes it: "+fault.Of(why).Message)
		}
		if err := a.machine.Take(r.Event); err != nil {
			return err
		}
	}
	if open > 0 {
		a.report.find("certificate", fmt.Sprintf("no majority of its voters has signed record %d of control, or a later one", open))
	}
	return nil
}

// certificates looks at the signatures under a record, and tells whether its
// voters have certified it.
func (a *audit) certificates(where string, r Record) bool {
	voters := a.machine.Voters()
	for _, c := range r.Certificates {
		key, _ := c.Voter.Key()
		switch {
		case !slices.Contains(voters, c.Voter):
			a.report.find("certificate", where+" is signed by one who is no voter")
		case c.Record != r.Event.ID || c.Workspace != a.report.Genesis || c.Index != r.Event.Header.Seq:
			a.report.find("certificate", where+" has the certificate of another record")
		case c.Verify(key) != nil:
			a.report.find("certificate", where+" has a certificate that its voter did not sign")
		}
	}
	return control.Certified(r.Event, r.Certificates, voters)
}

// differs says why a record is not the one that its request makes; nil if it is.
func (a *audit) differs(r Record) error {
	h := &r.Event.Header
	n, err := a.x.numberOf(h.Facts.Decision.Request)
	if err != nil {
		return err
	}
	asOf, err := a.x.Cut(*h.Facts.Cut)
	if err != nil {
		return err
	}
	request, err := a.again.event(n)
	if err != nil {
		return err
	}
	switch {
	case !asOf.Has(n) || !asOf.Has(a.x.order.Record(int(h.Seq-1))):
		return errors.New("it was judged by what has not its request, or not the record before")
	case a.full.Judgement(request.ID).Verdict != object.Valid:
		return errors.New("its request is not valid")
	}
	e := judged{Entry: control.Entry{Request: request, AsOf: *h.Facts.Cut, Time: h.WallTime}}
	if err := a.gather(&e, asOf); err != nil {
		return err
	}
	return a.decide(e, r.Event.Bytes)
}

// decide says why no entry that may have been the one makes a record of some
// bytes; nil if one does.
func (a *audit) decide(e judged, record []byte) error {
	entries := e.variants()
	if len(entries) > 1 {
		a.report.Believed++
	}
	var why error
	for _, e := range entries {
		again, err := a.machine.Decide(e)
		if fault.Is(err, "not_ready") {
			a.report.Believed++
			return nil
		}
		if err == nil {
			var b []byte
			if b, _, err = event.EncodeHeader(again); err == nil && bytes.Equal(b, record) {
				return nil
			}
			err = errors.New("decided again it says something else")
		}
		why = err
	}
	return why
}

// judged is an entry as it is gathered again, and what of it cannot be seen.
type judged struct {
	control.Entry
	unread bool // words that its witness reads
	newer  bool // the rules by which its digest was computed
}

// variants are the entries that it may have been.
func (e *judged) variants() []control.Entry {
	all := []control.Entry{e.Entry}
	if e.unread {
		all = append(all, e.supposing(func(f *control.Fact) { f.NameTaken, f.Quiescent = true, true }))
	}
	if asked := e.Request.Header.Facts.Digest; e.newer && asked != nil {
		for _, one := range all {
			other := judged{Entry: one}
			all = append(all, other.supposing(func(f *control.Fact) { f.Digest = *asked }))
		}
	}
	return all
}

func (e *judged) supposing(change func(*control.Fact)) control.Entry {
	other := e.Entry
	other.Witness = slices.Clone(e.Witness)
	for i := range other.Witness {
		change(&other.Witness[i])
	}
	return other
}

// gather adds what a request was judged by, from what the bundle holds of as_of.
func (a *audit) gather(e *judged, asOf causal.Cut) error {
	var err error
	if e.Behind, err = a.behind(e.Request); err != nil {
		return err
	}
	objects, err := a.objectsAt(e, asOf)
	if err != nil {
		return err
	}
	cuts := map[event.ID]control.Frozen{}
	for _, id := range e.Request.Header.Affected {
		if named := a.x.proposals[id]; named != nil {
			if cuts[id], err = a.freeze(*named); err != nil {
				return err
			}
		}
	}
	if asked := e.Request.Header.Facts.Digest; asked != nil {
		e.newer = asked.Version != object.FoldVersion
	}
	e.Witness, err = control.Witness(e.Request, a.report.Genesis, objects, cuts)
	return err
}

// behind are those that a record might follow and that lie in the past of another.
func (a *audit) behind(request event.Event) ([]event.ID, error) {
	may := a.machine.MayFollow(request)
	numbers, err := a.x.numbersOf(may)
	if err != nil {
		return nil, err
	}
	front := a.x.order.Maximal(numbers)
	return slices.DeleteFunc(may, func(id event.ID) bool { return slices.Contains(front, a.x.numbers[id]) }), nil
}

// objectsAt folds what a request names, as a cut has it; of one that names nothing
// who may act. Of what it reads it tells the entry what it lacks.
func (a *audit) objectsAt(e *judged, asOf causal.Cut) (*object.Fold, error) {
	objects := object.NewAt(a.x, a.full.Judgement)
	events, speaks := append([]causal.Ordinal{0}, a.actors...), func(t event.Type) bool { return t == event.WorkspaceCreatedType || t == event.ActorEnrolledType }
	if about := e.Request.Header.Affected; len(about) > 0 {
		events, speaks = []causal.Ordinal{0}, func(t event.Type) bool { return t == event.CheckpointProposedType }
		for _, id := range about {
			events = append(events, a.named[id]...)
		}
	} else {
		e.unread = e.Request.Body == nil
	}
	slices.Sort(events)
	for _, n := range slices.Compact(events) {
		if !asOf.Has(n) {
			continue
		}
		one, err := a.again.event(n)
		if err == nil {
			_, err = objects.Apply(one)
		}
		if err != nil {
			return nil, err
		}
		e.unread = e.unread || one.Body == nil && speaks(one.Header.Type)
	}
	return objects, nil
}

// frozen is what a cut folds to; the last one is kept.
type frozen struct {
	cut  causal.Cut
	fold *object.Fold
}

// freeze folds the cut of a checkpoint. It goes on from the last one where that
// holds no event after one that it lacks.
func (a *audit) freeze(named event.Cut) (control.Frozen, error) {
	cut, err := a.x.Cut(named)
	if err != nil {
		return control.Frozen{}, err
	}
	if kept := a.frozen.cut; a.frozen.fold == nil || !cut.Contains(kept) || !cut.Equal(kept) && !a.x.Whole(kept).Equal(kept) {
		a.frozen = frozen{fold: object.NewAt(a.x, a.full.Judgement)}
	}
	before := a.frozen.cut
	for n := range cut.All() {
		if before.Has(n) {
			continue
		}
		e, err := a.again.event(n)
		if err == nil {
			_, err = a.frozen.fold.Apply(e)
		}
		if err != nil {
			return control.Frozen{}, err
		}
	}
	a.frozen.cut = cut
	return control.Frozen{Objects: a.frozen.fold, Digest: a.frozen.fold.Digest(a.x.idsOf(cut))}, nil
}
