package event

import (
	"bytes"
	"crypto/sha256"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/fault"
)

var (
	encMode = mustEnc()
	decMode = mustDec()
)

func mustEnc() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.TagsMd = cbor.TagsForbidden
	o.IndefLength = cbor.IndefLengthForbidden
	m, err := o.EncMode()
	if err != nil {
		panic(err)
	}
	return m
}

func mustDec() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, UTF8: cbor.UTF8RejectInvalid,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   8, MaxArrayElements: 4096, MaxMapPairs: 64,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}

func malformed(reason, message string) error {
	return fault.New(fault.InvalidArgument, reason, message, "drop it; the program that made it is at fault")
}

// strict decodes canonical bytes or refuses them: what it read, written again,
// must give the same bytes.
func strict(b []byte, into any) error {
	if err := decMode.Unmarshal(b, into); err != nil {
		return fault.Wrap(err, fault.InvalidArgument, "encoding", "these bytes are not in the one allowed form", "drop them")
	}
	again, err := encMode.Marshal(into)
	if err != nil || !bytes.Equal(again, b) {
		return malformed("not_canonical", "these bytes are not in the one canonical form")
	}
	return nil
}

type wireHeader struct {
	SchemaVersion uint64          `cbor:"1,keyasint,omitempty"`
	Workspace     ID              `cbor:"2,keyasint,omitzero"`
	Type          Type            `cbor:"3,keyasint,omitempty"`
	Lamport       uint64          `cbor:"4,keyasint,omitempty"`
	Parents       []ID            `cbor:"5,keyasint,omitempty"`
	Replica       cbor.ByteString `cbor:"6,keyasint,omitempty"`
	Seq           uint64          `cbor:"7,keyasint,omitempty"`
	Prev          ID              `cbor:"8,keyasint,omitzero"`
	Basis         *wireBasis      `cbor:"9,keyasint,omitempty"`
	WallTime      int64           `cbor:"10,keyasint,omitempty"`
	Actor         *wireActor      `cbor:"11,keyasint,omitempty"`
	Surface       Surface         `cbor:"12,keyasint,omitempty"`
	Session       ID              `cbor:"13,keyasint,omitzero"`
	ViewEpoch     uint64          `cbor:"14,keyasint,omitempty"`
	Branch        ID              `cbor:"15,keyasint,omitzero"`
	Affected      []ID            `cbor:"16,keyasint,omitempty"`
	Class         Class           `cbor:"19,keyasint,omitempty"`
	Facts         *wireFacts      `cbor:"20,keyasint,omitempty"`
	BodyHash      ID              `cbor:"21,keyasint,omitzero"`
}

type wireBasis struct {
	_      struct{} `cbor:",toarray"`
	Index  uint64
	Record ID
}

type wireActor struct {
	_    struct{} `cbor:",toarray"`
	ID   ID
	Kind ActorKind
}

type wireFacts struct {
	State    string       `cbor:"1,keyasint,omitempty"`
	Fields   []string     `cbor:"2,keyasint,omitempty"`
	Range    *wireRange   `cbor:"3,keyasint,omitempty"`
	Note     *uint64      `cbor:"4,keyasint,omitempty"`
	Turn     *wireTurn    `cbor:"5,keyasint,omitempty"`
	Typed    *uint64      `cbor:"6,keyasint,omitempty"`
	Size     *wireSize    `cbor:"7,keyasint,omitempty"`
	Exit     *wireExit    `cbor:"8,keyasint,omitempty"`
	Request  ID           `cbor:"9,keyasint,omitzero"`
	Genesis  *wireGenesis `cbor:"10,keyasint,omitempty"`
	Operator ID           `cbor:"11,keyasint,omitzero"`
}

type wireRange struct {
	_        struct{} `cbor:",toarray"`
	From, To uint64
	Root     ID
}

type wireTurn struct {
	_       struct{} `cbor:",toarray"`
	Epoch   uint64
	Driver  ID
	Session ID
}

type wireSize struct {
	_          struct{} `cbor:",toarray"`
	Cols, Rows uint64
}

type wireExit struct {
	_              struct{} `cbor:",toarray"`
	Status, Signal uint64
}

type wireGenesis struct {
	Nonce       [16]byte        `cbor:"1,keyasint"`
	Replica     cbor.ByteString `cbor:"2,keyasint"`
	RecoveryKey []byte          `cbor:"3,keyasint,omitempty"`
	Epoch       uint64          `cbor:"4,keyasint,omitempty"`
	Policy      string          `cbor:"5,keyasint,omitempty"`
}

// EncodeHeader checks a header and returns its canonical bytes and its id.
func EncodeHeader(h Header) ([]byte, ID, error) {
	if err := Check(h); err != nil {
		return nil, ID{}, err
	}
	b, err := encMode.Marshal(toWire(h))
	if err != nil {
		return nil, ID{}, fault.Wrap(err, fault.InvalidArgument, "encoding", "the header cannot be encoded", "give text in UTF-8")
	}
	if len(b) > MaxHeader {
		return nil, ID{}, malformed("header_size", "a header has at most 64 KiB")
	}
	return b, sha256.Sum256(b), nil
}

