package bundle

import (
	"bytes"
	"testing"
)

// What is read is written as the same bytes, and nothing makes a reading fail
// otherwise than it says.
func FuzzReader(f *testing.F) {
	w, c := two(f)
	for _, b := range [][]byte{w.bundle(*c.Header.Facts.Cut, c.ID), w.bundle(w.heads(), c.ID)} {
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 40 {
			b = summed(b) // else all that is changed ends at the sum
		}
		if readAll(bytes.NewReader(b)) == nil {
			if again := take(t, b).bytes(t); !bytes.Equal(again, b) {
				t.Errorf("%x is read, and written as %x", b, again)
			}
		}
	})
}

// Verify ends, whatever it is given.
func FuzzVerify(f *testing.F) {
	w, c := two(f)
	f.Add(w.bundle(*c.Header.Facts.Cut, c.ID), 100, byte(1))
	f.Fuzz(func(t *testing.T, b []byte, at int, change byte) {
		if len(b) < 40 {
			return
		}
		b = bytes.Clone(b)
		b[uint(at)%uint(len(b)-32)] ^= change
		b = summed(b)
		_, _ = Verify(bytes.NewReader(b), int64(len(b)), nil) // whatever it says, it ends
	})
}
