package event

import (
	"bytes"
	"crypto/ed25519"

	"github.com/fxamacker/cbor/v2"
)

// Fraud shows by itself that a replica wrote two histories under one name: two
// of its proofs that cannot both be of one chain.
type Fraud struct {
	// One and Other are ascending by their bytes, so that what two proofs show
	// has one form.
	One, Other Proof
}

type wireFraud struct {
	_          struct{} `cbor:",toarray"`
	One, Other cbor.ByteString
}

// NewFraud puts two proofs in order. Whether they show a fraud is said by Verify.
func NewFraud(a, b Proof) (Fraud, error) {
	one, err := EncodeProof(a)
	if err != nil {
		return Fraud{}, err
	}
	other, err := EncodeProof(b)
	if err != nil {
		return Fraud{}, err
	}
	if bytes.Compare(one, other) > 0 {
		a, b = b, a
	}
	return Fraud{One: a, Other: b}, nil
}

// Verify checks both proofs with the replica's key, and that they contradict each
// other: different events at one seq, or different seals after one seal. Reasons:
// those of Proof.Verify, fraud_order, fraud_chains, fraud_none.
func (f Fraud) Verify(key ed25519.PublicKey) error {
	if _, err := f.encode(); err != nil {
		return err
	}
	for _, p := range []Proof{f.One, f.Other} {
		if err := p.Verify(key); err != nil {
			return err
		}
	}
	if f.One.Seal.Workspace != f.Other.Seal.Workspace || f.One.Seal.Replica != f.Other.Seal.Replica {
		return malformed("fraud_chains", "the proofs are of two chains")
	}
	split, err := f.splits()
	if err != nil {
		return err
	}
	if !f.forks() && !split {
		return malformed("fraud_none", "the proofs do not contradict each other")
	}
	return nil
}

// Seq returns the first seq at which the proofs show two histories. It means
// something once Verify has passed.
func (f Fraud) Seq() uint64 {
	if f.forks() {
		return f.One.Seq
	}
	return min(f.One.Seal.First, f.Other.Seal.First)
}

// forks reports whether two events have one place.
func (f Fraud) forks() bool { return f.One.Seq == f.Other.Seq && f.One.Event != f.Other.Event }

// splits reports whether two seals follow one seal, or both begin the chain.
func (f Fraud) splits() (bool, error) {
	one, err := f.One.Seal.ID()
	if err != nil {
		return false, err
	}
	other, err := f.Other.Seal.ID()
	return one != other && f.One.Seal.Prev == f.Other.Seal.Prev, err
}

// EncodeFraud returns the canonical bytes of a fraud.
func EncodeFraud(f Fraud) ([]byte, error) {
	w, err := f.encode()
	if err != nil {
		return nil, err
	}
	return encMode.Marshal(w)
}

func (f Fraud) encode() (*wireFraud, error) {
	one, err := EncodeProof(f.One)
	if err != nil {
		return nil, err
	}
	other, err := EncodeProof(f.Other)
	if err != nil {
		return nil, err
	}
	if bytes.Compare(one, other) >= 0 {
		return nil, malformed("fraud_order", "the proofs are not ascending and unique")
	}
	return &wireFraud{One: cbor.ByteString(one), Other: cbor.ByteString(other)}, nil
}

// DecodeFraud reads a fraud's canonical bytes. It does not verify it.
func DecodeFraud(b []byte) (Fraud, error) {
	if len(b) > MaxFraudBytes {
		return Fraud{}, malformed("fraud_form", "a fraud has at most 2,064 bytes")
	}
	var w wireFraud
	if err := strict(b, &w); err != nil {
		return Fraud{}, err
	}
	if w.One >= w.Other {
		return Fraud{}, malformed("fraud_order", "the proofs are not ascending and unique")
	}
	one, err := DecodeProof([]byte(w.One))
	if err != nil {
		return Fraud{}, err
	}
	other, err := DecodeProof([]byte(w.Other))
	return Fraud{One: one, Other: other}, err
}
