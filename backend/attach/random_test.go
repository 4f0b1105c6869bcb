package attach

import (
	"fmt"
	"math/rand"
	"testing"
)

// A world drives a Terminal at random, with clients that break the rules as often
// as they keep them, beside an oracle that knows the rules by heart and nothing
// of how the machine keeps them.
type world struct {
	*rand.Rand
	term *Terminal
	in   Seen
	next Conn
	// sabotage is what a control does to the machine; nil for a real run.
	sabotage func(w *world, c Conn, f Frame) Frame

	core    Conn // 0: none
	tickets []*holder
	conns   []*wire

	epoch   uint64
	driver  *holder // nil: nobody
	begun   *typing // what is being written
	noted   uint64
	counted map[uint64]uint64 // bytes noted under an epoch
	typed   map[uint64]uint64 // bytes written under an epoch, but for secrets
	wrong   string            // the first rule that was seen broken
	written int
	refused int
}

// holder is a ticket, admitted anew each time it was dismissed.
type holder struct {
	ticket   Ticket
	life     int
	admitted bool
	mayDrive bool
	written  uint64 // the last number whose write has ended
	begun    uint64 // and whose write has begun
	outputs  int
}

type wire struct {
	conn   Conn
	of     *holder
	life   int
	output bool
	asked  map[uint64]int // INPUT brought, by its number
	told   map[uint64]int // and answers to it
	order  []uint64       // of what is not answered
}

type typing struct {
	of    *holder
	life  int
	seq   uint64
	epoch uint64
	bytes int
}

// content is what a client types as a number under an epoch: it can be nothing else.
func content(h *holder, life int, seq, epoch uint64) string {
	return fmt.Sprintf("%c/%d/%d/%d;", h.ticket[0], life, seq, epoch)
}

func (w *world) blame(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, args...)
	}
}

func (w *world) wire(c Conn) *wire {
	for _, known := range w.conns {
		if known.conn == c {
			return known
		}
	}
	return nil
}

func (w *world) forget(c Conn) {
	for n, known := range w.conns {
		if known.conn == c {
			if known.output && known.life == known.of.life {
				known.of.outputs--
			}
			w.conns = append(w.conns[:n], w.conns[n+1:]...)
			return
		}
	}
	if w.core == c {
		w.core = 0
	}
}

// judge looks at effects in their order.
func (w *world) judge(effects []Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case Type:
			w.judgeType(e)
		case Send:
			w.judgeSend(e)
		case Close:
			w.forget(e.Conn)
		case Record:
			w.judgeNote(e.Note)
		}
	}
}

func (w *world) judgeType(e Type) {
	if w.begun != nil {
		w.blame("two writes at a time")
	}
	h := w.driver
	if h == nil {
		w.blame("%q is written, and nobody drives", e.Bytes)
		return
	}
	if want := content(h, h.life, h.begun+1, w.epoch); string(e.Bytes) != want {
		w.blame("%q is written, and only %q may be", e.Bytes, want)
	}
	h.begun++
	w.begun = &typing{h, h.life, e.Seq, w.epoch, len(e.Bytes)}
}

func (w *world) judgeSend(e Send) {
	c := w.wire(e.Conn)
	if c == nil {
		return // the core, or a stranger
	}
	switch f := e.Frame.(type) {
	case Ack:
		w.answered(c, f.Seq)
		if f.Seq > c.of.written {
			w.blame("%d is acknowledged, and %d was the last written", f.Seq, c.of.written)
		}
	case Refused:
		if f.Seq == 0 {
			return
		}
		w.refused++
		w.answered(c, f.Seq)
		if f.Seq <= c.of.begun {
			w.blame("%d is refused, and its write has begun", f.Seq)
		}
		if f.Epoch != w.epoch || (f.Driver != "") != (w.driver != nil) || w.driver != nil && f.Driver != string(w.driver.ticket[:1]) {
			w.blame("a refusal says %+v in turn %d", f, w.epoch)
		}
	}
}

