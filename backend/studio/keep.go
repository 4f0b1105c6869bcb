package studio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

// The objects are kept as caches of the log: at the end, and now and then on the
// way. A start goes on from the newest, and a cut from the newest that it holds.

const (
	keptMagic  = "atelier kept 1\n"
	keptPrefix = "objects-"
)

// kept is how the studio stood after so many arrivals. As bytes it is magic, the
// id of the last event, and after their sizes the objects and the rest.
type kept struct {
	applied uint64
	last    event.ID
	objects []byte
	rest    keptRest
}

// keptRest is what the studio knows besides the objects.
type keptRest struct {
	Machine  []byte
	Records  []event.ID
	Open     []event.ID
	Heads    []keptHead
	About    []keptAbout
	Requests []keptRequest
}

type keptAbout struct {
	_        struct{} `cbor:",toarray"`
	Object   event.ID
	Arrivals []byte // as steps
}

type keptRequest struct {
	_    struct{} `cbor:",toarray"`
	Key  event.ID
	ID   event.ID
	Name string
}

func keptName(applied uint64) string { return fmt.Sprintf("%s%020d", keptPrefix, applied) }

// keptAt are the arrivals at which objects were kept, the newest first.
func (s *Studio) keptAt() []uint64 {
	var all []uint64
	for _, name := range s.p.Log.Caches() {
		if number, is := strings.CutPrefix(name, keptPrefix); is {
			if n, err := strconv.ParseUint(number, 10, 64); err == nil {
				all = append(all, n)
			}
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all
}

// keep takes how the studio stands. The caller holds mu; what is returned makes
// the name and the bytes of it later, without.
func (s *Studio) keep() (content func() (string, []byte, error), err error) {
	k := kept{applied: s.applied, rest: keptRest{Records: slices.Clone(s.records), Open: slices.Clone(s.open), Heads: keep(s.heads)}}
	if k.rest.Machine, err = s.machine.Snapshot(); err != nil {
		return nil, err
	}
	for id, r := range s.requests {
		if !r.started.ID.IsZero() {
			k.rest.Requests = append(k.rest.Requests, keptRequest{Key: id, ID: r.started.ID, Name: r.started.Name})
		}
	}
	s.kept = s.applied
	objects, about := s.fold.Frozen(), maps.Clone(s.about)
	return func() (string, []byte, error) {
		last, err := s.p.Log.EventAt(k.applied - 1)
		if err != nil {
			return "", nil, err
		}
		k.last, k.objects, k.rest.About = last.ID, objects.Snapshot(), packAbout(about)
		b, err := k.encode()
		return keptName(k.applied), b, err
	}, nil
}

func packAbout(about map[event.ID][]uint32) []keptAbout {
	all := make([]keptAbout, 0, len(about))
	for id, arrivals := range about {
		var steps []byte
		before := uint32(0)
		for _, n := range arrivals {
			steps, before = binary.AppendUvarint(steps, uint64(n-before)), n
		}
		all = append(all, keptAbout{Object: id, Arrivals: steps})
	}
	return all
}

func (k *kept) encode() ([]byte, error) {
	rest, err := cbor.Marshal(k.rest)
	b := append(make([]byte, 0, len(k.objects)+len(rest)+128), keptMagic...)
	b = append(b, k.last[:]...)
	b = append(binary.BigEndian.AppendUint64(b, uint64(len(k.objects))), k.objects...)
	return append(b, rest...), err
}

// errNotKept says that what was kept is of no use.
var errNotKept = errors.New("it was not kept by this version, or of this log")

// split takes the bytes apart; the rest is decoded where it is needed.
func (k *kept) split(b []byte) (rest []byte, err error) {
	b, is := bytes.CutPrefix(b, []byte(keptMagic))
	if !is || len(b) < len(k.last)+8 {
		return nil, errNotKept
	}
	k.last = event.ID(b[:len(k.last)])
	size := binary.BigEndian.Uint64(b[len(k.last):])
	if b = b[len(k.last)+8:]; size > uint64(len(b)) {
		return nil, errNotKept
	}
	k.objects = b[:size]
	return b[size:], nil
}

// load returns what was kept at an arrival, if it is of this log's events.
func (s *Studio) load(applied uint64) (k kept, rest []byte, err error) {
	if applied == 0 || applied > s.p.Log.Count() {
		return k, nil, errNotKept
	}
	b, sound := s.p.Log.LoadCache(keptName(applied))
	if !sound {
		return k, nil, errNotKept
	}
	k.applied = applied
	if rest, err = k.split(b); err != nil {
		return k, nil, err
	}
	last, err := s.p.Log.EventAt(applied - 1)
	if err == nil && last.ID != k.last {
		err = errNotKept
	}
	return k, rest, err
}

// restore goes on from the newest objects that were kept and are sound. What is
// not is dropped. The caller holds mu.
func (s *Studio) restore() {
	for _, n := range s.keptAt() {
		err := s.restoreAt(n)
		if err == nil {
			s.kept = n
			return
		}
		s.tell("dropping objects that were kept", errors.Join(err, s.p.Log.DropCache(keptName(n))))
	}
}

func (s *Studio) restoreAt(applied uint64) error {
	k, b, err := s.load(applied)
	if err != nil {
		return err
	}
	if err := cbor.Unmarshal(b, &k.rest); err != nil {
		return err
	}
	machine, err := control.Load(k.rest.Machine)
	if err != nil {
		return err
	}
	about, err := unpackAbout(k.rest.About)
	if err != nil {
		return err
	}
	fold, err := object.Load(s.p.Log, k.objects)
	if err != nil {
		return err
	}
	s.fold, s.machine, s.about, s.applied = fold, machine, about, applied
	s.records, s.open, s.heads = k.rest.Records, k.rest.Open, headsOf(k.rest.Heads)
	for _, r := range k.rest.Requests {
		s.answered(r.Key, Started{ID: r.ID, Name: r.Name})
	}
	return nil
}

func unpackAbout(all []keptAbout) (map[event.ID][]uint32, error) {
	about := make(map[event.ID][]uint32, len(all))
	for _, a := range all {
		var arrivals []uint32
		for before := uint64(0); len(a.Arrivals) > 0; {
			step, size := binary.Uvarint(a.Arrivals)
			if size <= 0 {
				return nil, errNotKept
			}
			before, a.Arrivals = before+step, a.Arrivals[size:]
			arrivals = append(arrivals, uint32(before))
		}
		about[a.Object] = arrivals
	}
	return about, nil
}

// dueAt is how many events are there when the objects are kept next.
func dueAt(kept uint64) uint64 { return kept + max(keepLeast, kept/keepPart) }

// keepLater keeps the objects as they stand, while the studio goes on. The caller
// holds mu.
func (s *Studio) keepLater() {
	if s.keeping.Load() {
		return
	}
	content, err := s.keep()
	if err != nil {
		s.tell("keeping the objects", err)
		return
	}
	s.keeping.Store(true)
	s.work.Go(func() {
		s.tell("keeping the objects", errors.Join(s.saveKept(content), s.p.Log.KeepIndex()))
		s.keeping.Store(false)
	})
}

// keepOn keeps the objects now and then, so that a start after a kill has little to
// read. It ends with the studio.
func (s *Studio) keepOn() {
	for s.pause(s.ctx, keepEvery) == nil {
		s.mu.Lock()
		if s.applied >= s.kept+keepTail {
			s.keepLater()
		}
		s.mu.Unlock()
	}
}

// keepAtEnd keeps the objects for the next start, where that spares it much.
func (s *Studio) keepAtEnd() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.applied < s.kept+keepAtEnd || s.p.Log.ReadOnly() != "" {
		return
	}
	content, err := s.keep()
	if err == nil {
		err = s.saveKept(content)
	}
	s.tell("keeping the objects", err)
}

// saveKept keeps what keep returned, and drops what lies too close to what was kept
// before: a place in the past needs no more.
func (s *Studio) saveKept(content func() (string, []byte, error)) error {
	name, b, err := content()
	if err == nil {
		err = s.p.Log.SaveCache(name, b)
	}
	if err != nil {
		return err
	}
	all, due := s.keptAt(), uint64(0)
	for i, n := range slices.Backward(all) {
		if n >= due || i == 0 {
			due = dueAt(n)
			continue
		}
		err = errors.Join(err, s.p.Log.DropCache(keptName(n)))
	}
	return err
}
