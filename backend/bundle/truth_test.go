package bundle

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// finds has Verify tell of each harm done to a bundle, and of nothing where there
// is none.
func finds(t *testing.T, b []byte, all map[string]harm) {
	t.Helper()
	for name, h := range all {
		p := take(t, b)
		h.change(&p)
		told(t, name, p.bytes(t), h.want)
	}
}

// told holds what is found to some codes, in any order; no other may be.
func told(t *testing.T, name string, b []byte, want string) {
	t.Helper()
	words := strings.Fields(want)
	slices.Sort(words)
	if r := verify(t, b); codes(r) != "["+strings.Join(words, " ")+"]" {
		t.Errorf("%s: found %+v, want %s", name, r.Findings, want)
	}
}

// forge puts another event at the end of a chain of a bundle of heads, under a
// seal that is sound.
func (w *world) forge(p *parts, r *replica, change func(*event.Header)) {
	w.t.Helper()
	n := p.of(r.chain, uint64(len(r.ids)-1))
	p.items[n].Event = rewritten(w.t, p.items[n].Event, change)
	ids := append(slices.Clone(r.ids[:len(r.ids)-1]), p.items[n].Event.ID)
	at := slices.IndexFunc(p.head.Cut.Heads, func(h event.Head) bool { return h.Chain == r.chain })
	p.head.Cut.Heads[at].ID = p.items[n].Event.ID
	last := &p.items[p.index(func(i Item) bool {
		return i.Seal != nil && i.Seal.Replica == r.chain && i.Seal.Last == uint64(len(ids)-1)
	})]
	s := *last.Seal
	s.Root = event.Root(ids[s.First:])
	if err := s.Sign(r.key); err != nil {
		w.t.Fatal(err)
	}
	last.Seal = &s
}

// ends is a world of two replicas whose chains both end with an event that nothing
// rests on.
func ends(t testing.TB) *world {
	w := newWorld(t, 3)
	a := w.open(0, w.anna)
	item := a.add("Read the logs")
	agent := a.enrol("worker", 1)
	b := w.open(1, agent)
	seen := b.rename(item.ID, "Read all logs")
	a.rename(item.ID, "Read some logs", seen.ID)
	a.add("Try the fix")
	b.add("Write it up")
	w.seal()
	return w
}

func TestRule06_OrderIsThatOfTheEvents(t *testing.T) {
	w := ends(t)
	b := w.bundle(w.heads(), event.ID{})
	one := w.replicas[0]
	forge := func(change func(*event.Header)) func(*parts) {
		return func(p *parts) { w.forge(p, one, change) }
	}
	ids := one.ids
	parents := func(lamport uint64, of ...event.ID) func(*event.Header) {
		return func(h *event.Header) {
			slices.SortFunc(of, func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) })
			h.Parents, h.Lamport = of, lamport
		}
	}
	finds(t, b, map[string]harm{
		"the control":            {func(*parts) {}, ""},
		"another, and sound":     {forge(func(h *event.Header) { h.WallTime++ }), "digest"},
		"a lamport too high":     {forge(func(h *event.Header) { h.Lamport++ }), "lamport"},
		"a lamport too low":      {forge(func(h *event.Header) { h.Lamport-- }), "lamport"},
		"parents in a line":      {forge(parents(9, ids[0], ids[1])), "parents_related"},
		"an unknown parent":      {forge(parents(9, event.ID{1})), "event_unknown"},
		"an unknown basis":       {forge(func(h *event.Header) { h.Basis = event.Basis{Index: 9, Record: w.genesis} }), "basis_unknown"},
		"a head that is another": {func(p *parts) { p.head.Cut.Heads[0].Seq-- }, "not_closed"},
		"a head of another chain": {func(p *parts) {
			h := p.head.Cut.Heads
			h[0].ID, h[1].ID = h[1].ID, h[0].ID
		}, "not_closed"},
	})
}

