package api

import (
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
)

// ListenLocal serves the owner of the home on its unix socket, and goes on when
// its file is removed. ready makes what lacks of the folder, and refuses a
// planted folder or socket. A socket that a dead core left is replaced; one that
// somebody answers on is not: reason socket_taken.
func (s *Server) ListenLocal(ready func() error) error {
	l, err := openSocket(s.o.Socket, ready, s.o.Tell)
	if err != nil {
		return err
	}
	s.serveLocal(l, os.Geteuid())
	return nil
}

// unixListener is what tells of each connection who made it.
type unixListener interface {
	net.Listener
	AcceptUnix() (*net.UnixConn, error)
}

func (s *Server) serveLocal(l unixListener, uid int) {
	owner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.api.ServeHTTP(w, r.WithContext(WithOwner(r.Context())))
	})
	s.serve(s.ctx, bounded(sameUser{l, uid, s.o.Tell}, localConns), owner)
}

// sameUser hands on connections of one user alone. Others are closed before a
// byte of theirs is read.
type sameUser struct {
	unixListener
	uid  int
	tell func(level, message string)
}

func (l sameUser) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if uid, err := userOf(conn); err == nil && uid == l.uid {
			return conn, nil
		}
		_ = conn.Close() // it has taken nothing
		l.tell("warn", "a connection of another user was closed")
	}
}

// userOf is who made a connection, as the kernel says.
func userOf(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		peer, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || failed != nil {
		return 0, os.NewSyscallError("getsockopt", failed)
	}
	return int(peer.Uid), nil
}

// bounded takes no more connections than most at a time; further ones wait in
// the kernel's queue, which is bounded too.
func bounded(l net.Listener, most int) net.Listener {
	return &boundedListener{Listener: l, free: make(chan struct{}, most), closed: make(chan struct{})}
}

type boundedListener struct {
	net.Listener
	free   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &countedConn{Conn: conn, free: l.free}, nil
}

func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type countedConn struct {
	net.Conn
	free chan struct{}
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { <-c.free })
	return c.Conn.Close()
}
