// Package attach is the protocol by which operators reach the terminal of an
// execution: its frames, and the shim's side of it as a state machine. SPEC.md
// beside this file numbers the rules; each has a test.
//
// The package is pure: no clock, no I/O, no goroutine. The shim carries out the
// effects that the machine returns; carriers only move frames.
package attach

// Version is the version of the protocol that this package speaks.
const Version = 1

// Ticket names an admitted attachment on every carrier. The zero ticket is nobody.
type Ticket [16]byte

// IsZero reports whether the ticket names nobody.
func (t Ticket) IsZero() bool { return t == Ticket{} }

// Key is the secret of a launch, which the core shows to the shim.
type Key [32]byte

// Kind is the type byte of a frame.
type Kind uint8

// The kinds of frame. See SPEC.md for who sends which.
const (
	KindHello        Kind = 1
	KindInput        Kind = 2
	KindResize       Kind = 3
	KindBye          Kind = 4
	KindWelcome      Kind = 16
	KindOutput       Kind = 17
	KindSkipped      Kind = 18
	KindTurn         Kind = 19
	KindSize         Kind = 20
	KindSuspended    Kind = 21
	KindExit         Kind = 22
	KindAck          Kind = 23
	KindRefused      Kind = 24
	KindCore         Kind = 32
	KindAdmit        Kind = 33
	KindDismiss      Kind = 34
	KindGrant        Kind = 35
	KindSignal       Kind = 36
	KindResizeByCore Kind = 37
	KindLimit        Kind = 38
	KindHolding      Kind = 48
	KindNote         Kind = 49
	KindWrote        Kind = 50
	KindDone         Kind = 51
	KindHeld         Kind = 52
)

// HELLO's flags.
const (
	// WantsOutput asks for OUTPUT; without it a connection only sends.
	WantsOutput uint8 = 1
	// FromEnd makes From count back from the end.
	FromEnd uint8 = 2
)

// State is what WELCOME says of the program.
type State uint8

// The states of a terminal.
const (
	Running   State = 1
	Suspended State = 2
	Exited    State = 3
)

// Frame is one message of the protocol: one of the structs below.
type Frame interface {
	kind() Kind
	put(b []byte) []byte
}

// What a client says. Epoch is the fencing epoch under which it acts, Seq the
// number of a piece of input within its ticket, from 1.
type (
	Hello struct {
		Version uint16
		Flags   uint8
		Ticket  Ticket
		From    uint64 // offset of the first byte wanted
		MaxLag  uint64 // bytes it may fall behind before it is moved on; 0: never
	}
	Input struct {
		Epoch, Seq uint64
		Bytes      []byte
	}
	Resize struct {
		Epoch      uint64
		Cols, Rows uint16
	}
	Bye struct{}
)

// What the shim says to a client. Driver is the label of who has the keyboard,
// empty for nobody; Driving is whether it is this client.
type (
	Welcome struct {
		Version    uint16
		State      State
		Epoch      uint64
		Driving    bool
		Start, End uint64 // of what is to come now, and of what is recorded
		Cols, Rows uint16
		LastSeq    uint64
		Driver     string
	}
	Output struct {
		Offset uint64
		Bytes  []byte
	}
	Skipped struct{ From, To uint64 }
	Turn    struct {
		Epoch   uint64
		Driving bool
		Driver  string
	}
	Size    struct{ Cols, Rows uint16 }
	Suspend struct {
		Suspended bool
		Reason    string
	}
	Exit struct {
		End            uint64
		Status, Signal uint32
	}
	Ack     struct{ Seq uint64 }
	Refused struct {
		Seq, Epoch            uint64
		Code, Message, Driver string // Code is a word of fault.Code
	}
)

// What the core says to the shim.
type (
	Core struct {
		Version uint16
		Key     Key
		Note    uint64 // notes after this one are wanted
	}
	Admit struct {
		Ticket   Ticket
		MayDrive bool
		Label    string
	}
	Dismiss struct{ Ticket Ticket }
	Grant   struct {
		Epoch  uint64
		Ticket Ticket // zero: nobody drives
	}
	Signal       struct{ Signal uint32 }
	ResizeByCore struct{ Cols, Rows uint16 }
	Limit        struct{ Quota, Reserve uint64 }
)

// What the shim says to the core.
type (
	Holding struct {
		Version uint16
		PID     uint32 // of the program; 0 before it runs
		Epoch   uint64
		End     uint64 // of the spool
		Notes   uint64 // index of the last note
	}
	Wrote struct{ End uint64 }
	Done  struct {
		Request       Kind
		Code, Message string // Code empty: done
	}
	Held struct {
		Ticket    Ticket
		Connected bool
	}
)

// NoteKind says what a note tells.
type NoteKind uint8

// The kinds of note.
const (
	NoteStarted   NoteKind = 1
	NoteAttached  NoteKind = 2
	NoteDetached  NoteKind = 3
	NoteInput     NoteKind = 4
	NoteResized   NoteKind = 5
	NoteSuspended NoteKind = 6
	NoteResumed   NoteKind = 7
	NoteExited    NoteKind = 8
	NoteFailed    NoteKind = 9
)

// Note is one thing that the shim saw, in the order of its own counting. It is
// a frame to the core and, in the same bytes, a record of the file of notes.
// The fields below Kind are those of its kind; the others are zero.
type Note struct {
	Index  uint64 // gapless from 1
	Time   int64  // nanoseconds since 1970
	Offset uint64 // end of the spool when it was noted
	Kind   NoteKind

	PID            uint32 // started
	Ticket         Ticket // attached, detached
	Left           bool   // detached: it said BYE or was dismissed
	Epoch, Count   uint64 // input: bytes typed under an epoch
	Cols, Rows     uint16 // resized
	Status, Signal uint32 // exited
	Errno          uint32 // failed
	Message        string // suspended, failed
}
