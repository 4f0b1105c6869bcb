package event

import (
	"crypto/ed25519"
	"crypto/sha256"

	"github.com/fxamacker/cbor/v2"
)

// Seal is a replica's signature over a run of its own events.
type Seal struct {
	Workspace ID
	Replica   Chain
	First     uint64 // seq of the first event under the seal
	Last      uint64 // seq of the last
	Root      ID     // Merkle root of their ids
	Prev      ID     // id of the seal before; absent on the first
	Signature []byte
}

type wireSeal struct {
	Workspace ID              `cbor:"1,keyasint,omitzero"`
	Replica   cbor.ByteString `cbor:"2,keyasint,omitempty"`
	First     uint64          `cbor:"3,keyasint,omitempty"`
	Last      uint64          `cbor:"4,keyasint,omitempty"`
	Root      ID              `cbor:"5,keyasint,omitzero"`
	Prev      ID              `cbor:"6,keyasint,omitzero"`
	Signature []byte          `cbor:"7,keyasint,omitempty"`
}

const sealDomain = "atelier seal 1\n"

func (s Seal) wire(signature []byte) *wireSeal {
	return &wireSeal{s.Workspace, cbor.ByteString(s.Replica), s.First, s.Last, s.Root, s.Prev, signature}
}

func (s Seal) unsigned() ([]byte, error) { return encMode.Marshal(s.wire(nil)) }

// ID returns the hash of the seal without its signature.
func (s Seal) ID() (ID, error) {
	b, err := s.unsigned()
	return sha256.Sum256(b), err
}

// Sign fills the signature with a replica's key.
func (s *Seal) Sign(key ed25519.PrivateKey) error {
	b, err := s.unsigned()
	if err != nil {
		return err
	}
	s.Signature = ed25519.Sign(key, append([]byte(sealDomain), b...))
	return nil
}

// Verify checks the seal's form and its signature. Reasons: seal_form,
// seal_signature.
func (s Seal) Verify(key ed25519.PublicKey) error {
	if err := s.check(); err != nil {
		return err
	}
	b, err := s.unsigned()
	if err != nil {
		return err
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, append([]byte(sealDomain), b...), s.Signature) {
		return malformed("seal_signature", "the seal is not signed by its replica")
	}
	return nil
}

func (s Seal) check() error {
	if s.Workspace.IsZero() || s.Replica == "" || len(s.Replica) > MaxChain || s.Last < s.First ||
		s.Last-s.First >= MaxSealed || s.Root.IsZero() || (s.First == 0) != s.Prev.IsZero() || len(s.Signature) != ed25519.SignatureSize {
		return malformed("seal_form", "a seal names a run of 1 to 1,024 events, its root and the seal before")
	}
	return nil
}

// EncodeSeal returns the canonical bytes of a signed seal.
func EncodeSeal(s Seal) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return encMode.Marshal(s.wire(s.Signature))
}

// DecodeSeal reads a seal's canonical bytes. It does not check the signature.
func DecodeSeal(b []byte) (Seal, error) {
	if len(b) > MaxSealBytes {
		return Seal{}, malformed("seal_form", "a seal has at most 512 bytes")
	}
	var w wireSeal
	if err := strict(b, &w); err != nil {
		return Seal{}, err
	}
	s := Seal{w.Workspace, Chain(w.Replica), w.First, w.Last, w.Root, w.Prev, w.Signature}
	return s, s.check()
}
