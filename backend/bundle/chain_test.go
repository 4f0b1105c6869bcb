package bundle

import (
	"bytes"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// harm is a change of a bundle and what is said of it.
type harm struct {
	change func(p *parts)
	want   string // the reason; none for a control
}

// refuses has a reader refuse each harm done to a bundle.
func refuses(t *testing.T, b []byte, all map[string]harm) {
	t.Helper()
	for name, h := range all {
		p := take(t, b)
		h.change(&p)
		err := readAll(bytes.NewReader(p.bytes(t)))
		if h.want == "" && err != nil || h.want != "" && !fault.Is(err, h.want) {
			t.Errorf("%s: %v, want %s", name, err, h.want)
		}
	}
}

func (p *parts) index(good func(Item) bool) int { return slices.IndexFunc(p.items, good) }

func isEvent(i Item) bool { return i.Seal == nil }

// of is the item with the event at a place of a chain.
func (p *parts) of(chain event.Chain, seq uint64) int {
	return p.index(func(i Item) bool {
		return isEvent(i) && i.Event.Chain() == chain && i.Event.Header.Seq == seq
	})
}

func (p *parts) drop(n int) { p.items = slices.Delete(p.items, n, n+1) }

func TestRule02_RecordsComeFirst(t *testing.T) {
	w, c := two(t)
	b := w.bundle(*c.Header.Facts.Cut, c.ID)
	other := newWorld(t, 1)
	other.open(0, other.anna).enrol("worker", 0)
	refuses(t, b, map[string]harm{
		"the control": {func(*parts) {}, ""},
		"no genesis":  {func(p *parts) { p.records = p.records[1:]; p.records[0].Certificates = nil; p.head.Records-- }, "record_order"},
		"a gap":       {func(p *parts) { p.records = slices.Delete(p.records, 1, 2); p.head.Records-- }, "record_order"},
		"twice":       {func(p *parts) { p.records = slices.Insert(p.records, 2, p.records[1]); p.head.Records++ }, "record_order"},
		"of another":  {func(p *parts) { p.records[1] = Record{Event: other.x.records[1].Event} }, "record_order"},
		"no record":   {func(p *parts) { p.records[1].Event = p.items[p.of(w.replicas[0].chain, 0)].Event }, "record_order"},
		"genesis signed": {func(p *parts) {
			p.records[0].Certificates = p.records[1].Certificates
		}, "bundle_size"},
		"a certificate twice": {func(p *parts) {
			p.records[1].Certificates = slices.Repeat(p.records[1].Certificates, 2)
		}, "certificate_order"},
		"certificates out of order": {func(p *parts) {
			of := []event.Certificate{w.certificate(p.records[1].Event, w.replicas[1]), p.records[1].Certificates[0]}
			if of[0].Voter < of[1].Voter {
				slices.Reverse(of)
			}
			p.records[1].Certificates = of
		}, "certificate_order"},
		"more certificates than fit": {func(p *parts) {
			p.records[1].Certificates = slices.Repeat(p.records[1].Certificates, maxCertificates+1)
		}, "bundle_size"},
		"a place too many": {func(p *parts) { p.items = append(p.items, p.items[0]) }, "record_order"},
	})
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for n, record := range r.Records() {
		if record.Event.ID != w.x.records[n].Event.ID || (n > 0) != (len(record.Certificates) == 1) || record.Event.Body != nil {
			t.Errorf("record %d is %+v", n, record)
		}
	}
}

func TestRule03_ChainsHaveNoGap(t *testing.T) {
	w, c := two(t)
	b := w.bundle(*c.Header.Facts.Cut, c.ID)
	one := w.replicas[0].chain
	refuses(t, b, map[string]harm{
		"no genesis among the events": {func(p *parts) { p.drop(0) }, "genesis_first"},
		"genesis late":                {func(p *parts) { p.items = append(p.items[1:3:3], append(p.items[:1:1], p.items[3:]...)...) }, "genesis_first"},
		"a gap":                       {func(p *parts) { p.drop(p.of(one, 3)) }, "event_gap"},
		"the first is missing":        {func(p *parts) { p.drop(p.of(one, 0)) }, "event_gap"},
		"twice":                       {func(p *parts) { n := p.of(one, 3); p.items = slices.Insert(p.items, n, p.items[n]) }, "event_twice"},
		"another at its place": {func(p *parts) {
			i := &p.items[p.of(one, 3)]
			i.Event = rewritten(t, i.Event, func(h *event.Header) { h.Prev = event.ID{1} })
		}, "prev"},
	})
}

// rewritten is an event with another header.
func rewritten(t testing.TB, e event.Event, change func(*event.Header)) event.Event {
	t.Helper()
	change(&e.Header)
	var err error
	if e.Bytes, e.ID, err = event.EncodeHeader(e.Header); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRule04_SealsComeRightBeforeTheirEvents(t *testing.T) {
	w, _ := two(t)
	b := w.bundle(event.Cut{Past: w.replicas[1].ids[2:3]}, event.ID{}) // in the midst of a seal of each
	whole := func(i Item) bool { return i.Seal != nil && len(i.Rest) == 0 }
	part := func(i Item) bool { return len(i.Rest) > 0 }
	if p := take(t, b); p.index(whole) < 0 || p.index(part) < 0 {
		t.Fatal("the bundle has no whole seal, or none in part")
	}
	twice := func(good func(Item) bool) func(*parts) {
		return func(p *parts) { n := p.index(good); p.items = slices.Insert(p.items, n, p.items[n]) }
	}
	nobody := func(s event.Seal) func(*parts) {
		s.Workspace, s.Root, s.Signature = w.genesis, event.ID{1}, make([]byte, 64)
		return func(p *parts) { p.items = append(p.items, Item{Seal: &s}) }
	}
	refuses(t, b, map[string]harm{
		"the control":  {func(*parts) {}, ""},
		"no seal":      {func(p *parts) { p.drop(p.index(whole)) }, "seal_missing"},
		"none at last": {func(p *parts) { p.drop(p.index(part)) }, "seal_missing"},
		"a seal twice": {twice(whole), "seal_order"},
		"a part twice": {twice(part), "seal_order"},
		"a seal again": {func(p *parts) { p.items = append(p.items, p.items[p.index(whole)]) }, "seal_order"},
		"a part again": {func(p *parts) { p.items = append(p.items, p.items[p.index(part)]) }, "seal_order"},
		"a seal early": {func(p *parts) {
			n := p.index(whole)
			i := p.items[n]
			p.drop(n)
			p.items = slices.Insert(p.items, n-1, i)
		}, "seal_order"},
		"a seal after another": {func(p *parts) {
			p.items[p.index(func(i Item) bool { return part(i) && i.Seal.First > 0 })].Seal.Prev = event.ID{1}
		}, "seal_order"},
		"a seal without events": {nobody(event.Seal{Replica: "nobody"}), "event_gap"},
		"a seal over records":   {nobody(event.Seal{Replica: event.Chain(w.genesis[:])}), "seal_order"},
		"a seal over nothing here": {func(p *parts) {
			i := &p.items[p.index(part)]
			i.Rest = make([]event.ID, i.Seal.Last-i.Seal.First+1)
		}, "seal_order"},
		"more behind it than a seal covers": {func(p *parts) {
			p.items[p.index(part)].Rest = make([]event.ID, event.MaxSealed)
		}, "bundle_size"},
		"the end of a chain": {func(p *parts) {
			s := p.items[p.index(part)]
			p.drop(p.of(s.Seal.Replica, s.Seal.Last-uint64(len(s.Rest))))
			p.head.Events--
		}, "event_gap"},
		"a seal that begins within another": {func(p *parts) {
			i := p.items[p.index(part)]
			s := *i.Seal
			s.First = s.Last + 1 - uint64(len(i.Rest))
			s.Prev, _ = i.Seal.ID()
			p.items = append(p.items, Item{Seal: &s}, Item{Event: w.log[w.x.numbers[w.replicaOf(s.Replica).ids[s.First]]], Outside: true, Body: Bare})
		}, "seal_order"},
		"more than is covered": {func(p *parts) {
			s := p.items[p.index(part)]
			e := w.log[w.x.numbers[w.replicaOf(s.Seal.Replica).ids[s.Seal.Last+1-uint64(len(s.Rest))]]]
			p.items = append(p.items, Item{Event: e, Outside: true, Body: Bare})
		}, "seal_missing"},
	})
}

func TestRule08_WhatIsOutsideIsBare(t *testing.T) {
	w, c := two(t)
	b := w.bundle(*c.Header.Facts.Cut, c.ID)
	bare, own := 0, 0
	for _, i := range take(t, b).items {
		switch {
		case !isEvent(i) || !i.Outside:
		case about(&i.Event, c.ID):
			if own++; i.Body != Here || !bytes.Equal(i.Event.Body, w.log[w.x.numbers[i.Event.ID]].Body) {
				t.Errorf("%s has not its body", i.Event.Header.Type)
			}
		default:
			if bare++; i.Body != Bare || i.Event.Body != nil {
				t.Errorf("%s is not bare", i.Event.Header.Type)
			}
		}
	}
	if bare == 0 || own != 3 {
		t.Errorf("%d are bare, and %d are of the checkpoint", bare, own)
	}
	of := func(good func(Item) bool, change func(*Item)) func(*parts) {
		return func(p *parts) { change(&p.items[p.index(func(i Item) bool { return isEvent(i) && good(i) })]) }
	}
	inside := func(i Item) bool { return !i.Outside }
	isBare := func(i Item) bool { return i.Body == Bare }
	tells := func(i Item) bool { return i.Event.ID == c.ID }
	refuses(t, b, map[string]harm{
		"the control":                 {func(*parts) {}, ""},
		"bare in the cut":             {of(inside, func(i *Item) { i.Body = Bare }), "bundle_mark"},
		"with a body outside":         {of(isBare, func(i *Item) { i.Body, i.Event.Body = Here, make([]byte, 20) }), "bundle_mark"},
		"gone outside":                {of(isBare, func(i *Item) { i.Body = Gone }), "bundle_mark"},
		"the checkpoint bare":         {of(tells, func(i *Item) { i.Body = Bare }), "bundle_mark"},
		"the checkpoint withheld":     {of(tells, func(i *Item) { i.Body = Withheld }), ""},
		"withheld in the cut":         {of(inside, func(i *Item) { i.Body = Withheld }), ""},
		"gone in the cut":             {of(inside, func(i *Item) { i.Body = Gone }), ""},
		"here, and not a single byte": {of(inside, func(i *Item) { i.Event.Body = nil }), "bundle_size"},
	})
}
