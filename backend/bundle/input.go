package bundle

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// input reads the parts of a bundle, each within its bound. After its first error
// it gives zeros.
type input struct {
	from     io.Reader
	buffer   []byte
	at, end  int // what of the buffer is unread
	summed   int // how far sum has taken the buffer
	sum      hash.Hash
	consumed int64
	err      error
}

func newInput(from io.Reader) *input {
	return &input{from: from, buffer: make([]byte, bufferSize), sum: sha256.New()}
}

func (in *input) fail(err error) {
	if in.err == nil {
		in.err = err
	}
}

// fill reads on when nothing is left. It returns false at the end and after an error.
func (in *input) fill() bool {
	if in.err != nil || in.at < in.end {
		return in.err == nil
	}
	in.hash()
	in.at, in.summed = 0, 0
	var err error
	if in.end, err = io.ReadAtLeast(in.from, in.buffer, 1); err != nil && !errors.Is(err, io.EOF) {
		in.fail(fault.Wrap(err, fault.Unavailable, "bundle_unread", "the bundle cannot be read", "try again; see the file and its disk"))
	}
	return err == nil
}

// more is fill where more must come.
func (in *input) more() bool {
	if in.fill() {
		return true
	}
	in.fail(refused("bundle_cut", "the bundle ends before its end"))
	return false
}

func (in *input) byte() byte {
	if !in.more() {
		return 0
	}
	b := in.buffer[in.at]
	in.at++
	in.consumed++
	return b
}

// take returns the next n bytes, which are the caller's.
func (in *input) take(n int) []byte {
	b := make([]byte, n)
	for done := 0; done < n && in.more(); {
		got := copy(b[done:], in.buffer[in.at:in.end])
		in.at += got
		in.consumed += int64(got)
		done += got
	}
	return b
}

// number reads a number in its shortest form, from least to most.
func (in *input) number(what string, least, most uint64) (n uint64) {
	for shift := 0; ; shift += 7 {
		b := in.byte()
		if in.err != nil {
			return 0
		}
		if shift == 63 && b > 1 || b == 0 && shift > 0 {
			in.fail(refused("bundle_number", what+" is not written in the shortest form"))
			return 0
		}
		if n |= uint64(b&0x7f) << shift; b < 0x80 {
			break
		}
	}
	if n < least || n > most {
		in.fail(refused("bundle_size", what+" is out of bounds"))
		return 0
	}
	return n
}

// sized reads bytes after their count, from least to most.
func (in *input) sized(what string, least, most uint64) []byte {
	return in.take(int(in.number("the size of "+what, least, most)))
}

func (in *input) id() (id event.ID) {
	copy(id[:], in.take(len(id)))
	return id
}

// hash takes what was read into the sum.
func (in *input) hash() {
	in.sum.Write(in.buffer[in.summed:in.at])
	in.summed = in.at
}

// total returns the sum of all that was read.
func (in *input) total() event.ID {
	in.hash()
	return event.ID(in.sum.Sum(nil))
}
