package event

import (
	"encoding/binary"
	"unicode/utf8"
)

// reader reads one form of bytes alone, the canonical one, so that nothing
// need be written again to compare. After its first error it reads nothing.
// What it returns shares no memory with what it reads.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) encoding() {
	if r.err == nil {
		r.err = malformed("encoding", "these bytes are not in the one allowed form")
	}
	r.rest = nil
}

func (r *reader) notCanonical() {
	if r.err == nil {
		r.err = malformed("not_canonical", "these bytes are not in the one canonical form")
	}
	r.rest = nil
}

// take returns the next n bytes, which the caller copies.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.encoding()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// head reads an item's kind and its number in the shortest form.
func (r *reader) head() (kind byte, n uint64) {
	if len(r.rest) == 0 {
		r.encoding()
		return 0, 0
	}
	first := r.rest[0]
	if low := first & 0x1f; low >= 24 {
		return first >> 5, r.long(low)
	}
	r.rest = r.rest[1:]
	return first >> 5, uint64(first & 0x1f)
}

// long reads a number of 1, 2, 4 or 8 bytes after its head.
func (r *reader) long(low byte) (n uint64) {
	size := 1 << (low - 24)
	if low > 27 || len(r.rest) <= size {
		r.encoding()
		return 0
	}
	least := uint64(24)
	switch b := r.rest[1:]; size {
	case 1:
		n = uint64(b[0])
	case 2:
		n, least = uint64(binary.BigEndian.Uint16(b)), 1<<8
	case 4:
		n, least = uint64(binary.BigEndian.Uint32(b)), 1<<16
	case 8:
		n, least = binary.BigEndian.Uint64(b), 1<<32
	}
	r.rest = r.rest[1+size:]
	if n < least {
		r.notCanonical()
	}
	return n
}

// sized reads the head of an item of one kind.
func (r *reader) sized(kind byte) uint64 {
	got, n := r.head()
	if got != kind {
		r.encoding()
		return 0
	}
	return n
}

func (r *reader) uint() uint64 { return r.sized(kindUint) }

// some is uint where 0 is absent.
func (r *reader) some() uint64 {
	n := r.uint()
	if n == 0 {
		r.notCanonical()
	}
	return n
}

// small is some for a field of eight bits.
func (r *reader) small() uint8 {
	n := r.some()
	if n > 0xff {
		r.encoding()
	}
	return uint8(n)
}

func (r *reader) id() (id ID) {
	if len(r.rest) >= 2+len(id) && r.rest[0] == kindBytes<<5|24 && r.rest[1] == byte(len(id)) {
		id = ID(r.rest[2 : 2+len(id)])
		r.rest = r.rest[2+len(id):]
		return id
	}
	r.take(r.sized(kindBytes)) // says what is wrong with the form
	r.encoding()
	return ID{}
}

// someID is id where the zero id is absent.
func (r *reader) someID() ID {
	id := r.id()
	if id.IsZero() {
		r.notCanonical()
	}
	return id
}

func (r *reader) bytes() string { return string(r.take(r.sized(kindBytes))) }

func (r *reader) someBytes() string {
	s := r.bytes()
	if s == "" {
		r.notCanonical()
	}
	return s
}

func (r *reader) text() string {
	s := string(r.take(r.sized(kindText)))
	if !utf8.ValidString(s) {
		r.encoding()
	}
	return s
}

func (r *reader) someText() string {
	s := r.text()
	if s == "" {
		r.notCanonical()
	}
	return s
}

// list reads the head of a list of at least one item of at least size bytes,
// so that what is allocated is bounded by what was given.
func (r *reader) list(size uint64) int {
	n := r.count(size)
	if n == 0 {
		r.notCanonical()
	}
	return n
}

// count is list where no item is a list too.
func (r *reader) count(size uint64) int {
	n := r.sized(kindArray)
	if n > uint64(len(r.rest))/size {
		r.encoding()
		return 0
	}
	return int(n)
}

func (r *reader) ids() []ID {
	ids := make([]ID, r.list(2+uint64(len(ID{}))))
	for i := range ids {
		ids[i] = r.id()
	}
	return ids
}

func (r *reader) words() []string {
	words := make([]string, r.list(1))
	for i := range words {
		words[i] = r.text()
	}
	return words
}

// tuple reads the head of a list of n items.
func (r *reader) tuple(n uint64) {
	if r.sized(kindArray) != n {
		r.encoding()
	}
}

// pairs walks a map of small keys, ascending.
type pairs struct{ left, last uint64 }

func (r *reader) pairs() pairs {
	n := r.sized(kindMap)
	if n > uint64(len(r.rest))/2 {
		r.encoding()
	}
	return pairs{left: n}
}

// key reads the next key of a map; ok is false at its end and after an error.
func (r *reader) key(p *pairs) (key uint64, ok bool) {
	if p.left == 0 || r.err != nil {
		return 0, false
	}
	key = r.uint()
	switch {
	case key == p.last:
		r.encoding()
	case key < p.last:
		r.notCanonical()
	}
	p.left--
	p.last = key
	return key, r.err == nil
}

// header reads all of the bytes as a header, without the rules of Check.
func (r *reader) header(h *Header) {
	p := r.pairs()
	for key, ok := r.key(&p); ok; key, ok = r.key(&p) {
		if key <= 10 {
			r.frame(h, key)
		} else {
			r.author(h, key)
		}
	}
	if len(r.rest) > 0 {
		r.encoding()
	}
}

