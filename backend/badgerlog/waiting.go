package badgerlog

import (
	"bytes"
	"slices"

	"atelier.dev/atelier/backend/event"
)

// waiting holds candidates until what they rest on is here. It is bounded: those
// that have waited longest are dropped, and have to be sent again. Only who leads
// the queue uses it.
type waiting struct {
	held   map[event.ID]*candidate
	needed map[event.ID][]*candidate // who waits for it
	queue  []*candidate              // as they came; some have gone
	size   int
}

func newWaiting() waiting {
	return waiting{held: map[event.ID]*candidate{}, needed: map[event.ID][]*candidate{}}
}

// hold keeps a candidate until all that is missing has come. It copies what it
// keeps: a batch is its sender's.
func (w *waiting) hold(c *candidate, missing []event.ID) {
	c.Bytes, c.Body, c.Path = bytes.Clone(c.Bytes), bytes.Clone(c.Body), slices.Clone(c.Path)
	c.held, c.needs, c.unmet = true, missing, len(missing)
	w.held[c.ID] = c
	w.size += w.charge(c, 1)
	for _, id := range missing {
		w.needed[id] = append(w.needed[id], c)
	}
	w.queue = append(w.queue, c)
	for len(w.held) > maxHeld || w.size > maxHeldBytes {
		w.drop()
	}
	if len(w.queue) > 2*len(w.held)+maxHeld {
		w.queue = slices.DeleteFunc(w.queue, func(c *candidate) bool { return !c.held })
	}
}

// charge counts what a candidate takes, the ids of its run with the first of these.
func (w *waiting) charge(c *candidate, by int) int {
	size := c.size()
	if c.run != nil {
		if c.run.holds += by; c.run.holds == max(by, 0) {
			size += len(c.run.ids) * len(event.ID{})
		}
	}
	return size
}

// drop lets the candidate go that has waited longest.
func (w *waiting) drop() {
	for !w.queue[0].held {
		w.queue = w.queue[1:]
	}
	c := w.queue[0]
	w.forget(c)
	w.free(c)
}

// forget takes a candidate off the lists of those that wait.
func (w *waiting) forget(c *candidate) {
	for _, id := range c.needs {
		by, is := w.needed[id]
		if !is {
			continue
		}
		if by = slices.DeleteFunc(by, func(other *candidate) bool { return other == c }); len(by) == 0 {
			delete(w.needed, id)
		} else {
			w.needed[id] = by
		}
	}
}

func (w *waiting) free(c *candidate) {
	c.held = false
	delete(w.held, c.ID)
	w.size -= w.charge(c, -1)
}

// wake returns those that missed nothing but an event, in the order in which they
// came.
func (w *waiting) wake(id event.ID) (ready []*candidate) {
	for _, c := range w.needed[id] {
		if c.unmet--; c.unmet == 0 {
			w.free(c)
			ready = append(ready, c)
		}
	}
	delete(w.needed, id)
	return ready
}

// giveUp returns those that wait for an event, and waits for them no more.
func (w *waiting) giveUp(id event.ID) []*candidate {
	all := w.needed[id]
	delete(w.needed, id)
	for _, c := range all {
		w.forget(c)
		w.free(c)
	}
	return all
}

// missing lists what somebody waits for and nobody has sent, ascending.
func (w *waiting) missing() []Missing {
	all := []Missing{}
	for id, by := range w.needed {
		if _, waits := w.held[id]; waits || len(by) == 0 {
			continue
		}
		all = append(all, by[0].names(id))
	}
	slices.SortFunc(all, func(a, b Missing) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return all
}

// names tells what a candidate says of an event that it waits for.
func (c *candidate) names(id event.ID) Missing {
	h := &c.Header
	switch {
	case id == h.Prev:
		return Missing{id, c.chain(), c.Seq - 1}
	case id == h.Basis.Record:
		return Missing{id, event.Chain(h.Workspace[:]), h.Basis.Index}
	}
	return Missing{ID: id}
}

// Missing lists what events that wait here rest on and nobody has sent.
func (l *Log) Missing() []Missing {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.lacks
}
