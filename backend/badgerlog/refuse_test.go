package badgerlog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"math"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// grow is what a crash would leave of a log of genesis and n events, each in a
// group of its own and with its seal, after every group.
func grow(t *testing.T, n int) (after []kept) {
	t.Helper()
	dir := t.TempDir()
	l := quiet(t, dir)
	defer l.Close()
	for range n {
		mustAppend(t, l)
		if err := l.Seal(context.Background()); err != nil {
			t.Fatal(err)
		}
		after = append(after, keep(t, dir))
	}
	return after
}

// anchored is one store beside the anchor of another.
func anchored(store, anchor kept) kept {
	return store.with("anchor", func(keptFile) keptFile { return anchor["anchor"] })
}

// blank is a store whose anchor was never written.
func blank(store kept) kept {
	return store.with("anchor", func(f keptFile) keptFile { return keptFile{nil, f.size} })
}

// harmed does harm to an open log of three events and two seals, past its
// anchor, and returns what a crash or an orderly end leaves.
func harmed(t *testing.T, closed bool, harm func(l *openLog)) kept {
	t.Helper()
	l := &openLog{Log: quiet(t, t.TempDir())}
	l.dir = l.o.Dir
	for n := range 3 {
		l.events = append(l.events, mustAppend(t, l.Log))
		if n == 0 || n == 2 {
			if err := l.Seal(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	harm(l)
	defer l.Close()
	if closed {
		l.Close()
	}
	return keep(t, l.dir)
}

// drop removes a key from the store.
func (l *openLog) drop(t *testing.T, key []byte) {
	t.Helper()
	txn := l.db.NewTransactionAt(math.MaxUint64, true)
	defer txn.Discard()
	if err := txn.Delete(key); err != nil {
		t.Fatal(err)
	}
	if err := txn.CommitAt(l.at.version()+1, nil); err != nil {
		t.Fatal(err)
	}
}

// follow puts events above the anchor, of which the last is changed.
func (l *openLog) follow(t *testing.T, n int, change func(h *event.Header)) {
	t.Helper()
	at := l.at
	for i := range n {
		h := l.events[2].Header
		h.Seq, h.Prev, h.Parents, h.Lamport = at.OwnCount, at.Own, nil, 1
		if i == n-1 {
			change(&h)
		}
		e := event.Event{Header: h}
		record, err := newRecord(&e, l.events[2].Body)
		if err != nil {
			t.Fatal(err)
		}
		l.harm(t, number('a', at.Events), record)
		at.Events, at.Own, at.OwnCount = at.Events+1, e.ID, at.OwnCount+1
	}
}

func sameHeader(*event.Header) {}

// What is not as its anchor says, and no crash explains, is refused.
func TestStoreThatDiffersFromItsAnchorIsRefused(t *testing.T) {
	after := grow(t, 4)
	another := func(h *event.Header) { h.WallTime++ }
	follow := func(n int, change func(h *event.Header)) kept {
		return harmed(t, false, func(l *openLog) { l.follow(t, n, change) })
	}
	for name, c := range map[string]struct {
		home kept
		want string
	}{
		"the control: as it was":        {after[3], ""},
		"the control: no harm":          {harmed(t, true, func(*openLog) {}), ""},
		"the control: a group above":    {follow(2, sameHeader), ""},
		"a group's worth above":         {follow(maxGroupEvents, sameHeader), ""},
		"more than a group above":       {follow(maxGroupEvents+1, sameHeader), "anchor_behind"},
		"more seals than a group has":   {anchored(after[3], after[0]), "anchor_behind"},
		"an older store":                {anchored(after[0], after[3]), "tail_lost"},
		"fewer events":                  {harmed(t, true, func(l *openLog) { l.drop(t, number('a', 3)) }), "tail_lost"},
		"fewer seals":                   {harmed(t, true, func(l *openLog) { l.drop(t, number('s', 1)) }), "tail_lost"},
		"a blank anchor":                {blank(after[1]), "tail_lost"},
		"a blank anchor, no marker":     {blank(harmed(t, false, func(l *openLog) { l.drop(t, []byte("m")) })), "marker_lost"},
		"no marker":                     {harmed(t, true, func(l *openLog) { l.drop(t, []byte("m")) }), "tail_lost"},
		"another newest event":          {harmed(t, true, func(l *openLog) { l.change(t, 3, another) }), "head_differs"},
		"another genesis":               {harmed(t, true, func(l *openLog) { l.change(t, 0, another) }), "head_differs"},
		"another newest seal":           {harmed(t, true, shorterSeal(t)), "head_differs"},
		"another newest group":          {harmed(t, false, shorterSeal(t)), "anchor_differs"},
		"a newest seal that is torn":    {harmed(t, true, func(l *openLog) { l.harm(t, number('s', 1), []byte("torn")) }), "seal_damaged"},
		"an event missing":              {harmed(t, true, func(l *openLog) { l.drop(t, number('a', 2)) }), "event_lost"},
		"a seq left out above":          {follow(2, func(h *event.Header) { h.Seq++ }), "chain_broken"},
		"another event before above":    {follow(2, func(h *event.Header) { h.Prev = event.ID{1} }), "chain_broken"},
		"another replica above":         {follow(2, func(h *event.Header) { h.Replica = "r" }), "chain_broken"},
		"a first event of another kind": {harmed(t, true, noWorkspace(t)), "genesis_lost"},
	} {
		dir := c.home.write(t)
		l, _, err := Open(context.Background(), homeOf(dir))
		if err == nil {
			l.Close()
		}
		if got := reasonOf(err); got != c.want {
			t.Errorf("%s: %q, want %q: %v", name, got, c.want, err)
		}
		if err != nil && !bytes.Equal(keep(t, dir)["anchor"].bytes, c.home["anchor"].bytes) {
			t.Errorf("%s: the anchor was written anew, and tells no more what was there", name)
		}
	}
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Reason
}

// noWorkspace puts an event of another kind where the log begins, and has the
// anchor say so.
func noWorkspace(t *testing.T) func(l *openLog) {
	return func(l *openLog) {
		record, err := l.recordAt(1)
		if err != nil {
			t.Fatal(err)
		}
		l.harm(t, number('a', 0), record)
		l.at.Genesis = l.events[0].ID
		l.at.Control.Record = l.at.Genesis
	}
}

func TestLogOfAnotherKeyIsRefused(t *testing.T) {
	k := keptLog(t, 2, true)
	o := homeOf(k.write(t))
	o.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	if _, _, err := Open(context.Background(), o); !fault.Is(err, "key_foreign") {
		t.Error(err)
	}
	if !bytes.Equal(keep(t, o.Dir)["anchor"].bytes, k["anchor"].bytes) {
		t.Error("the anchor was written anew with another key")
	}
	o.Key = nil
	if _, _, err := Open(context.Background(), o); !fault.Is(err, "key_absent") {
		t.Error(err)
	}
}

// A store that is gone beside its anchor is a loss, not a new home.
func TestMissingStoreIsRefused(t *testing.T) {
	k := keptLog(t, 2, true)
	for name := range k {
		if strings.HasPrefix(name, "log") {
			delete(k, name)
		}
	}
	if _, _, err := Open(context.Background(), homeOf(k.write(t))); !fault.Is(err, "tail_lost") {
		t.Error(fmt.Sprint(err))
	}
}
