package badgerlog

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// why are the reasons of an admission, with who is to blame.
func why(a Admission) string {
	blamed := map[Blame]string{BlameNobody: "nobody", BlameSender: "sender", BlameAuthor: "author"}
	var all []string
	for _, r := range a.Refused {
		all = append(all, fault.Of(r.Fault).Reason+" "+blamed[r.Blame])
	}
	return strings.Join(all, ", ")
}

// What a replica signs wrongly is proof against it: the events before stay, it and
// those after are refused, and the log is whole.
func TestMalformedEventsConvictTheirAuthors(t *testing.T) {
	type change = func(w *scribe, a, b event.ID)
	write := func(c func(h *event.Header, a, b event.ID)) change {
		return func(w *scribe, a, b event.ID) { w.write(func(h *event.Header) { c(h, a, b) }) }
	}
	raw := func(c func(m map[uint64]any)) change {
		return func(w *scribe, _, _ event.ID) { w.raw(c) }
	}
	many := func(n int) (ids [][]byte) {
		for i := range n {
			ids = append(ids, bytes.Repeat([]byte{byte(i + 1)}, 32))
		}
		return ids
	}
	for name, c := range map[string]struct {
		reason string
		write  change
	}{
		"a lamport too high":        {"lamport", write(func(h *event.Header, a, _ event.ID) { h.Parents, h.Lamport = []event.ID{a}, 3 })},
		"a lamport too low":         {"lamport", write(func(h *event.Header, _, b event.ID) { h.Parents, h.Lamport = []event.ID{b}, 2 })},
		"a parent behind another":   {"parents_related", write(func(h *event.Header, a, b event.ID) { h.Parents, h.Lamport = sorted(a, b), 3 })},
		"65 parents":                {"parents_count", raw(func(m map[uint64]any) { m[5], m[4] = many(65), 2 })},
		"a parent twice":            {"parents_order", raw(func(m map[uint64]any) { m[5], m[4] = [][]byte{many(1)[0], many(1)[0]}, 2 })},
		"another's chain":           {"replica", write(func(h *event.Header, _, _ event.ID) { h.Replica = "r" })},
		"another workspace":         {"workspace", write(func(h *event.Header, _, _ event.ID) { h.Workspace = event.ID{1} })},
		"a number too high":         {"seq", write(func(h *event.Header, _, _ event.ID) { h.Seq++ })},
		"another before":            {"prev", write(func(h *event.Header, a, _ event.ID) { h.Prev = a })},
		"a basis of nothing":        {"basis", write(func(h *event.Header, _, _ event.ID) { h.Basis.Record = h.Workspace })},
		"a basis of another number": {"basis", write(func(h *event.Header, _, _ event.ID) { h.Basis.Index-- })},
		"a basis before":            {"basis", write(func(h *event.Header, _, _ event.ID) { h.Basis = event.Basis{Record: h.Workspace} })},
		"a basis that is no record": {"basis", write(func(h *event.Header, a, _ event.ID) { h.Basis.Record = a })},
		"invalid UTF-8":             {"encoding", raw(func(m map[uint64]any) { m[3] = "execution.\xff" })},
		"NaN":                       {"encoding", raw(func(m map[uint64]any) { m[10] = math.NaN() })},
		"an unknown key":            {"encoding", raw(func(m map[uint64]any) { m[99] = 1 })},
		"an empty list":             {"not_canonical", raw(func(m map[uint64]any) { m[5] = []any{} })},
		"no surface":                {"surface", raw(func(m map[uint64]any) { delete(m, 12) })},
		"no class":                  {"class", raw(func(m map[uint64]any) { delete(m, 19) })},
		"no session":                {"session", raw(func(m map[uint64]any) { delete(m, 13) })},
		"a type of 1 MB":            {"header_size", raw(func(m map[uint64]any) { m[3] = strings.Repeat("x", 1<<20) })},
		"trailing bytes":            {"encoding", trailing},
		"a key twice":               {"encoding", twice},
	} {
		t.Run(name, func(t *testing.T) {
			l := founded(t)
			w := newScribe(t, l, 17)
			a := w.write(nil)
			b := w.after(2, a)
			c.write(w, a, b)
			w.write(nil)
			r := w.run()
			got := mustAdmit(t, l, Batch{Runs: []event.Run{r}})
			if want := c.reason + " author, chain_ended author"; why(got) != want || got.Taken != 2 {
				t.Fatalf("%v: %q, want %q", got, why(got), want)
			}
			w.write(nil)
			if got := mustAdmit(t, l, Batch{Runs: []event.Run{w.run(), r}}); got.Taken != 0 || got.Waiting != 0 || got.Known != 2 {
				t.Error("its chain goes on:", got, why(got))
			}
			convicted(t, l, w, c.reason)
			auditClean(t, l)
		})
	}
}

