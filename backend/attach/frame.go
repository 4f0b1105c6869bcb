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

type (
	// Hello is the first word of a client: who it is, and what it wants to see.
	Hello struct {
		Version uint16
		Flags   uint8
		Ticket  Ticket
		From    uint64 // offset of the first byte wanted
		MaxLag  uint64 // bytes it may fall behind before it is moved on; 0: never
	}
	// Input is typed bytes. Epoch is the fencing epoch under which they are typed,
	// Seq the number of the piece within its ticket, from 1.
	Input struct {
		Epoch, Seq uint64
		Bytes      []byte
	}
	// Resize is the size that the driver wants.
	Resize struct {
		Epoch      uint64
		Cols, Rows uint16
	}
	// Bye dismisses the ticket of a client that leaves.
	Bye struct{}
)

type (
	// Welcome answers HELLO. Driver is the label of who has the keyboard, empty for
	// nobody; Driving is whether it is this client.
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
	// Output is recorded bytes, from an offset on.
	Output struct {
		Offset uint64
		Bytes  []byte
	}
	// Skipped says which bytes a client that fell too far behind does not get.
	Skipped struct{ From, To uint64 }
	// Turn says who has the keyboard from now on.
	Turn struct {
		Epoch   uint64
		Driving bool
		Driver  string
	}
	// Size is the size of the terminal from now on, in cells.
	Size struct{ Cols, Rows uint16 }
	// Suspend says that the program waits, and why, or that it goes on.
	Suspend struct {
		Suspended bool
		Reason    string
	}
	// Exit is the last word: where the stream ends, and how the program did.
	Exit struct {
		End            uint64
		Status, Signal uint32
	}
	// Ack says that a piece of input was written to the terminal.
	Ack struct{ Seq uint64 }
	// Refused says why a piece of input was not written, or with Seq 0 why a
	// connection ends. Code is a word of fault.Code.
	Refused struct {
		Seq, Epoch            uint64
		Code, Message, Driver string // Code is a word of fault.Code
	}
)

type (
	// Core is the first word of a core. Notes after Note are wanted.
	Core struct {
		Version uint16
		Key     Key
		Note    uint64 // notes after this one are wanted
	}
	// Admit lets a ticket in. Label is what others see of it.
	Admit struct {
		Ticket   Ticket
		MayDrive bool
		Label    string
	}
	// Dismiss takes a ticket back.
	Dismiss struct{ Ticket Ticket }
	// Grant gives the keyboard to a ticket under a new epoch; to the zero ticket,
	// nobody drives.
	Grant struct {
		Epoch  uint64
		Ticket Ticket // zero: nobody drives
	}
	// Signal is for the program's process group.
	Signal struct{ Signal uint32 }
	// ResizeByCore is a size that no driver asked for.
	ResizeByCore struct{ Cols, Rows uint16 }
	// Limit is the most bytes of the spool, and the least free bytes of its disk.
	Limit struct{ Quota, Reserve uint64 }
)

type (
	// Holding answers CORE. PID is that of the program, 0 before it runs; End is
	// the end of the spool, Notes the index of the last note.
	Holding struct {
		Version uint16
		PID     uint32 // of the program; 0 before it runs
		Epoch   uint64
		End     uint64 // of the spool
		Notes   uint64 // index of the last note
	}
	// Wrote says where the spool ends now.
	Wrote struct{ End uint64 }
	// Done answers one request of the core. Code is empty when it was done.
	Done struct {
		Request       Kind
		Code, Message string // Code empty: done
	}
	// Held is a ticket that is admitted, and whether it has a connection.
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
