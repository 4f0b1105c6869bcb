package attach

// Conn names a connection by a number that the shim chose and never uses twice.
type Conn uint64

// Seen is what the shim sees when it tells the Terminal something.
type Seen struct {
	Now int64  // nanoseconds since 1970
	End uint64 // of the spool: bytes that clients may be given
}

// Effect is one thing that the shim is to do: one of the structs below. Effects
// are carried out in the order in which they were returned; what goes to one
// connection keeps that order on the wire. None of them waits for a client: what
// a connection cannot take yet waits in a bounded queue of its own, and one whose
// queue is full is cut and reported by Closed.
type Effect interface{ effect() }

// Effects on a connection.
type (
	// Send writes a frame, ahead of output that this connection was not given yet.
	Send struct {
		Conn  Conn
		Frame Frame
	}
	// Feed begins to give a connection the spool from an offset on, as OUTPUT,
	// and goes on with what the spool gains. Lag tells when to leave bytes out.
	Feed struct {
		Conn         Conn
		From, MaxLag uint64
	}
	// Finish sends the frame Exit, to a connection that is fed only after every
	// byte up to Exit.End, and then closes the connection. No Send follows Finish.
	// Frames from it are still brought, since BYE counts, and so is its end.
	Finish struct {
		Conn Conn
		Exit Exit
	}
	// Close ends a connection after what was sent to it; output that it was not
	// given yet is left out. The Terminal has forgotten it: Closed is not needed.
	Close struct{ Conn Conn }
	// Hold stops reading from a connection: too much input waits for the
	// terminal. Frames that were read already are still brought.
	Hold struct{ Conn Conn }
	// Release ends Hold.
	Release struct{ Conn Conn }
	// ReplayNotes sends NOTE frames from the file of notes: those with an index
	// above After and up to Through.
	ReplayNotes struct {
		Conn           Conn
		After, Through uint64
	}
)

// Effects on the program and the disk.
type (
	// Type writes bytes to the terminal, all of them, without holding up anything
	// else, and then answers with Typed or Untyped. There is one at a time. The
	// bytes are the shim's to keep.
	Type struct {
		Conn       Conn // whose input it is, with its number and epoch
		Seq, Epoch uint64
		Bytes      []byte
	}
	// SetSize sets the size of the terminal.
	SetSize struct{ Cols, Rows uint16 }
	// SignalGroup signals the program's process group, and then sends Conn the
	// answer to it: Done{Request: KindSignal}, with a code when it failed.
	SignalGroup struct {
		Conn   Conn
		Signal uint32
	}
	// SetLimit changes how far the spool may grow, in bytes.
	SetLimit struct{ Quota, Reserve uint64 }
	// Record appends a note to the file of notes. The core gets it by a Send of
	// its own, after this.
	Record struct{ Note Note }
)

func (Send) effect()        {}
func (Feed) effect()        {}
func (Finish) effect()      {}
func (Close) effect()       {}
func (Hold) effect()        {}
func (Release) effect()     {}
func (ReplayNotes) effect() {}
func (Type) effect()        {}
func (SetSize) effect()     {}
func (SignalGroup) effect() {}
func (SetLimit) effect()    {}
func (Record) effect()      {}

// Lag is rule 5. A connection has been given output up to sent, and the spool
// ends at end: when it is further behind than the maxLag that it named, skip is
// true, SKIPPED{sent, to} is to be sent, and output goes on at to. That is half
// of maxLag before the end, so that one that stays slow is moved on seldom.
// Nobody is moved on for a maxLag of 0.
func Lag(sent, end, maxLag uint64) (to uint64, skip bool) {
	if maxLag == 0 || end <= sent || end-sent <= maxLag {
		return sent, false
	}
	return end - maxLag/2, true
}
