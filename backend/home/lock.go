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
// "home_open", or "home_audited" while that only reads it, and its detail "pid"
// names that process.
func (h Home) Lock() (*Lock, error) { return h.lock("") }

// LockForAudit is Lock for a process that reads the home and answers nobody.
func (h Home) LockForAudit() (*Lock, error) { return h.lock(auditMark) }

// auditMark stands behind the pid of one that only reads.
const auditMark = "audit"

func (h Home) lock(mark string) (*Lock, error) {
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
	if err := writePID(f, mark); err != nil {
		f.Close()
		return nil, cannot(err, "write", path)
	}
	return &Lock{file: f}, nil
}

// Release gives the home back.
func (l *Lock) Release() error { return l.file.Close() }

func writePID(f *os.File, mark string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strings.TrimSpace(strconv.Itoa(os.Getpid())+" "+mark)+"\n"), 0)
	return err
}

func taken(f *os.File) error {
	var text [32]byte
	n, _ := f.ReadAt(text[:], 0) // a short read is the rule; the number is only told
	pid, mark, _ := strings.Cut(strings.TrimSpace(string(text[:n])), " ")
	if pid == "" {
		pid = "unknown"
	}
	if mark == auditMark {
		return fault.New(fault.FailedPrecondition, "home_audited", "an audit by pid "+pid+" reads this home",
			"wait until it has ended, or end it with `kill "+pid+"`").With("pid", pid)
	}
	return fault.New(fault.FailedPrecondition, "home_open", "this home is already open by pid "+pid,
		"use the core that runs, or end it with `atelier core stop`").With("pid", pid)
}
