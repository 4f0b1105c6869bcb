package bundle

import (
	"errors"
	"io"

	"atelier.dev/atelier/backend/event"
)

// Receiver takes in what a bundle has.
type Receiver struct {
	// Record takes a record of control with the signatures under it: genesis first,
	// and all before any run.
	Record func(event.Sent, []event.Certificate) error
	// Run takes events under one seal.
	Run func(event.Run) error
}

// Deliver gives all of a bundle to a receiver, as one replica hands events to
// another. A run comes once its last event was read, so an event of another chain
// that rests on it may come before it. Whoever takes a bundle in has it verified
// first. Faults as of Reader, and what the receiver returns.
func Deliver(from io.ReaderAt, size int64, to Receiver) error {
	if err := deliverRecords(from, size, to); err != nil {
		return err
	}
	open := map[event.Chain]*event.Run{}
	return eachItem(from, size, func(_ *Reader, i Item) error {
		switch {
		case i.Seal != nil:
			open[i.Seal.Replica] = &event.Run{Seal: *i.Seal, From: i.Seal.First, Others: i.Rest}
			return nil
		case i.Event.Header.Class == event.Control:
			return nil
		}
		r := open[i.Event.Header.Replica]
		r.Events = append(r.Events, sent(i))
		if uint64(len(r.Events)+len(r.Others)) <= r.Seal.Last-r.Seal.First {
			return nil
		}
		delete(open, r.Seal.Replica)
		return to.Run(*r)
	})
}

// deliverRecords reads the bundle once for the records alone, whose bodies lie among
// the events.
func deliverRecords(from io.ReaderAt, size int64, to Receiver) error {
	next := 0
	return eachItem(from, size, func(r *Reader, i Item) error {
		if i.Seal != nil || i.Event.Header.Class != event.Control {
			return nil
		}
		c := r.Records()[next].Certificates
		next++
		return to.Record(sent(i), c)
	})
}

func sent(i Item) event.Sent {
	return event.Sent{Header: i.Event.Bytes, Body: i.Event.Body, Gone: i.Event.Gone}
}

func eachItem(from io.ReaderAt, size int64, fn func(*Reader, Item) error) error {
	r, err := NewReader(io.NewSectionReader(from, 0, size))
	for err == nil {
		var i Item
		if i, err = r.Next(); err == nil {
			err = fn(r, i)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
