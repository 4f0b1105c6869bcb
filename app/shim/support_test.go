package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/spool"
)

// patience bounds a hang, not a speed.
const patience = 90 * time.Second

// The test program is the shim too, so that the race detector sees it.
const asShim = "ATELIER_SHIM_UNDER_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asShim) != "" {
		main()
		return
	}
	m.Run()
}

// A held is a shim that runs and what its core knows of it.
type held struct {
	t      testing.TB
	dir    string
	launch launch
	cmd    *exec.Cmd
	ended  chan struct{}
	word   map[string]any
	errors *record
}

// A record keeps what the shim complains of.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Write(b)
	return os.Stderr.Write(b)
}

func (r *record) has(what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(r.text.String(), what)
}

// ordinary is the launch of a shell that runs a script.
func ordinary(t testing.TB, script string) launch {
	t.Helper()
	folder, err := os.MkdirTemp("", "shim") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return launch{Argv: []string{"sh", "-c", script}, Program: "/bin/sh", Cwd: "/", Environment: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Cols: 80, Rows: 24, Key: strings.Repeat("5a", 32), Socket: filepath.Join(folder, "s"), Quota: 1 << 40, Umask: 0o022}
}

func run1(t testing.TB, script string) *held { return hold(t, ordinary(t, script)) }

// hold starts a shim and waits for its word that the program runs.
func hold(t testing.TB, l launch) *held {
	t.Helper()
	h := launched(t, filepath.Join(filepath.Dir(l.Socket), "x"), l)
	if h.word["pid"] == nil {
		t.Fatalf("the program was not started: %v", h.word)
	}
	return h
}

func launched(t testing.TB, dir string, l launch) *held {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	h := fed(t, dir, string(text))
	h.launch = l
	return h
}

// fed starts a shim with a text for its launch, and reads its word.
func fed(t testing.TB, dir, text string) *held {
	t.Helper()
	if err := spool.Make(dir); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	h := &held{t: t, dir: dir, cmd: exec.Command(program(t), dir), ended: make(chan struct{}), errors: &record{}}
	h.cmd.Stdin, h.cmd.Stderr = strings.NewReader(text), h.errors
	h.cmd.Env = []string{asShim + "=1", "CANARY=of the shim"}
	h.cmd.ExtraFiles = []*os.File{theirs}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	go func() {
		_ = h.cmd.Wait()
		close(h.ended)
	}()
	t.Cleanup(func() {
		_ = h.cmd.Process.Kill()
		<-h.ended
	})
	said, err := io.ReadAll(ours)
	ours.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(said, &h.word); err != nil {
		t.Fatalf("the shim said %q: %v", said, err)
	}
	return h
}

// gone waits for the shim's end and returns its exit status.
func (h *held) gone() int {
	h.t.Helper()
	select {
	case <-h.ended:
	case <-time.After(patience):
		h.t.Fatal("the shim does not end")
	}
	return h.cmd.ProcessState.ExitCode()
}

