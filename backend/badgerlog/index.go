package badgerlog

import (
	"encoding/binary"
	"errors"
	"io"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
)

// The index is a cache of what Open learns from the events: ids, runs, order. A
// log that has one reads at Open only the events that came since. It is, with
// numbers as varints in what is sized:
//
//	magic, workspace 32, id of the last event 32
//	ids, a list's length 8 and 32 bytes each
//	size 8, then counts of what is held and was dropped, and of runs the steps from first to first
//	size 8, then the causal order
const (
	indexName  = "index"
	indexMagic = "atelier index 2\n"
)

// KeepIndex keeps what the log has learnt, so that the next Open need not read all
// events. Appending waits meanwhile, and it waits for a group that is not durable.
func (l *Log) KeepIndex() error {
	l.orderMu.RLock()
	defer l.orderMu.RUnlock()
	for l.visible < l.ids.count {
		l.orderMu.RUnlock()
		changed := l.Changed()
		err := l.refuseIfReadOnly()
		l.orderMu.RLock()
		if err != nil {
			return err
		}
		if l.visible < l.ids.count {
			l.orderMu.RUnlock()
			<-changed
			l.orderMu.RLock()
		}
	}
	err := l.writeCache(indexName, l.writeIndex)
	if err == nil {
		l.indexed.Store(l.ids.count)
	}
	return err
}

func (l *Log) writeIndex(w io.Writer) error {
	last := l.ids.at(l.ids.count - 1)
	genesis := l.ids.at(0)
	_, err := w.Write(append(append([]byte(indexMagic), genesis[:]...), last[:]...))
	return errors.Join(err, l.ids.write(w), writeSized(w, l.indexNumbers()), writeSized(w, l.order.Snapshot()))
}

func (l *Log) indexNumbers() []byte {
	h := &l.held
	b := make([]byte, 0, 64+2*len(l.runs.firsts))
	for _, n := range []uint64{h.events, h.headers, h.bodies, h.bodyBytes, l.dropped.bodies} {
		b = binary.AppendUvarint(b, n)
	}
	before := uint64(0)
	for _, first := range l.runs.upTo(h.events) {
		b, before = binary.AppendUvarint(b, first-before), first
	}
	return b
}

func writeSized(w io.Writer, b []byte) error {
	_, err := w.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}

// learnt is an index that was read.
type learnt struct {
	last   event.ID
	ids    ids
	held   held
	gone   uint64 // bodies that had been dropped
	firsts []uint64
	order  *causal.Order
}

// recall learns from the index what it knows, and returns from where on events are
// to be read. Whoever is to be given all events has all of them read.
func (l *Log) recall() (from uint64) {
	l.orderMu.Lock()
	defer l.orderMu.Unlock()
	if l.o.Replay != nil {
		return 0
	}
	known := l.loadIndex()
	if err := l.chains.recall(l, known); err != nil {
		l.o.Tell("warn", "the index is not taken: "+err.Error())
		l.ids, l.held, l.order, l.runs.firsts, l.runs.end = ids{}, held{}, &causal.Order{}, nil, 0
		l.chains = newChains(l.replica, l.at.Genesis)
		return 0
	}
	l.indexed.Store(known)
	return known
}

// recall learns from the order which events lie on which line.
func (c *chains) recall(l *Log, known uint64) error {
	for n := range causal.Ordinal(known) {
		on := l.order.Line(n)
		if on > len(c.lines) {
			return errCacheDamaged
		}
		if on == len(c.lines) {
			c.begin(l.order.Replica(n), l.order.Fork(on), l.order)
		}
		c.lines[on].arrivals = append(c.lines[on].arrivals, n)
	}
	return nil
}

// keepIndexAtEnd keeps an index for the next Open, where that spares it much.
func (l *Log) keepIndexAtEnd() {
	if l.Count() < l.indexed.Load()+indexEvery {
		return
	}
	if err := l.KeepIndex(); err != nil {
		l.o.Tell("warn", "the next start reads all events: "+err.Error())
	}
}

// loadIndex takes the index of this log, if there is one, and returns how many
// events it knows. What it says of the store must be true: of another log, or
// ahead of what the store has, it is none.
func (l *Log) loadIndex() (known uint64) {
	var x learnt
	if l.readCacheOf(indexName, &x) != nil || x.check(l) != nil {
		return 0
	}
	l.ids, l.held, l.order = x.ids, x.held, x.order
	l.runs.add(x.held.events, x.firsts...)
	return x.held.events
}

func (l *Log) readCacheOf(name string, x *learnt) error {
	return l.readCache(name, func(r io.Reader, size int64) error { return x.read(r, size, l.at.Genesis) })
}

func (x *learnt) check(l *Log) error {
	n := x.held.events
	if x.gone != l.dropped.bodies || n == 0 || n > l.at.Events || n != x.ids.count || n != uint64(x.order.Len()) {
		return errCacheDamaged
	}
	id, err := l.idAt(n - 1)
	if err == nil && (id != x.last || id != x.ids.at(n-1)) {
		err = errCacheDamaged
	}
	return err
}

func (x *learnt) read(r io.Reader, size int64, genesis event.ID) error {
	head := make([]byte, len(indexMagic)+2*len(genesis))
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	if string(head[:len(indexMagic)]) != indexMagic || event.ID(head[len(indexMagic):][:32]) != genesis {
		return errCacheDamaged
	}
	x.last = event.ID(head[len(indexMagic)+32:])
	if err := x.ids.read(r, size); err != nil {
		return err
	}
	numbers, err := readSized(r, size)
	if err == nil {
		err = x.numbers(numbers)
	}
	if err != nil {
		return err
	}
	order, err := readSized(r, size)
	if err == nil {
		x.order, err = causal.Load(order)
	}
	return err
}

func (x *learnt) numbers(b []byte) error {
	next := func() uint64 {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			b = nil
			return 0
		}
		b = b[size:]
		return n
	}
	x.held = held{next(), next(), next(), next()}
	x.gone = next()
	x.firsts = make([]uint64, 0, len(b))
	for before := uint64(0); len(b) > 0; {
		before += next()
		x.firsts = append(x.firsts, before)
	}
	if len(x.firsts) == 0 || x.firsts[0] != 0 {
		return errCacheDamaged
	}
	return nil
}

func readSized(r io.Reader, most int64) ([]byte, error) {
	n, err := readLength(r, most)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

func readLength(r io.Reader, most int64) (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint64(b[:])
	if n > uint64(most) {
		return 0, errCacheDamaged
	}
	return n, nil
}
