package api

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"atelier.dev/atelier/backend/fault"
)

// The bearer token is for scripts: one for all listeners, in a file that only
// the owner can read, there while a listener is open.

// giveBearer writes the token unless it is there. The caller holds mu.
func (s *Server) giveBearer() error {
	if s.bearer != (hash{}) {
		return nil
	}
	secret, h, err := newSecret(s.o.Random)
	if err != nil {
		return err
	}
	if err := writeWhole(s.o.TokenFile, secret+"\n"); err != nil {
		return fault.Wrap(err, fault.Unavailable, "token_unwritable", "cannot write the token for scripts", "free some space, and check the folder of keys")
	}
	s.bearer = h
	return nil
}

// writeWhole writes a 0600 file that is never seen in part.
func writeWhole(path, content string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".token-*") // CreateTemp makes it 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when the rename was done
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// forgetBearer makes the token worth nothing when no listener is open any more.
func (s *Server) forgetBearer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bearer == (hash{}) || len(s.webs) > 0 && !s.closed {
		return
	}
	s.bearer = hash{}
	if err := os.Remove(s.o.TokenFile); err != nil && !os.IsNotExist(err) {
		s.o.Tell("warn", "the token of closed listeners stays on disk, and is worth nothing: "+err.Error())
	}
}

func (s *Server) isBearer(authorization string) bool {
	secret, ok := strings.CutPrefix(authorization, "Bearer ")
	s.mu.Lock()
	h := s.bearer
	s.mu.Unlock()
	return ok && h.is(secret)
}
