package attach

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// Append appends a frame: length word, type, payload. A string is cut at MaxText
// bytes, at the border of a character, and what is not UTF-8 in it is replaced.
// A frame above MaxFrame is a defect of the caller, who cuts input at MaxInput;
// it panics. OUTPUT of any length becomes as many frames as it needs.
func Append(out []byte, f Frame) []byte {
	if output, is := f.(Output); is {
		return AppendOutput(out, output.Offset, output.Bytes)
	}
	at := len(out)
	out = f.put(append(out, 0, 0, 0, 0, byte(f.kind())))
	length := len(out) - at - lengthWord
	if length > MaxFrame {
		panic("attach: a frame above MaxFrame; cut input at MaxInput")
	}
	binary.BigEndian.PutUint32(out[at:], uint32(length))
	return out
}

// AppendOutput appends OUTPUT of bytes that begin at an offset, in frames of at
// most MaxOutput bytes.
func AppendOutput(out []byte, offset uint64, b []byte) []byte {
	for {
		n := min(len(b), MaxOutput)
		var head [outputHead]byte
		OutputHeader(&head, offset, n)
		out = append(append(out, head[:]...), b[:n]...)
		if b = b[n:]; len(b) == 0 {
			return out
		}
		offset += uint64(n)
	}
}

// OutputHeader writes what precedes n bytes of output on the wire, for a writer
// that does not want to copy them. More than MaxOutput at a time panics.
func OutputHeader(dst *[13]byte, offset uint64, n int) {
	if n < 0 || n > MaxOutput {
		panic("attach: output above MaxOutput in one frame")
	}
	binary.BigEndian.PutUint32(dst[:], uint32(1+8+n))
	dst[4] = byte(KindOutput)
	binary.BigEndian.PutUint64(dst[5:], offset)
}

func put16(b []byte, n uint16) []byte { return binary.BigEndian.AppendUint16(b, n) }
func put32(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(b, n) }
func put64(b []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(b, n) }

func putBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func putText(b []byte, s string) []byte {
	s = fitting(s)
	return append(put16(b, uint16(len(s))), s...)
}

