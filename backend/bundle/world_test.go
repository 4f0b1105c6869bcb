package bundle

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

// world is a workspace of several replicas whose events lie in one log in memory.
// The first of them votes. The same acts make the same bytes.
type world struct {
	t        testing.TB
	log      []event.Event
	x        *index
	fold     *object.Fold
	machine  *control.Machine
	genesis  event.ID
	anna     event.Actor
	replicas []*replica
	signed   map[uint64][]event.Certificate
	clock    int64
	narrow   bool // a record is judged by what its request follows alone
}

// replica is a chain with its key.
type replica struct {
	key      ed25519.PrivateKey
	chain    event.Chain
	last     event.ID
	ids      []event.ID
	seals    []event.Seal
	unsealed []event.ID
}

// session is an actor at a replica, and what it follows.
type session struct {
	w     *world
	r     *replica
	actor event.Actor
	id    event.ID
	last  event.ID
}

func newWorld(t testing.TB, replicas int) *world {
	t.Helper()
	w := &world{t: t, x: newIndex(nil), signed: map[uint64][]event.Certificate{}, clock: 1_000_000_000}
	for n := range replicas {
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n + 1)}, ed25519.SeedSize))
		w.replicas = append(w.replicas, &replica{key: key, chain: event.ReplicaOf(key.Public().(ed25519.PublicKey))})
	}
	w.fold = object.New(w.x)
	g := w.keep(event.Header{SchemaVersion: 1, Type: event.WorkspaceCreatedType, Lamport: 1, WallTime: w.clock, Surface: event.SurfaceSystem, ViewEpoch: 1, Class: event.Control,
		Facts: event.Facts{Genesis: &event.Genesis{Nonce: [16]byte{1}, Replica: w.replicas[0].chain, RecoveryKey: bytes.Repeat([]byte{1}, 32), Epoch: 1}}},
		w.body(&event.WorkspaceCreated{Workspace: "Home", Human: "anna", Device: "laptop"}))
	w.genesis, w.anna = g.ID, event.Actor{ID: event.Derived(g.ID, "human"), Kind: event.Human}
	var err error
	if w.machine, err = control.New(g); err != nil {
		t.Fatal(err)
	}
	return w
}

// body makes a body with a nonce that is its number.
func (w *world) body(content any) []byte {
	w.t.Helper()
	b, err := event.EncodeContent(content)
	if err == nil {
		b, err = event.JoinBody(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(len(w.log))), b)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) keep(h event.Header, body []byte) event.Event {
	w.t.Helper()
	h.BodyHash = event.BodyHash(body)
	b, id, err := event.EncodeHeader(h)
	if err != nil {
		w.t.Fatal(h.Type, err)
	}
	e := event.Event{ID: id, Header: h, Bytes: b, Body: body}
	if h.Class == event.Control {
		w.x.records = append(w.x.records, Record{Event: e})
	}
	if _, err := w.x.add(&Item{Event: e}, 0); err != nil {
		w.t.Fatal(h.Type, err)
	}
	if _, err := w.fold.Apply(e); err != nil {
		w.t.Fatal(h.Type, err)
	}
	w.log = append(w.log, e)
	return e
}

// open begins a session of an actor at a replica.
func (w *world) open(at int, actor event.Actor) *session {
	w.t.Helper()
	s := &session{w: w, r: w.replicas[at], actor: actor}
	s.id = s.write(event.SessionOpenedType, &event.SessionOpened{Label: "test"}, event.Facts{}, nil).ID
	return s
}

// header is that of the next event of a session.
func (s *session) header(t event.Type, f event.Facts, about []event.ID, follows ...event.ID) event.Header {
	s.w.t.Helper()
	s.w.clock += 1_000_000
	h := event.Header{SchemaVersion: 1, Workspace: s.w.genesis, Type: t, Replica: s.r.chain, Seq: uint64(len(s.r.ids)), Prev: s.r.last, Basis: s.w.machine.Last(),
		WallTime: s.w.clock, Actor: s.actor, Surface: event.SurfaceCLI, Session: s.id, ViewEpoch: 1, Branch: event.Derived(s.w.genesis, "main"), Affected: about,
		Class: event.Causal, Facts: f}
	if !s.last.IsZero() {
		follows = append(follows, s.last)
	}
	h.Parents, h.Lamport = s.w.maximal(follows)
	return h
}

