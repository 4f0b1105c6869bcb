package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// The second implementation of the header's bytes: the CBOR library with a
// struct for every map. It is slower, and says the same of all bytes.

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

	Cut       *wireCut      `cbor:"12,keyasint,omitempty"`
	Digest    *wireDigest   `cbor:"15,keyasint,omitempty"`
	Ask       *wireAsk      `cbor:"16,keyasint,omitempty"`
	Decision  *wireDecision `cbor:"17,keyasint,omitempty"`
	Member    *wireMember   `cbor:"18,keyasint,omitempty"`
	Continues ID            `cbor:"22,keyasint,omitzero"`
}

type wireCut struct {
	_     struct{} `cbor:",toarray"`
	Heads []wireHead
	Past  []ID
}

type wireDigest struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Hash    ID
}

type wireAsk struct {
	_     struct{} `cbor:",toarray"`
	Type  Type
	Until uint64
}

type wireDecision struct {
	_       struct{} `cbor:",toarray"`
	Request ID
	Outcome string
	Reason  string
}

type wireMember struct {
	_       struct{} `cbor:",toarray"`
	Kind    ActorKind
	Replica cbor.ByteString
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

// oracle reads a header as the library does: what it read, written again, must
// give the same bytes.
func oracle(b []byte) (Header, bool) {
	var w wireHeader
	if len(b) > MaxHeader || newerSchema(b) != nil || decMode.Unmarshal(b, &w) != nil {
		return Header{}, false
	}
	h := fromWire(w)
	again, err := encMode.Marshal(toWire(h))
	return h, err == nil && bytes.Equal(again, b) && Check(h) == nil
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
	sharedToWire(f, &w)
	if reflect.DeepEqual(w, wireFacts{}) {
		return nil
	}
	return &w
}

func sharedToWire(f Facts, w *wireFacts) {
	w.Continues = f.Continues
	if c := f.Cut; c != nil {
		w.Cut = &wireCut{Heads: []wireHead{}, Past: c.Past}
		if w.Cut.Past == nil {
			w.Cut.Past = []ID{}
		}
		for _, h := range c.Heads {
			w.Cut.Heads = append(w.Cut.Heads, wireHead{Chain: cbor.ByteString(h.Chain), Seq: h.Seq, ID: h.ID})
		}
	}
	if d := f.Digest; d != nil {
		w.Digest = &wireDigest{Version: d.Version, Hash: d.Hash}
	}
	if a := f.Ask; a != nil {
		w.Ask = &wireAsk{Type: a.Type, Until: uint64(a.Until)}
	}
	if d := f.Decision; d != nil {
		w.Decision = &wireDecision{Request: d.Request, Outcome: d.Outcome, Reason: d.Reason}
	}
	if m := f.Member; m != nil {
		w.Member = &wireMember{Kind: m.Kind, Replica: cbor.ByteString(m.Replica)}
	}
}

func sharedFromWire(w wireFacts, f *Facts) {
	f.Continues = w.Continues
	if c := w.Cut; c != nil {
		f.Cut = &Cut{}
		if len(c.Past) > 0 {
			f.Cut.Past = c.Past
		}
		for _, h := range c.Heads {
			f.Cut.Heads = append(f.Cut.Heads, Head{Chain: Chain(h.Chain), Seq: h.Seq, ID: h.ID})
		}
	}
	if d := w.Digest; d != nil {
		f.Digest = &Digest{Version: d.Version, Hash: d.Hash}
	}
	if a := w.Ask; a != nil {
		f.Ask = &Ask{Type: a.Type, Until: int64(a.Until)}
	}
	if d := w.Decision; d != nil {
		f.Decision = &Decision{Request: d.Request, Outcome: d.Outcome, Reason: d.Reason}
	}
	if m := w.Member; m != nil {
		f.Member = &Member{Kind: m.Kind, Replica: Chain(m.Replica)}
	}
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
	sharedFromWire(w, &f)
	return f
}

// shapes are headers that together have every key and every fact.
func shapes() []Header {
	note, zero := uint64(300), uint64(0)
	full := one()
	full.Type, full.Parents, full.Affected = ExecutionOutputType, []ID{{1}, {2}, {3}}, []ID{{7}, {8}}
	full.Seq, full.Lamport, full.WallTime, full.Basis.Index = 1<<33, 70_000, 1<<60, 24
	full.Facts = Facts{State: "running", Fields: []string{"name", "title"}, Range: &Range{23, 1 << 17, ID{1}}, Note: &note,
		Turn: &Turn{Epoch: 255, Driver: ID{1}, Session: ID{2}}, Typed: &zero, Size: &Size{80, 24}, Exit: &Exit{0, 9}, Request: ID{4}}
	early := one()
	early.WallTime = -1 << 40
	left := one()
	left.Type, left.Facts.Operator = ExecutionDetachedType, ID{5}
	policy := first()
	policy.Facts.Genesis.Policy = "version: 1\nnäme: x\n"
	return append([]Header{one(), first(), full, early, left, policy}, sharedShapes()...)
}

// sharedShapes are headers with the facts of checkpoints and control.
func sharedShapes() []Header {
	frozen := one()
	frozen.Type, frozen.Affected = CheckpointProposedType, nil
	frozen.Facts = Facts{State: "proposed", Fields: []string{"name"}, Cut: &Cut{Heads: []Head{{"a", 3, ID{1}}, {"b", 1 << 40, ID{2}}}, Past: []ID{{3}, {4}}}}
	asked := one()
	asked.Type = RequestMadeType
	asked.Facts = Facts{Ask: &Ask{Type: CheckpointFinalizedType, Until: 1 << 60}, Digest: &Digest{Version: 1, Hash: ID{5}}}
	later := one()
	later.Type, later.Session, later.Affected, later.Facts = SessionOpenedType, ID{}, nil, Facts{Continues: ID{6}}
	return []Header{frozen, asked, record(), later}
}

// record is what control answers with.
func record() Header {
	h := one()
	h.Type, h.Class, h.Session, h.Surface, h.Affected = ActorEnrolledType, Control, ID{}, SurfaceSystem, nil
	h.Replica = Chain(h.Workspace[:])
	h.Facts = Facts{Fields: []string{"name"}, Member: &Member{Kind: Agent, Replica: "r"}, Cut: &Cut{Past: []ID{{3}}},
		Decision: &Decision{Request: ID{7}, Outcome: OutcomeRefused, Reason: "name_taken"}}
	return h
}

// The reader and the writer of this package say what the library says of the
// bytes: of all shapes, and of each with a few bytes changed, put in or left out.
func TestBytesAreReadAndWrittenAsTheLibraryDoes(t *testing.T) {
	rng, rounds := rand.New(rand.NewSource(1)), 5_000
	if os.Getenv("ATELIER_SOAK") != "" {
		rounds = 2_000_000
	}
	taken, refused := 0, 0
	for _, h := range shapes() {
		b := encode(t, h)
		if lib, err := encMode.Marshal(toWire(h)); err != nil || !bytes.Equal(lib, b) {
			t.Fatalf("written\n%x, by the library\n%x: %v", b, lib, err)
		}
		for range rounds {
			m := mutate(rng, b)
			agree(t, m)
			if _, ok := oracle(m); ok {
				taken++
			} else {
				refused++
			}
		}
	}
	if taken == 0 || refused == 0 {
		t.Errorf("%d taken and %d refused: the changes do not bite", taken, refused)
	}
}

func agree(t *testing.T, b []byte) {
	t.Helper()
	h, _, err := DecodeHeader(b)
	want, ok := oracle(b)
	if (err == nil) != ok || ok && describe(h) != describe(want) {
		t.Fatalf("%x\nread as %s: %v\nby the library as %s, taken: %v", b, describe(h), err, describe(want), ok)
	}
}

// describe is a header with what its pointers lead to.
func describe(h Header) string {
	b, err := json.Marshal(h)
	return fmt.Sprint(string(b), err)
}

func mutate(rng *rand.Rand, b []byte) []byte {
	m := bytes.Clone(b)
	for range 1 + rng.Intn(3) {
		// Half of the changes fall on the first bytes of items, where it matters.
		at := rng.Intn(len(m))
		if rng.Intn(2) == 0 {
			at = rng.Intn(min(16, len(m)))
		}
		switch rng.Intn(4) {
		case 0:
			m[at] ^= 1 << rng.Intn(8)
		case 1:
			m[at] = byte(rng.Intn(256))
		case 2:
			m = append(m[:at], m[at+1:]...)
		case 3:
			m = append(m[:at], append([]byte{[]byte{0, 0x18, 0x19, 0x40, 0x58, 0x80, 0xa0, 0xf6}[rng.Intn(8)]}, m[at:]...)...)
		}
		if len(m) == 0 {
			return m
		}
	}
	return m
}