func (r *reader) frame(h *Header, key uint64) {
	switch key {
	case 1:
		h.SchemaVersion = r.some()
	case 2:
		h.Workspace = r.someID()
	case 3:
		h.Type = Type(r.someText())
	case 4:
		h.Lamport = r.some()
	case 5:
		h.Parents = r.ids()
	case 6:
		h.Replica = Chain(r.someBytes())
	case 7:
		h.Seq = r.some()
	case 8:
		h.Prev = r.someID()
	case 9:
		h.Basis = r.basis()
	case 10:
		h.WallTime = r.wallTime()
	default:
		r.encoding()
	}
}

func (r *reader) author(h *Header, key uint64) {
	switch key {
	case 11:
		h.Actor = r.actor()
	case 12:
		h.Surface = Surface(r.small())
	case 13:
		h.Session = r.someID()
	case 14:
		h.ViewEpoch = r.some()
	case 15:
		h.Branch = r.someID()
	case 16:
		h.Affected = r.ids()
	case 19:
		h.Class = Class(r.small())
	case 20:
		r.facts(&h.Facts)
	case 21:
		h.BodyHash = r.someID()
	default:
		r.encoding()
	}
}

func (r *reader) basis() (b Basis) {
	r.tuple(2)
	b = Basis{Index: r.uint(), Record: r.id()}
	if b == (Basis{}) {
		r.notCanonical()
	}
	return b
}

func (r *reader) actor() (a Actor) {
	r.tuple(2)
	a.ID = r.id()
	kind := r.uint()
	a.Kind = ActorKind(kind)
	if kind > 0xff {
		r.encoding()
	}
	if a == (Actor{}) {
		r.notCanonical()
	}
	return a
}

func (r *reader) wallTime() int64 {
	kind, n := r.head()
	switch {
	case kind > kindMinus || n > 1<<63-1:
		r.encoding()
	case kind == kindMinus:
		return -1 - int64(n)
	case n == 0:
		r.notCanonical()
	}
	return int64(n)
}

func (r *reader) facts(f *Facts) {
	p := r.pairs()
	if p.left == 0 {
		r.notCanonical()
	}
	for key, ok := r.key(&p); ok; key, ok = r.key(&p) {
		r.fact(f, key)
	}
}

func (r *reader) fact(f *Facts, key uint64) {
	switch key {
	case 1:
		f.State = r.someText()
	case 2:
		f.Fields = r.words()
	case 3:
		r.tuple(3)
		f.Range = &Range{From: r.uint(), To: r.uint(), Root: r.id()}
	case 4:
		n := r.uint()
		f.Note = &n
	case 5:
		r.tuple(3)
		f.Turn = &Turn{Epoch: r.uint(), Driver: r.id(), Session: r.id()}
	case 6:
		n := r.uint()
		f.Typed = &n
	case 7:
		r.tuple(2)
		f.Size = &Size{Cols: r.uint(), Rows: r.uint()}
	case 8:
		r.tuple(2)
		f.Exit = &Exit{Status: r.uint(), Signal: r.uint()}
	case 9:
		f.Request = r.someID()
	case 10:
		f.Genesis = r.genesis()
	case 11:
		f.Operator = r.someID()
	default:
		r.shared(f, key)
	}
}

// shared reads the facts of checkpoints and control.
func (r *reader) shared(f *Facts, key uint64) {
	switch key {
	case 12:
		f.Cut = r.cut()
	case 15:
		r.tuple(2)
		f.Digest = &Digest{Version: r.uint(), Hash: r.id()}
	case 16:
		r.tuple(2)
		f.Ask = &Ask{Type: Type(r.text()), Until: r.instant()}
	case 17:
		r.tuple(3)
		f.Decision = &Decision{Request: r.id(), Outcome: r.text(), Reason: r.text()}
	case 18:
		r.tuple(2)
		f.Member = &Member{Kind: ActorKind(r.smallest()), Replica: Chain(r.bytes())}
	case 22:
		f.Continues = r.someID()
	default:
		r.encoding()
	}
}

// cut reads both lists; each may be empty.
func (r *reader) cut() *Cut {
	r.tuple(2)
	var c Cut
	if n := r.count(3 + 2 + uint64(len(ID{}))); n > 0 {
		c.Heads = make([]Head, n)
		for i := range c.Heads {
			r.tuple(3)
			c.Heads[i] = Head{Chain: Chain(r.bytes()), Seq: r.uint(), ID: r.id()}
		}
	}
	if n := r.count(2 + uint64(len(ID{}))); n > 0 {
		c.Past = make([]ID, n)
		for i := range c.Past {
			c.Past[i] = r.id()
		}
	}
	return &c
}

// instant reads nanoseconds since 1970, not before.
func (r *reader) instant() int64 {
	n := r.uint()
	if n > 1<<63-1 {
		r.encoding()
	}
	return int64(n)
}

// smallest reads a number of eight bits that may be 0.
func (r *reader) smallest() uint8 {
	n := r.uint()
	if n > 0xff {
		r.encoding()
	}
	return uint8(n)
}

func (r *reader) genesis() *Genesis {
	var g Genesis
	p, seen := r.pairs(), uint64(0)
	for key, ok := r.key(&p); ok; key, ok = r.key(&p) {
		seen |= 1 << key
		r.founding(&g, key)
	}
	if seen&0b110 != 0b110 {
		r.notCanonical()
	}
	return &g
}

func (r *reader) founding(g *Genesis, key uint64) {
	switch key {
	case 1:
		if r.sized(kindBytes) != uint64(len(g.Nonce)) {
			r.encoding()
		}
		copy(g.Nonce[:], r.take(uint64(len(g.Nonce))))
	case 2:
		g.Replica = Chain(r.bytes())
	case 3:
		g.RecoveryKey = []byte(r.someBytes())
	case 4:
		g.Epoch = r.some()
	case 5:
		g.Policy = r.someText()
	default:
		r.encoding()
	}
}