func (w *world) answered(c *wire, seq uint64) {
	c.told[seq]++
	for n, before := range c.order {
		if before == seq {
			c.order = append(c.order[:n:n], c.order[n+1:]...)
			return
		}
		// Only what is being written may be overtaken.
		if w.begun == nil || w.begun.of != c.of || w.begun.life != c.life || w.begun.seq != before {
			break
		}
	}
	w.blame("input %d is answered, and %v wait in this order", seq, c.order)
}

func (w *world) judgeNote(n Note) {
	w.noted++
	if n.Index != w.noted {
		w.blame("note %d after %d", n.Index, w.noted-1)
	}
	if n.Kind == NoteInput {
		w.counted[n.Epoch] += n.Count
	}
}

// act does one thing at random.
func (w *world) act() {
	w.in.Now += w.Int63n(noteEvery / 2)
	w.in.End += uint64(w.Intn(100))
	switch n := w.Intn(100); {
	case n < 8:
		w.hello()
	case n < 11:
		w.breaks()
	case n < 60:
		w.input()
	case n < 84:
		w.write()
	case n < 85:
		w.bye()
	case n < 87:
		w.judge(w.term.Tick(w.in))
	case n < 88:
		w.hail()
	case n < 92 || w.driver == nil:
		w.request()
	}
}

func (w *world) hello() {
	if len(w.conns) > 12 {
		w.breaks()
	}
	h, output := w.tickets[w.Intn(len(w.tickets))], w.Intn(2) == 0
	w.next++
	flags := uint8(0)
	if output {
		flags = WantsOutput
	}
	w.judge(w.term.Open(w.next, w.in))
	got := w.term.Frame(w.next, Hello{Version: Version, Flags: flags, Ticket: h.ticket}, w.in)
	welcome, welcomed := sent(got, w.next)[0].(Welcome)
	if welcomed != h.admitted {
		w.blame("ticket %c admitted %v, welcomed %v", h.ticket[0], h.admitted, welcomed)
	}
	if !welcomed {
		return
	}
	if welcome.LastSeq != h.written || welcome.Epoch != w.epoch || welcome.Driving != (w.driver == h) {
		w.blame("%+v, and %d is the last written, in turn %d", welcome, h.written, w.epoch)
	}
	if output {
		h.outputs++
		w.onlyNote(got, NoteAttached, h.outputs == 1)
	}
	w.conns = append(w.conns, &wire{w.next, h, h.life, output, map[uint64]int{}, map[uint64]int{}, nil})
	w.judge(got)
}

// onlyNote sees whether a kind of note is there exactly when it should be.
func (w *world) onlyNote(effects []Effect, kind NoteKind, should bool) {
	is := false
	for _, n := range noted(effects) {
		is = is || n.Kind == kind
	}
	if is != should {
		w.blame("a note of kind %d: %v, and should be %v", kind, is, should)
	}
}

func (w *world) anyWire() *wire {
	if len(w.conns) == 0 {
		return nil
	}
	return w.conns[w.Intn(len(w.conns))]
}

func (w *world) breaks() {
	if c := w.anyWire(); c != nil {
		w.forget(c.conn)
		got := w.term.Closed(c.conn, w.in)
		w.onlyNote(got, NoteDetached, c.output && c.of.outputs == 0)
		w.judge(got)
	}
}

// input brings a piece: mostly the next one under the present epoch, often one
// that came already, one too far ahead, or one of another turn.
func (w *world) input() {
	c := w.anyWire()
	if c == nil {
		return
	}
	if w.driver != nil && w.Intn(2) == 0 { // else the driver would seldom be heard
		for _, other := range w.conns {
			if other.of == w.driver {
				c = other
			}
		}
	}
	seq := w.term.find(c.conn).ticket.taken + 1 // mostly the one that is expected
	if w.Intn(4) == 0 {
		seq = 1 + uint64(w.Intn(int(seq)+2))
	}
	epoch := w.epoch
	if w.Intn(8) == 0 {
		epoch = uint64(w.Intn(int(w.epoch) + 2))
	}
	w.bring(c, seq, epoch)
}

