package object

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// A snapshot is all that a fold holds, so that a later one goes on from there. It
// is a cache: whoever has the events makes it anew. Numbers are varints, ids 32
// bytes, texts and lists come after their length, and maps ascend by key:
//
//	magic, version, workspace
//	members, chains with the seq that they go on with
//	kinds, of each its objects in their order
//	names that objects had, names that events replaced
//	what is not valid, with why
//	SHA-256 of all before
const snapshotMagic = "atelier objects"

// SnapshotVersion names the form of snapshots and the rules that they were folded
// by. It goes up whenever the same events would make another one.
const SnapshotVersion = 1

// Snapshot returns what the fold holds as bytes that Load takes: the same for the
// same fold.
func (f *Fold) Snapshot() []byte {
	p := &packer{append(make([]byte, 0, 1024*len(f.objects)), snapshotMagic...)}
	p.number(SnapshotVersion)
	p.id(f.workspace)
	packMap(p, f.members, byID, p.id, p.membership)
	packMap(p, f.next, compareText[event.Chain], func(c event.Chain) { p.text(string(c)) }, p.number)
	packMap(p, f.order, compareText[Kind], func(k Kind) { p.text(string(k)) }, func(ids []event.ID) {
		packList(p, ids, func(id event.ID) { p.object(f.objects[id]) })
	})
	packMap(p, f.calls.made, byID, p.id, func(all []Written[string]) { packWritten(p, all, p.text) })
	packMap(p, f.calls.replaced, byID, p.id, p.text)
	packMap(p, f.judged, byID, p.id, p.judgement)
	sum := sha256.Sum256(p.b)
	return append(p.b, sum[:]...)
}

// packer appends to a snapshot.
type packer struct{ b []byte }

func (p *packer) number(n uint64) { p.b = binary.AppendUvarint(p.b, n) }
func (p *packer) signed(n int64)  { p.b = binary.AppendVarint(p.b, n) }
func (p *packer) id(id event.ID)  { p.b = append(p.b, id[:]...) }

func (p *packer) flag(yes bool) {
	if yes {
		p.number(1)
		return
	}
	p.number(0)
}

func (p *packer) text(s string) {
	p.number(uint64(len(s)))
	p.b = append(p.b, s...)
}

// time packs the time that an event names; the zero time is no event's.
func (p *packer) time(t time.Time) {
	if p.flag(!t.IsZero()); !t.IsZero() {
		p.signed(t.UnixNano())
	}
}

func (p *packer) actor(a event.Actor) {
	p.id(a.ID)
	p.number(uint64(a.Kind))
}

