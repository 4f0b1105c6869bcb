package badgerlog

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// checkRegular refuses a home in which something else stands for a file of the
// log: a pipe would hang whoever opens it, and a link leads writes elsewhere.
func checkRegular(dir string) error {
	inside, err := filepath.Glob(filepath.Join(dir, "log", "*"))
	if err != nil {
		return err
	}
	for _, path := range append(inside, filepath.Join(dir, "anchor"), filepath.Join(dir, "values")) {
		info, err := os.Lstat(path)
		if err == nil && !info.Mode().IsRegular() {
			return irregular(path)
		}
	}
	return nil // what is missing, or is not to be looked at, is told where it is opened
}

func irregular(path string) error {
	return fault.New(fault.FailedPrecondition, "store_irregular", fmt.Sprintf("%s is no regular file", path),
		"put back the file that was there; nothing was changed")
}

// openRegular opens what checkRegular has seen, or what took its place since.
func openRegular(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = irregular(path)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func readRegular(path string) ([]byte, error) {
	file, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}
