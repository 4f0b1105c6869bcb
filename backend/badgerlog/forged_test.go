package badgerlog

import (
	"context"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// forge makes a closed log of genesis, a, b after a, and one event more whose
// header and body were changed before its id, index, chain, anchor and seal
// were made of them: only a reader of the field can tell.
func forge(t *testing.T, change func(h *event.Header, a, b event.ID, body *[]byte)) string {
	t.Helper()
	dir := t.TempDir()
	l := mustOpen(t, dir)
	a := mustAppend(t, l)
	b := mustAppend(t, l, a.ID)
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	l.idle.Stop()
	h, body := b.Header, make([]byte, event.BodyNonceSize+1)
	body[event.BodyNonceSize] = 0xa0
	h.Parents, h.Lamport, h.Seq, h.Prev, h.BodyHash = []event.ID{b.ID}, 3, 2, b.ID, event.BodyHash(body)
	change(&h, a.ID, b.ID, &body)
	e := event.Event{Header: h}
	record, err := newRecord(&e, body)
	if err != nil {
		t.Fatal(err)
	}
	next := l.at
	next.EventsBefore, next.SealsBefore = next.Events, next.Seals
	entries := []entry{{Key: number('a', next.Events), Value: record}}
	next.Own, next.Events, next.OwnCount = e.ID, next.Events+1, next.OwnCount+1
	if err := l.commit(entries, next); err != nil {
		t.Fatal(err)
	}
	l.at, l.unsealed = next, []event.ID{e.ID}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// said is what opening and auditing a log report: a reason, or codes.
func said(t *testing.T, dir string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	r, err := Audit(context.Background(), homeOf(dir), nil)
	if err != nil {
		all[fault.Of(err).Reason] = true
	}
	for _, f := range r.Findings {
		all[f.Code] = true
	}
	return all
}

// Every field of a header that the log answers for has a reader here.
func TestForgedHeaderIsNamed(t *testing.T) {
	type change = func(h *event.Header, a, b event.ID, body *[]byte)
	if got := said(t, forge(t, func(*event.Header, event.ID, event.ID, *[]byte) {})); len(got) > 0 {
		t.Fatal("the control, an event as it should be, is reported:", got)
	}
	for want, c := range map[string]change{
		"workspace":     func(h *event.Header, _, _ event.ID, _ *[]byte) { h.Workspace = event.ID{1} },
		"basis":         func(h *event.Header, _, _ event.ID, _ *[]byte) { h.Basis.Record = event.ID{1} },
		"view_epoch":    func(h *event.Header, _, _ event.ID, _ *[]byte) { h.ViewEpoch++ },
		"antichain":     func(h *event.Header, a, b event.ID, _ *[]byte) { h.Parents = sorted(a, b) },
		"order_broken":  func(h *event.Header, _, _ event.ID, _ *[]byte) { h.Lamport++ },
		"event_damaged": func(_ *event.Header, _, _ event.ID, body *[]byte) { (*body)[0]++ },
	} {
		if got := said(t, forge(t, c)); !got[want] {
			t.Errorf("want %s, got %v", want, got)
		}
	}
	for name, c := range map[string]change{
		"replica": func(h *event.Header, _, _ event.ID, _ *[]byte) { h.Replica = "r" },
		"seq":     func(h *event.Header, _, _ event.ID, _ *[]byte) { h.Seq++ },
		"prev":    func(h *event.Header, a, _ event.ID, _ *[]byte) { h.Prev = a },
		"a fork":  func(h *event.Header, a, _ event.ID, _ *[]byte) { h.Prev, h.Seq = a, 1 },
	} {
		if got := said(t, forge(t, c)); !got["chain_broken"] {
			t.Errorf("%s: want chain_broken, got %v", name, got)
		}
	}
	unknown := said(t, forge(t, func(h *event.Header, _, _ event.ID, _ *[]byte) { h.Parents = []event.ID{{1}} }))
	if !unknown["order_broken"] {
		t.Errorf("an unknown parent: want order_broken, got %v", unknown)
	}
}

func sorted(x, y event.ID) []event.ID {
	if string(x[:]) > string(y[:]) {
		x, y = y, x
	}
	return []event.ID{x, y}
}

// What the store holds beside events has readers too.
func TestForgedStoreIsNamed(t *testing.T) {
	other := event.Seal{Root: event.ID{1}, Signature: make([]byte, 64)}
	for want, make := range map[string]func(l *Log) entry{
		"seal_signature": func(l *Log) entry {
			s := other
			s.Workspace, s.Replica, s.Last = l.Genesis(), l.replica, 1
			b, err := event.EncodeSeal(s)
			if err != nil {
				t.Fatal(err)
			}
			return entry{Key: number('s', 0), Value: b}
		},
		"key": func(*Log) entry { return entry{Key: []byte("x"), Value: []byte("y")} },
		"chain_broken": func(l *Log) entry {
			b, err := l.get(number('a', 2))
			if err != nil {
				t.Fatal(err)
			}
			return entry{Key: number('a', 1), Value: b}
		},
		"marker_damaged": func(*Log) entry { return entry{Key: []byte("m"), Value: []byte("another log")} },
		"store_newer":    func(*Log) entry { return entry{Key: []byte("m"), Value: []byte("atelier log 3")} },
	} {
		dir := t.TempDir()
		l := mustOpen(t, dir)
		mustAppend(t, l)
		mustAppend(t, l)
		if err := l.Seal(context.Background()); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l) // the newest seal stays as the anchor names it
		if err := l.Seal(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := l.store([]entry{make(l)}, l.at.version()+1); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got := said(t, dir); !got[want] {
			t.Errorf("want %s, got %v", want, got)
		}
	}
}
