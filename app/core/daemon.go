package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"atelier.dev/atelier/backend/api"
	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
	"atelier.dev/atelier/backend/keyfile"
	"atelier.dev/atelier/backend/studio"
	"atelier.dev/atelier/frontend"
)

// daemon is one core at work. What start has opened, end closes in reverse.
type daemon struct {
	home   home.Home
	umask  int
	stderr *os.File
	log    diary
	signer keyfile.Signer // of this replica, once its log is open

	steps  []step
	once   sync.Once
	ending chan struct{} // closed when the core is to end
}

// step undoes one thing that was done at the start.
type step struct {
	what string
	undo func(context.Context) error
}

func (d *daemon) owe(what string, undo func(context.Context) error) {
	d.steps = append(d.steps, step{what, undo})
}

// stop asks the core to end. It may be called often and from anywhere.
func (d *daemon) stop() { d.once.Do(func() { close(d.ending) }) }

// start opens the home and answers its API.
func (d *daemon) start(ctx context.Context) error {
	if err := d.home.Make(); err != nil {
		return err
	}
	d.log = d.openDiary()
	lock, err := d.lock()
	if err != nil {
		return err
	}
	d.owe("giving the home back", func(context.Context) error { return lock.Release() })
	// After the log is closed: where it stays, the core has not ended in order.
	d.owe("removing core.json", func(context.Context) error { return d.home.RemoveCore(os.Getpid()) })
	log, report, err := d.openLog(ctx)
	if err != nil {
		return err
	}
	d.owe("closing the log", func(context.Context) error { return log.Close() })
	d.tellOpened(report)
	s, err := d.openStudio(ctx, log, report)
	if err != nil {
		return err
	}
	d.owe("letting go of the terminals", s.Close)
	return d.serve(s)
}

// lock takes the home. Another core that serves keeps it, and that is told at
// once; one that does not is ending, or is gone in a moment. An audit ends, too.
func (d *daemon) lock() (*home.Lock, error) {
	over := time.After(lockWait)
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		lock, err := d.home.Lock()
		if !fault.Is(err, "home_audited") && (!fault.Is(err, "home_open") || answers(d.home.Socket())) {
			return lock, err
		}
		select {
		case <-tick.C:
		case <-over:
			return nil, err
		case <-d.ending:
			return nil, err
		}
	}
}

// answers is true for a core that speaks. A dying one takes connections still.
func answers(socket string) bool {
	conn, err := net.DialTimeout("unix", socket, answerWait)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(answerWait)) // else the reading below tells
	_, err = io.WriteString(conn, "GET /api/ HTTP/1.0\r\n\r\n")
	n, _ := conn.Read(make([]byte, 1))
	return err == nil && n == 1
}

// openLog opens the log with the keys of the home, which a new home is given.
func (d *daemon) openLog(ctx context.Context) (*badgerlog.Log, badgerlog.Report, error) {
	if err := checkRoom(d.home); err != nil {
		return nil, badgerlog.Report{}, err
	}
	k, err := giveKeys(d.home)
	if err != nil {
		return nil, badgerlog.Report{}, err
	}
	d.signer = keyfile.NewSigner(k.replica)
	return d.openFree(ctx, badgerlog.Options{Dir: d.home.Data, Key: k.replica, RecoveryKey: k.recovery,
		Names: firstNames(), Random: rand.Reader, Tell: d.say})
}

// openFree opens the log once no other process has it. The home is ours, so who has
// its store is a core that leaves it open on a full disk, and is gone in a moment.
func (d *daemon) openFree(ctx context.Context, o badgerlog.Options) (*badgerlog.Log, badgerlog.Report, error) {
	over := time.After(lockWait)
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		log, report, err := badgerlog.Open(ctx, o)
		if !fault.Is(err, "store_busy") {
			return log, report, err
		}
		select {
		case <-tick.C:
		case <-over:
			return nil, report, err
		case <-d.ending:
			return nil, report, err
		}
	}
}

// tellOpened says what the last end left to mend.
func (d *daemon) tellOpened(r badgerlog.Report) {
	if r.Created {
		d.say("info", "a new home: "+d.home.Data)
	}
	if r.AnchorTorn {
		d.say("warn", "one slot of the anchor was unreadable, as after a power cut; it was written anew")
	}
	if r.Completed+r.CompletedSeals+r.Sealed > 0 {
		d.say("info", fmt.Sprintf("the last end left %d events and %d seals to complete, and %d events to seal; it is done",
			r.Completed, r.CompletedSeals, r.Sealed))
	}
	if r.ValuesCut > 0 {
		d.say("warn", fmt.Sprintf("%d bytes of what sessions had seen were unreadable, as after a power cut, and are gone", r.ValuesCut))
	}
}

func (d *daemon) openStudio(ctx context.Context, log *badgerlog.Log, report badgerlog.Report) (*studio.Studio, error) {
	ports, err := portsOf(d.home, log, report, d.say)
	if err != nil {
		return nil, err
	}
	if err := d.linkShims(&ports); err != nil {
		return nil, err
	}
	ports.Key = d.signer
	return studio.Open(ctx, ports)
}

// serve answers the API on the home's socket and says so in core.json.
func (d *daemon) serve(s *studio.Studio) error {
	server := api.New(api.Options{Studio: s, Version: version, Home: cmp.Or(d.home.Root, d.home.Data), Socket: d.home.Socket(),
		ChainText: keyfile.Text, Findings: d.findings, Page: frontend.Dist(), TokenFile: d.home.TokenFile(),
		Stop: d.stop, Random: rand.Reader, Now: time.Now, Tell: d.say})
	d.owe("ending the calls", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, callsWithin)
		defer cancel()
		return server.Close(ctx)
	})
	if err := server.ListenLocal(d.home.MakeRuntime); err != nil {
		return err
	}
	// core.json only tells; a full disk keeps nobody from reading what is here.
	if err := d.home.WriteCore(home.Core{PID: os.Getpid(), Socket: d.home.Socket(), Version: version}); err != nil {
		d.say("warn", err.Error())
	}
	d.say("info", fmt.Sprintf("serving: pid %d, version %s, %s", os.Getpid(), version, d.home.Socket()))
	return nil
}

// end undoes what start did, in reverse, and returns the exit status.
func (d *daemon) end() int {
	ctx, cancel := context.WithTimeout(context.Background(), endWithin)
	defer cancel()
	done := make(chan bool, 1)
	go func() { done <- d.undo(ctx) }()
	select {
	case clean := <-done:
		if clean {
			return fault.ExitDone
		}
		return fault.ExitFailed
	case <-ctx.Done():
		d.say("error", "the orderly end took longer than "+endWithin.String()+"; ending without")
		return fault.ExitFailed
	}
}

func (d *daemon) undo(ctx context.Context) (clean bool) {
	clean = true
	for _, s := range slices.Backward(d.steps) {
		if err := s.undo(ctx); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.say("error", s.what+": "+err.Error())
			clean = false
		}
	}
	if clean && len(d.steps) > 0 {
		d.say("info", "ended in order")
	}
	return clean
}