func (w *world) bring(c *wire, seq, epoch uint64) {
	var f Frame = Input{epoch, seq, []byte(content(c.of, c.life, seq, epoch))}
	if w.sabotage != nil {
		f = w.sabotage(w, c.conn, f)
	}
	c.asked[seq]++
	c.order = append(c.order, seq)
	just := w.driver == c.of && epoch == w.epoch && seq == c.of.begun+1
	got := w.term.Frame(c.conn, f, w.in)
	for _, f := range sent(got, c.conn) {
		if r, is := f.(Refused); is && just {
			w.blame("what may be written is refused: %+v", r)
		}
	}
	w.judge(got)
}

// write ends a write that has begun.
func (w *world) write() {
	t := w.begun
	if t == nil {
		return
	}
	secret := w.Intn(4) == 0
	w.begun = nil
	if t.of.life == t.life {
		t.of.written = t.seq
	}
	if !secret {
		w.typed[t.epoch] += uint64(t.bytes)
	}
	w.written++
	w.judge(w.term.Typed(secret, w.in))
}

// over is the end of a ticket's life.
func (w *world) over(h *holder) {
	h.admitted = false
	if w.driver == h {
		w.driver = nil
	}
}

func (w *world) renew(h *holder) {
	h.life++
	h.written, h.begun, h.outputs = 0, 0, 0
}

func (w *world) bye() {
	if c := w.anyWire(); c != nil {
		h := c.of
		w.over(h)
		w.ending(h, w.term.Frame(c.conn, Bye{}, w.in))
	}
}

// ending judges the end of a ticket: all its connections are closed.
func (w *world) ending(h *holder, got []Effect) {
	w.onlyNote(got, NoteDetached, true)
	w.judge(got)
	for _, c := range w.conns {
		if c.of == h {
			w.blame("ticket %c has ended, and connection %d has not", h.ticket[0], c.conn)
		}
	}
	w.renew(h)
}

func (w *world) hail() {
	w.next++
	w.judge(w.term.Open(w.next, w.in))
	w.judge(w.term.Frame(w.next, Core{Version, secret, uint64(w.Intn(int(w.noted) + 1))}, w.in))
	w.core = w.next
}

func (w *world) request() {
	if w.core == 0 {
		w.hail()
	}
	h := w.tickets[w.Intn(len(w.tickets))]
	switch w.Intn(4) {
	case 0:
		h.admitted, h.mayDrive = true, w.Intn(6) > 0
		if w.driver == h && !h.mayDrive {
			w.driver = nil
		}
		w.judge(w.term.Frame(w.core, Admit{h.ticket, h.mayDrive, string(h.ticket[:1])}, w.in))
	case 1:
		if w.Intn(6) > 0 || !h.admitted {
			return
		}
		w.over(h)
		w.ending(h, w.term.Frame(w.core, Dismiss{h.ticket}, w.in))
	default:
		w.grant(h)
	}
}

func (w *world) grant(h *holder) {
	epoch := uint64(w.Intn(int(w.epoch) + 3))
	ok := epoch > w.epoch && h.admitted && h.mayDrive
	if ok {
		w.epoch, w.driver = epoch, h
	}
	if w.Intn(20) == 0 { // nobody is to drive
		if h, ok = (&holder{}), epoch > w.epoch || ok; ok {
			w.epoch, w.driver = epoch, nil
		}
	}
	got := w.term.Frame(w.core, Grant{epoch, h.ticket}, w.in)
	frames := sent(got, w.core)
	if d, is := frames[len(frames)-1].(Done); !is || (d.Code == "") != ok {
		w.blame("a grant of turn %d to %c is answered by %+v", epoch, h.ticket, d)
	}
	for _, c := range w.conns {
		if c.output && ok {
			if f, is := sent(got, c.conn)[0].(Turn); !is || f.Epoch != epoch || f.Driving != (c.of == h) {
				w.blame("connection %d does not hear of turn %d first", c.conn, epoch)
			}
		}
	}
	w.judge(got)
}

