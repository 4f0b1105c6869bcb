package api

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"atelier.dev/atelier/backend/fault"
)

func TestCurlReadsTheStatus(t *testing.T) {
	w := newWorld(t)
	a := w.call("CoreService/Status", "{}")
	if a.status != 200 || !strings.Contains(a.body, `"peerId":"peer-`) || !strings.Contains(a.body, `"workspace":"`+anID.String()) {
		t.Errorf("%+v", a)
	}
}

func TestSocketIsForItsOwnerAlone(t *testing.T) {
	w := newWorld(t)
	info, err := os.Stat(w.server.o.Socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

// sayAs connects as a user and returns what comes back to a request.
func sayAs(t *testing.T, uid int, socket string) string {
	t.Helper()
	answer := make(chan string)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if uid != os.Geteuid() {
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
				answer <- errno.Error()
				return
			}
		}
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err == nil {
			err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket})
		}
		if err != nil {
			answer <- err.Error()
			return
		}
		f := os.NewFile(uintptr(fd), "socket")
		defer f.Close()
		_, _ = io.WriteString(f, "GET /api/ HTTP/1.0\r\n\r\n") // the other side may have closed
		b, _ := io.ReadAll(f)
		answer <- string(b)
	}()
	select {
	case said := <-answer:
		return said
	case <-time.After(patience):
		t.Fatal("no answer")
		return ""
	}
}

func TestOtherUsersAreClosedUnheard(t *testing.T) {
	w := newWorld(t)
	// Mode and folder would refuse them first: open both, so that only the check is left.
	for _, path := range []string{w.folder, w.server.o.Socket} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if said := sayAs(t, os.Geteuid(), w.server.o.Socket); !strings.HasPrefix(said, "HTTP/1.0 ") {
		t.Fatalf("the owner heard %q", said)
	}
	socket := w.server.o.Socket
	stranger := 65534
	if os.Geteuid() != 0 { // who cannot become another lets the listener expect another
		socket = filepath.Join(w.folder, "other.sock")
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		w.server.serveLocal(l, os.Geteuid()+1)
		stranger = os.Geteuid()
	}
	if said := sayAs(t, stranger, socket); said != "" {
		t.Errorf("a stranger heard %q", said)
	}
	settles(t, "the refusal is told", func() bool { return strings.Contains(w.told(), "another user") })
}

func another(w *world) *Server {
	o := w.server.o
	o.Socket = filepath.Join(w.folder, "second.sock")
	return New(o)
}

func TestStaleSocketIsReplacedAndALiveOneIsNot(t *testing.T) {
	w := newWorld(t)
	s := another(w)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.o.Socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := s.ListenLocal(func() error { return nil }); !fault.Is(err, "socket_taken") {
		t.Errorf("a live socket: %v", err)
	}
	stale.Close()
	if err := s.ListenLocal(func() error { return nil }); err != nil {
		t.Errorf("a stale socket: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.o.Socket); !os.IsNotExist(err) {
		t.Errorf("the socket stays: %v", err)
	}
}

func TestPlantedSocketIsRefused(t *testing.T) {
	w := newWorld(t)
	s := another(w)
	planted := fault.New(fault.PermissionDenied, "runtime_planted", "p", "m")
	if err := s.ListenLocal(func() error { return planted }); !fault.Is(err, "runtime_planted") {
		t.Errorf("got %v", err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	two := bounded(l, 2)
	got := make(chan net.Conn, 3)
	go func() {
		for {
			c, err := two.Accept()
			if err != nil {
				close(got)
				return
			}
			got <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-got
	<-got
	select {
	case <-got:
		t.Error("a third connection was taken")
	case <-time.After(50 * time.Millisecond): // long enough for the control below to have come
	}
	first.Close()
	select {
	case third := <-got:
		third.Close()
	case <-time.After(patience):
		t.Error("the third never came in")
	}
	two.Close()
	if _, open := <-got; open {
		t.Error("the listener goes on after its end")
	}
}
