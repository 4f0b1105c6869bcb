package studio

import (
	"context"
	"io"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/bundle"
	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
)

// Log is the durable causal log of this replica (badgerlog).
type Log interface {
	bundle.Vouchers
	Append(ctx context.Context, d event.Draft) (event.Event, error)
	// AppendRecord makes the next record of the control chain durable.
	AppendRecord(ctx context.Context, r control.Record) (event.Event, error)
	// Seal signs all that no seal covers yet, and returns when that is durable.
	Seal(ctx context.Context) error
	Event(id event.ID) (event.Event, error)
	// ArrivalOf returns the arrival number of an event.
	ArrivalOf(id event.ID) (uint64, error)
	// EventAt returns the event of an arrival number.
	EventAt(arrival uint64) (event.Event, error)
	// EventsAt gives the events of some arrival numbers, ascending.
	EventsAt(arrivals []uint64, each func(arrival uint64, e event.Event) error) error
	Find(prefix string) ([]event.ID, error)
	Scan(from uint64, each func(arrival uint64, e event.Event) error) error
	Maximal(ids []event.ID) ([]event.ID, error)
	Relate(a, b event.ID) (causal.Relation, error)
	// Cut returns the closed set that a cut names, by arrival numbers.
	Cut(named event.Cut) (causal.Cut, error)
	// Arrived returns the first n arrivals, and the heads that name them.
	Arrived(n uint64) (causal.Cut, event.Cut, error)
	// Whole makes a cut whole by chains.
	Whole(in causal.Cut) causal.Cut
	// RecordAt returns the arrival number of a record of control.
	RecordAt(index uint64) (arrival uint64, known bool)
	// IDs returns the events of a cut, as they came.
	IDs(in causal.Cut) []event.ID
	// ScanIn is Scan for the events of a cut alone.
	ScanIn(in causal.Cut, from uint64, each func(arrival uint64, e event.Event) error) error
	Changed() <-chan struct{}
	Count() uint64
	Heads() []event.Head
	// Forked returns the chains of which more than one history is here.
	Forked() []event.Chain
	Genesis() event.ID
	Replica() event.Chain
	// DropBodies drops the bodies below a finalized checkpoint that drop names, and
	// Reclaim gives back their room. Dropped counts what is gone.
	DropBodies(ctx context.Context, checkpoint event.ID, drop func(arrival uint64, e *event.Event) bool) (bodies, bytes uint64, err error)
	Reclaim(ctx context.Context) error
	Dropped() (bodies, bytes uint64)
	ReadOnly() string
	// MayWrite returns why this replica cannot write: replica_not_enrolled, key_retired.
	MayWrite() error
	SaveState(key string, value []byte) error
	// SaveCache keeps what can be made anew from the events; LoadCache returns it
	// while it is sound. Caches names what is kept.
	SaveCache(name string, content []byte) error
	LoadCache(name string) (content []byte, sound bool)
	Caches() []string
	DropCache(name string) error
	// KeepIndex keeps what the log itself has learnt.
	KeepIndex() error
	// SyncState makes durable what SaveState has kept so far.
	SyncState() error
	LoadState(key string) []byte
}

// Auditor reads the whole log and says what is wrong with it (badgerlog).
type Auditor interface {
	AuditLog(ctx context.Context, progress func(events, seals uint64)) (events, seals uint64, wrong []Problem, err error)
}

// Spools are the recorded bytes and notes of executions (spool).
type Spools interface {
	// Make makes the folder of an execution and returns its path.
	Make(id event.ID) (folder string, err error)
	// Open opens an execution's folder. Reason spool_unknown when there is none.
	Open(id event.ID) (Spool, error)
	// Remove removes the folder; it need not be there.
	Remove(id event.ID) error
	// Shorten takes away the bytes up to an offset. Reasons: spool_busy while a shim
	// writes, spool_unknown.
	Shorten(id event.ID, below uint64) error
	// Folder is the path of an execution's folder, which need not be there.
	Folder(id event.ID) string
	// All lists the ids of the folders that are there.
	All() ([]event.ID, error)
}

