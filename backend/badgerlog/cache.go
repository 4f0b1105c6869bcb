package badgerlog

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"atelier.dev/atelier/backend/fault"
)

// Caches are files beside the log that spare time: what they hold can be made
// anew from the events, so they are not synced, a damaged one is as good as none,
// and anybody may throw them away. Each is its content and the SHA-256 of that.

// SaveCache keeps content under a name, in place of what was there. A kill leaves
// the old content or the new. Fault: read_only.
func (l *Log) SaveCache(name string, content []byte) error {
	return l.writeCache(name, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// LoadCache returns what was kept under a name. It is false for what was not
// kept, and for what is damaged.
func (l *Log) LoadCache(name string) (content []byte, sound bool) {
	err := l.readCache(name, func(r io.Reader, size int64) (err error) {
		content = make([]byte, size)
		_, err = io.ReadFull(r, content)
		return err
	})
	return content, err == nil
}

// Caches returns the names of what is kept, ascending.
func (l *Log) Caches() []string {
	files, err := os.ReadDir(l.cacheDir())
	if err != nil {
		return nil // there are none
	}
	var names []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), newName("")) {
			names = append(names, f.Name())
		}
	}
	return names
}

// DropCache forgets what is kept under a name.
func (l *Log) DropCache(name string) error {
	if err := os.Remove(filepath.Join(l.cacheDir(), name)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (l *Log) cacheDir() string { return filepath.Join(l.o.Dir, "cache") }

// writeCache writes a cache in parts. A disk that is nearly full takes none.
func (l *Log) writeCache(name string, parts func(io.Writer) error) error {
	if l.o.Inspect {
		return fault.New(fault.FailedPrecondition, "read_only", "a log that is open for an audit keeps nothing", "open it to write")
	}
	if err := errors.Join(os.MkdirAll(l.cacheDir(), 0o700), checkReserve(l.o.Dir)); err != nil {
		return err
	}
	path := filepath.Join(l.cacheDir(), name)
	if err := writeSummed(newName(path), parts); err != nil {
		return err
	}
	return os.Rename(newName(path), path)
}

func writeSummed(path string, parts func(io.Writer) error) error {
	file, err := openRegular(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	sum, buffer := sha256.New(), bufio.NewWriterSize(file, cacheBuffer)
	err = parts(io.MultiWriter(buffer, sum))
	if err == nil {
		_, err = buffer.Write(sum.Sum(nil))
	}
	return errors.Join(err, buffer.Flush(), file.Close())
}

// errCacheDamaged says that a cache is not what was kept.
var errCacheDamaged = errors.New("the cache is damaged")

// readCache gives a cache's content in parts, and holds it to its sum after the
// last: nothing may rest on it before that.
func (l *Log) readCache(name string, parts func(r io.Reader, size int64) error) error {
	if l.o.Inspect {
		return errCacheDamaged // an audit reads what a cache was made of
	}
	file, err := openRegular(filepath.Join(l.cacheDir(), name), os.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() < sha256.Size {
		return errors.Join(err, errCacheDamaged)
	}
	sum, size := sha256.New(), info.Size()-sha256.Size
	content := io.TeeReader(io.LimitReader(bufio.NewReaderSize(file, cacheBuffer), size), sum)
	if err := parts(content, size); err != nil {
		return err
	}
	if n, err := io.Copy(io.Discard, content); err != nil || n > 0 {
		return errors.Join(err, errCacheDamaged)
	}
	want := make([]byte, sha256.Size)
	if _, err := file.ReadAt(want, size); err != nil || !slices.Equal(want, sum.Sum(nil)) {
		return errors.Join(err, errCacheDamaged)
	}
	return nil
}
