package keyfile

import (
	"crypto/ed25519"

	"atelier.dev/atelier/backend/event"
)

// Signer signs with a replica's key what the replica vouches for.
type Signer struct{ key ed25519.PrivateKey }

// NewSigner returns the signer of a replica's key.
func NewSigner(key ed25519.PrivateKey) Signer { return Signer{key} }

// SignExport fills the signature of an exported session.
func (s Signer) SignExport(x *event.SessionExport) error { return x.Sign(s.key) }

// SignCertificate fills the signature of a certificate.
func (s Signer) SignCertificate(c *event.Certificate) error { return c.Sign(s.key) }