// What a seal does not tell of the event before it is told by what is here.
func TestTheEventBeforeIsOnItsChain(t *testing.T) {
	for name, prev := range map[string]func(w, other *scribe) event.ID{
		"another chain's":   func(_, other *scribe) event.ID { return other.ids[1] },
		"one before that":   func(w, _ *scribe) event.ID { return w.ids[0] },
		"a record":          func(w, _ *scribe) event.ID { return w.basis.Record },
		"the workspace":     func(w, _ *scribe) event.ID { return w.genesis },
		"(the control) its": func(w, _ *scribe) event.ID { return w.ids[1] },
	} {
		l := founded(t)
		w, other := newScribe(t, l, 17), newScribe(t, l, 18)
		for range 2 {
			w.write(nil)
			other.write(nil)
		}
		mustAdmit(t, l, Batch{Runs: []event.Run{w.run(), other.run()}})
		w.write(func(h *event.Header) { h.Prev = prev(w, other) })
		got := mustAdmit(t, l, Batch{Runs: []event.Run{w.run()}})
		if want := map[bool]string{true: "", false: "prev author"}[got.Taken == 1]; why(got) != want || (got.Taken == 1) != (name[0] == '(') {
			t.Errorf("%s: %v %q", name, got, why(got))
		}
		auditClean(t, l)
	}
}

// Who builds on what is no event is refused, and so is all that builds on that.
func TestNothingDescendsFromWhatIsNoEvent(t *testing.T) {
	for _, late := range []bool{false, true} {
		l := founded(t)
		bad, w, third := newScribe(t, l, 17), newScribe(t, l, 18), newScribe(t, l, 19)
		id := bad.raw(func(m map[uint64]any) { delete(m, 12) })
		next := w.after(2, id)
		third.after(3, next)
		batches := []Batch{{Runs: []event.Run{bad.run()}}, {Runs: []event.Run{w.run()}}, {Runs: []event.Run{third.run()}}}
		if late {
			slices.Reverse(batches)
		}
		var all []string
		for _, b := range batches {
			got := mustAdmit(t, l, b)
			all = append(all, why(got))
			if got.Taken > 0 {
				t.Error("taken:", got)
			}
		}
		want := `["surface author" "chain_ended author" ""], 1 wait`
		if late {
			want = `["" "" "surface author, chain_ended author, chain_ended author"], 0 wait`
		}
		if got := fmt.Sprintf("%q, %d wait", all, len(l.waits.held)); got != want {
			t.Errorf("late %v: %s, want %s", late, got, want)
		}
	}
}

// convicted wants one proof that stands by itself.
func convicted(t *testing.T, l *Log, w *scribe, reason string) {
	t.Helper()
	all, err := l.Convictions()
	if err != nil || len(all) != 1 || all[0].Reason != reason || all[0].Proof.Event != w.ids[2] || all[0].Proof.Seq != 2 {
		t.Fatal(all, err)
	}
	key, _ := w.chain().Key()
	if err := all[0].Proof.Verify(key); err != nil {
		t.Error(err)
	}
	if small := reason != "header_size"; (len(all[0].Header) > 0) != small || small && event.BodyHash(all[0].Header) != w.ids[2] {
		t.Error("its header is not kept")
	}
}

func trailing(w *scribe, _, _ event.ID) {
	h, body := w.next(), w.body()
	h.BodyHash = event.BodyHash(body)
	b, _, _ := event.EncodeHeader(h)
	w.bytes(append(b, 0), body)
}

func twice(w *scribe, _, _ event.ID) {
	h, body := w.next(), w.body()
	h.BodyHash = event.BodyHash(body)
	b, _, _ := event.EncodeHeader(h)
	w.bytes(slices.Concat([]byte{b[0] + 1}, b[1:3], b[1:]), body)
}