// DecodeHeader reads canonical bytes, or refuses them with a typed reason. A
// newer schema gives reason schema_newer: such an event is opaque, not malformed.
func DecodeHeader(b []byte) (Header, ID, error) {
	if len(b) > MaxHeader {
		return Header{}, ID{}, malformed("header_size", "a header has at most 64 KiB")
	}
	if err := newerSchema(b); err != nil {
		return Header{}, ID{}, err
	}
	var w wireHeader
	if err := decMode.Unmarshal(b, &w); err != nil {
		return Header{}, ID{}, fault.Wrap(err, fault.InvalidArgument, "encoding", "these bytes are not in the one allowed form", "drop them")
	}
	h := fromWire(w)
	// From the header, not from w: it alone forgets what is present and empty.
	if again, err := encMode.Marshal(toWire(h)); err != nil || !bytes.Equal(again, b) {
		return Header{}, ID{}, malformed("not_canonical", "these bytes are not in the one canonical form")
	}
	if err := Check(h); err != nil {
		return Header{}, ID{}, err
	}
	return h, sha256.Sum256(b), nil
}

// newerSchema looks at the first pair of the map alone: canonical order puts
// key 1 first, so that an old reader can tell a newer header without reading it.
func newerSchema(b []byte) error {
	if len(b) < 3 || b[0]>>5 != 5 || b[0]&0x1f > 24 {
		return nil
	}
	at := 1
	if b[0]&0x1f == 24 {
		at = 2
	}
	var version uint64
	if b[at] != 1 {
		return nil
	}
	if _, err := decMode.UnmarshalFirst(b[at+1:], &version); err != nil || version <= 1 {
		return nil
	}
	if decMode.Wellformed(b) != nil {
		return malformed("encoding", "these bytes are not in the one allowed form")
	}
	return fault.New(fault.Unimplemented, "schema_newer", "this event was written by a newer Atelier", "keep it, and use a newer program to read it")
}

func toWire(h Header) *wireHeader {
	w := &wireHeader{SchemaVersion: h.SchemaVersion, Workspace: h.Workspace, Type: h.Type, Lamport: h.Lamport,
		Parents: h.Parents, Replica: cbor.ByteString(h.Replica), Seq: h.Seq, Prev: h.Prev, WallTime: h.WallTime,
		Surface: h.Surface, Session: h.Session, ViewEpoch: h.ViewEpoch, Branch: h.Branch, Affected: h.Affected,
		Class: h.Class, BodyHash: h.BodyHash, Facts: factsToWire(h.Facts)}
	if h.Basis != (Basis{}) {
		w.Basis = &wireBasis{Index: h.Basis.Index, Record: h.Basis.Record}
	}
	if h.Actor != (Actor{}) {
		w.Actor = &wireActor{ID: h.Actor.ID, Kind: h.Actor.Kind}
	}
	return w
}

func fromWire(w wireHeader) Header {
	h := Header{SchemaVersion: w.SchemaVersion, Workspace: w.Workspace, Type: w.Type, Lamport: w.Lamport,
		Parents: w.Parents, Replica: Chain(w.Replica), Seq: w.Seq, Prev: w.Prev, WallTime: w.WallTime,
		Surface: w.Surface, Session: w.Session, ViewEpoch: w.ViewEpoch, Branch: w.Branch, Affected: w.Affected,
		Class: w.Class, BodyHash: w.BodyHash}
	if w.Basis != nil {
		h.Basis = Basis{Index: w.Basis.Index, Record: w.Basis.Record}
	}
	if w.Actor != nil {
		h.Actor = Actor{ID: w.Actor.ID, Kind: w.Actor.Kind}
	}
	if w.Facts != nil {
		h.Facts = factsFromWire(*w.Facts)
	}
	return h
}

func factsToWire(f Facts) *wireFacts {
	w := wireFacts{State: f.State, Fields: f.Fields, Note: f.Note, Typed: f.Typed, Request: f.Request, Operator: f.Operator}
	if f.Range != nil {
		w.Range = &wireRange{From: f.Range.From, To: f.Range.To, Root: f.Range.Root}
	}
	if f.Turn != nil {
		w.Turn = &wireTurn{Epoch: f.Turn.Epoch, Driver: f.Turn.Driver, Session: f.Turn.Session}
	}
	if f.Size != nil {
		w.Size = &wireSize{Cols: f.Size.Cols, Rows: f.Size.Rows}
	}
	if f.Exit != nil {
		w.Exit = &wireExit{Status: f.Exit.Status, Signal: f.Exit.Signal}
	}
	if g := f.Genesis; g != nil {
		w.Genesis = &wireGenesis{Nonce: g.Nonce, Replica: cbor.ByteString(g.Replica), RecoveryKey: g.RecoveryKey, Epoch: g.Epoch, Policy: g.Policy}
	}
	if w.State == "" && len(w.Fields) == 0 && w.Range == nil && w.Note == nil && w.Turn == nil && w.Typed == nil &&
		w.Size == nil && w.Exit == nil && w.Request.IsZero() && w.Genesis == nil && w.Operator.IsZero() {
		return nil
	}
	return &w
}

func factsFromWire(w wireFacts) Facts {
	f := Facts{State: w.State, Fields: w.Fields, Note: w.Note, Typed: w.Typed, Request: w.Request, Operator: w.Operator}
	if w.Range != nil {
		f.Range = &Range{From: w.Range.From, To: w.Range.To, Root: w.Range.Root}
	}
	if w.Turn != nil {
		f.Turn = &Turn{Epoch: w.Turn.Epoch, Driver: w.Turn.Driver, Session: w.Turn.Session}
	}
	if w.Size != nil {
		f.Size = &Size{Cols: w.Size.Cols, Rows: w.Size.Rows}
	}
	if w.Exit != nil {
		f.Exit = &Exit{Status: w.Exit.Status, Signal: w.Exit.Signal}
	}
	if g := w.Genesis; g != nil {
		f.Genesis = &Genesis{Nonce: g.Nonce, Replica: Chain(g.Replica), RecoveryKey: g.RecoveryKey, Epoch: g.Epoch, Policy: g.Policy}
	}
	return f
}
