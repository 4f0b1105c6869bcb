package main

import (
	"context"
	"crypto/ed25519"
	"os"
	"sync"
	"time"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
)

// sessions is how many executions write the log whose opening is timed.
const sessions = 256

func logOptions(folder string) (badgerlog.Options, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return badgerlog.Options{}, err
	}
	recovery, _, err := ed25519.GenerateKey(nil)
	return badgerlog.Options{Dir: folder, Key: key, RecoveryKey: recovery, Policy: "version: 1\n"}, err
}

// openLog opens the studio's own log in this process, as the core does: synced,
// signed and anchored.
func openLog(folder string) (func() error, func() error, error) {
	o, err := logOptions(folder)
	if err != nil {
		return nil, nil, err
	}
	log, _, err := badgerlog.Open(context.Background(), o)
	if err != nil {
		return nil, nil, err
	}
	genesis := log.Genesis()
	content, err := event.EncodeContent(event.SessionOpened{Label: "measure"})
	if err != nil {
		return nil, nil, err
	}
	draft := event.Draft{
		Type: event.SessionOpenedType, Parents: []event.ID{genesis}, Surface: event.SurfaceSystem,
		Actor:  event.Actor{ID: event.Derived(genesis, "system"), Kind: event.Service},
		Branch: event.Derived(genesis, "main"), Body: content,
	}
	return func() error {
		_, err := log.Append(context.Background(), draft)
		return err
	}, log.Close, nil
}

// timeOpens fills a log with n events as running executions do, and returns the
// milliseconds that each of some openings of it takes, a replay of all included.
func timeOpens(work string, n, times int) ([]float64, error) {
	folder, err := os.MkdirTemp(work, "d")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	o, err := logOptions(folder)
	if err != nil {
		return nil, err
	}
	if err := fillLog(o, n); err != nil {
		return nil, err
	}
	seen := 0
	o.Replay = func(uint64, event.Event) error { seen++; return nil }
	var took []float64
	for range times {
		start := time.Now()
		log, _, err := badgerlog.Open(context.Background(), o)
		if err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(start).Microseconds())/1e3)
		if err := log.Close(); err != nil {
			return nil, err
		}
	}
	return took, nil
}

func fillLog(o badgerlog.Options, n int) error {
	log, _, err := badgerlog.Open(context.Background(), o)
	if err != nil {
		return err
	}
	failed := make(chan error, sessions)
	var all sync.WaitGroup
	for range sessions {
		all.Go(func() { failed <- writeOutput(log, n/sessions) })
	}
	all.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	return log.Close()
}

// writeOutput records one execution's start and then its output.
func writeOutput(log *badgerlog.Log, n int) error {
	genesis := log.Genesis()
	d := event.Draft{Type: event.SessionOpenedType, Parents: []event.ID{genesis}, Surface: event.SurfaceSystem,
		Actor: event.Actor{ID: event.Derived(genesis, "system"), Kind: event.Service}, Branch: event.Derived(genesis, "main")}
	for i := range n {
		e, err := log.Append(context.Background(), d)
		if err != nil {
			return err
		}
		if i == 0 {
			d.Type, d.Session, d.Affected = event.ExecutionOutputType, e.ID, []event.ID{e.ID}
		}
		at, note := uint64(i)<<16, uint64(i)
		d.Facts = event.Facts{Range: &event.Range{From: at, To: at + 1<<16, Root: e.ID}, Note: &note}
		d.Parents = []event.ID{e.ID}
	}
	return nil
}
