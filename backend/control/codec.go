package control

import (
	"bytes"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

var (
	encMode = mustEnc()
	decMode = mustDec()
)

func mustEnc() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.TagsMd, o.IndefLength = cbor.TagsForbidden, cbor.IndefLengthForbidden
	m, err := o.EncMode()
	if err != nil {
		panic(err)
	}
	return m
}

func mustDec() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		UTF8: cbor.UTF8RejectInvalid, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxNestedLevels: 8, MaxArrayElements: maxKept,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}

// strict decodes canonical bytes, or refuses them: what it read, written again,
// must give the same bytes.
func strict(b []byte, into any, reason string) error {
	err := decMode.Unmarshal(b, into)
	if err == nil {
		var again []byte
		if again, err = encMode.Marshal(into); err == nil && bytes.Equal(again, b) {
			return nil
		}
	}
	return fault.New(fault.InvalidArgument, reason, "these bytes are not in the one canonical form", "drop them")
}

type wireEntry struct {
	Header  []byte     `cbor:"1,keyasint,omitempty"`
	Body    []byte     `cbor:"2,keyasint,omitempty"`
	Heads   []wireHead `cbor:"3,keyasint,omitempty"`
	Past    []event.ID `cbor:"4,keyasint,omitempty"`
	Witness []wireFact `cbor:"5,keyasint,omitempty"`
	Behind  []event.ID `cbor:"6,keyasint,omitempty"`
	Time    int64      `cbor:"7,keyasint,omitempty"`
}

type wireHead struct {
	_     struct{} `cbor:",toarray"`
	Chain cbor.ByteString
	Seq   uint64
	ID    event.ID
}

type wireFact struct {
	Object    event.ID     `cbor:"1,keyasint,omitzero"`
	Kind      string       `cbor:"2,keyasint,omitempty"`
	States    []wireStated `cbor:"3,keyasint,omitempty"`
	NameTaken bool         `cbor:"4,keyasint,omitempty"`
	Digest    wireDigest   `cbor:"5,keyasint,omitzero"`
	Open      []event.ID   `cbor:"6,keyasint,omitempty"`
	Quiescent bool         `cbor:"7,keyasint,omitempty"`
}

type wireStated struct {
	_     struct{} `cbor:",toarray"`
	State string
	Event event.ID
}

type wireDigest struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Hash    event.ID
}

// EncodeEntry returns the canonical bytes of an entry, which holds its request
// whole. Fault: entry_form.
func EncodeEntry(e Entry) ([]byte, error) {
	if err := checkEntry(e); err != nil {
		return nil, err
	}
	w := wireOf(e)
	b, err := encMode.Marshal(&w)
	if err == nil && len(b) > MaxEntry {
		return nil, badForm("it is too long")
	}
	return b, err
}

func wireOf(e Entry) wireEntry {
	w := wireEntry{Header: e.Request.Bytes, Body: e.Request.Body, Past: e.AsOf.Past, Behind: e.Behind, Time: e.Time}
	for _, h := range e.AsOf.Heads {
		w.Heads = append(w.Heads, wireHead{Chain: cbor.ByteString(h.Chain), Seq: h.Seq, ID: h.ID})
	}
	for _, f := range e.Witness {
		w.Witness = append(w.Witness, f.wire())
	}
	return w
}

func (f Fact) wire() wireFact {
	w := wireFact{Object: f.Object, Kind: f.Kind, NameTaken: f.NameTaken, Digest: wireDigest{Version: f.Digest.Version, Hash: f.Digest.Hash}, Open: f.Open, Quiescent: f.Quiescent}
	for _, s := range f.States {
		w.States = append(w.States, wireStated{State: s.State, Event: s.Event})
	}
	return w
}

// DecodeEntry reads the canonical bytes of an entry. The request in it is whole
// and well-formed; who made it and whether the witness is true is not checked.
// Faults: entry_form, and those of event.ReadHeader.
func DecodeEntry(b []byte) (Entry, error) {
	if len(b) > MaxEntry {
		return Entry{}, badForm("it is too long")
	}
	var w wireEntry
	if err := strict(b, &w, "entry_form"); err != nil {
		return Entry{}, err
	}
	e := Entry{Request: event.Event{Bytes: w.Header, Body: w.Body}, AsOf: event.Cut{Past: w.Past}, Behind: w.Behind, Time: w.Time}
	for _, h := range w.Heads {
		e.AsOf.Heads = append(e.AsOf.Heads, event.Head{Chain: event.Chain(h.Chain), Seq: h.Seq, ID: h.ID})
	}
	for _, f := range w.Witness {
		e.Witness = append(e.Witness, f.fact())
	}
	var err error
	if e.Request.ID, err = event.ReadHeader(&e.Request.Header, w.Header); err != nil {
		return Entry{}, err
	}
	return e, checkEntry(e)
}

func (w wireFact) fact() Fact {
	f := Fact{Object: w.Object, Kind: w.Kind, NameTaken: w.NameTaken, Digest: event.Digest{Version: w.Digest.Version, Hash: w.Digest.Hash}, Open: w.Open, Quiescent: w.Quiescent}
	for _, s := range w.States {
		f.States = append(f.States, Stated{State: s.State, Event: s.Event})
	}
	return f
}

func badForm(why string) error {
	return fault.New(fault.InvalidArgument, "entry_form", "this is no entry: "+why, "drop it; the program that made it is at fault")
}

func checkEntry(e Entry) error {
	r := &e.Request
	switch {
	case r.Header.Facts.Ask == nil || len(r.Bytes) == 0:
		return badForm("it holds no request")
	case len(r.Body) > event.MaxBody || event.BodyHash(r.Body) != r.Header.BodyHash:
		return badForm("the body is not that of its request")
	case len(e.Witness) > max(1, len(r.Header.Affected)) || len(e.Behind) > len(r.Header.Affected) || !ascending(e.Behind):
		return badForm("what it says is more than its request names")
	}
	for _, f := range e.Witness {
		if f.Object.IsZero() || f.Kind == "" || len(f.Kind) > event.MaxWord || len(f.States) > MaxStates || len(f.Open) > MaxOpen || !ascending(f.Open) {
			return badForm("a fact is of no object, or out of bounds")
		}
		if slices.ContainsFunc(f.States, func(s Stated) bool { return s.State == "" || len(s.State) > event.MaxWord || s.Event.IsZero() }) {
			return badForm("a state is not whole")
		}
	}
	return checkCut(e.AsOf)
}

func checkCut(c event.Cut) error {
	if c.IsZero() || len(c.Heads) > event.MaxHeads || len(c.Past) > event.MaxParents || !ascending(c.Past) {
		return badForm("its cut is empty, or out of bounds")
	}
	for i, h := range c.Heads {
		if h.Chain == "" || len(h.Chain) > event.MaxChain || h.ID.IsZero() || i > 0 && c.Heads[i-1].Chain >= h.Chain {
			return badForm("the heads of its cut are not ascending and whole")
		}
	}
	return nil
}

func ascending(ids []event.ID) bool {
	for i := range ids {
		if ids[i].IsZero() || i > 0 && bytes.Compare(ids[i-1][:], ids[i][:]) >= 0 {
			return false
		}
	}
	return true
}
