//go:build !race

package api

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/coder/websocket"

	"atelier.dev/atelier/backend/attach"
)

const bulk = 64 << 20

// pourBulk makes a shim send random bytes and end, and returns their hash.
func pourBulk(s *shim) [sha256.Size]byte {
	all := make([]byte, bulk)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(all) // never fails
	s.output = func(conn net.Conn) error {
		defer conn.Close()
		for at := 0; at < bulk; {
			n := min(bulk-at, 1+int(random.Uint64()%attach.MaxOutput))
			if _, err := conn.Write(attach.AppendOutput(nil, uint64(at), all[at:at+n])); err != nil {
				return err
			}
			at += n
		}
		return nil
	}
	return sha256.Sum256(all)
}

// sum hashes the bytes of OUTPUT, which have to be contiguous.
type sum struct {
	t    *testing.T
	all  bytes.Buffer
	next uint64
}

func (s *sum) frame(body []byte) {
	at, b, ok := attach.OutputOf(body)
	if !ok {
		return
	}
	if at != s.next {
		s.t.Fatalf("output at %d, not %d", at, s.next)
	}
	s.next += uint64(len(b))
	s.all.Write(b)
}

func (s *sum) check(want [sha256.Size]byte, took time.Duration) {
	s.t.Helper()
	if sha256.Sum256(s.all.Bytes()) != want {
		s.t.Errorf("%d bytes came, and they are others", s.all.Len())
	}
	s.t.Logf("%d MB at %.0f MB/s", bulk>>20, bulk/took.Seconds()/1e6)
}

func TestStreamIsExactInBulk(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	want := pourBulk(s)
	got := &sum{t: t}
	got.all.Grow(bulk)
	begun := time.Now()
	resp := w.post(t.Context(), "stream", s.helloFor(attach.WantsOutput))
	frames := attach.NewSplitter(make([]byte, relayBytes))
	for {
		n, err := resp.Body.Read(frames.Space())
		frames.Filled(n)
		if err := eachFrame(frames, func(body []byte) error { got.frame(body); return nil }); err != nil {
			t.Fatal(err)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	got.check(want, time.Since(begun))
}

func TestWebSocketIsExactInBulk(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	want := pourBulk(s)
	address, _ := w.serve()
	got := &sum{t: t}
	got.all.Grow(bulk)
	conn, _ := w.dial(address, "Authorization", "Bearer "+w.bearer())
	begun := time.Now()
	if err := conn.Write(t.Context(), websocket.MessageBinary, s.helloFor(attach.WantsOutput)); err != nil {
		t.Fatal(err)
	}
	for {
		message, err := readFrame(t.Context(), conn)
		if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got.frame(message[4:])
	}
	got.check(want, time.Since(begun))
}

func TestInputIsExactInBulk(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	typed := bytes.Repeat([]byte("0123456789abcdef"), 8<<10) // 128 KiB
	body := s.helloFor(0)
	for n := range 8 {
		body = append(body, input(uint64(n+1), string(typed))...)
	}
	got := framesOf(t, w.post(t.Context(), "send", body).Body)
	if got[len(got)-1] != (attach.Ack{Seq: 8}) {
		t.Errorf("%+v", got[len(got)-1])
	}
	if all, _ := s.written(); all != string(bytes.Repeat(typed, 8)) {
		t.Errorf("%d bytes typed", len(all))
	}
}
