package attach

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"atelier.dev/atelier/backend/fault"
)

// Decode reads a frame from its body: the type byte and the payload. The bytes
// of OUTPUT and INPUT alias body. A byte too many or too few, a bool other than
// 0 and 1, a string that is not UTF-8 and an unknown type are refused with
// InvalidArgument. Of a HELLO or CORE in a version that is not ours only the
// version is read: what follows it is for those who speak it.
func Decode(body []byte) (Frame, error) {
	if len(body) == 0 || len(body) > MaxFrame {
		return nil, badLength(uint64(len(body)))
	}
	r := &reader{rest: body[1:]}
	f := r.frame(Kind(body[0]))
	switch {
	case f == nil:
		return nil, bad("frame_unknown", fmt.Sprintf("a frame of type %d is not part of the attach protocol", body[0]))
	case r.bad || len(r.rest) > 0:
		return nil, bad("frame_malformed", fmt.Sprintf("a frame of type %d is cut, too long or makes no sense", body[0]))
	}
	return f, nil
}

// OutputOf reads an OUTPUT without making a Frame of it: the bytes alias body.
// It is false for every other body, which Decode reads or refuses.
func OutputOf(body []byte) (offset uint64, b []byte, ok bool) {
	if len(body) < 9 || len(body) > MaxFrame || Kind(body[0]) != KindOutput {
		return 0, nil, false
	}
	return binary.BigEndian.Uint64(body[1:]), body[9:], true
}

func bad(reason, message string) error {
	return fault.New(fault.InvalidArgument, reason, message, "see that both ends are of one version of Atelier")
}

func badLength(n uint64) error {
	return bad("frame_length", fmt.Sprintf("a frame of %d bytes; 1 to %d are allowed", n, MaxFrame))
}

// reader takes a payload apart and remembers that it made no sense.
type reader struct {
	rest []byte
	bad  bool
}

// none stands in for what is missing, so that reading goes on to its end.
var none [32]byte

func (r *reader) take(n int) []byte {
	if len(r.rest) < n {
		r.bad, r.rest = true, nil
		return none[:min(n, len(none))]
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) u8() uint8      { return r.take(1)[0] }
func (r *reader) u16() uint16    { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32    { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64    { return binary.BigEndian.Uint64(r.take(8)) }
func (r *reader) ticket() Ticket { return Ticket(r.take(16)) }

func (r *reader) bool() bool {
	b := r.u8()
	r.bad = r.bad || b > 1
	return b == 1
}

func (r *reader) text() string {
	text := r.take(int(r.u16()))
	if r.bad || !utf8.Valid(text) {
		r.bad = true
		return ""
	}
	return string(text)
}

func (r *reader) bytes() []byte {
	all := r.rest
	r.rest = nil
	return all
}

// frame reads the payload of a kind; nil for an unknown one.
func (r *reader) frame(kind Kind) Frame {
	switch {
	case kind < KindWelcome:
		return r.clientFrame(kind)
	case kind < KindCore:
		return r.shimFrame(kind)
	case kind < KindHolding:
		return r.coreFrame(kind)
	}
	return r.noticeFrame(kind)
}

func (r *reader) clientFrame(kind Kind) Frame {
	switch kind {
	case KindHello:
		return r.hello()
	case KindInput:
		return Input{Epoch: r.u64(), Seq: r.u64(), Bytes: r.bytes()}
	case KindResize:
		return Resize{Epoch: r.u64(), Cols: r.u16(), Rows: r.u16()}
	case KindBye:
		return Bye{}
	}
	return nil
}

func (r *reader) hello() Frame {
	f := Hello{Version: r.u16()}
	if f.Version != Version {
		r.rest = nil
		return f
	}
	f.Flags, f.Ticket, f.From, f.MaxLag = r.u8(), r.ticket(), r.u64(), r.u64()
	r.bad = r.bad || f.Flags > WantsOutput|FromEnd
	return f
}

func (r *reader) shimFrame(kind Kind) Frame {
	switch kind {
	case KindWelcome:
		return r.welcome()
	case KindOutput:
		return Output{Offset: r.u64(), Bytes: r.bytes()}
	case KindSkipped:
		return Skipped{From: r.u64(), To: r.u64()}
	case KindTurn:
		return Turn{Epoch: r.u64(), Driving: r.bool(), Driver: r.text()}
	case KindSize:
		return Size{Cols: r.u16(), Rows: r.u16()}
	case KindSuspended:
		return Suspend{Suspended: r.bool(), Reason: r.text()}
	case KindExit:
		return Exit{End: r.u64(), Status: r.u32(), Signal: r.u32()}
	case KindAck:
		return Ack{Seq: r.u64()}
	case KindRefused:
		return Refused{Seq: r.u64(), Epoch: r.u64(), Code: r.text(), Message: r.text(), Driver: r.text()}
	}
	return nil
}

func (r *reader) welcome() Frame {
	f := Welcome{Version: r.u16(), State: State(r.u8()), Epoch: r.u64(), Driving: r.bool(), Start: r.u64(), End: r.u64(),
		Cols: r.u16(), Rows: r.u16(), LastSeq: r.u64(), Driver: r.text()}
	r.bad = r.bad || f.State < Running || f.State > Exited
	return f
}

func (r *reader) coreFrame(kind Kind) Frame {
	switch kind {
	case KindCore:
		return r.core()
	case KindAdmit:
		return Admit{Ticket: r.ticket(), MayDrive: r.bool(), Label: r.text()}
	case KindDismiss:
		return Dismiss{Ticket: r.ticket()}
	case KindGrant:
		return Grant{Epoch: r.u64(), Ticket: r.ticket()}
	case KindSignal:
		return Signal{Signal: r.u32()}
	case KindResizeByCore:
		return ResizeByCore{Cols: r.u16(), Rows: r.u16()}
	case KindLimit:
		return Limit{Quota: r.u64(), Reserve: r.u64()}
	}
	return nil
}

func (r *reader) core() Frame {
	f := Core{Version: r.u16()}
	if f.Version != Version {
		r.rest = nil
		return f
	}
	f.Key, f.Note = Key(r.take(32)), r.u64()
	return f
}

func (r *reader) noticeFrame(kind Kind) Frame {
	switch kind {
	case KindHolding:
		return Holding{Version: r.u16(), PID: r.u32(), Epoch: r.u64(), End: r.u64(), Notes: r.u64()}
	case KindNote:
		return r.note()
	case KindWrote:
		return Wrote{End: r.u64()}
	case KindDone:
		return Done{Request: Kind(r.u8()), Code: r.text(), Message: r.text()}
	case KindHeld:
		return Held{Ticket: r.ticket(), Connected: r.bool()}
	}
	return nil
}

func (r *reader) note() Frame {
	f := Note{Index: r.u64(), Time: int64(r.u64()), Offset: r.u64(), Kind: NoteKind(r.u8())}
	switch f.Kind {
	case NoteStarted:
		f.PID = r.u32()
	case NoteAttached:
		f.Ticket = r.ticket()
	case NoteDetached:
		f.Ticket, f.Left = r.ticket(), r.bool()
	case NoteInput:
		f.Epoch, f.Count = r.u64(), r.u64()
	case NoteResized:
		f.Cols, f.Rows = r.u16(), r.u16()
	case NoteSuspended:
		f.Message = r.text()
	case NoteResumed:
	case NoteExited:
		f.Status, f.Signal = r.u32(), r.u32()
	case NoteFailed:
		f.Errno, f.Message = r.u32(), r.text()
	default:
		r.bad = true
	}
	return f
}
