package badgerlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// AppendRecord makes the next record of the control chain durable, with its
// certificates, and returns it. From then on it is the basis of what this
// replica writes. Faults: parent_unknown, record_order when it does not follow
// the newest record, certificates_many, certificate_missing, certificate_signature, certificate_other, body_hash, the
// reasons of event.Check, read_only.
func (l *Log) AppendRecord(ctx context.Context, rec control.Record) (event.Event, error) {
	r := newRequest()
	r.record = &rec
	if event.BodyHash(rec.Body) != rec.Header.BodyHash {
		return event.Event{}, fault.New(fault.InvalidArgument, "body_hash", "the record's body is not the one that its header names", "make it again")
	}
	lamport, err := l.checkParents(rec.Header.Parents)
	if err != nil {
		return event.Event{}, err
	}
	if lamport != rec.Header.Lamport {
		return event.Event{}, fault.New(fault.InvalidArgument, "lamport", "the record's lamport is not one above its parents'", "make it again")
	}
	if err := l.submit(ctx, r); err != nil {
		return event.Event{}, err
	}
	return r.event, nil
}

// placeRecord gives a record its place, if it is the next one.
func (l *Log) placeRecord(g *group, r *request) error {
	h, next := r.record.Header, &g.next
	if l.marks.split != nil {
		return controlSplit()
	}
	if h.Workspace != next.Genesis || h.Seq != next.Control.Index+1 || h.Prev != next.Control.Record || h.Class != event.Control {
		return fault.New(fault.Aborted, "record_order", fmt.Sprintf("record %d is not the next of the control chain, which stands at %d", h.Seq, next.Control.Index),
			"read the newest record, and decide again")
	}
	r.event.Header = h
	_, id, err := event.EncodeHeader(h)
	if err != nil {
		return err
	}
	certificates, err := l.encodeCertificates(id, h, r.record.Certificates)
	if err != nil {
		return err
	}
	if err := g.put(&r.event, r.record.Body); err != nil {
		return err
	}
	g.entries = append(g.entries, entry{Key: number('c', h.Seq), Value: certificates})
	g.size += len(certificates)
	next.Control = event.Basis{Index: h.Seq, Record: id}
	return nil
}

// encodeCertificates takes the signatures under a record: a majority of its voters
// must have signed.
func (l *Log) encodeCertificates(id event.ID, h event.Header, all []event.Certificate) ([]byte, error) {
	if len(all) > maxCertificates {
		return nil, fault.New(fault.InvalidArgument, "certificates_many", fmt.Sprintf("a record has at most %d signatures", maxCertificates), "give those of its voters")
	}
	encoded := make([][]byte, 0, len(all))
	for _, c := range all {
		if err := certifies(c, id, h.Workspace, h.Seq); err != nil {
			return nil, err
		}
		b, err := event.EncodeCertificate(c)
		if err != nil {
			return nil, err
		}
		encoded = append(encoded, b)
	}
	if !control.Certified(event.Event{ID: id, Header: h}, all, l.voters) {
		return nil, fault.New(fault.InvalidArgument, "certificate_missing", "no voter of the workspace has signed the record", "have the voters sign it")
	}
	return cbor.Marshal(encoded)
}

func controlSplit() error {
	return dataLoss("control_split", "the control chain has two certified records at one place: its voters signed both, and control stops")
}

// certifies holds a certificate to the record that it is kept with.
func certifies(c event.Certificate, record, workspace event.ID, index uint64) error {
	key, is := c.Voter.Key()
	if !is || c.Record != record || c.Workspace != workspace || c.Index != index {
		return fault.New(fault.InvalidArgument, "certificate_other", "the certificate is of another record", "sign the record")
	}
	return c.Verify(key)
}

// Certificates returns the signatures under a record of the control chain, by
// its index; none under genesis. Faults: record_unknown, data_loss.
func (l *Log) Certificates(index uint64) ([]event.Certificate, error) {
	if index == 0 {
		return nil, nil
	}
	b, err := l.get(number('c', index))
	if errors.Is(err, badger.ErrKeyNotFound) && index > l.stand().Control.Index {
		return nil, fault.New(fault.NotFound, "record_unknown", fmt.Sprintf("there is no record %d", index), "see `atelier log`")
	}
	if fault.Is(err, "log_closed") {
		return nil, err
	}
	var encoded [][]byte
	if err == nil {
		err = cbor.Unmarshal(b, &encoded)
	}
	if err != nil {
		return nil, dataLoss("certificate_lost", fmt.Sprintf("the certificates of record %d cannot be read: %v", index, err))
	}
	all := make([]event.Certificate, 0, len(encoded))
	for _, one := range encoded {
		c, err := event.DecodeCertificate(one)
		if err != nil {
			return nil, dataLoss("certificate_damaged", fmt.Sprintf("a certificate of record %d is damaged: %v", index, err))
		}
		all = append(all, c)
	}
	return all, nil
}
