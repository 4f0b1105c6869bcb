package api

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answers reports whether the API answers on a socket.
func answers(path string) bool {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	defer conn.Close()
	_, err = conn.Write([]byte("GET /api/ HTTP/1.0\r\n\r\n"))
	n, _ := conn.Read(make([]byte, 1))
	return err == nil && n == 1
}

// listening is a surface on a socket in a folder of its own, which comes back
// when it was removed.
func listening(t *testing.T, w *world) (s *Server, folder string) {
	t.Helper()
	folder = filepath.Join(w.folder, "own")
	o := w.server.o
	o.Socket = filepath.Join(folder, "core.sock")
	s = New(o)
	s.slow = patience
	if err := s.ListenLocal(func() error { return os.MkdirAll(folder, 0o700) }); err != nil {
		t.Fatal(err)
	}
	return s, folder
}

func TestARemovedSocketComesBack(t *testing.T) {
	w := newWorld(t)
	s, folder := listening(t, w)
	before, err := net.Dial("unix", s.o.Socket) // it stays a connection all along
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	for what, remove := range map[string]func() error{
		"the socket": func() error { return os.Remove(s.o.Socket) },
		"its folder": func() error { return os.RemoveAll(folder) },
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		settles(t, what+" is there again", func() bool { return answers(s.o.Socket) })
		if info, err := os.Lstat(s.o.Socket); err != nil || info.Mode() != os.ModeSocket|0o600 {
			t.Errorf("%s came back as %v, %v", what, info, err)
		}
	}
	if _, err := before.Write([]byte("GET /api/ HTTP/1.0\r\n\r\n")); err != nil {
		t.Error(err)
	}
	if n, err := before.Read(make([]byte, 1)); n != 1 {
		t.Errorf("a connection from before: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.o.Socket); !os.IsNotExist(err) {
		t.Errorf("the socket stays: %v", err)
	}
}

// Whoever answers in our place keeps it: it is told once, and when it goes our
// own socket comes back.
func TestASocketInItsPlaceIsNotStolen(t *testing.T) {
	w := newWorld(t)
	s, _ := listening(t, w)
	if err := os.Remove(s.o.Socket); err != nil {
		t.Fatal(err)
	}
	other := stranger(t, s.o.Socket)
	settles(t, "it is told", func() bool { return strings.Contains(w.told(), "another process answers") })
	if answers(s.o.Socket) {
		t.Error("the other one is not reached any more")
	}
	other.Close()
	settles(t, "ours is there again", func() bool { return answers(s.o.Socket) })
	if n := strings.Count(w.told(), "another process answers"); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// stranger takes connections and says nothing.
func stranger(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return l
}

func TestTheEndLeavesAnothersSocketAlone(t *testing.T) {
	w := newWorld(t)
	s, _ := listening(t, w)
	if err := os.Remove(s.o.Socket); err != nil {
		t.Fatal(err)
	}
	other := stranger(t, s.o.Socket)
	defer other.Close()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.o.Socket); err != nil {
		t.Errorf("it was removed: %v", err)
	}
}
