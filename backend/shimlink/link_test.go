package shimlink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

func TestWhatAShimSaysIsHeardInOrder(t *testing.T) {
	said := []attach.Frame{
		attach.Held{Ticket: attach.Ticket{1}, Connected: true}, attach.Held{Ticket: attach.Ticket{2}},
		attach.Note{Index: 1, Kind: attach.NoteStarted, PID: 7},
		attach.Note{Index: 2, Kind: attach.NoteSuspended, Message: "the disk is full"},
		attach.Wrote{End: 100}, attach.Wrote{End: 250},
	}
	folder := peer(t, func(w *wire) {
		if w.holding(said...) == nil {
			_ = w.conn.(*net.UnixConn).CloseWrite()
			w.rest()
		}
	})
	h := adopt(t, folder)
	if got := h.Holding(); got != (attach.Holding{Version: 1, PID: 7, Epoch: 3, End: 100, Notes: 2}) || h.Socket() != socketIn(folder) {
		t.Errorf("it holds %+v at %s", got, h.Socket())
	}
	for _, want := range said {
		if got := hears(t, h); got != want {
			t.Errorf("heard %+v, want %+v", got, want)
		}
	}
	if n := ends(t, h); n != 0 {
		t.Errorf("%d more were heard", n)
	}
	want(t, h.Do(t.Context(), attach.Signal{Signal: 9}), fault.Unavailable, "shim_gone")
}

// answering is a peer that refuses every grant and tells which one it was.
func answering(w *wire) {
	if w.holding() != nil {
		return
	}
	for {
		f, err := w.next()
		if err != nil {
			return
		}
		done := attach.Done{Request: attach.KindLimit}
		if g, is := f.(attach.Grant); is {
			done = attach.Done{Request: attach.KindGrant, Code: fault.Aborted.String(), Message: fmt.Sprintf("turn %d is over", g.Epoch)}
		}
		if w.says(done) != nil {
			return
		}
	}
}

