package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/keyfile"
	"atelier.dev/atelier/backend/object"
	"atelier.dev/atelier/backend/studio"
)

// A reading is what a process of its own found that opened a log, times in
// seconds and memory in megabytes; 0 is what it did not come to. Nothing that
// wrote the log is in its memory.
type reading struct {
	Reopen       float64 // until the first object is answered
	Relate       [2]float64
	Related      map[string]int // pairs by their relation
	Head         [2]float64
	Resident     float64
	Anonymous    float64 // part of Resident that is no file's
	AtCut        []float64
	Whole        float64 // the slower of two
	ResidentCuts float64
	Peak         float64
	Opens        [2]float64
	Join         float64
	Joined       int // events that joined what was opened
}

const (
	pairs     = 100_000 // related in a round
	headsRead = 20_000
	cutsLeast = 4 // objects at old cuts in a round, however long they take
	cutsMost  = 400
	wholeCuts = 2
)

// read is the reader's side. It prints its reading to standard output whenever
// there is more, each time whole on a line, so that what is slow hides nothing.
func read(folder string, sc scale, reopenOnly bool) error {
	b, err := os.ReadFile(filepath.Join(folder, "known.json"))
	if err != nil {
		return err
	}
	var k known
	if err := json.Unmarshal(b, &k); err != nil {
		return err
	}
	r, start := reader{works: k.Works}, time.Now()
	if err := r.open(filepath.Join(folder, "data"), k); err != nil {
		return err
	}
	if _, err := r.studio.Show(context.Background(), studio.Caller{}, k.Works[0].String(), studio.Where{}); err != nil {
		return err
	}
	r.Reopen = time.Since(start).Seconds()
	r.dice = mathrand.New(mathrand.NewPCG(seed, r.log.Count()))
	parts := []func() error{r.relate, r.heads, r.opens, func() error { return r.cuts(sc.cutsFor) }, r.whole}
	if reopenOnly {
		parts = nil
	}
	for _, part := range parts {
		if err := errors.Join(r.print(), part()); err != nil {
			return err
		}
	}
	return errors.Join(r.print(), r.studio.Close(context.Background()), r.log.Close())
}

func (r *reader) print() error { return json.NewEncoder(os.Stdout).Encode(r.reading) }

type reader struct {
	reading
	works  []event.ID
	log    *badgerlog.Log
	studio *studio.Studio
	dice   *mathrand.Rand
}

// noSpools is a home without terminals.
type noSpools struct{ studio.Spools }

func (noSpools) All() ([]event.ID, error) { return nil, nil }

// open opens the log and makes objects of it, as the core does.
func (r *reader) open(folder string, k known) (err error) {
	debug.SetGCPercent(garbagePercent)
	tell := func(level, message string) {
		if level == "error" {
			fmt.Fprintln(os.Stderr, "bench: reader:", message)
		}
	}
	key := keyOf(k)
	if r.log, _, err = badgerlog.Open(context.Background(), badgerlog.Options{Dir: folder, Key: key, Tell: tell}); err != nil {
		return err
	}
	r.studio, err = studio.Open(context.Background(), studio.Ports{Log: r.log, Spools: noSpools{}, Key: keyfile.NewSigner(key),
		Boot: "measure", Now: time.Now, Random: rand.Reader, Tell: tell})
	return err
}

// garbagePercent is what the core lets garbage grow to, in percent of what lives.
const garbagePercent = 40

// some returns an event that is picked at random.
func (r *reader) some() (event.Event, error) { return r.log.EventAt(r.dice.Uint64N(r.log.Count())) }

// relate asks how pairs of events stand that are picked from all.
func (r *reader) relate() error {
	ids := make([]event.ID, 20_000)
	for n := range ids {
		e, err := r.some()
		if err != nil {
			return err
		}
		ids[n] = e.ID
	}
	r.Related = map[string]int{}
	times := make([]float64, pairs)
	for n := range times {
		a, b := ids[r.dice.IntN(len(ids))], ids[r.dice.IntN(len(ids))]
		start := time.Now()
		relation, err := r.log.Relate(a, b)
		times[n] = time.Since(start).Seconds()
		if err != nil {
			return err
		}
		r.Related[relation.String()]++
	}
	r.Relate = [2]float64{quantile(times, 0.5), quantile(times, 0.99)}
	return nil
}

