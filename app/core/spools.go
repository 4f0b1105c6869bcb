package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/spool"
	"atelier.dev/atelier/backend/studio"
)

// spools are the folders of executions below one folder, each named by its id.
type spools struct{ folder string }

func (s spools) Folder(id event.ID) string { return filepath.Join(s.folder, id.String()) }

func (s spools) Make(id event.ID) (string, error) { return s.Folder(id), spool.Make(s.Folder(id)) }

func (s spools) Open(id event.ID) (studio.Spool, error) {
	r, err := spool.OpenReader(s.Folder(id))
	if err != nil {
		return nil, err
	}
	return recorded{r}, nil
}

func (s spools) Remove(id event.ID) error {
	r, err := spool.OpenReader(s.Folder(id))
	if fault.Is(err, "spool_unknown") {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Remove()
}

func (s spools) Shorten(id event.ID, below uint64) error {
	r, err := spool.OpenReader(s.Folder(id))
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Drop(below)
}

// All leaves out what is not named by an id: it is none of ours.
func (s spools) All() ([]event.ID, error) {
	found, err := os.ReadDir(s.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "spool_unusable", "cannot list "+s.folder, "check its owner and mode")
	}
	var all []event.ID
	for _, entry := range found {
		if id, err := event.ParseID(entry.Name()); err == nil {
			all = append(all, id)
		}
	}
	return all, nil
}

// recorded is one execution's folder in the studio's words.
type recorded struct{ *spool.Reader }

func (r recorded) Root(from, to uint64) (event.ID, error) {
	h := event.NewRangeHash()
	if err := r.WriteRange(h, from, to); err != nil {
		return event.ID{}, err
	}
	return h.Root(), nil
}

func (r recorded) Notes(after uint64, each func(attach.Note) error) error {
	for {
		some, err := r.Reader.Notes(after)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, n := range some {
			if err := each(n); err != nil {
				return err
			}
			after = n.Index
		}
	}
}

func (r recorded) Close() error {
	r.Reader.Close()
	return nil
}
