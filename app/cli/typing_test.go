package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"atelier.dev/atelier/backend/attach"
)

// A tape is the other end of typing: it writes down input as the rules of the
// protocol demand, and may lose a connection at any moment.
type tape struct {
	written []byte
	last    uint64
}

// hear writes the inputs of some frames down and returns the newest acknowledgement.
func (w *tape) hear(t *testing.T, sent []byte) uint64 {
	t.Helper()
	for len(sent) > 0 {
		f, n := firstFrame(t, sent)
		sent = sent[n:]
		in := f.(attach.Input)
		switch {
		case in.Seq <= w.last: // written already
		case in.Seq == w.last+1:
			w.written = append(w.written, in.Bytes...)
			w.last = in.Seq
		default:
			t.Fatalf("a gap: %d after %d", in.Seq, w.last)
		}
	}
	return w.last
}

func firstFrame(t *testing.T, b []byte) (attach.Frame, int) {
	t.Helper()
	end := 4 + int(binary.BigEndian.Uint32(b))
	f, err := attach.Decode(b[4:end])
	if err != nil {
		t.Fatal(err)
	}
	return f, end
}

// Connections break at any point, before or after the input was written; every
// byte is typed once.
func TestWhatIsTypedIsWrittenOnce(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		ty, w := newTyping(), &tape{}
		var all []byte
		for range 50 {
			piece := make([]byte, 1+r.IntN(3*attach.MaxInput/2))
			for n := range piece {
				piece[n] = byte(r.Uint32())
			}
			all = append(all, piece...)
			if !ty.push(piece) {
				t.Fatal("the queue is full")
			}
			sent := ty.frames(nil, 7)
			switch r.IntN(4) {
			case 0: // lost on the way there
				w.hear(t, ty.resume(nil, w.last, 7, true))
			case 1: // lost on the way back
				w.hear(t, sent)
				w.hear(t, ty.resume(nil, w.last, 7, true))
			default:
				ty.acked(w.hear(t, sent))
			}
		}
		for !ty.idle() {
			ty.acked(w.hear(t, ty.resume(nil, w.last, 7, true)))
			ty.acked(w.hear(t, ty.frames(nil, 7)))
		}
		if !bytes.Equal(w.written, all) {
			t.Fatalf("seed %d: %d bytes typed, %d written, or others", seed, len(all), len(w.written))
		}
	}
}

func TestWhatWasTypedInATurnThatIsOverIsGivenUp(t *testing.T) {
	ty := newTyping()
	ty.push([]byte("old"))
	ty.frames(nil, 1)
	if again := ty.resume(nil, 0, 2, true); len(again) != 0 || !ty.idle() {
		t.Errorf("under a new epoch %q is sent again", again)
	}
	ty.push([]byte("a"))
	ty.frames(nil, 2)
	ty.push([]byte("b"))
	ty.frames(nil, 2)
	if !ty.refused(1) || ty.refused(2) {
		t.Error("two refusals of one turn are told twice, or not at all")
	}
	ty.push([]byte("c"))
	f, _ := firstFrame(t, ty.frames(nil, 3))
	if in := f.(attach.Input); in.Seq != 1 || in.Epoch != 3 {
		t.Errorf("after a refusal it goes on with %d under %d", in.Seq, in.Epoch)
	}
}

func TestAPasteHasABound(t *testing.T) {
	ty := newTyping()
	if !ty.push(make([]byte, queueMax)) || ty.push([]byte("x")) {
		t.Error("the queue does not end at its bound")
	}
	ty.frames(nil, 1)
	if ty.flight != flightMax {
		t.Errorf("%d bytes are under way, the bound is %d", ty.flight, flightMax)
	}
}
