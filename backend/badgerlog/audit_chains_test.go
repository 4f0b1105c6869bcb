package badgerlog

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// mixed is a log with the chain of another: two events under a seal, one under the
// next, and the first of two more, which a path proves. Two others went wrong.
type mixed struct {
	*openLog
	w *scribe
	// on is the line of the chain, and at where its events arrived.
	on    int
	at    []uint64
	seals []event.Seal
}

func newMixed(t *testing.T) *mixed {
	t.Helper()
	l := &openLog{Log: founded(t)}
	l.dir = l.o.Dir
	w, forker, bad := newScribe(t, l.Log, 17), newForker(t, l.Log, 18), newScribe(t, l.Log, 19)
	m := &mixed{openLog: l, w: w}
	w.write(nil)
	w.write(nil)
	one := w.run()
	w.write(nil)
	two := w.run()
	w.write(nil)
	w.write(nil)
	three := w.run()
	m.seals = []event.Seal{one.Seal, two.Seal, three.Seal}
	bad.raw(func(m map[uint64]any) { delete(m, 12) })
	for _, r := range []event.Run{one, two, piece(three, 0, 1, true), forker.base, forker.left, forker.right, bad.run()} {
		mustAdmit(t, l.Log, Batch{Runs: []event.Run{r}})
	}
	m.on = l.chains.of[w.chain()][0]
	for _, n := range l.chains.lines[m.on].arrivals {
		m.at = append(m.at, uint64(n))
	}
	return m
}

// seal puts a seal in the place of one, changed and well signed but where a change
// says otherwise.
func (m *mixed) seal(t *testing.T, n int, change func(c *cover)) {
	t.Helper()
	c := &cover{seal: m.seals[n], on: m.on, from: m.seals[n].First}
	c.seal.Signature = nil
	change(c)
	if c.seal.Signature == nil {
		if err := c.seal.Sign(m.w.key); err != nil {
			t.Fatal(err)
		}
	}
	b, err := c.encode()
	if err != nil {
		t.Fatal(err)
	}
	m.harm(t, c.key(), b)
}

func (m *mixed) proof(t *testing.T, change func(p *event.Proof)) {
	t.Helper()
	p, err := event.NewProof(m.seals[2], m.w.ids[3:], 3)
	if err != nil {
		t.Fatal(err)
	}
	change(&p)
	b, err := event.EncodeProof(p)
	if err != nil {
		t.Fatal(err)
	}
	m.harm(t, number('p', m.at[3]), b)
}

// mark puts a mark in the place of the n-th.
func (m *mixed) mark(t *testing.T, n int, change func(one *mark)) {
	t.Helper()
	one := m.marks.all[n]
	change(&one)
	m.marks.all[n], m.told[n] = one, one // as if the log had made it so
	b, err := encodeMark(one)
	if err != nil {
		t.Fatal(err)
	}
	m.harm(t, number('q', uint64(n)), b)
}

