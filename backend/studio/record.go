package studio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// follow records what the shim says until the link breaks or the core ends, or a
// note is missing, for which the shim is asked anew. What cannot be recorded is
// tried again after a pause. It returns true when the end of the program is an
// event.
func (r *run) follow(ctx context.Context, held Held) (over bool, err error) {
	broken := r.listen(held)
	defer r.unfollow(broken)
	next := time.NewTimer(outputEvery)
	defer next.Stop()
	due, paused := true, false // next runs; nothing is tried before
	for {
		select {
		case <-r.stirred:
			if !paused {
				over, err = r.takeIn(ctx, false)
			}
		case <-next.C:
			due = false
			over, err = r.takeIn(ctx, true)
		case work := <-r.ask:
			work(ctx)
		case <-broken:
			return r.takeIn(ctx, false)
		case <-ctx.Done():
			return false, nil
		}
		if over || fault.Is(err, "note_missing") {
			return over, err
		}
		paused = err != nil
		if !due && (paused || r.written() > r.recorded) {
			next.Reset(outputEvery)
			due = true
		}
	}
}

// listen hears the shim until the link breaks.
func (r *run) listen(held Held) (broken <-chan struct{}) {
	done := make(chan struct{})
	r.s.work.Add(1)
	go func() {
		defer r.s.work.Done()
		r.hear(held)
		close(done)
	}()
	return done
}

// unfollow drops the link, and the notes of which the next one tells anew.
func (r *run) unfollow(broken <-chan struct{}) {
	r.lose()
	<-broken
	r.mu.Lock()
	r.notes, r.missed = nil, false
	r.mu.Unlock()
}

// takeIn makes events of the notes that wait, and of output: of all of it, or of
// whole ranges only. Neither waits for what the other fails with.
func (r *run) takeIn(ctx context.Context, all bool) (over bool, err error) {
	over, err = r.takeNotes(ctx)
	if over {
		return true, nil
	}
	to := r.written()
	if !all {
		to = r.recorded + (to-r.recorded)/event.MaxRange*event.MaxRange
	}
	if to > r.recorded {
		err = errors.Join(err, r.outcome(outputting, r.record(ctx, to)))
	}
	return false, err
}

// takeNotes accounts for the notes that wait, in their order. One that cannot
// become an event stays, and all after it.
func (r *run) takeNotes(ctx context.Context) (over bool, err error) {
	for {
		n, waits := r.firstNote()
		if !waits {
			return false, r.allHeard()
		}
		over, err = r.takeNote(ctx, n)
		if fault.Is(err, "note_missing") || r.outcome(noting, err) != nil || over {
			return over, err
		}
		r.dropNote()
	}
}

// takeNote accounts for a note that is the next one. One that the shim tells again
// is passed over. Behind one that never came nothing is taken: the record would
// say that both are accounted for.
func (r *run) takeNote(ctx context.Context, n attach.Note) (over bool, err error) {
	switch {
	case n.Index <= r.noted:
		return false, nil
	case n.Index > r.noted+1:
		return false, missing(fmt.Sprintf("note %d came where %d is the next", n.Index, r.noted+1))
	}
	return r.account(ctx, n)
}

func missing(how string) error {
	return fault.New(fault.Unavailable, "note_missing", how, "wait; the core asks for it again")
}

// record makes events of the bytes up to an offset. The bytes are durable first:
// a range that is named can be checked for ever.
func (r *run) record(ctx context.Context, to uint64) error {
	if to <= r.recorded {
		return nil
	}
	if last := r.trouble(outputting); last != nil && r.s.p.Log.ReadOnly() != "" {
		return last // and no byte is read for an event that cannot be
	}
	if err := r.spool.Sync(); err != nil {
		return err
	}
	for r.recorded < to {
		end := min(r.recorded+event.MaxRange, to)
		root, err := r.spool.Root(r.recorded, end)
		if err != nil {
			return err
		}
		facts := event.Facts{Range: &event.Range{From: r.recorded, To: end, Root: root}}
		if err := r.write(ctx, event.ExecutionOutputType, facts, ""); err != nil {
			return err
		}
		r.recorded = end
	}
	return nil
}

// recordAll makes events of all bytes that are there.
func (r *run) recordAll(ctx context.Context) error {
	if r.spool == nil {
		return nil // there never was a byte
	}
	end, err := r.spool.End()
	if err != nil {
		return err
	}
	return r.record(ctx, end)
}

// write appends an event of the execution's own session. It states the last
// note that is accounted for, so that the next core goes on after it.
func (r *run) write(ctx context.Context, t event.Type, facts event.Facts, why string) error {
	noted := r.noted
	facts.Note = &noted
	_, err := r.s.write(ctx, r.se, event.Draft{Type: t, Affected: []event.ID{r.id}, Facts: facts,
		Body: encode(&event.Remark{Why: why})})
	return err
}

// account makes the event that a note asks for. It returns true at the end.
// What was written before the end is recorded first, by events that do not
// account for the note yet: the core may be killed in between.
func (r *run) account(ctx context.Context, n attach.Note) (over bool, err error) {
	if n.Kind == attach.NoteExited || n.Kind == attach.NoteFailed {
		if err := r.recordLast(ctx, n.Offset); err != nil {
			return false, err
		}
	}
	before := r.noted
	r.noted = n.Index
	over, err = r.eventOf(ctx, n)
	if err != nil {
		r.noted = before
		return false, err
	}
	return over, nil
}