func (s *session) write(t event.Type, content any, f event.Facts, about []event.ID, follows ...event.ID) event.Event {
	s.w.t.Helper()
	return s.keep(s.header(t, f, about, follows...), s.w.body(content))
}

func (s *session) keep(h event.Header, body []byte) event.Event {
	s.w.t.Helper()
	e := s.w.keep(h, body)
	s.r.last, s.r.ids, s.r.unsealed, s.last = e.ID, append(s.r.ids, e.ID), append(s.r.unsealed, e.ID), e.ID
	if len(s.r.unsealed) == event.MaxSealed {
		s.w.sealAt(s.r)
	}
	return e
}

func (w *world) maximal(ids []event.ID) (parents []event.ID, lamport uint64) {
	w.t.Helper()
	numbers, err := w.x.numbersOf(ids)
	if err != nil {
		w.t.Fatal(err)
	}
	front := w.x.order.Maximal(numbers)
	for _, n := range front {
		parents = append(parents, w.x.ids[n])
	}
	slices.SortFunc(parents, func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) })
	if lamport, err = w.x.order.Lamport(front); err != nil {
		w.t.Fatal(err)
	}
	return parents, lamport
}

func (w *world) seal() {
	for _, r := range w.replicas {
		w.sealAt(r)
	}
}

