package badgerlog

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Log is an open log. Its methods may be called from many goroutines.
type Log struct {
	o       Options
	db      *badger.DB
	anchor  *anchor
	values  *values
	replica event.Chain

	wal     *wal
	gate    gate
	queue   queue
	places  chan struct{}
	closing sync.Once

	// Only who leads the queue touches these.
	at       point
	unsealed []event.ID
	marks    marks
	waits    waiting
	idle     *time.Timer
	roomy    time.Time // when the disk last had room

	orderMu sync.RWMutex
	order   *causal.Order
	indexed atomic.Uint64 // how many events the kept index knows
	chains  chains
	members members
	held    held
	dropped account
	ids     ids
	runs    runs
	visible uint64 // arrivals below it are shown

	dropping sync.Mutex // held by who drops bodies
	pages    pages

	mu      sync.RWMutex
	durable point
	told    []mark // those of marks that are durable
	lacks   []Missing
	epoch   uint64
	voters  []event.Chain // who certifies records
	changed chan struct{}
	broken  chan struct{} // closed when the log becomes read-only
	why     string
	full    bool
	limited bool
}

// Open opens the log of a home, and writes genesis when the home is empty.
// Faults: data_loss when the store lies below its anchor or is damaged,
// failed_precondition store_newer, store_busy when another process has it.
func Open(ctx context.Context, o Options) (*Log, Report, error) {
	var report Report
	if len(o.Key) != ed25519.PrivateKeySize {
		return nil, report, fault.New(fault.InvalidArgument, "key_absent", "the log needs its replica's key", "give the key of this home")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Tell == nil {
		o.Tell = func(string, string) {}
	}
	l := &Log{o: o, replica: replicaOf(o.Key), visible: everything, waits: newWaiting(), places: make(chan struct{}, maxWaiting), changed: make(chan struct{}), broken: make(chan struct{})}
	l.order = &causal.Order{}
	// Without events there is nothing to seal, so it does nothing until reset.
	l.idle = time.AfterFunc(time.Hour, l.sealIdle)
	if err := l.start(ctx, &report); err != nil {
		if closing := l.release(); closing != nil {
			o.Tell("error", "closing the log: "+closing.Error())
		}
		return nil, report, err
	}
	return l, report, nil
}

// replicaOf is the binary PeerID of an Ed25519 key: the identity multihash of
// its protobuf form.
func replicaOf(key ed25519.PrivateKey) event.Chain {
	public := key.Public().(ed25519.PublicKey)
	return event.Chain("\x00\x24\x08\x01\x12\x20" + string(public))
}

func (l *Log) start(ctx context.Context, report *Report) error {
	if err := checkRegular(l.o.Dir); err != nil {
		return err
	}
	_, err := os.Stat(filepath.Join(l.o.Dir, "log"))
	empty := errors.Is(err, os.ErrNotExist)
	anchor, last, blank, torn, err := openAnchor(filepath.Join(l.o.Dir, "anchor"), empty, l.o.syncOff)
	if errors.Is(err, os.ErrNotExist) {
		return dataLoss("anchor_lost", "the log has lost its anchor file")
	}
	if err != nil {
		return openFault(err)
	}
	l.anchor = anchor
	report.AnchorTorn = torn
	opt := storeOptions(l.o, l.fail)
	if err := checkStore(opt, last, blank); err != nil {
		return err
	}
	if err := dropEmptyLogs(opt.Dir); err != nil {
		return openFault(err)
	}
	if l.db, err = openStore(opt); err != nil {
		return err
	}
	if l.wal, err = openWAL(filepath.Join(l.o.Dir, "log")); err != nil {
		return openFault(err)
	}
	if err := l.recover(last, blank, report); err != nil {
		return err
	}
	if err := l.readAccount(); err != nil {
		return err
	}
	if l.values, report.ValuesCut, err = openValues(filepath.Join(l.o.Dir, "values"), l.o.Inspect); err != nil {
		return openFault(err)
	}
	return l.begin(ctx, last, report)
}

// begin reads all events, and then writes what this open owes: a whole anchor
// and a seal over what an earlier run left. A log that is refused keeps its
// anchor as it was, to tell what is wrong. Genesis comes first.
func (l *Log) begin(ctx context.Context, last point, report *Report) error {
	if l.at.Events == 0 && l.o.Inspect {
		return fault.New(fault.NotFound, "log_empty", "the log was never begun", "start the core once: it begins it")
	}
	if report.Created = l.at.Events == 0; report.Created {
		if err := l.writeGenesis(); err != nil {
			return err
		}
	}
	if err := l.readGenesis(); err != nil {
		return err
	}
	l.chains = newChains(l.replica, l.at.Genesis)
	if err := l.readMarks(); err != nil {
		return err
	}
	if err := l.replay(ctx, l.recall()); err != nil {
		return err
	}
	if err := l.standUp(last); err != nil {
		return err
	}
	if l.o.Inspect {
		l.why = "it is open for an audit" // nobody else has it yet
		l.publish()
		return nil
	}
	if err := l.commit(nil, l.at); err != nil {
		return err
	}
	l.publish()
	for len(l.unsealed) > 0 && l.marks.retired == nil {
		report.Sealed += min(len(l.unsealed), event.MaxSealed)
		if err := l.seal(); err != nil {
			return err
		}
		l.publish()
	}
	return nil
}

func storeOptions(o Options, fail func(error)) badger.Options {
	return badger.DefaultOptions(filepath.Join(o.Dir, "log")).
		WithSyncWrites(false). // wal.go syncs, and says when it fails
		WithValueThreshold(valueThreshold).
		WithMemTableSize(memTable).WithNumMemtables(2).
		WithValueLogFileSize(16 << 20).
		WithBlockCacheSize(8 << 20).WithIndexCacheSize(8 << 20).
		WithCompression(0).WithNumCompactors(2).
		WithDetectConflicts(false).WithNumVersionsToKeep(1).WithMetricsEnabled(false).
		WithChecksumVerificationMode(options.OnBlockRead).WithVerifyValueChecksum(true).
		WithLogger(&teller{o.Tell, fail})
}

func openStore(opt badger.Options) (*badger.DB, error) {
	// Managed: versions are ours, and a write wakes no keeper of Badger's clock.
	// What is not durable yet stays unseen by Count alone.
	db, err := badger.OpenManaged(opt)
	if err == nil {
		// The value log stays empty, and its first bytes must outlast its name.
		return db, db.Sync()
	}
	if isBusy(err) {
		return nil, fault.Wrap(err, fault.FailedPrecondition, "store_busy", "another process has the log open", "stop that core first")
	}
	return nil, openFault(err)
}

// release closes what is open without writing anything of ours.
func (l *Log) release() error {
	l.idle.Stop()
	l.gate.close()
	if l.values != nil {
		l.values.close()
	}
	var err error
	if l.db != nil {
		err = l.closeStore()
	}
	if l.wal != nil {
		l.wal.close()
	}
	if l.anchor != nil {
		l.anchor.file.Close()
	}
	return err
}

// closeStore closes Badger. On a failing disk it would try for ever to write
// what it holds, and nothing of that was acknowledged without being durable:
// then it is left as a crash would leave it. On a full one it would write into a
// mapped file without a place on the disk, which kills the process: the store is
// left likewise, open until the process ends, and the next start flushes what the
// write-ahead log holds.
func (l *Log) closeStore() error {
	if err := checkReserve(l.o.Dir); isFull(err) {
		l.o.Tell("warn", "the store is closed without a flush, which the next start does: "+err.Error())
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- l.db.Close() }()
	select {
	case err := <-done:
		return err
	case <-l.broken:
	}
	select {
	case err := <-done:
		return err
	case <-time.After(closeBroken):
		return fault.New(fault.Unavailable, "store_stuck", "the store cannot be closed: "+l.ReadOnly(), "end the process, and mend the disk")
	}
}

// Close seals what is unsealed, closes the store, leaves a whole anchor and makes
// saved values durable: how sessions stood at an orderly end outlasts a power cut.
// Writers that wait are served first, those that come later are refused, and
// readers are waited for. Faults: those of the seal; store_stuck when the disk
// fails, and the store stays open until the process ends.
func (l *Log) Close() error {
	var err error
	l.closing.Do(func() {
		if l.o.Inspect {
			err = l.release()
			return
		}
		last := newRequest()
		last.seal = true
		err = l.await(last, true)
		if err == nil {
			err = l.leaveAnchor()
		}
		l.keepIndexAtEnd()
		err = errors.Join(err, l.syncValues(), l.release())
	})
	return err
}

// leaveAnchor writes both slots without a group, so that one torn slot later
// costs nothing.
func (l *Log) leaveAnchor() error {
	whole := l.at
	whole.EventsBefore, whole.SealsBefore = whole.Events, whole.Seals
	for range 2 {
		if err := errors.Join(l.anchor.write(l.anchor.slot(whole)), l.anchor.sync()); err != nil {
			return err
		}
	}
	return nil
}

// SyncState makes durable what SaveState has kept so far.
func (l *Log) SyncState() error {
	if err := l.refuseIfReadOnly(); err != nil {
		return err
	}
	if err := l.syncValues(); err != nil {
		return l.failed(err)
	}
	return nil
}

// syncValues syncs the folder too: the file may be a new one.
func (l *Log) syncValues() error {
	if l.o.syncOff {
		return nil
	}
	l.values.mu.Lock()
	defer l.values.mu.Unlock()
	return errors.Join(l.values.file.Sync(), syncPath(l.o.Dir))
}

// sealIdle runs when nothing was written for a while.
func (l *Log) sealIdle() {
	if err := l.Seal(context.Background()); err != nil && !fault.Is(err, "log_closed") {
		l.o.Tell("error", "sealing: "+err.Error())
	}
}

// fail makes the log read-only, for ever in this process: after a failed sync
// nobody knows what the disk holds.
func (l *Log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != "" {
		return
	}
	l.why, l.full, l.limited = err.Error(), isFull(err), isLimited(err)
	close(l.broken)
	close(l.changed)
	l.changed = make(chan struct{})
}

// ReadOnly says why the log takes no more writes; empty while it does.
func (l *Log) ReadOnly() string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.why
}

// Changed returns a channel that is closed at the next durable group or when
// the log becomes read-only. Take it before Scan, so that nothing is missed.
func (l *Log) Changed() <-chan struct{} {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.changed
}

// Count is the number of durable events: arrivals 0 to Count-1 can be read.
func (l *Log) Count() uint64 { return l.stand().Events }

// Genesis returns the workspace's id.
func (l *Log) Genesis() event.ID { return l.stand().Genesis }

// Replica returns the name of the chain that this log writes.
func (l *Log) Replica() event.Chain { return l.replica }

func (l *Log) stand() point {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.durable
}

// publish shows what has become durable.
func (l *Log) publish() {
	l.orderMu.Lock()
	l.visible = l.at.Events
	l.orderMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.durable, l.told = l.at, l.marks.all
	l.durable.Group = nil
	close(l.changed)
	l.changed = make(chan struct{})
}
