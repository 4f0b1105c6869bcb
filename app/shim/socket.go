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
	fd    int
	path  string
	inode uint64 // to remove nothing but what we made
	spare int    // given up for a moment when there are no more descriptors
}

func listen(path string) (*socket, error) {
	if err := private(filepath.Dir(path)); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, noSocket(err, path)
	}
	s := &socket{fd: fd, path: path, spare: -1}
	if err := s.bind(); err != nil {
		unix.Close(fd)
		return nil, err
	}
	s.hoard()
	return s, nil
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
	s.inode = st.Ino
	return nil
}

// private refuses a folder that others may enter or change.
func private(dir string) error {
	var st unix.Stat_t
	switch err := unix.Lstat(dir, &st); {
	case err != nil:
		return noSocket(err, dir)
	case st.Mode&unix.S_IFMT != unix.S_IFDIR, int(st.Uid) != os.Geteuid(), st.Mode&0o077 != 0:
		return fault.New(fault.PermissionDenied, "socket_planted", dir+" is not a folder of ours alone", "see who made it, and remove it")
	}
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
	var st unix.Stat_t
	if err := unix.Lstat(s.path, &st); err == nil && st.Ino == s.inode {
		_ = unix.Unlink(s.path)
	}
	unix.Close(s.fd)
	if s.spare >= 0 {
		unix.Close(s.spare)
	}
}
