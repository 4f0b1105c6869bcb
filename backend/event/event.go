// Package event holds the words of the log: the header of an event, its facts
// and body, the seal over a run of events, and the one canonical form of their
// bytes. SPEC.md beside this file numbers the rules; each has a test.
//
// The package is pure: no clock, no I/O, no randomness of its own.
package event

// ID is the SHA-256 of an event header's canonical bytes. It names the event
// and, where the event creates an object, that object.
type ID [32]byte

// Chain names a sequence of events by one author: a replica's PeerID in its
// binary form (38 bytes for Ed25519), or a workspace id (32 bytes) for the
// control chain of that workspace.
type Chain string

// Type says what happened, for example "execution.started".
type Type string

// ActorKind says what an actor is.
type ActorKind uint8

// The kinds of actor.
const (
	Human   ActorKind = 1
	Agent   ActorKind = 2
	Service ActorKind = 3
)

// Surface says through what an actor acted.
type Surface uint8

// The surfaces.
const (
	SurfaceCLI        Surface = 1
	SurfaceWindow     Surface = 2
	SurfaceWeb        Surface = 3
	SurfaceAPI        Surface = 4
	SurfaceMCP        Surface = 5
	SurfaceSSH        Surface = 6
	SurfaceAutomation Surface = 7
	SurfaceSystem     Surface = 8
)

// Class says what orders an event: its parents alone, or the control chain.
type Class uint8

// The consistency classes.
const (
	Causal  Class = 1
	Control Class = 2
)

// Actor is who acted. The actor of genesis is absent.
type Actor struct {
	ID   ID
	Kind ActorKind
}

// Basis is the newest control record that the author's replica held.
type Basis struct {
	Index  uint64
	Record ID
}

// Header is the part of an event that every member may read and every rule
// reads. Its canonical bytes hash to the event's id; neither the id nor any
// signature is inside.
type Header struct {
	SchemaVersion uint64
	Workspace     ID // zero (absent) in genesis only
	Type          Type
	Lamport       uint64
	Parents       []ID // sorted ascending, unique, an antichain, at most MaxParents
	Replica       Chain
	Seq           uint64 // from 0 on every chain
	Prev          ID     // absent at Seq 0
	Basis         Basis  // absent in genesis only
	WallTime      int64  // nanoseconds since 1970; decides nothing
	Actor         Actor  // absent in genesis only
	Surface       Surface
	Session       ID // absent in session.opened (it names itself) and on the control chain
	ViewEpoch     uint64
	Branch        ID   // absent in genesis only
	Affected      []ID // sorted ascending, unique
	Class         Class
	Facts         Facts
	BodyHash      ID
}

// Event is a header with its bytes, its id and, where it is here, its body.
type Event struct {
	ID     ID
	Header Header
	// Bytes are the canonical bytes of the header.
	Bytes []byte
	// Body starts with BodyNonceSize random bytes; nil when it is not here.
	Body []byte
	// Gone tells that retention dropped the body, here or where the event came from:
	// nobody waits for it. Body is nil then.
	Gone bool
}

// Chain returns the chain that the event lies on. Genesis cannot name the control
// chain, whose first record it is.
func (e *Event) Chain() Chain {
	if e.Header.Type == WorkspaceCreatedType {
		return Chain(e.ID[:])
	}
	return e.Header.Replica
}

// Draft is what an author decides about an event. The log that appends it adds
// what only it knows: replica, seq, prev, basis, lamport, wall time, epoch.
type Draft struct {
	Type     Type
	Parents  []ID
	Actor    Actor
	Surface  Surface
	Session  ID // zero for session.opened
	Branch   ID
	Affected []ID
	Facts    Facts
	// Body is the typed content without the nonce, in canonical CBOR.
	Body []byte
}

// Head is one chain's newest event.
type Head struct {
	Chain Chain
	Seq   uint64
	ID    ID
}
