package bundle

import (
	"bytes"
	"cmp"
	"io"
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Reader gives what is in a bundle as it comes, and holds little more than the
// records of control. It refuses what has not the form of a bundle, and does not
// say whether what has it is true: Verify does. After an error it gives the same
// error for ever.
//
// It promises of what it gives: the records come first, in their order. Of the
// events each chain comes from its beginning without a gap, and right before the
// first event that it covers comes a seal. Whatever an event rests on comes before
// it, if Verify has passed.
type Reader struct {
	in      *input
	head    Head
	records []Record
	placed  int // records that were given as events
	chains  chains
	events  uint64 // of the cut that were given
	outside uint64
	id      event.ID
	over    bool
}

// NewReader reads the head and the records of a bundle. Faults: bundle_magic for
// what is no bundle, bundle_newer, bundle_unread, and for a bundle that is damaged
// or ill-formed data_loss with the reasons of SPEC.md.
func NewReader(from io.Reader) (*Reader, error) {
	r := &Reader{in: newInput(from), chains: chains{all: map[event.Chain]*chain{}}}
	r.begin()
	if r.in.err == nil {
		r.readHead()
	}
	for n := uint64(0); n < r.head.Records && r.in.err == nil; n++ {
		r.record(n)
	}
	return r, r.in.err
}

// Head returns what the bundle says it is of.
func (r *Reader) Head() Head { return r.head }

// Records returns the records of control, genesis first, without their bodies.
func (r *Reader) Records() []Record { return r.records }

// ID returns the name of the bundle once all of it was read.
func (r *Reader) ID() event.ID { return r.id }

func (r *Reader) begin() {
	for i := range len(magic) {
		if b := r.in.byte(); r.in.err != nil || b != magic[i] {
			r.in.err = nil
			r.in.fail(fault.New(fault.InvalidArgument, "bundle_magic", "this is no bundle", "give a file that `atelier export bundle` has made"))
			return
		}
	}
	if v := r.in.number("the version", 0, maxVersion); r.in.err == nil && v != version {
		r.in.fail(fault.New(fault.Unimplemented, "bundle_newer", "the bundle was made by a newer Atelier", "use that version or a newer one"))
	}
}

func (r *Reader) readHead() {
	in, h := r.in, &r.head
	for range in.number("the count of heads", 0, event.MaxHeads) {
		h.Cut.Heads = append(h.Cut.Heads, event.Head{Chain: event.Chain(in.sized("a chain", 1, event.MaxChain)),
			Seq: in.number("a place", 0, maxEvents), ID: in.id()})
	}
	for range in.number("the count of events", 0, event.MaxParents) {
		h.Cut.Past = append(h.Cut.Past, in.id())
	}
	if in.number("the count of checkpoints", 0, 1) == 1 {
		if h.Checkpoint = in.id(); h.Checkpoint.IsZero() {
			in.fail(refused("head", "the checkpoint of the bundle has no id"))
		}
	}
	h.Digest = event.Digest{Version: in.number("the version of the fold", 1, maxVersion), Hash: in.id()}
	h.Events = in.number("the count of events in the cut", 1, maxEvents)
	h.Outside = in.number("the count of events outside", 0, maxEvents)
	h.Records = in.number("the count of records", 1, maxRecords)
	if err := h.Cut.Check(); in.err == nil && err != nil {
		in.fail(refused("head", "the bundle does not name its cut: "+fault.Of(err).Message))
	}
}

// record reads the next record of control.
func (r *Reader) record(n uint64) {
	e := r.header()
	c := r.certificates(n)
	if r.in.err != nil {
		return
	}
	if h := &e.Header; h.Class != event.Control || h.Seq != n || n > 0 && h.Prev != r.records[n-1].Event.ID || (n == 0) != (h.Facts.Genesis != nil) {
		r.in.fail(refused("record_order", "the records of the bundle are not those of one workspace, one after the other"))
		return
	}
	if n == 0 {
		r.chains.control = e.Chain()
	}
	r.records = append(r.records, Record{e, c})
}

// header reads an event's header.
func (r *Reader) header() (e event.Event) {
	e.Bytes = r.in.sized("a header", 1, event.MaxHeader)
	if r.in.err != nil {
		return e
	}
	var err error
	if e.ID, err = event.ReadHeader(&e.Header, e.Bytes); err != nil {
		r.in.fail(err)
	}
	return e
}

func (r *Reader) certificates(n uint64) (all []event.Certificate) {
	most := uint64(maxCertificates)
	if n == 0 {
		most = 0 // nobody voted before genesis
	}
	for range r.in.number("the count of certificates", 0, most) {
		b := r.in.sized("a certificate", 1, event.MaxSealBytes)
		if r.in.err != nil {
			return nil
		}
		c, err := event.DecodeCertificate(b)
		switch {
		case err != nil:
			r.in.fail(err)
		case len(all) > 0 && all[len(all)-1].Voter >= c.Voter:
			r.in.fail(refused("certificate_order", "the certificates of a record are not ascending by voter, each once"))
		}
		all = append(all, c)
	}
	return all
}

// Next returns what comes next, and io.EOF once the end was read and nothing
// follows. Faults as of NewReader.
func (r *Reader) Next() (Item, error) {
	if r.over {
		return Item{}, io.EOF
	}
	var i Item
	switch kind := r.in.byte(); {
	case r.in.err != nil:
	case kind == kindEnd:
		if r.end(); r.in.err == nil {
			return Item{}, io.EOF
		}
	case kind == kindEvent:
		r.event(&i)
	case kind == kindRecord:
		r.place(&i)
	case kind == kindSeal:
		r.seal(&i)
	default:
		r.in.fail(refused("bundle_kind", "the bundle holds something of no known kind"))
	}
	if r.in.err != nil {
		return Item{}, r.in.err
	}
	return i, nil
}

func (r *Reader) event(i *Item) {
	mark := r.in.byte()
	i.Event = r.header()
	if r.in.err == nil && i.Event.Header.Class == event.Control {
		r.in.fail(refused("bundle_kind", "a record of control comes as an event"))
	}
	r.take(i, mark)
}

// place gives the next record its place among the events.
func (r *Reader) place(i *Item) {
	mark := r.in.byte()
	if r.placed == len(r.records) {
		r.in.fail(refused("record_order", "more records have a place than there are"))
		return
	}
	i.Event = r.records[r.placed].Event
	r.placed++
	r.take(i, mark)
}

// take reads the body of an event, and gives it its place on its chain.
func (r *Reader) take(i *Item, mark byte) {
	i.Outside, i.Body = mark&outsideMark != 0, Body(mark&^outsideMark)
	if bare := i.Outside && !about(&i.Event, r.head.Checkpoint); mark > outsideMark|byte(Bare) || bare != (i.Body == Bare) {
		r.in.fail(refused("bundle_mark", "an event is marked as no event can be"))
	}
	if i.Event.Gone = i.Body == Gone; i.Body == Here {
		i.Event.Body = r.in.sized("a body", 1, event.MaxBody)
	}
	if r.in.err != nil {
		return
	}
	if i.Outside {
		r.outside++
	} else {
		r.events++
	}
	if err := r.chains.take(&i.Event, r.events+r.outside); err != nil {
		r.in.fail(err)
	}
}

func (r *Reader) seal(i *Item) {
	b := r.in.sized("a seal", 1, event.MaxSealBytes)
	for range r.in.number("the count of what a seal covers besides", 0, event.MaxSealed-1) {
		i.Rest = append(i.Rest, r.in.id())
	}
	if r.in.err != nil {
		return
	}
	s, err := event.DecodeSeal(b)
	if err == nil {
		err = r.chains.seal(&s, len(i.Rest))
	}
	if err != nil {
		r.in.fail(err)
	}
	i.Seal = &s
}

// end reads the sum, and looks whether all that was announced has come.
func (r *Reader) end() {
	want := r.in.total()
	got := r.in.id()
	switch {
	case r.in.err != nil:
		return
	case got != want:
		r.in.fail(refused("bundle_sum", "the bundle is not what its sum is of: it was changed"))
	case r.events != r.head.Events || r.outside != r.head.Outside || r.placed != len(r.records):
		r.in.fail(refused("bundle_count", "the bundle holds more or fewer events than it says"))
	case r.in.fill():
		r.in.fail(refused("bundle_trailing", "something follows the end of the bundle"))
	}
	if err := r.chains.end(); err != nil {
		r.in.fail(err)
	}
	if r.in.err == nil {
		r.over, r.id = true, want
	}
}

// sortCertificates puts certificates in the order of a bundle.
func sortCertificates(all []event.Certificate) []event.Certificate {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b event.Certificate) int {
		return cmp.Or(cmp.Compare(a.Voter, b.Voter), bytes.Compare(a.Signature, b.Signature))
	})
	return slices.CompactFunc(all, func(a, b event.Certificate) bool { return a.Voter == b.Voter })
}
