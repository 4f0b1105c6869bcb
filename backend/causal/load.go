package causal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Load returns the order that a snapshot was made of. That it is of the events
// at hand is for the caller to know. The sum tells of damage, not of an enemy:
// whoever can write the file can write the sum. Yet no bytes make an order that
// fails to answer. It does not hold on to data. Faults: order_version for a
// snapshot of another version, order_damaged.
func Load(data []byte) (*Order, error) {
	if len(data) < len(magic)+1+sha256.Size || !bytes.HasPrefix(data, []byte(magic)) {
		return nil, damaged("is no snapshot or too short")
	}
	if data[len(magic)] != version {
		return nil, fault.New(fault.DataLoss, "order_version", "the snapshot of the causal order is of another version", "make it anew from the events")
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, damaged("does not have the sum that it names")
	}
	l := loader{rest: body[len(magic)+1:], order: &Order{}}
	if l.load(); l.broken || len(l.rest) > 0 {
		return nil, damaged("contradicts itself")
	}
	return l.order, nil
}

func damaged(why string) error {
	return fault.New(fault.DataLoss, "order_damaged", "the snapshot of the causal order "+why, "make it anew from the events")
}

// loader reads a snapshot. After the first contradiction it reads zeros only.
type loader struct {
	rest   []byte
	order  *Order
	broken bool
}

func (l *loader) require(holds bool) {
	if !holds {
		l.broken, l.rest = true, nil
	}
}

// number reads a number up to most.
func (l *loader) number(most uint64) uint64 {
	n, size := binary.Uvarint(l.rest)
	if size <= 0 || n > most {
		l.require(false)
		return 0
	}
	l.rest = l.rest[size:]
	return n
}

// count reads how many things follow that take at least so many bytes each.
func (l *loader) count(least int) int { return int(l.number(uint64(len(l.rest) / least))) }

func (l *loader) bytes(n int) []byte {
	if n > len(l.rest) {
		l.require(false)
		return make([]byte, min(n, event.MaxChain))
	}
	taken := l.rest[:n]
	l.rest = l.rest[n:]
	return taken
}

func (l *loader) load() {
	x := l.order
	events, strands, lines, records := l.count(2), l.count(7), l.count(3), l.count(1)
	x.events, x.lamports = make([]position, 0, events), make([]uint32, 0, events)
	x.strands, x.lines, x.names = make([]strand, strands), make([]line, lines), map[name]uint32{}
	for i := 0; i < lines && !l.broken; i++ {
		l.line(&x.lines[i])
	}
	for s := 0; s < strands && !l.broken; s++ {
		l.strand(uint32(s))
	}
	l.events(events)
	l.lines()
	for s := 0; s < strands && !l.broken; s++ {
		l.notes(uint32(s), records)
	}
	l.records(records)
	l.vectors(&x.frozen, uint64(records))
	if !l.broken {
		x.inherit()
	}
}

func (l *loader) line(at *line) {
	at.replica = event.Chain(l.bytes(int(l.number(maxReplica))))
	at.fork = Ordinal(l.number(uint64(NoEvent))) - 1 // 0 becomes NoEvent
	at.strays = make([]uint32, l.count(1))
	for i := range at.strays {
		at.strays[i] = uint32(l.number(uint64(len(l.order.strands))))
	}
}

func (l *loader) strand(s uint32) {
	x := l.order
	at := l.number(uint64(len(x.lines)))
	if l.require(at < uint64(len(x.lines))); l.broken {
		return
	}
	t := &x.strands[s]
	t.line, t.stray = uint32(at), l.number(1) == 0
	x.lines[at].strands = append(x.lines[at].strands, s)
	if t.stray {
		return
	}
	copy(t.session[:], l.bytes(len(t.session)))
	key := name{t.line, t.session}
	_, twice := x.names[key]
	l.require(!twice)
	x.names[key] = s
}

