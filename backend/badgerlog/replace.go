package badgerlog

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// replaceFile puts content under a name, and returns the file, open behind it.
// A kill or a power cut at any moment leaves what was there before or all of
// content: the name changes only once the bytes are durable.
func replaceFile(path string, content []byte) (*os.File, error) {
	file, err := writeSynced(newName(path), content)
	if err != nil {
		return nil, err
	}
	if err = os.Rename(newName(path), path); err == nil {
		err = syncPath(filepath.Dir(path))
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func newName(path string) string { return path + ".new" }

func writeSynced(path string, content []byte) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = file.Write(content); err == nil {
		err = file.Sync()
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// dropUnfinished removes what a kill in the middle of replaceFile left.
func dropUnfinished(path string) error {
	if err := os.Remove(newName(path)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