// Spool is one execution's recorded bytes. Methods may be called at once.
type Spool interface {
	io.ReaderAt
	End() (uint64, error)
	// Gone is where the bytes begin that were not dropped. What lies before is not read.
	Gone() (uint64, error)
	// Sync makes what was written so far durable.
	Sync() error
	// Root hashes [from, to) as execution.output does.
	Root(from, to uint64) (event.ID, error)
	// Notes calls each with the notes after an index that are on disk.
	Notes(after uint64, each func(attach.Note) error) error
	Close() error
}

// Launch is a program to put into a terminal.
type Launch struct {
	Folder      string // of the spool
	Argv        []string
	Program     string // resolved path
	Cwd         string
	Environment []string
	Cols, Rows  uint16
	Socket      string // where the shim listens
	Quota       uint64 // most bytes of the spool
	Reserve     uint64 // least free bytes of its disk
}

// Shims starts the processes that hold terminals, and finds them again (shimlink).
type Shims interface {
	// Launch starts a shim and returns when its program runs or could not be
	// started. Reasons: program_not_found, program_not_executable, shim_start.
	Launch(ctx context.Context, l Launch) (Held, error)
	// Adopt connects to the shim of a spool folder, asking for the notes after
	// an index. Reasons: shim_dead when no live process listens there, with the
	// detail launch "none" when none has come to start the program;
	// shim_unreachable when one lives and what leads to it was removed.
	Adopt(ctx context.Context, folder string, after uint64) (Held, error)
}

// Held is a live connection to a shim. Its requests are carried out in order
// and answered when done. Methods may be called from many goroutines.
type Held interface {
	Socket() string
	Holding() attach.Holding
	// Heard returns what the shim says: attach.Held first, then attach.Note and
	// attach.Wrote. It is closed when the connection ends.
	Heard() <-chan attach.Frame
	// Do sends ADMIT, DISMISS, GRANT, SIGNAL, RESIZE_BY_CORE or LIMIT and waits
	// for its DONE. Reasons: those of the shim, and shim_gone.
	Do(ctx context.Context, f attach.Frame) error
	Close() error
}

// Typist types on behalf of a caller without a connection of its own (shimlink).
type Typist interface {
	// Type writes data under a ticket and epoch and returns when it is written.
	Type(ctx context.Context, socket string, t attach.Ticket, epoch uint64, data []byte) error
}

// Links are the stable paths of agents' sockets (shimlink).
type Links interface {
	// Point makes the stable link of an execution lead to target, and returns
	// the link's path. An empty target leaves it as it is.
	Point(id event.ID, target string) (path string, err error)
	// Drop removes the link, and the socket that a killed shim left.
	Drop(id event.ID) error
	// SocketOf is where the shim of an execution listens.
	SocketOf(id event.ID) string
}

// Programs finds the program that a command names (shimlink).
type Programs interface {
	// Resolve finds argv0 with the caller's PATH and folder, as execvp would.
	// Reasons: program_not_found, program_not_executable, folder_missing.
	Resolve(argv0, path, folder string) (program string, err error)
}

// Environments are what the login shell of this person gives (loginshell).
type Environments interface {
	// Login returns the variables of a login shell as KEY=VALUE, and its path.
	Login(ctx context.Context) (environment []string, shell string, err error)
}

// Ports is all that the studio needs of the world.
type Ports struct {
	Log          Log
	Auditor      Auditor
	Spools       Spools
	Shims        Shims
	Typist       Typist
	Links        Links
	Programs     Programs
	Environments Environments
	Repositories Repositories
	Key          Key
	// Sizes tells what the log holds by kind.
	Sizes func() ([]Size, error)
	// Quota is the most bytes of one execution's spool, Reserve the least free
	// bytes of its disk: beyond them the program waits.
	Quota, Reserve uint64
	// Boot names the present start of the machine. Sessions whose state may have
	// been cut off by a power cut end when it changes; see Open.
	Boot   string
	Now    func() time.Time
	Random io.Reader
	// Tell takes what is said to whoever looks after the core: no content of
	// terminals, no values of variables.
	Tell func(level, message string)
}
