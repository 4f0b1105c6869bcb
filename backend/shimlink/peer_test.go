package shimlink

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/studio"
)

var (
	_ studio.Shims    = (*Shims)(nil)
	_ studio.Held     = (*link)(nil)
	_ studio.Typist   = (*Typist)(nil)
	_ studio.Links    = (*Links)(nil)
	_ studio.Programs = Programs{}
)

// hanging is a generous bound on what must happen soon.
const hanging = 20 * time.Second

var peerKey = attach.Key{1, 2, 3}

// folderOf makes a spool folder, with a path short enough for a socket in it.
func folderOf(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "link")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// peer listens like a shim, in this process, and serves each connection.
func peer(t *testing.T, serve func(w *wire)) (folder string) {
	t.Helper()
	folder = folderOf(t)
	listener, err := net.Listen("unix", socketIn(folder))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(&wire{conn: conn, in: attach.NewSplitter(nil)})
			}()
		}
	}()
	writeRecord(t, folder, os.Getpid(), startOfThis(t))
	return folder
}

func socketIn(folder string) string { return filepath.Join(folder, "s") }

func startOfThis(t *testing.T) uint64 {
	t.Helper()
	start, lives, _ := startOf(os.Getpid())
	if !lives {
		t.Fatal("this process has no start")
	}
	return start
}

func writeRecord(t *testing.T, folder string, pid int, start uint64) {
	t.Helper()
	text, err := json.Marshal(record{Version: attach.Version, Socket: socketIn(folder), PID: pid, Start: start, Key: hex.EncodeToString(peerKey[:])})
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, recordName), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shims are for adoption alone.
func shims() *Shims { return New("/nonexistent/atelier-shim", nil, 0o22) }

func adopt(t *testing.T, folder string) studio.Held {
	t.Helper()
	h, err := shims().Adopt(t.Context(), folder, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// holding takes CORE and says what is held.
func (w *wire) holding(said ...attach.Frame) error {
	f, err := w.next()
	if core, is := f.(attach.Core); err != nil || !is || core.Key != peerKey {
		return errors.Join(errors.New("no CORE with the key came"), err)
	}
	return w.says(append([]attach.Frame{attach.Holding{Version: attach.Version, PID: 7, Epoch: 3, End: 100, Notes: 2}}, said...)...)
}

func (w *wire) says(frames ...attach.Frame) error {
	var b []byte
	for _, f := range frames {
		b = attach.Append(b, f)
	}
	return w.send(b)
}

// rest waits until the other end closes.
func (w *wire) rest() { _, _ = io.Copy(io.Discard, w.conn) }

// hears takes the next thing that is said.
func hears(t *testing.T, h studio.Held) attach.Frame {
	t.Helper()
	select {
	case f, open := <-h.Heard():
		if !open {
			t.Fatal("the link has ended")
		}
		return f
	case <-time.After(hanging):
		t.Fatal("nothing is heard")
	}
	return nil
}

// ends waits until nothing more is heard, and returns how much was.
func ends(t *testing.T, h studio.Held) (heard int) {
	t.Helper()
	for late := time.After(hanging); ; heard++ {
		select {
		case _, open := <-h.Heard():
			if !open {
				return heard
			}
		case <-late:
			t.Fatal("the link does not end")
		}
	}
}

// expiring is a context whose deadline passes when over is closed.
type expiring struct {
	context.Context
	over chan struct{}
}

func expires(t *testing.T) expiring { return expiring{t.Context(), make(chan struct{})} }

func (e expiring) Done() <-chan struct{} { return e.over }

func (e expiring) Err() error {
	select {
	case <-e.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// want fails unless err is a fault with a code and a reason.
func want(t *testing.T, err error, code fault.Code, reason string) *fault.Error {
	t.Helper()
	f := fault.Of(err)
	if f == nil || f.Code != code || f.Reason != reason || f.Mend == "" {
		t.Fatalf("got %v (%+v), want %v %s", err, f, code, reason)
	}
	return f
}

// await waits for a condition.
func await(t *testing.T, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(hanging); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain until " + what)
		}
	}
}