// settle lets all writes end, and looks at what was promised by then.
func (w *world) settle() {
	for n := 0; w.begun != nil && n < 10_000; n++ {
		w.write()
	}
	w.in.Now += noteEvery
	w.judge(w.term.Tick(w.in))
	for _, c := range w.conns {
		for seq, n := range c.asked {
			if c.told[seq] != n {
				w.blame("input %d was brought %d times and answered %d times", seq, n, c.told[seq])
			}
		}
	}
	for epoch, n := range w.typed {
		if w.counted[epoch] != n {
			w.blame("%d bytes written in turn %d, %d noted", n, epoch, w.counted[epoch])
		}
	}
	if w.term.unwritten != 0 {
		w.blame("nothing waits, and %d bytes are counted", w.term.unwritten)
	}
}

func play(seed int64, steps int, sabotage func(*world, Conn, Frame) Frame) *world {
	w := &world{Rand: rand.New(rand.NewSource(seed)), term: NewTerminal(secret, Size{80, 24}), sabotage: sabotage,
		in: Seen{Now: 1_000_000_000_000}, counted: map[uint64]uint64{}, typed: map[uint64]uint64{}}
	for _, name := range "abcd" {
		w.tickets = append(w.tickets, &holder{ticket: Ticket{byte(name)}})
	}
	w.judge(w.term.Started(pid, w.in))
	for n := 0; n < steps && w.wrong == ""; n++ {
		w.act()
	}
	w.settle()
	return w
}

const (
	seeds = 150
	steps = 1500
)

func TestInputIsWrittenOnceInOrderUnderItsTurn(t *testing.T) {
	written, refused := 0, 0
	for seed := range int64(seeds) {
		w := play(seed, steps, nil)
		if w.wrong != "" {
			t.Fatalf("seed %d: %s", seed, w.wrong)
		}
		written, refused = written+w.written, refused+w.refused
	}
	t.Logf("%d runs: %d pieces written, %d refused", seeds, written, refused)
	if written < 20*seeds || refused < 20*seeds {
		t.Errorf("%d runs wrote %d pieces and refused %d: too few to show anything", seeds, written, refused)
	}
}

// The controls: with a protection taken away, the oracle must notice.
func TestTheOracleNoticesWhatIsTakenAway(t *testing.T) {
	for name, sabotage := range map[string]func(w *world, c Conn, f Frame) Frame{
		"the epoch is not checked": func(w *world, _ Conn, f Frame) Frame {
			i := f.(Input)
			i.Epoch = w.term.epoch
			return i
		},
		"the ticket is not checked": func(w *world, c Conn, f Frame) Frame {
			w.term.driver = w.term.find(c).ticket
			return f
		},
		"a number that was written is not known": func(w *world, c Conn, f Frame) Frame {
			i, a := f.(Input), w.term.find(c).ticket
			if i.Seq <= a.written {
				i.Seq = a.taken + 1
			}
			return i
		},
		"a gap is not seen": func(w *world, c Conn, f Frame) Frame {
			i, a := f.(Input), w.term.find(c).ticket
			if i.Seq > a.taken {
				a.taken = i.Seq - 1
			}
			return i
		},
		"it is acknowledged before it is written": func(w *world, c Conn, f Frame) Frame {
			a := w.term.find(c).ticket
			a.written = a.taken
			return f
		},
		"what waits is forgotten": func(w *world, _ Conn, f Frame) Frame {
			w.term.waiting = nil
			return f
		},
		"the turn is another than was granted": func(w *world, _ Conn, f Frame) Frame {
			w.term.epoch, w.term.driver = w.epoch+1, nil
			return f
		},
		"numbers end with the connection": func(w *world, c Conn, f Frame) Frame {
			if a := w.term.find(c).ticket; w.Intn(10) == 0 {
				a.taken, a.written = 0, 0
			}
			return f
		},
	} {
		noticed := 0
		for seed := range int64(20) {
			func() {
				// A machine that was tampered with may also break down.
				defer func() {
					if recover() != nil {
						noticed++
					}
				}()
				if play(seed, steps, sabotage).wrong != "" {
					noticed++
				}
			}()
		}
		if noticed == 0 {
			t.Errorf("%s, and nobody notices", name)
		}
		t.Logf("%s: noticed in %d of 20 runs", name, noticed)
	}
}
