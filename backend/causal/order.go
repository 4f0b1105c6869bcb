package causal

import (
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Ordinal is the arrival number of an event, dense from 0. Whoever keeps the
// events knows which id has which.
type Ordinal uint32

// NoEvent is the ordinal that no event has.
const NoEvent = ^Ordinal(0)

// Entry is what an order is told of one event. All ordinals are of events that
// were added before.
type Entry struct {
	// Replica is the author's chain, and Prev the event before on it, NoEvent for
	// its first.
	Replica event.Chain
	Prev    Ordinal
	// Session names the events that claim to follow one another: an event's
	// session, for session.opened its own id, for a record the workspace.
	Session event.ID
	Lamport uint64
	Parents []Ordinal
	// Record is true for a record of the control chain, whose index is Seq. Seq
	// has no meaning for other events.
	Record bool
	Seq    uint64
	// Basis is the index of the newest record that the author held.
	Basis uint64
	// Freezes is the cut of a checkpoint that this record finalized.
	Freezes *Generators
}

// Generators name a closed set by what it must hold at least.
type Generators struct {
	Heads []Ordinal // with all of their replica's chain before them
	Past  []Ordinal // with their causal past
}

// Order knows the causal order of the events it was told of, and the closed
// sets of them. It keeps a decomposition into strands (chains of Jagadish
// 1990): events of one session of one replica of which each lies in the past of
// the next. An event is a position on its strand; only parents on other strands
// are kept, as leaps, and now and then a vector of all that an event has in its
// past, so that an answer is found within a few leaps.
//
// The zero value is an empty order. Ordinals that it is asked about are those
// that Add gave; others are a mistake of the program, and it panics. Many
// goroutines may ask while none adds.
type Order struct {
	events   []position
	lamports []uint32 // an event's is at most its ordinal + 1
	strands  []strand
	lines    []line
	names    map[name]uint32 // → the strand that has the session's newest event
	records  []Ordinal       // by control index
	// frozen has, for each record that froze a cut, all that a cut must hold
	// which holds the records up to it.
	frozen history
}

// position is where an event stands: the at-th of its strand.
type position struct{ strand, at uint32 }

type name struct {
	line    uint32
	session event.ID
}

// strand is a sequence of events of one line, each in the past of the next.
type strand struct {
	line    uint32
	session event.ID // by which it is found; zero for strays
	stray   bool
	events  []Ordinal
	leaps   []leap // to parents on other strands, ascending by at
	heirs   []leap // to children on other strands, as they came
	needs   []need
	vectors history
}

// leap says that the at-th event of a strand has a parent, or a child, on another.
type leap struct {
	at    uint32
	to    Ordinal
	there position // of to
}

// need says that from the at-th event of a strand on, a closed set that holds it
// holds this many records.
type need struct{ at, records uint32 }

// Len returns how many events were added.
func (x *Order) Len() int { return len(x.events) }

// Records returns how many control records were added.
func (x *Order) Records() int { return len(x.records) }

// Record returns the control record of an index below Records.
func (x *Order) Record(index int) Ordinal { return x.records[index] }

// Replica returns the chain that an event lies on.
func (x *Order) Replica(n Ordinal) event.Chain { return x.lineOf(n).replica }

// Add takes the next event and returns its ordinal. What it refuses changes
// nothing. Faults: event_unknown for an ordinal that no event has, lamport for
// one that does not follow from the parents, prev when the event before is not
// of the same chain, record_order for a record whose index is not the next,
// basis_unknown for a basis that did not arrive, freezes for an event that is no
// record and has a cut.
func (x *Order) Add(e Entry) (Ordinal, error) {
	if err := x.check(&e); err != nil {
		return NoEvent, err
	}
	n := Ordinal(len(x.events))
	s := x.strandFor(x.lineFor(&e), &e)
	at := uint32(len(x.strands[s].events))
	x.events = push(x.events, position{s, at})
	x.lamports = push(x.lamports, uint32(e.Lamport))
	t := &x.strands[s]
	t.events = push(t.events, n)
	for _, p := range e.Parents {
		if q := x.events[p]; q.strand != s {
			t.leaps = append(t.leaps, leap{at, p, q})
			x.strands[q.strand].heirs = append(x.strands[q.strand].heirs, leap{q.at, n, position{s, at}})
		}
	}
	x.lines[t.line].tip = n
	needed := e.Basis + 1
	if e.Record {
		x.records = append(x.records, n)
		needed = uint64(len(x.records)) // a record rests on those before it, and is itself one
	}
	t.require(at, uint32(needed))
	if e.Freezes != nil {
		x.freeze(e.Freezes)
	}
	x.remember(n)
	return n, nil
}

// push appends to a long slice, and leaves little of it unused: append would
// leave up to a quarter.
func push[T any](all []T, one T) []T {
	if len(all) == cap(all) {
		longer := make([]T, len(all), len(all)+len(all)/16+64)
		copy(longer, all)
		all = longer
	}
	return append(all, one)
}

func (t *strand) require(at, records uint32) {
	if last := len(t.needs) - 1; last < 0 || t.needs[last].records < records {
		t.needs = append(t.needs, need{at, records})
	}
}

// needed returns how many records the first count events of a strand need.
func (t *strand) needed(count uint32) uint32 {
	n, _ := slices.BinarySearchFunc(t.needs, count, func(n need, count uint32) int { return compare(n.at, count) })
	if n == 0 {
		return 0
	}
	return t.needs[n-1].records
}

func compare[N Ordinal | uint32](a, b N) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (x *Order) check(e *Entry) error {
	n := Ordinal(len(x.events))
	switch {
	case n == NoEvent-1:
		return fault.New(fault.ResourceExhausted, "order_full", "there are as many events as can be numbered", "go on in a new workspace")
	case !below(n, e.Parents) || e.Freezes != nil && !(below(n, e.Freezes.Heads) && below(n, e.Freezes.Past)):
		return fault.New(fault.NotFound, "event_unknown", "an event names one that did not arrive", "take that one first")
	case e.Lamport != x.lamportAfter(e.Parents):
		return fault.New(fault.InvalidArgument, "lamport", "the lamport of an event is not one above its parents'",
			"drop it; the program that made it is at fault")
	}
	if err := x.checkPrev(e); err != nil {
		return err
	}
	return x.checkRecord(e)
}

func below(n Ordinal, all []Ordinal) bool {
	return !slices.ContainsFunc(all, func(o Ordinal) bool { return o >= n })
}

func (x *Order) checkPrev(e *Entry) error {
	switch {
	case len(e.Replica) > maxReplica:
		return fault.New(fault.InvalidArgument, "prev", "the name of a chain is longer than 64 bytes", "drop the event")
	case e.Prev == NoEvent:
		return nil
	case int(e.Prev) >= len(x.events):
		return fault.New(fault.NotFound, "event_unknown", "the event before on the chain did not arrive", "take that one first")
	case x.lineOf(e.Prev).replica != e.Replica:
		return fault.New(fault.InvalidArgument, "prev", "the event before lies on the chain of another replica", "drop the event")
	}
	return nil
}

// checkRecord keeps records in their order and a basis among those that came.
// So what an event needs has always arrived before it, and the first arrivals
// are a closed set however many they are.
func (x *Order) checkRecord(e *Entry) error {
	known := uint64(len(x.records))
	if e.Freezes != nil && !e.Record {
		return fault.New(fault.InvalidArgument, "freezes", "an event that is no record freezes a cut", "drop it")
	}
	if e.Record {
		if e.Seq != known || known > 0 && e.Prev != x.records[known-1] || known == 0 && e.Prev != NoEvent {
			return fault.New(fault.InvalidArgument, "record_order", "a record does not follow the newest", "take those before it first")
		}
		known++
	} else if known > 0 && e.Replica == x.lineOf(x.records[0]).replica {
		return fault.New(fault.InvalidArgument, "record_order", "an event that is no record lies on the control chain", "drop it")
	}
	if e.Basis >= known {
		return fault.New(fault.NotFound, "basis_unknown", "the record that an event rests on did not arrive", "take that one first")
	}
	return nil
}

func (x *Order) lamportAfter(parents []Ordinal) uint64 {
	high := uint32(0)
	for _, p := range parents {
		high = max(high, x.lamports[p])
	}
	return uint64(high) + 1
}
