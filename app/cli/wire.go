package main

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// wire is the connection to a terminal's process. Its reads and writes block
// their own thread, so that a byte wakes whoever waits for it, and nobody else:
// half the time of an echo would go by between the runtime's poller and us.
type wire struct {
	file      *os.File
	fd        int
	alertness *alertness
}

// dialWire connects to a unix socket, or gives up when ctx ends.
func dialWire(ctx context.Context, path string, a *alertness) (*wire, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	w := &wire{os.NewFile(uintptr(fd), path), fd, a}
	if err := w.connect(ctx, path); err != nil {
		w.file.Close()
		return nil, err
	}
	return w, nil
}

// connect bounds the wait for a listener whose queue is full: the time that a
// write may take is, on a unix socket, also that of a connect.
func (w *wire) connect(ctx context.Context, path string) error {
	if deadline, bounded := ctx.Deadline(); bounded {
		if err := w.bound(max(time.Until(deadline), time.Millisecond)); err != nil {
			return err
		}
	}
	if err := unix.Connect(w.fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return err
	}
	return w.bound(0)
}

func (w *wire) bound(d time.Duration) error {
	t := unix.NsecToTimeval(d.Nanoseconds())
	return unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &t)
}

func (w *wire) Read(b []byte) (int, error) {
	w.alertness.wait(w.fd)
	return w.file.Read(b)
}

func (w *wire) Write(b []byte) (int, error) { return w.file.Write(b) }

// Close also ends a read that waits: closing alone would not.
func (w *wire) Close() error {
	_ = unix.Shutdown(w.fd, unix.SHUT_RDWR) // the other side may have gone first
	return w.file.Close()
}