// Harm to what was admitted is named, each by its own code; all else stays clean.
func TestHarmToChainsOfOthersIsNamed(t *testing.T) {
	other := keyOf(20)
	for name, c := range map[string]struct {
		harm func(t *testing.T, m *mixed)
		want string
	}{
		"the control":               {func(*testing.T, *mixed) {}, ""},
		"another event":             {func(t *testing.T, m *mixed) { m.change(t, m.at[2], func(h *event.Header) { h.WallTime++ }) }, "event_other"},
		"an unreadable event":       {func(t *testing.T, m *mixed) { m.harm(t, number('a', m.at[0]), []byte("torn")) }, "event"},
		"an unreadable seal":        {func(t *testing.T, m *mixed) { m.harm(t, coverKey(m.on, 0), []byte("torn")) }, "seal"},
		"a seal over nothing here":  {func(t *testing.T, m *mixed) { m.harm(t, coverKey(m.on, 9), must(t, m, 0)) }, "seal"},
		"a seal without its line":   {func(t *testing.T, m *mixed) { m.harm(t, coverKey(99, 0), must(t, m, 0)) }, "seal_chain"},
		"another signature":         {func(t *testing.T, m *mixed) { m.seal(t, 1, func(c *cover) { c.seal.Signature = make([]byte, 64) }) }, "seal_signature"},
		"another workspace's":       {func(t *testing.T, m *mixed) { m.seal(t, 1, func(c *cover) { c.seal.Workspace = event.ID{1} }) }, "seal_chain"},
		"another chain's":           {func(t *testing.T, m *mixed) { m.seal(t, 1, func(c *cover) { c.seal.Replica = replicaOf(other) }) }, "seal_chain"},
		"another before":            {func(t *testing.T, m *mixed) { m.seal(t, 1, func(c *cover) { c.seal.Prev = event.ID{1} }) }, "seal_chain"},
		"another root":              {func(t *testing.T, m *mixed) { m.seal(t, 1, func(c *cover) { c.seal.Root = event.ID{1} }) }, "seal_root"},
		"more events":               {func(t *testing.T, m *mixed) { m.seal(t, 1, func(c *cover) { c.seal.Last += 5 }) }, "seal_root"},
		"other events behind":       {func(t *testing.T, m *mixed) { m.seal(t, 1, func(c *cover) { c.seal.Last++; c.rest = []event.ID{{1}} }) }, "seal_root"},
		"no seal":                   {func(t *testing.T, m *mixed) { m.drop(t, coverKey(m.on, 2)) }, "seal_missing"},
		"no first seal":             {func(t *testing.T, m *mixed) { m.drop(t, coverKey(m.on, 0)) }, "seal_missing"},
		"an unreadable proof":       {func(t *testing.T, m *mixed) { m.harm(t, number('p', m.at[3]), []byte("torn")) }, "proof"},
		"no proof":                  {func(t *testing.T, m *mixed) { m.drop(t, number('p', m.at[3])) }, "seal_missing"},
		"another path":              {func(t *testing.T, m *mixed) { m.proof(t, func(p *event.Proof) { p.Path = []event.ID{{1}} }) }, "proof"},
		"a proof of another":        {func(t *testing.T, m *mixed) { m.proof(t, func(p *event.Proof) { p.Seq++ }) }, "proof"},
		"a proof otherwhere":        {func(t *testing.T, m *mixed) { m.proof(t, func(p *event.Proof) { p.Seal.Workspace = event.ID{1} }) }, "proof"},
		"an unreadable mark":        {func(t *testing.T, m *mixed) { m.harm(t, number('q', 0), []byte("torn")) }, "mark"},
		"no mark":                   {func(t *testing.T, m *mixed) { m.drop(t, number('q', 1)) }, "mark"},
		"a mark of another fork":    {func(t *testing.T, m *mixed) { m.mark(t, 0, func(one *mark) { one.Seq++ }) }, "mark"},
		"a mark of another forker":  {func(t *testing.T, m *mixed) { m.mark(t, 0, func(one *mark) { one.Chain = "x" }) }, "mark"},
		"a mark of another event":   {func(t *testing.T, m *mixed) { m.mark(t, 1, func(one *mark) { one.ID[0]++ }) }, "mark"},
		"a mark of another end":     {func(t *testing.T, m *mixed) { m.mark(t, 1, func(one *mark) { one.Seq++ }) }, "mark"},
		"a mark with another event": {func(t *testing.T, m *mixed) { m.mark(t, 1, func(one *mark) { one.Header = one.Header[1:] }) }, "mark"},
		"a fork without a mark":     {func(t *testing.T, m *mixed) { m.mark(t, 0, func(one *mark) { one.Kind = 77 }) }, "mark"},
		"keys of wrong lengths":     {func(t *testing.T, m *mixed) { m.harm(t, coverKey(m.on, 0)[:12], nil); m.harm(t, []byte("oo"), nil) }, "key seal"},
	} {
		m := newMixed(t)
		c.harm(t, m)
		r, err := m.Audit(context.Background(), nil)
		if got := codesOf(r); err != nil || got != c.want {
			t.Errorf("%s: got %q, want %q: %v %v", name, got, c.want, err, r.Findings)
		}
		m.Close()
	}
}

// must is the n-th seal as it is kept.
func must(t *testing.T, m *mixed, n int) []byte {
	t.Helper()
	c := &cover{seal: m.seals[n]}
	b, err := c.encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// forgeForeign makes a closed log in which another's chain ends with an event that
// was changed before it was signed and kept: only a reader of the field can tell.
func forgeForeign(t *testing.T, change func(h *event.Header, a, b event.ID)) string {
	t.Helper()
	l := founded(t)
	w := newScribe(t, l, 17)
	a := w.write(nil)
	b := w.after(2, a)
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{w.run()}}); got.Taken != 2 {
		t.Fatal(got)
	}
	w.write(func(h *event.Header) { change(h, a, b) })
	r := w.run()
	on := l.chains.of[w.chain()][0]
	c := &cover{seal: r.Seal, on: on, from: 2}
	value, err := c.encode()
	if err != nil {
		t.Fatal(err)
	}
	next := l.at
	next.EventsBefore, next.SealsBefore = next.Events, next.Seals
	next.Events++
	g := &group{next: next, entries: []entry{{Key: number('a', next.Events-1), Value: sentRecord(&event.Event{Bytes: w.sent[2].Header, Body: w.sent[2].Body})}, {Key: c.key(), Value: value}}}
	if err := l.commitForeign(g); err != nil {
		t.Fatal(err)
	}
	l.at = next
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.o.Dir
}