func TestRule07_ItHoldsWhatItNeeds(t *testing.T) {
	w, c := two(t)
	cut := *c.Header.Facts.Cut
	b := w.bundle(cut, c.ID)
	swap := func(good func(Item) bool, change func(*Item)) func(*parts) {
		return func(p *parts) { change(&p.items[p.index(func(i Item) bool { return isEvent(i) && good(i) })]) }
	}
	finds(t, b, map[string]harm{
		"the control": {func(*parts) {}, ""},
		"an event of the cut marked as outside": {func(p *parts) {
			swap(func(i Item) bool { return !i.Outside && i.Event.Header.Class == event.Causal }, func(i *Item) { i.Outside, i.Body = true, Bare })(p)
			p.head.Events, p.head.Outside = p.head.Events-1, p.head.Outside+1
		}, "not_the_cut"},
		"one outside marked as of the cut": {func(p *parts) {
			swap(func(i Item) bool { return i.Body == Bare }, func(i *Item) { i.Outside, i.Body = false, Gone })(p)
			p.head.Events, p.head.Outside = p.head.Events+1, p.head.Outside-1
		}, "not_the_cut"},
		"a cut that is not here": {func(p *parts) { p.head.Cut = event.Cut{Past: []event.ID{{1}}} }, "not_closed"},
		"a smaller cut":          {func(p *parts) { p.head.Cut = event.Cut{Past: w.replicas[0].ids[:1]} }, "not_the_cut"},
		"a checkpoint not here":  {func(p *parts) { p.head.Checkpoint = event.ID{1} }, "bundle_mark"},
		"no checkpoint of a cut": {func(p *parts) { p.head.Checkpoint = event.ID{} }, "bundle_mark"},
	})
	last := w.replicas[0].ids[len(w.replicas[0].ids)-1]
	var more bytes.Buffer
	if _, err := Write(&more, w, Request{Cut: cut, Digest: w.foldOf(cut).Digest, Tells: []event.ID{last}}); err != nil {
		t.Fatal(err)
	}
	told(t, "more than it needs", more.Bytes(), "not_the_cut")
	// The end of a chain that nothing rests on, with all that says so.
	p := take(t, w.bundle(w.heads(), event.ID{}))
	p.drop(p.of(w.replicas[1].chain, uint64(len(w.replicas[1].ids)-1)))
	p.drop(p.index(func(i Item) bool {
		return i.Seal != nil && i.Seal.Replica == w.replicas[1].chain && i.Seal.Last == uint64(len(w.replicas[1].ids)-1)
	}))
	p.head.Events--
	told(t, "a head is left out", p.bytes(t), "not_closed")
}

func TestRule09_AuthorsAreOfTheWorkspace(t *testing.T) {
	w := ends(t)
	b := w.bundle(w.heads(), event.ID{})
	forge := func(change func(*event.Header)) func(*parts) {
		return func(p *parts) { w.forge(p, w.replicas[1], change) }
	}
	finds(t, b, map[string]harm{
		"the control":              {func(*parts) {}, ""},
		"an event of another":      {forge(func(h *event.Header) { h.Workspace = event.ID{1} }), "fold workspace"},
		"a basis that goes back":   {forge(func(h *event.Header) { h.Basis = event.Basis{Record: w.genesis} }), "basis digest"},
		"a basis of another index": {forge(func(h *event.Header) { h.Basis = event.Basis{Index: 1, Record: w.genesis} }), "basis digest"},
		"another epoch":            {forge(func(h *event.Header) { h.ViewEpoch = 2 }), "view_epoch digest"},
	})
	stranger := ends(t)
	stranger.open(2, stranger.anna)
	stranger.seal()
	told(t, "a replica that nobody named", stranger.bundle(stranger.heads(), event.ID{}), "replica_unknown")
	early := newWorld(t, 2)
	early.open(1, early.anna)
	early.open(0, early.anna).enrol("worker", 1)
	early.open(1, early.anna)
	early.seal()
	told(t, "a replica before it was named", early.bundle(early.heads(), event.ID{}), "replica_unknown")
}

func TestRule10_SealsAreOfTheirReplica(t *testing.T) {
	w := ends(t)
	b := w.bundle(w.heads(), event.ID{})
	signed := func(by *replica, change func(*event.Seal)) func(*parts) {
		return func(p *parts) {
			n := p.index(func(i Item) bool {
				return i.Seal != nil && i.Seal.Last == uint64(len(w.replicas[1].ids)-1) && i.Seal.Replica == w.replicas[1].chain
			})
			s := *p.items[n].Seal
			change(&s)
			if err := s.Sign(by.key); err != nil {
				t.Fatal(err)
			}
			p.items[n].Seal = &s
		}
	}
	own := w.replicas[1]
	finds(t, b, map[string]harm{
		"the control":          {signed(own, func(*event.Seal) {}), ""},
		"signed by another":    {signed(w.replicas[0], func(*event.Seal) {}), "seal_signature"},
		"over other events":    {signed(own, func(s *event.Seal) { s.Root = event.ID{1} }), "seal_root"},
		"of another workspace": {signed(own, func(s *event.Seal) { s.Workspace = event.ID{1} }), "workspace"},
	})
	within := event.Cut{Past: w.replicas[0].ids[:1]}
	part := func(change func(*Item)) func(*parts) {
		return func(p *parts) { change(&p.items[p.index(func(i Item) bool { return len(i.Rest) > 0 })]) }
	}
	finds(t, w.bundle(within, event.ID{}), map[string]harm{
		"the control":         {part(func(*Item) {}), ""},
		"others behind it":    {part(func(i *Item) { i.Rest[0] = event.ID{1} }), "seal_root"},
		"others out of order": {part(func(i *Item) { slices.Reverse(i.Rest) }), "seal_root"},
		"fewer behind it":     {part(func(i *Item) { i.Rest = i.Rest[1:] }), "event_gap"},
		"a part not signed":   {part(func(i *Item) { i.Seal.Signature = make([]byte, 64) }), "seal_signature"},
	})
}

