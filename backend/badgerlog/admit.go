package badgerlog

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Batch is what another replica sent of the workspace: runs of chains with the
// seals that prove them, and records of the control chain. It is quickest where
// what an event rests on comes before it, and any other order is taken too.
type Batch struct {
	Runs    []event.Run
	Records []SentRecord
}

// SentRecord is a record of the control chain with the signatures that certify it.
type SentRecord struct {
	event.Sent
	Certificates []event.Certificate
}

// Admission tells what became of a batch.
type Admission struct {
	// Taken counts events and records that are durable now and were not before;
	// some may have waited since an earlier batch.
	Taken int
	// Known counts those that were here already.
	Known int
	// Waiting counts all that wait now for what they rest on. They are held in
	// memory alone, within bounds, and have to be sent again when they are dropped.
	Waiting int
	// Refused are those that were not taken, at most MaxRefused; More counts the rest.
	Refused []Refusal
	More    int
	// Missing is what the waiting need and nobody has sent: ask for it.
	Missing []Missing
	// Forked are the chains of which this batch proved two histories.
	Forked []event.Chain
}

// Refusal says of an event why it was not taken, and whose fault that is.
type Refusal struct {
	Chain event.Chain
	Seq   uint64
	ID    event.ID
	Fault error
	Blame Blame
}

// Blame says whose fault a refusal is.
type Blame uint8

// Who is to blame. What an author signed is kept as proof against it.
const (
	BlameNobody Blame = 0
	BlameSender Blame = 1
	BlameAuthor Blame = 2
)

// Missing is an event or record that is not here. Of some only the id is known.
type Missing struct {
	ID    event.ID
	Chain event.Chain
	Seq   uint64
}

// Admit takes what another replica sent, in groups that become durable one after
// another. All of it is checked: by itself (event.Run.Open), and against what is
// here, in this order: place on its chain, parents, lamport, basis, enrolment and
// the seal before. What is here already changes nothing, so a batch may be sent
// again. What was taken is closed under parents and chains at any moment, so an
// admission that fails in the middle leaves no half: what it tells was taken is
// durable. Faults: canceled, log_closed, read_only, data_loss.
func (l *Log) Admit(ctx context.Context, b Batch) (Admission, error) {
	a := &admission{log: l, records: map[event.ID]*candidate{}}
	a.openRecords(b.Records)
	stop := a.openRuns(b.Runs)
	defer stop()
	for {
		a.fill(ctx)
		if err := ctx.Err(); err != nil {
			return a.told, errCanceled(ctx)
		}
		r := newRequest()
		r.admission = a
		err := l.submit(ctx, r)
		if err == nil {
			err = a.failed
		}
		if err != nil || a.done {
			return a.told, err
		}
	}
}

// admission is one call of Admit. Whoever leads the queue changes it, and its
// caller between the groups.
type admission struct {
	log  *Log
	todo []*candidate // to be looked at, in order
	back []*candidate // of forked chains: taken only if others descend from them
	// records are those that no event has asked for yet; ranked has all, as they
	// were sent.
	records map[event.ID]*candidate
	ranked  []*candidate
	opening chan *opening
	told    Admission
	opened  bool // all runs were taken from opening
	done    bool
	failed  error
}

// candidate is an event that was sent and is not here yet.
type candidate struct {
	event.Received
	run          *run // nil for a record
	certificates []event.Certificate
	wanted       bool       // what others wrote descends from it
	held         bool       // it waits
	taken        bool       // this admission took it
	needs        []event.ID // what it waits for
	unmet        int        // how many of these are still missing
}

// run is what the events under one seal share.
type run struct {
	seal     event.Seal
	id       event.ID
	ids      []event.ID // all under the seal; nil where only paths prove them
	compared bool
	exposes  bool   // it was the first to show a second history: both are kept
	kept     *cover // where its seal is kept, once it is
	holds    int    // how many of its events wait
}

