package shimlink

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// desk is a peer for those who type: it numbers input as a shim does.
type desk struct {
	mu    sync.Mutex
	typed bytes.Buffer
	last  uint64
	most  int // bytes in one piece
	open  int // connections now
	crowd int // the most of them at a time
}

func (d *desk) serve(w *wire) {
	hello, err := w.next()
	if h, is := hello.(attach.Hello); err != nil || !is || h.Flags != 0 || h.Version != attach.Version {
		return
	}
	d.mu.Lock()
	d.open++
	d.crowd = max(d.crowd, d.open)
	last := d.last
	d.mu.Unlock()
	defer func() { d.mu.Lock(); d.open--; d.mu.Unlock() }()
	if w.says(attach.Welcome{Version: 1, State: attach.Running, Epoch: 4, Driving: true, LastSeq: last}) != nil {
		return
	}
	for {
		f, err := w.next()
		if err != nil || w.says(d.take(f.(attach.Input))) != nil {
			return
		}
	}
}

func (d *desk) take(f attach.Input) attach.Frame {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.Epoch != 4 {
		return attach.Refused{Seq: f.Seq, Epoch: 4, Code: "aborted", Message: "turn 3 is over; this is turn 4", Driver: "Ada (window)"}
	}
	if f.Seq == d.last+1 { // else it was written before, and is acknowledged only
		d.last++
		d.typed.Write(f.Bytes)
		d.most = max(d.most, len(f.Bytes))
	}
	return attach.Ack{Seq: f.Seq}
}

func TestTypingIsCutNumberedAndWhole(t *testing.T) {
	d := &desk{last: 41}
	socket := socketIn(peer(t, d.serve))
	text := bytes.Repeat([]byte("0123456789"), attach.MaxInput/4)
	p := NewTypist()
	for _, piece := range [][]byte{text, nil, []byte("end")} {
		if err := p.Type(t.Context(), socket, attach.Ticket{1}, 4, piece); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(d.typed.Bytes(), append(text, "end"...)) || d.most != attach.MaxInput || d.last != 41+3+1 {
		t.Errorf("%d bytes in %d pieces of at most %d", d.typed.Len(), d.last-41, d.most)
	}
	if len(p.turns) != 0 {
		t.Errorf("%d turns are kept", len(p.turns))
	}
}

func TestManyWhoTypeUnderOneTicketLoseNothing(t *testing.T) {
	const many = 30
	d := &desk{}
	socket := socketIn(peer(t, d.serve))
	p := NewTypist()
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() {
			if err := p.Type(t.Context(), socket, attach.Ticket{1}, 4, bytes.Repeat([]byte{byte('a' + n)}, 3)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for n := range many {
		if !strings.Contains(d.typed.String(), strings.Repeat(string(rune('a'+n)), 3)) {
			t.Errorf("what %c typed is not whole in %q", 'a'+n, d.typed.String())
		}
	}
}

func TestTypingThatIsRefusedHasAReason(t *testing.T) {
	d := &desk{}
	err := NewTypist().Type(t.Context(), socketIn(peer(t, d.serve)), attach.Ticket{1}, 3, []byte("x"))
	f := want(t, err, fault.Aborted, "keyboard_taken")
	if f.Details["driver"] != "Ada (window)" || f.Details["written"] != "0" || d.typed.Len() != 0 {
		t.Errorf("details %v, typed %q", f.Details, d.typed.String())
	}
	welcome := attach.Welcome{Version: 1, State: attach.Running}
	for _, c := range []struct {
		name   string
		first  attach.Frame
		then   attach.Frame
		code   fault.Code
		reason string
	}{
		{"no ticket", attach.Refused{Code: "unauthenticated", Message: "no"}, nil, fault.Unauthenticated, "ticket_unknown"},
		{"another version", attach.Refused{Code: "unimplemented", Message: "no"}, nil, fault.FailedPrecondition, "shim_version"},
		{"too many", attach.Refused{Code: "resource_exhausted", Message: "no"}, nil, fault.ResourceExhausted, "shim_refused"},
		{"ended before", attach.Welcome{Version: 1, State: attach.Exited}, nil, fault.FailedPrecondition, "not_running"},
		{"ended then", welcome, attach.Exit{End: 5}, fault.FailedPrecondition, "not_running"},
		{"not started", welcome, attach.Refused{Code: "failed_precondition", Message: "no"}, fault.FailedPrecondition, "not_running"},
		{"no welcome", attach.Size{Cols: 1, Rows: 1}, nil, fault.Internal, "shim_garbled"},
		{"another number", welcome, attach.Ack{Seq: 9}, fault.Internal, "shim_garbled"},
		{"output", welcome, attach.Output{Bytes: []byte("x")}, fault.Internal, "shim_garbled"},
		{"an end at once", nil, nil, fault.Unavailable, "shim_gone"},
		{"an end then", welcome, nil, fault.Unavailable, "shim_gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			socket := socketIn(peer(t, func(w *wire) {
				_, _ = w.next()
				if c.first == nil || w.says(c.first) != nil {
					return
				}
				_, _ = w.next()
				if c.then != nil {
					_ = w.says(attach.Turn{}, attach.Size{Cols: 2, Rows: 2}, attach.Suspend{}, c.then)
				}
			}))
			want(t, NewTypist().Type(t.Context(), socket, attach.Ticket{1}, 4, []byte("x")), c.code, c.reason)
		})
	}
	f = want(t, NewTypist().Type(t.Context(), socketIn(folderOf(t)), attach.Ticket{}, 1, nil), fault.Unavailable, "shim_gone")
	if !strings.Contains(f.Message, "nothing was typed") {
		t.Errorf("told as %v", f)
	}
}

func TestTypingThatIsNotReadIsGivenUp(t *testing.T) {
	d := &desk{}
	stuck := make(chan struct{})
	socket := socketIn(peer(t, func(w *wire) {
		_, _ = w.next()
		_ = w.says(attach.Welcome{Version: 1, State: attach.Running})
		first, _ := w.next()
		_ = w.says(d.take(attach.Input{Epoch: 4, Seq: 1, Bytes: first.(attach.Input).Bytes}))
		_, _ = w.next()
		close(stuck)
		w.rest()
	}))
	p := NewTypist()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	first := make(chan error, 1)
	go func() { first <- p.Type(ctx, socket, attach.Ticket{1}, 4, make([]byte, attach.MaxInput+1)) }()
	<-stuck

	// Another call under the ticket waits, and no longer than it wants.
	soon, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	f := want(t, p.Type(soon, socket, attach.Ticket{1}, 4, []byte("x")), fault.DeadlineExceeded, "input_unread")
	if f.Details["written"] != "0" {
		t.Errorf("details %v", f.Details)
	}

	cancel(errors.New("the caller has gone"))
	f = want(t, <-first, fault.Canceled, "canceled")
	if f.Details["written"] != "32768" || !strings.Contains(f.Message, "the caller has gone") {
		t.Errorf("%q, details %v", f.Message, f.Details)
	}
	late := expires(t)
	quiet := socketIn(peer(t, func(w *wire) {
		_, _ = w.next()
		_ = w.says(attach.Welcome{Version: 1, State: attach.Running})
		_, _ = w.next()
		close(late.over)
		w.rest()
	}))
	want(t, p.Type(late, quiet, attach.Ticket{1}, 4, []byte("x")), fault.DeadlineExceeded, "input_unread")
	if len(p.turns) != 0 {
		t.Errorf("%d turns are kept", len(p.turns))
	}
}
