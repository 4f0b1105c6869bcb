package main

import (
	"os"
	"path/filepath"
	"testing"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/spool"
)

func TestSpoolsAreNamedByTheirIDs(t *testing.T) {
	s := spools{filepath.Join(t.TempDir(), "spool")}
	if all, err := s.All(); err != nil || len(all) != 0 {
		t.Errorf("no folder at all: %v %v", all, err)
	}
	if err := os.Mkdir(s.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	id := event.ID{1}
	folder, err := s.Make(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.folder, "other"), 0o700); err != nil {
		t.Fatal(err)
	}
	if all, err := s.All(); err != nil || len(all) != 1 || all[0] != id || folder != s.Folder(id) {
		t.Errorf("%v %v", all, err)
	}
	for range 2 { // it need not be there
		if err := s.Remove(id); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Open(id); !fault.Is(err, "spool_unknown") {
		t.Errorf("%v", err)
	}
}

func TestRecordedBytesAndNotesAreRead(t *testing.T) {
	s := spools{t.TempDir()}
	id := event.ID{2}
	folder, err := s.Make(id)
	if err != nil {
		t.Fatal(err)
	}
	w, err := spool.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	content := make([]byte, 200<<10)
	content[5] = 7
	if _, err := w.Append(content); err != nil {
		t.Fatal(err)
	}
	const notes = 5000 // several readings
	for n := range uint64(notes) {
		if err := w.Note(attach.Note{Index: n + 1, Kind: attach.NoteResumed}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := event.NewRangeHash()
	_, _ = h.Write(content[3:]) // a hash takes everything
	if root, err := r.Root(3, uint64(len(content))); err != nil || root != h.Root() {
		t.Errorf("%v %v", root, err)
	}
	if _, err := r.Root(3, uint64(len(content))+1); !fault.Is(err, "output_short") {
		t.Errorf("past the end: %v", err)
	}
	next := uint64(11)
	err = r.Notes(10, func(n attach.Note) error {
		if n.Index != next {
			t.Fatalf("note %d, not %d", n.Index, next)
		}
		next++
		return nil
	})
	if err != nil || next != notes+1 {
		t.Errorf("to %d, %v", next, err)
	}
}

func TestFullDiskKeepsTheLogClosed(t *testing.T) {
	if err := roomOf("/x", logReserve-1); !fault.Is(err, "disk_full") || fault.Of(err).Mend == "" {
		t.Errorf("%v", err)
	}
	if err := roomOf("/x", logReserve); err != nil {
		t.Error(err)
	}
}
