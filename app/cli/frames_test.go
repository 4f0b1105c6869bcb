package main

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"atelier.dev/atelier/backend/attach"
)

// heard reads frames until there are no more.
func heard(from io.Reader) (all []attach.Frame, err error) {
	in := newFrames(from, nil)
	for {
		body, err := in.next()
		if err != nil {
			return all, err
		}
		f, err := said(body)
		if err != nil {
			return all, err
		}
		all = append(all, f)
	}
}

func TestFramesEndBetweenOrWithin(t *testing.T) {
	var b []byte
	for _, f := range []attach.Frame{attach.Ack{Seq: 1}, attach.Turn{Epoch: 2, Driver: "zoë"}, attach.Exit{End: 3}} {
		b = attach.Append(b, f)
	}
	for _, from := range []io.Reader{bytes.NewReader(b), iotest.OneByteReader(bytes.NewReader(b)), iotest.DataErrReader(bytes.NewReader(b))} {
		if all, err := heard(from); len(all) != 3 || !errors.Is(err, io.EOF) {
			t.Errorf("%d frames, %v; want three and the end", len(all), err)
		}
	}
	if all, err := heard(bytes.NewReader(b[:len(b)-1])); len(all) != 2 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: %d frames, %v", len(all), err)
	}
	reset := errors.New("connection reset")
	if _, err := heard(io.MultiReader(bytes.NewReader(b), iotest.ErrReader(reset))); !errors.Is(err, reset) {
		t.Errorf("the connection's own error: %v", err)
	}
}

func TestWhatTheShimDoesNotSayIsRefused(t *testing.T) {
	welcome := attach.Welcome{Version: attach.Version, State: attach.Running}
	if _, err := said(attach.Append(nil, welcome)[4:]); err != nil {
		t.Fatal("the control is refused:", err)
	}
	welcome.Version++
	for name, body := range map[string][]byte{
		"another version": attach.Append(nil, welcome)[4:], "a client's frame": attach.Append(nil, attach.Bye{})[4:],
		"the core's": attach.Append(nil, attach.Wrote{End: 1})[4:], "half an output": {byte(attach.KindOutput), 0}, "no type of ours": {99},
	} {
		if f, err := said(body); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	if _, err := heard(bytes.NewReader([]byte{255, 255, 255, 255})); !errors.Is(err, errFrame) {
		t.Errorf("a length that no frame has: %v", err)
	}
}