// fitting returns the part of s that goes into a frame.
func fitting(s string) string {
	if len(s) > MaxText {
		n := MaxText
		for n > MaxText-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	// The replacement is longer than what it replaces, so the end may need a cut.
	if utf8.ValidString(s) {
		return s
	}
	return fitting(strings.ToValidUTF8(s, "\ufffd"))
}

func (Hello) kind() Kind        { return KindHello }
func (Input) kind() Kind        { return KindInput }
func (Resize) kind() Kind       { return KindResize }
func (Bye) kind() Kind          { return KindBye }
func (Welcome) kind() Kind      { return KindWelcome }
func (Output) kind() Kind       { return KindOutput }
func (Skipped) kind() Kind      { return KindSkipped }
func (Turn) kind() Kind         { return KindTurn }
func (Size) kind() Kind         { return KindSize }
func (Suspend) kind() Kind      { return KindSuspended }
func (Exit) kind() Kind         { return KindExit }
func (Ack) kind() Kind          { return KindAck }
func (Refused) kind() Kind      { return KindRefused }
func (Core) kind() Kind         { return KindCore }
func (Admit) kind() Kind        { return KindAdmit }
func (Dismiss) kind() Kind      { return KindDismiss }
func (Grant) kind() Kind        { return KindGrant }
func (Signal) kind() Kind       { return KindSignal }
func (ResizeByCore) kind() Kind { return KindResizeByCore }
func (Limit) kind() Kind        { return KindLimit }
func (Holding) kind() Kind      { return KindHolding }
func (Note) kind() Kind         { return KindNote }
func (Wrote) kind() Kind        { return KindWrote }
func (Done) kind() Kind         { return KindDone }
func (Held) kind() Kind         { return KindHeld }

func (f Hello) put(b []byte) []byte {
	b = append(put16(b, f.Version), f.Flags)
	return put64(put64(append(b, f.Ticket[:]...), f.From), f.MaxLag)
}

func (f Input) put(b []byte) []byte   { return append(put64(put64(b, f.Epoch), f.Seq), f.Bytes...) }
func (f Resize) put(b []byte) []byte  { return put16(put16(put64(b, f.Epoch), f.Cols), f.Rows) }
func (f Bye) put(b []byte) []byte     { return b }
func (f Output) put(b []byte) []byte  { return append(put64(b, f.Offset), f.Bytes...) }
func (f Skipped) put(b []byte) []byte { return put64(put64(b, f.From), f.To) }

func (f Welcome) put(b []byte) []byte {
	b = putBool(put64(append(put16(b, f.Version), byte(f.State)), f.Epoch), f.Driving)
	b = put16(put16(put64(put64(b, f.Start), f.End), f.Cols), f.Rows)
	return putText(put64(b, f.LastSeq), f.Driver)
}

func (f Turn) put(b []byte) []byte    { return putText(putBool(put64(b, f.Epoch), f.Driving), f.Driver) }
func (f Size) put(b []byte) []byte    { return put16(put16(b, f.Cols), f.Rows) }
func (f Suspend) put(b []byte) []byte { return putText(putBool(b, f.Suspended), f.Reason) }
func (f Exit) put(b []byte) []byte    { return put32(put32(put64(b, f.End), f.Status), f.Signal) }
func (f Ack) put(b []byte) []byte     { return put64(b, f.Seq) }

func (f Refused) put(b []byte) []byte {
	b = put64(put64(b, f.Seq), f.Epoch)
	return putText(putText(putText(b, f.Code), f.Message), f.Driver)
}

func (f Core) put(b []byte) []byte {
	return put64(append(put16(b, f.Version), f.Key[:]...), f.Note)
}

func (f Admit) put(b []byte) []byte {
	return putText(putBool(append(b, f.Ticket[:]...), f.MayDrive), f.Label)
}

func (f Dismiss) put(b []byte) []byte      { return append(b, f.Ticket[:]...) }
func (f Grant) put(b []byte) []byte        { return append(put64(b, f.Epoch), f.Ticket[:]...) }
func (f Signal) put(b []byte) []byte       { return put32(b, f.Signal) }
func (f ResizeByCore) put(b []byte) []byte { return put16(put16(b, f.Cols), f.Rows) }
func (f Limit) put(b []byte) []byte        { return put64(put64(b, f.Quota), f.Reserve) }

func (f Holding) put(b []byte) []byte {
	b = put32(put16(b, f.Version), f.PID)
	return put64(put64(put64(b, f.Epoch), f.End), f.Notes)
}

func (f Wrote) put(b []byte) []byte { return put64(b, f.End) }
func (f Done) put(b []byte) []byte {
	return putText(putText(append(b, byte(f.Request)), f.Code), f.Message)
}
func (f Held) put(b []byte) []byte { return putBool(append(b, f.Ticket[:]...), f.Connected) }

func (f Note) put(b []byte) []byte {
	b = put64(put64(put64(b, f.Index), uint64(f.Time)), f.Offset)
	b = append(b, byte(f.Kind))
	switch f.Kind {
	case NoteStarted:
		return put32(b, f.PID)
	case NoteAttached:
		return append(b, f.Ticket[:]...)
	case NoteDetached:
		return putBool(append(b, f.Ticket[:]...), f.Left)
	case NoteInput:
		return put64(put64(b, f.Epoch), f.Count)
	case NoteResized:
		return put16(put16(b, f.Cols), f.Rows)
	case NoteSuspended:
		return putText(b, f.Message)
	case NoteExited:
		return put32(put32(b, f.Status), f.Signal)
	case NoteFailed:
		return putText(put32(b, f.Errno), f.Message)
	case NoteResumed:
	}
	return b
}
