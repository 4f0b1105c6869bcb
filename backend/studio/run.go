package studio

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"
	"unicode"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// run is an execution that has not ended: the link to its shim, and the one
// goroutine that turns what the shim says into events.
type run struct {
	s  *Studio
	id event.ID
	se *session // the execution's own
	// ready is closed when its shim was found, or is known to be dead; over
	// when its end is an event.
	ready, over chan struct{}
	ask         chan func(context.Context)
	catching    chan chan struct{} // asks for all that was said to be taken
	// turns orders changes of the keyboard, sizing sizes that callers ask for.
	turns, sizing sync.Mutex

	mu      sync.Mutex
	held    Held      // nil while no shim is reached
	wanted  *resizing // what a caller asked for and no note has told yet
	turned  event.ID  // the event of the newest turn; zero if an earlier core wrote it
	end     uint64
	pid     int64
	epoch   uint64 // the highest that was ever used
	tickets map[attach.Ticket]*operator
	driver  attach.Ticket
	turnOf  map[uint64]event.Turn // who drives under the newest epochs
	stirred chan struct{}         // says that end or notes have changed
	notes   []attach.Note
	missed  bool // there was no room for one
	// troubles is what fails and is tried again, by the work that it is.
	troubles map[string]trouble

	// Only the recording goroutine uses these.
	spool    Spool
	recorded uint64 // the end of what events name
	noted    uint64 // the last note that is accounted for
	unbegun  error  // why the launch failed, if it did
	unborn   bool   // no shim has said that it is about to start the program
}

// operator is an admitted attachment.
type operator struct {
	Session event.ID
	Label   string
	// Sender is true for input that came by a call, without an attachment.
	Sender bool `json:",omitempty"`

	connected bool
	leaving   *time.Timer
}

// keptRun is what is kept of a run between two cores: who was admitted.
type keptRun struct {
	Tickets map[string]*operator
	Driver  string
}

func ticketsKey(id event.ID) string { return "tickets/" + id.String() }

// newRun makes the run of an execution as the objects have it.
func (s *Studio) newRun(id event.ID, pastOf []event.ID, recorded, noted, epoch uint64) *run {
	return &run{s: s, id: id, ready: make(chan struct{}), over: make(chan struct{}), ask: make(chan func(context.Context)), catching: make(chan chan struct{}),
		se:      &session{id: id, actor: s.system, surface: event.SurfaceSystem, own: true, deps: pastOf},
		tickets: map[attach.Ticket]*operator{}, turnOf: map[uint64]event.Turn{}, stirred: make(chan struct{}, 1), troubles: map[string]trouble{},
		end: recorded, recorded: recorded, noted: noted, epoch: epoch}
}

// reach returns the link to the shim of an execution. Reasons: shim_gone,
// execution_ended.
func (r *run) reach(ctx context.Context) (Held, error) { return r.reachAnew(ctx, nil) }

// reachAnew returns a link that is not the one that has failed. A program that
// ends takes its link with it before its end is an event: that is waited for.
func (r *run) reachAnew(ctx context.Context, failed Held) (Held, error) {
	select {
	case <-r.ready:
	case <-ctx.Done():
		return nil, fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "the call was given up", "send it again")
	}
	ctx, cancel := context.WithTimeout(ctx, linkWait)
	defer cancel()
	for {
		news := r.s.newsNow()
		r.mu.Lock()
		held := r.held
		r.mu.Unlock()
		if held != nil && held != failed {
			return held, nil
		}
		select {
		case <-r.over:
			return nil, r.ended()
		default:
		}
		if err := r.s.await(ctx, news); err != nil {
			return nil, r.outOfReach()
		}
	}
}

// ended is execution_ended of this execution.
func (r *run) ended() error {
	x, _ := r.s.execution(r.id)
	return ended(x)
}

func ended(x *object.Execution) error {
	name := "the program"
	if x != nil {
		name = x.Name.Default().Value
	}
	return fault.New(fault.FailedPrecondition, "execution_ended", name+" has ended", "read what it wrote with `atelier transcript "+shellWord(name)+"`")
}

// shellWord is a name as a shell takes it.
func shellWord(name string) string {
	special := func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._-", c)
	}
	if strings.ContainsFunc(name, special) {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}

// within runs work in the recording goroutine, between what it hears. It alone
// writes the end: reason execution_ended when that came first.
func (r *run) within(ctx context.Context, work func(context.Context) error) error {
	done := make(chan error, 1)
	select {
	case r.ask <- func(ctx context.Context) { done <- work(ctx) }:
	case <-r.over:
		return r.ended()
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "the call was given up", "send it again")
	case <-r.s.ctx.Done():
		return closing()
	}
	return <-done
}

func closing() error {
	return fault.New(fault.Unavailable, "core_stopping", "the core is ending", "send it again; the next core goes on")
}

