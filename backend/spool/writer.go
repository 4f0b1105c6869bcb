package spool

import (
	"errors"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// Writer is the shim's hand on the folder. It is for one thread. What it wrote
// another process can read at once; only Sync makes it survive a power cut.
type Writer struct {
	folder
	output, notes int
	end, notesEnd uint64
	last          uint64
	record        []byte
	place         place // where Notes stands
}

// Open opens a folder for writing and locks it until Close or the end of this
// process: a second writer is refused with spool_busy. A note that a dead
// writer left half written is cut off.
func Open(dir string) (*Writer, error) {
	d, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{folder: d, output: -1, notes: -1}
	if err := w.openFiles(); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Writer) openFiles() (err error) {
	if w.notes, err = w.open(notesName, unix.O_RDWR|unix.O_CREAT); err != nil {
		return err
	}
	if err := w.lock(); err != nil {
		return err
	}
	if w.output, err = w.open(outputName, unix.O_RDWR|unix.O_CREAT); err != nil {
		return err
	}
	if w.end, err = size(w.output, w.name(outputName)); err != nil {
		return err
	}
	return w.mendNotes()
}

// lock takes the notes for the life of this process. The lock belongs to the
// open file, so that a reader may ask for it without taking it.
func (w *Writer) lock() error {
	whole := unix.Flock_t{Type: unix.F_WRLCK}
	switch err := unix.FcntlFlock(uintptr(w.notes), unix.F_OFD_SETLK, &whole); err {
	case nil:
		return nil
	case unix.EAGAIN, unix.EACCES:
		return fault.New(fault.FailedPrecondition, "spool_busy", "another shim writes "+w.path,
			"leave it to that one; see `atelier ps`")
	default:
		return cannot(err, "lock", w.name(notesName))
	}
}

// mendNotes finds the last whole note and cuts off what comes after it.
func (w *Writer) mendNotes() error {
	_, p, err := place{}.after(^uint64(0), w.notes, w.name(notesName))
	if err != nil {
		return err
	}
	w.last, w.notesEnd = p.index, p.at
	length, err := size(w.notes, w.name(notesName))
	if err != nil {
		return err
	}
	if length > w.notesEnd {
		if err := unix.Ftruncate(w.notes, int64(w.notesEnd)); err != nil {
			return cannot(err, "cut", w.name(notesName))
		}
	}
	// A file system that cannot set room aside still takes notes while it has any.
	if err := unix.Fallocate(w.notes, unix.FALLOC_FL_KEEP_SIZE, int64(w.notesEnd), notesRoom); err != nil && err != unix.EOPNOTSUPP {
		return cannot(err, "set room aside for", w.name(notesName))
	}
	return nil
}

// End is the offset after the last byte of output.
func (w *Writer) End() uint64 { return w.end }

// Last is the index of the last note, 0 for none.
func (w *Writer) Last() uint64 { return w.last }

// Append adds to the output and tells how many bytes are there now: with a
// fault, disk_full or another, they may be fewer than b, and the rest may be
// tried again.
func (w *Writer) Append(b []byte) (int, error) {
	n, err := writeAll(w.output, b, w.end)
	w.end += uint64(n)
	if err != nil {
		return n, cannot(err, "write", w.name(outputName))
	}
	return n, nil
}

// Note adds a note, whole or not at all. Its index must be the next.
func (w *Writer) Note(n attach.Note) error {
	if n.Index != w.last+1 {
		return fault.New(fault.Internal, "note_order", "a note came out of its order", "report this defect of Atelier")
	}
	w.record = attach.AppendRecord(w.record[:0], n)
	if _, err := writeAll(w.notes, w.record, w.notesEnd); err != nil {
		return errors.Join(cannot(err, "write", w.name(notesName)), unix.Ftruncate(w.notes, int64(w.notesEnd)))
	}
	w.notesEnd += uint64(len(w.record))
	w.last = n.Index
	return nil
}

// ReadAt fills b with output from an offset, up to the end, and tells how much
// it was.
func (w *Writer) ReadAt(b []byte, at uint64) (int, error) {
	n, err := readSome(w.output, b, at)
	if err != nil {
		return n, cannot(err, "read", w.name(outputName))
	}
	return n, nil
}

// Notes returns notes above an index, as Reader.Notes does.
func (w *Writer) Notes(after uint64) ([]attach.Note, error) {
	found, place, err := w.place.after(after, w.notes, w.name(notesName))
	w.place = place
	return found, err
}

// Free is how many bytes the file system still gives to this user.
func (w *Writer) Free() (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(w.fd, &st); err != nil {
		return 0, cannot(err, "look at", w.path)
	}
	return st.Bavail * uint64(st.Frsize), nil
}

// Sync returns when output, notes and their names survive a power cut.
func (w *Writer) Sync() error { return syncAll(w.folder, w.output, w.notes) }

func syncAll(d folder, output, notes int) error {
	if err := syncData(output, d.name(outputName)); err != nil {
		return err
	}
	if err := syncData(notes, d.name(notesName)); err != nil {
		return err
	}
	return d.sync()
}

// syncData syncs a file that may not be there yet.
func syncData(fd int, path string) error {
	if fd < 0 {
		return nil
	}
	if err := unix.Fdatasync(fd); err != nil {
		return cannot(err, "sync", path)
	}
	return nil
}

// Close gives the folder back.
func (w *Writer) Close() {
	for _, fd := range []int{w.output, w.notes} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	w.close()
}