func TestRule11_BodiesAreThoseOfTheirHeaders(t *testing.T) {
	w, c := two(t)
	cut := *c.Header.Facts.Cut
	whole := clean(t, w.bundle(cut, c.ID))
	in := func(change func(*Item)) func(*parts) {
		return func(p *parts) { change(&p.items[p.of(w.replicas[1].chain, 1)]) }
	}
	finds(t, w.bundle(cut, c.ID), map[string]harm{
		"the control":                {in(func(*Item) {}), ""},
		"another":                    {in(func(i *Item) { i.Event.Body = append(i.Event.Body, 0) }), "body_hash"},
		"withheld":                   {in(func(i *Item) { i.Body = Withheld }), ""},
		"gone":                       {in(func(i *Item) { i.Body = Gone }), ""},
		"of the checkpoint, another": {func(p *parts) { p.items[p.index(func(i Item) bool { return i.Event.ID == c.ID })].Event.Body[0]++ }, "body_hash"},
	})
	for name, withhold := range map[string]func(*event.Event) bool{
		"all":           func(*event.Event) bool { return true },
		"work":          func(e *event.Event) bool { return strings.HasPrefix(string(e.Header.Type), "work_item.") },
		"of checkpoint": func(e *event.Event) bool { return about(e, c.ID) },
	} {
		b, made := w.bundled(Request{Cut: cut, Checkpoint: c.ID, Withhold: withhold})
		if r := clean(t, b); r.Digest != whole.Digest || r.State != "finalized" || name != "of checkpoint" && r.Absent == 0 || name == "all" && made.Bodies != 0 {
			t.Errorf("without %s: %+v, made %+v", name, r, made)
		}
	}
}

func TestRule12_RecordsAreCertified(t *testing.T) {
	w, c := two(t)
	b := w.bundle(*c.Header.Facts.Cut, c.ID)
	with := func(n int, change func([]event.Certificate) []event.Certificate) func(*parts) {
		return func(p *parts) { p.records[n].Certificates = change(p.records[n].Certificates) }
	}
	none := func([]event.Certificate) []event.Certificate { return nil }
	finds(t, b, map[string]harm{
		"the control":           {func(*parts) {}, ""},
		"the last is not":       {with(2, none), "certificate"},
		"an earlier one is not": {with(1, none), ""},
		"a signature is not of the voter": {with(1, func(all []event.Certificate) []event.Certificate {
			all[0].Signature = make([]byte, 64)
			return all
		}), "certificate"},
		"under another": {with(1, func([]event.Certificate) []event.Certificate { return w.signed[2] }), "certificate"},
		"under another of its index": {with(1, func(all []event.Certificate) []event.Certificate {
			all[0].Record = event.ID{1}
			_ = all[0].Sign(w.replicas[0].key)
			return all
		}), "certificate"},
		"of one who is no voter": {with(2, func(all []event.Certificate) []event.Certificate {
			return sortCertificates(append(all, w.certificate(w.x.records[2].Event, w.replicas[1])))
		}), "certificate"},
		"of another workspace": {with(1, func(all []event.Certificate) []event.Certificate {
			all[0].Workspace = event.ID{1}
			_ = all[0].Sign(w.replicas[0].key)
			return all
		}), "certificate"},
	})
}

