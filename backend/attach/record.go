package attach

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"atelier.dev/atelier/backend/fault"
)

// AppendRecord appends a note as it stands in the file of notes: its frame,
// length word included, and the CRC-32 (IEEE, big-endian) of that frame.
func AppendRecord(out []byte, n Note) []byte {
	at := len(out)
	out = Append(out, n)
	return put32(out, crc32.ChecksumIEEE(out[at:]))
}

// ReadRecords reads a file of notes from its beginning. each gets the notes in
// their order; its error ends the reading and is returned. whole is the length of
// the records that each took. A last record that is cut short, or of which only
// zeros reached the disk, ends the reading without an error: a writer that died
// leaves that. Everything else that is not a gapless row of notes is DataLoss.
func ReadRecords(b []byte, each func(Note) error) (whole int, err error) {
	return ReadRecordsAfter(b, 0, each)
}

// ReadRecordsAfter is ReadRecords of what follows the note with an index: it
// goes on from where an earlier reading ended.
func ReadRecordsAfter(b []byte, index uint64, each func(Note) error) (whole int, err error) {
	for index++; whole < len(b); index++ {
		note, size, err := readRecord(b[whole:], index)
		if err != nil || size == 0 {
			return whole, err
		}
		if err := each(note); err != nil {
			return whole, err
		}
		whole += size
	}
	return whole, nil
}

// readRecord reads the record at the beginning of b; its size is 0 when it is cut.
func readRecord(b []byte, index uint64) (n Note, size int, err error) {
	if torn(b) {
		return n, 0, nil
	}
	if len(b) < lengthWord+noteHead {
		return n, 0, cut(b, index)
	}
	length := binary.BigEndian.Uint32(b)
	if length < noteHead || length > maxNote {
		return n, 0, damaged(index, fmt.Sprintf("it claims %d bytes", length))
	}
	size = lengthWord + int(length) + checksum
	if len(b) < size {
		return n, 0, cut(b, index)
	}
	if crc32.ChecksumIEEE(b[:size-checksum]) != binary.BigEndian.Uint32(b[size-checksum:]) {
		return n, 0, damaged(index, "its checksum does not match")
	}
	f, err := Decode(b[lengthWord : size-checksum])
	if n, is := f.(Note); err == nil && is && n.Index == index {
		return n, size, nil
	}
	return n, 0, damaged(index, "it is not the next note")
}

// torn reports whether only zeros of a record reached the disk.
func torn(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// cut tells a record that its writer did not finish from one whose length was
// damaged: as far as it goes, it must be how this note would begin.
func cut(b []byte, index uint64) error {
	head := binary.BigEndian.AppendUint64([]byte{byte(KindNote)}, index)
	for at, want := range head {
		if at := lengthWord + at; at < len(b) && b[at] != want {
			return damaged(index, "it is cut and not the next note")
		}
	}
	if len(b) >= lengthWord && !likely(b) {
		return damaged(index, "its length does not fit its kind")
	}
	return nil
}

// likely reports whether the length word of a cut note can be the true one.
func likely(b []byte) bool {
	length := int(binary.BigEndian.Uint32(b))
	if length < noteHead || length > maxNote {
		return false
	}
	if len(b) < lengthWord+noteHead {
		return true
	}
	fields := b[lengthWord+noteHead:]
	want, known := fieldsLength(NoteKind(b[lengthWord+noteHead-1]), fields)
	return !known && len(fields) < 6 || known && length == noteHead+want
}

// fieldsLength tells how long the fields of a kind are, given as many of their
// bytes as there are. It is not known for an unknown kind, nor before a length
// word of a text has come.
func fieldsLength(kind NoteKind, fields []byte) (n int, known bool) {
	switch kind {
	case NoteStarted, NoteResized:
		return 4, true
	case NoteAttached:
		return 16, true
	case NoteDetached:
		return 17, true
	case NoteInput:
		return 16, true
	case NoteResumed:
		return 0, true
	case NoteExited:
		return 8, true
	case NoteSuspended:
		return textLength(fields)
	case NoteFailed:
		if len(fields) < 4 {
			return 0, false
		}
		n, known = textLength(fields[4:])
		return 4 + n, known
	}
	return 0, false
}

func textLength(b []byte) (n int, known bool) {
	if len(b) < 2 {
		return 0, false
	}
	return 2 + int(binary.BigEndian.Uint16(b)), true
}

func damaged(index uint64, how string) error {
	return fault.New(fault.DataLoss, "notes_damaged", fmt.Sprintf("note %d of a terminal cannot be read: %s", index, how),
		"restore the file from a backup; the notes before it are good")
}