// work returns the id of some work, the more often the more was written about it.
func (r *reader) work() (event.ID, error) {
	for {
		e, err := r.some()
		switch {
		case err != nil:
			return event.ID{}, err
		case e.Header.Type == event.WorkItemCreatedType:
			return e.ID, nil
		case len(e.Header.Affected) == 1:
			return e.Header.Affected[0], nil
		}
	}
}

func (r *reader) show(id event.ID, c studio.Caller, at string) (float64, error) {
	start := time.Now()
	_, err := r.studio.Show(context.Background(), c, id.String(), studio.Where{At: at})
	return time.Since(start).Seconds(), err
}

func (r *reader) heads() error {
	times := make([]float64, headsRead)
	for n := range times {
		id, err := r.work()
		if err != nil {
			return err
		}
		if times[n], err = r.show(id, studio.Caller{}, ""); err != nil {
			return err
		}
	}
	r.Head = [2]float64{quantile(times, 0.5), quantile(times, 0.99)}
	r.Resident, r.Anonymous = memoryOf(os.Getpid(), "VmRSS:"), memoryOf(os.Getpid(), "RssAnon:")
	return nil
}

// cuts asks for objects at cuts of any age, by turns as what had come at some time
// and as the past of some event.
func (r *reader) cuts(lasts time.Duration) error {
	for start := time.Now(); len(r.AtCut) < cutsLeast || time.Since(start) < lasts && len(r.AtCut) < cutsMost; {
		e, err := r.some()
		if err != nil {
			return err
		}
		id, at := e.ID, e.ID.String()
		if len(e.Header.Affected) == 1 {
			id = e.Header.Affected[0]
		}
		if len(r.AtCut)%2 == 0 {
			arrival, err := r.log.ArrivalOf(e.ID)
			if err != nil {
				return err
			}
			at = fmt.Sprintf("arrival:%d", arrival+1)
		}
		took, err := r.show(id, studio.Caller{}, at)
		if err != nil {
			return fmt.Errorf("at %s: %w", at, err)
		}
		r.AtCut = append(r.AtCut, took)
		if err := r.print(); err != nil {
			return err
		}
	}
	return nil
}

// whole asks for all that there was at two times.
func (r *reader) whole() error {
	for range wholeCuts {
		at := studio.Where{At: fmt.Sprintf("arrival:%d", 1+r.dice.Uint64N(r.log.Count()))}
		start := time.Now()
		for _, kind := range []object.Kind{object.KindWorkItem, object.KindSession, object.KindActor} {
			if _, err := r.studio.Objects(context.Background(), studio.Caller{}, studio.ObjectFilter{Kind: kind, Where: at}); err != nil {
				return err
			}
		}
		r.Whole = max(r.Whole, time.Since(start).Seconds())
	}
	r.ResidentCuts, r.Peak = memoryOf(os.Getpid(), "VmRSS:"), memoryOf(os.Getpid(), "VmHWM:")
	return nil
}

// opens has one session open the work of every other, and then write: what it
// wrote lies after all that it opened.
func (r *reader) opens() error {
	ctx := context.Background()
	o, err := r.studio.NewSession(ctx, studio.SessionRequest{Surface: event.SurfaceCLI, Label: "measure"})
	if err != nil {
		return err
	}
	c, times, first := studio.Caller{Session: o.ID}, make([]float64, len(r.works)), r.log.Count()
	for n, id := range r.works {
		if times[n], err = r.show(id, c, ""); err != nil {
			return err
		}
	}
	r.Opens = [2]float64{quantile(times, 0.5), quantile(times, 0.99)}
	start := time.Now()
	made, err := r.studio.Change(ctx, c, studio.ChangeRequest{Type: event.WorkItemCreatedType, Set: map[string]any{"title": fmt.Sprintf("measured %d", first)}})
	if err != nil {
		return err
	}
	r.Join, r.Joined = time.Since(start).Seconds(), int(r.log.Count()-first)-1
	for _, id := range r.works {
		if relation, err := r.log.Relate(id, made.Ack.Event); err != nil || relation != causal.Before {
			return errors.Join(err, fmt.Errorf("%s was opened, and is %s what was written then", id, relation))
		}
	}
	return nil
}
