package badgerlog

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// part is a run of events that one goroutine reads and checks by itself.
type part struct {
	from, to uint64
	events   []event.Event
	firsts   []uint64 // of the runs that begin here
	err      error
	read     chan struct{}
}

// replay reads the log at Open from an arrival on: every event is decoded, held to
// its hash and its chain, given to the order and to Options.Replay, in the order
// of arrival. Parts are read side by side, a few ahead of their turn.
func (l *Log) replay(ctx context.Context, from uint64) error {
	parts, stop := make(chan *part, min(runtime.GOMAXPROCS(0), replayAhead)), make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		defer close(parts)
		for ; from < l.at.Events; from += replayPart {
			p := &part{from: from, to: min(from+replayPart, l.at.Events), read: make(chan struct{})}
			select {
			case parts <- p:
				readers.Go(func() { l.readPart(p) })
			case <-stop:
				return
			case <-ctx.Done():
				return
			}
		}
	})
	err := l.takeParts(parts)
	close(stop)
	readers.Wait()
	if err == nil && ctx.Err() != nil {
		return fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "opening the log was given up", "open it again")
	}
	return err
}

func (l *Log) readPart(p *part) {
	defer close(p.read)
	p.events = make([]event.Event, p.to-p.from)
	begin, err := l.firstOf(p.from)
	if err != nil {
		p.err = dataLoss("event_lost", fmt.Sprintf("event %d cannot be read: %v", p.from, err))
		return
	}
	p.err = l.scan(p.from, p.to, func(n uint64, run []byte) error {
		if n > p.from || begin == n {
			p.firsts = append(p.firsts, n)
		}
		for ; len(run) > 0 && n < p.to; n++ {
			record, rest, ok := cutRecord(run)
			if !ok {
				return dataLoss("event_damaged", fmt.Sprintf("event %d is damaged: its run is cut", n))
			}
			if err := readRecord(&p.events[n-p.from], n, record); err != nil {
				return err
			}
			run = rest
		}
		return nil
	})
}

func (l *Log) takeParts(parts <-chan *part) error {
	l.orderMu.Lock()
	l.ids.reserve(l.at.Events)
	l.orderMu.Unlock()
	for p := range parts {
		<-p.read
		if p.err != nil {
			return p.err
		}
		l.runs.add(p.to, p.firsts...)
		for i := range p.events {
			if err := l.take(p.from+uint64(i), &p.events[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Log) take(n uint64, e *event.Event) error {
	l.orderMu.Lock()
	follows, err := l.follows(e), error(nil)
	if follows {
		err = l.learn(e)
	}
	l.orderMu.Unlock()
	if !follows {
		return dataLoss("chain_broken", fmt.Sprintf("event %d does not follow the one before on its chain", n))
	}
	if err != nil {
		return dataLoss("order_broken", fmt.Sprintf("event %d does not follow its parents: %v", n, err))
	}
	if l.o.Replay == nil {
		return nil
	}
	return l.o.Replay(n, *e)
}
