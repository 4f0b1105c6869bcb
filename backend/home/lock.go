package home

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"atelier.dev/atelier/backend/fault"
)

// Lock is the right of one process to open a home. It ends with the process.
type Lock struct{ file *os.File }

// Lock takes the home for this process. When another has it the fault is
// "home_open" and its detail "pid" names that process.
func (h Home) Lock() (*Lock, error) {
	path := filepath.Join(h.Data, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, cannot(err, "open", path)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, taken(f)
		}
		return nil, cannot(err, "lock", path)
	}
	if err := writePID(f); err != nil {
		f.Close()
		return nil, cannot(err, "write", path)
	}
	return &Lock{file: f}, nil
}

// Release gives the home back.
func (l *Lock) Release() error { return l.file.Close() }

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func taken(f *os.File) error {
	var text [32]byte
	n, _ := f.ReadAt(text[:], 0) // a short read is the rule; the number is only told
	pid := strings.TrimSpace(string(text[:n]))
	if pid == "" {
		pid = "unknown"
	}
	return fault.New(fault.FailedPrecondition, "home_open", "this home is already open by pid "+pid,
		"use the core that runs, or end it with `atelier core stop`").With("pid", pid)
}
