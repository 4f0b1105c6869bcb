package causal

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/event"
)

// crowd is a history like that of many agents: every session writes in turn, and
// one event in so many follows what another session wrote a while ago, half of
// these a session of its team of ten. Each ten-thousandth event is a record that
// freezes all before it.
type crowd struct {
	order  Order
	dice   *rand.Rand
	every  int
	newest []Ordinal // by session
	prev   Ordinal   // of the one replica
}

const crowdReplica = event.Chain("replica")

func newCrowd(sessions, every int) *crowd {
	c := &crowd{dice: rand.New(rand.NewPCG(1, 2)), every: every, prev: NoEvent}
	c.record(nil)
	for n := range sessions {
		c.newest = append(c.newest, c.write(n, 0))
	}
	return c
}

func (c *crowd) must(e Entry) Ordinal {
	e.Lamport = c.order.lamportAfter(e.Parents)
	n, err := c.order.Add(e)
	if err != nil {
		panic(err)
	}
	return n
}

func (c *crowd) record(freezes *Generators, parents ...Ordinal) Ordinal {
	e := Entry{Replica: "workspace", Prev: NoEvent, Session: event.ID{0xff}, Parents: parents, Record: true, Seq: uint64(c.order.Records()), Freezes: freezes}
	if e.Seq > 0 {
		e.Prev, e.Basis = c.order.records[e.Seq-1], e.Seq-1
	}
	return c.must(e)
}

func (c *crowd) write(session int, parents ...Ordinal) Ordinal {
	var id event.ID
	binary.BigEndian.PutUint32(id[:], uint32(session))
	c.prev = c.must(Entry{Replica: crowdReplica, Prev: c.prev, Session: id, Parents: parents, Basis: uint64(c.order.Records() - 1)})
	return c.prev
}

func (c *crowd) turn(session int) {
	parents := []Ordinal{c.newest[session]}
	if c.dice.IntN(c.every) == 0 {
		if other := c.other(session); c.order.Relate(other, parents[0]) == Concurrent {
			parents = append(parents, other)
		} else if c.order.Relate(other, parents[0]) == After {
			parents[0] = other
		}
	}
	c.newest[session] = c.write(session, parents...)
	if c.order.Len()%10_000 == 0 {
		record := c.record(&Generators{Heads: []Ordinal{c.prev}}, c.prev)
		c.newest[session] = c.write(session, c.newest[session], record)
	}
}

func (c *crowd) other(session int) Ordinal {
	n := c.dice.IntN(len(c.newest))
	if c.dice.IntN(2) == 0 {
		n = min(session/10*10+c.dice.IntN(10), len(c.newest)-1)
	}
	return c.newest[n]
}

func (c *crowd) fill(size int) *crowd {
	for n := 0; c.order.Len() < size; n++ {
		c.turn(n % len(c.newest))
	}
	return c
}

// percentiles says in words what these times are like.
func percentiles(took []time.Duration) string {
	slices.Sort(took)
	return fmt.Sprintf("p50 %v, p99 %v, p99.9 %v, most %v", took[len(took)/2], took[len(took)*99/100], took[len(took)*999/1000], took[len(took)-1])
}

// timed measures each call by the processor time of this thread, so that what
// else runs on the machine does not count. Reading the clock is taken off.
func timed(n int, f func()) []time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	idle := took(func() {})
	for range 1000 {
		idle = min(idle, took(func() {}))
	}
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = max(0, took(f)-idle)
	}
	return all
}

func took(f func()) time.Duration {
	start := threadTime()
	f()
	return threadTime() - start
}

func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

func say(form string, args ...any) { fmt.Printf("    "+form+"\n", args...) }

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMillion prints what a million events of a thousand sessions cost.
func BenchmarkMillion(b *testing.B) {
	for _, every := range []int{8} {
		b.Run(fmt.Sprintf("one in %d follows another", every), func(b *testing.B) {
			before := heap()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var c *crowd
			say("add %v an event", took(func() { c = newCrowd(1000, every).fill(1_000_000) })/1_000_000)
			say("memory %.1f MB", float64(heap()-before)/1e6)
			measure(b, &c.order)
		})
	}
}

func measure(b *testing.B, x *Order) {
	dice := rand.New(rand.NewPCG(3, 4))
	some := func() Ordinal { return Ordinal(dice.IntN(x.Len())) }
	kinds := map[Relation]int{}
	say("relate: %s", percentiles(timed(200_000, func() { kinds[x.Relate(some(), some())]++ })))
	say("relate near: %s", percentiles(timed(200_000, func() { a := some(); x.Relate(a, min(a+Ordinal(dice.IntN(100_000)), Ordinal(x.Len()-1))) })))
	say("relations: %v", kinds)
	say("maximal of 8: %s", percentiles(timed(2_000, func() { x.Maximal([]Ordinal{some(), some(), some(), some(), some(), some(), some(), some()}) })))
	var cut Cut
	say("cut of a past: %s", percentiles(timed(2_000, func() { cut = x.Cut(Generators{Past: []Ordinal{some()}}) })))
	say("cut of a head: %s", percentiles(timed(2_000, func() { cut = x.Cut(Generators{Heads: []Ordinal{some()}}) })))
	say("arrived: %s", percentiles(timed(2_000, func() { cut = x.Arrived(some()) })))
	say("frontier: %s", percentiles(timed(200, func() { cut.Frontier() })))
	say("has: %s", percentiles(timed(2_000, func() {
		for range 1000 {
			cut.Has(some())
		}
	})))
	vectors, size := 0, uint64(0)
	for _, t := range x.strands {
		vectors, size = vectors+len(t.vectors.all), size+t.vectors.size
	}
	say("%d strands, %d vectors of %.1f MB, %.1f MB frozen", len(x.strands), vectors, float64(size)/1e6, float64(x.frozen.size)/1e6)
	runtime.KeepAlive(x)
}
