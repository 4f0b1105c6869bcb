package main

import (
	"errors"
	"fmt"
	"io"

	"atelier.dev/atelier/backend/attach"
)

var errFrame = errors.New("the terminal's process does not keep to the attach protocol")

// frames reads the bodies of frames from a connection, without copying: a body
// holds until the next one is asked for.
type frames struct {
	from io.Reader
	in   *attach.Splitter
}

func newFrames(from io.Reader, buffer []byte) *frames {
	return &frames{from, attach.NewSplitter(buffer)}
}

// next returns one body. io.EOF comes only between frames.
func (f *frames) next() (body []byte, err error) {
	for {
		body, whole, err := f.in.Next()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errFrame, err)
		}
		if whole {
			return body, nil
		}
		n, err := f.from.Read(f.in.Space())
		f.in.Filled(n)
		switch {
		case n > 0: // an error comes again
		case errors.Is(err, io.EOF) && f.in.Partial():
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
	}
}

// said reads a frame of the shim other than OUTPUT, whose bytes go straight through.
func said(body []byte) (attach.Frame, error) {
	frame, err := attach.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	switch f := frame.(type) {
	case attach.Welcome:
		if f.Version != attach.Version {
			return nil, fmt.Errorf("%w: version %d, not %d", errFrame, f.Version, attach.Version)
		}
	case attach.Skipped, attach.Turn, attach.Size, attach.Suspend, attach.Exit, attach.Ack, attach.Refused:
	default:
		return nil, fmt.Errorf("%w: a frame of type %d is not for a client", errFrame, body[0])
	}
	return frame, nil
}
