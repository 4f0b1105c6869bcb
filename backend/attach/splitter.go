package attach

import "encoding/binary"

// Splitter cuts a stream of bytes into the bodies of frames, without I/O: read
// into Space, say with Filled how much came, and take bodies with Next until
// there is none. It is for one goroutine.
type Splitter struct {
	buffer     []byte
	start, end int // of what came and was not taken
}

// NewSplitter returns a Splitter that works in a buffer, which is its own from
// then on. A frame that is longer than the buffer makes it grow, to at most twice
// what has come and never above the longest frame; one of MaxFrame+4 bytes or
// more never grows. No buffer at all is a small one.
func NewSplitter(buffer []byte) *Splitter { return &Splitter{buffer: buffer[:cap(buffer)]} }

// Space returns where the next bytes go; it is not empty when Next has said that
// there is no more. The bodies that Next returned end here: their room is used.
func (s *Splitter) Space() []byte {
	switch {
	case s.start == s.end:
		s.start, s.end = 0, 0
	case s.start > 0 && len(s.buffer)-s.start < lengthWord+MaxFrame:
		s.end = copy(s.buffer, s.buffer[s.start:s.end])
		s.start = 0
	}
	if s.end == len(s.buffer) {
		s.grow()
	}
	return s.buffer[s.end:]
}

func (s *Splitter) grow() {
	size := min(max(2*len(s.buffer), firstGrowth), lengthWord+MaxFrame)
	if size > len(s.buffer) {
		larger := make([]byte, size)
		copy(larger, s.buffer[:s.end])
		s.buffer = larger
	}
}

// Filled says that n bytes were put into Space.
func (s *Splitter) Filled(n int) { s.end += n }

// Next returns the body of the next whole frame, for Decode; it holds until
// Space is called. It is not ok when the frame is not whole yet. A length of 0 or
// above MaxFrame is InvalidArgument, for ever.
func (s *Splitter) Next() (body []byte, ok bool, err error) {
	held := s.buffer[s.start:s.end]
	if len(held) < lengthWord {
		return nil, false, nil
	}
	length := binary.BigEndian.Uint32(held)
	if length == 0 || length > MaxFrame {
		return nil, false, badLength(uint64(length))
	}
	whole := lengthWord + int(length)
	if len(held) < whole {
		return nil, false, nil
	}
	s.start += whole
	return held[lengthWord:whole:whole], true, nil
}

// Partial reports whether a frame has begun and is not whole: the end of the
// stream is then not between frames.
func (s *Splitter) Partial() bool { return s.start != s.end }
