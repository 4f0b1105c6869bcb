package api

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"atelier.dev/atelier/backend/fault"
)

// socket listens on a path for as long as its core lives. Whoever removes its
// file, by hand or as a cleaner of temporary folders, would leave a core that
// nobody reaches and that keeps its home: then it listens there anew.
type socket struct {
	path string
	// ready makes what lacks of the folder, and refuses a planted one.
	ready func() error
	tell  func(level, message string)
	once  sync.Once
	done  chan struct{} // closed when it is to end
	ended chan struct{} // closed when nobody looks after the file any more

	mu   sync.Mutex
	at   *net.UnixListener
	file fs.FileInfo // of the file that leads to at
}

func openSocket(path string, ready func() error, tell func(level, message string)) (*socket, error) {
	s := &socket{path: path, ready: ready, tell: tell, done: make(chan struct{}), ended: make(chan struct{})}
	var err error
	if s.at, s.file, err = listenAt(path, ready); err != nil {
		return nil, err
	}
	go s.watch()
	return s, nil
}

// listenAt makes a socket for its owner alone. One that a dead core left is
// replaced; one that somebody answers on is not.
func listenAt(path string, ready func() error) (*net.UnixListener, fs.FileInfo, error) {
	if err := ready(); err != nil {
		return nil, nil, err
	}
	if conn, err := net.DialTimeout("unix", path, dialWait); err == nil {
		conn.Close()
		return nil, nil, fault.New(fault.FailedPrecondition, "socket_taken", "another process answers on "+path,
			"end it, or use another home").With("path", path)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, nil, cannotListen(err, path)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, nil, cannotListen(err, path)
	}
	l.SetUnlinkOnClose(false)   // the path may lead to another by then
	err = os.Chmod(path, 0o600) // its folder is closed to others, so there was no moment to use
	file, gone := os.Lstat(path)
	if err = errors.Join(err, gone); err != nil {
		return nil, nil, errors.Join(cannotListen(err, path), l.Close())
	}
	return l, file, nil
}

func cannotListen(err error, where string) error {
	return fault.Wrap(err, fault.Unavailable, "cannot_listen", "cannot listen on "+where, "see that the folder is yours and the disk is not full")
}

// watch looks after the file. What keeps it from coming back is told once.
func (s *socket) watch() {
	defer close(s.ended)
	tick := time.NewTicker(socketEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-tick.C:
			told = s.tellNew(told, s.keep())
		case <-s.done:
			return
		}
	}
}

func (s *socket) tellNew(told string, err error) string {
	if err == nil {
		return ""
	}
	if err.Error() != told {
		s.tell("error", "the socket of this core is gone, and it cannot listen anew: "+err.Error())
	}
	return err.Error()
}

// keep listens anew unless the path leads to what is listened on.
func (s *socket) keep() error {
	if s.leadsHere() {
		return nil
	}
	l, file, err := listenAt(s.path, s.ready)
	if err != nil {
		return err
	}
	s.mu.Lock()
	before := s.at
	s.at, s.file = l, file
	s.mu.Unlock()
	s.tell("warn", "the socket of this core was removed; it listens anew on "+s.path)
	return before.Close() // who waits in Accept goes on with the new one
}

func (s *socket) leadsHere() bool {
	file, err := os.Lstat(s.path)
	s.mu.Lock()
	defer s.mu.Unlock()
	return err == nil && os.SameFile(file, s.file)
}

func (s *socket) now() *net.UnixListener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// AcceptUnix takes the next connection, from whichever listener is the newest.
func (s *socket) AcceptUnix() (*net.UnixConn, error) {
	for {
		l := s.now()
		conn, err := l.AcceptUnix()
		if err == nil || s.now() == l {
			return conn, err
		}
	}
}

func (s *socket) Accept() (net.Conn, error) { return s.AcceptUnix() }
func (s *socket) Addr() net.Addr            { return s.now().Addr() }

// Close ends the listening and removes the file, unless it is another's by now.
func (s *socket) Close() error {
	var err error
	s.once.Do(func() {
		close(s.done)
		<-s.ended
		if s.leadsHere() {
			err = os.Remove(s.path)
		}
		err = errors.Join(err, s.now().Close())
	})
	return err
}
