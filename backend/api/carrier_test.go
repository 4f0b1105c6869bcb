package api

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"atelier.dev/atelier/backend/attach"
)

// post posts frames over the unix socket; the caller closes the answer.
func (w *world) post(ctx context.Context, path string, body []byte) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://core/api/attach/"+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", octets)
	resp, err := w.local.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func input(seq uint64, s string) []byte {
	return attach.Append(nil, attach.Input{Epoch: 1, Seq: seq, Bytes: []byte(s)})
}

func TestStreamCarriesWhatTheShimSays(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	s.output = func(conn net.Conn) error {
		_, err := conn.Write(attach.AppendOutput(nil, 0, []byte("hallo")))
		conn.Close()
		return err
	}
	resp := w.post(t.Context(), "stream", s.helloFor(attach.WantsOutput))
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != octets {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	got := framesOf(t, resp.Body)
	if len(got) != 2 || string(got[1].(attach.Output).Bytes) != "hallo" {
		t.Errorf("%+v", got)
	}
	if len(s.hellos) != 1 || s.hellos[0].Flags != attach.WantsOutput {
		t.Errorf("%+v", s.hellos)
	}
}

// What is sent is seen at once, not when a buffer is full.
func TestStreamIsFlushed(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	more := make(chan string)
	s.output = func(conn net.Conn) error {
		for text := range more {
			if _, err := conn.Write(attach.AppendOutput(nil, 0, []byte(text))); err != nil {
				return err
			}
		}
		return nil
	}
	defer close(more)
	resp := w.post(t.Context(), "stream", s.helloFor(attach.WantsOutput))
	frames := attach.NewSplitter(nil)
	for _, text := range []string{"", "a", "b"} {
		if text != "" {
			more <- text
		}
		for {
			body, ok, err := frames.Next()
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				if _, got, is := attach.OutputOf(body); is && string(got) != text {
					t.Errorf("%q, not %q", got, text)
				}
				break
			}
			n, err := resp.Body.Read(frames.Space())
			if err != nil {
				t.Fatal(err)
			}
			frames.Filled(n)
		}
	}
}

func TestPostIsAnsweredToItsLastInput(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	body := append(append(s.helloFor(0), input(1, "ab")...), input(2, "c")...)
	resp := w.post(t.Context(), "send", body)
	got := framesOf(t, resp.Body)
	if len(got) != 3 || got[2] != (attach.Ack{Seq: 2}) {
		t.Errorf("%+v", got)
	}
	if typed, _ := s.written(); typed != "abc" {
		t.Errorf("typed %q", typed)
	}
	settles(t, "its connection ends", func() bool { return s.opened() == 0 })
}

func TestRefusedInputIsAnAnswer(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	old := attach.Append(nil, attach.Input{Epoch: 0, Seq: 5, Bytes: []byte("x")})
	got := framesOf(t, w.post(t.Context(), "send", append(s.helloFor(0), old...)).Body)
	if refused, is := got[len(got)-1].(attach.Refused); !is || refused.Seq != 5 {
		t.Errorf("%+v", got)
	}
}

func TestResizeIsReadThoughItHasNoAnswer(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	s.busy = 20 * time.Millisecond // longer than an answer takes to come back
	resize := attach.Append(nil, attach.Resize{Epoch: 1, Cols: 100, Rows: 30})
	for n, body := range [][]byte{append(s.helloFor(0), resize...), append(append(s.helloFor(0), input(1, "x")...), resize...)} {
		framesOf(t, w.post(t.Context(), "send", body).Body)
		if _, resized := s.written(); resized != n+1 {
			t.Errorf("%d of %d sizes were read when the post was answered", resized, n+1)
		}
	}
}

// A post that the program does not take ends with its caller.
func TestPostEndsWithItsCaller(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	s.deaf = true
	ctx, cancel := context.WithCancel(t.Context())
	resp := w.post(ctx, "send", append(s.helloFor(0), input(1, "x")...))
	cancel()
	framesOf(t, resp.Body)
	settles(t, "its connection ends", func() bool { return s.opened() == 0 })
}

