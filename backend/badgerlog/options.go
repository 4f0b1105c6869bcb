package badgerlog

import (
	"crypto/ed25519"
	"io"
	"time"

	"atelier.dev/atelier/backend/event"
)

// Options say where a log lies and who writes it.
type Options struct {
	// Dir is the home's data folder. The log is in Dir/log, the anchor is
	// Dir/anchor and the session values, synced at the end alone, are in Dir/values.
	Dir string
	// Key is the replica's key: it signs seals and names the chain.
	Key ed25519.PrivateKey
	// RecoveryKey is the public recovery key that genesis names. It is read
	// only at the first open of an empty home.
	RecoveryKey ed25519.PublicKey
	// Policy is the default policy document of genesis; read like RecoveryKey.
	Policy string
	// Names are the first names in the body of genesis; read like RecoveryKey.
	Names event.WorkspaceCreated
	// Follow is the genesis of another replica's workspace, which an empty home then
	// begins with; nil begins one of its own. Until a record enrols this replica it
	// writes nothing.
	Follow *event.Sent
	// Now is the clock; nil means time.Now. It decides nothing.
	Now func() time.Time
	// Random makes nonces; nil means crypto/rand.
	Random io.Reader
	// Replay takes every durable event at Open, in the order of arrival, genesis
	// first; nil drops them. Open reads the whole log anyway, so a fold over
	// events needs no second reading. An error ends Open and is returned.
	Replay func(arrival uint64, e event.Event) error
	// Inspect is for an audit: anchor, seals and values stay as they are found, so
	// that what one audit tells the next one tells too. No writes are taken.
	Inspect bool
	// Tell takes what the store has to say to an operator; nil drops it.
	Tell func(level, message string)

	// syncOff is the control of the power-cut test: it acknowledges without
	// syncing. Only a test of this package can set it.
	syncOff bool
	// stepped is called after each step of a drop, for a test that looks at what a
	// kill would leave there.
	stepped func()
}

// Report tells what Open found and mended.
type Report struct {
	// Created is true when this open wrote genesis.
	Created bool
	// Completed counts events of the newest group that the store lacked and
	// the anchor gave back. They were durable there.
	Completed int
	// CompletedSeals counts the seals of that group, likewise.
	CompletedSeals int
	// AnchorTorn is true when one slot of the anchor was unreadable, as after a
	// power cut in the middle of a write, and was written anew unless Inspect.
	AnchorTorn bool
	// Sealed counts events that an earlier run had left without a seal.
	Sealed int
	// ValuesCut counts bytes at the end of the saved values that could not be
	// read, as after a power cut: values are not synced. Without Inspect they are gone.
	ValuesCut int
}

// AuditReport tells what an audit read and what is wrong.
type AuditReport struct {
	Events, Seals uint64
	// Gone counts the bodies that retention has dropped, below checkpoints that are
	// final. They are no finding.
	Gone  uint64
	Heads []event.Head
	// Findings name what is wrong, one sentence each; empty means sound. At
	// most MaxFindings are kept; More counts the rest.
	Findings []Finding
	More     int
}

// Finding is one thing that an audit found wrong.
type Finding struct {
	// Code is a stable word, for example "event_hash".
	Code string
	// Where names the place: an arrival number, a seal, a slot.
	Where string
	// What says what is wrong, for a person.
	What string
}