func TestForgedEventsOfOthersAreNamed(t *testing.T) {
	for want, change := range map[string]func(h *event.Header, a, b event.ID){
		"":             func(*event.Header, event.ID, event.ID) {},
		"workspace":    func(h *event.Header, _, _ event.ID) { h.Workspace = event.ID{1} },
		"basis":        func(h *event.Header, _, _ event.ID) { h.Basis.Record = event.ID{1} },
		"antichain":    func(h *event.Header, a, b event.ID) { h.Parents, h.Lamport = sorted(a, b), 3 },
		"order_broken": func(h *event.Header, a, _ event.ID) { h.Parents, h.Lamport = []event.ID{a}, 9 },
		"chain_broken": func(h *event.Header, a, _ event.ID) { h.Prev = a },
	} {
		if got := codes(said(t, forgeForeign(t, change))); got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	}
	before := func(h *event.Header, _, _ event.ID) { h.Basis = event.Basis{Record: h.Workspace} }
	if got := codes(said(t, forgeForeign(t, before))); got != "basis" {
		t.Errorf("a basis before that of the event before: %q", got)
	}
}

// A start refuses a store whose marks are damaged or not all there: without them it
// would sign a second history, or take more of one.
func TestDamagedMarksAreRefused(t *testing.T) {
	for name, harm := range map[string]func(m *mixed){
		"torn":    func(m *mixed) { m.harm(t, number('q', 1), []byte("torn")) },
		"missing": func(m *mixed) { m.drop(t, number('q', 0)) },
	} {
		m := newMixed(t)
		harm(m)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if got := codes(said(t, m.dir)); got != "mark_damaged" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A seal that was completed later is one seal, and has no missing ids.
func TestASealInPiecesBecomesWhole(t *testing.T) {
	for path := range 4 {
		t.Run(fmt.Sprint(path), func(t *testing.T) { sealInPieces(t, path) })
	}
}

func sealInPieces(t *testing.T, path int) {
	t.Helper()
	l := founded(t)
	w := newScribe(t, l, 17)
	for range 9 {
		w.write(nil)
	}
	r := w.run()
	for n, cut := range [][2]int{{0, 2}, {2, 3}, {3, 8}, {8, 9}} {
		if got := mustAdmit(t, l, Batch{Runs: []event.Run{piece(r, cut[0], cut[1], n == path)}}); got.Taken != cut[1]-cut[0] {
			t.Fatal(got, why(got))
		}
		auditClean(t, l)
	}
	key, _ := w.chain().Key()
	for _, id := range w.ids {
		if p, err := l.ProofOf(id); err != nil || p.Event != id || p.Verify(key) != nil {
			t.Error(p, err)
		}
	}
	var seals []int
	err := l.covers(func(c *cover, err error) error {
		seals = append(seals, int(c.end()))
		return err
	})
	if want := []string{"[8]", "[1 8]", "[2 8]", "[7]"}[path]; err != nil || fmt.Sprint(seals) != want {
		t.Error("the seals end at", seals, "want", want, err)
	}
	var back []event.Run
	if err := l.Runs(l.Heads()[len(l.Heads())-1], 0, func(r event.Run) error { back = append(back, r); return nil }); err != nil {
		t.Fatal(err)
	}
	handed := 0
	for _, r := range back {
		for i, s := range r.Events {
			if sent := w.sent[r.From+uint64(i)]; !bytes.Equal(s.Header, sent.Header) || !bytes.Equal(s.Body, sent.Body) {
				t.Error("event", i, "is handed on as another")
			}
			handed++
		}
	}
	if handed != 9 {
		t.Error(handed, "of 9 events are handed on")
	}
	other := follow(t, l, t.TempDir(), 21)
	exchanged(t, l, other)
	sameEvents(t, l, other)
	auditClean(t, other)
}
