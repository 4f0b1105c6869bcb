package shimlink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/studio"
)

// Adopt connects to the shim of a spool folder, asking for the notes after an
// index. Reasons: shim_dead when its process has ended; shim_silent when the
// process lives and does not answer, which may pass; shim_version when it speaks
// another version; shim_unreachable when it lives and what leads to it was removed;
// shim_foreign, shim_key, shim_notes, launch_exposed,
// launch_damaged when something is wrong with it.
func (s *Shims) Adopt(ctx context.Context, folder string, after uint64) (studio.Held, error) {
	r, err := s.find(folder)
	if err != nil {
		return nil, err
	}
	h, err := r.connect(ctx, after)
	if err != nil {
		return nil, r.judge(ctx, err)
	}
	return h, nil
}

func (r record) connect(ctx context.Context, after uint64) (*link, error) {
	w, err := dial(ctx, r.Socket, r.PID)
	if err != nil {
		return nil, err
	}
	holding, err := r.hail(ctx, w, after)
	if err != nil {
		w.conn.Close()
		return nil, err
	}
	return newLink(w, r.Socket, holding), nil
}

// hail shows the key of the launch, and hears what the shim holds.
func (r record) hail(ctx context.Context, w *wire, after uint64) (attach.Holding, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, holdingWait, fmt.Errorf("it did not answer for %v", holdingWait))
	defer cancel()
	inTime := w.until(ctx)
	f, err := w.ask(attach.Core{Version: attach.Version, Key: r.key, Note: after})
	if !inTime() {
		return attach.Holding{}, why(ctx, err)
	}
	if err != nil {
		return attach.Holding{}, err
	}
	switch f := f.(type) {
	case attach.Holding:
		if f.Version != attach.Version {
			return f, otherVersion(int(f.Version), "it said so")
		}
		return f, nil
	case attach.Refused:
		return attach.Holding{}, hailRefused(f, r.Version)
	default:
		return attach.Holding{}, unexpected(f)
	}
}

// judge tells an end of the process from its silence.
func (r record) judge(ctx context.Context, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f
	}
	if r.ends(ctx) {
		return dead(fmt.Sprintf("process %d has ended", r.PID))
	}
	if unheard(err) {
		return socketless(r.PID, err)
	}
	return silent(r.PID, err)
}

// ends waits a moment for the end of a process that does not answer: one that is
// about to end has let go of its socket already.
func (r record) ends(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, endWait)
	defer cancel()
	look := time.NewTicker(endEvery)
	defer look.Stop()
	for !r.ended() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
