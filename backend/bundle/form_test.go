package bundle

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"testing/iotest"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// summed gives changed bytes the sum of what they are now.
func summed(b []byte) []byte {
	n := len(b) - sha256.Size
	sum := sha256.Sum256(b[:n])
	return append(bytes.Clone(b[:n]), sum[:]...)
}

// readAll reads a bundle to its end.
func readAll(from io.Reader) error {
	r, err := NewReader(from)
	for err == nil {
		_, err = r.Next()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func first(t testing.TB) []byte {
	w, c := two(t)
	return w.bundle(*c.Header.Facts.Cut, c.ID)
}

// What is flipped anywhere is refused or found, also when the sum was made anew.
func TestRule01_EveryByteCounts(t *testing.T) {
	w, c := two(t)
	everyByteCounts(t, w.bundle(*c.Header.Facts.Cut, c.ID))
	everyByteCounts(t, w.bundle(event.Cut{Past: w.replicas[1].ids[2:3]}, event.ID{})) // in the midst of seals
}

func everyByteCounts(t *testing.T, b []byte) {
	t.Helper()
	if err := readAll(iotest.OneByteReader(bytes.NewReader(b))); err != nil {
		t.Fatal("the control:", err)
	}
	clean(t, b)
	flips := func(n int) []byte { return []byte{1 << (n % 8)} }
	if os.Getenv("ATELIER_SOAK") != "" {
		flips = func(int) []byte { return []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} }
	}
	for n := range b {
		for _, bits := range flips(n) {
			harmed := bytes.Clone(b)
			harmed[n] ^= bits
			if err := readAll(bytes.NewReader(harmed)); err == nil {
				t.Errorf("byte %d flipped by %x is not noticed", n, bits)
			}
			if n >= len(b)-sha256.Size {
				continue // the sum alone
			}
			harmed = summed(harmed)
			if r, err := Verify(bytes.NewReader(harmed), int64(len(harmed)), nil); err == nil && len(r.Findings) == 0 {
				t.Errorf("byte %d flipped by %x, and summed, is not noticed", n, bits)
			}
		}
	}
}

func TestRule01_ItEndsWhereItEnds(t *testing.T) {
	b := first(t)
	for n := range b {
		want := "bundle_cut"
		if n < len(magic) {
			want = "bundle_magic"
		}
		if err := readAll(bytes.NewReader(b[:n])); !fault.Is(err, want) {
			t.Fatalf("cut off at %d: %v, want %s", n, err, want)
		}
	}
	for _, more := range []string{"x", "\x00", string(b)} {
		if err := readAll(bytes.NewReader(append(bytes.Clone(b), more...))); !fault.Is(err, "bundle_trailing") {
			t.Errorf("%d bytes trail: %v", len(more), err)
		}
	}
	if err := readAll(io.MultiReader(bytes.NewReader(b[:300]), iotest.ErrReader(errors.New("bad sector")))); !fault.Is(err, "bundle_unread") {
		t.Error("a disk that fails:", err)
	}
}

// at is where the head ends, in a bundle without its magic.
const begin = len(magic) + 1

func TestRule01_FormIsOne(t *testing.T) {
	w, c := two(t)
	b := w.bundle(*c.Header.Facts.Cut, c.ID)
	p := take(t, b)
	if !bytes.Equal(p.bytes(t), b) {
		t.Fatal("what is read is not written as the same bytes")
	}
	changed := func(change func(p *parts)) []byte {
		q := take(t, b)
		change(&q)
		return q.bytes(t)
	}
	replaced := func(old, with []byte) []byte {
		if bytes.Count(b, old) == 0 {
			t.Fatalf("%x is not in the bundle", old)
		}
		return summed(bytes.Replace(b, old, with, 1))
	}
	seal, err := event.EncodeSeal(*p.items[slices.IndexFunc(p.items, func(i Item) bool { return i.Seal != nil })].Seal)
	if err != nil {
		t.Fatal(err)
	}
	last := p.items[slices.IndexFunc(p.items, func(i Item) bool { return i.Body == Bare && i.Event.Header.Class == event.Causal })]
	end := append([]byte{kindEnd}, b[len(b)-sha256.Size:]...)
	for name, try := range map[string]struct {
		b    []byte
		want string
	}{
		"the control":               {changed(func(*parts) {}), ""},
		"another file":              {[]byte("PK\x03\x04 and so on, as long as any"), "bundle_magic"},
		"a newer version":           {append([]byte(magic+"\x02"), b[begin:]...), "bundle_newer"},
		"version 0":                 {append([]byte(magic+"\x00"), b[begin:]...), "bundle_newer"},
		"a number too long":         {append([]byte(magic+"\x81\x00"), b[begin:]...), "bundle_number"},
		"a number without end":      {append([]byte(magic), bytes.Repeat([]byte{0xff}, 11)...), "bundle_number"},
		"too many heads":            {append([]byte(magic+"\x01\x81\x04"), b[begin+1:]...), "bundle_size"},
		"no cut":                    {changed(func(p *parts) { p.head.Cut = event.Cut{} }), "head"},
		"heads out of order":        {changed(func(p *parts) { slices.Reverse(p.head.Cut.Heads) }), "head"},
		"a past twice":              {changed(func(p *parts) { p.head.Cut.Past = []event.ID{{1}, {1}} }), "head"},
		"no fold":                   {changed(func(p *parts) { p.head.Digest.Version = 0 }), "bundle_size"},
		"no events":                 {changed(func(p *parts) { p.head.Events = 0 }), "bundle_size"},
		"no records":                {changed(func(p *parts) { p.head.Records = 0 }), "bundle_size"},
		"more events than there":    {changed(func(p *parts) { p.head.Events++ }), "bundle_count"},
		"fewer outside":             {changed(func(p *parts) { p.head.Outside-- }), "bundle_count"},
		"a record without place":    {changed(func(p *parts) { p.items = dropRecord(p.items, 2) }), "event_gap bundle_count"},
		"an item of no kind":        {summed(slices.Concat(b[:len(b)-len(end)], []byte{9}, end)), "bundle_kind"},
		"an empty seal":             {summed(slices.Concat(b[:len(b)-len(end)], []byte{kindSeal, 0, 0}, end)), "bundle_size"},
		"a seal that is too long":   {replaced(append([]byte{kindSeal}, sizedBytes(seal)...), append([]byte{kindSeal}, sizedBytes(make([]byte, event.MaxSealBytes+1))...)), "bundle_size"},
		"a header that is no event": {replaced(sizedBytes(last.Event.Bytes), sizedBytes([]byte{0xa0})), "schema_version"},
		"an empty header":           {replaced(sizedBytes(last.Event.Bytes), []byte{0}), "bundle_size"},
		"a mark that none is":       {replaced(append([]byte{kindEvent, 7}, sizedBytes(last.Event.Bytes)...), append([]byte{kindEvent, 8}, sizedBytes(last.Event.Bytes)...)), "bundle_mark"},
		"a record as an event":      {replaced([]byte{kindRecord, 0}, append([]byte{kindEvent, 0}, sizedBytes(p.records[0].Event.Bytes)...)), "bundle_kind"},
		"a newer event":             {replaced(sizedBytes(last.Event.Bytes), sizedBytes(append([]byte{0xa1, 1, 2}, last.Event.Bytes[3:3]...))), "schema_newer"},
	} {
		err := readAll(bytes.NewReader(try.b))
		if try.want == "" && err != nil || try.want != "" && !slices.Contains(bytesFields(try.want), fault.Of(err).Reason) {
			t.Errorf("%s: %v, want %s", name, err, try.want)
		}
	}
}

func bytesFields(s string) (words []string) {
	for _, w := range bytes.Fields([]byte(s)) {
		words = append(words, string(w))
	}
	return words
}

func sizedBytes(b []byte) []byte {
	o := newOutput(io.Discard)
	o.sized(b)
	return o.b
}

// dropRecord takes the place of a record away.
func dropRecord(items []Item, index uint64) []Item {
	return slices.DeleteFunc(items, func(i Item) bool {
		return isEvent(i) && i.Event.Header.Class == event.Control && i.Event.Header.Seq == index
	})
}
