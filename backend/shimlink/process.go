package shimlink

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// startOf tells when a process began, in ticks since boot: field 22 of its stat.
// A process id is used again, but not with the same start. The name before it,
// in brackets, may hold spaces and brackets itself. With an error nobody knows
// whether the process lives.
func startOf(pid int) (start uint64, lives bool, err error) {
	stat, err := statOf(pid)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) { // the second when it ends while we read
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return 0, false, errors.New("what the kernel says of a process is cut")
	}
	if fields[0] == "Z" || fields[0] == "X" { // a zombie is dead
		return 0, false, nil
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return start, err == nil, err
}

func statOf(pid int) ([]byte, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, statMax))
}

// claimName is a file in a spool folder that a shim holds locked from before it
// exists: the core locks it and hands it over, so that there is no moment at
// which a shim that begins could be taken for a dead one.
const claimName = "claim"

// claim locks a folder for the shim that gets the file.
func claim(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, claimName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// claimed reports whether a process holds the claim. It tells a shim that is about
// to write launch.json from one that never will. A claim that cannot be looked at
// may be held.
func claimed(folder string) bool {
	f, err := os.OpenFile(filepath.Join(folder, claimName), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}

// begins reports whether a shim without a record may be about to write it: the
// claim is there from before it exists, and its first note comes after the record.
func begins(folder string) bool {
	if _, err := os.Lstat(filepath.Join(folder, claimName)); err != nil {
		return false
	}
	notes, err := os.Lstat(filepath.Join(folder, notesName))
	return err != nil || notes.Size() == 0
}

// holderOf is the process of ours that holds the terminal of a folder, 0 for none:
// a shim has the folder for its one argument. With an error nobody knows.
func holderOf(program, folder string) (pid int, err error) {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, entry := range all {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		holds, err := isShim(pid, filepath.Base(program), folder)
		if holds || err != nil {
			return pid, err
		}
	}
	return 0, nil
}

// isShim compares the command line of a process. What has ended meanwhile, or is
// not ours to look at, is no shim of ours.
func isShim(pid int, name, folder string) (bool, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	line, err := io.ReadAll(io.LimitReader(f, lineMax))
	if errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	words := strings.Split(string(line), "\x00")
	info, gone := f.Stat()
	return err == nil && gone == nil && ofUser(info, os.Geteuid()) && len(words) == 3 && filepath.Base(words[0]) == name && words[1] == folder, err
}

func ofUser(info fs.FileInfo, user int) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == user
}