// A record that is signed and sound, and not what its request makes it, is found.
func TestRule13_RecordsAreDecidedAgain(t *testing.T) {
	enrol := func(w *world, a *session) event.Event {
		c := event.Change{Set: map[string]event.Value{"name": event.Text("worker")}}
		return a.write(event.RequestMadeType, &c, event.Facts{Ask: &event.Ask{Type: event.ActorEnrolledType}, Fields: c.Keys(),
			Member: &event.Member{Kind: event.Agent, Replica: w.replicas[0].chain}}, nil)
	}
	for name, try := range map[string]struct {
		act  func(w *world, a *session)
		want string
	}{
		"the control": {func(w *world, a *session) { w.decide(enrol(w, a), nil) }, ""},
		"a refusal":   {func(w *world, a *session) { w.decide(enrol(w, a), nil); w.decide(enrol(w, a), nil) }, ""},
		"a false witness": {func(w *world, a *session) {
			w.decide(enrol(w, a), func(e *control.Entry) { e.Witness[0].NameTaken = true })
		}, "record"},
		"a witness of before": {func(w *world, a *session) {
			w.decide(enrol(w, a), nil)
			w.decide(enrol(w, a), func(e *control.Entry) { e.Witness[0].NameTaken = false })
		}, "record"},
		"another time": {func(w *world, a *session) {
			w.decide(enrol(w, a), func(e *control.Entry) { e.Time += 5 })
		}, ""},
		"another member": {func(w *world, a *session) {
			w.decideAs(enrol(w, a), func(h *event.Header) { h.Facts.Member = &event.Member{Kind: event.Human, Replica: w.replicas[0].chain} })
		}, "record"},
		"a time before": {func(w *world, a *session) {
			w.decideAs(enrol(w, a), func(h *event.Header) { h.WallTime = 1 })
		}, "record"},
		"an as_of without its request": {func(w *world, a *session) {
			before := w.heads()
			w.decide(enrol(w, a), func(e *control.Entry) { e.AsOf = before })
		}, "record"},
		"a request that is void": {func(w *world, a *session) {
			agent := a.enrol("helper", 1)
			w.decide(enrol(w, w.open(0, agent)), nil)
		}, "record"},
	} {
		w := newWorld(t, 2)
		a := w.open(0, w.anna)
		try.act(w, a)
		a.add("Read the logs")
		w.seal()
		told(t, name, w.bundle(w.heads(), event.ID{}), try.want)
	}
}

// A refusal was judged by the cut of its checkpoint too, which it does not freeze.
func TestRule07_WhatARefusalWasJudgedByIsHere(t *testing.T) {
	w := newWorld(t, 2)
	a := w.open(0, w.anna)
	b := w.open(1, a.enrol("worker", 1))
	trace := title("a run")
	open := b.write(event.TraceOpenedType, &trace, event.Facts{State: "open", Fields: trace.Keys()}, nil)
	w.seal()
	quiet := a.propose("quiet", "quiescent", event.Cut{Past: []event.ID{open.ID}})
	w.narrow = true
	if record := a.finalize(quiet.ID); record.Header.Facts.Decision.Reason != "not_quiescent" {
		t.Fatalf("it is %+v", record.Header.Facts.Decision)
	}
	last := a.add("Read the logs")
	w.seal()
	bundle := w.bundle(event.Cut{Past: []event.ID{last.ID}}, event.ID{})
	clean(t, bundle)
	p := take(t, bundle)
	n := p.index(func(i Item) bool { return i.Event.ID == open.ID })
	if n < 0 || !p.items[n].Outside {
		t.Error("what the record was judged by is not here")
	}
}

// Of two cuts the later may hold what lies before an event of the earlier on its
// chain.
func TestRule13_CutsAreFoldedInTheOrderOfTheirChains(t *testing.T) {
	w := newWorld(t, 1)
	a := w.open(0, w.anna)
	run := a.write(event.ExecutionStartedType, &event.ExecutionStarted{Name: "build"}, event.Facts{State: "starting"}, nil)
	var changes []event.Event
	for n := range 2 {
		s := w.open(0, w.anna)
		changes = append(changes, s.write(event.ExecutionControlChangedType, &event.Remark{}, event.Facts{Turn: &event.Turn{Epoch: uint64(n + 1), Driver: w.anna.ID, Session: s.id}},
			[]event.ID{run.ID}, run.ID))
	}
	for name, cut := range map[string]event.Cut{"gap": {Past: []event.ID{changes[1].ID}}, "whole": w.heads()} {
		if j := w.fold.Judgement(changes[0].ID); j.Verdict != object.Valid {
			t.Fatal(j.Why)
		}
		a.propose(name, "suspended", cut)
	}
	gap, whole := w.named("gap"), w.named("whole")
	a.finalize(gap)
	a.finalize(whole)
	w.seal()
	clean(t, w.bundle(w.heads(), event.ID{}))
}

