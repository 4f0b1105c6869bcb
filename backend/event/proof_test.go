package event

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

// sealed is a signed seal over events of one chain, from seq on.
func sealed(t testing.TB, key ed25519.PrivateKey, from uint64, prev ID, ids ...ID) Seal {
	t.Helper()
	s := Seal{Workspace: ID{1}, Replica: ReplicaOf(key.Public().(ed25519.PublicKey)), First: from, Last: from + uint64(len(ids)) - 1, Root: Root(ids), Prev: prev}
	if err := s.Sign(key); err != nil {
		t.Fatal(err)
	}
	return s
}

func proof(t testing.TB, s Seal, ids []ID, seq uint64) Proof {
	t.Helper()
	p, err := NewProof(s, ids, seq)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lies are proofs of two different events at seq 11.
func lies(t testing.TB, key ed25519.PrivateKey) (a, b Proof) {
	t.Helper()
	one, other := []ID{{10}, {11}, {12}}, []ID{{11, 1}, {12, 1}, {13, 1}, {14, 1}}
	return proof(t, sealed(t, key, 10, ID{8}, one...), one, 11), proof(t, sealed(t, key, 11, ID{9}, other...), other, 11)
}

func TestRule25_AProofStandsByItself(t *testing.T) {
	key := signer()
	public := key.Public().(ed25519.PublicKey)
	for _, n := range []int{1, 2, 5, 1000, MaxSealed} {
		var ids []ID
		for i := range n {
			ids = append(ids, Derived(ID{1}, fmt.Sprint(i)))
		}
		s := sealed(t, key, 70, ID{8}, ids...)
		for _, seq := range []uint64{s.First, (s.First + s.Last) / 2, s.Last} {
			b, err := EncodeProof(proof(t, s, ids, seq))
			if err != nil || len(b) > MaxProofBytes {
				t.Fatal(len(b), err)
			}
			if back, err := DecodeProof(b); err != nil || back.Verify(public) != nil || back.Event != ids[seq-70] || back.Seq != seq {
				t.Fatalf("event %d of %d: %v", seq, n, err)
			}
		}
		if _, err := NewProof(s, ids, s.Last+1); !fault.Is(err, "proof_path") {
			t.Error("a place outside:", err)
		}
		if _, err := NewProof(s, append(ids[:n-1:n-1], ID{1}), 70); !fault.Is(err, "proof_path") {
			t.Error("other events:", err)
		}
	}
}

func TestRule25_AChangedProofIsRefused(t *testing.T) {
	key := signer()
	for name, c := range map[string]struct {
		reason string
		change func(*Proof)
	}{
		"another event": {"proof_path", func(p *Proof) { p.Event[1]++ }}, "another step": {"proof_path", func(p *Proof) { p.Path[0][1]++ }},
		"another place": {"proof_path", func(p *Proof) { p.Seq-- }}, "a step less": {"proof_path", func(p *Proof) { p.Path = p.Path[1:] }},
		"a step more": {"proof_path", func(p *Proof) { p.Path = append(p.Path, ID{1}) }}, "no event": {"proof_form", func(p *Proof) { p.Event = ID{} }},
		"a place before": {"proof_form", func(p *Proof) { p.Seq = 9 }}, "a place behind": {"proof_form", func(p *Proof) { p.Seq = 13 }},
		"many steps": {"proof_form", func(p *Proof) { p.Path = make([]ID, MaxPath+1) }}, "another root": {"seal_signature", func(p *Proof) { p.Seal.Root[1]++ }},
		"another run": {"seal_signature", func(p *Proof) { p.Seal.Last++ }}, "no root": {"seal_form", func(p *Proof) { p.Seal.Root = ID{} }},
		"no signature": {"seal_form", func(p *Proof) { p.Seal.Signature = nil }},
	} {
		p, _ := lies(t, key)
		if err := p.Verify(key.Public().(ed25519.PublicKey)); err != nil {
			t.Fatal("the control is refused:", err)
		}
		c.change(&p)
		if err := p.Verify(key.Public().(ed25519.PublicKey)); !fault.Is(err, c.reason) {
			t.Errorf("%s: want %s, got %v", name, c.reason, err)
		}
	}
	stranger := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	if p, _ := lies(t, key); !fault.Is(p.Verify(stranger.Public().(ed25519.PublicKey)), "seal_signature") {
		t.Error("a stranger's key verifies it")
	}
	if _, err := DecodeProof(make([]byte, MaxProofBytes+1)); !fault.Is(err, "proof_form") {
		t.Error("a large one:", err)
	}
}

func TestRule26_AFraudIsTwoHistoriesOfOneChain(t *testing.T) {
	key := signer()
	public := key.Public().(ed25519.PublicKey)
	ids, more := []ID{{10}, {11}, {12}}, []ID{{10}, {11}, {12}, {13}}
	one := sealed(t, key, 10, ID{8}, ids...)
	prev, err := one.ID()
	if err != nil {
		t.Fatal(err)
	}
	a, b := lies(t, key)
	longer := proof(t, sealed(t, key, 10, ID{8}, more...), more, 13)
	next := proof(t, sealed(t, key, 13, prev, ID{13}), []ID{{13}}, 13)
	for name, c := range map[string]struct {
		a, b   Proof
		reason string
		seq    uint64
	}{
		"two events at one place": {a, b, "", 11}, "two seals after one": {a, longer, "", 10},
		"two that begin":              {proof(t, sealed(t, key, 0, ID{}, ID{1}), []ID{{1}}, 0), proof(t, sealed(t, key, 0, ID{}, ID{1}, ID{2}), []ID{{1}, {2}}, 1), "", 0},
		"one event twice":             {a, a, "fraud_order", 0},
		"two events of one seal":      {a, proof(t, one, ids, 12), "fraud_none", 0},
		"a seal and the one after it": {a, next, "fraud_none", 0},
		"one event under two seals":   {proof(t, sealed(t, key, 10, ID{7}, ids...), ids, 11), a, "fraud_none", 0},
	} {
		f, err := NewFraud(c.a, c.b)
		if err != nil {
			t.Fatal(name, err)
		}
		err = f.Verify(public)
		if c.reason != "" {
			if !fault.Is(err, c.reason) {
				t.Errorf("%s: want %s, got %v", name, c.reason, err)
			}
			continue
		}
		if err != nil || f.Seq() != c.seq {
			t.Errorf("%s is from %d on, by %v", name, f.Seq(), err)
		}
		turned, err := NewFraud(c.b, c.a)
		x, _ := EncodeFraud(f)
		y, _ := EncodeFraud(turned)
		back, wrong := DecodeFraud(x)
		if err != nil || wrong != nil || len(x) > MaxFraudBytes || !bytes.Equal(x, y) || back.Verify(public) != nil {
			t.Errorf("%s has two forms, or is not read back: %v, %v", name, err, wrong)
		}
	}
}

func TestRule26_WhatProvesNothingIsRefused(t *testing.T) {
	key, stranger := signer(), ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	public := key.Public().(ed25519.PublicKey)
	a, b := lies(t, key)
	f, err := NewFraud(a, b)
	if err != nil || f.Verify(public) != nil {
		t.Fatal("the control is refused:", err)
	}
	if err := (Fraud{One: f.Other, Other: f.One}).Verify(public); !fault.Is(err, "fraud_order") {
		t.Error("in disorder:", err)
	}
	if _, err := EncodeFraud(Fraud{One: f.Other, Other: f.One}); !fault.Is(err, "fraud_order") {
		t.Error("in disorder, written:", err)
	}
	if err := f.Verify(stranger.Public().(ed25519.PublicKey)); !fault.Is(err, "seal_signature") {
		t.Error("by a stranger:", err)
	}
	// The same key under the name of another chain, or in another workspace.
	for name, change := range map[string]func(*Seal){"chain": func(s *Seal) { s.Replica += "x" }, "workspace": func(s *Seal) { s.Workspace[1]++ }} {
		other := b
		change(&other.Seal)
		if err := other.Seal.Sign(key); err != nil {
			t.Fatal(err)
		}
		if f, err := NewFraud(a, other); err != nil || !fault.Is(f.Verify(public), "fraud_chains") {
			t.Errorf("of another %s: %v", name, f.Verify(public))
		}
	}
	// Another signature under the same seal is not another seal.
	twice := a
	twice.Seal.Signature = bytes.Repeat([]byte{1}, ed25519.SignatureSize)
	if f, err := NewFraud(a, twice); err != nil || !fault.Is(f.Verify(public), "seal_signature") {
		t.Error("a bad signature:", f.Verify(public))
	}
	if _, err := DecodeFraud(make([]byte, MaxFraudBytes+1)); !fault.Is(err, "fraud_form") {
		t.Error("a large one:", err)
	}
}
