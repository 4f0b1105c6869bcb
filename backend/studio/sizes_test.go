package studio

import (
	"context"
	"testing"
	"time"

	"atelier.dev/atelier/backend/event"
)

// Sizes are told once, and again when they are others, each time with a frontier
// that is not newer than they are.
func TestSizesAreToldWhenTheyChange(t *testing.T) {
	w := newWorld(t)
	w.p.Sizes = func() ([]Size, error) { return []Size{{"events", w.log.Count(), 0}}, nil }
	c := w.caller(event.SurfaceCLI)
	type told struct {
		events uint64
		read   Frontier
	}
	ctx, stop := context.WithCancel(background)
	all, over := make(chan told), make(chan error, 1)
	go func() {
		over <- w.WatchSizes(ctx, c, func(sizes []Size, read Frontier) error {
			select {
			case all <- told{sizes[0].Count, read}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	next := func() told {
		select {
		case got := <-all:
			return got
		case <-time.After(patience):
			t.Fatal("nothing is told")
			return told{}
		}
	}
	before := next()
	w.add(c, "logs")
	after := next()
	if after.events <= before.events {
		t.Errorf("told are %d events, then %d", before.events, after.events)
	}
	for _, one := range []told{before, after} {
		if n := one.read[0].Seq + one.read[1].Seq + 2; n > one.events {
			t.Errorf("the frontier has %d events, and the sizes %d", n, one.events)
		}
	}
	select {
	case got := <-all:
		t.Errorf("without a change it tells %+v", got)
	case <-time.After(2 * sizesEvery): // what is not told cannot be waited for
	}
	stop()
	<-over
}
