package event

import (
	"bytes"
	"cmp"
	"maps"
	"math/rand"
	"reflect"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

// least is a good header of a type, with the facts that it must have.
func least(t Type) Header {
	switch {
	case t == WorkspaceCreatedType:
		return first()
	case classes[t] == Control:
		h := record()
		h.Type, h.Facts = t, Facts{Cut: &Cut{Past: []ID{{3}}}, Decision: &Decision{Request: ID{7}, Outcome: OutcomeDone}}
		bear(&h, t)
		return h
	}
	h := one()
	h.Type = t
	switch t {
	case SessionOpenedType:
		h.Session = ID{}
	case ExecutionOutputType:
		h.Facts.Range = &Range{0, 1, ID{1}}
	case ExecutionControlChangedType:
		h.Facts.Turn = &Turn{Epoch: 1}
	case ExecutionAttachedType, ExecutionDetachedType:
		h.Facts.Operator = ID{5}
	case CheckpointProposedType:
		h.Facts.Cut = &Cut{Past: []ID{{3}}}
	case RequestMadeType:
		h.Facts.Ask = &Ask{Type: PolicyChangedType}
	}
	return h
}

// bear gives a record, or the request for it, what its type states.
func bear(h *Header, t Type) {
	switch t {
	case CheckpointFinalizedType:
		h.Facts.Digest = &Digest{1, ID{9}}
	case ActorEnrolledType:
		h.Facts.Member = &Member{Agent, "r"}
	}
}

func ofEachType() []Header {
	var all []Header
	for _, t := range slices.Sorted(maps.Keys(classes)) {
		all = append(all, least(t))
	}
	return all
}

// askFor is a request for a type of record.
func askFor(t Type) Header {
	h := least(RequestMadeType)
	h.Facts.Ask.Type = t
	bear(&h, t)
	return h
}

// bound are the facts that only some types may have, said a second time: how to
// put one in and take it out, and who has it.
var bound = map[string]struct {
	put, take func(*Facts)
	must, may func(about, t Type) bool
}{
	"genesis": {func(f *Facts) { f.Genesis = &Genesis{} }, func(f *Facts) { f.Genesis = nil }, of(WorkspaceCreatedType), none},
	"operator": {func(f *Facts) { f.Operator = ID{5} }, func(f *Facts) { f.Operator = ID{} },
		of(ExecutionAttachedType, ExecutionDetachedType), none},
	"cut": {func(f *Facts) { f.Cut = &Cut{Past: []ID{{3}}} }, func(f *Facts) { f.Cut = nil },
		func(_, t Type) bool { return t == CheckpointProposedType || aRecord(t) }, none},
	"digest": {func(f *Facts) { f.Digest = &Digest{1, ID{9}} }, func(f *Facts) { f.Digest = nil }, about(CheckpointFinalizedType), none},
	"ask": {func(f *Facts) { f.Ask = cmp.Or(f.Ask, &Ask{Type: PolicyChangedType}) }, func(f *Facts) {
		if f.Ask != nil {
			f.Ask, f.Digest, f.Member = nil, nil, nil // what it asks for goes with it
		}
	}, of(RequestMadeType), none},
	"decision": {func(f *Facts) { f.Decision = &Decision{Request: ID{7}, Outcome: OutcomeDone} }, func(f *Facts) { f.Decision = nil },
		func(_, t Type) bool { return aRecord(t) }, none},
	"member":    {func(f *Facts) { f.Member = &Member{Agent, "r"} }, func(f *Facts) { f.Member = nil }, about(ActorEnrolledType), none},
	"continues": {func(f *Facts) { f.Continues = ID{6} }, func(f *Facts) { f.Continues = ID{} }, none, of(SessionOpenedType)},
	"range":     {func(f *Facts) { f.Range = &Range{0, 1, ID{1}} }, func(f *Facts) { f.Range = nil }, of(ExecutionOutputType), anyone},
	"turn":      {func(f *Facts) { f.Turn = &Turn{Epoch: 1} }, func(f *Facts) { f.Turn = nil }, of(ExecutionControlChangedType), anyone},
}

func none(_, _ Type) bool   { return false }
func anyone(_, _ Type) bool { return true }
func of(types ...Type) func(_, t Type) bool {
	return func(_, t Type) bool { return slices.Contains(types, t) }
}
func about(types ...Type) func(about, _ Type) bool {
	return func(a, _ Type) bool { return slices.Contains(types, a) }
}
func aRecord(t Type) bool { return classes[t] == Control && t != WorkspaceCreatedType }

// Every bound fact is tried on every type, and on the request for every record:
// who must have it is refused without, who may not have it is refused with it.
func TestFactsBelongToTheirTypes(t *testing.T) {
	all := ofEachType()
	for kind := range classes {
		if aRecord(kind) {
			all = append(all, askFor(kind))
		}
	}
	tried := 0
	for _, h := range all {
		wanted := h.Type
		if h.Facts.Ask != nil {
			wanted = h.Facts.Ask.Type
		}
		if err := Check(h); err != nil {
			t.Errorf("%s, about %s: %v", h.Type, wanted, err)
			continue
		}
		for fact, b := range bound {
			with, without := h, h
			if fact != "genesis" || h.Facts.Genesis == nil { // genesis has more to it than being there
				b.put(&with.Facts)
			}
			b.take(&without.Facts)
			must, may := b.must(wanted, h.Type), b.must(wanted, h.Type) || b.may(wanted, h.Type)
			if err := Check(with); (err == nil) != may || err != nil && !fault.Is(err, fact) {
				t.Errorf("%s, about %s, with a %s: %v", h.Type, wanted, fact, err)
			}
			if err := Check(without); (err == nil) == must || err != nil && !fault.Is(err, fact) {
				t.Errorf("%s, about %s, without a %s: %v", h.Type, wanted, fact, err)
			}
			tried++
		}
	}
	if tried < 1000 {
		t.Errorf("%d were tried", tried)
	}
}

// A record has the body of its request, byte for byte: they read it alike.
func TestARecordReadsTheBodyOfItsRequest(t *testing.T) {
	for kind := range classes {
		if aRecord(kind) && reflect.TypeOf(NewBody(kind)) != reflect.TypeOf(NewBody(RequestMadeType)) {
			t.Errorf("%s does not read what its request has", kind)
		}
	}
}

// Random headers of all types are written as the library writes them, and read
// back as they were.
func TestRandomHeadersOfAllTypes(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	kinds := slices.Sorted(maps.Keys(classes))
	for range 15 {
		for _, kind := range kinds {
			h := random(rng, kind)
			b, id, err := EncodeHeader(h)
			if err != nil {
				t.Fatalf("%s: %v", describe(h), err)
			}
			if lib, err := encMode.Marshal(toWire(h)); err != nil || !bytes.Equal(lib, b) {
				t.Fatalf("%s\nwritten\n%x, by the library\n%x: %v", describe(h), b, lib, err)
			}
			back, same, err := DecodeHeader(b)
			if err != nil || same != id || describe(back) != describe(h) {
				t.Fatalf("%s\nis read back as %s: %v", describe(h), describe(back), err)
			}
			for range 4 {
				agree(t, mutate(rng, b))
			}
		}
	}
}

// random is a good header of a type, with any of what it may have.
func random(rng *rand.Rand, kind Type) Header {
	h := least(kind)
	if kind == RequestMadeType {
		records := slices.DeleteFunc(slices.Sorted(maps.Keys(classes)), func(t Type) bool { return !aRecord(t) })
		h = askFor(records[rng.Intn(len(records))])
		h.Facts.Ask.Until = rng.Int63()
	}
	h.WallTime, h.BodyHash = rng.Int63()-rng.Int63(), randomID(rng)
	if kind == WorkspaceCreatedType {
		h.Facts.Genesis.Policy = randomText(rng, 400)
		return h
	}
	h.Seq, h.Basis.Index, h.ViewEpoch = 1+uint64(rng.Int63()), uint64(rng.Intn(1<<20)), 1+uint64(rng.Intn(1<<10))
	h.Parents, h.Affected = randomIDs(rng, 1, MaxParents), randomIDs(rng, 0, 20)
	h.Lamport = 2 + uint64(rng.Int63n(1<<40))
	f := &h.Facts
	some := func() bool { return rng.Intn(3) == 0 }
	if some() {
		f.State = "state_" + string(rune('a'+rng.Intn(26)))
	}
	if some() {
		f.Fields = []string{"a.b", "c", "d_9"}[:1+rng.Intn(3)]
	}
	if some() {
		from := uint64(rng.Int63())
		f.Range = &Range{from, from + 1 + uint64(rng.Intn(MaxRange)), randomID(rng)}
	}
	if some() {
		note, typed := rng.Uint64(), uint64(rng.Intn(100))
		f.Note, f.Typed = &note, &typed
	}
	if some() {
		f.Turn = &Turn{Epoch: 1 + uint64(rng.Intn(300)), Driver: randomID(rng), Session: randomID(rng)}
		f.Size, f.Exit = &Size{uint64(rng.Intn(1 << 16)), 0}, &Exit{uint64(rng.Intn(256)), uint64(rng.Intn(256))}
	}
	if some() {
		f.Request = randomID(rng)
	}
	if kind == SessionOpenedType && some() {
		f.Continues = randomID(rng)
	}
	randomRuling(rng, f)
	return h
}

func randomRuling(rng *rand.Rand, f *Facts) {
	if f.Cut != nil {
		f.Cut = &Cut{Past: randomIDs(rng, 0, MaxParents)}
		for n := range rng.Intn(MaxHeads / 2) {
			f.Cut.Heads = append(f.Cut.Heads, Head{Chain(rune('a' + n)), uint64(rng.Int63()), randomID(rng)})
		}
		if f.Cut.IsZero() {
			f.Cut.Past = []ID{randomID(rng)}
		}
	}
	if f.Digest != nil {
		f.Digest = &Digest{1 + rng.Uint64()>>uint(rng.Intn(64)), randomID(rng)}
	}
	if f.Member != nil {
		f.Member = &Member{ActorKind(1 + rng.Intn(3)), Chain(bytes.Repeat([]byte{byte(rng.Intn(256))}, 1+rng.Intn(MaxChain)))}
	}
	if f.Decision != nil && rng.Intn(2) == 0 {
		f.Decision = &Decision{randomID(rng), OutcomeRefused, "reason_9"}
	}
}

func randomID(rng *rand.Rand) (id ID) {
	rng.Read(id[:])
	return id
}

func randomIDs(rng *rand.Rand, least, most int) []ID {
	var ids []ID
	for range least + rng.Intn(most-least+1) {
		ids = append(ids, randomID(rng))
	}
	slices.SortFunc(ids, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

func randomText(rng *rand.Rand, most int) string {
	letters := []rune("aé\n世😀")
	text := make([]rune, rng.Intn(most))
	for i := range text {
		text[i] = letters[rng.Intn(len(letters))]
	}
	return string(text)
}
