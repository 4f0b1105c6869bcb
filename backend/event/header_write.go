package event

import "encoding/binary"

// The kinds of CBOR items that a header has.
const (
	kindUint  = 0
	kindMinus = 1
	kindBytes = 2
	kindText  = 3
	kindArray = 4
	kindMap   = 5
)

// headerSize is about what a header's bytes take: one allocation is enough.
func headerSize(h *Header) int {
	n := 512 + 33*(len(h.Parents)+len(h.Affected))
	if c := h.Facts.Cut; c != nil {
		n += 85*len(c.Heads) + 34*len(c.Past)
	}
	if g := h.Facts.Genesis; g != nil {
		n += len(g.Policy)
	}
	return n
}

// appendHead writes an item's kind with its number in the shortest form.
func appendHead(b []byte, kind byte, n uint64) []byte {
	kind <<= 5
	switch {
	case n < 24:
		return append(b, kind|byte(n))
	case n <= 0xff:
		return append(b, kind|24, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, kind|25), uint16(n))
	case n <= 0xffffffff:
		return binary.BigEndian.AppendUint32(append(b, kind|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, kind|27), n)
}

// writer writes one map. A field at its default is left out, so the count in
// its head is put in last; no map of a header has 24 fields or more.
type writer struct {
	b     []byte
	start int
	count byte
}

func startMap(b []byte) *writer { return &writer{b: append(b, 0), start: len(b)} }

func (w *writer) end() []byte {
	w.b[w.start] = kindMap<<5 | w.count
	return w.b
}

func (w *writer) key(k byte) {
	w.b = append(w.b, k)
	w.count++
}

func (w *writer) uint(key byte, n uint64) {
	if n != 0 {
		w.key(key)
		w.b = appendHead(w.b, kindUint, n)
	}
}

func (w *writer) id(key byte, id ID) {
	if !id.IsZero() {
		w.key(key)
		w.b = appendID(w.b, id)
	}
}

func (w *writer) text(key byte, s string) {
	if s != "" {
		w.key(key)
		w.b = append(appendHead(w.b, kindText, uint64(len(s))), s...)
	}
}

func (w *writer) bytes(key byte, s string) {
	if s != "" {
		w.key(key)
		w.b = append(appendHead(w.b, kindBytes, uint64(len(s))), s...)
	}
}

func (w *writer) ids(key byte, ids []ID) {
	if len(ids) == 0 {
		return
	}
	w.key(key)
	w.b = appendHead(w.b, kindArray, uint64(len(ids)))
	for _, id := range ids {
		w.b = appendID(w.b, id)
	}
}

func (w *writer) numbers(key byte, n ...uint64) {
	w.key(key)
	w.b = appendHead(w.b, kindArray, uint64(len(n)))
	for _, v := range n {
		w.b = appendHead(w.b, kindUint, v)
	}
}

func appendID(b []byte, id ID) []byte { return append(append(b, kindBytes<<5|24, 32), id[:]...) }

// appendHeader writes the canonical bytes of a header: keys ascending.
func appendHeader(b []byte, h *Header) []byte {
	w := startMap(b)
	w.uint(1, h.SchemaVersion)
	w.id(2, h.Workspace)
	w.text(3, string(h.Type))
	w.uint(4, h.Lamport)
	w.ids(5, h.Parents)
	w.bytes(6, string(h.Replica))
	w.uint(7, h.Seq)
	w.id(8, h.Prev)
	if h.Basis != (Basis{}) {
		w.key(9)
		w.b = appendID(appendHead(appendHead(w.b, kindArray, 2), kindUint, h.Basis.Index), h.Basis.Record)
	}
	w.wallTime(h.WallTime)
	if h.Actor != (Actor{}) {
		w.key(11)
		w.b = appendHead(appendID(appendHead(w.b, kindArray, 2), h.Actor.ID), kindUint, uint64(h.Actor.Kind))
	}
	w.uint(12, uint64(h.Surface))
	w.id(13, h.Session)
	w.uint(14, h.ViewEpoch)
	w.id(15, h.Branch)
	w.ids(16, h.Affected)
	w.uint(19, uint64(h.Class))
	w.facts(&h.Facts)
	w.id(21, h.BodyHash)
	return w.end()
}