// opening is a run that is checked by itself, on a goroutine of its own.
type opening struct {
	sent   *event.Run
	opened *event.Opened
	err    error
	ready  chan struct{}
}

// openRuns checks runs by themselves side by side, a few ahead of their turn.
func (a *admission) openRuns(sent []event.Run) (stop func()) {
	end := make(chan struct{})
	a.opening = make(chan *opening, openAhead*runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	all.Go(func() {
		defer close(a.opening)
		for i := range sent {
			o := &opening{sent: &sent[i], ready: make(chan struct{})}
			select {
			case a.opening <- o:
				all.Go(func() { o.opened, o.err = o.sent.Open(); close(o.ready) })
			case <-end:
				return
			}
		}
	})
	return func() { close(end); all.Wait() }
}

// fill takes as many opened runs as make a group.
func (a *admission) fill(ctx context.Context) {
	size, count := 0, 0
	for _, c := range a.todo {
		size, count = size+c.size(), count+1
	}
	for !a.opened && size < maxAdmitBytes && count < maxAdmitEvents {
		o, more := <-a.opening
		if !more {
			a.opened = true
			break
		}
		select {
		case <-o.ready:
		case <-ctx.Done():
			return
		}
		if o.err != nil {
			a.refuseRun(o.sent, o.err)
			continue
		}
		for _, c := range candidatesOf(o.opened) {
			a.todo = append(a.todo, c)
			size, count = size+c.size(), count+1
		}
	}
}

func candidatesOf(o *event.Opened) []*candidate {
	r := &run{seal: o.Seal, id: o.ID, ids: o.IDs}
	r.seal.Signature = slices.Clone(o.Seal.Signature) // the batch is its sender's
	all := make([]candidate, len(o.Events))
	each := make([]*candidate, len(o.Events))
	for i := range o.Events {
		all[i] = candidate{Received: o.Events[i], run: r}
		each[i] = &all[i]
	}
	return each
}

// openRecords reads records by themselves. What stands against one is told when it
// is looked at.
func (a *admission) openRecords(sent []SentRecord) {
	for i := range sent {
		s := &sent[i]
		c := &candidate{certificates: s.Certificates}
		c.Bytes, c.ID = s.Header, event.BodyHash(s.Header)
		if _, c.Fault = event.ReadHeader(&c.Header, s.Header); c.Fault == nil && len(s.Body) > 0 {
			if c.Body = s.Body; event.BodyHash(s.Body) != c.Header.BodyHash {
				c.Fault = fault.New(fault.InvalidArgument, "body_hash", "the body is not the one that the header names", "drop it; the program that sent it is at fault")
			}
		}
		c.Seq = c.Header.Seq
		if _, twice := a.records[c.ID]; !twice {
			a.records[c.ID] = c
			a.ranked = append(a.ranked, c)
		}
	}
}

func (c *candidate) chain() event.Chain {
	if c.run != nil {
		return c.run.seal.Replica
	}
	return c.Header.Replica
}

// size is about what the candidate takes in the store.
func (c *candidate) size() int { return recordFrame + len(c.Bytes) + len(c.Body) }

func (a *admission) refuse(c *candidate, err error, blame Blame) {
	a.told.refuse(Refusal{Chain: c.chain(), Seq: c.Seq, ID: c.ID, Fault: err, Blame: blame})
}

func (a *admission) refuseRun(r *event.Run, err error) {
	a.told.refuse(Refusal{Chain: r.Seal.Replica, Seq: r.From, Fault: err, Blame: BlameSender})
}

func (t *Admission) refuse(r Refusal) {
	if len(t.Refused) == MaxRefused {
		t.More++
		return
	}
	t.Refused = append(t.Refused, r)
}

// String tells an admission in one line.
func (t Admission) String() string {
	return fmt.Sprintf("%d taken, %d known, %d waiting, %d refused, %d missing", t.Taken, t.Known, t.Waiting, len(t.Refused)+t.More, len(t.Missing))
}