func (l *loader) events(count int) {
	x := l.order
	last := int64(0)
	for n := 0; n < count && !l.broken; n++ {
		s := l.number(uint64(len(x.strands)))
		step, size := binary.Varint(l.rest)
		last += step
		if l.require(s < uint64(len(x.strands)) && size > 0 && last > 0 && last <= int64(n)+1); l.broken {
			return
		}
		l.rest = l.rest[size:]
		t := &x.strands[s]
		if at := len(t.events); at > 0 {
			l.require(x.lamports[t.events[at-1]] < uint32(last))
		}
		x.events = append(x.events, position{uint32(s), uint32(len(t.events))})
		x.lamports = append(x.lamports, uint32(last))
		t.events = push(t.events, Ordinal(n))
		x.lines[t.line].tip = Ordinal(n)
	}
}

// lines checks that each line has its own strands of strays, and goes on from
// an event of an older line of the same replica.
func (l *loader) lines() {
	x := l.order
	for s := range x.strands {
		l.require(len(x.strands[s].events) > 0)
	}
	for i := 0; i < len(x.lines) && !l.broken; i++ {
		l.strays(uint32(i))
		at := &x.lines[i]
		l.require(len(at.strands) > 0)
		if at.fork != NoEvent && !l.broken {
			l.require(int(at.fork) < len(x.events))
			l.require(!l.broken && x.strands[x.events[at.fork].strand].line < uint32(i) && x.lineOf(at.fork).replica == at.replica)
		}
	}
}

func (l *loader) strays(of uint32) {
	x, found := l.order, map[uint32]bool{}
	for _, s := range x.lines[of].strays {
		l.require(int(s) < len(x.strands) && x.strands[s].stray && x.strands[s].line == of && !found[s])
		if l.broken {
			return
		}
		found[s] = true
	}
	for _, s := range x.lines[of].strands {
		l.require(x.strands[s].stray == found[s])
	}
}

func (l *loader) notes(s uint32, records int) {
	x := l.order
	t := &x.strands[s]
	last := uint64(len(t.events)) - 1
	t.leaps = make([]leap, l.count(2))
	at := uint64(0)
	for i := range t.leaps {
		at += l.number(last - at)
		n := t.events[at]
		to := n - Ordinal(l.number(uint64(n)))
		there := x.events[to]
		l.require(to < n && there.strand != s && x.lamports[to] < x.lamports[n])
		t.leaps[i] = leap{uint32(at), to, there}
	}
	t.needs = make([]need, l.count(2))
	before := need{}
	for i := range t.needs {
		n := need{before.at + uint32(l.number(last-uint64(before.at))), before.records + uint32(l.number(uint64(records)-uint64(before.records)))}
		l.require((i == 0) == (n.at == 0) && n.records > before.records && (i == 0 || n.at > before.at))
		t.needs[i], before = n, n
	}
	l.vectors(&t.vectors, last+1)
	for i := 0; i < len(t.vectors.all) && !l.broken; i++ {
		v := &t.vectors.all[i]
		v.leaps = uint32(t.leapsBelow(v.at + 1))
		l.require(v.upTo(s) == v.at+1)
	}
}

func (l *loader) records(count int) {
	x := l.order
	last := Ordinal(0)
	for i := 0; i < count && !l.broken; i++ {
		n := last + Ordinal(l.number(uint64(NoEvent-last)))
		if l.require(int(n) < len(x.events) && (i == 0 || n > last)); l.broken {
			return
		}
		x.records, last = append(x.records, n), n
		l.require(x.lineOf(n) == x.lineOf(x.records[0]))
	}
}

// inherit makes the heirs anew from the leaps, as they came.
func (x *Order) inherit() {
	done := make([]int, len(x.strands))
	for n, p := range x.events {
		t := &x.strands[p.strand]
		for ; done[p.strand] < len(t.leaps) && t.leaps[done[p.strand]].at == p.at; done[p.strand]++ {
			to := t.leaps[done[p.strand]].there
			x.strands[to.strand].heirs = append(x.strands[to.strand].heirs, leap{to.at, Ordinal(n), p})
		}
	}
}
