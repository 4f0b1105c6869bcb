package badgerlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

type request struct {
	draft   event.Draft
	body    []byte
	lamport uint64
	seal    bool
	event   event.Event
	done    chan error
}

// Append makes an event of a draft and returns it when it is durable. The
// draft's parents must be durable events of this log, ascending, none in the
// past of another. Faults: parent_unknown, parents_order, the reasons of
// event.Check, read_only.
func (l *Log) Append(ctx context.Context, d event.Draft) (event.Event, error) {
	r := &request{draft: d, done: make(chan error, 1)}
	if err := l.prepare(r); err != nil {
		return event.Event{}, err
	}
	if err := l.submit(ctx, r); err != nil {
		return event.Event{}, err
	}
	return r.event, nil
}

// prepare does all that needs no place in the chain, on the caller's goroutine.
func (l *Log) prepare(r *request) error {
	nonce := make([]byte, event.BodyNonceSize)
	if _, err := io.ReadFull(l.o.Random, nonce); err != nil {
		return fault.Wrap(err, fault.Internal, "random", "no random bytes are to be had", "mend the system's source of random bytes")
	}
	var err error
	if r.body, err = event.JoinBody(nonce, r.draft.Body); err != nil {
		return err
	}
	r.lamport, err = l.checkParents(r.draft.Parents)
	return err
}

func (l *Log) submit(ctx context.Context, r *request) error {
	select {
	case l.requests <- r:
	case <-l.stop:
		return errClosed()
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "the write was given up before it began", "send it again")
	}
	select {
	case err := <-r.done:
		return err
	case <-l.stopped:
		select {
		case err := <-r.done:
			return err
		default:
			return errClosed()
		}
	}
}

func errClosed() error {
	return fault.New(fault.Unavailable, "log_closed", "the log is closed", "start the core again")
}

// Seal signs all events that no seal covers yet, and returns when that is durable.
func (l *Log) Seal(ctx context.Context) error {
	return l.submit(ctx, &request{seal: true, done: make(chan error, 1)})
}

func (l *Log) run() {
	defer close(l.stopped)
	idle := time.NewTimer(idleSeal)
	defer idle.Stop()
	for {
		select {
		case r := <-l.requests:
			l.group(r)
			idle.Reset(idleSeal)
		case <-idle.C:
			if len(l.unsealed) > 0 {
				l.group(&request{seal: true, done: make(chan error, 1)})
			}
		case <-l.stop:
			return
		}
	}
}

// group takes what waits besides first, up to a transaction's bounds, makes
// it durable together and answers all.
func (l *Log) group(first *request) {
	next := l.at
	next.EventsBefore, next.SealsBefore, next.Group = next.Events, next.Seals, nil
	unsealed := l.unsealed
	var members []*request
	var entries []entry
	size := 0
	for r := first; r != nil; r = l.nextRequest(len(members), size) {
		err := l.refuseIfReadOnly()
		if err == nil && !r.seal {
			entries, err = l.place(r, &next, entries)
		}
		if err != nil {
			r.done <- err
			continue
		}
		members = append(members, r)
		if !r.seal {
			unsealed = append(unsealed, r.event.ID)
			size += len(r.event.Bytes) + len(r.body)
		}
		if len(unsealed) > 0 && (r.seal || len(unsealed) == event.MaxSealed) {
			if entries, err = l.addSeal(&next, entries, unsealed); err != nil {
				l.fail(err)
				break
			}
			unsealed = nil
		}
	}
	err := l.refuseIfReadOnly()
	if err == nil && len(entries) > 0 {
		err = l.commit(entries, next)
	}
	if err == nil {
		l.unsealed = unsealed
		l.publish()
	}
	for _, r := range members {
		r.done <- err
	}
}

func (l *Log) nextRequest(members, size int) *request {
	if members >= maxGroupEvents || size >= maxGroupBytes {
		return nil
	}
	select {
	case r := <-l.requests:
		return r
	default:
		return nil
	}
}

func (l *Log) refuseIfReadOnly() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.why != "" {
		return l.readOnlyFault()
	}
	return nil
}

// place gives a draft its place in the chain and adds its entries.
func (l *Log) place(r *request, next *point, entries []entry) ([]entry, error) {
	d := r.draft
	h := event.Header{SchemaVersion: 1, Workspace: next.Genesis, Type: d.Type, Lamport: r.lamport, Parents: d.Parents,
		Replica: l.replica, Seq: next.ownCount(), Prev: next.Own, Basis: event.Basis{Index: 0, Record: next.Genesis},
		WallTime: l.o.Now().UnixNano(), Actor: d.Actor, Surface: d.Surface, Session: d.Session, ViewEpoch: l.epoch,
		Branch: d.Branch, Affected: d.Affected, Class: event.Causal, Facts: d.Facts, BodyHash: event.BodyHash(r.body)}
	b, id, err := event.EncodeHeader(h)
	if err != nil {
		return entries, err
	}
	r.event = event.Event{ID: id, Header: h, Bytes: b, Body: r.body}
	entries = appendEvent(entries, next.Events, id, b, r.body)
	next.Own = id
	next.Events++
	return entries, nil
}

