package badgerlog

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"math/rand"
	"testing"

	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// nextRecord makes the next record of the control chain, which answers a request.
func nextRecord(l *Log, request event.Event) (control.Record, error) {
	g, last := l.Genesis(), l.Heads()[0]
	body, err := event.JoinBody(make([]byte, event.BodyNonceSize), nil)
	if err != nil {
		return control.Record{}, err
	}
	h := event.Header{SchemaVersion: 1, Workspace: g, Type: event.ActorEnrolledType, Lamport: request.Header.Lamport + 1, Parents: []event.ID{request.ID},
		Replica: event.Chain(g[:]), Seq: last.Seq + 1, Prev: last.ID, Basis: event.Basis{Index: last.Seq, Record: last.ID}, WallTime: 7,
		Actor: event.Actor{ID: event.Derived(g, "system"), Kind: event.Service}, Surface: event.SurfaceSystem, ViewEpoch: 1,
		Branch: event.Derived(g, "main"), Class: event.Control, BodyHash: event.BodyHash(body),
		Facts: event.Facts{Member: &event.Member{Kind: event.Agent, Replica: l.Replica()}, Cut: &event.Cut{Past: []event.ID{request.ID}},
			Decision: &event.Decision{Request: request.ID, Outcome: event.OutcomeDone}}}
	return certified(l, control.Record{Header: h, Body: body})
}

func certified(l *Log, r control.Record) (control.Record, error) {
	_, id, err := event.EncodeHeader(r.Header)
	if err != nil {
		return r, err
	}
	c := event.Certificate{Workspace: l.Genesis(), Index: r.Header.Seq, Record: id, Voter: l.Replica()}
	r.Certificates = []event.Certificate{c}
	return r, r.Certificates[0].Sign(testKey)
}

