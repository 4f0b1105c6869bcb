package badgerlog

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// wal makes durable what Badger has written into its write-ahead log. Badger's
// own SyncWrites syncs the value log too, which holds nothing of ours, and
// drops that one's errors; and it never syncs the name of a new file.
type wal struct {
	dir   *os.File
	file  *os.File // the newest write-ahead log
	names []string // of the folder, as they were last made durable
	// seen is the folder's time when it was last listed, zero while another
	// change might bear the same time.
	seen time.Time
}

func openWAL(dir string) (*wal, error) {
	d, err := os.Open(dir)
	return &wal{dir: d}, err
}

// sync is called after a commit returned and before the next begins, so the
// newest file holds all of it.
func (w *wal) sync() error {
	changed, err := w.look()
	if err != nil {
		return err
	}
	if err := unix.Fdatasync(int(w.file.Fd())); err != nil || !changed {
		return err
	}
	return w.dir.Sync()
}

// look notes whether the folder's names have changed, and finds its newest
// write-ahead log.
func (w *wal) look() (changed bool, err error) {
	info, err := w.dir.Stat()
	if err != nil || info.ModTime().Equal(w.seen) {
		return false, err
	}
	names, err := w.list()
	if err != nil {
		return false, err
	}
	if w.seen = info.ModTime(); time.Since(w.seen) < folderTick {
		w.seen = time.Time{}
	}
	if slices.Equal(names, w.names) {
		return false, nil
	}
	w.names = names
	return true, w.follow(names)
}

// list opens the folder anew: some file systems in user space tell who goes back
// to the beginning of a listing the same names again.
func (w *wal) list() ([]string, error) {
	dir, err := os.Open(w.dir.Name())
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// follow opens the newest write-ahead log. The one before is synced once more:
// no rule of Badger's says that a commit lies in one file alone.
func (w *wal) follow(names []string) error {
	logs := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasSuffix(n, ".mem") })
	if len(logs) == 0 {
		return errors.New("the store has no write-ahead log")
	}
	newest := filepath.Join(w.dir.Name(), slices.MaxFunc(logs, byNumber))
	if w.file != nil && w.file.Name() == newest {
		return nil
	}
	file, err := os.Open(newest)
	if err != nil {
		return err
	}
	old := w.file
	w.file = file
	if old == nil {
		return nil
	}
	return errors.Join(unix.Fdatasync(int(old.Fd())), old.Close())
}

// byNumber orders 00009.mem before 00010.mem and 99999.mem before 100000.mem.
func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func (w *wal) close() {
	w.dir.Close()
	if w.file != nil {
		w.file.Close()
	}
}

// dropEmptyLogs removes the log files of a store that have no byte. A power cut
// leaves such names, and Badger would refuse them; if one had held an event,
// the anchor tells that it is gone. What a killed writer left in the others
// Badger syncs itself, when it cuts them to their last whole record.
func dropEmptyLogs(dir string) error {
	release, alone, err := lockStore(dir)
	if err != nil || !alone {
		return err
	}
	defer release()
	for _, pattern := range []string{"*.mem", "*.vlog"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if info.Size() > 0 {
				continue
			}
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// lockStore takes Badger's own lock for a moment: whoever has the store open may
// just be making a file. A folder that is not there is nobody's.
func lockStore(dir string) (release func(), alone bool, err error) {
	folder, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return func() {}, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	err = unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return func() { folder.Close() }, true, nil
	}
	folder.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = nil // Badger says so in a moment
	}
	return nil, false, err
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
