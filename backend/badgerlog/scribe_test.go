package badgerlog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/event"
)

// scribe writes the chain of a replica by hand, rightly or not.
type scribe struct {
	t       testing.TB
	key     ed25519.PrivateKey
	genesis event.ID
	basis   event.Basis
	sent    []event.Sent
	ids     []event.ID
	sealed  int
	prev    event.ID // the newest seal
	nonce   byte
}

// newScribe is a replica that control has enrolled.
func newScribe(t testing.TB, founder *Log, seed byte) *scribe {
	t.Helper()
	w := &scribe{t: t, key: keyOf(seed), genesis: founder.Genesis()}
	e := enrol(t, founder, w.chain())
	w.basis = event.Basis{Index: e.Header.Seq, Record: e.ID}
	return w
}

func (w *scribe) chain() event.Chain { return event.ReplicaOf(w.key.Public().(ed25519.PublicKey)) }

// fork is a copy that goes on by itself.
func (w *scribe) fork() *scribe {
	other := *w
	other.sent, other.ids = append([]event.Sent(nil), w.sent...), append([]event.ID(nil), w.ids...)
	other.nonce += 100
	return &other
}

// next is the header that would follow.
func (w *scribe) next() event.Header {
	h := event.Header{SchemaVersion: 1, Workspace: w.genesis, Type: event.ExecutionInputType, Lamport: 1, Replica: w.chain(), Seq: uint64(len(w.ids)),
		Basis: w.basis, WallTime: 9, Actor: event.Actor{ID: event.Derived(w.genesis, "human"), Kind: event.Human}, Surface: event.SurfaceCLI,
		Session: event.Derived(w.genesis, "s"+string(w.key[:4])), ViewEpoch: 1, Branch: event.Derived(w.genesis, "main"), Class: event.Causal}
	if n := len(w.ids); n > 0 {
		h.Prev = w.ids[n-1]
	}
	return h
}

// body is a new body.
func (w *scribe) body() []byte {
	w.nonce++
	b, err := event.JoinBody(bytes.Repeat([]byte{w.nonce + 1}, event.BodyNonceSize), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// write adds an event that is as it should be but for a change.
func (w *scribe) write(change func(h *event.Header)) event.ID {
	w.t.Helper()
	h, body := w.next(), w.body()
	h.BodyHash = event.BodyHash(body)
	if change != nil {
		change(&h)
	}
	b, _, err := event.EncodeHeader(h)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.bytes(b, body)
}

// after adds an event with parents.
func (w *scribe) after(lamport uint64, parents ...event.ID) event.ID {
	return w.write(func(h *event.Header) { h.Lamport, h.Parents = lamport, parents })
}

// raw adds an event whose map was changed in a way that no header is.
func (w *scribe) raw(change func(m map[uint64]any)) event.ID {
	w.t.Helper()
	h, body := w.next(), w.body()
	h.BodyHash = event.BodyHash(body)
	b, _, err := event.EncodeHeader(h)
	if err != nil {
		w.t.Fatal(err)
	}
	var m map[uint64]any
	if err := cbor.Unmarshal(b, &m); err != nil {
		w.t.Fatal(err)
	}
	change(m)
	o := cbor.CoreDetEncOptions()
	o.NaNConvert = cbor.NaNConvertPreserveSignal
	o.ShortestFloat, o.InfConvert = cbor.ShortestFloatNone, cbor.InfConvertNone
	mode, err := o.EncMode()
	if err != nil {
		w.t.Fatal(err)
	}
	if b, err = mode.Marshal(m); err != nil {
		w.t.Fatal(err)
	}
	return w.bytes(b, body)
}

func (w *scribe) bytes(header, body []byte) event.ID {
	id := event.ID(sha256.Sum256(header))
	w.sent, w.ids = append(w.sent, event.Sent{Header: header, Body: body}), append(w.ids, id)
	return id
}

// run seals what has no seal yet.
func (w *scribe) run() event.Run {
	w.t.Helper()
	return w.runAs(nil)
}

// runAs seals what has no seal yet, under a seal that is changed before it is signed.
func (w *scribe) runAs(change func(s *event.Seal)) event.Run {
	w.t.Helper()
	s := event.Seal{Workspace: w.genesis, Replica: w.chain(), First: uint64(w.sealed), Last: uint64(len(w.ids)) - 1, Root: event.Root(w.ids[w.sealed:]), Prev: w.prev}
	if change != nil {
		change(&s)
	}
	if err := s.Sign(w.key); err != nil {
		w.t.Fatal(err)
	}
	r := event.Run{Seal: s, From: uint64(w.sealed), Events: append([]event.Sent(nil), w.sent[w.sealed:]...)}
	w.sealed = len(w.ids)
	w.prev, _ = s.ID()
	return r
}

// piece is some of a run's events, with what proves them: the ids of the others, or
// paths.
func piece(r event.Run, from, to int, paths bool) event.Run {
	var ids []event.ID
	for _, s := range r.Events {
		ids = append(ids, sha256.Sum256(s.Header))
	}
	p := event.Run{Seal: r.Seal, From: r.From + uint64(from), Events: append([]event.Sent(nil), r.Events[from:to]...)}
	if !paths {
		p.Others = append(append(p.Others, ids[:from]...), ids[to:]...)
		return p
	}
	for i := range p.Events {
		p.Events[i].Path = event.Path(ids, from+i)
	}
	return p
}
