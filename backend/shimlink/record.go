package shimlink

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// recordName is the file in a spool folder by which a shim is found again.
const recordName = "launch.json"

// notesName is the file beside it in which a shim notes what it sees.
const notesName = "notes"

// record says where a shim listens and which process it is.
type record struct {
	Version int    `json:"version"` // of the attach protocol
	Socket  string `json:"socket"`
	PID     int    `json:"pid"`
	Start   uint64 `json:"start"` // see startOf
	Key     string `json:"key"`   // hex
	key     attach.Key
}

// ended reports whether the process that wrote the record is known to run no
// more. One that cannot be looked at may run: its terminal is not lost.
func (r record) ended() bool {
	start, lives, err := startOf(r.PID)
	return err == nil && (!lives || start != r.Start)
}

// find returns the record of a shim that may live. Faults: shim_dead, shim_silent
// while it begins, shim_unreachable, launch_exposed, launch_damaged.
func (s *Shims) find(folder string) (record, error) {
	path := filepath.Join(folder, recordName)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return record{}, s.unrecorded(folder)
	case errors.Is(err, syscall.ELOOP):
		return record{}, exposed(path, "is a link")
	case err != nil:
		return record{}, fault.Wrap(err, fault.Unavailable, "launch_unreadable", "cannot open "+path, "check its owner and mode")
	}
	defer f.Close()
	r, err := read(path, f)
	if err == nil && r.ended() {
		err = dead(fmt.Sprintf("process %d has ended", r.PID))
	}
	return r, err
}

// unrecorded says how it is with a terminal without a record: its shim is only
// beginning, or has lost it to whoever removed it, or never was.
func (s *Shims) unrecorded(folder string) error {
	pid, err := holderOf(s.program, folder)
	switch {
	case err != nil:
		return fault.Wrap(err, fault.Unavailable, "shim_silent", "nobody knows whether a process holds this terminal", "wait; the core tries again")
	case pid > 0 && !begins(folder):
		return unreachable(pid, folder)
	case claimed(folder):
		return fault.New(fault.Unavailable, "shim_silent", "the process of this terminal is only beginning", "wait; the core tries again")
	}
	return dead("it ended before it was ready").With("launch", "none")
}

func read(path string, f *os.File) (record, error) {
	if err := checkFile(path, f, os.Geteuid()); err != nil {
		return record{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, recordMax))
	if err != nil {
		return record{}, damaged(path, err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return record{}, damaged(path, err)
	}
	key, err := hex.DecodeString(r.Key)
	switch {
	case err != nil || len(key) != len(r.key):
		return record{}, damaged(path, errors.New("its key is not 32 bytes in hex"))
	case r.PID <= 0 || !filepath.IsAbs(r.Socket):
		return record{}, damaged(path, errors.New("it names no process or no socket"))
	}
	r.key = attach.Key(key)
	return r, nil
}

func checkFile(path string, f *os.File, user int) error {
	info, err := f.Stat()
	if err != nil {
		return damaged(path, err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return exposed(path, "is no regular file")
	case !ok || int(owner.Uid) != user:
		return exposed(path, "belongs to another user")
	case info.Mode().Perm() != 0o600:
		return exposed(path, fmt.Sprintf("has mode %04o", info.Mode().Perm()))
	}
	return nil
}

func exposed(path, how string) error {
	return fault.New(fault.PermissionDenied, "launch_exposed", path+" "+how, mendMine)
}

func damaged(path string, err error) error {
	return fault.Wrap(err, fault.DataLoss, "launch_damaged", "cannot read "+path,
		"if no atelier-shim runs for it, remove the file")
}
