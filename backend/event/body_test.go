package event

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

func TestRule12_Bodies(t *testing.T) {
	content, err := EncodeContent(ExecutionRenamed{Name: "build"})
	if err != nil {
		t.Fatal(err)
	}
	body, err := JoinBody(make([]byte, 16), content)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeBody(ExecutionRenamedType, body)
	if err != nil || got.(*ExecutionRenamed).Name != "build" {
		t.Fatal(got, err)
	}
	if _, err := DecodeBody(ExecutionRenamedType, append(body, 0)); !fault.Is(err, "body_ill_formed") {
		t.Error(err)
	}
	if _, err := JoinBody(nil, content); !fault.Is(err, "body_nonce") {
		t.Error(err)
	}
	if _, err := JoinBody(make([]byte, 16), make([]byte, MaxBody)); !fault.Is(err, "body_size") {
		t.Error(err)
	}
	refused(t, one, "body_hash", func(h *Header) { h.BodyHash = ID{} })
}

func change(t *testing.T, c any) []byte {
	t.Helper()
	content, err := EncodeContent(c)
	if err != nil {
		t.Fatal(err)
	}
	return append(make([]byte, BodyNonceSize), content...)
}

func TestRule23_AChangeHoldsValues(t *testing.T) {
	whole := Change{Set: map[string]Value{"title": Text("täxt"), "size": Number(-7), "owner": Reference(ID{1}), "done": Flag(true)},
		Add: map[string][]Value{"depends_on": {Reference(ID{2})}}, Remove: map[string][]Value{"inputs": {Text("")}}, Why: "so"}
	back, err := DecodeBody(WorkItemUpdatedType, change(t, whole))
	if err != nil || fmt.Sprint(back) != fmt.Sprint(&whole) {
		t.Errorf("read back as %v: %v", back, err)
	}
	if keys := strings.Join(whole.Keys(), " "); keys != "depends_on done inputs owner size title" {
		t.Error("the keys are", keys)
	}
	for name, bad := range map[string]any{
		"a float": map[int]any{1: map[string]any{"a": 1.5}}, "not a number": map[int]any{1: map[string]any{"a": math.NaN()}}, "nothing": map[int]any{1: map[string]any{"a": nil}},
		"a list": map[int]any{1: map[string]any{"a": []int{1}}}, "a short id": map[int]any{1: map[string]any{"a": []byte{1}}}, "a large number": map[int]any{1: map[string]any{"a": uint64(1 << 63)}},
		"another key": map[int]any{9: "x"}, "a map": map[int]any{1: map[string]any{"a": map[string]int{}}},
	} {
		if _, err := DecodeBody(WorkItemUpdatedType, change(t, bad)); !fault.Is(err, "body_ill_formed") {
			t.Errorf("%s was taken: %v", name, err)
		}
	}
	double := append(make([]byte, BodyNonceSize), 0xa1, 1, 0xa2, 0x61, 'a', 1, 0x61, 'a', 2)
	trailing := append(change(t, whole), 0)
	latin := bytes.Replace(change(t, Change{Why: "abc"}), []byte("abc"), []byte("ab\xff"), 1)
	for name, bad := range map[string][]byte{"a key twice": double, "trailing bytes": trailing, "not UTF-8": latin, "too large": change(t, Change{Why: strings.Repeat("x", MaxBody)})} {
		if _, err := DecodeBody(WorkItemUpdatedType, bad); !fault.Is(err, "body_ill_formed") {
			t.Errorf("%s was taken: %v", name, err)
		}
	}
	if _, err := EncodeContent(Change{Set: map[string]Value{"a": {}}}); err == nil {
		t.Error("a field without a value is written")
	}
}

func TestRule23_EveryTypeHasItsBody(t *testing.T) {
	for kind := range classes {
		body := NewBody(kind)
		if body == nil {
			t.Fatalf("%s has no body", kind)
		}
		if _, err := DecodeBody(kind, append(make([]byte, BodyNonceSize), 0xa0)); err != nil {
			t.Errorf("%s does not read the empty body: %v", kind, err)
		}
	}
	if len(classes) < 90 || ClassOf(WorkItemClaimedType) != Causal || ClassOf(PolicyChangedType) != Control || ClassOf("garden.watered") != 0 {
		t.Error("the types have other classes")
	}
}
