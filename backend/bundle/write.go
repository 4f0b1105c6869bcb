package bundle

import (
	"io"
	"iter"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Log is what a bundle is made of. Events have numbers by arrival, and a record of
// control its index.
type Log interface {
	Events
	Sets
	Vouchers
}

// Events are those of a log.
type Events interface {
	ArrivalOf(id event.ID) (uint64, error)
	EventAt(arrival uint64) (event.Event, error)
	// RecordAt returns the arrival of a record of control; false where there is none.
	RecordAt(index uint64) (arrival uint64, known bool)
	ScanIn(in causal.Cut, from uint64, each func(arrival uint64, e event.Event) error) error
}

// Sets are closed sets of the events of a log.
type Sets interface {
	Cut(named event.Cut) (causal.Cut, error)
	// Whole makes a cut whole by chains.
	Whole(in causal.Cut) causal.Cut
}

// Vouchers are the signatures over the events of a log.
type Vouchers interface {
	Certificates(index uint64) ([]event.Certificate, error)
	// Seals gives the seals of a chain from its first event on.
	Seals(chain event.Chain) iter.Seq2[event.Seal, error]
	// Under returns the ids of all events under a seal, in the order of its chain.
	Under(s event.Seal) ([]event.ID, error)
}

// Request is what a bundle is asked to be of.
type Request struct {
	Cut event.Cut
	// Checkpoint is the one that names the cut, and Tells are the records that made
	// of it what it is; nothing for a cut without one.
	Checkpoint event.ID
	Tells      []event.ID
	Digest     event.Digest // of the cut
	// Withhold says which events' bodies are not for whom the bundle is made; nil
	// withholds none.
	Withhold func(*event.Event) bool
}

// Written is a bundle that was made.
type Written struct {
	ID   event.ID
	Head Head
	// Seals counts them, and Bodies those that are in it.
	Seals, Bodies uint64
	Bytes         uint64
}

// Write makes a bundle of a cut. What has no seal yet cannot leave: whoever calls
// has it sealed first. Faults: unsealed, and those of the log and of the writer.
func Write(to io.Writer, log Log, q Request) (Written, error) {
	w := &writing{q: q, from: &source{Log: log, proposals: map[event.ID]*event.Cut{}}, out: newOutput(to)}
	defer w.close()
	if err := w.measure(); err != nil {
		return w.made, err
	}
	w.out.head(w.made.Head)
	if err := w.records(); err != nil {
		return w.made, err
	}
	if err := w.plan.walk(w.give); err != nil {
		return w.made, err
	}
	var err error
	w.made.ID, err = w.out.end()
	w.made.Bytes = w.out.size
	return w.made, err
}

// writing is a bundle that is being made.
type writing struct {
	q     Request
	from  *source
	out   *output
	cut   causal.Cut
	plan  *plan
	seals map[*lane]*sealing
	made  Written
}

// sealing is how far the seals of a lane were written.
type sealing struct {
	next  func() (event.Seal, error, bool)
	stop  func()
	until uint64 // events before it are covered
}

func (w *writing) close() {
	for _, l := range w.lanes() {
		if s := w.seals[l]; s != nil {
			s.stop()
		}
	}
}

func (w *writing) lanes() []*lane {
	if w.plan == nil {
		return nil
	}
	return w.plan.lanes
}

// measure finds what the bundle holds, and counts it.
func (w *writing) measure() error {
	tells := w.q.Tells
	if !w.q.Checkpoint.IsZero() {
		tells = append(tells[:len(tells):len(tells)], w.q.Checkpoint)
	}
	cut, all, err := extent(w.from, w.q.Cut, tells)
	if err != nil {
		return err
	}
	w.cut, w.seals = cut, map[*lane]*sealing{}
	w.made.Head = Head{Cut: w.q.Cut, Checkpoint: w.q.Checkpoint, Digest: w.q.Digest,
		Events: uint64(cut.Count()), Outside: uint64(all.Count() - cut.Count()), Records: w.from.records}
	w.plan, err = newPlan(w.from, all)
	return err
}

// records writes the records of control ahead of all events.
func (w *writing) records() error {
	for n := range w.made.Head.Records {
		arrival, _ := w.from.RecordAt(n)
		e, err := w.from.EventAt(arrival)
		if err != nil {
			return err
		}
		all, err := w.from.Certificates(n)
		if err != nil {
			return err
		}
		if err := w.out.record(Record{e, sortCertificates(all)}); err != nil {
			return err
		}
	}
	return nil
}

// give writes an event, and before it the seal that begins with it.
func (w *writing) give(l *lane, n causal.Ordinal) error {
	e, err := w.from.EventAt(uint64(n))
	if err != nil {
		return err
	}
	if e.Header.Class != event.Control {
		if err := w.seal(l, e.Header.Seq); err != nil {
			return err
		}
	}
	i := Item{Event: e, Outside: !w.cut.Has(n), Body: w.bodyOf(&e, w.cut.Has(n))}
	if i.Body == Here {
		w.made.Bodies++
	}
	return w.out.item(i)
}

func (w *writing) bodyOf(e *event.Event, inside bool) Body {
	switch {
	case !inside && !about(e, w.q.Checkpoint):
		return Bare
	case w.q.Withhold != nil && w.q.Withhold(e):
		return Withheld
	case len(e.Body) == 0:
		return Gone
	}
	return Here
}

func (w *writing) seal(l *lane, seq uint64) error {
	s := w.seals[l]
	if s == nil {
		s = &sealing{}
		s.next, s.stop = iter.Pull2(w.from.Seals(l.chain))
		w.seals[l] = s
	}
	if seq < s.until {
		return nil
	}
	seal, err, more := s.next()
	if err != nil {
		return err
	}
	if !more || seal.First != seq {
		return fault.New(fault.Unavailable, "unsealed", "an event of the cut has no seal yet, and nothing leaves without one", "try again")
	}
	s.until = seal.Last + 1
	w.made.Seals++
	i := Item{Seal: &seal}
	if seal.Last > l.last() {
		ids, err := w.from.Under(seal)
		if err != nil {
			return err
		}
		i.Rest = ids[l.last()+1-seal.First:]
	}
	return w.out.item(i)
}