// What no seal proves is of whoever sent it: nothing is kept against the author, and
// the right one is taken later.
func TestSendersAreBlamedForWhatTheyChanged(t *testing.T) {
	for name, c := range map[string]struct {
		want   string
		change func(r *event.Run)
	}{
		"another signature":   {"seal_signature sender", func(r *event.Run) { r.Seal.Signature = bytes.Clone(r.Seal.Signature); r.Seal.Signature[3]++ }},
		"another's seal":      {"seal_signature sender", func(r *event.Run) { r.Seal.Replica = replicaOf(keyOf(8)) }},
		"a seal of no key":    {"seal_signature sender", func(r *event.Run) { r.Seal.Replica = "r" }},
		"another event":       {"seal_root sender", func(r *event.Run) { r.Events[1] = r.Events[0] }},
		"a header cut":        {"encoding sender", func(r *event.Run) { r.Events[1].Header = r.Events[1].Header[:9] }},
		"no header":           {"encoding sender", func(r *event.Run) { r.Events[1].Header = nil }},
		"another body":        {"body_hash sender", func(r *event.Run) { r.Events[1].Body = r.Events[0].Body }},
		"a body of 1 MB":      {"body_size sender", func(r *event.Run) { r.Events[1].Body = make([]byte, 1<<20) }},
		"half a nonce":        {"body_nonce sender", func(r *event.Run) { r.Events[1].Body = make([]byte, 9) }},
		"a run of nothing":    {"run_form sender", func(r *event.Run) { r.Events = nil }},
		"more than its seal":  {"run_form sender", func(r *event.Run) { r.Events = append(r.Events, r.Events[0]) }},
		"before its seal":     {"run_form sender", func(r *event.Run) { r.From = math.MaxUint64 }},
		"less, without paths": {"proof_path sender", func(r *event.Run) { r.Events = r.Events[:2] }},
	} {
		t.Run(name, func(t *testing.T) {
			l := founded(t)
			w := newScribe(t, l, 17)
			for range 3 {
				w.write(nil)
			}
			r := w.run()
			bad := r
			bad.Events = slices.Clone(r.Events)
			c.change(&bad)
			got := mustAdmit(t, l, Batch{Runs: []event.Run{bad}})
			if !strings.Contains(why(got), c.want) || strings.Contains(why(got), "author") {
				t.Fatalf("%v: %q, want %q", got, why(got), c.want)
			}
			if all, err := l.Convictions(); len(all) > 0 || err != nil {
				t.Fatal(all, err)
			}
			if got := mustAdmit(t, l, Batch{Runs: []event.Run{r}}); got.Taken+got.Known+1 < 3 || len(got.Refused) > 0 || l.Heads()[len(l.Heads())-1].Seq != 2 {
				t.Fatal("the right one:", got, why(got))
			}
			auditClean(t, l)
		})
	}
}

// A seal of another workspace is good there, and not here.
func TestAnotherWorkspaceIsNotTaken(t *testing.T) {
	l, other := founded(t), founded(t)
	w := newScribe(t, other, 17)
	enrol(t, l, w.chain())
	w.write(nil)
	got := mustAdmit(t, l, Batch{Runs: []event.Run{w.run()}, Records: records(t, other, 1, 1)})
	if why(got) != "workspace sender, workspace sender" || got.Taken+got.Waiting > 0 {
		t.Error(got, why(got))
	}
}

