package event

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/fault"
)

// SessionExport is what a replica vouches for of a session, so that another can
// go on for it: whose it is and all that its actor was served. It gives no
// authority: where it is imported the actor must be enrolled.
type SessionExport struct {
	Workspace ID
	Replica   Chain // that signs
	Session   ID
	Actor     ID
	Floor     []Head // ascending by chain
	Expires   int64  // nanoseconds since 1970
	Signature []byte
}

type wireExport struct {
	Workspace ID              `cbor:"1,keyasint,omitzero"`
	Replica   cbor.ByteString `cbor:"2,keyasint,omitempty"`
	Session   ID              `cbor:"3,keyasint,omitzero"`
	Actor     ID              `cbor:"4,keyasint,omitzero"`
	Floor     []wireHead      `cbor:"5,keyasint,omitempty"`
	Expires   int64           `cbor:"6,keyasint,omitempty"`
	Signature []byte          `cbor:"7,keyasint,omitempty"`
}

type wireHead struct {
	_     struct{} `cbor:",toarray"`
	Chain cbor.ByteString
	Seq   uint64
	ID    ID
}

const (
	exportDomain = "atelier session 1\n"
	exportPrefix = "atelier-session."
)

func (x SessionExport) wire(signature []byte) *wireExport {
	floor := make([]wireHead, 0, len(x.Floor))
	for _, h := range x.Floor {
		floor = append(floor, wireHead{Chain: cbor.ByteString(h.Chain), Seq: h.Seq, ID: h.ID})
	}
	return &wireExport{x.Workspace, cbor.ByteString(x.Replica), x.Session, x.Actor, floor, x.Expires, signature}
}

func (x SessionExport) signed() ([]byte, error) {
	b, err := encMode.Marshal(x.wire(nil))
	return append([]byte(exportDomain), b...), err
}

// Sign fills the signature with the replica's key.
func (x *SessionExport) Sign(key ed25519.PrivateKey) error {
	b, err := x.signed()
	if err != nil {
		return err
	}
	x.Signature = ed25519.Sign(key, b)
	return nil
}

// Verify checks the export's form and its signature. Reasons: export_form,
// export_signature.
func (x SessionExport) Verify(key ed25519.PublicKey) error {
	if err := x.check(); err != nil {
		return err
	}
	b, err := x.signed()
	if err != nil {
		return err
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, b, x.Signature) {
		return badExport("export_signature", "the session is not signed by the replica that it names")
	}
	return nil
}

func (x SessionExport) check() error {
	if x.Workspace.IsZero() || x.Session.IsZero() || x.Actor.IsZero() || x.Expires <= 0 || len(x.Signature) != ed25519.SignatureSize {
		return badExport("export_form", "the text names no session, actor or end")
	}
	if err := checkCut(&Cut{Heads: x.Floor, Past: []ID{x.Session}}); err != nil {
		return badExport("export_form", "the heads that the session was served are not in order")
	}
	return nil
}

func badExport(reason, message string) error {
	return fault.New(fault.InvalidArgument, reason, message, "export it again with `atelier session export`")
}

// Text returns a signed export as text to paste. Fault export_form when it
// would be longer than MaxExport.
func (x SessionExport) Text() (string, error) {
	if err := x.check(); err != nil {
		return "", err
	}
	b, err := encMode.Marshal(x.wire(x.Signature))
	if err != nil {
		return "", err
	}
	text := exportPrefix + base64.RawURLEncoding.EncodeToString(b)
	if len(text) > MaxExport {
		return "", badExport("export_form", "the session was served more chains than an export holds")
	}
	return text, nil
}

// ParseSessionExport reads what Text wrote. It does not check the signature.
func ParseSessionExport(text string) (SessionExport, error) {
	coded, is := strings.CutPrefix(text, exportPrefix)
	if !is || len(text) > MaxExport {
		return SessionExport{}, badExport("export_form", "this is not an exported session")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(coded)
	if err != nil {
		return SessionExport{}, badExport("export_form", "the exported session is cut or changed")
	}
	var w wireExport
	if err := strict(b, &w); err != nil {
		return SessionExport{}, badExport("export_form", "the exported session is cut or changed")
	}
	x := SessionExport{Workspace: w.Workspace, Replica: Chain(w.Replica), Session: w.Session, Actor: w.Actor, Expires: w.Expires, Signature: w.Signature}
	for _, h := range w.Floor {
		x.Floor = append(x.Floor, Head{Chain: Chain(h.Chain), Seq: h.Seq, ID: h.ID})
	}
	return x, x.check()
}
