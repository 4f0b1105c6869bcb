package api

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"atelier.dev/atelier/backend/attach"
)

// shim is a small peer of the attach protocol: it welcomes, acknowledges input,
// and sends what a test tells it to.
type shim struct {
	t      *testing.T
	ticket attach.Ticket

	mu      sync.Mutex
	typed   bytes.Buffer
	resized []attach.Resize
	hellos  []attach.Hello
	open    int
	// output is written to whoever wants output, after WELCOME.
	output func(conn net.Conn) error
	// deaf is set for a shim that answers no input.
	deaf bool
	// busy is how long it takes to look at a RESIZE.
	busy time.Duration
}

func newShim(w *world) *shim {
	w.t.Helper()
	s := &shim{t: w.t, ticket: attach.Ticket{0xab, 1}}
	socket := filepath.Join(w.folder, "shim.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	w.studio.mu.Lock()
	w.studio.routes[s.ticket] = socket
	w.studio.mu.Unlock()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *shim) serve(conn net.Conn) {
	defer conn.Close()
	s.count(1)
	defer s.count(-1)
	frames := attach.NewSplitter(nil)
	for {
		n, err := conn.Read(frames.Space())
		if err != nil {
			return
		}
		frames.Filled(n)
		for {
			body, ok, err := frames.Next()
			if err != nil {
				s.t.Errorf("a frame that is none: %v", err)
				return
			}
			if !ok {
				break
			}
			frame, err := attach.Decode(body)
			if err != nil {
				s.t.Errorf("a frame that cannot be read: %v", err)
				return
			}
			if !s.take(conn, frame) {
				return
			}
		}
	}
}

func (s *shim) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
}

func (s *shim) opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// take answers one frame; false ends the connection.
func (s *shim) take(conn net.Conn, frame attach.Frame) bool {
	if _, is := frame.(attach.Resize); is {
		time.Sleep(s.busy)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer []byte
	begin := func() {}
	switch f := frame.(type) {
	case attach.Hello:
		s.hellos = append(s.hellos, f)
		answer = attach.Append(nil, attach.Welcome{Version: attach.Version, State: attach.Running, Epoch: 1, Cols: 80, Rows: 24, Driver: "a"})
		if f.Flags&attach.WantsOutput != 0 && s.output != nil {
			begin = func() {
				if err := s.output(conn); err != nil && !errors.Is(err, net.ErrClosed) {
					conn.Close()
				}
			}
		}
	case attach.Input:
		s.typed.Write(f.Bytes)
		if !s.deaf {
			answer = attach.Append(nil, attach.Ack{Seq: f.Seq})
		}
		if f.Epoch == 0 {
			answer = attach.Append(nil, attach.Refused{Seq: f.Seq, Epoch: 1, Code: "aborted", Message: "old", Driver: "a"})
		}
	case attach.Resize:
		s.resized = append(s.resized, f)
	case attach.Bye:
		return false
	}
	_, err := conn.Write(answer)
	go begin() // what it writes comes after the welcome
	return err == nil
}

func (s *shim) written() (typed string, resized int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.typed.String(), len(s.resized)
}

// helloFor is the first frame of a client.
func (s *shim) helloFor(flags uint8) []byte {
	return attach.Append(nil, attach.Hello{Version: attach.Version, Flags: flags, Ticket: s.ticket, From: 0})
}

// framesOf reads all frames of an answer.
func framesOf(t *testing.T, from io.Reader) (all []attach.Frame) {
	t.Helper()
	frames := attach.NewSplitter(nil)
	for {
		n, err := from.Read(frames.Space())
		frames.Filled(n)
		for {
			body, ok, failed := frames.Next()
			if failed != nil {
				t.Fatal(failed)
			}
			if !ok {
				break
			}
			frame, failed := attach.Decode(body)
			if failed != nil {
				t.Fatal(failed)
			}
			if output, is := frame.(attach.Output); is {
				frame = attach.Output{Offset: output.Offset, Bytes: bytes.Clone(output.Bytes)}
			}
			all = append(all, frame)
		}
		if err != nil {
			if frames.Partial() {
				t.Error("the answer was cut inside a frame")
			}
			return all
		}
	}
}
