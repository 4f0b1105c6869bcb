package event

import (
	"crypto/sha256"
)

// Run is what one replica hands another of a chain: events that follow one
// another, and the seal that proves them.
type Run struct {
	Seal Seal
	// From is the seq of the first of Events, all of which lie under the seal.
	From   uint64
	Events []Sent
	// Others are the ids of the other events under the seal, in the order of the
	// chain: those before From, then those after Events. Where they are missing each
	// event has a path.
	Others []ID
}

// Sent is an event as it is handed on.
type Sent struct {
	Header []byte
	// Body starts with its nonce; without a byte it is withheld, or gone.
	Body []byte
	// Gone tells that the sender had the body until its retention dropped it.
	Gone bool
	// Path leads from the event's id to the root of the seal, from the leaf up. Where
	// the ids of all events under the seal are known nobody reads it.
	Path []ID
}

// Opened is a run of which all is known that needs no other event.
type Opened struct {
	Seal Seal
	ID   ID // of the seal
	// IDs are those of all events under the seal, nil where only paths prove them.
	IDs    []ID
	Events []Received
}

// Received is an event of a run.
type Received struct {
	Event
	Seq uint64 // its place under the seal
	// Path leads to the root of the seal where IDs are not known.
	Path []ID
	// Fault is why it is not taken: malformed, or not what the seal proves.
	Fault error
	// Signed is true when the seal proves that its replica signed the event's id at
	// this place.
	Signed bool
	ofBody bool
}

// Open checks a run by itself, in this order: each header's form, its id and its
// body, the seal's signature by the replica that it names, the root over the ids,
// and that each event has the place that the seal gives it. The error is run_form:
// nothing of such a run has a meaning. Faults of one event are in its place:
// those of ReadAny, body_nonce, body_size, body_hash, seal_form, seal_signature,
// seal_root, proof_path, replica, workspace, seq, prev. What is returned shares
// the memory of the run.
func (r *Run) Open() (*Opened, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	o := &Opened{Seal: r.Seal, Events: make([]Received, len(r.Events))}
	var err error
	if o.ID, err = r.Seal.ID(); err != nil {
		return nil, err
	}
	for i := range o.Events {
		o.Events[i] = receive(&r.Events[i], r.From+uint64(i))
	}
	o.prove(r)
	for i := range o.Events {
		o.hold(i)
	}
	return o, nil
}

func (r *Run) check() error {
	s, n := &r.Seal, uint64(len(r.Events))
	if s.Last < s.First || s.Last-s.First >= MaxSealed || n == 0 || n > MaxSealed || r.From < s.First || r.From > s.Last || n > s.Last-r.From+1 {
		return malformed("run_form", "a run has 1 to 1,024 events that lie under its seal")
	}
	if others := s.Last - s.First + 1 - n; len(r.Others) > 0 && uint64(len(r.Others)) != others {
		return malformed("run_form", "a run names all other events under its seal, or none")
	}
	return nil
}

// receive reads an event and holds its body to the hash of it.
func receive(s *Sent, seq uint64) Received {
	e := Received{Event: Event{ID: sha256.Sum256(s.Header), Bytes: s.Header, Gone: s.Gone && len(s.Body) == 0}, Seq: seq}
	if _, e.Fault = ReadAny(&e.Header, s.Header); e.Fault == nil && len(s.Body) > 0 {
		e.Body, e.Fault = s.Body, checkBody(s.Body, e.Header.BodyHash)
		e.ofBody = e.Fault != nil
	}
	return e
}

func checkBody(body []byte, hash ID) error {
	switch {
	case len(body) > MaxBody:
		return malformed("body_size", "a body has at most 512 KiB")
	case len(body) < BodyNonceSize:
		return malformed("body_nonce", "a body starts with 16 random bytes")
	case BodyHash(body) != hash:
		return malformed("body_hash", "the body is not the one that the header names")
	}
	return nil
}

// Convicts reports whether the fault of an event is its author's: it was signed so.
// Any other is of whoever sent it. Of a body only the hash is signed.
func (e *Received) Convicts() bool { return e.Fault != nil && e.Signed && !e.ofBody }

// prove tells of each event whether the seal proves it.
func (o *Opened) prove(r *Run) {
	err := o.verify(r)
	for i := range o.Events {
		e, unproven := &o.Events[i], err
		if unproven == nil && o.IDs == nil {
			unproven = o.climbs(i)
		}
		if e.Signed = unproven == nil; !e.Signed && e.Fault == nil {
			e.Fault = unproven
		}
	}
}

// verify checks the signature and, where the ids are known, the root over them.
func (o *Opened) verify(r *Run) error {
	key, is := r.Seal.Replica.Key()
	if !is {
		return malformed("seal_signature", "the seal is of a chain that no replica's key signs")
	}
	if err := r.Seal.Verify(key); err != nil {
		return err
	}
	if len(r.Others) == 0 && uint64(len(r.Events)) <= r.Seal.Last-r.Seal.First {
		for i := range r.Events {
			o.Events[i].Path = r.Events[i].Path
		}
		return nil
	}
	ids := o.under(r)
	if Root(ids) != r.Seal.Root {
		return malformed("seal_root", "the seal's root is not that of these events")
	}
	o.IDs = ids
	return nil
}

// under returns the ids of all events under the seal.
func (o *Opened) under(r *Run) []ID {
	ids := make([]ID, 0, r.Seal.Last-r.Seal.First+1)
	before := min(int(r.From-r.Seal.First), len(r.Others))
	ids = append(ids, r.Others[:before]...)
	for i := range o.Events {
		ids = append(ids, o.Events[i].ID)
	}
	return append(ids, r.Others[before:]...)
}

func (o *Opened) climbs(i int) error {
	at, count := o.Events[i].Seq-o.Seal.First, o.Seal.Last-o.Seal.First+1
	if !Proves(o.Seal.Root, o.Events[i].ID, int(at), int(count), o.Events[i].Path) {
		return malformed("proof_path", "the path does not lead from the event to the root of the seal")
	}
	return nil
}

// hold holds an event to the place that the seal gives it.
func (o *Opened) hold(i int) {
	e := &o.Events[i]
	if e.Fault != nil {
		return
	}
	h := &e.Header
	before, known := o.before(i)
	switch {
	case h.Replica != o.Seal.Replica:
		e.Fault = malformed("replica", "the event is of another chain than the replica that signed it")
	case h.Workspace != o.Seal.Workspace:
		e.Fault = malformed("workspace", "the event is of another workspace than its seal")
	case h.Seq != e.Seq:
		e.Fault = malformed("seq", "the event has another number than its place under the seal")
	case known && h.Prev != before:
		e.Fault = malformed("prev", "the event does not name the one before it under the seal")
	}
}

// before returns the id of the event before one, where the run tells it.
func (o *Opened) before(i int) (ID, bool) {
	at := o.Events[i].Seq - o.Seal.First
	switch {
	case i > 0:
		return o.Events[i-1].ID, true
	case o.IDs != nil && at > 0:
		return o.IDs[at-1], true
	}
	return ID{}, false
}
