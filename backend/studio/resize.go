package studio

import (
	"context"
	"errors"
	"fmt"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// resizing is a size that somebody has asked for, and that no note has told yet.
type resizing struct {
	size  event.Size
	by    *session
	event chan event.ID // what it became; has room for it
}

// Resize sets the size of a terminal. Whoever drives may set it again. It answers
// with the event that the size became, written as the caller's; of a terminal
// that has the size already with its last one. Reasons: size, execution_ended,
// resize_unseen.
func (s *Studio) Resize(ctx context.Context, c Caller, ref string, cols, rows uint32) (event.ID, Ack, error) {
	if cols < 1 || rows < 1 || cols > sizeMax || rows > sizeMax {
		return event.ID{}, Ack{}, badSize()
	}
	se, r, held, err := s.reached(ctx, c, ref)
	if err != nil {
		return event.ID{}, Ack{}, err
	}
	// A caller that gives up is no reason not to say in the log who asked.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), resizeWait, fmt.Errorf("no answer came for %v", resizeWait))
	defer cancel()
	became, err := r.resize(ctx, held, &resizing{event.Size{Cols: uint64(cols), Rows: uint64(rows)}, se, make(chan event.ID, 1)})
	if err != nil {
		return r.id, Ack{}, err
	}
	ack, err := s.ack(c, became)
	return r.id, ack, err
}

func (r *run) resize(ctx context.Context, held Held, wanted *resizing) (event.ID, error) {
	r.sizing.Lock()
	defer r.sizing.Unlock()
	r.want(wanted)
	defer r.want(nil)
	if err := held.Do(ctx, attach.ResizeByCore{Cols: uint16(wanted.size.Cols), Rows: uint16(wanted.size.Rows)}); err != nil {
		return event.ID{}, err
	}
	return r.became(ctx, wanted)
}

func (r *run) want(size *resizing) {
	r.mu.Lock()
	r.wanted = size
	r.mu.Unlock()
}

// became returns the event of a size that the shim has set. The same size again
// is no change, and there is no note of it: that is known when all that the shim
// said before its answer is accounted for.
func (r *run) became(ctx context.Context, wanted *resizing) (event.ID, error) {
	if err := r.caughtUp(ctx); err != nil {
		return event.ID{}, err
	}
	select {
	case id := <-wanted.event:
		return id, nil
	default:
	}
	if x, _ := r.s.execution(r.id); x.Size == wanted.size {
		return r.s.newest(x.Frontier)
	}
	select {
	case id := <-wanted.event:
		return id, nil
	case <-r.over:
		return event.ID{}, r.ended()
	case <-ctx.Done():
		return event.ID{}, unseen()
	}
}

// newest is the event of a version that was written last.
func (s *Studio) newest(version []event.ID) (id event.ID, err error) {
	var last uint64
	for _, head := range version {
		e, err := s.p.Log.Event(head)
		if err != nil {
			return id, err
		}
		if id.IsZero() || e.Header.Seq > last {
			id, last = head, e.Header.Seq
		}
	}
	return id, nil
}

// caughtUp waits until what the shim has said so far is accounted for.
func (r *run) caughtUp(ctx context.Context) error {
	taken := make(chan struct{})
	select {
	case r.catching <- taken:
		<-taken
	case <-r.over:
		return r.ended()
	case <-ctx.Done():
		return unseen()
	}
	var err error
	for waiting := true; waiting && err == nil; {
		err = r.within(ctx, func(context.Context) error {
			_, waiting = r.firstNote()
			return r.failure()
		})
	}
	return err
}

func unseen() error {
	return fault.New(fault.DeadlineExceeded, "resize_unseen", "the terminal was resized, and that is not recorded yet",
		"see `atelier ps` and `atelier core logs`")
}

// isSized makes the event of a size: it is of whoever asked for it, and else came
// with the window of who drives, which the core writes down.
func (r *run) isSized(ctx context.Context, n attach.Note) error {
	size := sizeOf(n)
	r.mu.Lock()
	wanted := r.wanted
	r.mu.Unlock()
	if wanted == nil || size == nil || *size != wanted.size {
		return r.write(ctx, event.ExecutionResizedType, event.Facts{Size: size}, "")
	}
	noted := r.noted
	e, err := r.s.write(ctx, wanted.by, event.Draft{Type: event.ExecutionResizedType, Affected: []event.ID{r.id},
		Facts: event.Facts{Size: size, Note: &noted}}, append(wanted.by.basis(r.id), r.id)...)
	if e.ID.IsZero() {
		return err
	}
	r.want(nil)
	wanted.event <- e.ID
	// The note is an event, whatever fails now: it must not become another.
	r.s.tell("following a size that was asked for", errors.Join(err, r.s.used(r, e.ID)))
	return nil
}
