package attach

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand"
	"reflect"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

// pour puts bytes through a Splitter in pieces of a size and returns the bodies.
func pour(s *Splitter, b []byte, size int) (bodies [][]byte, err error) {
	for len(b) > 0 {
		n := copy(s.Space(), b[:min(size, len(b))])
		if n == 0 {
			return bodies, errors.New("there is no space")
		}
		s.Filled(n)
		b = b[n:]
		for {
			body, ok, err := s.Next()
			if err != nil {
				return bodies, err
			}
			if !ok {
				break
			}
			bodies = append(bodies, bytes.Clone(body))
		}
	}
	return bodies, nil
}

func TestFramesComeOutTheSameHoweverTheyAreCut(t *testing.T) {
	var whole []byte
	var want [][]byte
	for _, f := range append(examples(), Output{1, make([]byte, MaxOutput)}, Input{1, 1, make([]byte, MaxInput)}, Bye{}) {
		b := Append(nil, f)
		whole, want = append(whole, b...), append(want, b[lengthWord:])
	}
	for _, room := range []int{0, 1, 64, 4096, MaxFrame + lengthWord, 1 << 20} {
		for _, size := range []int{7, 64, 1000, 1 << 16, 1 << 20} {
			s := NewSplitter(make([]byte, room))
			got, err := pour(s, whole, size)
			if err != nil || !reflect.DeepEqual(got, want) || s.Partial() {
				t.Fatalf("room %d, pieces of %d: %d bodies of %d, %v", room, size, len(got), len(want), err)
			}
			if largest := max(room, MaxFrame+lengthWord); len(s.buffer) > largest {
				t.Errorf("room %d has grown to %d", room, len(s.buffer))
			}
		}
	}
}

func TestASplitterGrowsOnlyWithWhatComes(t *testing.T) {
	s := NewSplitter(nil)
	announced := binary.BigEndian.AppendUint32(nil, MaxFrame)
	if _, err := pour(s, announced, 4); err != nil || len(s.Space()) == 0 || len(s.buffer) > firstGrowth {
		t.Errorf("an announcement made %d bytes, %v", len(s.buffer), err)
	}
	if !s.Partial() {
		t.Error("a frame that has begun is not seen")
	}
	if _, err := pour(s, make([]byte, 20_000), 512); err != nil || len(s.buffer) > 2*20_004 {
		t.Errorf("20,000 bytes made %d, %v", len(s.buffer), err)
	}
	if _, err := pour(s, make([]byte, MaxFrame-20_000), 1<<16); err != nil || s.Partial() {
		t.Errorf("the control, a whole frame: %v", err)
	}
}

func TestALengthThatNoFrameHasIsRefused(t *testing.T) {
	for _, length := range []uint32{0, MaxFrame + 1, 1<<32 - 1} {
		s := NewSplitter(nil)
		if _, err := pour(s, binary.BigEndian.AppendUint32(nil, length), 4); !fault.Is(err, "frame_length") {
			t.Errorf("%d: %v", length, err)
		}
		if _, _, err := s.Next(); err == nil {
			t.Error("it goes on after that")
		}
	}
}

func FuzzSplitter(f *testing.F) {
	var whole []byte
	for _, frame := range examples() {
		whole = Append(whole, frame)
	}
	f.Add(whole, uint16(0), uint16(7))
	f.Add([]byte{0, 0, 0, 0}, uint16(9), uint16(1))
	f.Add([]byte{0, 4, 0, 0, 1, 2}, uint16(100), uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, room, size uint16) {
		s := NewSplitter(make([]byte, room))
		got, err := pour(s, b, int(size)+1)
		var again []byte
		for _, body := range got {
			again = append(binary.BigEndian.AppendUint32(again, uint32(len(body))), body...)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatal("what came out is not what went in")
		}
		if rest := b[len(again):]; err == nil && len(rest) >= lengthWord && len(rest)-lengthWord >= int(binary.BigEndian.Uint32(rest)) {
			t.Fatal("a whole frame was kept back")
		}
		if len(s.buffer) > max(int(room), 2*len(b)+firstGrowth) {
			t.Fatalf("%d bytes made a buffer of %d", len(b), len(s.buffer))
		}
	})
}

