package causal

import (
	"slices"

	"atelier.dev/atelier/backend/event"
)

// line is a replica's chain, or the part of it after a fork: a replica that
// signed two events after one has two lines from there on.
type line struct {
	replica event.Chain
	tip     Ordinal
	// fork is the event of an older line that this one goes on from, NoEvent when
	// it has its own beginning.
	fork    Ordinal
	strands []uint32
	strays  []uint32 // strands of strays, those first that are to be tried next
}

func (x *Order) lineOf(n Ordinal) *line { return &x.lines[x.strands[x.events[n].strand].line] }

// Line returns the number of the line that an event lies on: a replica's chain, or
// the part of it after a fork. Lines are numbered in the order of their first events.
func (x *Order) Line(n Ordinal) int { return int(x.strands[x.events[n].strand].line) }

// Fork returns the event of an older line that a line goes on from, NoEvent for one
// that has its own beginning.
func (x *Order) Fork(line int) Ordinal { return x.lines[line].fork }

// lineFor finds the line that an event lengthens, or begins one.
func (x *Order) lineFor(e *Entry) uint32 {
	if e.Prev != NoEvent {
		if l := x.strands[x.events[e.Prev].strand].line; x.lines[l].tip == e.Prev {
			return l
		}
	}
	x.lines = append(x.lines, line{replica: e.Replica, fork: e.Prev})
	return uint32(len(x.lines) - 1)
}

// strandFor finds the strand that an event lengthens. What it claims of its
// session is not trusted: an event that has not the session's newest in its past
// is a stray, and lengthens or begins a strand of strays. Strands never mix lines.
func (x *Order) strandFor(l uint32, e *Entry) uint32 {
	if x.names == nil {
		x.names = map[name]uint32{}
	}
	s, known := x.names[name{l, e.Session}]
	if !known {
		s = x.newStrand(strand{line: l, session: e.Session})
		x.names[name{l, e.Session}] = s
		return s
	}
	if x.follows(s, e.Parents) {
		return s
	}
	for range min(maxTried, len(x.lines[l].strays)) {
		if s := x.lines[l].nextStray(); x.follows(s, e.Parents) {
			return s
		}
	}
	return x.newStrand(strand{line: l, stray: true})
}

// nextStray takes the strands of strays in turn: one that nobody reads must not
// keep the others from being tried.
func (l *line) nextStray() uint32 {
	s := l.strays[0]
	copy(l.strays, l.strays[1:])
	l.strays[len(l.strays)-1] = s
	return s
}

// follows tells whether a strand's newest event is one of the parents or lies
// in their past.
func (x *Order) follows(s uint32, parents []Ordinal) bool {
	events := x.strands[s].events
	tip := events[len(events)-1]
	return slices.Contains(parents, tip) || x.reaches(parents, tip)
}

func (x *Order) newStrand(t strand) uint32 {
	s := uint32(len(x.strands))
	x.strands = append(x.strands, t)
	x.lines[t.line].join(s, t.stray)
	return s
}

func (l *line) join(s uint32, stray bool) {
	l.strands = append(l.strands, s)
	if stray {
		l.strays = append(l.strays, s)
	}
}