func (h *held) output() []byte {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, "output"))
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h *held) notes() []attach.Note {
	h.t.Helper()
	r, err := spool.OpenReader(h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	defer r.Close()
	all, err := r.Notes(0)
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// noted returns the last note, which has to be of a kind.
func (h *held) noted(kind attach.NoteKind) attach.Note {
	h.t.Helper()
	all := h.notes()
	if len(all) == 0 || all[len(all)-1].Kind != kind {
		h.t.Fatalf("the last note is not of kind %d: %+v", kind, all)
	}
	return all[len(all)-1]
}

// eventually waits for a condition that no frame tells.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// A line is a connection to a shim, of a client or a core.
type line struct {
	t    testing.TB
	conn net.Conn
	in   *attach.Splitter
	told []attach.Frame // passed over while waiting for another
}

func (h *held) dial() *line {
	h.t.Helper()
	conn, err := net.Dial("unix", h.launch.Socket)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	return &line{t: h.t, conn: conn, in: attach.NewSplitter(make([]byte, attach.MaxFrame+4))}
}

func (l *line) say(f attach.Frame) {
	l.t.Helper()
	_ = l.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := l.conn.Write(attach.Append(nil, f)); err != nil {
		l.t.Fatal(err)
	}
}

// next returns the next frame; err is that of the connection.
func (l *line) next() (attach.Frame, error) {
	_ = l.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		body, ok, err := l.in.Next()
		if err != nil {
			return nil, err
		}
		if ok {
			return attach.Decode(body)
		}
		n, err := l.conn.Read(l.in.Space())
		if n == 0 && err != nil {
			return nil, err
		}
		l.in.Filled(n)
	}
}

// await passes over frames until one of a type that is as wanted.
func await[F attach.Frame](l *line, wanted func(F) bool) F {
	l.t.Helper()
	for n, f := range l.told {
		if f, is := f.(F); is && (wanted == nil || wanted(f)) {
			l.told = append(l.told[:n:n], l.told[n+1:]...)
			return f
		}
	}
	for {
		f, err := l.next()
		if err != nil {
			l.t.Fatalf("waiting for %T: %v", *new(F), err)
		}
		if f, is := f.(F); is && (wanted == nil || wanted(f)) {
			return f
		}
		if o, is := f.(attach.Output); is {
			f = attach.Output{Offset: o.Offset, Bytes: append([]byte(nil), o.Bytes...)}
		}
		l.told = append(l.told, f)
	}
}

func (h *held) key() (key attach.Key) {
	_, _ = hex.Decode(key[:], []byte(h.launch.Key))
	return key
}

// core opens the connection of a core.
func (h *held) core(note uint64) *line {
	h.t.Helper()
	l := h.dial()
	l.say(attach.Core{Version: attach.Version, Key: h.key(), Note: note})
	await[attach.Holding](l, nil)
	return l
}

// ask sends a request and waits for its answer.
func (l *line) ask(f attach.Frame, kind attach.Kind) {
	l.t.Helper()
	l.say(f)
	if d := await(l, func(d attach.Done) bool { return d.Request == kind }); d.Code != "" {
		l.t.Fatalf("%T was refused: %s", f, d.Message)
	}
}

func ticket(n byte) attach.Ticket { return attach.Ticket{n, 15: 1} }

// operator admits a ticket and opens a connection under it.
func (h *held) operator(core *line, n byte) *line {
	h.t.Helper()
	core.ask(attach.Admit{Ticket: ticket(n), MayDrive: true, Label: "operator"}, attach.KindAdmit)
	return h.client(n, 0, 0)
}

// client opens a connection under an admitted ticket.
func (h *held) client(n byte, from, maxLag uint64) *line {
	h.t.Helper()
	l := h.dial()
	l.say(attach.Hello{Version: attach.Version, Flags: attach.WantsOutput, Ticket: ticket(n), From: from, MaxLag: maxLag})
	if w := await[attach.Welcome](l, nil); w.Start != from {
		h.t.Fatalf("asked for %d, welcomed at %d", from, w.Start)
	}
	return l
}

// collect reads output from an offset until EXIT, a number of bytes, or a mark.
func (l *line) collect(from uint64, enough func(all []byte) bool) ([]byte, *attach.Exit) {
	l.t.Helper()
	var all []byte
	told := l.told
	l.told = nil
	for enough == nil || !enough(all) {
		var f attach.Frame
		var err error
		if len(told) > 0 {
			f, told = told[0], told[1:]
		} else if f, err = l.next(); err != nil {
			l.t.Fatalf("after %d bytes: %v", len(all), err)
		}
		switch f := f.(type) {
		case attach.Output:
			if f.Offset != from+uint64(len(all)) {
				l.t.Fatalf("output at %d, expected %d", f.Offset, from+uint64(len(all)))
			}
			all = append(all, f.Bytes...)
		case attach.Skipped:
			l.t.Fatalf("skipped %d to %d", f.From, f.To)
		case attach.Exit:
			if f.End != from+uint64(len(all)) {
				l.t.Fatalf("EXIT at %d after output to %d", f.End, from+uint64(len(all)))
			}
			return all, &f
		default:
			l.told = append(l.told, f)
		}
	}
	return all, nil
}

// drive grants the keyboard to a ticket, in a turn.
func (l *line) drive(n byte, epoch uint64) {
	l.t.Helper()
	l.ask(attach.Grant{Epoch: epoch, Ticket: ticket(n)}, attach.KindGrant)
}
