package control

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

type wireMachine struct {
	Workspace event.ID          `cbor:"1,keyasint,omitzero"`
	Epoch     uint64            `cbor:"2,keyasint,omitempty"`
	Index     uint64            `cbor:"3,keyasint,omitempty"`
	Last      event.ID          `cbor:"4,keyasint,omitzero"`
	Time      int64             `cbor:"5,keyasint,omitempty"`
	Voters    []cbor.ByteString `cbor:"6,keyasint,omitempty"`
	Actors    []wireActor       `cbor:"7,keyasint,omitempty"`
	Objects   []wireRuled       `cbor:"8,keyasint,omitempty"`
	Answered  []wireAnswer      `cbor:"9,keyasint,omitempty"`
}

type wireActor struct {
	_       struct{} `cbor:",toarray"`
	ID      event.ID
	Kind    event.ActorKind
	Replica cbor.ByteString
	Since   uint64
	Retired uint64
}

type wireRuled struct {
	_       struct{} `cbor:",toarray"`
	ID      event.ID
	Record  event.ID
	Lamport uint64
	State   string
}

type wireAnswer struct {
	_       struct{} `cbor:",toarray"`
	Request event.ID
	Index   uint64
	Record  event.ID
}

func byID(a, b event.ID) int { return bytes.Compare(a[:], b[:]) }

// Snapshot returns where the machine stands, in canonical bytes: whoever took
// the same records has the same. Load reads it. Fault: snapshot_full.
func (m *Machine) Snapshot() ([]byte, error) {
	if max(len(m.actors), len(m.objects), len(m.answered)) > maxKept {
		return nil, fault.New(fault.ResourceExhausted, "snapshot_full", "control has answered more than a snapshot holds", "use a newer version")
	}
	w := wireMachine{Workspace: m.workspace, Epoch: m.epoch, Index: m.last.Index, Last: m.last.Record, Time: m.time}
	for _, v := range m.voters {
		w.Voters = append(w.Voters, cbor.ByteString(v))
	}
	for _, id := range slices.SortedFunc(maps.Keys(m.actors), byID) {
		a := m.actors[id]
		w.Actors = append(w.Actors, wireActor{ID: id, Kind: a.kind, Replica: cbor.ByteString(a.replica), Since: a.since, Retired: a.retired})
	}
	for _, id := range slices.SortedFunc(maps.Keys(m.objects), byID) {
		r := m.objects[id]
		w.Objects = append(w.Objects, wireRuled{ID: id, Record: r.record, Lamport: r.lamport, State: r.state})
	}
	for _, id := range slices.SortedFunc(maps.Keys(m.answered), byID) {
		b := m.answered[id]
		w.Answered = append(w.Answered, wireAnswer{Request: id, Index: b.Index, Record: b.Record})
	}
	return encMode.Marshal(&w)
}

// StateHash names where the machine stands: the hash of its snapshot.
func (m *Machine) StateHash() (event.ID, error) {
	b, err := m.Snapshot()
	return hashOf(b), err
}

func hashOf(snapshot []byte) event.ID {
	return sha256.Sum256(append([]byte("atelier control 1\n"), snapshot...))
}

// Load returns a machine that stands where a snapshot says. That it is true is
// for the caller to know: it compares StateHash. Fault: snapshot_form.
func Load(snapshot []byte) (*Machine, error) {
	var w wireMachine
	if err := strict(snapshot, &w, "snapshot_form"); err != nil {
		return nil, err
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	m := begin(w.Workspace)
	m.epoch, m.last, m.time = w.Epoch, event.Basis{Index: w.Index, Record: w.Last}, w.Time
	for _, v := range w.Voters {
		m.voters = append(m.voters, event.Chain(v))
	}
	for _, a := range w.Actors {
		m.actors[a.ID] = actor{a.Kind, event.Chain(a.Replica), a.Since, a.Retired}
	}
	for _, o := range w.Objects {
		m.objects[o.ID] = ruled{o.Record, o.Lamport, o.State}
	}
	for _, a := range w.Answered {
		m.answered[a.Request] = event.Basis{Index: a.Index, Record: a.Record}
	}
	return m, nil
}

// check holds a snapshot to what a machine can be: there is one form of each.
func (w *wireMachine) check() error {
	ordered := slices.IsSortedFunc(w.Actors, func(a, b wireActor) int { return cmp.Or(byID(a.ID, b.ID), -1) }) &&
		slices.IsSortedFunc(w.Objects, func(a, b wireRuled) int { return cmp.Or(byID(a.ID, b.ID), -1) }) &&
		slices.IsSortedFunc(w.Answered, func(a, b wireAnswer) int { return cmp.Or(byID(a.Request, b.Request), -1) })
	if !ordered || w.Workspace.IsZero() || w.Last.IsZero() || w.Epoch == 0 || len(w.Voters) == 0 || uint64(len(w.Answered)) != w.Index {
		return fault.New(fault.InvalidArgument, "snapshot_form", "this is no snapshot of control", "rebuild from the log")
	}
	return nil
}