// flush makes events of all bytes that are there, so that any may be cited. The
// end of the program does so by itself.
func (r *run) flush(ctx context.Context) error {
	err := r.within(ctx, r.recordAll)
	if fault.Is(err, "execution_ended") {
		return nil
	}
	return err
}

// act writes what somebody does to a program that lives. The execution's next
// event follows it, and it follows the event that made the execution, which its
// author has named. Reason execution_ended when the end is an event already:
// what is done to a program that has ended would be void.
func (r *run) act(ctx context.Context, by *session, d event.Draft, basedOn ...event.ID) (e event.Event, err error) {
	d.Affected, basedOn = []event.ID{r.id}, append(basedOn, r.id)
	err = r.within(ctx, func(context.Context) error {
		if e, err = r.s.write(ctx, by, d, basedOn...); err != nil || by == r.se {
			return err
		}
		return r.s.used(r, e.ID)
	})
	return e, err
}

// written is the end of the stream as the shim told it last.
func (r *run) written() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end
}

// hear takes what the shim says until the link breaks. Who is catching up knows
// that what was said before is taken: the link gives an answer after that.
func (r *run) hear(held Held) {
	for {
		select {
		case f, more := <-held.Heard():
			if !more {
				return
			}
			r.takes(f)
		case taken := <-r.catching:
			for range len(held.Heard()) {
				if f, more := <-held.Heard(); more {
					r.takes(f)
				}
			}
			close(taken)
		}
	}
}

// takes takes a frame of the shim. Sizes coalesce, notes wait.
func (r *run) takes(f attach.Frame) {
	switch f := f.(type) {
	case attach.Wrote:
		r.mu.Lock()
		r.end = max(r.end, f.End)
		r.mu.Unlock()
	case attach.Held:
		r.isHeld(f)
		return
	case attach.Note:
		r.queue(f)
	}
	r.stir()
}

func (r *run) stir() {
	select {
	case r.stirred <- struct{}{}:
	default:
	}
}

// queue keeps a note until it is an event. When there are too many the shim
// waits with us; but not for what fails, which may last: requests to the shim
// are answered behind its notes, and what is left out is asked for anew.
func (r *run) queue(n attach.Note) {
	for !r.tryQueue(n) {
		select {
		case <-r.s.ctx.Done():
			return
		case <-time.After(watchEvery):
		}
	}
}

func (r *run) tryQueue(n attach.Note) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = max(r.end, n.Offset)
	if len(r.notes) < noteQueue {
		r.notes = append(r.notes, n)
		return true
	}
	if r.held != nil && r.troubles[noting].err == nil {
		return false
	}
	r.missed = true
	return true
}

// allHeard tells when a note was left out.
func (r *run) allHeard() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.missed {
		return missing("there was no room for a note")
	}
	return nil
}

// firstNote is the note that waits longest.
func (r *run) firstNote() (n attach.Note, waits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notes) == 0 {
		return n, false
	}
	return r.notes[0], true
}

func (r *run) dropNote() {
	r.mu.Lock()
	r.notes = r.notes[1:]
	r.mu.Unlock()
}

// failure is what keeps notes from becoming events, for whoever waits for one.
func (r *run) failure() error {
	if err := r.trouble(noting); err != nil {
		return err
	}
	return r.trouble(settling)
}

// isHeld is told at adoption for each ticket that the shim knows.
func (r *run) isHeld(h attach.Held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.tickets[h.Ticket]; o != nil && h.Connected {
		o.connected = true
		if o.leaving != nil {
			o.leaving.Stop()
		}
	}
}

// keep saves who is admitted, for the core after this one.
func (r *run) keep() error {
	r.mu.Lock()
	kept := keptRun{Tickets: map[string]*operator{}}
	for t, o := range r.tickets {
		kept.Tickets[ticketText(t)] = o
	}
	if !r.driver.IsZero() {
		kept.Driver = ticketText(r.driver)
	}
	state, err := json.Marshal(kept)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.s.p.Log.SaveState(ticketsKey(r.id), state)
}

// admit lets a ticket in, and remembers whose it is before the shim does.
func (r *run) admit(ctx context.Context, held Held, t attach.Ticket, o *operator) error {
	r.mu.Lock()
	r.tickets[t] = o
	r.mu.Unlock()
	if err := r.keep(); err != nil {
		return err
	}
	return held.Do(ctx, attach.Admit{Ticket: t, MayDrive: true, Label: o.Label})
}

// forget drops a ticket here and in the shim.
func (r *run) forget(ctx context.Context, t attach.Ticket) error {
	r.mu.Lock()
	if o := r.tickets[t]; o != nil && o.leaving != nil {
		o.leaving.Stop()
	}
	delete(r.tickets, t)
	held := r.held
	r.mu.Unlock()
	if err := r.keep(); err != nil {
		return err
	}
	if held == nil {
		return nil
	}
	return held.Do(ctx, attach.Dismiss{Ticket: t})
}
