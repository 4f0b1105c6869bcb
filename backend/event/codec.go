package event

import (
	"bytes"
	"crypto/sha256"
	"unicode/utf8"

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
		MaxNestedLevels:   8, MaxArrayElements: MaxBody, MaxMapPairs: MaxFields,
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

// EncodeHeader checks a header and returns its canonical bytes and its id.
func EncodeHeader(h Header) ([]byte, ID, error) {
	return AppendHeader(make([]byte, 0, headerSize(&h)), &h)
}

// AppendHeader checks a header and appends its canonical bytes to b. The id is
// of what was appended. After a fault b is as it was.
func AppendHeader(b []byte, h *Header) ([]byte, ID, error) {
	if err := check(h); err != nil {
		return b, ID{}, err
	}
	if g := h.Facts.Genesis; g != nil && !utf8.ValidString(g.Policy) {
		return b, ID{}, fault.New(fault.InvalidArgument, "encoding", "the policy cannot be encoded", "give text in UTF-8")
	}
	all := appendHeader(b, h)
	if len(all)-len(b) > MaxHeader {
		return b, ID{}, malformed("header_size", "a header has at most 64 KiB")
	}
	return all, sha256.Sum256(all[len(b):]), nil
}

// DecodeHeader reads canonical bytes, or refuses them with a typed reason. A
// newer schema gives reason schema_newer: such an event is opaque, not malformed.
func DecodeHeader(b []byte) (Header, ID, error) {
	var h Header
	id, err := ReadHeader(&h, b)
	if err != nil {
		return Header{}, ID{}, err
	}
	return h, id, nil
}

// ReadHeader is DecodeHeader into a header that is empty. After a fault what
// it holds means nothing.
func ReadHeader(h *Header, b []byte) (ID, error) {
	if len(b) > MaxHeader {
		return ID{}, malformed("header_size", "a header has at most 64 KiB")
	}
	if err := newerSchema(b); err != nil {
		return ID{}, err
	}
	r := reader{rest: b}
	r.header(h)
	if r.err != nil {
		return ID{}, r.err
	}
	if err := check(h); err != nil {
		return ID{}, err
	}
	return sha256.Sum256(b), nil
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
	if b[at] != 1 || len(b) > at+1 && b[at+1] == 1 {
		return nil
	}
	if _, err := decMode.UnmarshalFirst(b[at+1:], &version); err != nil {
		return nil //nolint:nilerr // no number is no newer version: what it is is said by whoever reads the rest
	}
	if version <= 1 {
		return nil
	}
	if decMode.Wellformed(b) != nil {
		return malformed("encoding", "these bytes are not in the one allowed form")
	}
	return fault.New(fault.Unimplemented, "schema_newer", "this event was written by a newer Atelier", "keep it, and use a newer program to read it")
}
