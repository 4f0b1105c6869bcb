package event

import (
	"crypto/ed25519"

	"github.com/fxamacker/cbor/v2"
)

// Certificate is one voter's signature under a record of control: it holds what
// the record was judged by and has come to the same bytes. It stands for all
// records before too. A record is certified by a majority of its voters.
type Certificate struct {
	Workspace ID
	Index     uint64 // of the record
	Record    ID
	Voter     Chain
	Signature []byte
}

type wireCertificate struct {
	Workspace ID              `cbor:"1,keyasint,omitzero"`
	Index     uint64          `cbor:"2,keyasint,omitempty"`
	Record    ID              `cbor:"3,keyasint,omitzero"`
	Voter     cbor.ByteString `cbor:"4,keyasint,omitempty"`
	Signature []byte          `cbor:"5,keyasint,omitempty"`
}

const certificateDomain = "atelier record 1\n"

func (c Certificate) wire(signature []byte) *wireCertificate {
	return &wireCertificate{c.Workspace, c.Index, c.Record, cbor.ByteString(c.Voter), signature}
}

func (c Certificate) signed() ([]byte, error) {
	b, err := encMode.Marshal(c.wire(nil))
	return append([]byte(certificateDomain), b...), err
}

// Sign fills the signature with the voter's key.
func (c *Certificate) Sign(key ed25519.PrivateKey) error {
	b, err := c.signed()
	if err != nil {
		return err
	}
	c.Signature = ed25519.Sign(key, b)
	return nil
}

// Verify checks the certificate's form and its signature. Reasons:
// certificate_form, certificate_signature.
func (c Certificate) Verify(key ed25519.PublicKey) error {
	if err := c.check(); err != nil {
		return err
	}
	b, err := c.signed()
	if err != nil {
		return err
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, b, c.Signature) {
		return malformed("certificate_signature", "the certificate is not signed by its voter")
	}
	return nil
}

func (c Certificate) check() error {
	if c.Workspace.IsZero() || c.Record.IsZero() || c.Voter == "" || len(c.Voter) > MaxChain || len(c.Signature) != ed25519.SignatureSize {
		return malformed("certificate_form", "a certificate names a record, a voter and its signature")
	}
	return nil
}

// EncodeCertificate returns the canonical bytes of a signed certificate.
func EncodeCertificate(c Certificate) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return encMode.Marshal(c.wire(c.Signature))
}

// DecodeCertificate reads a certificate's canonical bytes. It does not check the
// signature.
func DecodeCertificate(b []byte) (Certificate, error) {
	if len(b) > MaxSealBytes {
		return Certificate{}, malformed("certificate_form", "a certificate has at most 512 bytes")
	}
	var w wireCertificate
	if err := strict(b, &w); err != nil {
		return Certificate{}, err
	}
	c := Certificate{w.Workspace, w.Index, w.Record, Chain(w.Voter), w.Signature}
	return c, c.check()
}
