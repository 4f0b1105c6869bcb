package event

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

func TestRule17_ACutNamesWhatGeneratesIt(t *testing.T) {
	cut := func() Header { return sharedShapes()[0] }
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut = nil })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut = &Cut{} })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut.Heads[1].Chain = "a" })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut.Heads[0].ID = ID{} })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut.Heads[0].Chain = "" })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut.Past[1] = h.Facts.Cut.Past[0] })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut.Past = make([]ID, MaxParents+1) })
	refused(t, cut, "cut", func(h *Header) {
		h.Facts.Cut.Heads = nil
		for n := range MaxHeads + 1 {
			h.Facts.Cut.Heads = append(h.Facts.Cut.Heads, Head{Chain: Chain(fmt.Sprintf("%04d", n)), ID: ID{1}})
		}
	})
	refused(t, one, "cut", func(h *Header) { h.Facts.Cut = &Cut{Past: []ID{{1}}} })
	refused(t, record, "cut", func(h *Header) { h.Facts.Cut = nil })
}

func TestRule18_ADigestIsOfAFinalizedCheckpoint(t *testing.T) {
	asked := func() Header { return sharedShapes()[1] }
	refused(t, asked, "digest", func(h *Header) { h.Facts.Digest = nil })
	refused(t, asked, "digest", func(h *Header) { h.Facts.Digest.Version = 0 })
	refused(t, asked, "digest", func(h *Header) { h.Facts.Digest.Hash = ID{} })
	refused(t, one, "digest", func(h *Header) { h.Facts.Digest = &Digest{1, ID{1}} })
	refused(t, record, "digest", func(h *Header) { h.Facts.Digest = &Digest{1, ID{1}} })
}

func TestRule19_ARequestAsksForARecord(t *testing.T) {
	asked := func() Header { return sharedShapes()[1] }
	refused(t, asked, "ask", func(h *Header) { h.Facts.Ask, h.Facts.Digest = nil, nil })
	refused(t, asked, "ask", func(h *Header) { h.Facts.Ask.Type, h.Facts.Digest = WorkItemClaimedType, nil })
	refused(t, asked, "ask", func(h *Header) { h.Facts.Ask.Type, h.Facts.Digest = WorkspaceCreatedType, nil })
	refused(t, asked, "ask", func(h *Header) { h.Facts.Ask.Type, h.Facts.Digest = "garden.watered", nil })
	refused(t, asked, "ask", func(h *Header) { h.Facts.Ask.Until = -1 })
	refused(t, one, "ask", func(h *Header) { h.Facts.Ask = &Ask{Type: PolicyChangedType} })
}

func TestRule20_ARecordDecides(t *testing.T) {
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision = nil })
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision.Request = ID{} })
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision.Outcome = "maybe" })
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision.Outcome = OutcomeDone })
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision.Reason = "" })
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision.Reason = "No." })
	refused(t, one, "decision", func(h *Header) { h.Facts.Decision = &Decision{Request: ID{1}, Outcome: OutcomeDone} })
}

func TestRule21_AMemberHasAKindAndAReplica(t *testing.T) {
	refused(t, record, "member", func(h *Header) { h.Facts.Member = nil })
	refused(t, record, "member", func(h *Header) { h.Facts.Member.Kind = 0 })
	refused(t, record, "member", func(h *Header) { h.Facts.Member.Kind = 4 })
	refused(t, record, "member", func(h *Header) { h.Facts.Member.Replica = "" })
	refused(t, record, "member", func(h *Header) { h.Facts.Member.Replica = Chain(strings.Repeat("r", MaxChain+1)) })
	refused(t, one, "member", func(h *Header) { h.Facts.Member = &Member{Human, "r"} })
}

func TestRule22_OnlyASessionGoesOnForAnother(t *testing.T) {
	refused(t, one, "continues", func(h *Header) { h.Facts.Continues = ID{1} })
	h := sharedShapes()[3]
	h.Facts.Continues = ID{}
	if err := Check(h); err != nil {
		t.Error("a session has to go on for another:", err)
	}
}

func TestRule24_ACertificateIsSignedByItsVoter(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	public := key.Public().(ed25519.PublicKey)
	c := Certificate{Workspace: ID{1}, Index: 3, Record: ID{2}, Voter: ReplicaOf(public)}
	if err := c.Sign(key); err != nil {
		t.Fatal(err)
	}
	b, err := EncodeCertificate(c)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := DecodeCertificate(b); err != nil || back.Verify(public) != nil {
		t.Fatal(back, err)
	}
	for name, change := range map[string]func(*Certificate){
		"workspace": func(c *Certificate) { c.Workspace[1]++ }, "index": func(c *Certificate) { c.Index++ }, "record": func(c *Certificate) { c.Record[1]++ },
		"voter": func(c *Certificate) { c.Voter += "x" }, "signature": func(c *Certificate) { c.Signature = bytes.Clone(c.Signature); c.Signature[5]++ },
	} {
		bad := c
		change(&bad)
		if err := bad.Verify(public); !fault.Is(err, "certificate_signature") {
			t.Errorf("with another %s: %v", name, err)
		}
	}
	c.Record = ID{}
	if _, err := EncodeCertificate(c); !fault.Is(err, "certificate_form") {
		t.Error(err)
	}
	if _, err := DecodeCertificate(append(b, 0)); err == nil {
		t.Error("trailing bytes were taken")
	}
}