// named is the checkpoint of a name.
func (w *world) named(name string) event.ID {
	w.t.Helper()
	id, err := w.fold.Find(object.KindCheckpoint, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// decideAs makes a record that is not what its request makes it.
func (w *world) decideAs(request event.Event, change func(*event.Header)) {
	w.t.Helper()
	w.seal()
	witness, err := control.Witness(request, w.genesis, w.fold, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	h, err := w.machine.Decide(control.Entry{Request: request, AsOf: w.heads(), Time: w.clock, Witness: witness})
	if err != nil {
		w.t.Fatal(err)
	}
	change(&h)
	w.record(h, request.Body)
}

func TestRule13_WhatCannotBeSeenIsBelieved(t *testing.T) {
	w := newWorld(t, 2)
	a := w.open(0, w.anna)
	a.enrol("worker", 1)
	a.enrol("worker", 1) // refused
	trace := title("a run")
	a.write(event.TraceOpenedType, &trace, event.Facts{State: "open", Fields: trace.Keys()}, nil)
	quiet := a.propose("quiet", "quiescent", w.heads())
	a.finalize(quiet.ID) // refused: a trace is open
	loud := a.propose("loud", "suspended", w.heads())
	w.seal()
	if r := clean(t, w.bundle(w.heads(), event.ID{})); r.Believed != 0 {
		t.Errorf("all is here, and %d records are believed", r.Believed)
	}
	b, _ := w.bundled(Request{Cut: w.heads(), Withhold: func(*event.Event) bool { return true }})
	if r := clean(t, b); r.Believed != 3 {
		t.Errorf("without bodies %d records are believed, want 3", r.Believed)
	}
	// A digest by rules of another version.
	other := event.Digest{Version: object.FoldVersion + 1, Hash: event.ID{7}}
	c := event.Change{}
	w.decide(a.write(event.RequestMadeType, &c, event.Facts{Ask: &event.Ask{Type: event.CheckpointFinalizedType}, Digest: &other}, []event.ID{loud.ID}, loud.ID),
		func(e *control.Entry) { e.Witness[0].Digest = other })
	w.seal()
	if r := clean(t, w.bundle(w.heads(), event.ID{})); r.Believed != 1 {
		t.Errorf("%d records are believed, want one", r.Believed)
	}
}

func TestRule14_TheDigestIsComputed(t *testing.T) {
	w, c := two(t)
	cut := *c.Header.Facts.Cut
	b := w.bundle(cut, c.ID)
	r := clean(t, b)
	if want := w.foldOf(cut).Digest; r.Digest != want || r.Events != r.Head.Events || r.Outside != r.Head.Outside || r.ID.IsZero() || r.Genesis != w.genesis {
		t.Errorf("it is %+v, want %v", r, want)
	}
	finds(t, b, map[string]harm{
		"another digest": {func(p *parts) { p.head.Digest.Hash = event.ID{1} }, "digest"},
	})
	finds(t, w.bundle(w.heads(), event.ID{}), map[string]harm{
		"another digest of a cut without a checkpoint": {func(p *parts) { p.head.Digest.Hash = event.ID{1} }, "digest"},
	})
	// A checkpoint that was finalized with another digest, by a voter that lies.
	a := w.open(0, w.anna)
	lie := a.propose("lie", "suspended", w.heads())
	other := event.Digest{Version: object.FoldVersion, Hash: event.ID{1}}
	change := event.Change{}
	w.decide(a.write(event.RequestMadeType, &change, event.Facts{Ask: &event.Ask{Type: event.CheckpointFinalizedType}, Digest: &other}, []event.ID{lie.ID}, lie.ID),
		func(e *control.Entry) { e.Witness[0].Digest = other })
	w.seal()
	told(t, "a lie that is signed", w.bundle(*lie.Header.Facts.Cut, lie.ID), "digest record")
	// Another version of the fold.
	p := take(t, b)
	p.head.Digest.Version = object.FoldVersion + 1
	b = p.bytes(t)
	r, err := Verify(bytes.NewReader(b), int64(len(b)), nil)
	if codes(r) != "[digest]" || r.Digest != (event.Digest{}) || err != nil {
		t.Errorf("of a checkpoint it is %+v: %v", r, err)
	}
}

func TestRule14_AnUnknownFoldIsSaid(t *testing.T) {
	w := ends(t)
	p := take(t, w.bundle(w.heads(), event.ID{}))
	p.head.Digest = event.Digest{Version: object.FoldVersion + 1, Hash: event.ID{9}}
	b := p.bytes(t)
	r, err := Verify(bytes.NewReader(b), int64(len(b)), nil)
	if !fault.Is(err, "fold_unknown") || fault.Of(err).Code != fault.Unimplemented || len(r.Findings) > 0 || r.Digest != (event.Digest{}) {
		t.Errorf("it is %+v: %v", r, err)
	}
	p.records[1].Certificates = nil // what else is wrong is told first
	b = p.bytes(t)
	if r, err := Verify(bytes.NewReader(b), int64(len(b)), nil); err != nil || codes(r) != "[certificate]" {
		t.Errorf("it is %+v: %v", r, err)
	}
}

func TestRule15_ACheckpointNamesItsCut(t *testing.T) {
	w, c := two(t)
	a := w.open(0, w.anna)
	second := a.propose("second", "suspended", w.heads())
	a.finalize(second.ID)
	w.seal()
	for name, try := range map[string]struct {
		of    event.Event
		cut   event.Cut
		want  string
		state string
	}{
		"the first":                   {c, *c.Header.Facts.Cut, "", "finalized"},
		"the second":                  {second, *second.Header.Facts.Cut, "", "finalized"},
		"the first's as the second's": {second, *c.Header.Facts.Cut, "checkpoint digest", "finalized"},
		"what is no checkpoint":       {w.log[4], *c.Header.Facts.Cut, "checkpoint", "proposed"},
	} {
		b := w.bundle(try.cut, try.of.ID)
		told(t, name, b, try.want)
		if r := verify(t, b); r.State != try.state {
			t.Errorf("%s is %s, want %s", name, r.State, try.state)
		}
	}
	third := a.propose("third", "suspended", w.heads())
	w.seal()
	if r := clean(t, w.bundle(*third.Header.Facts.Cut, third.ID)); r.State != "proposed" {
		t.Errorf("it is %s", r.State)
	}
	a.finalize(third.ID)
	a.ask(event.CheckpointInvalidatedType, []event.ID{third.ID}, event.Facts{}, event.Change{})
	w.seal()
	if r := clean(t, w.bundle(*third.Header.Facts.Cut, third.ID)); r.State != "invalidated" {
		t.Errorf("it is %s", r.State)
	}
}

func TestRule16_NothingLeavesWithoutSeal(t *testing.T) {
	w := ends(t)
	w.open(0, w.anna)
	cut := w.heads()
	q := Request{Cut: cut, Digest: w.foldOf(cut).Digest}
	if _, err := Write(&bytes.Buffer{}, w, q); !fault.Is(err, "unsealed") {
		t.Error("an event without seal leaves:", err)
	}
	w.seal()
	var b bytes.Buffer
	if _, err := Write(&b, w, q); err != nil {
		t.Fatal(err)
	}
	clean(t, b.Bytes())
}

// fork writes a second event after one that has its next already.
func (w *world) fork(r *replica, after uint64) event.Event {
	w.t.Helper()
	s := &session{w: w, r: r, actor: w.anna}
	h := s.header(event.SessionOpenedType, event.Facts{}, nil)
	h.Seq, h.Prev = after+1, r.ids[after]
	w.fold.Forked(r.chain)
	return w.keep(h, w.body(&event.SessionOpened{}))
}

func TestRule16_TwoHistoriesDoNotLeave(t *testing.T) {
	w := ends(t)
	other := w.fork(w.replicas[1], 0)
	before := event.Cut{Past: w.replicas[1].ids[:1]}
	clean(t, w.bundle(before, event.ID{}))
	clean(t, w.bundle(event.Cut{Past: w.replicas[1].ids[1:2]}, event.ID{}))
	for name, past := range map[string][]event.ID{"both": {other.ID, w.replicas[1].ids[1]}, "the one that is not sealed here": {other.ID}} {
		slices.SortFunc(past, func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) })
		if _, err := Write(&bytes.Buffer{}, w, Request{Cut: event.Cut{Past: past}, Digest: event.Digest{Version: 1, Hash: event.ID{1}}}); !fault.Is(err, "forked") {
			t.Errorf("%s leaves: %v", name, err)
		}
	}
	if _, err := Write(&bytes.Buffer{}, w, Request{}); !fault.Is(err, "cut") {
		t.Error("no cut leaves:", err)
	}
}
