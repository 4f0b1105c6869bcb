package bundle

import (
	"io"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// lookup reads events of a bundle again. What lies near what was read last costs
// no reading.
type lookup struct {
	file io.ReaderAt
	size int64
	x    *index
	r    Reader
	from int64 // where the buffer begins in the file
	next int64 // where it is filled from
}

func newLookup(file io.ReaderAt, size int64, x *index) *lookup {
	l := &lookup{file: file, size: size, x: x}
	l.r.in = newInput(l)
	return l
}

// Read gives the file from where the buffer ends.
func (l *lookup) Read(b []byte) (int, error) {
	n, err := io.NewSectionReader(l.file, l.next, l.size-l.next).Read(b)
	l.from = l.next
	l.next += int64(n)
	return n, err
}

// event reads an event again, with its body if it is here.
func (l *lookup) event(n causal.Ordinal) (e event.Event, err error) {
	in := l.r.in
	if start := l.x.starts[n]; start >= l.from && start < l.next {
		in.at = int(start - l.from)
	} else {
		in.at, in.end, l.next = 0, 0, start
	}
	in.summed, in.err = in.at, nil // nobody asks for this sum
	kind, mark := in.byte(), in.byte()
	if kind == kindRecord {
		e = l.x.records[l.x.seqs[n]].Event
	} else {
		e = l.r.header()
	}
	switch Body(mark &^ outsideMark) {
	case Here:
		e.Body = in.sized("a body", 1, event.MaxBody)
	case Gone:
		e.Gone = true
	}
	return e, in.err
}
