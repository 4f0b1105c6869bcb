package badgerlog

import (
	"context"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// twoOfThree is a founder's log with three records, and a follower that has all but
// the newest of them.
func twoOfThree(t *testing.T) (founder, l *Log) {
	t.Helper()
	founder = founded(t)
	l = follow(t, founder, t.TempDir(), 21)
	for range 2 {
		enrol(t, founder, l.Replica())
	}
	exchanged(t, founder, l)
	mustAppend(t, founder, mustAppend(t, founder).ID)
	enrol(t, founder, l.Replica())
	mustSeal(t, founder)
	b := all(t, founder, l)
	mustAdmit(t, l, Batch{Runs: b.Runs})
	return founder, l
}

// resigned is a record that was changed and then signed by the voter.
func resigned(t *testing.T, l *Log, s SentRecord, change func(h *event.Header)) SentRecord {
	t.Helper()
	h, _, err := event.DecodeHeader(s.Header)
	if err != nil {
		t.Fatal(err)
	}
	change(&h)
	r, err := certified(l, control.Record{Header: h, Body: s.Body})
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := event.EncodeHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	return SentRecord{event.Sent{Header: b, Body: s.Body}, r.Certificates}
}

// A record is taken with a majority of its voters' signatures, as the next one, and
// no other way.
func TestOnlyTheNextCertifiedRecordIsTaken(t *testing.T) {
	founder, _ := twoOfThree(t)
	good := records(t, founder, 3, 3)[0]
	stranger := event.Certificate{Workspace: founder.Genesis(), Index: 3, Record: event.BodyHash(good.Header), Voter: replicaOf(keyOf(9))}
	if err := stranger.Sign(keyOf(9)); err != nil {
		t.Fatal(err)
	}
	many := slices.Repeat(good.Certificates, maxCertificates+1)
	e, err := founder.Event(founder.Heads()[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	e.Header.WallTime++
	causal, _, err := event.EncodeHeader(e.Header)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		want string
		sent SentRecord
	}{
		"the control":           {"", good},
		"a body withheld":       {"", SentRecord{event.Sent{Header: good.Header}, good.Certificates}},
		"no signature":          {"certificate_missing sender", SentRecord{good.Sent, nil}},
		"a stranger's":          {"certificate_missing sender", SentRecord{good.Sent, []event.Certificate{stranger}}},
		"too many":              {"certificates_many sender", SentRecord{good.Sent, many}},
		"of another record":     {"certificate_other sender", SentRecord{good.Sent, records(t, founder, 2, 2)[0].Certificates}},
		"cut":                   {"encoding sender", SentRecord{event.Sent{Header: good.Header[:40]}, good.Certificates}},
		"another body":          {"body_hash sender", SentRecord{event.Sent{Header: good.Header, Body: []byte("x")}, good.Certificates}},
		"no record":             {"workspace sender", SentRecord{event.Sent{Header: causal, Body: e.Body}, good.Certificates}},
		"another lamport":       {"lamport sender", resigned(t, founder, good, func(h *event.Header) { h.Lamport++ })},
		"another basis":         {"basis sender", resigned(t, founder, good, func(h *event.Header) { h.Basis = event.Basis{Record: h.Workspace} })},
		"after an older one":    {"record_order sender", resigned(t, founder, good, func(h *event.Header) { h.Prev = h.Workspace })},
		"with another number":   {"record_order sender", resigned(t, founder, good, func(h *event.Header) { h.Seq++ })},
		"of another workspace":  {"workspace sender", resigned(t, founder, good, func(h *event.Header) { h.Workspace[0]++; h.Replica = event.Chain(h.Workspace[:]) })},
		"a parent behind other": {"parents_related sender", related(t, founder, good)},
	} {
		t.Run(name, func(t *testing.T) {
			l := follow(t, founder, t.TempDir(), 22)
			b := all(t, founder, l)
			mustAdmit(t, l, Batch{Runs: b.Runs, Records: b.Records[:2]})
			got := mustAdmit(t, l, Batch{Records: []SentRecord{c.sent}})
			if why(got) != c.want || (got.Taken == 1) != (c.want == "") || got.Waiting > 0 {
				t.Errorf("%v %q, want %q; missing %v", got, why(got), c.want, got.Missing)
			}
			if index := l.stand().Control.Index; (index == 3) != (c.want == "") {
				t.Error("control stands at", index)
			}
			auditClean(t, l)
		})
	}
}

// related is a record with a parent more, which lies in the past of the other.
func related(t *testing.T, l *Log, s SentRecord) SentRecord {
	t.Helper()
	first, second := l.idOn(1, 2), l.idOn(1, 3)
	return resigned(t, l, s, func(h *event.Header) { h.Parents, h.Lamport = sorted(first, second), 3 })
}

// Records wait for the one before and for their requests, and come in any order.
func TestRecordsWaitForWhatTheyRestOn(t *testing.T) {
	founder, l := twoOfThree(t)
	other := follow(t, founder, t.TempDir(), 22)
	b := all(t, founder, other)
	slices.Reverse(b.Records)
	if got := mustAdmit(t, other, Batch{Records: b.Records[:2]}); got.Waiting != 2 || got.Taken != 0 || len(got.Missing) == 0 {
		t.Fatal(got)
	}
	if got := mustAdmit(t, other, b); got.Taken != 8 || got.Waiting != 0 || got.Known != 0 {
		t.Fatal(got, why(got), got.Missing)
	}
	exchanged(t, founder, l)
	sameEvents(t, founder, l, other)
}

// Two certified records at one place are proof against the voters: control stops,
// for ever.
func TestTwoRecordsAtOnePlaceStopControl(t *testing.T) {
	founder, l := twoOfThree(t)
	good := records(t, founder, 2, 3)
	second := resigned(t, founder, good[0], func(h *event.Header) { h.WallTime++ })
	if got := mustAdmit(t, l, Batch{Records: []SentRecord{{second.Sent, nil}}}); why(got) != "certificate_missing sender" {
		t.Fatal("the control, without a signature:", why(got))
	}
	if got := mustAdmit(t, l, Batch{Records: []SentRecord{second}}); why(got) != "control_split author" || got.Taken != 0 {
		t.Fatal(got, why(got))
	}
	auditClean(t, l)
	dir := l.o.Dir
	l.Close()
	l = openWith(t, Options{Dir: dir, Key: keyOf(21)})
	if got := mustAdmit(t, l, Batch{Records: good[1:]}); why(got) != "control_split author" || got.Taken != 0 {
		t.Error("it goes on:", got, why(got))
	}
	r := recordAfter(t, founder, mustAppend(t, founder))
	if _, err := l.AppendRecord(context.Background(), r); err == nil {
		t.Error("it takes a record")
	}
	if m := l.marks.split; m == nil || m.Seq != 2 || event.BodyHash(m.Header) != event.BodyHash(second.Header) {
		t.Error("the proof is not kept")
	}
	auditClean(t, l)
}

// What a record freezes is here before it.
func TestARecordWaitsForWhatItFreezes(t *testing.T) {
	founder := founded(t)
	w := newScribe(t, founder, 17)
	w.write(nil)
	seen := w.run()
	mustAdmit(t, founder, Batch{Runs: []event.Run{seen}})
	heads := slices.SortedFunc(slices.Values(founder.Heads()), func(a, b event.Head) int { return cmpText(a.Chain, b.Chain) })
	d := draft(founder, nil)
	d.Type, d.Facts = event.CheckpointProposedType, event.Facts{State: "proposed", Cut: &event.Cut{Heads: heads}}
	proposed, err := founder.Append(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	r := recordAfter(t, founder, mustAppend(t, founder, proposed.ID))
	r.Header.Type, r.Header.Affected, r.Header.Facts.Member, r.Header.Facts.State = event.CheckpointFinalizedType, []event.ID{proposed.ID}, nil, "finalized"
	r.Header.Facts.Digest = &event.Digest{Version: 1, Hash: event.ID{1}}
	final := mustCertified(t, founder, r)
	l := follow(t, founder, t.TempDir(), 21)
	b := all(t, founder, l)
	b.Runs = slices.DeleteFunc(b.Runs, func(r event.Run) bool { return r.Seal.Replica == w.chain() })
	got := mustAdmit(t, l, b)
	if got.Waiting != 1 || len(got.Missing) != 1 || got.Missing[0].ID != w.ids[0] {
		t.Fatal(got, why(got), got.Missing)
	}
	if got := mustAdmit(t, l, Batch{Runs: []event.Run{seen}}); got.Taken != 2 || got.Waiting != 0 {
		t.Fatal(got, why(got))
	}
	if _, err := l.Event(final.ID); err != nil {
		t.Error(err)
	}
	sameEvents(t, founder, l)
	auditClean(t, l)
}

func cmpText[T ~string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A home that follows another's workspace is of its own key and of that workspace
// for ever, and begins with it.
func TestFollowing(t *testing.T) {
	founder, other := founded(t), founded(t)
	dir := t.TempDir()
	o := following(t, founder, dir, 21)
	l, report, err := Open(context.Background(), o)
	if err != nil || !report.Created || l.Genesis() != founder.Genesis() || l.Replica() != replicaOf(keyOf(21)) || l.Count() != 1 {
		t.Fatal(report, err)
	}
	auditClean(t, l)
	l.Close()
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"the control, told again":     {o, ""},
		"the control, not told":       {Options{Dir: dir, Key: o.Key}, ""},
		"another key":                 {Options{Dir: dir, Key: keyOf(22)}, "key_foreign"},
		"the founder's key":           {Options{Dir: dir, Key: testKey}, "key_foreign"},
		"another workspace":           {Options{Dir: dir, Key: o.Key, Follow: following(t, other, dir, 21).Follow}, "workspace_other"},
		"with the founder's key":      {Options{Dir: t.TempDir(), Key: testKey, Follow: o.Follow}, "key_used"},
		"what is no genesis":          {Options{Dir: t.TempDir(), Key: o.Key, Follow: noGenesis(t, founder)}, "genesis"},
		"what is nothing":             {Options{Dir: t.TempDir(), Key: o.Key, Follow: &event.Sent{Header: []byte("x")}}, "encoding"},
		"with another body":           {Options{Dir: t.TempDir(), Key: o.Key, Follow: &event.Sent{Header: o.Follow.Header, Body: []byte("x")}}, "body_hash"},
		"the control, body withheld":  {Options{Dir: t.TempDir(), Key: o.Key, Follow: &event.Sent{Header: o.Follow.Header}}, ""},
		"a founder's home, following": {Options{Dir: closedHome(t), Key: testKey, Follow: o.Follow}, "workspace_other"},
	} {
		l, _, err := Open(context.Background(), c.o)
		if err == nil {
			l.Close()
		}
		if (c.want == "") != (err == nil) || c.want != "" && !fault.Is(err, c.want) {
			t.Errorf("%s: want %q, got %v", name, c.want, err)
		}
	}
}

func noGenesis(t *testing.T, l *Log) *event.Sent {
	t.Helper()
	e := mustAppend(t, l)
	return &event.Sent{Header: e.Bytes, Body: e.Body}
}

func closedHome(t *testing.T) string {
	t.Helper()
	l := founded(t)
	l.Close()
	return l.o.Dir
}

// A follower's right to write outlasts a start, and begins with the record.
func TestAFollowerWritesOnceItIsEnrolled(t *testing.T) {
	founder := founded(t)
	dir := t.TempDir()
	l := follow(t, founder, dir, 21)
	for range 2 {
		if _, err := l.Append(context.Background(), draft(l, nil)); !fault.Is(err, "replica_not_enrolled") {
			t.Fatal(err)
		}
		l.Close()
		l = openWith(t, Options{Dir: dir, Key: keyOf(21)})
	}
	enrol(t, founder, l.Replica())
	exchanged(t, founder, l)
	for range 2 {
		e := mustAppend(t, l)
		if e.Header.Basis.Index != 1 {
			t.Error("its basis is", e.Header.Basis)
		}
		if err := l.KeepIndex(); err != nil {
			t.Fatal(err)
		}
		l.Close()
		l = openWith(t, Options{Dir: dir, Key: keyOf(21)})
	}
	exchanged(t, l, founder)
	sameEvents(t, l, founder)
}