func TestCarriersRefuseBeforeTheFirstFrame(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	stranger := attach.Append(nil, attach.Hello{Version: 1, Ticket: attach.Ticket{9}})
	w.studio.routes[attach.Ticket{7}] = w.folder + "/nobody.sock"
	dead := attach.Append(nil, attach.Hello{Version: 1, Ticket: attach.Ticket{7}})
	hello := s.helloFor(0)
	for name, c := range map[string]struct {
		path string
		body []byte
		want int
		code string
	}{
		"unknown ticket":         {"stream", stranger, 401, "unauthenticated"},
		"unknown ticket in post": {"send", stranger, 401, "unauthenticated"},
		"dead shim":              {"stream", dead, 503, "unavailable"},
		"nothing":                {"stream", nil, 400, "invalid_argument"},
		"no HELLO":               {"stream", input(1, strings.Repeat("x", 19)), 400, "invalid_argument"},
		"half a HELLO":           {"stream", hello[:20], 400, "invalid_argument"},
		"more than HELLO":        {"stream", append(bytes.Clone(hello), 1), 400, "invalid_argument"},
		"half a frame":           {"send", append(bytes.Clone(hello), input(1, "x")[:9]...), 400, "invalid_argument"},
		"a frame of the core":    {"send", append(bytes.Clone(hello), attach.Append(nil, attach.Signal{Signal: 9})...), 400, "invalid_argument"},
		"a post wants output":    {"send", s.helloFor(attach.WantsOutput), 400, "invalid_argument"},
		"too much":               {"send", append(bytes.Clone(hello), make([]byte, postedMax)...), 429, "resource_exhausted"},
	} {
		a := ask(t, w.local, "POST", "http://core/api/attach/"+c.path, string(c.body), "Content-Type", octets)
		if a.status != c.want || a.code != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := ask(t, w.local, "POST", "http://core/api/attach/stream", string(hello), "Content-Type", "application/json"); a.status != 415 {
		t.Errorf("as JSON: %+v", a)
	}
	if a := ask(t, w.local, "GET", "http://core/api/attach/stream", ""); a.status < 400 {
		t.Errorf("by GET: %+v", a)
	}
}

// dial opens a WebSocket to a listener.
func (w *world) dial(address string, header ...string) (*websocket.Conn, int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	h := http.Header{}
	for n := 0; n < len(header); n += 2 {
		h.Set(header[n], header[n+1])
	}
	conn, resp, err := websocket.Dial(ctx, address+"api/attach/ws", &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		if resp == nil {
			w.t.Fatal(err)
		}
		return nil, resp.StatusCode
	}
	w.t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(frameBytes)
	return conn, resp.StatusCode
}

func (w *world) next(conn *websocket.Conn) attach.Frame {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	message, err := readFrame(ctx, conn)
	if err != nil {
		w.t.Fatal(err)
	}
	frame, err := attach.Decode(message[4:])
	if err != nil {
		w.t.Fatal(err)
	}
	return frame
}

func TestWebSocketIsGated(t *testing.T) {
	w := newWorld(t)
	address, secret := w.serve()
	cookie := cookieOf(w.exchange(address, secret))
	own := strings.TrimSuffix(address, "/")
	for name, c := range map[string]struct {
		want   int
		header []string
	}{
		"the page":                {101, []string{"Cookie", cookie, "Origin", own}},
		"a script":                {101, []string{"Authorization", "Bearer " + w.bearer()}},
		"nobody":                  {401, []string{"Origin", own}},
		"a page without origin":   {403, []string{"Cookie", cookie}},
		"a page from elsewhere":   {403, []string{"Cookie", cookie, "Origin", "http://evil.example"}},
		"a script from elsewhere": {403, []string{"Authorization", "Bearer " + w.bearer(), "Origin", "http://evil.example"}},
	} {
		if _, status := w.dial(address, c.header...); status != c.want {
			t.Errorf("%s: %d, not %d", name, status, c.want)
		}
	}
}

func TestWebSocketCarriesBothWays(t *testing.T) {
	w := newWorld(t)
	s := newShim(w)
	s.output = func(conn net.Conn) error {
		_, err := conn.Write(attach.AppendOutput(attach.AppendOutput(nil, 0, []byte("a")), 1, []byte("b")))
		return err
	}
	address, _ := w.serve()
	conn, _ := w.dial(address, "Authorization", "Bearer "+w.bearer())
	write := func(b []byte) {
		if err := conn.Write(t.Context(), websocket.MessageBinary, b); err != nil {
			t.Fatal(err)
		}
	}
	write(s.helloFor(attach.WantsOutput))
	if _, is := w.next(conn).(attach.Welcome); !is {
		t.Error("no welcome")
	}
	for _, want := range []string{"a", "b"} { // a message a frame, though they came together
		if got, is := w.next(conn).(attach.Output); !is || string(got.Bytes) != want {
			t.Errorf("%+v, not %q", got, want)
		}
	}
	write(input(1, "typed"))
	if got := w.next(conn); got != (attach.Ack{Seq: 1}) {
		t.Errorf("%+v", got)
	}
	conn.CloseNow()
	settles(t, "the shim's connection ends", func() bool { return s.opened() == 0 })
}

func TestWebSocketSaysWhyThereIsNoTerminal(t *testing.T) {
	w := newWorld(t)
	address, _ := w.serve()
	for name, c := range map[string]struct {
		first []byte
		code  string
	}{
		"ticket": {attach.Append(nil, attach.Hello{Version: 1, Ticket: attach.Ticket{9}}), "unauthenticated"},
		"hello":  {input(1, "x"), "invalid_argument"},
	} {
		conn, _ := w.dial(address, "Authorization", "Bearer "+w.bearer())
		if err := conn.Write(t.Context(), websocket.MessageBinary, c.first); err != nil {
			t.Fatal(err)
		}
		if refused, is := w.next(conn).(attach.Refused); !is || refused.Code != c.code || refused.Seq != 0 {
			t.Errorf("%s: %+v", name, refused)
		}
	}
	conn, _ := w.dial(address, "Authorization", "Bearer "+w.bearer())
	if err := conn.Write(t.Context(), websocket.MessageBinary, []byte("two frames")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusProtocolError {
		t.Errorf("what is no frame: %v", err)
	}
}

// One who does not read holds back its own stream and nothing else, and all of
// it ends with the core.
func TestCarriersEndWithTheCoreAndLeaveNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("carry", func(t *testing.T) {
		w := newWorld(t)
		s := newShim(w)
		sent := make(chan int, 1<<20)
		s.output = func(conn net.Conn) error {
			piece := attach.AppendOutput(nil, 0, make([]byte, attach.MaxOutput))
			for {
				n, err := conn.Write(piece)
				if err != nil {
					return err
				}
				sent <- n
			}
		}
		address, _ := w.serve()
		conn, _ := w.dial(address, "Authorization", "Bearer "+w.bearer())
		if err := conn.Write(t.Context(), websocket.MessageBinary, s.helloFor(attach.WantsOutput)); err != nil {
			t.Fatal(err)
		}
		resp := w.post(t.Context(), "stream", s.helloFor(attach.WantsOutput))
		settles(t, "both flow", func() bool { return s.opened() == 2 && len(sent) > 4 })
		// Nobody reads: what the two took is bounded by buffers, ours and the kernel's.
		settles(t, "both are held back", func() bool {
			taken := len(sent)
			if taken*attach.MaxOutput > 64<<20 {
				t.Fatalf("%d frames were taken for clients that read nothing", taken)
			}
			time.Sleep(100 * time.Millisecond) // a flow that goes on is seen in a hundredth of it
			return taken == len(sent)
		})
		w.close()
		resp.Body.Close()
		conn.CloseNow()
		settles(t, "the shim's connections end", func() bool { return s.opened() == 0 })
	})
	http.DefaultClient.CloseIdleConnections()
	leaves(t, before)
}
