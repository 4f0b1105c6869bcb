package event

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/fault"
)

// chained is n events of one chain with bodies, each after the one before.
func chained(t testing.TB, key ed25519.PrivateKey, n int) (all []Sent) {
	t.Helper()
	h := one()
	h.Replica, h.Seq, h.Prev = ReplicaOf(key.Public().(ed25519.PublicKey)), 0, ID{}
	for i := range n {
		body, err := JoinBody(bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 8), nil)
		if err != nil {
			t.Fatal(err)
		}
		h.BodyHash = BodyHash(body)
		b, id, err := EncodeHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Sent{Header: b, Body: body})
		h.Seq, h.Prev = uint64(i)+1, id
	}
	return all
}

func idsOf(all []Sent) (ids []ID) {
	for _, s := range all {
		_, id, _ := DecodeHeader(s.Header)
		ids = append(ids, id)
	}
	return ids
}

// runs gives the events from one to another in the three forms that a run has.
func runs(t testing.TB, key ed25519.PrivateKey, all []Sent, from, to int) map[string]*Run {
	t.Helper()
	ids := idsOf(all)
	s := sealed(t, key, 0, ID{}, ids...)
	forms := map[string]*Run{
		"others": {Seal: s, From: uint64(from), Events: slices.Clone(all[from:to]), Others: append(slices.Clone(ids[:from]), ids[to:]...)},
		"paths":  {Seal: s, From: uint64(from), Events: slices.Clone(all[from:to])},
	}
	for i := range forms["paths"].Events {
		forms["paths"].Events[i].Path = Path(ids, from+i)
	}
	if from == 0 && to == len(all) {
		return map[string]*Run{"whole": {Seal: s, Events: slices.Clone(all)}}
	}
	return forms
}