// recordLast makes events of the bytes before an end. The end is known even when
// some of them are gone by now.
func (r *run) recordLast(ctx context.Context, offset uint64) error {
	end, err := r.spool.End()
	if err != nil {
		return err
	}
	return r.record(ctx, min(offset, end))
}

// gone says how many bytes before an offset were never recorded.
func (r *run) gone(offset uint64) string {
	if offset <= r.recorded {
		return ""
	}
	return plural(offset-r.recorded, "byte") + " of what it wrote are gone"
}

func (r *run) eventOf(ctx context.Context, n attach.Note) (over bool, err error) {
	switch n.Kind {
	case attach.NoteStarted:
		r.mu.Lock()
		r.pid = int64(n.PID)
		r.mu.Unlock()
		return false, r.write(ctx, event.ExecutionRunningType, event.Facts{State: "running", Size: sizeOf(n)}, "")
	case attach.NoteAttached:
		r.isHeld(attach.Held{Ticket: n.Ticket, Connected: true})
		return false, nil
	case attach.NoteDetached:
		r.hasLeft(n.Ticket, n.Left)
		return false, nil
	case attach.NoteInput:
		typed := n.Count
		return false, r.write(ctx, event.ExecutionInputType, event.Facts{Typed: &typed, Turn: r.turnUnder(n.Epoch)}, "")
	case attach.NoteResized:
		return false, r.isSized(ctx, n)
	case attach.NoteSuspended:
		return false, r.write(ctx, event.ExecutionSuspendedType, event.Facts{State: "suspended"}, valid(n.Message))
	case attach.NoteResumed:
		return false, r.write(ctx, event.ExecutionRecoveredType, event.Facts{State: "running"}, "there is room again")
	case attach.NoteExited:
		return true, r.hasEnded(ctx, event.Exit{Status: uint64(n.Status), Signal: uint64(n.Signal)}, r.gone(n.Offset))
	case attach.NoteFailed:
		return true, r.hasFailed(ctx, n)
	}
	return false, nil // of a newer shim: nothing that this core could say
}

func sizeOf(n attach.Note) *event.Size {
	if n.Cols == 0 || n.Rows == 0 {
		return nil
	}
	return &event.Size{Cols: uint64(n.Cols), Rows: uint64(n.Rows)}
}

// turnUnder is who drove under an epoch; unknown after a restart it is nobody.
func (r *run) turnUnder(epoch uint64) *event.Turn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if turn, known := r.turnOf[epoch]; known {
		return &turn
	}
	if epoch == 0 {
		return nil
	}
	return &event.Turn{Epoch: epoch}
}

func (r *run) hasEnded(ctx context.Context, exit event.Exit, why string) error {
	return r.write(ctx, event.ExecutionExitedType, event.Facts{State: "exited", Exit: &exit}, why)
}

// The statuses that a shell gives when a program cannot be run.
const (
	statusNotExecutable = 126
	statusNotFound      = 127
)

// hasFailed is a program that never ran: the kernel refused it, or the shim
// had no whole launch.
func (r *run) hasFailed(ctx context.Context, n attach.Note) error {
	const notFound = 2 // ENOENT: the file, or the interpreter that it names
	switch n.Errno {
	case 0:
		return r.isLost(ctx, valid(n.Message))
	case notFound:
		return r.hasEnded(ctx, event.Exit{Status: statusNotFound}, valid(n.Message))
	}
	return r.hasEnded(ctx, event.Exit{Status: statusNotExecutable}, valid(n.Message))
}

func (r *run) isLost(ctx context.Context, why string) error {
	return r.write(ctx, event.ExecutionLostType, event.Facts{State: "lost"}, why)
}

// hasLeft is an operator whose last connection has ended. One that said so
// leaves at once; another may come back for a while.
func (r *run) hasLeft(t attach.Ticket, said bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.tickets[t]
	if o == nil {
		return
	}
	o.connected = false
	if o.leaving != nil {
		o.leaving.Stop()
	}
	wait := reconnectGrace
	if said {
		wait = 0
	}
	o.leaving = time.AfterFunc(wait, func() { r.leaves(t) })
}

// leaves records that an operator has left, and that nobody drives if it did.
func (r *run) leaves(t attach.Ticket) {
	if r.s.ctx.Err() != nil {
		return
	}
	r.s.work.Add(1)
	defer r.s.work.Done()
	r.mu.Lock()
	o := r.tickets[t]
	gone := o != nil && !o.connected
	r.mu.Unlock()
	if !gone {
		return
	}
	ctx, cancel := context.WithTimeout(r.s.ctx, settleWait)
	defer cancel()
	for _, err := range []error{r.release(ctx, t), r.forget(ctx, t)} {
		if !hasGone(err) { // else it has left with the program
			r.s.tell("an operator's leaving", err)
		}
	}
	if !o.Sender {
		_, err := r.s.write(ctx, r.se, event.Draft{Type: event.ExecutionDetachedType, Affected: []event.ID{r.id},
			Facts: event.Facts{Operator: o.Session}})
		r.s.tell("an operator's leaving", err)
	}
}
