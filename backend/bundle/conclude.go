package bundle

import (
	"fmt"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// conclude looks at the whole, once all was read: is it the cut that it says, with
// what that needs and nothing else, and does it fold to what is said of it.
func (a *audit) conclude() error {
	cut, good := a.closed()
	if !good {
		return nil
	}
	a.report.Frontier = a.x.frontier(a.report.Head.Cut)
	version := a.report.Head.Digest.Version
	if version == object.FoldVersion {
		a.digest(cut)
	}
	a.checkpoint()
	if err := a.recount(); err != nil {
		return err
	}
	if version != object.FoldVersion && len(a.report.Findings) == 0 {
		return fault.New(fault.Unimplemented, "fold_unknown", fmt.Sprintf("the digest of the bundle is of version %d of the fold, which this program does not know; all else is right", version),
			"use a newer program to check the digest")
	}
	return nil
}

// closed holds the marks to the cut that the bundle names, and what is outside to
// what is needed.
func (a *audit) closed() (causal.Cut, bool) {
	cut, all, err := extent(a.x, a.report.Head.Cut, a.tells())
	if err != nil {
		a.report.find("not_closed", "the bundle does not hold all that its cut needs: "+fault.Of(err).Message)
		return cut, false
	}
	good := true
	for n := range causal.Ordinal(a.x.order.Len()) {
		what := ""
		switch {
		case cut.Has(n) && a.x.outside[n]:
			what = "lies in the cut and is marked as outside"
		case !cut.Has(n) && !a.x.outside[n]:
			what = "does not lie in the cut and is marked as if it did"
		case !all.Has(n):
			what = "is not needed for the cut"
		}
		if what != "" {
			a.report.find("not_the_cut", fmt.Sprintf("the event %s %s", a.x.ids[n], what))
			good = false
		}
	}
	return cut, good
}

// tells are the events that say what became of the checkpoint.
func (a *audit) tells() []event.ID {
	id := a.report.Head.Checkpoint
	if id.IsZero() {
		return nil
	}
	all := []event.ID{id}
	for _, r := range a.x.records {
		if Tells(&r.Event, id) {
			all = append(all, r.Event.ID)
		}
	}
	return all
}

// Tells reports whether a record has made of a checkpoint what it is.
func Tells(record *event.Event, checkpoint event.ID) bool {
	h := &record.Header
	d := h.Facts.Decision
	return (h.Type == event.CheckpointFinalizedType || h.Type == event.CheckpointInvalidatedType) &&
		d.Outcome == event.OutcomeDone && slices.Contains(h.Affected, checkpoint)
}

// digest compares what the cut folds to with what the head says.
func (a *audit) digest(cut causal.Cut) {
	a.report.Digest = a.fold.Digest(a.x.idsOf(cut))
	if said := a.report.Head.Digest; said != a.report.Digest {
		a.report.find("digest", fmt.Sprintf("the cut folds to %s, and the bundle says %s", a.report.Digest.Hash, said.Hash))
	}
	a.frozen = frozen{cut: cut, fold: a.fold}
}

// checkpoint holds the cut to the one that the checkpoint names, and the digest to
// the one that finalized it.
func (a *audit) checkpoint() {
	id := a.report.Head.Checkpoint
	if id.IsZero() {
		return
	}
	if named := a.x.proposals[id]; named == nil || !named.Equal(a.report.Head.Cut) {
		a.report.find("checkpoint", "the checkpoint of the bundle does not name its cut")
	}
	a.report.State = "proposed"
	for _, r := range a.x.records {
		if !Tells(&r.Event, id) {
			continue
		}
		a.report.State = r.Event.Header.Facts.State
		if d := r.Event.Header.Facts.Digest; d != nil && *d != a.report.Head.Digest {
			a.report.find("digest", fmt.Sprintf("the checkpoint was finalized with the digest %s, and the bundle says %s", d.Hash, a.report.Head.Digest.Hash))
		}
	}
}