func opened(t testing.TB, r *Run) *Opened {
	t.Helper()
	o, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRule27_ARunStandsByItself(t *testing.T) {
	key := signer()
	for _, c := range [][3]int{{1, 0, 1}, {5, 0, 5}, {5, 0, 2}, {5, 2, 4}, {5, 4, 5}, {MaxSealed, 0, MaxSealed}, {MaxSealed, 1000, 1024}} {
		all := chained(t, key, c[0])
		for form, r := range runs(t, key, all, c[1], c[2]) {
			o := opened(t, r)
			for i, e := range o.Events {
				if e.Fault != nil || !e.Signed || e.Convicts() || e.Header.Seq != uint64(c[1]+i) || !bytes.Equal(e.Body, all[c[1]+i].Body) {
					t.Fatalf("%v %s: event %d: %v", c, form, i, e.Fault)
				}
				p := Proof{Seal: o.Seal, Seq: e.Seq, Event: e.ID, Path: e.Path}
				if p.Path == nil {
					p = proof(t, o.Seal, o.IDs, e.Seq)
				}
				if (e.Path == nil) != (o.IDs != nil) || p.Verify(key.Public().(ed25519.PublicKey)) != nil || p.Event != e.ID || p.Seq != e.Seq {
					t.Fatalf("%v %s: event %d is not proven", c, form, i)
				}
			}
		}
	}
}

// A run that means nothing, and what stands against all events of a run.
func TestRule27_ARunIsUnderItsSeal(t *testing.T) {
	key, all := signer(), chained(t, signer(), 5)
	for name, change := range map[string]func(*Run){
		"no event": func(r *Run) { r.Events = nil }, "an event before": func(r *Run) { r.From = 9 }, "an event behind": func(r *Run) { r.From = 3 },
		"others too few": func(r *Run) { r.Others = r.Others[1:] }, "one before its seal": func(r *Run) { r.Seal.First, r.Others = 2, nil }, "a seal turned": func(r *Run) { r.Seal.First, r.Seal.Last = 4, 0 },
		"a seal too long": func(r *Run) { r.Seal.Last = MaxSealed },
	} {
		r := runs(t, key, all, 1, 4)["others"]
		change(r)
		if _, err := r.Open(); !fault.Is(err, "run_form") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		form, reason string
		change       func(*Run)
	}{
		"another signature": {"others", "seal_signature", func(r *Run) { r.Seal.Signature[0]++ }}, "another's chain": {"others", "seal_signature", func(r *Run) { r.Seal.Replica = ReplicaOf(make([]byte, 32)) }},
		"no replica's chain": {"others", "seal_signature", func(r *Run) { r.Seal.Replica = "r" }}, "no signature": {"others", "seal_form", func(r *Run) { r.Seal.Signature = nil }},
		"other ids": {"others", "seal_root", func(r *Run) { r.Others[0][0]++ }}, "another event": {"others", "seal_root", func(r *Run) { r.Events[1] = all[0] }},
		"another path": {"paths", "proof_path", func(r *Run) { r.Events[1].Path[0][0]++ }}, "no path": {"paths", "proof_path", func(r *Run) { r.Events[1].Path = nil }},
		"a long path": {"paths", "proof_path", func(r *Run) { r.Events[1].Path = make([]ID, MaxPath+1) }},
	} {
		r := runs(t, key, all, 1, 4)[c.form]
		c.change(r)
		e := opened(t, r).Events[1]
		if !fault.Is(e.Fault, c.reason) || e.Signed || e.Convicts() {
			t.Errorf("%s: want %s, got %v; signed %v", name, c.reason, e.Fault, e.Signed)
		}
	}
}

// What a replica signed convicts it; what was changed on the way does not. Of each
// fault the first that can be told is told.
func TestRule27_WhoIsAtFault(t *testing.T) {
	key := signer()
	rewritten := func(change func(h *Header)) func(*Sent) {
		return func(s *Sent) {
			h, _, _ := DecodeHeader(s.Header)
			change(&h)
			s.Header = encode(t, h)
		}
	}
	for name, c := range map[string]struct {
		reason   string
		convicts bool
		change   func(*Sent)
	}{
		"the control": {"", false, func(*Sent) {}}, "no header": {"encoding", true, func(s *Sent) { s.Header = nil }}, "a byte more": {"encoding", true, func(s *Sent) { s.Header = append(bytes.Clone(s.Header), 0) }},
		"a large header": {"header_size", true, func(s *Sent) { s.Header = make([]byte, MaxHeader+1) }}, "another body": {"body_hash", false, func(s *Sent) { s.Body = append(bytes.Clone(s.Body), 0) }},
		"a body of 1 MB": {"body_size", false, func(s *Sent) { s.Body = make([]byte, 1<<20) }}, "half a nonce": {"body_nonce", false, func(s *Sent) { s.Body = s.Body[:9] }}, "a body withheld": {"", false, func(s *Sent) { s.Body = nil }},
		"another author": {"replica", true, rewritten(func(h *Header) { h.Replica = "r" })}, "another workspace": {"workspace", true, rewritten(func(h *Header) { h.Workspace = ID{9} })},
		"another number": {"seq", true, rewritten(func(h *Header) { h.Seq = 9 })}, "another before": {"prev", true, rewritten(func(h *Header) { h.Prev = ID{9} })},
		"an unknown type": {"", false, rewritten(func(h *Header) { h.Type = "garden.watered" })},
	} {
		all := chained(t, key, 3)
		c.change(&all[1])
		ids := []ID{}
		for _, s := range all {
			ids = append(ids, BodyHash(s.Header))
		}
		r := &Run{Seal: sealed(t, key, 0, ID{}, ids...), Events: all}
		if e := opened(t, r).Events[1]; fault.Is(e.Fault, c.reason) != (c.reason != "") || c.reason == "" && e.Fault != nil || e.Convicts() != c.convicts {
			t.Errorf("%s: want %q, convicts %v: got %v, %v", name, c.reason, c.convicts, e.Fault, e.Convicts())
		}
		r.Seal.Signature = bytes.Clone(r.Seal.Signature)
		r.Seal.Signature[0]++
		want := map[bool]string{true: c.reason, false: "seal_signature"}[slices.Contains([]string{"encoding", "header_size", "body_hash", "body_size", "body_nonce"}, c.reason)]
		if e := opened(t, r).Events[1]; !fault.Is(e.Fault, want) || e.Convicts() {
			t.Errorf("%s, unsigned: want %q, got %v, convicts %v", name, want, e.Fault, e.Convicts())
		}
	}
}

// A newer header has its place, and no meaning.
func TestRule04_ANewerHeaderHasItsPlace(t *testing.T) {
	newer := func(change func(map[uint64]any)) []byte {
		return rewritten(t, one(), func(m map[uint64]any) {
			m[1], m[17], m[20], m[11] = 3, map[string]any{}, []any{1, "unread"}, "another form"
			change(m)
		})
	}
	var h Header
	b := newer(func(map[uint64]any) {})
	id, err := ReadAny(&h, b)
	want := one()
	want.SchemaVersion, want.WallTime, want.Actor, want.Surface, want.ViewEpoch = 3, 0, Actor{}, 0, 0
	if err != nil || id != BodyHash(b) || fmt.Sprint(h) != fmt.Sprint(want) {
		t.Fatalf("%+v, want %+v: %v", h, want, err)
	}
	h = Header{}
	if again, err := ReadAny(&h, encode(t, one())); err != nil || fmt.Sprint(h) != fmt.Sprint(one()) || again.IsZero() {
		t.Error("the control, a header of this version:", err)
	}
	for name, c := range map[string]struct {
		reason string
		change func(map[uint64]any)
	}{
		"no class": {"class", func(m map[uint64]any) { delete(m, 19) }}, "no body": {"body_hash", func(m map[uint64]any) { delete(m, 21) }},
		"no workspace": {"workspace", func(m map[uint64]any) { delete(m, 2) }}, "no basis": {"basis", func(m map[uint64]any) { delete(m, 9) }},
		"no chain": {"replica", func(m map[uint64]any) { delete(m, 6) }}, "no prev": {"prev", func(m map[uint64]any) { delete(m, 8) }}, "no lamport": {"lamport", func(m map[uint64]any) { delete(m, 4) }},
		"a record": {"replica", func(m map[uint64]any) { m[19] = 2 }}, "a genesis": {"genesis", func(m map[uint64]any) { m[3] = "workspace.created" }},
		"parents of text": {"encoding", func(m map[uint64]any) { m[5] = "x" }}, "a zero chain": {"not_canonical", func(m map[uint64]any) { m[6] = []byte{} }}, "a tag": {"encoding", func(m map[uint64]any) { m[99] = cbor.Tag{Number: 1, Content: 7} }},
	} {
		if _, err := ReadAny(&Header{}, newer(c.change)); !fault.Is(err, c.reason) {
			t.Errorf("%s: want %s, got %v", name, c.reason, err)
		}
	}
	if _, err := ReadAny(&Header{}, append(b, 0)); !fault.Is(err, "encoding") {
		t.Error("a byte more:", err)
	}
}
