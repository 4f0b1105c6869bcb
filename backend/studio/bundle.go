package studio

import (
	"context"
	"io"

	"atelier.dev/atelier/backend/bundle"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// Bundled is a bundle that was made.
type Bundled struct {
	bundle.Written
	Read Frontier
}

// Bundle writes a cut as one file that can be checked without a home: a checkpoint,
// with what control made of it, or another cut as reads name them. What has no seal
// yet is sealed first. Reasons: those of cuts, unsealed, read_only.
func (s *Studio) Bundle(ctx context.Context, c Caller, at string, to io.Writer) (b Bundled, err error) {
	if b.Read, err = s.served(ctx, c, func() {}); err != nil {
		return b, err
	}
	q, err := s.bundleOf(at)
	if err != nil {
		return b, err
	}
	if s.p.Log.ReadOnly() == "" {
		if err := s.p.Log.Seal(ctx); err != nil {
			return b, err
		}
	}
	b.Written, err = bundle.Write(untilDone{ctx, to}, s.p.Log, q)
	return b, err
}

// bundleOf is what a bundle is asked to be of.
func (s *Studio) bundleOf(at string) (q bundle.Request, err error) {
	c, err := s.cutAt(at)
	if err != nil {
		return q, err
	}
	q.Cut = c.named
	if q.Digest, _, err = s.digestOf(q.Cut); err != nil {
		return q, err
	}
	s.mu.Lock()
	id, missing := s.fold.Find(object.KindCheckpoint, at)
	x, _ := s.fold.Entity(id)
	s.mu.Unlock()
	if missing != nil || !x.Cut().Equal(q.Cut) {
		return q, nil //nolint:nilerr // a cut need not be a checkpoint's
	}
	q.Checkpoint = id
	history, err := s.history(id)
	for _, e := range history {
		if bundle.Tells(&e, id) {
			q.Tells = append(q.Tells, e.ID)
		}
	}
	return q, err
}

// untilDone is a writer that nobody may wait for any more.
type untilDone struct {
	ctx context.Context
	to  io.Writer
}

func (w untilDone) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, fault.Wrap(err, fault.Canceled, "canceled", "the call was given up", "send it again")
	}
	return w.to.Write(b)
}
