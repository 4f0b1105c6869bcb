package spool

import (
	"slices"

	"atelier.dev/atelier/backend/attach"
)

// place is where a reader of notes stands: after the note with this index.
type place struct {
	index, at uint64
}

// next reads some of the notes that follow, and none at the last whole one. Those
// before a damaged one are good, and come before its fault does.
func (p place) next(fd int, path string) ([]attach.Note, place, error) {
	b := make([]byte, notesAtOnce)
	got, err := readSome(fd, b, p.at)
	if err != nil {
		return nil, p, cannot(err, "read", path)
	}
	var found []attach.Note
	used, err := attach.ReadRecordsAfter(b[:got], p.index, func(n attach.Note) error {
		found = append(found, n)
		return nil
	})
	if err != nil && len(found) == 0 {
		return nil, p, err
	}
	return found, place{p.index + uint64(len(found)), p.at + uint64(used)}, nil
}

// after reads notes above an index until it has some, or there are no more.
func (p place) after(index uint64, fd int, path string) ([]attach.Note, place, error) {
	if index < p.index {
		p = place{}
	}
	for {
		found, next, err := p.next(fd, path)
		if err != nil || len(found) == 0 {
			return nil, p, err
		}
		p = next
		if p.index > index {
			first := slices.IndexFunc(found, func(n attach.Note) bool { return n.Index > index })
			return found[first:], p, nil
		}
	}
}