// notes are some of every kind, gapless from 1.
func notes(r *rand.Rand, n int) []Note {
	all := make([]Note, n)
	for i := range all {
		all[i] = anyFrame(r, Note{}).(Note)
		all[i].Index = uint64(i + 1)
	}
	return all
}

func records(all []Note) (b []byte, ends []int) {
	for _, n := range all {
		b = AppendRecord(b, n)
		ends = append(ends, len(b))
	}
	return b, ends
}

// reading returns the notes in a file.
func reading(b []byte) (read []Note, whole int, err error) {
	whole, err = ReadRecords(b, func(n Note) error {
		read = append(read, n)
		return nil
	})
	return read, whole, err
}

func TestATornLastRecordEndsTheReading(t *testing.T) {
	all := notes(rand.New(rand.NewSource(2)), 40)
	b, ends := records(all)
	for cut := range len(b) + 1 {
		read, whole, err := reading(b[:cut])
		n := 0
		for n < len(ends) && ends[n] <= cut {
			n++
		}
		if err != nil || len(read) != n || whole != append([]int{0}, ends...)[n] {
			t.Fatalf("cut to %d: %d notes of %d, %d bytes, %v", cut, len(read), n, whole, err)
		}
		if n > 0 && !reflect.DeepEqual(read, all[:n]) {
			t.Fatalf("cut to %d: other notes", cut)
		}
	}
	if read, whole, err := reading(append(bytes.Clone(b), make([]byte, 9000)...)); err != nil || len(read) != 40 || whole != len(b) {
		t.Errorf("a tail of zeros: %d notes, %d bytes, %v", len(read), whole, err)
	}
}

// Every bit of the file is one that an answer rests on.
func TestAnyFlippedBitInNotesIsDamage(t *testing.T) {
	all := notes(rand.New(rand.NewSource(3)), 30)
	b, ends := records(all)
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		read, whole, err := reading(b)
		b[bit/8] ^= 1 << (bit % 8)
		hit := 0
		for ends[hit] <= bit/8 {
			hit++
		}
		if !fault.Is(err, "notes_damaged") || fault.Of(err).Code != fault.DataLoss || len(read) != hit || hit > 0 && whole != ends[hit-1] {
			t.Fatalf("bit %d in note %d: %d notes, %d bytes, %v", bit, hit+1, len(read), whole, err)
		}
	}
	if _, _, err := reading(b); err != nil {
		t.Fatal("the control is refused:", err)
	}
}

func TestNotesThatAreNotInARowAreDamage(t *testing.T) {
	all := notes(rand.New(rand.NewSource(4)), 3)
	for name, row := range map[string][]Note{"doubled": {all[0], all[0]}, "left out": {all[0], all[2]}, "not from 1": {all[1]}} {
		b, _ := records(row)
		if _, _, err := reading(b); !fault.Is(err, "notes_damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
	stop := errors.New("stop")
	b, ends := records(all)
	whole, err := ReadRecords(b, func(n Note) error {
		if n.Index == 3 {
			return stop
		}
		return nil
	})
	if whole != ends[1] || !errors.Is(err, stop) {
		t.Errorf("the reader's own error: %d, %v", whole, err)
	}
}

func FuzzReadRecords(f *testing.F) {
	b, ends := records(notes(rand.New(rand.NewSource(5)), 12))
	f.Add(b)
	f.Add(b[:ends[3]+5])
	f.Add(b[ends[0]:])
	f.Add([]byte{0, 0, 0, 26, 49, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		read, whole, err := reading(b)
		again, _ := records(read)
		if !bytes.Equal(again, b[:whole]) {
			t.Fatal("what was read is not what the file holds")
		}
		if err != nil && fault.Of(err).Code != fault.DataLoss {
			t.Fatal(err)
		}
		if err == nil && len(b)-whole > lengthWord+maxNote+checksum && bytes.ContainsFunc(b[whole:], func(r rune) bool { return r != 0 }) {
			t.Fatal("a long rest was left unread without an error")
		}
	})
}
