package spool

import (
	"errors"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// Reader is the core's view of the folder, while a shim writes it and after.
// Its methods may be called at the same time. A file that the shim has not made
// yet is empty.
type Reader struct {
	folder
	mu            sync.Mutex
	output, notes int // -1: not there yet
	place         place
}

// OpenReader opens a folder for reading. A missing one gives spool_unknown.
func OpenReader(dir string) (*Reader, error) {
	d, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	return &Reader{folder: d, output: -1, notes: -1}, nil
}

// file returns the descriptor of a file, and opens it when it has appeared.
func (r *Reader) file(kept *int, name string) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if *kept >= 0 {
		return *kept, nil
	}
	fd, err := r.open(name, unix.O_RDONLY)
	if fault.Is(err, "spool_unknown") {
		return -1, nil
	}
	if err == nil {
		*kept = fd
	}
	return fd, err
}

// End is the offset after the last byte of output.
func (r *Reader) End() (uint64, error) {
	fd, err := r.file(&r.output, outputName)
	if err != nil || fd < 0 {
		return 0, err
	}
	return size(fd, r.name(outputName))
}

// ReadAt fills b with output from an offset. It follows io.ReaderAt: fewer
// bytes come with io.EOF. What retention has dropped is output_gone.
func (r *Reader) ReadAt(b []byte, at int64) (int, error) {
	fd, err := r.file(&r.output, outputName)
	if err != nil {
		return 0, err
	}
	n := 0
	if fd >= 0 {
		if n, err = readSome(fd, b, uint64(at)); err != nil {
			return n, cannot(err, "read", r.name(outputName))
		}
	}
	// After the reading: what goes is marked before it is taken away.
	if gone, err := r.Gone(); err != nil || uint64(at) < gone {
		return 0, errors.Join(err, outputGone(r.path, gone))
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteRange passes the output from one offset to another on to a writer; an
// event.RangeHash makes it the range's root. A range that is not all there
// gives output_short, a loss of data.
func (r *Reader) WriteRange(to io.Writer, from, end uint64) error {
	n, err := io.CopyBuffer(onlyWriter{to}, io.NewSectionReader(r, int64(from), int64(end-from)), make([]byte, rangeAtOnce))
	if err == nil && uint64(n) < end-from {
		err = fault.New(fault.DataLoss, "output_short", r.name(outputName)+" ends before what was recorded of it",
			"keep a copy of the folder as it is")
	}
	return err
}

// onlyWriter keeps CopyBuffer to the buffer that it was given.
type onlyWriter struct{ io.Writer }

// Notes returns notes above an index in their order: some of them, for a caller
// that asks again from the last one, or none when there are no more. A last one
// that is still being written is not there yet.
func (r *Reader) Notes(after uint64) ([]attach.Note, error) {
	fd, err := r.file(&r.notes, notesName)
	if err != nil || fd < 0 {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	found, place, err := r.place.after(after, fd, r.name(notesName))
	r.place = place
	return found, err
}

// Launch reads launch.json; see ReadLaunch.
func (r *Reader) Launch() (l Launch, ok bool, err error) { return r.launch() }

// Held reports whether a living shim writes the folder. It asks for the
// writer's lock, which ends with its process, whatever ids are used again.
func (r *Reader) Held() (bool, error) {
	fd, err := r.file(&r.notes, notesName)
	if err != nil || fd < 0 {
		return false, err
	}
	whole := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &whole); err != nil {
		return false, cannot(err, "ask for the lock of", r.name(notesName))
	}
	return whole.Type != unix.F_UNLCK, nil
}

// Sync returns when what End and Notes have told survives a power cut.
func (r *Reader) Sync() error {
	output, err := r.file(&r.output, outputName)
	if err != nil {
		return err
	}
	notes, err := r.file(&r.notes, notesName)
	if err != nil {
		return err
	}
	return syncAll(r.folder, output, notes)
}

// Remove removes the folder, and the socket that a dead shim left. While one
// lives it does nothing and gives spool_busy.
func (r *Reader) Remove() error {
	held, err := r.Held()
	if err != nil {
		return err
	}
	if held {
		return fault.New(fault.FailedPrecondition, "spool_busy", "the shim of "+r.path+" still runs", "end it first")
	}
	if l, ok, err := r.launch(); err == nil && ok {
		if err := removeSocket(l.Socket); err != nil {
			return err
		}
	}
	for _, name := range []string{freshName, launchName, claimName, goneName, notesName, outputName} {
		if err := unix.Unlinkat(r.fd, name, 0); err != nil && err != unix.ENOENT {
			return cannot(err, "remove", r.name(name))
		}
	}
	if err := unix.Rmdir(r.path); err != nil {
		return cannot(err, "remove", r.path)
	}
	return nil
}

func removeSocket(path string) error {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK { // else it is not what a shim makes
		err = unix.Unlink(path)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return cannot(err, "remove", path)
	}
	return nil
}

// Close gives the folder back.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fd := range []*int{&r.output, &r.notes} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
	r.close()
}
