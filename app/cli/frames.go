package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// The client's half of the attach protocol, version 1, as backend/attach/SPEC.md
// fixes it. Integers are big-endian; offsets count bytes of output from 0.
const (
	protocolVersion = 1
	// frameMax is the longest frame after its length word: type and payload.
	frameMax = 262_144
	// inputMax is where input is cut into frames, well below frameMax.
	inputMax = 32 << 10
	// wantsOutput and fromEnd are HELLO's flags.
	wantsOutput = 1
	fromEnd     = 2
)

const (
	frameHello     = 1
	frameInput     = 2
	frameResize    = 3
	frameBye       = 4
	frameWelcome   = 16
	frameOutput    = 17
	frameSkipped   = 18
	frameTurn      = 19
	frameSize      = 20
	frameSuspended = 21
	frameExit      = 22
	frameAck       = 23
	frameRefused   = 24
)

type ticket [16]byte

// What the shim says. OUTPUT is not among them: its bytes go straight through.
type (
	welcome struct {
		state, driving    byte
		epoch, start, end uint64
		cols, rows        uint16
		lastSeq           uint64
		driver            string
	}
	skipped struct{ from, to uint64 }
	turn    struct {
		epoch   uint64
		driving bool
		driver  string
	}
	resized   struct{ cols, rows uint16 }
	suspended struct {
		now    bool
		reason string
	}
	exited struct {
		end            uint64
		status, signal uint32
	}
	acked   struct{ seq uint64 }
	refused struct {
		seq, epoch            uint64
		code, message, driver string
	}
)

var errFrame = errors.New("the terminal's process does not keep to the attach protocol")

// appendFrame appends one frame whose payload put appends.
func appendFrame(out []byte, kind byte, put func([]byte) []byte) []byte {
	at := len(out)
	out = put(append(out, 0, 0, 0, 0, kind))
	binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4))
	return out
}

func appendHello(out []byte, flags byte, t ticket, from uint64) []byte {
	return appendFrame(out, frameHello, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint16(b, protocolVersion)
		b = append(append(b, flags), t[:]...)
		b = binary.BigEndian.AppendUint64(b, from)
		return binary.BigEndian.AppendUint64(b, 0) // no lag is too much: not a byte may be missed
	})
}

func appendInput(out []byte, epoch, seq uint64, bytes []byte) []byte {
	return appendFrame(out, frameInput, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint64(b, epoch)
		return append(binary.BigEndian.AppendUint64(b, seq), bytes...)
	})
}

func appendResize(out []byte, epoch uint64, cols, rows uint16) []byte {
	return appendFrame(out, frameResize, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint64(b, epoch)
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, cols), rows)
	})
}

func appendBye(out []byte) []byte {
	return appendFrame(out, frameBye, func(b []byte) []byte { return b })
}

// frames cuts what comes over a connection into frames, without copying: a
// payload holds until the next one is asked for.
type frames struct {
	from       io.Reader
	buffer     []byte
	start, end int
}

func newFrames(from io.Reader, buffer []byte) *frames { return &frames{from: from, buffer: buffer} }

// next returns one frame. io.EOF comes only between frames.
func (f *frames) next() (kind byte, payload []byte, err error) {
	for {
		held := f.buffer[f.start:f.end]
		if len(held) >= 4 {
			length := int(binary.BigEndian.Uint32(held))
			if length < 1 || length > frameMax {
				return 0, nil, fmt.Errorf("%w: a frame of %d bytes", errFrame, length)
			}
			if len(held) >= 4+length {
				f.start += 4 + length
				return held[4], held[5 : 4+length], nil
			}
		}
		if err := f.fill(); err != nil {
			return 0, nil, err
		}
	}
}

// fill reads more. A frame that was cut goes to the front when room is short.
func (f *frames) fill() error {
	if f.start == f.end {
		f.start, f.end = 0, 0
	} else if len(f.buffer)-f.start < frameMax+4 {
		f.end = copy(f.buffer, f.buffer[f.start:f.end])
		f.start = 0
	}
	n, err := f.from.Read(f.buffer[f.end:])
	f.end += n
	switch {
	case n > 0:
		return nil
	case errors.Is(err, io.EOF) && f.start != f.end:
		return io.ErrUnexpectedEOF
	}
	return err
}

// reader takes a payload apart and remembers that it was too short.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if len(r.rest) < n {
		r.bad = true
		return make([]byte, n)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) u8() byte    { return r.take(1)[0] }
func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

func (r *reader) flag() bool {
	b := r.u8()
	r.bad = r.bad || b > 1
	return b == 1
}

func (r *reader) text() string {
	text := r.take(int(r.u16()))
	r.bad = r.bad || !utf8.Valid(text)
	return string(text)
}

// outputOf returns the place and the bytes of an OUTPUT payload, uncopied.
func outputOf(payload []byte) (offset uint64, bytes []byte, err error) {
	if len(payload) < 8 {
		return 0, nil, fmt.Errorf("%w: output of %d bytes", errFrame, len(payload))
	}
	return binary.BigEndian.Uint64(payload), payload[8:], nil
}

// said reads any other frame of the shim.
func said(kind byte, payload []byte) (any, error) {
	r := &reader{rest: payload}
	var frame any
	switch kind {
	case frameWelcome:
		version := r.u16()
		r.bad = r.bad || version != protocolVersion
		frame = welcome{state: r.u8(), epoch: r.u64(), driving: r.u8(), start: r.u64(), end: r.u64(),
			cols: r.u16(), rows: r.u16(), lastSeq: r.u64(), driver: r.text()}
	case frameSkipped:
		frame = skipped{r.u64(), r.u64()}
	case frameTurn:
		frame = turn{r.u64(), r.flag(), r.text()}
	case frameSize:
		frame = resized{r.u16(), r.u16()}
	case frameSuspended:
		frame = suspended{r.flag(), r.text()}
	case frameExit:
		frame = exited{r.u64(), r.u32(), r.u32()}
	case frameAck:
		frame = acked{r.u64()}
	case frameRefused:
		frame = refused{r.u64(), r.u64(), r.text(), r.text(), r.text()}
	default:
		return nil, fmt.Errorf("%w: a frame of type %d", errFrame, kind)
	}
	if r.bad || len(r.rest) > 0 {
		return nil, fmt.Errorf("%w: a frame of type %d is cut, too long or makes no sense", errFrame, kind)
	}
	return frame, nil
}