func recordAfter(t testing.TB, l *Log, request event.Event) control.Record {
	t.Helper()
	r, err := nextRecord(l, request)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustRecord(t testing.TB, l *Log, request event.Event) event.Event {
	t.Helper()
	e, err := l.AppendRecord(context.Background(), recordAfter(t, l, request))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// decided grows a log in which records lie among events, and seals among both.
func decided(t testing.TB, l *Log, n int) {
	t.Helper()
	for i := range n {
		e := mustAppend(t, l)
		if i%3 == 1 {
			mustRecord(t, l, e)
		}
		if i%5 == 4 {
			if err := l.Seal(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRecordsAreTheBasisOfWhatFollows(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	before := mustAppend(t, l)
	record := mustRecord(t, l, before)
	after := mustAppend(t, l, record.ID)
	if before.Header.Basis != (event.Basis{Record: l.Genesis()}) || after.Header.Basis != (event.Basis{Index: 1, Record: record.ID}) ||
		after.Header.Seq != 1 || after.Header.Prev != before.ID {
		t.Errorf("before %+v, after %+v", before.Header, after.Header)
	}
	heads := l.Heads()
	if len(heads) != 2 || heads[0].ID != record.ID || heads[0].Seq != 1 || heads[1].ID != after.ID {
		t.Errorf("the heads are %v", heads)
	}
	if c, err := l.Certificates(1); err != nil || len(c) != 1 || c[0].Record != record.ID {
		t.Errorf("the certificates are %v: %v", c, err)
	}
	if _, err := l.Certificates(2); !fault.Is(err, "record_unknown") {
		t.Error("a record that is not there has certificates:", err)
	}
	mustAudit(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// Closed or killed at any moment, a log with records opens to the same heads.
func TestRecordsOutlastEndings(t *testing.T) {
	for n := range 17 {
		for _, closed := range []bool{true, false} {
			dir := t.TempDir()
			l := quiet(t, dir)
			decided(t, l, n)
			heads := fmt.Sprint(l.Heads())
			left := keep(t, dir)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if closed {
				left = keep(t, dir)
			}
			again := mustOpen(t, left.write(t))
			if got := fmt.Sprint(again.Heads()); got != heads {
				t.Errorf("%d events, closed %v: opened to %s, want %s", n, closed, got, heads)
			}
			mustAppend(t, again)
			mustAudit(t, again)
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRecordThatDoesNotFitIsRefused(t *testing.T) {
	l := mustOpen(t, t.TempDir())
	defer l.Close()
	request := mustAppend(t, l)
	for name, c := range map[string]struct {
		want   string
		change func(r *control.Record)
	}{
		"a seq too far":  {"record_order", func(r *control.Record) { r.Header.Seq++ }},
		"another record": {"record_order", func(r *control.Record) { r.Header.Prev = event.ID{1} }},
		"another workspace": {"record_order", func(r *control.Record) {
			r.Header.Workspace = event.ID{1}
			r.Header.Replica = event.Chain(r.Header.Workspace[:])
		}},
		"an unknown parent": {"parent_unknown", func(r *control.Record) { r.Header.Parents = []event.ID{{1}} }},
		"another lamport":   {"lamport", func(r *control.Record) { r.Header.Lamport++ }},
		"another body":      {"body_hash", func(r *control.Record) { r.Body = append(r.Body, 0) }},
		"no signature":      {"certificate_missing", func(r *control.Record) { r.Certificates = nil }},
		"a stranger's signature": {"certificate_missing", func(r *control.Record) {
			_, stranger, err := ed25519.GenerateKey(nil)
			if err != nil {
				t.Fatal(err)
			}
			c := &r.Certificates[0]
			c.Voter = event.ReplicaOf(stranger.Public().(ed25519.PublicKey))
			if err := c.Sign(stranger); err != nil {
				t.Fatal(err)
			}
		}},
		"too many signatures": {"certificates_many", func(r *control.Record) {
			for range maxCertificates {
				r.Certificates = append(r.Certificates, r.Certificates[0])
			}
		}},
		"a broken signature":  {"certificate_signature", func(r *control.Record) { r.Certificates[0].Signature[0]++ }},
		"another's signature": {"certificate_other", func(r *control.Record) { r.Certificates[0].Record = event.ID{1} }},
	} {
		r := recordAfter(t, l, request)
		c.change(&r)
		if c.want == "record_order" {
			var err error
			if r, err = certified(l, r); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.AppendRecord(context.Background(), r); !fault.Is(err, c.want) {
			t.Errorf("%s: want %s, got %v", name, c.want, err)
		}
	}
	mustRecord(t, l, request) // the control
	mustAudit(t, l)
}

func TestHarmToRecordsIsNamed(t *testing.T) {
	for want, harm := range map[string]func(l *Log) entry{
		"certificate": func(*Log) entry { return entry{Key: number('c', 1), Value: []byte{0x80}} },
		"basis": func(l *Log) entry { // an event that does not name the record before it
			e, err := l.eventAt(3)
			if err != nil {
				t.Fatal(err)
			}
			h := e.Header
			h.Basis = event.Basis{Record: l.Genesis()}
			forged := event.Event{Header: h}
			record, err := newRecord(&forged, e.Body)
			if err != nil {
				t.Fatal(err)
			}
			return entry{Key: number('a', 3), Value: record}
		},
	} {
		dir := t.TempDir()
		l := quiet(t, dir)
		mustRecord(t, l, mustAppend(t, l))
		mustAppend(t, l)
		one := harm(l)
		harmed := &openLog{Log: l}
		harmed.harm(t, one.Key, one.Value)
		r, err := l.Audit(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range r.Findings {
			found = found || f.Code == want
		}
		if !found {
			t.Errorf("want %s, found %v", want, r.Findings)
		}
		l.Close()
	}
}

// One flipped bit in a log with records is always reported.
func TestFlippedBitsInRecordsAreNamed(t *testing.T) {
	dir := t.TempDir()
	l := quiet(t, dir)
	decided(t, l, 8)
	whole := fmt.Sprint(l.Heads())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	k, rng := keep(t, dir), rand.New(rand.NewSource(1))
	for _, name := range []string{k.one(t, ".sst"), "anchor"} {
		for range rounds(40, 400) {
			at := rng.Intn(used(k[name].bytes)) * 8
			bad := k.with(name, func(f keptFile) keptFile {
				f.bytes[at/8] ^= 1 << rng.Intn(8)
				return f
			})
			r, err := Audit(context.Background(), homeOf(bad.write(t)), nil)
			if err == nil && len(r.Findings) == 0 && fmt.Sprint(r.Heads) != whole {
				t.Fatalf("bit %d of %s: other heads and nothing said", at, name)
			}
			if err == nil && len(r.Findings) == 0 && name != "anchor" {
				t.Fatalf("bit %d of %s was not reported", at, name)
			}
		}
	}
}
