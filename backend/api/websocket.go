package api

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"

	"github.com/coder/websocket"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// carryWebSocket moves one frame in each binary message, both ways. What goes
// wrong before the first frame of the shim is told as the shim would tell it.
func (s *Server) carryWebSocket(w http.ResponseWriter, r *http.Request) error {
	page, err := websocket.Accept(w, r, nil)
	if err != nil {
		return nil // Accept has answered
	}
	defer cut(page)
	page.SetReadLimit(frameBytes)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	first, err := readFrame(ctx, page)
	if err != nil {
		return nil // the client has left, or was told by readFrame
	}
	shim, err := s.enter(ctx, first)
	if err != nil {
		tellRefused(ctx, page, err)
		return nil
	}
	carryFrames(ctx, cancel, page, shim)
	return nil
}

// carryFrames moves them both ways until one of the two ends. What cancels ctx closes
// the shim's connection, see reach, and so ends the other direction.
func carryFrames(ctx context.Context, cancel func(), page *websocket.Conn, shim net.Conn) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel()
		pour(ctx, page, shim)
	}()
	drain(ctx, page, shim)
	cancel()
	<-ended
}

// drain hands on what the page says until one of the two ends.
func drain(ctx context.Context, page *websocket.Conn, shim net.Conn) {
	for {
		frame, err := readFrame(ctx, page)
		if err != nil {
			return
		}
		if _, err := shim.Write(frame); err != nil {
			return
		}
	}
}

// enter says HELLO to the shim that it leads to.
func (s *Server) enter(ctx context.Context, first []byte) (*net.UnixConn, error) {
	said, err := hello(first)
	if err != nil {
		return nil, err
	}
	shim, err := s.reach(ctx, said.Ticket)
	if err != nil {
		return nil, err
	}
	if _, err := shim.Write(first); err != nil {
		return nil, gone(err)
	}
	return shim, nil
}

var errNotAFrame = errors.New("a message is not one frame")

// readFrame reads one message, which is one frame with its length word.
func readFrame(ctx context.Context, page *websocket.Conn) ([]byte, error) {
	kind, message, err := page.Read(ctx)
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageBinary || len(message) < 5 || binary.BigEndian.Uint32(message) != uint32(len(message)-4) {
		part(page, websocket.StatusProtocolError, errNotAFrame.Error())
		return nil, errNotAFrame
	}
	return message, nil
}

// pour sends what the shim says, a frame a message, until one of the two ends.
// A client that does not read holds it here, and nothing piles up.
func pour(ctx context.Context, page *websocket.Conn, shim net.Conn) {
	frames := attach.NewSplitter(make([]byte, relayBytes))
	var message []byte
	for {
		n, err := shim.Read(frames.Space())
		if err != nil {
			part(page, websocket.StatusNormalClosure, "the terminal's process has closed the connection")
			return
		}
		frames.Filled(n)
		err = eachFrame(frames, func(body []byte) error {
			message = appendFrame(message[:0], body)
			return page.Write(ctx, websocket.MessageBinary, message)
		})
		if err != nil {
			return
		}
	}
}

// part says goodbye and why; the page may be gone, and then nobody hears it.
func part(page *websocket.Conn, status websocket.StatusCode, why string) { _ = page.Close(status, why) }

// cut ends what was not ended by a goodbye.
func cut(page *websocket.Conn) { _ = page.CloseNow() }

// tellRefused says why there is no terminal, in a frame that the page knows.
func tellRefused(ctx context.Context, page *websocket.Conn, err error) {
	f := fault.Of(err)
	refused := attach.Append(nil, attach.Refused{Code: f.Code.String(), Message: f.Message})
	if page.Write(ctx, websocket.MessageBinary, refused) == nil {
		part(page, websocket.StatusPolicyViolation, f.Code.String())
	}
}
