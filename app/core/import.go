package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/bundle"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
	"atelier.dev/atelier/backend/studio"
)

// imported is what import prints.
type imported struct {
	Bundle      string `json:"bundle_id"`
	Workspace   string `json:"workspace"`
	Checkpoint  string `json:"checkpoint_id"`
	Events      uint64 `json:"events"` // of the cut
	Taken       uint64 `json:"taken"`
	Known       uint64 `json:"known"`
	Digest      string `json:"digest"`
	FoldVersion uint64 `json:"fold_version"`
}

// importFile takes a bundle into a home that no core has open, prints what came and
// returns the exit status.
func importFile(o options, stdout, stderr *os.File) int {
	syscall.Umask(0o077)
	sparing()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d := &daemon{stderr: stderr, ending: make(chan struct{})}
	came, err := d.importBundle(ctx, o)
	if err == nil {
		err = came.print(stdout, o.json)
	}
	if err != nil {
		return failed(err, stderr, o.json)
	}
	return fault.ExitDone
}

func (d *daemon) importBundle(ctx context.Context, o options) (came imported, err error) {
	file, size, err := openBundle(o.file)
	if err != nil {
		return came, err
	}
	defer file.Close()
	report, err := soundBundle(ctx, file, size)
	if err != nil {
		return came, err
	}
	if d.home, err = home.Resolve(o.home); err != nil {
		return came, err
	}
	if err := d.home.Make(); err != nil {
		return came, err
	}
	lock, err := d.home.Lock()
	if err != nil {
		return came, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	log, opened, err := d.openToFollow(ctx, file, size, report.Genesis)
	if err != nil {
		return came, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if came, err = d.takeIn(ctx, log, file, size); err != nil {
		return came, err
	}
	came.Bundle, came.Workspace, came.Events = report.ID.String(), report.Genesis.String(), report.Events
	if !report.Head.Checkpoint.IsZero() {
		came.Checkpoint = report.Head.Checkpoint.String()
	}
	return came, d.sameDigest(ctx, log, opened, report.Head, &came)
}

func openBundle(path string) (*os.File, int64, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would hang
	if err != nil {
		return nil, 0, fault.Wrap(err, fault.NotFound, "file_absent", "the bundle cannot be opened", "name a file that `atelier export bundle` has made")
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fault.New(fault.InvalidArgument, "file_irregular", path+" is no regular file", "name a file that `atelier export bundle` has made")
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// soundBundle refuses a bundle in which anything is wrong, before a home is touched.
func soundBundle(ctx context.Context, file io.ReaderAt, size int64) (bundle.Report, error) {
	report, err := bundle.Verify(file, size, func(int64, int64) error { return ctx.Err() })
	if err != nil {
		return report, err
	}
	if len(report.Findings) > 0 {
		first := report.Findings[0]
		return report, fault.New(fault.DataLoss, first.Code, fmt.Sprintf("the bundle is not sound: %s", first.What), "nothing was taken in; get the bundle anew from who made it")
	}
	return report, nil
}

// openToFollow opens the home's log: that of the bundle's workspace, or a new one
// that follows it.
func (d *daemon) openToFollow(ctx context.Context, file io.ReaderAt, size int64, genesis event.ID) (*badgerlog.Log, badgerlog.Report, error) {
	var none badgerlog.Report
	if err := checkRoom(d.home); err != nil {
		return nil, none, err
	}
	first, err := genesisOf(file, size)
	if err != nil {
		return nil, none, err
	}
	k, err := giveKeys(d.home)
	if err != nil {
		return nil, none, err
	}
	old, err := hasLog(d.home)
	if err != nil {
		return nil, none, err
	}
	o := badgerlog.Options{Dir: d.home.Data, Key: k.replica, RecoveryKey: k.recovery, Random: rand.Reader, Tell: d.say}
	if !old {
		o.Follow = first
	}
	log, report, err := badgerlog.Open(ctx, o)
	if err == nil && log.Genesis() != genesis {
		err = errors.Join(fault.New(fault.FailedPrecondition, "workspace_other", "this home has another workspace than the bundle",
			"take the bundle into a home of its own: `atelier --home FOLDER import bundle FILE`"), log.Close())
	}
	return log, report, err
}

// errFound ends a reading that has found what it was for.
var errFound = errors.New("found")

func genesisOf(file io.ReaderAt, size int64) (*event.Sent, error) {
	var first *event.Sent
	err := bundle.Deliver(file, size, bundle.Receiver{Record: func(s event.Sent, _ []event.Certificate) error {
		first = &s
		return errFound
	}})
	if errors.Is(err, errFound) {
		return first, nil
	}
	return nil, err
}

// takeIn admits all of a bundle, a part at a time.
func (d *daemon) takeIn(ctx context.Context, log *badgerlog.Log, file io.ReaderAt, size int64) (came imported, err error) {
	var b badgerlog.Batch
	events := 0
	admit := func() error {
		told, err := log.Admit(ctx, b)
		came.Taken, came.Known = came.Taken+uint64(told.Taken), came.Known+uint64(told.Known)
		if err == nil && len(told.Refused) > 0 {
			err = told.Refused[0].Fault
		}
		b, events = badgerlog.Batch{}, 0
		return err
	}
	err = bundle.Deliver(file, size, bundle.Receiver{
		Record: func(s event.Sent, c []event.Certificate) error {
			b.Records = append(b.Records, badgerlog.SentRecord{Sent: s, Certificates: c})
			return nil
		},
		Run: func(r event.Run) error {
			b.Runs = append(b.Runs, r)
			if events += len(r.Events); events < admitAtOnce {
				return nil
			}
			return admit()
		}})
	if err == nil {
		err = admit()
	}
	return came, err
}

// sameDigest folds the cut of a bundle from the home's own log, and wants what the
// bundle says.
func (d *daemon) sameDigest(ctx context.Context, log *badgerlog.Log, opened badgerlog.Report, head bundle.Head, came *imported) error {
	ports, err := portsOf(d.home, log, opened, d.say)
	if err != nil {
		return err
	}
	s, err := studio.OpenForAudit(ctx, ports)
	if err != nil {
		return err
	}
	digest, err := s.DigestOf(head.Cut)
	if err != nil {
		return err
	}
	came.Digest, came.FoldVersion = digest.Hash.String(), digest.Version
	if digest != head.Digest {
		return fault.New(fault.DataLoss, "digest", "the cut folds to another digest here than the bundle says", "keep both homes as they are and report this: it is a defect of Atelier")
	}
	return nil
}

func (i imported) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(i)
	}
	_, err := fmt.Fprintf(w, "took in %d events; %d were here already\ndigest: %s\n", i.Taken, i.Known, i.Digest)
	return err
}
