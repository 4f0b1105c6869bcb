package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
)

// A pair is two replicas of one workspace: the first began it, the second wrote a
// chain that is to be admitted elsewhere.
type pair struct {
	genesis event.Sent
	batch   badgerlog.Batch
	events  int
	bytes   int
	before  int // events and records that they rest on
}

// writeForeign has a replica that another enrolled write n events with bodies of
// 512 bytes, and returns all that both hand on.
func writeForeign(work string, n int) (made *pair, err error) {
	folder, err := os.MkdirTemp(work, "f")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	first, key, err := openFirst(filepath.Join(folder, "first"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, first.Close()) }()
	p := &pair{}
	if p.genesis, err = genesisOf(first); err != nil {
		return nil, err
	}
	second, err := openFollower(filepath.Join(folder, "second"), p.genesis)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, second.Close()) }()
	record, err := enrol(first, key, second.Replica())
	if err != nil {
		return nil, err
	}
	asked, err := runsOf(first)
	if err != nil {
		return nil, err
	}
	p.batch = badgerlog.Batch{Runs: asked, Records: []badgerlog.SentRecord{record}}
	a, err := second.Admit(context.Background(), p.batch)
	if err != nil {
		return nil, err
	}
	p.before = a.Taken
	if err := fillForeign(second, n); err != nil {
		return nil, err
	}
	runs, err := runsOf(second)
	if err != nil {
		return nil, err
	}
	return p, p.count(runs)
}

// count keeps the runs apart from what they rest on: they are what is measured.
func (p *pair) count(runs []event.Run) error {
	p.batch.Runs = append(p.batch.Runs, runs...)
	for _, r := range runs {
		p.events += len(r.Events)
		for _, s := range r.Events {
			p.bytes += len(s.Header) + len(s.Body)
		}
	}
	if p.events == 0 {
		return errors.New("the replica has nothing to hand on")
	}
	return nil
}

func openFirst(folder string) (*badgerlog.Log, ed25519.PrivateKey, error) {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, nil, err
	}
	o, err := logOptions(folder)
	if err != nil {
		return nil, nil, err
	}
	log, _, err := badgerlog.Open(context.Background(), o)
	return log, o.Key, err
}

func openFollower(folder string, genesis event.Sent) (*badgerlog.Log, error) {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	o, err := logOptions(folder)
	if err != nil {
		return nil, err
	}
	o.Follow = &genesis
	log, _, err := badgerlog.Open(context.Background(), o)
	return log, err
}

func genesisOf(log *badgerlog.Log) (event.Sent, error) {
	e, err := log.EventAt(0)
	return event.Sent{Header: e.Bytes, Body: e.Body}, err
}

// enrol has the first replica ask control for an agent at another, and decide that
// as its one voter.
func enrol(log *badgerlog.Log, key ed25519.PrivateKey, at event.Chain) (badgerlog.SentRecord, error) {
	var none badgerlog.SentRecord
	a, err := openAuthor(log, nil)
	if err != nil {
		return none, err
	}
	request, err := a.append(event.Draft{Type: event.RequestMadeType, Facts: event.Facts{
		Ask: &event.Ask{Type: event.ActorEnrolledType}, Member: &event.Member{Kind: event.Agent, Replica: at}}})
	if err != nil {
		return none, err
	}
	genesis, err := log.EventAt(0)
	if err != nil {
		return none, err
	}
	machine, err := control.New(genesis)
	if err != nil {
		return none, err
	}
	h, err := machine.Decide(control.Entry{Request: request, AsOf: event.Cut{Past: []event.ID{request.ID}},
		Witness: []control.Fact{{Object: genesis.ID, Kind: "workspace"}}, Time: request.Header.WallTime})
	if err != nil {
		return none, err
	}
	b, id, err := event.EncodeHeader(h)
	if err != nil {
		return none, err
	}
	c := event.Certificate{Workspace: genesis.ID, Index: h.Seq, Record: id, Voter: log.Replica()}
	if err := c.Sign(key); err != nil {
		return none, err
	}
	_, err = log.AppendRecord(context.Background(), control.Record{Header: h, Body: request.Body, Certificates: []event.Certificate{c}})
	return badgerlog.SentRecord{Sent: event.Sent{Header: b, Body: request.Body}, Certificates: []event.Certificate{c}}, err
}

// fillForeign has 64 writers append n events, each after its own last.
func fillForeign(log *badgerlog.Log, n int) error {
	content, err := event.EncodeContent(event.Remark{Why: string(make([]byte, 512-event.BodyNonceSize-6))})
	if err != nil {
		return err
	}
	failed := make(chan error, writers)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() { failed <- writeMany(log, n/writers, content) })
	}
	all.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	return log.Seal(context.Background())
}

func writeMany(log *badgerlog.Log, n int, content []byte) error {
	genesis := log.Genesis()
	d := event.Draft{Type: event.SessionOpenedType, Surface: event.SurfaceAPI, Actor: event.Actor{ID: event.Derived(genesis, "human"), Kind: event.Human},
		Branch: event.Derived(genesis, "main")}
	for range n {
		e, err := log.Append(context.Background(), d)
		if err != nil {
			return err
		}
		if d.Session.IsZero() {
			d.Type, d.Session, d.Body = event.ExecutionInputType, e.ID, content
		}
		d.Parents = []event.ID{e.ID}
	}
	return nil
}

// runsOf returns all of a log's own chain, with its seals.
func runsOf(log *badgerlog.Log) (runs []event.Run, err error) {
	if err := log.Seal(context.Background()); err != nil {
		return nil, err
	}
	for _, h := range log.Heads() {
		if h.Chain == log.Replica() {
			err = errors.Join(err, log.Runs(h, 0, func(r event.Run) error { runs = append(runs, r); return nil }))
		}
	}
	return runs, err
}

// admitTo opens a fresh log that follows the workspace, and admits all of it.
func (p *pair) admitTo(folder string, timed func(func() error) error) (err error) {
	log, err := openFollower(folder, p.genesis)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	var a badgerlog.Admission
	err = timed(func() error {
		a, err = log.Admit(context.Background(), p.batch)
		return err
	})
	if err == nil && (len(a.Refused) > 0 || a.Waiting > 0 || a.Taken != p.before+p.events) {
		err = fmt.Errorf("not all was admitted: %v", a)
	}
	return err
}
