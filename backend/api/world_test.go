package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/studio"
)

// patience is a bound on hanging, not a measure of speed.
const patience = 20 * time.Second

// memory is a small studio: it keeps what it is asked in memory.
type memory struct {
	mu      sync.Mutex
	calls   map[string]int
	started []studio.StartRequest
	routes  map[attach.Ticket]string
	fail    error // what every command answers, if not nil
	events  []studio.Event
	piece   studio.Piece
	asked   asked
	holding chan struct{} // closed when a call that holds has begun
}

var (
	anID    = event.ID{1, 2, 3}
	session = event.ID{9}
	read    = studio.Frontier{{Chain: event.Chain(anID[:]), Seq: 0, ID: anID}, {Chain: "\x00\x24peer", Seq: 1 << 60, ID: session}}
	acked   = studio.Ack{Event: anID, Frontier: read}
)

func (m *memory) did(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[name]++
	return m.fail
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, c := range m.calls {
		n += c
	}
	return n
}

func (m *memory) Status() studio.Status {
	return studio.Status{Replica: "\x00\x24peer", Workspace: anID, Read: read}
}
func (m *memory) Doctor(context.Context) ([]studio.Finding, studio.Frontier, error) {
	return []studio.Finding{{Name: "disk", Level: "ok"}}, read, nil
}

func (m *memory) OpenSession(_ context.Context, s event.Surface, _ string) (studio.Session, studio.Frontier, error) {
	return studio.Session{ID: session, Actor: anID, ActorName: "a\xffb", Surface: s}, read, m.did("OpenSession")
}

func (m *memory) Caller(text string) (studio.Caller, error) {
	if text == "" {
		return studio.Caller{}, nil
	}
	id, err := event.ParseID(text)
	if err == nil && id != session {
		err = fault.New(fault.Unauthenticated, "session_unknown", "there is no such session", "open one")
	}
	return studio.Caller{Session: id}, err
}

func (m *memory) Start(_ context.Context, _ studio.Caller, r studio.StartRequest) (studio.Started, error) {
	m.mu.Lock()
	m.started = append(m.started, r)
	m.mu.Unlock()
	return studio.Started{ID: anID, Name: "n", Ack: acked}, m.did("Start")
}

func (m *memory) Executions(context.Context, studio.Caller, studio.Where) ([]studio.Execution, studio.Frontier, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []studio.Execution
	for _, r := range m.started {
		all = append(all, studio.Execution{ID: anID, Argv: r.Argv, Folder: r.Folder, Variables: r.Environment, State: "running"})
	}
	return all, read, nil
}

// WatchExecutions sends one list, a partial one if changes are asked for, and holds.
func (m *memory) WatchExecutions(ctx context.Context, c studio.Caller, changes bool, each func(studio.Listing) error) error {
	all, read, _ := m.Executions(ctx, c, studio.Where{})
	if err := each(studio.Listing{Executions: all, Read: read}); err != nil {
		return err
	}
	if changes {
		if err := each(studio.Listing{Executions: all[:1], Read: read, Partial: true}); err != nil {
			return err
		}
	}
	close(m.holding)
	<-ctx.Done()
	return ctx.Err()
}

func (m *memory) Wait(ctx context.Context, _ studio.Caller, ref string) (studio.Execution, studio.Frontier, error) {
	if ref == "panic" {
		panic("a planted defect")
	}
	if ref == "hold" {
		close(m.holding)
		<-ctx.Done()
		return studio.Execution{}, nil, ctx.Err()
	}
	return studio.Execution{ID: anID, State: "exited"}, read, nil
}

func (m *memory) Attach(context.Context, studio.Caller, string, bool, string) (studio.Attachment, error) {
	return studio.Attachment{ID: anID, Ticket: attach.Ticket{1}, Ack: acked}, m.did("Attach")
}

func (m *memory) Control(context.Context, studio.Caller, string, string, attach.Ticket) (studio.Turn, error) {
	return studio.Turn{Epoch: 7, Ack: acked}, m.did("Control")
}

func (m *memory) Send(_ context.Context, _ studio.Caller, _ string, data []byte) (studio.Sent, error) {
	return studio.Sent{Bytes: uint64(len(data)), Ack: acked}, m.did("Send")
}

func (m *memory) Route(t attach.Ticket) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if socket, ok := m.routes[t]; ok {
		return socket, nil
	}
	return "", fault.New(fault.Unauthenticated, "ticket_unknown", "this ticket leads nowhere", "attach again")
}

