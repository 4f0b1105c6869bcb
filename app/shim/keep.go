package main

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// keepSocket looks whether the socket's path still leads here, and listens there
// anew if it does not. It looks by itself, since a user may have few inotifies and
// many terminals.
func (h *holder) keepSocket(now time.Time) {
	h.socketAt = now.Add(socketEvery)
	if h.socket.leadsHere() {
		h.unheard = ""
		return
	}
	if err := h.renewSocket(); err != nil && err.Error() != h.unheard {
		h.unheard = err.Error()
		complain(err)
	}
}

func (h *holder) renewSocket() error {
	fresh, err := h.socket.renewed()
	if err != nil {
		return err
	}
	if err := h.poller.watch(fresh.fd, 0, unix.EPOLLIN, aboutSocket, 0); err != nil {
		fresh.close()
		return noSocket(err, fresh.path)
	}
	h.accept() // who waits at the old one came in time
	fresh.spare = h.socket.spare
	unix.Close(h.socket.fd)
	h.socket = fresh
	complain(errors.New("its socket was removed; it listens anew on " + fresh.path))
	return nil
}