func (p *packer) ids(all []event.ID) { packList(p, all, p.id) }
func (p *packer) texts(all []string) { packList(p, all, p.text) }
func compareText[T ~string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func packList[T any](p *packer, all []T, one func(T)) {
	p.number(uint64(len(all)))
	for _, v := range all {
		one(v)
	}
}

func packMap[K comparable, V any](p *packer, all map[K]V, order func(a, b K) int, key func(K), value func(V)) {
	packList(p, slices.SortedFunc(maps.Keys(all), order), func(k K) {
		key(k)
		value(all[k])
	})
}

func packWritten[T any](p *packer, all []Written[T], value func(T)) {
	packList(p, all, func(w Written[T]) {
		value(w.Value)
		p.number(uint64(w.Content))
		p.id(w.Event)
		p.actor(w.Actor)
		p.number(w.Lamport)
		p.time(w.At)
	})
}

// packSome packs what may be absent.
func packSome[T any](p *packer, v *T, one func(T)) {
	if p.flag(v != nil); v != nil {
		one(*v)
	}
}

func (p *packer) membership(m membership) {
	p.number(uint64(m.kind))
	p.text(string(m.replica))
	p.number(m.since)
	p.number(m.until)
}

func (p *packer) judgement(j Judgement) {
	p.number(uint64(j.Verdict))
	if p.flag(j.Why != nil); j.Why == nil {
		return
	}
	why := fault.Of(j.Why)
	p.number(uint64(why.Code))
	p.text(why.Reason)
	p.text(why.Message)
	p.text(why.Mend)
	packMap(p, why.Details, compareText[string], p.text, p.text)
}

// object packs an object of the kind that stands before it.
func (p *packer) object(o Object) {
	p.envelope(o.Head())
	switch o := o.(type) {
	case *Workspace:
		packWritten(p, o.Name.standing, p.text)
		packWritten(p, o.Device.standing, p.text)
	case *Actor:
		p.number(uint64(o.ActorKind))
		packWritten(p, o.Name.standing, p.text)
		p.text(string(o.Home))
		p.text(string(o.State))
	case *Session:
		p.session(o)
	case *Execution:
		p.execution(o)
	case *Entity:
		p.entity(o)
	}
}

// envelope packs all of it but the kind.
func (p *packer) envelope(n Envelope) {
	p.id(n.ID)
	p.number(n.SchemaVersion)
	p.text(string(n.Lifecycle))
	p.ids(n.Frontier)
	p.time(n.CreatedAt)
	p.time(n.UpdatedAt)
	p.actor(n.CreatedBy)
	p.flag(n.Metadata.Partial)
	p.flag(n.Metadata.NotUnderstood)
}

func (p *packer) content(t Text) {
	p.text(t.Value)
	p.number(uint64(t.Content))
}

func (p *packer) session(s *Session) {
	p.actor(s.Actor)
	p.number(uint64(s.Surface))
	p.content(s.Label)
	p.content(s.After)
	p.id(s.Continues)
	p.flag(s.Closed)
}

func (p *packer) execution(x *Execution) {
	packWritten(p, x.Name.standing, p.text)
	p.id(x.Session)
	p.text(string(x.Home))
	p.launch(x.Launch)
	p.text(string(x.State))
	p.flag(x.Ran)
	p.number(x.Turn.Epoch)
	p.id(x.Turn.Driver)
	p.id(x.Turn.Session)
	for _, n := range []uint64{x.Size.Cols, x.Size.Rows, x.Output, x.Typed} {
		p.number(n)
	}
	packSome(p, x.LastNote, p.number)
	packList(p, x.Operators, p.operator)
	packSome(p, x.Exit, func(e event.Exit) {
		p.number(e.Status)
		p.number(e.Signal)
	})
	p.time(x.EndedAt)
	p.content(x.Reason)
}

func (p *packer) launch(l Launch) {
	p.number(uint64(l.Content))
	p.texts(l.Argv)
	p.text(l.Program)
	p.text(l.Folder)
	p.texts(l.Environment)
	p.text(l.Isolation)
}

func (p *packer) operator(o Operator) {
	p.id(o.Session)
	p.actor(o.Actor)
	p.number(uint64(o.Surface))
	p.number(uint64(o.Count))
}

func (p *packer) entity(x *Entity) {
	p.text(string(x.Home))
	p.moves(x.moves)
	packList(p, x.fields, p.field)
	packSome(p, x.cut, p.cut)
	packSome(p, x.digest, func(d event.Digest) {
		p.number(d.Version)
		p.id(d.Hash)
	})
}

func (p *packer) field(f Field) {
	p.text(f.Rule.Key)
	if !f.Rule.Set {
		packWritten(p, f.One.standing, p.value)
		return
	}
	packWritten(p, f.Many.standing, p.value)
	packWritten(p, f.Many.unread.all(), p.value)
	p.ids(f.Many.by.all())
}

func (p *packer) value(v event.Value) {
	switch p.number(uint64(v.Kind())); v.Kind() {
	case event.TextValue:
		p.text(v.String())
	case event.NumberValue:
		p.signed(v.Number())
	case event.IDValue:
		p.id(v.ID())
	case event.FlagValue:
		p.flag(v.Yes())
	}
}

func (p *packer) cut(c event.Cut) {
	packList(p, c.Heads, func(h event.Head) {
		p.text(string(h.Chain))
		p.number(h.Seq)
		p.id(h.ID)
	})
	p.ids(c.Past)
}

// moves packs those that stand and all that is found from them, each after what
// it replaced, which it names by place.
func (p *packer) moves(standing []*move) {
	all := found(standing)
	at := make(map[*move]int, len(all))
	packList(p, all, func(m *move) {
		at[m] = len(at)
		packWritten(p, []Written[State]{m.Written}, func(s State) { p.text(string(s)) })
		packList(p, m.over, func(m *move) { p.number(uint64(at[m])) })
	})
	packList(p, standing, func(m *move) { p.number(uint64(at[m])) })
}

// found lists moves and what they replaced, whatever was replaced first.
func found(standing []*move) (all []*move) {
	const opened, listed = 1, 2
	met := map[*move]int{}
	for next := slices.Clone(standing); len(next) > 0; {
		m := next[len(next)-1]
		if met[m] == 0 {
			met[m] = opened
			next = append(next, m.over...)
			continue
		}
		if next = next[:len(next)-1]; met[m] == opened {
			met[m] = listed
			all = append(all, m)
		}
	}
	return all
}
