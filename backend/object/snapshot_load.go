package object

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Load returns the fold that a snapshot was made of, which goes on as that one
// would. That it is of the events at hand is for the caller to know: the sum
// tells of damage, and not of an enemy. It does not hold on to data.
// Faults: objects_version for a snapshot by other rules, objects_damaged.
func Load(past Past, data []byte) (*Fold, error) {
	if len(data) < len(snapshotMagic)+1+sha256.Size || !bytes.HasPrefix(data, []byte(snapshotMagic)) {
		return nil, damaged("is none or too short")
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	u := &unpacker{rest: body[len(snapshotMagic):], words: map[string]string{}}
	if u.number() != SnapshotVersion {
		return nil, fault.New(fault.DataLoss, "objects_version", "the snapshot of objects was made by other rules", "make it anew from the events")
	}
	if want := sha256.Sum256(body); string(want[:]) != string(sum) {
		return nil, damaged("does not have the sum that it names")
	}
	f := New(past)
	if u.fold(f); u.broken || len(u.rest) > 0 {
		return nil, damaged("contradicts itself")
	}
	return f, nil
}

// LoadAt is Load for a fold that goes on with events of a cut, as NewAt does. The
// cut holds all that the snapshot was made of.
func LoadAt(past Past, judged func(event.ID) Judgement, data []byte) (*Fold, error) {
	f, err := Load(past, data)
	if err == nil {
		f.retells = judged
	}
	return f, err
}

func damaged(why string) error {
	return fault.New(fault.DataLoss, "objects_damaged", "the snapshot of objects "+why, "make it anew from the events")
}

// unpacker reads a snapshot. After the first contradiction it reads zeros only.
type unpacker struct {
	rest   []byte
	broken bool
	words  map[string]string // that come again and again
}

func (u *unpacker) fold(f *Fold) {
	f.workspace = u.id()
	f.main = event.Derived(f.workspace, "main")
	unpackMap(u, f.members, u.id, u.membership)
	unpackMap(u, f.next, func() event.Chain { return event.Chain(u.word()) }, u.number)
	for range u.count() {
		kind := Kind(u.word())
		f.order[kind] = make([]event.ID, 0, u.peek())
		for range u.count() {
			f.enter(u.object(kind))
		}
	}
	unpackMap(u, f.calls.made, u.id, func() []Written[string] { return unpackWritten(u, u.text) })
	unpackMap(u, f.calls.replaced, u.id, u.text)
	unpackMap(u, f.judged, u.id, u.judgement)
}

// enter takes in the next object of its kind.
func (f *Fold) enter(o Object) {
	if o == nil {
		return
	}
	n := o.Head()
	f.objects[n.ID] = o
	f.index.add(n.ID, o.Names())
	f.order[n.Kind] = append(f.order[n.Kind], n.ID)
}

func (u *unpacker) require(holds bool) {
	if !holds {
		u.broken, u.rest = true, nil
	}
}

func (u *unpacker) number() uint64 {
	n, size := binary.Uvarint(u.rest)
	if u.require(size > 0); u.broken {
		return 0
	}
	u.rest = u.rest[size:]
	return n
}

func (u *unpacker) signed() int64 {
	n, size := binary.Varint(u.rest)
	if u.require(size > 0); u.broken {
		return 0
	}
	u.rest = u.rest[size:]
	return n
}

// count reads how many things follow: each takes a byte at least.
func (u *unpacker) count() int {
	n := u.number()
	if u.require(n <= uint64(len(u.rest))); u.broken {
		return 0
	}
	return int(n)
}

// peek is a count that stays.
func (u *unpacker) peek() int {
	rest := u.rest
	n := u.count()
	u.rest = rest
	return n
}

func (u *unpacker) bytes() []byte {
	n := u.count()
	b := u.rest[:n]
	u.rest = u.rest[n:]
	return b
}

func (u *unpacker) text() string { return string(u.bytes()) }

// word is a text of which there are few, kept once.
func (u *unpacker) word() string {
	b := u.bytes()
	w, known := u.words[string(b)]
	if !known {
		w = string(b)
		u.words[w] = w
	}
	return w
}

func (u *unpacker) id() (id event.ID) {
	if u.require(len(u.rest) >= len(id)); u.broken {
		return id
	}
	copy(id[:], u.rest)
	u.rest = u.rest[len(id):]
	return id
}

func (u *unpacker) flag() bool { return u.number() == 1 }

func (u *unpacker) time() time.Time {
	if !u.flag() {
		return time.Time{}
	}
	return time.Unix(0, u.signed()).UTC()
}

func (u *unpacker) actor() event.Actor {
	return event.Actor{ID: u.id(), Kind: event.ActorKind(u.number())}
}
func (u *unpacker) ids() []event.ID { return unpackList(u, u.id) }
func (u *unpacker) texts() []string { return unpackList(u, u.text) }

func unpackList[T any](u *unpacker, one func() T) []T {
	n := u.count()
	if n == 0 {
		return nil
	}
	all := make([]T, 0, min(n, maxAhead))
	for ; n > 0 && !u.broken; n-- {
		all = append(all, one())
	}
	return all
}

// maxAhead is how many things room is made for before they were read.
const maxAhead = 1024

func unpackMap[K comparable, V any](u *unpacker, into map[K]V, key func() K, value func() V) {
	for n := u.count(); n > 0 && !u.broken; n-- {
		k := key()
		into[k] = value()
	}
}

func unpackWritten[T any](u *unpacker, value func() T) []Written[T] {
	return unpackList(u, func() Written[T] {
		return Written[T]{Value: value(), Content: Content(u.number()), Event: u.id(), Actor: u.actor(), Lamport: u.number(), At: u.time()}
	})
}

func unpackSome[T any](u *unpacker, one func() T) *T {
	if !u.flag() {
		return nil
	}
	v := one()
	return &v
}

func (u *unpacker) membership() membership {
	return membership{kind: event.ActorKind(u.number()), replica: event.Chain(u.word()), since: u.number(), until: u.number()}
}

func (u *unpacker) judgement() Judgement {
	j := Judgement{Verdict: Verdict(u.number())}
	if !u.flag() {
		return j
	}
	why := fault.New(fault.Code(u.number()), u.text(), u.text(), u.text())
	if n := u.peek(); n > 0 {
		why.Details = make(map[string]string, n)
	}
	unpackMap(u, why.Details, u.text, u.text)
	j.Why = why
	return j
}

func (u *unpacker) register() Register[string] { return Register[string]{unpackWritten(u, u.text)} }

// object reads an object of a kind, nil when there is none.
func (u *unpacker) object(kind Kind) Object {
	if u.broken {
		return nil
	}
	n := u.envelope(kind)
	switch kind {
	case KindWorkspace:
		return &Workspace{n, u.register(), u.register()}
	case KindActor:
		return &Actor{n, event.ActorKind(u.number()), u.register(), event.Chain(u.word()), State(u.word())}
	case KindSession:
		return &Session{n, u.actor(), event.Surface(u.number()), u.content(), u.content(), u.id(), u.flag()}
	case KindExecution:
		return u.execution(n)
	}
	return u.entity(n)
}

func (u *unpacker) envelope(kind Kind) Envelope {
	return Envelope{ID: u.id(), SchemaVersion: u.number(), Kind: kind, Lifecycle: Lifecycle(u.word()), Frontier: u.ids(),
		CreatedAt: u.time(), UpdatedAt: u.time(), CreatedBy: u.actor(), Metadata: Metadata{Partial: u.flag(), NotUnderstood: u.flag()}}
}

func (u *unpacker) content() Text { return Text{u.text(), Content(u.number())} }

func (u *unpacker) execution(n Envelope) Object {
	return &Execution{Envelope: n, Name: u.register(), Session: u.id(), Home: event.Chain(u.word()), Launch: u.launch(),
		State: State(u.word()), Ran: u.flag(), Turn: event.Turn{Epoch: u.number(), Driver: u.id(), Session: u.id()},
		Size: event.Size{Cols: u.number(), Rows: u.number()}, Output: u.number(), Typed: u.number(),
		LastNote: unpackSome(u, u.number), Operators: unpackList(u, u.operator),
		Exit:    unpackSome(u, func() event.Exit { return event.Exit{Status: u.number(), Signal: u.number()} }),
		EndedAt: u.time(), Reason: u.content()}
}

func (u *unpacker) launch() Launch {
	return Launch{Content(u.number()), u.texts(), u.text(), u.text(), u.texts(), u.text()}
}

func (u *unpacker) operator() Operator {
	return Operator{u.id(), u.actor(), event.Surface(u.number()), int(u.number())}
}

func (u *unpacker) entity(n Envelope) Object {
	family, known := FamilyOf(n.Kind)
	if u.require(known); u.broken {
		return nil
	}
	x := &Entity{Envelope: n, Home: event.Chain(u.word()), moves: u.moves()}
	for _, m := range x.moves {
		x.state = x.state.beside(m.Written)
	}
	x.fields = unpackList(u, func() Field { return u.field(&family) })
	x.cut = unpackSome(u, u.cut)
	x.digest = unpackSome(u, func() event.Digest { return event.Digest{Version: u.number(), Hash: u.id()} })
	return x
}

func (u *unpacker) field(family *Family) Field {
	rule, known := family.Field(string(u.bytes()))
	u.require(known)
	f := Field{Rule: rule}
	if !rule.Set {
		f.One.standing = unpackWritten(u, u.value)
		return f
	}
	f.Many.standing = unpackWritten(u, u.value)
	for _, w := range unpackWritten(u, u.value) {
		f.Many.unread = f.Many.unread.with(w)
	}
	for _, id := range u.ids() {
		f.Many.by = f.Many.by.with(id)
	}
	return f
}

func (u *unpacker) value() event.Value {
	switch event.ValueKind(u.number()) {
	case event.TextValue:
		return event.Text(u.text())
	case event.NumberValue:
		return event.Number(u.signed())
	case event.IDValue:
		return event.Reference(u.id())
	case event.FlagValue:
		return event.Flag(u.flag())
	}
	return event.Value{}
}

func (u *unpacker) cut() event.Cut {
	return event.Cut{Heads: unpackList(u, func() event.Head {
		return event.Head{Chain: event.Chain(u.word()), Seq: u.number(), ID: u.id()}
	}), Past: u.ids()}
}

func (u *unpacker) moves() []*move {
	var all []*move
	named := func() *move {
		n := u.number()
		if u.require(n < uint64(len(all))); u.broken {
			return nil
		}
		return all[n]
	}
	for c := u.count(); c > 0 && !u.broken; c-- {
		w := unpackWritten(u, func() State { return State(u.word()) })
		if u.require(len(w) == 1); u.broken {
			return nil
		}
		all = append(all, &move{w[0], unpackList(u, named)})
	}
	return unpackList(u, named)
}
