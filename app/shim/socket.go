package main

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// socket is where clients come in: 0600, in a folder that is ours alone.
type socket struct {
	fd      int
	path    string
	folders []string // above it, see ownFolders
	device  uint64   // with inode, what tells our file from another's
	inode   uint64
	spare   int // given up for a moment when there are no more descriptors
}

func listen(path string) (*socket, error) {
	dir := filepath.Dir(path)
	if err := private(dir); err != nil {
		return nil, err
	}
	s, err := open(path)
	if err != nil {
		return nil, err
	}
	s.folders = ownFolders(dir)
	s.hoard()
	return s, nil
}

// open listens, in a folder that was found to be ours alone.
func open(path string) (*socket, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, noSocket(err, path)
	}
	s := &socket{fd: fd, path: path, spare: -1}
	if err := s.bind(); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return s, nil
}

// leadsHere reports whether the path still leads to us. While we listen no other
// file gets the same inode.
func (s *socket) leadsHere() bool {
	var st unix.Stat_t
	return unix.Lstat(s.path, &st) == nil && st.Dev == s.device && st.Ino == s.inode
}

// renewed listens on the same path anew, once its file or folders were removed:
// a logout takes the runtime folder with it, and so may a cleaner of /tmp.
func (s *socket) renewed() (*socket, error) {
	if err := remake(s.folders); err != nil {
		return nil, err
	}
	fresh, err := open(s.path)
	if err != nil {
		return nil, err
	}
	fresh.folders = s.folders
	return fresh, nil
}

// bind makes the socket's file. Whatever has its name already, a link too, is
// left alone and refused.
func (s *socket) bind() error {
	before := unix.Umask(0o177)
	err := unix.Bind(s.fd, &unix.SockaddrUnix{Name: s.path})
	unix.Umask(before)
	if errors.Is(err, unix.EADDRINUSE) {
		return fault.New(fault.AlreadyExists, "socket_planted", s.path+" is there already", "see who made it, and remove it")
	}
	if err != nil {
		return noSocket(err, s.path)
	}
	var st unix.Stat_t
	if err := errors.Join(unix.Lstat(s.path, &st), unix.Listen(s.fd, backlog)); err != nil {
		_ = unix.Unlink(s.path)
		return noSocket(err, s.path)
	}
	s.device, s.inode = st.Dev, st.Ino
	return nil
}

func noSocket(err error, path string) error {
	return fault.Wrap(err, fault.Unavailable, "socket_unusable", "cannot listen on "+path, "check the folder's owner and mode")
}

// accept takes one connection of our own user. It gives EAGAIN when there is
// none, and drops what it may not or cannot take.
func (s *socket) accept() (int, error) {
	fd, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	switch {
	case err == unix.EMFILE || err == unix.ENFILE:
		s.turnAway()
		return -1, unix.ECONNABORTED
	case err != nil:
		return -1, err
	}
	if !fromUser(fd, os.Geteuid()) {
		unix.Close(fd)
		return -1, unix.ECONNABORTED
	}
	return fd, nil
}

// fromUser reports whether the other end of a connection is a user's.
func fromUser(fd, uid int) bool {
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	return err == nil && int(peer.Uid) == uid
}

// turnAway ends a connection for which there is no descriptor: left to wait, it
// would keep this thread busy.
func (s *socket) turnAway() {
	if s.spare < 0 {
		return
	}
	unix.Close(s.spare)
	if fd, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC); err == nil {
		unix.Close(fd)
	}
	s.hoard()
}

func (s *socket) hoard() {
	var err error
	if s.spare, err = unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		s.spare = -1
	}
}

func (s *socket) close() {
	if s.leadsHere() {
		_ = unix.Unlink(s.path)
	}
	unix.Close(s.fd)
	if s.spare >= 0 {
		unix.Close(s.spare)
	}
}