func (m *memory) Kill(context.Context, studio.Caller, string, string) (event.ID, studio.Ack, error) {
	return anID, acked, m.did("Kill")
}

func (m *memory) Resize(context.Context, studio.Caller, string, uint32, uint32) (event.ID, studio.Ack, error) {
	return anID, acked, m.did("Resize")
}

func (m *memory) Rename(context.Context, studio.Caller, string, string) (event.ID, studio.Ack, error) {
	return anID, acked, m.did("Rename")
}

func (m *memory) Events(_ context.Context, _ studio.Caller, _ studio.EventFilter, each func([]studio.Event, studio.Frontier) error) error {
	return each(m.events, read)
}

func (m *memory) Show(_ context.Context, _ studio.Caller, ref string, _ studio.Where) (studio.Shown, error) {
	return studio.Shown{Object: map[string]any{"name": "x\xffy", "ref": ref, "output_offset": uint64(1) << 60}, Read: read}, nil
}

func (m *memory) Verify(_ context.Context, _ studio.Caller, each func(studio.Audit) error) error {
	return each(studio.Audit{Events: 3, Done: true, Problems: []studio.Problem{{Code: "a", Message: "b\xff", Mend: "c"}}, Read: read})
}

func (m *memory) Transcript(_ context.Context, _ studio.Caller, ref string, _ studio.TranscriptRequest, each func(studio.Piece) error) error {
	err := each(m.piece)
	if ref == "panic" {
		panic("a planted defect")
	}
	return err
}

// world is a surface over a small studio, listening on a socket of its own.
type world struct {
	t      *testing.T
	server *Server
	studio *memory
	folder string
	now    time.Time
	local  *http.Client
	page   fstest.MapFS

	mu    sync.Mutex
	lines []string
	stops int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	folder, err := os.MkdirTemp("", "api") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	w := &world{t: t, folder: folder, now: time.Unix(1_000_000, 0), page: fstest.MapFS{
		"index.html":         {Data: []byte("<!doctype html><p>the page</p>")},
		"assets/main-abc.js": {Data: []byte("export {}")},
	}}
	w.studio = &memory{calls: map[string]int{}, routes: map[attach.Ticket]string{}, holding: make(chan struct{})}
	w.server = New(Options{Studio: w.studio, Version: "1", Home: folder, Socket: filepath.Join(folder, "core.sock"),
		ChainText: func(c event.Chain) string { return fmt.Sprintf("peer-%x", string(c)) }, Page: w.page,
		TokenFile: filepath.Join(folder, "token"), Random: rand.Reader, Now: func() time.Time { return w.now },
		Stop: func() { w.mu.Lock(); w.stops++; w.mu.Unlock() }, Tell: w.tell})
	if err := w.server.ListenLocal(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", w.server.o.Socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	w.local = &http.Client{Transport: transport}
	return w
}

func (w *world) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.server.Close(ctx); err != nil {
		w.t.Error(err)
	}
}

func (w *world) tell(level, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, level+" "+message)
}

func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "\n")
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	code   string // of a refusal
}

// ask makes one call; header holds names and values in turn.
func ask(t *testing.T, client *http.Client, method, url, body string, header ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(header); n += 2 {
		if header[n] == "Host" {
			r.Host = header[n+1]
			continue
		}
		r.Header.Set(header[n], header[n+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(b)}
	var refused struct{ Code string }
	if json.Unmarshal(b, &refused) == nil {
		a.code = refused.Code
	}
	return a
}

// call asks over the unix socket, in JSON.
func (w *world) call(method, body string, header ...string) answer {
	w.t.Helper()
	return ask(w.t, w.local, "POST", "http://core/api/atelier.v1."+method, body, append([]string{"Content-Type", "application/json"}, header...)...)
}

// envelope is how a Connect stream carries its one request.
func envelope(message string) string {
	head := []byte{0, 0, 0, 0, byte(len(message))}
	return string(head) + message
}

// settles waits until a condition holds.
func settles(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("%s: not in %s", what, patience)
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond) // between two looks at the condition
	}
}

// leaves checks that as many goroutines are left as there were.
func leaves(t *testing.T, before int) {
	t.Helper()
	end := time.Now().Add(patience)
	for runtime.NumGoroutine() > before {
		if time.Now().After(end) {
			var all bytes.Buffer
			stack := make([]byte, 1<<20)
			all.Write(stack[:runtime.Stack(stack, true)])
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, all.String())
		}
		time.Sleep(time.Millisecond) // between two looks at the condition
	}
}
