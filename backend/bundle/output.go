package bundle

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"atelier.dev/atelier/backend/event"
)

// The kinds of item.
const (
	kindEnd    = 0
	kindEvent  = 1
	kindRecord = 2
	kindSeal   = 3
)

// outsideMark is the bit of an event that is not in the cut; its body's state is
// below it.
const outsideMark = 4

// output writes a bundle. After its first error it writes nothing.
type output struct {
	to   io.Writer
	sum  hash.Hash
	b    []byte
	size uint64 // of what was made, written or not yet
	err  error
}

func newOutput(to io.Writer) *output { return &output{to: to, sum: sha256.New()} }

// flush writes what has come together, when that is enough.
func (o *output) flush(enough int) {
	if len(o.b) < enough || o.err != nil {
		return
	}
	o.sum.Write(o.b)
	o.size += uint64(len(o.b))
	_, o.err = o.to.Write(o.b)
	o.b = o.b[:0]
}

func (o *output) number(n uint64) { o.b = binary.AppendUvarint(o.b, n) }

func (o *output) sized(b []byte) {
	o.number(uint64(len(b)))
	o.b = append(o.b, b...)
}

func (o *output) id(id event.ID) { o.b = append(o.b, id[:]...) }

func (o *output) head(h Head) {
	o.b = append(o.b, magic...)
	o.number(version)
	o.number(uint64(len(h.Cut.Heads)))
	for _, head := range h.Cut.Heads {
		o.sized([]byte(head.Chain))
		o.number(head.Seq)
		o.id(head.ID)
	}
	o.number(uint64(len(h.Cut.Past)))
	for _, id := range h.Cut.Past {
		o.id(id)
	}
	if h.Checkpoint.IsZero() {
		o.number(0)
	} else {
		o.number(1)
		o.id(h.Checkpoint)
	}
	o.number(h.Digest.Version)
	o.id(h.Digest.Hash)
	o.number(h.Events)
	o.number(h.Outside)
	o.number(h.Records)
}

func (o *output) record(r Record) error {
	o.sized(r.Event.Bytes)
	o.number(uint64(len(r.Certificates)))
	for _, c := range r.Certificates {
		b, err := event.EncodeCertificate(c)
		if err != nil {
			return err
		}
		o.sized(b)
	}
	o.flush(bufferSize)
	return o.err
}

func (o *output) item(i Item) error {
	if i.Seal == nil {
		o.event(i)
	} else if err := o.seal(i); err != nil {
		return err
	}
	o.flush(bufferSize)
	return o.err
}

func (o *output) seal(i Item) error {
	b, err := event.EncodeSeal(*i.Seal)
	if err != nil {
		return err
	}
	o.b = append(o.b, kindSeal)
	o.sized(b)
	o.number(uint64(len(i.Rest)))
	for _, id := range i.Rest {
		o.id(id)
	}
	return nil
}

func (o *output) event(i Item) {
	kind, mark := byte(kindEvent), byte(i.Body)
	if i.Event.Header.Class == event.Control {
		kind = kindRecord
	}
	if i.Outside {
		mark |= outsideMark
	}
	o.b = append(o.b, kind, mark)
	if kind == kindEvent {
		o.sized(i.Event.Bytes)
	}
	if i.Body == Here {
		o.sized(i.Event.Body)
	}
}

// end writes the sum of all before it, which names the bundle.
func (o *output) end() (event.ID, error) {
	o.b = append(o.b, kindEnd)
	o.flush(1)
	id := event.ID(o.sum.Sum(nil))
	o.id(id)
	o.flush(1)
	return id, o.err
}
