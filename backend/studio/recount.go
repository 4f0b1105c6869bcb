package studio

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// recount decides every request again, from what stood when it was decided, and
// compares: a record is believed because anybody can make it anew.
type recount struct {
	s       *Studio
	machine *control.Machine
	fold    *object.Fold // of what is done
	done    causal.Cut
}

// records holds every record of control to what its request and the objects of
// then make it.
func (a *audit) records(ctx context.Context) error {
	genesis, err := a.s.p.Log.Event(a.s.p.Log.Genesis())
	if err != nil {
		return err
	}
	r := &recount{s: a.s, fold: object.NewAt(a.s.p.Log, a.s.judgement)}
	if r.machine, err = control.New(genesis); err != nil {
		return err
	}
	a.s.mu.Lock()
	records := a.s.records[:len(a.s.records):len(a.s.records)]
	a.s.mu.Unlock()
	for _, id := range records {
		if err := ctx.Err(); err != nil {
			return fault.Wrap(err, fault.Canceled, "canceled", "the call was given up", "send it again")
		}
		e, err := a.s.p.Log.Event(id)
		if err != nil {
			return err
		}
		if why := r.differs(e); why != nil {
			a.report.Problems = append(a.report.Problems, Problem{Code: "record", Message: fmt.Sprintf("record %d of control is not what its request makes it: %v", e.Header.Seq, why),
				Mend: "keep a copy of the data folder as it is; whoever has the key of this home has signed it"})
		}
		if err := r.machine.Take(e); err != nil {
			return err
		}
	}
	return nil
}

// differs says why a record is not the one that its request makes; nil if it is.
func (r *recount) differs(record event.Event) error {
	request, err := r.s.p.Log.Event(record.Header.Facts.Decision.Request)
	if err != nil {
		return err
	}
	if err := r.advance(*record.Header.Facts.Cut); err != nil {
		return err
	}
	entry, err := r.entryOf(record, request)
	if err != nil {
		return err
	}
	again, err := r.machine.Decide(entry)
	if err != nil {
		return err
	}
	b, _, err := event.EncodeHeader(again)
	if err == nil && !bytes.Equal(b, record.Bytes) {
		err = errors.New("decided again it says something else")
	}
	return err
}

// advance folds on to the cut that a record was judged by: what the heads held
// that it names.
func (r *recount) advance(asOf event.Cut) error {
	if len(asOf.Past) > 0 {
		return errors.New("it was judged by what no heads name")
	}
	c, err := r.s.closed(asOf)
	if err != nil {
		return err
	}
	if !c.Contains(r.done) {
		return errors.New("it was judged by less than the one before")
	}
	from := uint64(0)
	if r.done.Count() == int(r.done.End()) { // nothing is missing before its end
		from = uint64(r.done.End())
	}
	done := r.done
	r.done = c.Cut
	return r.s.p.Log.ScanIn(c.Cut, from, func(arrival uint64, e event.Event) error {
		if done.Has(causal.Ordinal(arrival)) {
			return nil
		}
		_, err := r.fold.Apply(e)
		return err
	})
}

func (r *recount) entryOf(record, request event.Event) (control.Entry, error) {
	e := control.Entry{Request: request, AsOf: *record.Header.Facts.Cut, Time: record.Header.WallTime}
	var err error
	if e.Behind, err = overtaken(r.s.p.Log, r.machine.MayFollow(request)); err != nil {
		return e, err
	}
	frozen, err := r.s.frozenBy(request)
	if err != nil {
		return e, err
	}
	e.Witness, err = control.Witness(request, r.s.p.Log.Genesis(), r.fold, frozen)
	return e, err
}