func appendEvent(entries []entry, arrival uint64, id event.ID, header, body []byte) []entry {
	record := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(header)+len(body)), uint32(len(header)))
	record = append(append(record, header...), body...)
	return append(entries, entry{Key: number('a', arrival), Value: record},
		entry{Key: append([]byte{'i'}, id[:]...), Value: number('i', arrival)[1:]})
}

func number(kind byte, n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{kind}, n) }

func (l *Log) addSeal(next *point, entries []entry, ids []event.ID) ([]entry, error) {
	last := next.ownCount() - 1
	s := event.Seal{Workspace: next.Genesis, Replica: l.replica, First: last + 1 - uint64(len(ids)), Last: last,
		Root: event.Root(ids), Prev: next.LastSeal}
	if err := s.Sign(l.o.Key); err != nil {
		return entries, err
	}
	b, err := event.EncodeSeal(s)
	if err != nil {
		return entries, err
	}
	id, err := s.ID()
	entries = append(entries, entry{Key: number('s', next.Seals), Value: b})
	next.Seals++
	next.LastSeal = id
	return entries, err
}

// seal covers up to MaxSealed of the events that an earlier run left.
func (l *Log) seal() error {
	n := min(len(l.unsealed), event.MaxSealed)
	next, rest := l.at, l.unsealed[n:]
	next.EventsBefore, next.SealsBefore = next.Events, next.Seals
	short := next
	short.Events -= uint64(len(rest))
	entries, err := l.addSeal(&short, nil, l.unsealed[:n])
	if err != nil {
		return err
	}
	next.Seals, next.LastSeal = short.Seals, short.LastSeal
	if err := l.commit(entries, next); err != nil {
		return err
	}
	l.unsealed = rest
	return nil
}

// commit makes a group durable in the store and the anchor, side by side when
// the anchor can hold the group, else one after the other. Any failure makes
// the log read-only: nobody knows then what the disk holds.
func (l *Log) commit(entries []entry, next point) error {
	if err := l.room(); err != nil {
		return l.failed(err)
	}
	next.Group = entries
	slot := l.anchor.slot(next)
	if slot == nil {
		if err := l.store(entries); err != nil {
			return l.failed(err)
		}
		next.Group = nil
		l.slots <- l.anchor.slot(next)
		if err := <-l.synced; err != nil {
			return l.failed(err)
		}
	} else {
		l.slots <- slot
		err := l.store(entries)
		if err := errors.Join(err, <-l.synced); err != nil {
			return l.failed(err)
		}
	}
	next.Group = nil
	l.at = next
	return nil
}

func (l *Log) failed(err error) error {
	l.fail(err)
	return l.refuseIfReadOnly()
}

func (l *Log) syncAnchors() {
	for slot := range l.slots {
		l.synced <- l.anchor.write(slot)
	}
}

func (l *Log) store(entries []entry) error {
	if len(entries) == 0 {
		return nil
	}
	txn := l.db.NewTransaction(true)
	defer txn.Discard()
	for _, e := range entries {
		if err := txn.Set(e.Key, e.Value); err != nil {
			return fmt.Errorf("writing the store: %w", err)
		}
	}
	if err := txn.Commit(); err != nil {
		return fmt.Errorf("syncing the store: %w", err)
	}
	return l.syncNames()
}

// syncNames makes the names of files that Badger made durable before the ack:
// it syncs a new WAL, but not the folder that names it.
func (l *Log) syncNames() error {
	if l.o.syncOff {
		return nil
	}
	dir := filepath.Join(l.o.Dir, "log")
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	// Two changes within a tick of the file system's clock have one time.
	if info.ModTime().Equal(l.dirTime) {
		return nil
	}
	settled := time.Since(info.ModTime()) > time.Second
	if err := syncDir(dir); err != nil {
		return err
	}
	if settled {
		l.dirTime = info.ModTime()
	}
	return nil
}

// room fails when the disk has less free space than Badger's mapped files may
// need: a full disk under a mapped file ends the process.
func (l *Log) room() error {
	var s unix.Statfs_t
	if err := unix.Statfs(l.o.Dir, &s); err != nil {
		return err
	}
	if s.Bavail*uint64(s.Bsize) < reserve {
		return fmt.Errorf("less than %d MiB are free: %w", reserve>>20, syscall.ENOSPC)
	}
	return nil
}