func TestEachOfManyGetsItsOwnAnswer(t *testing.T) {
	h := adopt(t, peer(t, answering))
	var all sync.WaitGroup
	for n := range uint64(64) {
		all.Go(func() {
			for round := range uint64(20) {
				epoch := n<<8 | round
				err := h.Do(t.Context(), attach.Grant{Epoch: epoch})
				if !fault.Is(err, "epoch_old") || fault.Of(err).Message != fmt.Sprintf("turn %d is over", epoch) {
					t.Errorf("turn %d: %v", epoch, err)
				}
				if err := h.Do(t.Context(), attach.Limit{Quota: epoch}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestRefusalsHaveAReason(t *testing.T) {
	var code string
	h := adopt(t, peer(t, func(w *wire) {
		if w.holding() != nil {
			return
		}
		for {
			f, err := w.next()
			if err != nil {
				return
			}
			kind := attach.KindAdmit
			if _, is := f.(attach.Signal); is {
				kind = attach.KindSignal
			}
			if w.says(attach.Done{Request: kind, Code: code, Message: "because"}) != nil {
				return
			}
		}
	}))
	for _, c := range []struct {
		said   string
		ask    attach.Frame
		code   fault.Code
		reason string
	}{
		{"failed_precondition", attach.Admit{}, fault.FailedPrecondition, "not_running"},
		{"aborted", attach.Admit{}, fault.Aborted, "epoch_old"},
		{"not_found", attach.Admit{}, fault.NotFound, "ticket_unknown"},
		{"permission_denied", attach.Admit{}, fault.PermissionDenied, "may_not_drive"},
		{"permission_denied", attach.Signal{}, fault.PermissionDenied, "signal_denied"},
		{"resource_exhausted", attach.Admit{}, fault.ResourceExhausted, "tickets"},
		{"invalid_argument", attach.Admit{}, fault.InvalidArgument, "request_bad"},
		{"data_loss", attach.Admit{}, fault.DataLoss, "shim_refused"},
		{"no word of ours", attach.Admit{}, fault.Unknown, "shim_refused"},
	} {
		code = c.said
		if f := want(t, h.Do(t.Context(), c.ask), c.code, c.reason); f.Message != "because" {
			t.Errorf("%s: %q", c.said, f.Message)
		}
	}
	want(t, h.Do(t.Context(), attach.Wrote{}), fault.Internal, "request_unknown")
}

func TestAnAnswerThatNobodyAwaitsAnyMoreGoesToNobodyElse(t *testing.T) {
	answer := make(chan struct{})
	h := adopt(t, peer(t, func(w *wire) {
		if w.holding() != nil {
			return
		}
		for range 2 {
			if _, err := w.next(); err != nil {
				return
			}
		}
		<-answer
		_ = w.says(attach.Done{Request: attach.KindSignal, Code: "not_found", Message: "to the first"}, attach.Done{Request: attach.KindSignal})
		w.rest()
	}))
	pending := func() int { return len(h.(*link).pending) }
	late := expires(t)
	go func() {
		await(t, "the first waits", func() bool { return pending() == 1 })
		close(late.over)
	}()
	want(t, h.Do(late, attach.Signal{Signal: 1}), fault.DeadlineExceeded, "shim_silent")
	second := make(chan error, 1)
	go func() { second <- h.Do(t.Context(), attach.Signal{Signal: 2}) }()
	await(t, "both wait", func() bool { return pending() == 2 })
	close(answer)
	if err := <-second; err != nil {
		t.Fatalf("the second got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want(t, h.Do(ctx, attach.Signal{Signal: 1}), fault.Canceled, "canceled")
}

func TestWhatIsNoProtocolEndsTheLink(t *testing.T) {
	for name, said := range map[string][]byte{
		"a length of 0":        {0, 0, 0, 0},
		"a monstrous length":   {0xff, 0xff, 0xff, 0xff, 1},
		"an unknown type":      {0, 0, 0, 1, 99},
		"half a frame":         {0, 0, 0, 9, byte(attach.KindWrote), 1},
		"a frame for a client": attach.Append(nil, attach.Size{Cols: 1, Rows: 1}),
		"done, unasked":        attach.Append(nil, attach.Done{Request: attach.KindGrant}),
		"text":                 []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			h := adopt(t, peer(t, func(w *wire) {
				if w.holding(attach.Wrote{End: 1}) == nil {
					_ = w.send(said)
				}
			}))
			if n := ends(t, h); n != 1 {
				t.Errorf("%d were heard", n)
			}
			want(t, h.Do(t.Context(), attach.Signal{Signal: 9}), fault.Unavailable, "shim_gone")
		})
		t.Run(name+" at first", func(t *testing.T) {
			_, err := shims().Adopt(t.Context(), peer(t, func(w *wire) { _ = w.send(said) }), 0)
			if name == "half a frame" {
				want(t, err, fault.Unavailable, "shim_silent")
			} else {
				want(t, err, fault.Internal, "shim_garbled")
			}
		})
	}
}

func TestDoneToAnotherRequestEndsTheLink(t *testing.T) {
	h := adopt(t, peer(t, func(w *wire) {
		if w.holding() == nil {
			_, _ = w.next()
			_ = w.says(attach.Done{Request: attach.KindGrant})
			w.rest()
		}
	}))
	want(t, h.Do(t.Context(), attach.Signal{Signal: 9}), fault.Unavailable, "shim_gone")
	ends(t, h)
}

func TestAnEndWithoutAnswerReachesAllWhoWait(t *testing.T) {
	const many = 10
	h := adopt(t, peer(t, func(w *wire) {
		if w.holding() != nil {
			return
		}
		for range many {
			_, _ = w.next()
		}
		_ = w.says(attach.Done{Request: attach.KindSignal}, attach.Refused{Code: "aborted", Message: "another core has taken over"})
	}))
	results := make(chan error, many)
	for range many {
		go func() { results <- h.Do(t.Context(), attach.Signal{Signal: 9}) }()
	}
	done := 0
	for range many {
		if err := <-results; err == nil {
			done++
		} else if f := want(t, err, fault.Unavailable, "shim_gone"); !strings.Contains(f.Message, "another core") {
			t.Errorf("the end is told as %q", f.Message)
		}
	}
	if done != 1 {
		t.Errorf("%d were answered, want 1", done)
	}
}

func TestWhoeverDoesNotHearHoldsTheShimAndLosesNothing(t *testing.T) {
	const many = 20000
	sent := make(chan error, 1)
	h := adopt(t, peer(t, func(w *wire) {
		err := w.holding()
		for n := uint64(1); n <= many && err == nil; n++ {
			_ = w.conn.SetWriteDeadline(time.Time{})
			_, err = w.conn.Write(attach.Append(nil, attach.Note{Index: n, Kind: attach.NoteFailed, Message: strings.Repeat("x", 200)}))
		}
		sent <- err
		w.rest()
	}))
	await(t, "the queue is full", func() bool { return len(h.Heard()) == heardMax })
	select {
	case err := <-sent:
		t.Fatalf("all was taken with nobody to hear it (%v)", err)
	default:
	}
	for n := uint64(1); n <= many; n++ {
		if note := hears(t, h).(attach.Note); note.Index != n {
			t.Fatalf("note %d came, want %d", note.Index, n)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	folder := peer(t, func(w *wire) {
		err := w.holding()
		for n := uint64(1); err == nil; n++ {
			_, err = w.conn.Write(attach.Append(nil, attach.Wrote{End: n}))
		}
	})
	before := runtime.NumGoroutine()
	for range 20 {
		h, err := shims().Adopt(t.Context(), folder, 0)
		if err != nil {
			t.Fatal(err)
		}
		await(t, "the queue is full", func() bool { return len(h.Heard()) == heardMax })
		waiting := make(chan error, 1)
		go func() { waiting <- h.Do(t.Context(), attach.Limit{}) }()
		await(t, "one waits", func() bool { return len(h.(*link).pending) == 1 })
		if err := errors.Join(h.Close(), h.Close()); err != nil {
			t.Fatal(err)
		}
		want(t, <-waiting, fault.Unavailable, "shim_gone")
		ends(t, h)
	}
	await(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}
