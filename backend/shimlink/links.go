package shimlink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Links are the paths that go with an execution, in a folder that only the
// person can enter. Its methods may be called at once.
type Links struct {
	folder string
	mu     sync.Mutex // there is one name for a link in the making
}

// NewLinks returns the links in the folder x of a runtime folder, which exists;
// x itself is made anew when it was removed.
func NewLinks(runtime string) *Links { return &Links{folder: filepath.Join(runtime, "x")} }

// SocketOf is where the shim of an execution listens.
func (l *Links) SocketOf(id event.ID) string { return l.path(id, ".sock") }

func (l *Links) path(id event.ID, kind string) string {
	return filepath.Join(l.folder, id.String()[:shortID]+kind)
}

// Point makes the stable link of an execution lead to an agent's socket, and
// returns the link's path. A target that is empty, not absolute or no socket of
// ours leaves the link as it is: the agent that it led to may still be there.
// The fault is link_failed; the path is right all the same.
func (l *Links) Point(id event.ID, target string) (path string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	path = l.path(id, ".agent")
	if err := os.Mkdir(l.folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return path, unlinked(err)
	}
	target = l.beyond(target)
	if target == path || !isAgent(target) {
		return path, nil
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return path, unlinked(err)
	}
	if err := os.Symlink(target, fresh); err != nil {
		return path, unlinked(err)
	}
	// A rename, so that whoever follows the link finds the old or the new one.
	if err := os.Rename(fresh, path); err != nil {
		return path, errors.Join(unlinked(err), os.Remove(fresh))
	}
	return path, nil
}

// beyond follows links of ours, which are what a caller within a terminal has as
// its agent. Two of them would else lead to each other, and to nobody.
func (l *Links) beyond(target string) string {
	for range linkHops {
		if filepath.Dir(target) != l.folder {
			break
		}
		next, err := os.Readlink(target)
		if err != nil {
			break
		}
		target = next
	}
	return target
}

// isAgent reports whether path is that of a socket of ours.
func isAgent(path string) bool {
	if !filepath.IsAbs(path) {
		return false
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid()
}

// Drop removes what an execution that has ended may have left: its link, and
// the socket of a shim that was killed. Neither need be there.
func (l *Links) Drop(id event.ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, path := range []string{l.path(id, ".agent"), l.SocketOf(id)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return unlinked(err)
		}
	}
	return nil
}

func unlinked(err error) error {
	return fault.Wrap(err, fault.Unavailable, "link_failed", "cannot change the link to the SSH agent of a terminal",
		"check owner, mode and free space of the runtime folder")
}
