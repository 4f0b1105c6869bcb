package api

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// A carrier moves the frames of the attach protocol between a client and the
// shim that the ticket in HELLO leads to. It reads nothing else of them, holds
// no state of the terminal and lets nothing pile up: what a client does not
// take stays with the shim, which skips or waits as that client asked for.

const octets = "application/octet-stream"

// carry makes a handler of a carrier. What the carrier returns is told only if
// nothing was answered yet.
func (s *Server) carry(carrier func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && mediaType(r) != octets {
			refuseWith(w, http.StatusUnsupportedMediaType, contentTypeFault(octets))
			return
		}
		if err := carrier(w, r); err != nil {
			refuse(w, err)
		}
	}
}

func contentTypeFault(want string) *fault.Error {
	return fault.New(fault.InvalidArgument, "content_type", "this content type is not taken", "post it as "+want)
}

// hello reads the ticket out of a HELLO with its length word.
func hello(frame []byte) (attach.Hello, error) {
	var is attach.Hello
	if len(frame) != helloBytes || binary.BigEndian.Uint32(frame) != helloBytes-4 {
		return is, notHello()
	}
	first, err := attach.Decode(frame[4:])
	if err != nil {
		return is, err
	}
	is, ok := first.(attach.Hello)
	if !ok {
		return is, notHello()
	}
	return is, nil
}

func notHello() error {
	return fault.New(fault.InvalidArgument, "hello_missing", "the first frame is not HELLO", "see backend/attach/SPEC.md")
}

// reach connects to the shim that a ticket leads to. The connection ends with
// ctx, so that nothing waits on it after that.
func (s *Server) reach(ctx context.Context, t attach.Ticket) (*net.UnixConn, error) {
	socket, err := s.o.Studio.Route(t)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialWait}
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, gone(err)
	}
	shim := conn.(*net.UnixConn)
	context.AfterFunc(ctx, func() { _ = shim.Close() }) // closing is all there is to do
	return shim, nil
}

func gone(err error) error {
	if errors.Is(err, io.EOF) {
		err = errors.New("it has closed the connection")
	}
	return fault.Wrap(err, fault.Unavailable, "shim_gone", "the process that holds this terminal does not answer", "attach again, and see `atelier ps`")
}

// carryStream answers a HELLO with all that the shim says, for ever.
func (s *Server) carryStream(w http.ResponseWriter, r *http.Request) error {
	// To its end: only then net/http notices that the client goes away.
	first, err := io.ReadAll(io.LimitReader(r.Body, helloBytes+1))
	if err != nil {
		return cutShort(err)
	}
	said, err := hello(first)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	shim, err := s.reach(ctx, said.Ticket)
	if err != nil {
		return err
	}
	if _, err := shim.Write(first); err != nil {
		return gone(err)
	}
	return relay(w, shim)
}

func cutShort(err error) error {
	return fault.Wrap(err, fault.InvalidArgument, "request_cut", "the request ended too early", "send it again")
}

// relay copies what the shim says until it or the client ends. One reading takes
// all that has come, so the flush after it is not one for each frame.
func relay(w http.ResponseWriter, shim io.Reader) error {
	out := &stream{w: w}
	buffer := make([]byte, relayBytes)
	for {
		n, err := shim.Read(buffer)
		if err != nil {
			return out.end(gone(err))
		}
		if !out.write(buffer[:n]) {
			return nil
		}
	}
}

// stream is an answer of frames. It begins with the first of them.
type stream struct {
	w     http.ResponseWriter
	begun bool
}

// write sends at once; it is false when the client has left.
func (s *stream) write(b []byte) bool {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", octets)
		s.w.Header().Set("Cache-Control", "no-store")
		s.w.WriteHeader(http.StatusOK)
	}
	_, err := s.w.Write(b)
	return err == nil && http.NewResponseController(s.w).Flush() == nil
}

// end is the answer to a failure: none once frames were sent. They stand, and
// the client sees that they end.
func (s *stream) end(err error) error {
	if s.begun {
		return nil
	}
	return err
}
