package shimlink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
)

// wire moves frames over a connection to a shim.
type wire struct {
	conn net.Conn
	in   *attach.Splitter
}

// dial connects to a shim's socket and checks that it is ours. A pid above 0 is
// that of the process that must have opened the socket.
func dial(ctx context.Context, socket string, pid int) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	peer, err := peerOf(conn.(*net.UnixConn)) // what was dialled
	if err == nil {
		err = checkPeer(peer, os.Geteuid(), pid)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &wire{conn: conn, in: attach.NewSplitter(nil)}, nil
}

// unheard reports whether nobody listens where was dialled.
func unheard(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) }

// peerOf tells who opened the socket that a connection leads to.
func peerOf(conn *net.UnixConn) (peer *unix.Ucred, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return peer, errors.Join(controlErr, err)
}

// checkPeer refuses a socket of another user or, with a pid, of another process.
func checkPeer(peer *unix.Ucred, user, pid int) error {
	switch {
	case int(peer.Uid) != user:
		return foreign(fmt.Sprintf("is user %d", peer.Uid))
	case pid > 0 && int(peer.Pid) != pid:
		return foreign(fmt.Sprintf("is process %d and not %d", peer.Pid, pid))
	}
	return nil
}

// send writes frames, whole or with an error after which the wire is of no use.
func (w *wire) send(b []byte) error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	_, err := w.conn.Write(b)
	return err
}

// ask sends the first frame and returns what is said to it. Who sends us away
// unheard has said why all the same.
func (w *wire) ask(f attach.Frame) (attach.Frame, error) {
	if err := w.send(attach.Append(nil, f)); err != nil && !errors.Is(err, unix.EPIPE) {
		return nil, err
	}
	return w.next()
}

// next returns the next frame. io.EOF comes only between frames.
func (w *wire) next() (attach.Frame, error) {
	for {
		body, whole, err := w.in.Next()
		if whole && err == nil {
			var f attach.Frame
			if f, err = attach.Decode(body); err == nil {
				return f, nil
			}
		}
		if err != nil {
			return nil, garbled(err.Error())
		}
		if err := w.fill(); err != nil {
			return nil, err
		}
	}
}

func (w *wire) fill() error {
	n, err := w.conn.Read(w.in.Space())
	w.in.Filled(n)
	switch {
	case n > 0:
		return nil
	case errors.Is(err, io.EOF) && w.in.Partial():
		return io.ErrUnexpectedEOF
	}
	return err
}

// until ends reading when ctx does. inTime says that it did not, and that it
// will not any more; else the wire is of no use.
func (w *wire) until(ctx context.Context) (inTime func() bool) {
	return context.AfterFunc(ctx, func() { _ = w.conn.SetReadDeadline(time.Now()) })
}

// why prefers the end of ctx to what came of it.
func why(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
