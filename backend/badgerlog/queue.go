package badgerlog

import (
	"context"
	"runtime"
	"sync"

	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// request is one caller's event, or its wish for a seal.
type request struct {
	draft   event.Draft
	body    []byte
	hash    event.ID // of body
	lamport uint64
	seal    bool
	record  *control.Record // of the control chain, instead of a draft
	work    func() error    // what else only a leader may do
	// admission is what others wrote. It has a group to itself.
	admission *admission
	event     event.Event
	err       error
	// wake is told once: true to lead the next group, false when answered.
	wake chan bool
}

func newRequest() *request { return &request{wake: make(chan bool, 1)} }

func (r *request) answer(err error) {
	r.err = err
	r.wake <- false
}

// queue passes the turn to write from caller to caller. Whoever comes when
// nobody writes leads: it makes a group of all that wait, answers them and
// hands the turn to the next. A lone writer so never waits for another goroutine.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	led     bool
	shut    bool
	crowded bool // the last group had more than one member
}

// join adds a request; the last one shuts the queue behind itself. It reports
// whether the caller leads now, and false for ok when the queue is shut.
func (q *queue) join(r *request, last bool) (lead, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shut {
		return false, false
	}
	q.shut = last
	q.waiting = append(q.waiting, r)
	lead = !q.led
	q.led = true
	return lead, true
}

// settle lets callers that have just been answered come again, so that groups
// of many writers stay whole. It waits for nobody, and a lone writer not at all.
func (q *queue) settle() {
	for range settleRounds {
		if !q.crowded && q.length() < 2 {
			return
		}
		before := q.length()
		runtime.Gosched()
		if q.length() == before {
			return
		}
	}
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// next returns the request that waits longest, or nil. One that needs a group to
// itself comes first in a group or not at all.
func (q *queue) next(first bool) *request {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || !first && q.waiting[0].admission != nil {
		return nil
	}
	r := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	return r
}

// pass hands the turn to whoever waits longest, or to the next to come.
func (q *queue) pass() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting, q.led = nil, false
		return
	}
	q.waiting[0].wake <- true
}

// submit waits for a place, then for the request's answer. Once it waits for
// the answer it no longer listens to ctx: the write may have happened.
func (l *Log) submit(ctx context.Context, r *request) error {
	if ctx.Err() != nil {
		return errCanceled(ctx)
	}
	select {
	case l.places <- struct{}{}:
	case <-ctx.Done():
		return errCanceled(ctx)
	}
	defer func() { <-l.places }()
	return l.await(r, false)
}

func (l *Log) await(r *request, last bool) error {
	lead, ok := l.queue.join(r, last)
	if !ok {
		return errClosed()
	}
	if !lead {
		lead = <-r.wake
	}
	if lead {
		l.lead()
	}
	return r.err
}

// lead makes one group durable, of which the caller's own request is the first.
func (l *Log) lead() {
	l.queue.settle()
	g := l.group()
	err := l.finish(g)
	l.queue.crowded = len(g.members) > 1
	for _, r := range g.members {
		r.answer(err)
	}
	l.queue.pass()
}

func errCanceled(ctx context.Context) error {
	return fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "the write was given up before it began", "send it again")
}

func errClosed() error {
	return fault.New(fault.Unavailable, "log_closed", "the log is closed", "start the core again")
}
