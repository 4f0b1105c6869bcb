package bundle

import (
	"cmp"
	"io"
	"iter"
	"slices"

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
	// EventsAt gives the events of some arrivals, ascending.
	EventsAt(arrivals []uint64, each func(arrival uint64, e event.Event) error) error
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
// has it sealed first. Faults: unsealed, forked where the cut has two histories of
// one replica, cut for a name of none, and those of the log and the writer.
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
	err := w.plan.walk(func(l *lane, n causal.Ordinal) error {
		w.due = append(w.due, due{lane: l, at: uint64(n)})
		if len(w.due) < batch {
			return nil
		}
		return w.give()
	})
	if err == nil {
		err = w.give()
	}
	if err != nil {
		return w.made, err
	}
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
	due   []due // what is written next, in order
	made  Written
}

// due is an event whose turn has come.
type due struct {
	lane  *lane
	at    uint64
	event event.Event
}

// sealing is how far the seals of a lane were written.
type sealing struct {
	next  func() (event.Seal, error, bool)
	stop  func()
	until uint64 // events before it are covered
	covering
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
	if err := w.q.Cut.Check(); err != nil {
		return err
	}
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

// give reads what is due at one go, and writes it.
func (w *writing) give() error {
	order := make([]*due, len(w.due))
	arrivals := make([]uint64, len(w.due))
	for i := range w.due {
		order[i] = &w.due[i]
	}
	slices.SortFunc(order, func(a, b *due) int { return cmp.Compare(a.at, b.at) })
	for i, d := range order {
		arrivals[i] = d.at
	}
	next := 0
	err := w.from.EventsAt(arrivals, func(_ uint64, e event.Event) error {
		order[next].event = e
		next++
		return nil
	})
	for i := 0; i < len(w.due) && err == nil; i++ {
		err = w.write(&w.due[i])
	}
	w.due = w.due[:0]
	return err
}

// write writes an event, and before it the seal that begins with it.
func (w *writing) write(d *due) error {
	e := &d.event
	if e.Header.Class != event.Control {
		if err := w.seal(d.lane, e); err != nil {
			return err
		}
	}
	inside := w.cut.Has(causal.Ordinal(d.at))
	i := Item{Event: *e, Outside: !inside, Body: w.bodyOf(e, inside)}
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
	case e.Gone:
		return Gone
	case len(e.Body) == 0:
		return Withheld // from whom makes the bundle as well
	}
	return Here
}

// seal puts an event under its seal, which is written with its first event.
func (w *writing) seal(l *lane, e *event.Event) error {
	s := w.seals[l]
	if s == nil {
		s = &sealing{}
		s.next, s.stop = iter.Pull2(w.from.Seals(l.chain))
		w.seals[l] = s
	}
	if e.Header.Seq >= s.until {
		if err := w.begin(l, s, e.Header.Seq); err != nil {
			return err
		}
	}
	if s.take(e.ID) {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "forked", "the seals that are here are not over the events of the cut: their replica has written two histories",
		"name a cut that has none of its events after the fork")
}

// begin writes the seal that begins at a seq.
func (w *writing) begin(l *lane, s *sealing, seq uint64) error {
	seal, err, more := s.next()
	if err != nil {
		return err
	}
	if !more || seal.First != seq {
		return fault.New(fault.Unavailable, "unsealed", "an event of the cut has no seal yet, and nothing leaves without one", "try again")
	}
	s.until, s.covering = seal.Last+1, covering{seal: &seal}
	w.made.Seals++
	i := Item{Seal: &seal}
	if seal.Last > l.last() {
		ids, err := w.from.Under(seal)
		if err != nil {
			return err
		}
		i.Rest = ids[l.last()+1-seal.First:]
		s.rest = i.Rest
	}
	return w.out.item(i)
}
