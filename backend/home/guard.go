package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"atelier.dev/atelier/backend/fault"
)

// Make creates the folders that are missing, 0700, and refuses a home or a
// runtime folder that another user could have made or could change.
func (h Home) Make() error {
	all := []string{h.Data, h.State, h.Config}
	if h.Root != "" {
		all = append([]string{h.Root}, all...)
	}
	for _, dir := range all {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return cannot(err, "make", dir)
		}
		if err := owned(dir); err != nil {
			return err
		}
	}
	return h.MakeRuntime()
}

// MakeRuntime makes what lacks of the runtime folder, step by step without
// following a link, and refuses a planted one.
func (h Home) MakeRuntime() error {
	if err := sheltered(filepath.Dir(h.anchor)); err != nil {
		return err
	}
	for _, dir := range []string{h.anchor, h.Runtime, filepath.Join(h.Runtime, "x")} {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return cannot(err, "make", dir)
		}
	}
	return h.CheckRuntime()
}

// CheckRuntime refuses planted runtime folders and a planted core socket. A
// client calls it before it dials.
func (h Home) CheckRuntime() error {
	for _, dir := range []string{h.anchor, h.Runtime} {
		if err := private(dir); err != nil {
			return err
		}
	}
	info, err := os.Lstat(h.Socket())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return cannot(err, "look at", h.Socket())
	case info.Mode().Type() != fs.ModeSocket:
		return planted(h.Socket(), "is not a socket")
	case !mine(info):
		return planted(h.Socket(), "belongs to another user")
	}
	return nil
}

// owned refuses a folder of another user, and closes one that is open to others.
func owned(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return cannot(err, "look at", dir)
	}
	if !mine(info) {
		return fault.New(fault.PermissionDenied, "home_foreign", dir+" belongs to another user",
			"use a home of your own with --home DIR").With("path", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return cannot(err, "close", dir)
		}
	}
	return nil
}

// private refuses everything but a true folder of ours that only we can enter.
func private(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return cannot(err, "look at", dir)
	case !info.IsDir():
		return planted(dir, "is not a folder")
	case !mine(info):
		return planted(dir, "belongs to another user")
	case info.Mode().Perm()&0o077 != 0:
		return planted(dir, "is open to other users")
	}
	return nil
}

// sheltered refuses a parent in which others could swap our folder.
func sheltered(parent string) error {
	info, err := os.Stat(parent)
	if err != nil {
		return cannot(err, "look at", parent)
	}
	if !info.IsDir() {
		return planted(parent, "is not a folder")
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return planted(parent, "can be changed by other users")
	}
	if !mine(info) && ownerOf(info) != 0 {
		return planted(parent, "belongs to another user")
	}
	return nil
}

func mine(info fs.FileInfo) bool { return ownerOf(info) == os.Geteuid() }

func ownerOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

func planted(path, why string) error {
	return fault.New(fault.PermissionDenied, "runtime_planted", path+" "+why,
		"see who made it, then remove it or set XDG_RUNTIME_DIR to a folder of your own").With("path", path)
}

func cannot(err error, verb, path string) error {
	code, reason := fault.Unavailable, "home_unusable"
	mend := "check its owner and mode, or use another home with --home DIR"
	switch {
	case errors.Is(err, fs.ErrPermission):
		code, reason = fault.PermissionDenied, "home_denied"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		code, reason, mend = fault.Unknown, "disk_full", "free some space; programs run on and nothing is lost"
	}
	return fault.Wrap(err, code, reason, "cannot "+verb+" "+path, mend).With("path", path)
}
