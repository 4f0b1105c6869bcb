package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/fault"
)

// rewritten is a header's map with one thing changed, encoded as it comes.
func rewritten(t *testing.T, h Header, change func(map[uint64]any)) []byte {
	t.Helper()
	var m map[uint64]any
	if err := cbor.Unmarshal(encode(t, h), &m); err != nil {
		t.Fatal(err)
	}
	if again, err := encMode.Marshal(m); err != nil || !bytes.Equal(again, encode(t, h)) {
		t.Fatal("the control is written differently:", err)
	}
	change(m)
	o := cbor.CoreDetEncOptions()
	o.NaNConvert = cbor.NaNConvertPreserveSignal
	o.ShortestFloat, o.InfConvert = cbor.ShortestFloatNone, cbor.InfConvertNone
	mode, err := o.EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each field of a header is given what it may not hold, in bytes as a stranger
// sends them; each has its reason.
func TestBadBytesHaveTheirReason(t *testing.T) {
	deep := any(uint64(1))
	for range 30 {
		deep = []any{deep}
	}
	key := func(k uint64, v any) func(map[uint64]any) { return func(m map[uint64]any) { m[k] = v } }
	fact := func(k uint64, v any) func(map[uint64]any) {
		return func(m map[uint64]any) { m[20] = map[uint64]any{k: v} }
	}
	ids := func(n int) (all [][]byte) {
		for i := range n {
			all = append(all, binary.BigEndian.AppendUint32(make([]byte, 28), uint32(i+1)))
		}
		return all
	}
	id := make([]byte, 32)
	words := func(n int) (all []string) {
		for i := range n {
			all = append(all, "f"+string(rune('a'+i/26))+string(rune('a'+i%26)))
		}
		return all
	}
	for name, c := range map[string]struct {
		reason string
		change func(map[uint64]any)
	}{
		"a float for a number": {"encoding", key(7, 1.5)}, "NaN": {"encoding", key(10, math.NaN())}, "infinite": {"encoding", key(4, math.Inf(1))},
		"null": {"encoding", key(13, nil)}, "a flag": {"encoding", key(14, true)}, "a tag": {"encoding", key(7, cbor.Tag{Number: 1, Content: 7})},
		"text for bytes": {"encoding", key(13, string(id))}, "bytes for text": {"encoding", key(3, []byte("execution.input"))}, "invalid UTF-8": {"encoding", key(3, "execution.\xff")},
		"a short id": {"encoding", key(13, id[:31])}, "a long id": {"encoding", key(13, make([]byte, 33))}, "a zero id": {"not_canonical", key(13, id)},
		"a negative number": {"encoding", key(7, -1)}, "zero": {"not_canonical", key(7, 0)}, "the latest time": {"encoding", key(10, uint64(1)<<63)},
		"no list": {"encoding", key(5, 7)}, "an empty list": {"not_canonical", key(5, []any{})}, "very deep": {"encoding", key(5, deep)}, "deep in facts": {"encoding", fact(2, deep)},
		"surface 256": {"encoding", key(12, 256)}, "surface 9": {"surface", key(12, 9)}, "class 3": {"class", key(19, 3)}, "actor of kind 4": {"actor", key(11, []any{ids(1)[0], 4})},
		"actor of kind 256": {"encoding", key(11, []any{ids(1)[0], 256})}, "half an actor": {"encoding", key(11, []any{ids(1)[0]})}, "a basis of three": {"encoding", key(9, []any{1, ids(1)[0], 1})},
		"a key of nobody": {"encoding", key(99, 1)}, "a key kept for later": {"encoding", key(17, []any{1})}, "a fact of nobody": {"encoding", fact(99, 1)}, "a fact kept for later": {"encoding", fact(13, ids(1)[0])},
		"a newer version": {"schema_newer", key(1, 2)}, "the newest version": {"schema_newer", key(1, uint64(math.MaxUint64))}, "version 0": {"not_canonical", key(1, 0)}, "a version of text": {"encoding", key(1, "1")},
		"no version": {"schema_version", func(m map[uint64]any) { delete(m, 1) }}, "no type": {"type", func(m map[uint64]any) { delete(m, 3) }}, "no body": {"body_hash", func(m map[uint64]any) { delete(m, 21) }},
		"a long type": {"type", key(3, "execution."+strings.Repeat("x", MaxWord))}, "a type of 1 MB": {"header_size", key(3, strings.Repeat("x", 1<<20))}, "a type in capitals": {"type", key(3, "Execution.Input")},
		"65 parents": {"parents_count", key(5, ids(65))}, "a parent twice": {"parents_order", key(5, [][]byte{ids(1)[0], ids(1)[0]})}, "a parent of nothing": {"parents_order", key(5, [][]byte{id})},
		"many parents": {"header_size", key(5, ids(2000))}, "257 objects": {"affected", key(16, ids(257))}, "a long chain": {"replica", key(6, make([]byte, MaxChain+1))},
		"65 fields": {"facts", fact(2, words(65))}, "a field of 1 KB": {"facts", fact(2, []string{strings.Repeat("x", 1024)})}, "a field not UTF-8": {"encoding", fact(2, []string{"\xff"})},
		"a range of floats": {"encoding", fact(3, []any{0.5, 1.5, ids(1)[0]})}, "a range turned": {"range", fact(3, []any{9, 3, ids(1)[0]})}, "half a range": {"encoding", fact(3, []any{9, 3})},
		"a turn of nobody": {"turn", fact(5, []any{1, id, ids(1)[0]})}, "a size of three": {"encoding", fact(7, []any{1, 2, 3})}, "a large size": {"size", fact(7, []any{1 << 16, 2})}, "status 256": {"exit", fact(8, []any{256, 0})},
		"heads of nothing": {"encoding", fact(12, []any{[]any{[]any{}}, []any{}})}, "an empty cut": {"cut", fact(12, []any{[]any{}, []any{}})}, "a cut without a past": {"encoding", fact(12, []any{[]any{}})},
		"kind 256": {"encoding", fact(18, []any{256, []byte("r")})}, "a time before 1970": {"encoding", fact(16, []any{"policy.changed", -1})}, "a time too late": {"encoding", fact(16, []any{"policy.changed", uint64(1) << 63})},
		"a digest of text": {"encoding", fact(15, []any{1, "x"})}, "a decision of two": {"encoding", fact(17, []any{ids(1)[0], "done"})}, "a decision on this": {"decision", fact(17, []any{ids(1)[0], "done", ""})},
		"a document on this": {"genesis", fact(10, map[uint64]any{1: make([]byte, 16), 2: []byte("r")})}, "half a document": {"not_canonical", fact(10, map[uint64]any{1: make([]byte, 16)})},
	} {
		if _, _, err := DecodeHeader(rewritten(t, one(), c.change)); !fault.Is(err, c.reason) {
			t.Errorf("%s: want %s, got %v", name, c.reason, err)
		}
	}
	for name, kind := range map[string]any{"of an unknown type": "garden.watered", "as it was": "execution.input"} {
		if _, _, err := DecodeHeader(rewritten(t, one(), key(3, kind))); err != nil {
			t.Errorf("the control %s is refused: %v", name, err)
		}
	}
}

// A cut is as large as its bound, and no larger.
func TestLargestCut(t *testing.T) {
	h := sharedShapes()[0]
	h.Facts.Cut = &Cut{Past: make([]ID, MaxParents)}
	for n := range MaxHeads {
		h.Facts.Cut.Heads = append(h.Facts.Cut.Heads, Head{Chain(bytes.Repeat([]byte{1 + byte(n>>8), byte(n)}, 19)), math.MaxUint64, ID{1}})
	}
	for n := range h.Facts.Cut.Past {
		h.Facts.Cut.Past[n] = ID{1 + byte(n)}
	}
	h.Parents = h.Facts.Cut.Past
	if _, _, err := DecodeHeader(encode(t, h)); err != nil {
		t.Error("the largest cut is refused:", err)
	}
	h.Facts.Cut.Heads = append(h.Facts.Cut.Heads, Head{Chain("\xff"), 1, ID{1}})
	if _, _, err := EncodeHeader(h); !fault.Is(err, "cut") {
		t.Error("a head more:", err)
	}
}

// allocated returns the bytes that a call takes from the heap.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What is claimed costs nothing: what is allocated is bounded by what is there.
func TestClaimedCountsAreNotAllocated(t *testing.T) {
	var claims [][]byte
	for _, kind := range []byte{kindBytes, kindText, kindArray, kindMap} {
		for _, n := range []uint64{1 << 12, 1 << 16, 1 << 20, 1 << 31, 1<<63 - 1, math.MaxUint64} {
			claims = append(claims, appendHead(nil, kind, n))
		}
	}
	starts := [][]byte{nil}
	for k := byte(1); k <= 23; k++ {
		starts = append(starts, []byte{0xb7, k}, []byte{0xa1, 20, 0xb7, k}, []byte{0xa1, 20, 0xa1, k, 0x82}, []byte{0xa1, 20, 0xa1, 10, 0xb7, k})
	}
	starts = append(starts, []byte{0xa1, 20, 0xa1, 12, 0x82, 0x80})
	for _, start := range starts {
		for _, claim := range claims {
			b := slices.Concat(start, claim, make([]byte, 64))
			if n := allocated(func() { _, _, _ = DecodeHeader(b) }); n > 16<<10 {
				t.Errorf("a header of %d bytes, %x…, takes %d", len(b), b[:len(start)+len(claim)], n)
			}
			body := slices.Concat(make([]byte, BodyNonceSize), start, claim, make([]byte, 64))
			for _, kind := range []Type{WorkItemUpdatedType, ExecutionStartedType} {
				if n := allocated(func() { _, _ = DecodeBody(kind, body) }); n > 16<<10 {
					t.Errorf("a body of %d bytes, %x…, takes %d", len(body), body[BodyNonceSize:], n)
				}
			}
			if n := allocated(func() {
				_, _ = DecodeSeal(b)
				_, _ = DecodeCertificate(b)
				_, _ = DecodeProof(b)
				_, _ = DecodeFraud(b)
			}); n > 64<<10 {
				t.Errorf("something signed of %d bytes, %x, takes %d", len(b), b, n)
			}
		}
	}
}

// The smallest items that can be given, as many as there may be, cost a few
// times what they weigh.
func TestManySmallItemsCostWhatTheyWeigh(t *testing.T) {
	words := append(append([]byte{0xa2, 1, 1, 20, 0xa1, 2}, appendHead(nil, kindArray, 65_000)...), bytes.Repeat([]byte{0x60}, 65_000)...)
	if n := allocated(func() { _, _, _ = DecodeHeader(words) }); n > 20*uint64(len(words)) {
		t.Errorf("%d bytes of words take %d", len(words), n)
	}
	list := append(appendHead(nil, kindArray, 500_000), make([]byte, 500_000)...)
	for name, c := range map[string]struct {
		kind Type
		body []byte
	}{
		"values": {WorkItemUpdatedType, append([]byte{0xa1, 2, 0xa1, 0x61, 'a'}, list...)}, "arguments": {ExecutionStartedType, append([]byte{0xa1, 3}, bytes.ReplaceAll(list, []byte{0}, []byte{0x60})...)},
	} {
		body := append(make([]byte, BodyNonceSize), c.body...)
		if n := allocated(func() { _, _ = DecodeBody(c.kind, body) }); n > 300*uint64(len(body)) {
			t.Errorf("%d bytes of %s take %d", len(body), name, n)
		}
	}
}

// What is written is what is read: nothing is kept for ever that no reader takes.
func TestRule12_WhatNoReaderTakesIsNotWritten(t *testing.T) {
	for name, body := range map[string]any{
		"not UTF-8": ExecutionRenamed{Name: "\xff"}, "not UTF-8, in a list": &ExecutionStarted{Argv: []string{"a", "\xff"}},
		"a value not UTF-8": &Change{Set: map[string]Value{"a": Text("\xff")}}, "a reason not UTF-8": Remark{Why: "\xff"}, "no value": Change{Set: map[string]Value{"a": {}}},
	} {
		if _, err := EncodeContent(body); !fault.Is(err, "body_ill_formed") {
			t.Errorf("%s is written: %v", name, err)
		}
	}
	for _, n := range []int{1, 4097, 100_000} {
		argv := slices.Repeat([]string{"a"}, n)
		content, err := EncodeContent(&ExecutionStarted{Argv: argv})
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeBody(ExecutionStartedType, append(make([]byte, BodyNonceSize), content...))
		if err != nil || !slices.Equal(back.(*ExecutionStarted).Argv, argv) {
			t.Errorf("%d arguments are written, and not read: %v", n, err)
		}
	}
}

func TestRule23_AChangeHasBounds(t *testing.T) {
	values := func(n int) (all []Value) {
		for i := range n {
			all = append(all, Number(int64(i)))
		}
		return all
	}
	fields := map[string]Value{}
	for i := range MaxFields {
		fields["f"+strings.Repeat("x", i)] = Flag(true)
	}
	long := Text(strings.Repeat("x", MaxText))
	longer := Text(strings.Repeat("x", 1<<20))
	delete(fields, "f"+strings.Repeat("x", MaxFields-1)) // a word too long
	fields["last"] = long
	more := maps.Clone(fields)
	more["more"] = Flag(true)
	largest := Change{Set: fields, Add: map[string][]Value{"f": values(MaxElements)}, Remove: map[string][]Value{"f": values(MaxElements)}}
	back, err := DecodeBody(WorkItemUpdatedType, change(t, largest))
	if err != nil || len(back.(*Change).Add["f"]) != MaxElements {
		t.Fatal("the largest is refused:", err)
	}
	for name, c := range map[string]struct {
		body   Change
		reason string
	}{
		"a field more": {Change{Set: more}, "fields"}, "a field that is no word": {Change{Add: map[string][]Value{"A b": values(1)}}, "fields"},
		"a value more": {Change{Add: map[string][]Value{"f": values(MaxElements + 1)}}, "values_count"}, "a value more to remove": {Change{Remove: map[string][]Value{"f": values(MaxElements + 1)}}, "values_count"},
		"no values": {Change{Add: map[string][]Value{"f": {}}}, "values_count"}, "nothing": {Change{Remove: map[string][]Value{"f": nil}}, "values_count"},
		"1 MB": {Change{Set: map[string]Value{"title": longer}}, "text_long"}, "1 MB in a set": {Change{Add: map[string][]Value{"f": {longer}}}, "text_long"},
		"a byte more": {Change{Set: map[string]Value{"title": Text(long.String() + "x")}}, "text_long"},
	} {
		if err := c.body.Check(); !fault.Is(err, c.reason) {
			t.Errorf("%s: want %s, got %v", name, c.reason, err)
		}
		if _, err := EncodeContent(&c.body); !fault.Is(err, c.reason) {
			t.Errorf("%s is written: %v", name, err)
		}
		raw, err := encMode.Marshal(c.body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeBody(WorkItemUpdatedType, append(make([]byte, BodyNonceSize), raw...)); !fault.Is(err, "body_ill_formed") {
			t.Errorf("%s is read: %v", name, err)
		}
	}
}

func TestRule23_TheKeysAreThoseOfTheFacts(t *testing.T) {
	h := one()
	h.Type, h.Facts.Fields = WorkItemUpdatedType, []string{"inputs", "title"}
	body := change(t, Change{Set: map[string]Value{"title": Text("x")}, Remove: map[string][]Value{"inputs": {Reference(ID{1})}}})
	if c, err := ReadChange(h, body); err != nil || c.Set["title"] != Text("x") {
		t.Fatal("the control is refused:", err)
	}
	for name, c := range map[string]func(*Header){
		"one less": func(h *Header) { h.Facts.Fields = h.Facts.Fields[1:] }, "one more": func(h *Header) { h.Facts.Fields = append(h.Facts.Fields, "z") },
		"none": func(h *Header) { h.Facts.Fields = nil }, "others": func(h *Header) { h.Facts.Fields = []string{"inputs", "name"} },
		"of another body": func(h *Header) { h.Type = ExecutionRenamedType }, "of a remark": func(h *Header) { h.Type = ExecutionExitedType },
	} {
		bad := h
		bad.Facts.Fields = slices.Clone(h.Facts.Fields)
		c(&bad)
		if _, err := ReadChange(bad, body); !fault.Is(err, "body_ill_formed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.Type = ExecutionExitedType
	if _, err := ReadChange(h, append(make([]byte, BodyNonceSize), 0xa0)); !fault.Is(err, "body_ill_formed") {
		t.Error("a type without fields has a change:", err)
	}
	h.Type = "garden.watered"
	var f *fault.Error
	if _, err := ReadChange(h, body); !errors.As(err, &f) || f.Reason != "type_unknown" {
		t.Error("an unknown type:", err)
	}
}
