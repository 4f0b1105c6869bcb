package studio

import (
	"context"
	"fmt"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// TranscriptRequest is a part of an execution's stream.
type TranscriptRequest struct {
	From uint64
	To   *uint64 // exclusive; nil for the end
	// Follow goes on until the execution has ended.
	Follow bool
	// Timing asks for the recorded ranges with the first piece.
	Timing bool
	// At is the cut whose end of the stream is the end; empty for the present.
	At string
}

// Transcript calls each with the recorded bytes of a part, in order. All of
// them are named by events before they are shown, so any may be cited. It
// opens the execution. Reasons: range, output_range, execution_unknown.
func (s *Studio) Transcript(ctx context.Context, c Caller, ref string, q TranscriptRequest, each func(Piece) error) error {
	id, err := s.resolve(ref)
	if err != nil {
		return err
	}
	if q.To != nil && *q.To < q.From {
		return fault.New(fault.InvalidArgument, "range", "the part ends before it begins", "give a later end")
	}
	if q.At != "" {
		if err := s.endAt(id, &q); err != nil {
			return err
		}
	}
	t := &transcript{s: s, c: c, id: id, q: q, each: each}
	return t.read(ctx)
}

// endAt ends a part where the stream ended in its cut.
func (s *Studio) endAt(id event.ID, q *TranscriptRequest) error {
	if q.Follow {
		return watchPast()
	}
	sc, _, err := s.sceneAt(Where{At: q.At})
	if err != nil {
		return err
	}
	x, known := sc.objects.Execution(id)
	switch {
	case !known:
		return fault.New(fault.NotFound, "execution_unknown", "the terminal was not there then", "read it as it stands")
	case q.From > x.Output:
		return beyond(q.From, x.Output)
	}
	if end := x.Output; q.To == nil || *q.To > end {
		q.To = &end
	}
	return nil
}

type transcript struct {
	s     *Studio
	c     Caller
	id    event.ID
	q     TranscriptRequest
	each  func(Piece) error
	spool Spool
	at    uint64
	seen  Frontier // what the bytes up to the end that is shown rest on
}

func (t *transcript) read(ctx context.Context) error {
	if err := t.open(ctx); err != nil {
		return err
	}
	if t.spool != nil {
		defer t.spool.Close()
	}
	if t.q.Timing {
		if err := t.timing(); err != nil {
			return err
		}
	}
	for {
		news := t.s.newsNow()
		x, err := t.look(ctx)
		if err != nil {
			return err
		}
		end, last := x.Output, x.State.Over() || !t.q.Follow
		if t.q.To != nil && *t.q.To <= end {
			end, last = *t.q.To, true
		}
		if err := t.show(end, last); err != nil || last {
			return err
		}
		if err := t.s.await(ctx, news); err != nil {
			return err
		}
	}
}

// look takes the execution as it stands, and keeps that the session was shown it.
func (t *transcript) look(ctx context.Context) (x *object.Execution, err error) {
	if t.seen, err = t.s.served(ctx, t.c, func() { x, _ = t.s.fold.Execution(t.id) }); err != nil {
		return nil, err
	}
	return x, t.s.shows(t.c, t.id, x.Frontier)
}

// begins refuses a part that begins beyond the end, as an attachment does: what
// is empty there would look like a program that wrote nothing.
func (t *transcript) begins() error {
	x, _ := t.s.execution(t.id)
	if t.q.From <= x.Output {
		return nil
	}
	return beyond(t.q.From, x.Output)
}

func beyond(from, end uint64) error {
	return fault.New(fault.OutOfRange, "output_range", fmt.Sprintf("output was asked for from %d on, and ends at %d", from, end),
		"begin at the end or before it")
}

// open makes events of all that is there, and opens the bytes.
func (t *transcript) open(ctx context.Context) error {
	if r, err := t.s.runOf(t.id); err == nil {
		if _, err := r.reach(ctx); err == nil {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
	}
	if err := t.begins(); err != nil {
		return err
	}
	t.at = t.q.From
	spool, err := t.s.p.Spools.Open(t.id)
	if err == nil {
		t.spool = spool
	} else if x, _ := t.s.execution(t.id); x.Output > 0 && !absent(err) {
		return err
	}
	return nil
}

// timing gives the first piece, with the recorded ranges.
func (t *transcript) timing() error {
	ranges, err := t.s.rangesOf(t.id)
	if err != nil {
		return err
	}
	return t.each(Piece{Offset: t.at, Ranges: ranges})
}

// show gives the bytes from where it stands to end. What is named by events and
// not here is told as missing, or as gone.
func (t *transcript) show(end uint64, last bool) error {
	for t.at < end {
		if err := t.passGone(end); err != nil {
			return err
		}
		piece, again := t.piece(end)
		if again {
			continue
		}
		if err := t.each(piece); err != nil {
			return err
		}
	}
	if !last {
		return nil
	}
	return t.each(Piece{Offset: t.at, Read: t.seen})
}

// piece reads on, and is asked again where what it would read went meanwhile.
func (t *transcript) piece(end uint64) (piece Piece, again bool) {
	want := min(end-t.at, pieceBytes)
	piece = Piece{Offset: t.at, Bytes: make([]byte, want)}
	n := 0
	if t.spool != nil {
		var err error
		if n, err = t.spool.ReadAt(piece.Bytes, int64(t.at)); fault.Is(err, "output_gone") {
			return piece, true
		} // what else cannot be read is missing, and said so
	}
	piece.Bytes = piece.Bytes[:n]
	t.at += uint64(n)
	if uint64(n) < want {
		piece.Missing = end - t.at
		t.at = end
	}
	return piece, false
}

// passGone tells what was dropped of the bytes up to end, and goes on behind it.
func (t *transcript) passGone(end uint64) error {
	if t.spool == nil {
		return nil
	}
	gone, err := t.spool.Gone()
	if gone = min(gone, end); err != nil || gone <= t.at {
		return err
	}
	piece := Piece{Offset: t.at, Missing: gone - t.at, Gone: true}
	t.at = gone
	return t.each(piece)
}

// rangesOf lists what events name of an execution's stream.
func (s *Studio) rangesOf(id event.ID) ([]OutputRange, error) {
	events, err := s.history(id)
	var all []OutputRange
	for _, e := range events {
		if r := e.Header.Facts.Range; e.Header.Type == event.ExecutionOutputType && r != nil {
			all = append(all, OutputRange{e.ID, r.From, r.To, time.Unix(0, e.Header.WallTime)})
		}
	}
	return all, err
}
