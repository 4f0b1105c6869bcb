package bundle

import (
	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// The events of a bundle have one order: of the chains whose next event has all
// that it rests on before it, the lowest goes on. So two who hold the same events
// write the same.

// turns looks whether events come in that order. It keeps the chains that have
// had a turn which no higher one has had since, the highest first, each with its
// last event.
type turns struct{ taken []turn }

type turn struct {
	chain event.Chain
	last  causal.Ordinal
}

// take takes the next event, the n-th, which could come once the event ready was
// there; NoEvent for one that rests on nothing. It returns false when it came too
// late: a higher chain had a turn since.
func (t *turns) take(chain event.Chain, n, ready causal.Ordinal) bool {
	for len(t.taken) > 0 && t.taken[len(t.taken)-1].chain <= chain {
		t.taken = t.taken[:len(t.taken)-1]
	}
	inTime := true
	if len(t.taken) > 0 {
		above := t.taken[len(t.taken)-1]
		inTime = ready != causal.NoEvent && above.last <= ready
	}
	t.taken = append(t.taken, turn{chain, n})
	return inTime
}