func (w *writer) wallTime(t int64) {
	switch {
	case t > 0:
		w.uint(10, uint64(t))
	case t < 0:
		w.key(10)
		w.b = appendHead(w.b, kindMinus, uint64(-1-t))
	}
}

func (w *writer) facts(f *Facts) {
	inner := startMap(append(w.b, 20))
	inner.text(1, f.State)
	inner.words(2, f.Fields)
	if r := f.Range; r != nil {
		inner.key(3)
		inner.b = appendHead(appendHead(appendHead(inner.b, kindArray, 3), kindUint, r.From), kindUint, r.To)
		inner.b = appendID(inner.b, r.Root)
	}
	inner.number(4, f.Note)
	if t := f.Turn; t != nil {
		inner.key(5)
		inner.b = appendHead(appendHead(inner.b, kindArray, 3), kindUint, t.Epoch)
		inner.b = appendID(appendID(inner.b, t.Driver), t.Session)
	}
	inner.number(6, f.Typed)
	if s := f.Size; s != nil {
		inner.numbers(7, s.Cols, s.Rows)
	}
	if e := f.Exit; e != nil {
		inner.numbers(8, e.Status, e.Signal)
	}
	inner.id(9, f.Request)
	inner.genesis(f.Genesis)
	inner.id(11, f.Operator)
	inner.cut(f.Cut)
	inner.ruling(f)
	inner.id(22, f.Continues)
	if inner.count > 0 {
		w.b = inner.end()
		w.count++
	}
}

func (w *writer) words(key byte, words []string) {
	if len(words) == 0 {
		return
	}
	w.key(key)
	w.b = appendHead(w.b, kindArray, uint64(len(words)))
	for _, s := range words {
		w.b = append(appendHead(w.b, kindText, uint64(len(s))), s...)
	}
}

// number writes a number that may be 0 and present.
func (w *writer) number(key byte, n *uint64) {
	if n != nil {
		w.key(key)
		w.b = appendHead(w.b, kindUint, *n)
	}
}

// genesis writes the nonce and the replica even where they are empty.
func (w *writer) genesis(g *Genesis) {
	if g == nil {
		return
	}
	w.key(10)
	inner := startMap(w.b)
	inner.key(1)
	inner.b = append(append(inner.b, kindBytes<<5|16), g.Nonce[:]...)
	inner.key(2)
	inner.b = append(appendHead(inner.b, kindBytes, uint64(len(g.Replica))), g.Replica...)
	inner.bytes(3, string(g.RecoveryKey))
	inner.uint(4, g.Epoch)
	inner.text(5, g.Policy)
	w.b = inner.end()
}

// cut writes both lists, even where one is empty.
func (w *writer) cut(c *Cut) {
	if c == nil {
		return
	}
	w.key(12)
	w.b = appendHead(appendHead(w.b, kindArray, 2), kindArray, uint64(len(c.Heads)))
	for _, h := range c.Heads {
		w.b = appendChain(appendHead(w.b, kindArray, 3), h.Chain)
		w.b = appendID(appendHead(w.b, kindUint, h.Seq), h.ID)
	}
	w.b = appendHead(w.b, kindArray, uint64(len(c.Past)))
	for _, id := range c.Past {
		w.b = appendID(w.b, id)
	}
}

// ruling writes what control is asked and answers.
func (w *writer) ruling(f *Facts) {
	if d := f.Digest; d != nil {
		w.key(15)
		w.b = appendID(appendHead(appendHead(w.b, kindArray, 2), kindUint, d.Version), d.Hash)
	}
	if a := f.Ask; a != nil {
		w.key(16)
		w.b = appendHead(appendText(appendHead(w.b, kindArray, 2), string(a.Type)), kindUint, uint64(a.Until))
	}
	if d := f.Decision; d != nil {
		w.key(17)
		w.b = appendText(appendText(appendID(appendHead(w.b, kindArray, 3), d.Request), d.Outcome), d.Reason)
	}
	if m := f.Member; m != nil {
		w.key(18)
		w.b = appendChain(appendHead(appendHead(w.b, kindArray, 2), kindUint, uint64(m.Kind)), m.Replica)
	}
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, kindText, uint64(len(s))), s...)
}

func appendChain(b []byte, c Chain) []byte {
	return append(appendHead(b, kindBytes, uint64(len(c))), c...)
}
