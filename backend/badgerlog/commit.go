package badgerlog

import (
	"errors"
	"fmt"
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// commit makes a group durable in the store and the anchor: both are written,
// then both synced, when the anchor can hold the group; else the store first.
// Any failure makes the log read-only: nobody knows then what the disk holds.
func (l *Log) commit(entries []entry, next point) error {
	next.Group = entries
	slot := l.anchor.slot(next)
	next.Group = nil
	var err error
	if slot != nil {
		err = l.commitBeside(slot, entries, next)
	} else {
		err = l.commitLarge(entries, next)
	}
	if err != nil {
		return l.failed(err)
	}
	return nil
}

func (l *Log) commitBeside(slot []byte, entries []entry, next point) error {
	if err := l.room(); err != nil {
		return err
	}
	// The anchor's bytes travel to the disk while the store is written.
	if err := l.anchor.write(slot); err != nil {
		return err
	}
	if len(slot) < syncAside {
		return errors.Join(l.store(entries, next.version()), l.anchor.sync())
	}
	anchored := make(chan error, 1)
	go func() { anchored <- l.anchor.sync() }()
	err := l.store(entries, next.version())
	return errors.Join(err, <-anchored)
}

func (l *Log) commitLarge(entries []entry, next point) error {
	if err := errors.Join(l.room(), l.store(entries, next.version())); err != nil {
		return err
	}
	return errors.Join(l.anchor.write(l.anchor.slot(next)), l.anchor.sync())
}

func (l *Log) failed(err error) error {
	l.fail(err)
	return l.refuseIfReadOnly()
}

// store writes a group's entries as one transaction at a version of our own
// and syncs them.
func (l *Log) store(entries []entry, version uint64) error {
	if len(entries) == 0 {
		return nil
	}
	txn := l.db.NewTransactionAt(math.MaxUint64, true)
	defer txn.Discard()
	for _, e := range entries {
		if err := txn.Set(e.Key, e.Value); err != nil {
			return fmt.Errorf("writing the store: %w", err)
		}
	}
	if err := txn.CommitAt(version, nil); err != nil {
		return fmt.Errorf("writing the store: %w", err)
	}
	if l.o.syncOff {
		return nil
	}
	if err := l.wal.sync(); err != nil {
		return fmt.Errorf("syncing the store: %w", err)
	}
	return nil
}

// room fails when the disk has less free space than Badger's mapped files may
// need: a full disk under a mapped file ends the process.
func (l *Log) room() error {
	now := time.Now()
	if now.Sub(l.roomy) < roomTrust {
		return nil
	}
	if err := checkReserve(l.o.Dir); err != nil {
		return err
	}
	l.roomy = now
	return nil
}

func checkReserve(dir string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return err
	}
	if s.Bavail*uint64(s.Bsize) < reserve {
		return fmt.Errorf("less than %d MiB are free: %w", reserve>>20, syscall.ENOSPC)
	}
	return nil
}
