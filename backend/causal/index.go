package causal

import (
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Find returns the header of an event that the index was given. An index keeps
// no ids but the newest of each chain: a map of all would take 110 MB for a
// million events, and whoever keeps the events can read one header.
type Find func(event.ID) (event.Header, error)

// Index knows the causal order of the events it was given, by a decomposition
// into chains (Jagadish 1990): a session's events follow one another, so an
// event is a place (chain, lamport), and only parents on other chains are
// kept. What an answer costs grows with the sessions between two events, not
// with the events between them.
type Index struct {
	find   Find
	names  map[event.ID]uint32 // session → its chain
	tips   map[event.ID]uint32 // newest event → its chain
	strays map[event.ID]place  // events that are not on their session's chain
	chains []chain
	links  []link
	pairs  map[pair]uint32 // → its link
}

// place is where an event stands. Lamports grow along a chain.
type place struct {
	chain   uint32
	lamport uint64
}

type chain struct {
	tip     event.ID
	lamport uint64 // of tip
	// newest is the link that was added to last, none when there is none.
	newest uint32
	stray  bool
}

// link holds all that one chain took from another, as steps that grow in both
// fields: the event at lamport at has in its past all up to reach on chain to.
type link struct {
	to uint32
	// older and newer order the links of one chain by their last step.
	older, newer uint32
	steps        []step
}

type step struct{ at, reach uint64 }

type pair struct{ from, to uint32 }

const none = ^uint32(0)

// NewIndex returns an empty index that reads headers by find.
func NewIndex(find Find) *Index {
	return &Index{find: find, names: map[event.ID]uint32{}, tips: map[event.ID]uint32{},
		strays: map[event.ID]place{}, pairs: map[pair]uint32{}}
}

// Add takes an event whose parents were added before it. Each event is added
// once. Faults: event_unknown for a parent that was not added, lamport when the
// event's is not one above its parents'; then nothing was added.
func (x *Index) Add(e event.Event) error {
	var few [4]place // most events have no more parents, and need no allocation
	parents := append(few[:0], make([]place, len(e.Header.Parents))...)
	high := uint64(0)
	for i, id := range e.Header.Parents {
		p, err := x.place(id)
		if err != nil {
			return err
		}
		parents[i], high = p, max(high, p.lamport)
	}
	if e.Header.Lamport != high+1 {
		return fault.New(fault.InvalidArgument, "lamport", "the lamport of "+e.ID.String()+" is not one above its parents'",
			"drop it; the program that made it is at fault")
	}
	c := x.chainFor(&e, parents)
	x.advance(c, &e)
	for _, p := range parents {
		if p.chain != c {
			x.link(c, e.Header.Lamport, p)
		}
	}
	return nil
}

// session names the chain that an event claims: its session, for an event that
// opens one its own id, and for a control record the workspace.
func session(id event.ID, h *event.Header) event.ID {
	switch {
	case !h.Session.IsZero():
		return h.Session
	case h.Class == event.Control && !h.Workspace.IsZero():
		return h.Workspace
	}
	return id
}

// chainFor finds the chain that an event lengthens. A claim is not trusted: an
// event that has not its session's newest in its past is a stray, and begins or
// lengthens a chain of strays.
func (x *Index) chainFor(e *event.Event, parents []place) uint32 {
	name := session(e.ID, &e.Header)
	c, known := x.names[name]
	if !known {
		x.names[name] = x.newChain(false)
		return x.names[name]
	}
	if x.follows(c, e.Header.Parents, parents) {
		return c
	}
	c = x.strayChain(parents)
	x.strays[e.ID] = place{c, e.Header.Lamport}
	return c
}

func (x *Index) strayChain(parents []place) uint32 {
	for _, p := range parents {
		if c := x.chains[p.chain]; c.stray && c.lamport == p.lamport {
			return p.chain
		}
	}
	return x.newChain(true)
}

// follows tells whether a chain's newest event is one of the parents or lies
// in their past.
func (x *Index) follows(c uint32, ids []event.ID, parents []place) bool {
	newest := x.chains[c]
	return slices.Contains(ids, newest.tip) || x.reaches(parents, place{c, newest.lamport})
}

func (x *Index) newChain(stray bool) uint32 {
	x.chains = append(x.chains, chain{newest: none, stray: stray})
	return uint32(len(x.chains) - 1)
}

func (x *Index) advance(at uint32, e *event.Event) {
	c := &x.chains[at]
	delete(x.tips, c.tip)
	c.tip, c.lamport = e.ID, e.Header.Lamport
	x.tips[e.ID] = at
}

// link notes that the event at lamport at of chain from has p in its past.
// What an earlier event of the chain had in its past already is not noted.
func (x *Index) link(from uint32, at uint64, p place) {
	n, known := x.pairs[pair{from, p.chain}]
	if !known {
		n = uint32(len(x.links))
		x.links = append(x.links, link{to: p.chain, older: none, newer: none})
		x.pairs[pair{from, p.chain}] = n
	}
	l := &x.links[n]
	switch last := len(l.steps) - 1; {
	case last >= 0 && l.steps[last].reach >= p.lamport:
		return
	case last >= 0 && l.steps[last].at == at:
		l.steps[last].reach = p.lamport
	default:
		l.steps = append(l.steps, step{at, p.lamport})
	}
	x.toFront(from, n)
}

// toFront makes a link the newest of its chain.
func (x *Index) toFront(from, n uint32) {
	c, l := &x.chains[from], &x.links[n]
	if c.newest == n {
		return
	}
	if l.newer != none {
		x.links[l.newer].older = l.older
	}
	if l.older != none {
		x.links[l.older].newer = l.newer
	}
	if c.newest != none {
		x.links[c.newest].newer = n
	}
	l.older, l.newer, c.newest = c.newest, none, n
}

// place finds where an event stands.
func (x *Index) place(id event.ID) (place, error) {
	if c, newest := x.tips[id]; newest {
		return place{c, x.chains[c].lamport}, nil
	}
	if p, stray := x.strays[id]; stray {
		return p, nil
	}
	h, err := x.find(id)
	if err != nil {
		return place{}, err
	}
	c, known := x.names[session(id, &h)]
	if !known || h.Lamport >= x.chains[c].lamport {
		return place{}, fault.New(fault.NotFound, "event_unknown", "there is no event "+id.String(), "see `atelier log`")
	}
	return place{c, h.Lamport}, nil
}
