package event

// Facts are the small typed fields of a header that rules read. Every field is
// optional in the bytes: a nil pointer, a zero id or an empty list is absent.
// Titles, names, reasons, paths and contents are never here, but in the body.
type Facts struct {
	// State is the object's state after this event (chain and control fields).
	State string
	// Fields are the keys of the causal fields that the body writes.
	Fields []string
	// Range is the part of an execution's stream that execution.output names.
	Range *Range
	// Note is the index of the shim's last note that this event accounts for.
	// Start-up goes on from it, so that nothing is recorded twice.
	Note *uint64
	// Turn is the fencing epoch with who drives under it.
	Turn *Turn
	// Typed counts bytes of input, in execution.input.
	Typed *uint64
	// Size is the terminal's size after this event.
	Size *Size
	// Exit is how the program ended, in execution.exited.
	Exit *Exit
	// Request names a client's request, so that the same one twice is done once:
	// 16 bytes of the hash of the client's own key, 16 of that of its content.
	Request ID
	// Genesis is the rule document of workspace.created.
	Genesis *Genesis
	// Operator is the session that execution.attached adds and that
	// execution.detached removes. The core writes the latter in the execution's
	// own session, so the header's session does not say it.
	Operator ID
	// Cut is what checkpoint.proposed freezes, and the as_of that a record of
	// control was judged by.
	Cut *Cut
	// Digest is what a checkpoint's cut folds to.
	Digest *Digest
	// Ask is what request.made wants of control.
	Ask *Ask
	// Decision is what control answered, in every record but genesis.
	Decision *Decision
	// Member is the actor that actor.enrolled takes in, and where it may act.
	Member *Member
	// Continues is the session that session.opened goes on for.
	Continues ID
}

// Digest is the hash of a fold over headers. Version says which fold.
type Digest struct {
	Version uint64
	Hash    ID
}

// Ask is a request to control: the type of record that is wanted, and until
// when it may be made, in nanoseconds since 1970; 0 for without end.
type Ask struct {
	Type  Type
	Until int64
}

// Decision is control's answer to a request. Reason is empty when it is done.
type Decision struct {
	Request ID
	Outcome string // OutcomeDone or OutcomeRefused
	Reason  string
}

// The outcomes of a decision.
const (
	OutcomeDone    = "done"
	OutcomeRefused = "refused"
)

// Member is an actor with the replica that may speak for it.
type Member struct {
	Kind    ActorKind
	Replica Chain
}

// Range is a contiguous part of a byte stream, [From, To), with the root of
// the tree of its 64 KiB leaves.
type Range struct {
	From, To uint64
	Root     ID
}

// Turn is a fencing epoch. A zero Driver means that nobody drives.
type Turn struct {
	Epoch   uint64
	Driver  ID // actor
	Session ID
}

// Size is a terminal's size in cells.
type Size struct{ Cols, Rows uint64 }

// Exit is the end of a program: a status, or the signal that ended it.
type Exit struct {
	Status uint64
	Signal uint64
}

// Genesis is what a workspace begins with. It is record 0 of the control chain.
type Genesis struct {
	Nonce       [16]byte
	Replica     Chain // the first replica and first voter
	RecoveryKey []byte
	Epoch       uint64 // the first membership epoch
	Policy      string // the default policy document
}