func (w *world) sealAt(r *replica) {
	w.t.Helper()
	if len(r.unsealed) == 0 {
		return
	}
	s := event.Seal{Workspace: w.genesis, Replica: r.chain, First: uint64(len(r.ids) - len(r.unsealed)), Last: uint64(len(r.ids) - 1), Root: event.Root(r.unsealed)}
	var err error
	if n := len(r.seals); n > 0 {
		if s.Prev, err = r.seals[n-1].ID(); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := s.Sign(r.key); err != nil {
		w.t.Fatal(err)
	}
	r.seals, r.unsealed = append(r.seals, s), nil
}

func title(s string) event.Change {
	return event.Change{Set: map[string]event.Value{"title": event.Text(s)}}
}

// add makes a work item.
func (s *session) add(name string) event.Event {
	c := title(name)
	return s.write(event.WorkItemCreatedType, &c, event.Facts{State: "pending", Fields: c.Keys()}, nil)
}

// rename gives a work item another title, after some events.
func (s *session) rename(item event.ID, name string, follows ...event.ID) event.Event {
	c := title(name)
	return s.write(event.WorkItemUpdatedType, &c, event.Facts{Fields: c.Keys()}, []event.ID{item}, append(follows, item)...)
}

// heads are those of all chains.
func (w *world) heads() event.Cut {
	var c event.Cut
	for _, n := range w.x.order.Heads(causal.Ordinal(len(w.log))) {
		e := &w.log[n]
		c.Heads = append(c.Heads, event.Head{Chain: e.Chain(), Seq: e.Header.Seq, ID: e.ID})
	}
	slices.SortFunc(c.Heads, func(a, b event.Head) int { return cmp.Compare(a.Chain, b.Chain) })
	return c
}

// propose names a checkpoint of a cut.
func (s *session) propose(name, mode string, cut event.Cut) event.Event {
	c := event.Change{Set: map[string]event.Value{"name": event.Text(name), "cut_mode": event.Text(mode)}}
	return s.write(event.CheckpointProposedType, &c, event.Facts{State: "proposed", Cut: &cut, Fields: c.Keys()}, nil)
}

// foldOf folds a cut.
func (w *world) foldOf(named event.Cut) control.Frozen {
	w.t.Helper()
	in, err := w.x.Cut(named)
	if err != nil {
		w.t.Fatal(err)
	}
	f := object.NewAt(w.x, w.fold.Judgement)
	for n := range in.All() {
		if _, err := f.Apply(w.log[n]); err != nil {
			w.t.Fatal(err)
		}
	}
	return control.Frozen{Objects: f, Digest: f.Digest(w.x.idsOf(in))}
}

// ask has control decide, and takes the record in.
func (s *session) ask(t event.Type, about []event.ID, f event.Facts, c event.Change) event.Event {
	s.w.t.Helper()
	var births []event.ID
	for _, id := range about {
		if _, known := s.w.x.numbers[id]; !known {
			id = s.w.genesis
		}
		births = append(births, id)
	}
	f.Ask, f.Fields = &event.Ask{Type: t}, c.Keys()
	return s.w.decide(s.write(event.RequestMadeType, &c, f, about, births...), nil)
}

// decide makes the record of a request, as change has its entry; nil leaves it.
func (w *world) decide(request event.Event, change func(*control.Entry)) event.Event {
	w.t.Helper()
	w.seal()
	e := control.Entry{Request: request, AsOf: w.heads(), Time: w.clock}
	if w.narrow {
		e.AsOf = event.Cut{}
		e.AsOf.Past, _ = w.maximal([]event.ID{request.ID, w.machine.Last().Record})
	}
	may := w.machine.MayFollow(request)
	front, _ := w.maximal(may)
	e.Behind = slices.DeleteFunc(may, func(id event.ID) bool { return slices.Contains(front, id) })
	frozen := map[event.ID]control.Frozen{}
	for _, id := range request.Header.Affected {
		if named := w.x.proposals[id]; named != nil {
			frozen[id] = w.foldOf(*named)
		}
	}
	var err error
	if e.Witness, err = control.Witness(request, w.genesis, w.foldOf(e.AsOf).Objects, frozen); err != nil {
		w.t.Fatal(err)
	}
	if change != nil {
		change(&e)
	}
	h, err := w.machine.Decide(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.record(h, request.Body)
}

func (w *world) record(h event.Header, body []byte) event.Event {
	w.t.Helper()
	e := w.keep(h, body)
	if err := w.machine.Take(e); err != nil {
		w.t.Fatal(err)
	}
	w.signed[h.Seq] = []event.Certificate{w.certificate(e, w.replicas[0])}
	return e
}

func (w *world) certificate(e event.Event, by *replica) event.Certificate {
	c := event.Certificate{Workspace: w.genesis, Index: e.Header.Seq, Record: e.ID, Voter: by.chain}
	if err := c.Sign(by.key); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// enrol takes an agent in, at a replica.
func (s *session) enrol(name string, at int) event.Actor {
	e := s.ask(event.ActorEnrolledType, nil, event.Facts{Member: &event.Member{Kind: event.Agent, Replica: s.w.replicas[at].chain}},
		event.Change{Set: map[string]event.Value{"name": event.Text(name)}})
	return event.Actor{ID: e.ID, Kind: event.Agent}
}

func (s *session) finalize(checkpoint event.ID) event.Event {
	d := s.w.foldOf(*s.w.x.proposals[checkpoint]).Digest
	return s.ask(event.CheckpointFinalizedType, []event.ID{checkpoint}, event.Facts{Digest: &d}, event.Change{})
}

// The log that a bundle is made of.

func (w *world) ArrivalOf(id event.ID) (uint64, error) {
	n, err := w.x.numberOf(id)
	return uint64(n), err
}

func (w *world) EventAt(n uint64) (event.Event, error) { return w.log[n], nil }

func (w *world) EventsAt(arrivals []uint64, each func(uint64, event.Event) error) error {
	for _, n := range arrivals {
		if err := each(n, w.log[n]); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) RecordAt(index uint64) (uint64, bool) {
	if index >= uint64(w.x.order.Records()) {
		return 0, false
	}
	return uint64(w.x.order.Record(int(index))), true
}

func (w *world) ScanIn(in causal.Cut, from uint64, each func(uint64, event.Event) error) error {
	for n := range in.All() {
		if uint64(n) < from {
			continue
		}
		if err := each(uint64(n), w.log[n]); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Cut(named event.Cut) (causal.Cut, error) { return w.x.Cut(named) }
func (w *world) Whole(in causal.Cut) causal.Cut          { return w.x.Whole(in) }
func (w *world) Certificates(index uint64) ([]event.Certificate, error) {
	return w.signed[index], nil
}

func (w *world) replicaOf(chain event.Chain) *replica {
	return w.replicas[slices.IndexFunc(w.replicas, func(r *replica) bool { return r.chain == chain })]
}

func (w *world) Seals(chain event.Chain) iter.Seq2[event.Seal, error] {
	return func(yield func(event.Seal, error) bool) {
		for _, s := range w.replicaOf(chain).seals {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func (w *world) Under(s event.Seal) ([]event.ID, error) {
	return w.replicaOf(s.Replica).ids[s.First : s.Last+1], nil
}

// bundle writes a bundle of a cut.
func (w *world) bundle(named event.Cut, checkpoint event.ID) []byte {
	w.t.Helper()
	b, _ := w.bundled(Request{Cut: named, Checkpoint: checkpoint})
	return b
}

func (w *world) bundled(q Request) ([]byte, Written) {
	w.t.Helper()
	for _, r := range w.x.records {
		if !q.Checkpoint.IsZero() && Tells(&r.Event, q.Checkpoint) {
			q.Tells = append(q.Tells, r.Event.ID)
		}
	}
	if q.Digest == (event.Digest{}) {
		q.Digest = w.foldOf(q.Cut).Digest
	}
	var b bytes.Buffer
	made, err := Write(&b, w, q)
	if err != nil {
		w.t.Fatal(err)
	}
	if made.Bytes != uint64(b.Len()) {
		w.t.Errorf("%d bytes were written, and %d are told", b.Len(), made.Bytes)
	}
	return b.Bytes(), made
}

// parts are what a bundle is made of, so that a test can change them.
type parts struct {
	head    Head
	records []Record
	items   []Item
}

func take(t testing.TB, b []byte) (p parts) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	p.head, p.records = r.Head(), r.Records()
	for {
		i, err := r.Next()
		if err != nil {
			if r.ID().IsZero() {
				t.Fatal(err)
			}
			return p
		}
		p.items = append(p.items, i)
	}
}

func (p parts) bytes(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	o := newOutput(&b)
	o.head(p.head)
	for _, r := range p.records {
		if err := o.record(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range p.items {
		if err := o.item(i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.end(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func verify(t testing.TB, b []byte) Report {
	t.Helper()
	r, err := Verify(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// codes are those of a report's findings, each once.
func codes(r Report) string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Code)
	}
	slices.Sort(all)
	return fmt.Sprint(slices.Compact(all))
}

// clean holds a bundle to be right, and returns the report.
func clean(t testing.TB, b []byte) Report {
	t.Helper()
	r := verify(t, b)
	for _, f := range r.Findings {
		t.Errorf("%s: %s", f.Code, f.What)
	}
	return r
}

// two is a world of two replicas with a finalized checkpoint, some of it seen by
// the other and some not, and events after it.
func two(t testing.TB) (w *world, checkpoint event.Event) {
	w = newWorld(t, 2)
	a := w.open(0, w.anna)
	agent := a.enrol("worker", 1)
	item := a.add("Read the logs")
	b := w.open(1, agent)
	b.rename(item.ID, "Read all logs")
	own := a.rename(item.ID, "Read some logs")
	b.add("Try the fix")
	b.rename(item.ID, "Read the logs twice", own.ID)
	checkpoint = a.propose("first", "suspended", w.heads())
	b.add("after the checkpoint")
	a.add("beside it")
	a.finalize(checkpoint.ID)
	a.add("later")
	b.add("later too")
	w.seal()
	return w, checkpoint
}
