package event

import (
	"crypto/ed25519"

	"github.com/fxamacker/cbor/v2"
)

// Proof shows by itself that a replica signed one event at one place of its
// chain: a seal over the place, and the path from the event's id to its root.
type Proof struct {
	Seal  Seal
	Seq   uint64
	Event ID
	Path  []ID // from the leaf up, at most MaxPath
}

type wireProof struct {
	Seal  cbor.ByteString `cbor:"1,keyasint,omitempty"`
	Seq   uint64          `cbor:"2,keyasint,omitempty"`
	Event ID              `cbor:"3,keyasint,omitzero"`
	Path  []ID            `cbor:"4,keyasint,omitempty"`
}

// NewProof proves the event at seq of those that a seal covers: ids are all of
// theirs, in the order of the chain. Reason proof_path when they are not.
func NewProof(s Seal, ids []ID, seq uint64) (Proof, error) {
	if seq < s.First || seq > s.Last || uint64(len(ids)) != s.Last-s.First+1 || Root(ids) != s.Root {
		return Proof{}, malformed("proof_path", "the seal is not over these events")
	}
	at := int(seq - s.First)
	return Proof{Seal: s, Seq: seq, Event: ids[at], Path: Path(ids, at)}, nil
}

// Verify checks the seal with its replica's key, and that the path leads from
// the event to the root. Reasons: those of Seal.Verify, proof_form, proof_path.
func (p Proof) Verify(key ed25519.PublicKey) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := p.Seal.Verify(key); err != nil {
		return err
	}
	at, count := p.Seq-p.Seal.First, p.Seal.Last-p.Seal.First+1
	if !Proves(p.Seal.Root, p.Event, int(at), int(count), p.Path) {
		return malformed("proof_path", "the path does not lead from the event to the root of the seal")
	}
	return nil
}

func (p Proof) check() error {
	if err := p.Seal.check(); err != nil {
		return err
	}
	if p.Seq < p.Seal.First || p.Seq > p.Seal.Last || p.Event.IsZero() || len(p.Path) > MaxPath {
		return malformed("proof_form", "a proof names an event at a place under its seal, and at most 10 steps")
	}
	return nil
}

// EncodeProof returns the canonical bytes of a proof.
func EncodeProof(p Proof) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	seal, err := EncodeSeal(p.Seal)
	if err != nil {
		return nil, err
	}
	return encMode.Marshal(&wireProof{cbor.ByteString(seal), p.Seq, p.Event, p.Path})
}

// DecodeProof reads a proof's canonical bytes. It checks neither the signature
// nor the path.
func DecodeProof(b []byte) (Proof, error) {
	if len(b) > MaxProofBytes {
		return Proof{}, malformed("proof_form", "a proof has at most 1,024 bytes")
	}
	var w wireProof
	if err := strict(b, &w); err != nil {
		return Proof{}, err
	}
	s, err := DecodeSeal([]byte(w.Seal))
	if err != nil {
		return Proof{}, err
	}
	p := Proof{Seal: s, Seq: w.Seq, Event: w.Event, Path: w.Path}
	return p, p.check()
}