// A chain whose replica is not enrolled at its basis is dropped, and nothing is kept
// of it, not even what is wrong with it.
func TestStrangersAreDropped(t *testing.T) {
	l := founded(t)
	w := &scribe{t: t, key: keyOf(17), genesis: l.Genesis(), basis: event.Basis{Record: l.Genesis()}}
	w.write(nil)
	w.after(5, w.ids[0])
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{w.run()}}); why(got) != "replica_unknown sender" || got.Waiting != 1 {
		t.Error(got, why(got))
	}
	late := enrol(t, l, w.chain())
	w = &scribe{t: t, key: keyOf(17), genesis: l.Genesis(), basis: event.Basis{Record: l.Genesis()}}
	w.write(nil)
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{w.run()}}); why(got) != "replica_unknown sender" {
		t.Error("enrolled later:", got, why(got))
	}
	// The control: with the record as its basis it is taken.
	w = &scribe{t: t, key: keyOf(17), genesis: l.Genesis(), basis: event.Basis{Index: 1, Record: late.ID}}
	w.write(nil)
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{w.run()}}); got.Taken != 1 {
		t.Error("the control:", got, why(got))
	}
	bad := &scribe{t: t, key: keyOf(8), genesis: l.Genesis(), basis: event.Basis{Record: l.Genesis()}}
	bad.raw(func(m map[uint64]any) { delete(m, 12) })
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{bad.run()}}); why(got) != "replica_unknown nobody" {
		t.Error("malformed, of a stranger:", got, why(got))
	}
	if all, err := l.Convictions(); len(all) > 0 || err != nil {
		t.Error(all, err)
	}
	auditClean(t, l)
}

// Unknown types and newer versions keep their place, are handed on and outlast a
// start; so do bodies that are withheld or that nobody can read.
func TestWhatIsNotUnderstoodIsKept(t *testing.T) {
	l := founded(t)
	dir := t.TempDir()
	other := follow(t, l, dir, 9)
	w := newScribe(t, l, 17)
	first := w.write(nil)
	w.write(func(h *event.Header) { h.Type, h.Parents, h.Lamport = "garden.watered", []event.ID{first}, 2 })
	newer := w.raw(func(m map[uint64]any) { m[1], m[4], m[5], m[17], m[20] = 7, 2, [][]byte{first[:]}, "new", []any{1.5} })
	w.after(3, newer)
	h, long := w.next(), append(make([]byte, event.BodyNonceSize), bytes.Repeat([]byte{0xff}, 400<<10)...)
	h.Type, h.BodyHash, h.Affected = event.WorkItemUpdatedType, event.BodyHash(long), []event.ID{first}
	b, _, err := event.EncodeHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	w.bytes(b, long)
	w.write(nil)
	r := w.run()
	r.Events[5].Body = nil
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{r}}); got.Taken != 6 {
		t.Fatal(got, why(got))
	}
	exchanged(t, l, other)
	sameEvents(t, l, other)
	other.Close()
	other = openWith(t, Options{Dir: dir, Key: keyOf(9)})
	for i, id := range w.ids {
		e, err := other.Event(id)
		if err != nil || !bytes.Equal(e.Bytes, w.sent[i].Header) || (e.Body == nil) != (i == 5) || i != 5 && !bytes.Equal(e.Body, w.sent[i].Body) {
			t.Errorf("event %d: %v", i, err)
		}
	}
	e, err := other.Event(newer)
	if err != nil || e.Header.SchemaVersion != 7 || e.Header.Seq != 2 || e.Header.Type != event.ExecutionInputType {
		t.Errorf("%+v %v", e.Header, err)
	}
	auditClean(t, other)
}

// An event is named by the hash of what names its parents, so whoever wrote a cycle
// would have found two inputs of SHA-256 that contain each other's outputs. What
// only claims one names events that nobody has, and waits for them within bounds.
func TestWhatNamesNothingWaitsWithinBounds(t *testing.T) {
	l := founded(t)
	w, other := newScribe(t, l, 17), newScribe(t, l, 8)
	before := other.write(nil)
	w.after(2, before)
	var b Batch
	for len(w.ids) < maxHeld+2000 {
		w.write(nil)
		if len(w.ids)%event.MaxSealed == 0 {
			b.Runs = append(b.Runs, w.run())
		}
	}
	b.Runs = append(b.Runs, w.run())
	got := mustAdmit(t, l, b)
	if got.Taken != 0 || got.Waiting != maxHeld || len(l.waits.held) != maxHeld || len(l.waits.queue) > 3*maxHeld {
		t.Fatal(got, len(l.waits.queue))
	}
	auditClean(t, l)
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{other.run()}}); got.Taken != 1 || got.Waiting != maxHeld {
		t.Error("what was dropped is not here:", got)
	}
	if got := mustAdmit(t, l, b); got.Taken != len(w.ids) || got.Waiting != 0 || len(got.Missing) != 0 || l.waits.size != 0 || len(l.waits.needed) != 0 {
		t.Error("sent again:", got, l.waits.size)
	}
	auditClean(t, l)
}
