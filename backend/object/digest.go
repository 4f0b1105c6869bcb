package object

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"

	"atelier.dev/atelier/backend/event"
)

// FoldVersion names the rules by which a digest was computed. Rules that change
// what a cut folds to get another, and the old ones are kept.
const FoldVersion = 1

// Digest returns the hash of what the fold has: the ids of its events, which the
// caller knows and which are sorted in place, with what each was judged, and of
// each object the state and, for each field, the events whose values stand; of a
// set all that wrote it. It reads headers alone, so bodies that are gone, labels
// and the order of arrival do not change it.
func (f *Fold) Digest(ids []event.ID) event.Digest {
	d := digest{sha256.New()}
	d.text("atelier fold 1")
	slices.SortFunc(ids, byID)
	d.number(uint64(len(ids)))
	for _, id := range ids {
		d.Write(id[:])
		d.Write([]byte{byte(f.Judgement(id).Verdict)})
	}
	objects := slices.SortedFunc(maps.Keys(f.objects), byID)
	d.number(uint64(len(objects)))
	for _, id := range objects {
		d.object(f.objects[id])
	}
	return event.Digest{Version: FoldVersion, Hash: event.ID(d.Sum(nil))}
}

type digest struct{ hash.Hash }

func (d digest) number(n uint64) { d.Write(binary.BigEndian.AppendUint64(nil, n)) }

func (d digest) text(s string) {
	d.number(uint64(len(s)))
	d.Write([]byte(s))
}

func (d digest) ids(ids []event.ID) {
	d.number(uint64(len(ids)))
	for _, id := range ids {
		d.Write(id[:])
	}
}

func (d digest) object(o Object) {
	n := o.Head()
	d.Write(n.ID[:])
	d.text(string(n.Kind))
	d.ids(n.Frontier)
	switch o := o.(type) {
	case *Entity:
		d.text(statesText(o))
		for _, key := range o.Keys() {
			d.text(key)
			d.ids(o.wrote(key))
		}
	case *Execution:
		d.text(string(o.State))
		d.number(o.Output)
		d.number(o.Turn.Epoch)
		d.ids(eventsOf(o.Name.Values()))
	case *Actor:
		d.text(string(o.State))
		d.ids(eventsOf(o.Name.Values()))
	case *Workspace:
		d.ids(eventsOf(o.Name.Values()))
	}
}

// wrote are the events that a field stands by, as headers tell: of a set all that
// wrote it, since only bodies say which values each of them names.
func (x *Entity) wrote(key string) []event.ID {
	if f := x.field(key); f.Rule.Set {
		by := f.Many.by.all()
		slices.SortFunc(by, byID)
		return by
	}
	return x.Writers(key)
}

// statesText are the states that stand, the one to display first.
func statesText(x *Entity) string {
	text := ""
	for _, w := range x.States() {
		text += string(w.Value) + "\n"
	}
	return text
}
