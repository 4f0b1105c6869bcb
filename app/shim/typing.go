package main

import (
	"time"

	"errors"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/pty"
)

// typing is the one piece of input that is being written to the terminal.
type typing struct {
	rest   []byte
	active bool
	waits  bool // for the program to read
	secret bool // it was read as a secret when it began
}

// beginTyping writes a piece, as far as the terminal takes it now.
func (h *holder) beginTyping(e attach.Type) {
	h.typedAt = time.Now()
	h.typing = typing{rest: e.Bytes, active: true, secret: h.secret()}
	h.typeOn()
	h.watchTerminal()
}

func (h *holder) typeOn() {
	t := &h.typing
	for t.active && len(t.rest) > 0 {
		n, err := h.program.Write(t.rest)
		t.rest = t.rest[n:]
		switch {
		case errors.Is(err, pty.ErrNotNow):
			t.waits = true
			return
		case err != nil:
			h.stopTyping()
			return
		}
	}
	if t.active {
		secret := t.secret || h.secret()
		h.typing = typing{}
		h.do(h.machine.Typed(secret, h.seen()))
	}
}

// stopTyping gives up the piece: the terminal takes no more.
func (h *holder) stopTyping() {
	if h.typing.active {
		h.typing = typing{}
		h.do(h.machine.Untyped(h.seen()))
	}
}

// secret reports whether a secret is read. If the terminal does not tell, it may be.
func (h *holder) secret() bool {
	secret, err := h.program.Secret()
	return secret || err != nil
}
