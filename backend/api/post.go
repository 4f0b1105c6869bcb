package api

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// carrySend writes posted frames and answers with what the shim says until it
// has answered the last INPUT among them.
func (s *Server) carrySend(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, postedMax+1))
	if err != nil {
		return cutShort(err)
	}
	p, err := readPosted(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	shim, err := s.reach(ctx, p.ticket)
	if err != nil {
		return err
	}
	written := make(chan struct{})
	go func() { // beside the reading: the shim stops taking input while its answers are not read
		_, _ = shim.Write(body) // a broken connection shows where it is read
		close(written)
	}()
	if err := p.answers(w, shim); err != nil {
		return err
	}
	p.settle(shim, written)
	return nil
}

// posted is what a post of frames asks for.
type posted struct {
	ticket attach.Ticket
	// last is the number of the last INPUT, 0 without one.
	last uint64
	// trails is true when frames without an answer follow it.
	trails bool
}

func readPosted(body []byte) (p posted, err error) {
	if len(body) > postedMax {
		return p, fault.New(fault.ResourceExhausted, "message_size", "a post of frames has at most 2 MiB", "post fewer frames at a time")
	}
	first := min(len(body), helloBytes)
	said, err := hello(body[:first])
	if err != nil {
		return p, err
	}
	if said.Flags&attach.WantsOutput != 0 {
		return p, fault.New(fault.InvalidArgument, "output_unwanted", "a post of frames asks for output", "ask for output by /api/attach/stream")
	}
	p.ticket = said.Ticket
	frames := attach.NewSplitter(body[first:len(body):len(body)])
	frames.Filled(len(body) - first)
	if err := eachFrame(frames, p.take); err != nil {
		return p, err
	}
	if frames.Partial() {
		return p, fault.New(fault.InvalidArgument, "frame_cut", "the last frame is not whole", "post whole frames")
	}
	return p, nil
}

// eachFrame calls take with every whole frame that has come.
func eachFrame(frames *attach.Splitter, take func(body []byte) error) error {
	for {
		body, ok, err := frames.Next()
		if err != nil || !ok {
			return err
		}
		if err := take(body); err != nil {
			return err
		}
	}
}

func (p *posted) take(body []byte) error {
	frame, err := attach.Decode(body)
	if err != nil {
		return err
	}
	switch f := frame.(type) {
	case attach.Input:
		p.last, p.trails = max(p.last, f.Seq), false
	case attach.Resize, attach.Bye:
		p.trails = true
	default:
		return fault.New(fault.InvalidArgument, "frame_unwanted", "only INPUT, RESIZE and BYE are posted", "see backend/attach/SPEC.md")
	}
	return nil
}

// answers passes on whole frames up to the answer to the last INPUT.
func (p *posted) answers(w http.ResponseWriter, shim io.Reader) error {
	frames := attach.NewSplitter(nil)
	out := &stream{w: w}
	for done := false; !done; {
		n, err := shim.Read(frames.Space())
		if err != nil {
			return out.end(gone(err))
		}
		frames.Filled(n)
		var some []byte
		err = eachFrame(frames, func(body []byte) error {
			if !done {
				some = appendFrame(some, body)
				done = p.answered(body)
			}
			return nil
		})
		if err != nil {
			return out.end(err)
		}
		if len(some) > 0 && !out.write(some) {
			return nil
		}
	}
	return nil
}

// appendFrame appends a frame with its length word.
func appendFrame(out, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(out, uint32(len(body))), body...)
}

// answered reports whether a frame of the shim is the last that was asked for.
// Input is answered in order, so the last answer stands for all.
func (p *posted) answered(body []byte) bool {
	frame, err := attach.Decode(body)
	if err != nil {
		return false
	}
	switch f := frame.(type) {
	case attach.Welcome:
		return p.last == 0
	case attach.Ack:
		return f.Seq >= p.last
	case attach.Refused:
		return f.Seq == 0 || f.Seq >= p.last // 0 refuses the connection itself
	}
	return false
}

// settle lets the shim read what has no answer: it closes its side when it has.
func (p *posted) settle(shim *net.UnixConn, written <-chan struct{}) {
	if !p.trails {
		return
	}
	if shim.SetDeadline(time.Now().Add(settleWait)) != nil {
		return // it is closed already
	}
	<-written
	_ = shim.CloseWrite() // fails when the shim has left, and then there is no more
	_, _ = io.Copy(io.Discard, shim)
}
