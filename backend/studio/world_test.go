package studio

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/keyfile"
)

// patience bounds a test that hangs; it measures nothing.
const patience = 30 * time.Second

// world is a home whose log is the real one and whose terminals are memory, so
// that a test says what each shim saw and when a core is killed.
type world struct {
	t    *testing.T
	dir  string
	key  ed25519.PrivateKey
	boot string

	mu     sync.Mutex
	spools map[event.ID]*fakeSpool
	shims  map[string]*fakeShim
	told   []string
	// quiet shims do not say that their program runs, until a test does.
	quiet bool
	// asked is called with each use of chance; nil does nothing.
	asked func()
	// appended is called with the type of each event that was written; nil does nothing.
	appended func(event.Type)
	// refused is a type of event that the log takes no more.
	refused event.Type
	// refuses is what shims note instead of a program that runs.
	refuses *attach.Note
	faults  faults

	log *badgerlog.Log
	*Studio
}

func newWorld(t *testing.T) *world {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir(), key: key, boot: "boot 1", spools: map[event.ID]*fakeSpool{}, shims: map[string]*fakeShim{}}
	w.open()
	t.Cleanup(w.kill)
	return w
}

func (w *world) open() {
	w.t.Helper()
	recovery := w.key.Public().(ed25519.PublicKey)
	log, _, err := badgerlog.Open(context.Background(), badgerlog.Options{Dir: w.dir, Key: w.key, RecoveryKey: recovery,
		Names: event.WorkspaceCreated{Workspace: "Home", Human: "anna", Device: "laptop"}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.log = log
	w.Studio, err = Open(context.Background(), w.ports())
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ports() Ports {
	return Ports{Log: refusing{w.log, w}, Spools: w, Shims: w, Typist: w, Links: w, Programs: w, Environments: w, Auditor: w, Boot: w.boot, Key: keyfile.NewSigner(w.key), Sizes: w.sizes,
		Now: time.Now, Random: chance{w}, Quota: 1 << 30, Tell: func(level, message string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, level+": "+message)
		}}
}

// refusing is the log, but for a type of event that a test lets it refuse.
type refusing struct {
	Log
	w *world
}

func (r refusing) Append(ctx context.Context, d event.Draft) (event.Event, error) {
	if err := r.w.faults.of("append " + string(d.Type)); err != nil {
		return event.Event{}, err
	}
	if d.Type == r.w.refused {
		return event.Event{}, fault.New(fault.Unavailable, "read_only", "the log takes no more writes", "mend the disk")
	}
	e, err := r.Log.Append(ctx, d)
	if r.w.appended != nil {
		r.w.appended(d.Type)
	}
	return e, err
}

func (r refusing) ReadOnly() string {
	if err := r.w.faults.of("read only"); err != nil {
		return err.Error()
	}
	return r.Log.ReadOnly()
}

func (r refusing) SaveState(key string, value []byte) error {
	if err := r.w.faults.of("save " + key); err != nil {
		return err
	}
	return r.Log.SaveState(key, value)
}

func (r refusing) Scan(from uint64, each func(uint64, event.Event) error) error {
	if err := r.w.faults.of("scan"); err != nil {
		return err
	}
	return r.Log.Scan(from, each)
}

// faults are what a test lets the world fail with, by what is done.
type faults struct {
	mu    sync.Mutex
	left  map[string]int // how often it fails yet
	tried map[string]int
}

// fail lets something fail some times.
func (f *faults) fail(what string, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == nil {
		f.left = map[string]int{}
	}
	f.left[what] = times
}

// of is what something that is done fails with now, if it does.
func (f *faults) of(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tried == nil {
		f.tried = map[string]int{}
	}
	f.tried[what]++
	if f.left[what] == 0 {
		return nil
	}
	f.left[what]--
	return fault.New(fault.Unavailable, "fault", what+" fails", "let it work")
}

// tries is how often something was done, or tried.
func (f *faults) tries(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tried[what]
}

const always = 1 << 30

// chance is the source of random bytes.
type chance struct{ w *world }

func (c chance) Read(b []byte) (int, error) {
	if c.w.asked != nil {
		c.w.asked()
	}
	return rand.Read(b)
}

// kill ends the core without a word: nothing is written any more.
func (w *world) kill() {
	if w.log == nil {
		return
	}
	w.cancel()
	w.work.Wait()
	w.mu.Lock()
	for _, shim := range w.shims {
		shim.hangUp()
	}
	w.mu.Unlock()
	if err := w.log.Close(); err != nil {
		w.t.Error(err)
	}
	w.log = nil
}

// restart kills the core and starts another.
func (w *world) restart() {
	w.t.Helper()
	w.kill()
	w.open()
}

func (w *world) caller(surface event.Surface) Caller {
	w.t.Helper()
	se, _, err := w.OpenSession(context.Background(), surface, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return Caller{Session: se.ID}
}

func (w *world) run(c Caller, name string) (event.ID, *fakeShim) {
	w.t.Helper()
	started, err := w.Start(context.Background(), c, StartRequest{Argv: []string{"sh"}, Folder: "/", Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	w.until("running", func() bool { x, _ := w.execution(started.ID); return x.State == "running" })
	return started.ID, w.shim(started.ID)
}

func (w *world) shim(id event.ID) *fakeShim {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shims[w.Folder(id)]
}

func (w *world) until(what string, good func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !good(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s; told: %q", what, w.told)
		}
	}
}

// events lists what the log holds of a type, oldest first.
func (w *world) events(kind event.Type) []event.Event {
	w.t.Helper()
	var all []event.Event
	if err := w.log.Scan(0, func(_ uint64, e event.Event) error {
		if kind == "" || e.Header.Type == kind {
			all = append(all, e)
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) last(kind event.Type) event.Event {
	w.t.Helper()
	all := w.events(kind)
	if len(all) == 0 {
		w.t.Fatalf("no %s", kind)
	}
	return all[len(all)-1]
}

// The ports.

func (w *world) Folder(id event.ID) string { return filepath.Join("/spool", id.String()) }

func (w *world) Make(id event.ID) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.faults.of("make"); err != nil {
		return "", err
	}
	w.spools[id] = &fakeSpool{faults: &w.faults}
	return w.Folder(id), nil
}

func (w *world) Open(id event.ID) (Spool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.faults.of("open"); err != nil {
		return nil, err
	}
	if s := w.spools[id]; s != nil {
		return s, nil
	}
	return nil, fault.New(fault.NotFound, "spool_unknown", "there is no folder", "look elsewhere")
}

func (w *world) Shorten(id event.ID, below uint64) error {
	w.mu.Lock()
	s, shim := w.spools[id], w.shims[w.Folder(id)]
	w.mu.Unlock()
	switch {
	case s == nil:
		return fault.New(fault.NotFound, "spool_unknown", "there is no folder", "look elsewhere")
	case shim != nil && shim.alive:
		return fault.New(fault.FailedPrecondition, "spool_busy", "a shim writes", "wait")
	}
	if err := w.faults.of("drop"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = max(s.gone, below)
	clear(s.bytes[:s.gone])
	return nil
}

func (w *world) Remove(id event.ID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.spools, id)
	return nil
}

func (w *world) All() (all []event.ID, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.spools {
		all = append(all, id)
	}
	return all, nil
}

func (w *world) Launch(_ context.Context, l Launch) (Held, error) {
	id, err := event.ParseID(filepath.Base(l.Folder))
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	shim := &fakeShim{spool: w.spools[id], launch: l, alive: true}
	w.shims[l.Folder] = shim
	w.mu.Unlock()
	if w.refuses != nil {
		shim.note(*w.refuses)
		shim.dies()
		return nil, fault.New(fault.NotFound, "program_not_found", "cannot run it", "see that it is there")
	}
	held := shim.connect(0)
	if !w.quiet {
		shim.note(attach.Note{Kind: attach.NoteStarted, PID: 7, Cols: l.Cols, Rows: l.Rows})
	}
	return held, nil
}

func (w *world) Adopt(_ context.Context, folder string, after uint64) (Held, error) {
	w.mu.Lock()
	shim := w.shims[folder]
	w.mu.Unlock()
	if shim == nil {
		return nil, fault.New(fault.Unavailable, "shim_dead", "it never was", "settle it").With("launch", "none")
	}
	if err := w.faults.of("adopt"); err != nil {
		return nil, fault.New(fault.Unavailable, "shim_unreachable", "process 7 holds it", "kill 7")
	}
	if !shim.alive {
		return nil, fault.New(fault.Unavailable, "shim_dead", "nobody listens", "settle it")
	}
	return shim.connect(after), nil
}

func (w *world) Type(_ context.Context, socket string, t attach.Ticket, epoch uint64, data []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, shim := range w.shims {
		if shim.launch.Socket == socket {
			return shim.typed(t, epoch, data)
		}
	}
	return fault.New(fault.Unavailable, "shim_gone", "nobody listens", "try again")
}

func (w *world) Point(event.ID, string) (string, error) { return "/run/agent", nil }
func (w *world) Drop(event.ID) error                    { return nil }
func (w *world) SocketOf(id event.ID) string            { return "/run/" + id.String()[:16] }
func (w *world) Resolve(argv0, _, _ string) (string, error) {
	return "/bin/" + argv0, nil
}
func (w *world) Login(context.Context) ([]string, string, error) {
	return []string{"PATH=/bin", "SECRET=canary-value"}, "/bin/bash", nil
}

func (w *world) AuditLog(ctx context.Context, progress func(events, seals uint64)) (events, seals uint64, wrong []Problem, err error) {
	r, err := w.log.Audit(ctx, func(done, _ uint64) { progress(done, 0) })
	for _, f := range r.Findings {
		wrong = append(wrong, Problem{Code: f.Code, Message: f.What})
	}
	return r.Events, r.Seals, wrong, err
}

// fakeSpool is recorded bytes in memory.
type fakeSpool struct {
	faults  *faults
	damaged error // what is behind the notes

	mu    sync.Mutex
	bytes []byte
	gone  uint64
	notes []attach.Note
	syncs int
}

func (s *fakeSpool) ReadAt(b []byte, at int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if uint64(at) < s.gone {
		return 0, fault.New(fault.OutOfRange, "output_gone", "it was dropped", "read on behind it")
	}
	if at >= int64(len(s.bytes)) {
		return 0, io.EOF
	}
	n := copy(b, s.bytes[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (s *fakeSpool) Gone() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone, s.faults.of("gone")
}

func (s *fakeSpool) End() (uint64, error) {
	if err := s.faults.of("end"); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(len(s.bytes)), nil
}

func (s *fakeSpool) Sync() error {
	s.mu.Lock()
	s.syncs++
	s.mu.Unlock()
	return s.faults.of("sync")
}

func (s *fakeSpool) Root(from, to uint64) (event.ID, error) {
	if err := s.faults.of("root"); err != nil {
		return event.ID{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := event.NewRangeHash()
	_, err := io.Copy(h, bytes.NewReader(s.bytes[from:to]))
	return h.Root(), err
}

func (s *fakeSpool) Notes(after uint64, each func(attach.Note) error) error {
	if err := s.faults.of("notes"); err != nil {
		return err
	}
	s.mu.Lock()
	notes := slices.Clone(s.notes)
	s.mu.Unlock()
	for _, n := range notes {
		if n.Index > after {
			if err := each(n); err != nil {
				return err
			}
		}
	}
	return s.damaged
}

func (s *fakeSpool) Close() error { return nil }

// fakeShim says what a test tells it to have seen, and outlives cores.
type fakeShim struct {
	spool  *fakeSpool
	launch Launch
	alive  bool

	mu       sync.Mutex
	held     *fakeHeld
	deaf     bool // what it notes is not told
	leaked   int  // links that were not closed when the next came
	epoch    uint64
	driver   attach.Ticket
	admitted map[attach.Ticket]bool // to connected
	input    []byte
	signals  []uint32
	size     attach.Size
	refuse   error
	stopped  bool // it answers nothing
}

type fakeHeld struct {
	shim    *fakeShim
	holding attach.Holding
	heard   chan attach.Frame
}

func (h *fakeHeld) Socket() string             { return h.shim.launch.Socket }
func (h *fakeHeld) Holding() attach.Holding    { return h.holding }
func (h *fakeHeld) Heard() <-chan attach.Frame { return h.heard }

func (h *fakeHeld) Close() error {
	h.shim.mu.Lock()
	defer h.shim.mu.Unlock()
	if h.shim.held == h {
		h.shim.held = nil
		close(h.heard)
	}
	return nil
}

func (h *fakeHeld) Do(ctx context.Context, f attach.Frame) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := h.shim
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if s.held != h {
		return fault.New(fault.Unavailable, "shim_gone", "the connection has ended", "adopt again")
	}
	if s.refuse != nil {
		return s.refuse
	}
	switch f := f.(type) {
	case attach.Admit:
		connected := s.admitted[f.Ticket]
		s.admitted[f.Ticket] = connected
	case attach.Dismiss:
		delete(s.admitted, f.Ticket)
	case attach.ResizeByCore:
		if attach.Size(f) != s.size {
			s.noted(attach.Note{Kind: attach.NoteResized, Cols: f.Cols, Rows: f.Rows})
		}
	case attach.Signal:
		s.signals = append(s.signals, f.Signal)
	case attach.Grant:
		if f.Epoch <= s.epoch {
			return fault.New(fault.Aborted, "epoch", fmt.Sprintf("epoch %d is not after %d", f.Epoch, s.epoch), "take the next")
		}
		s.epoch, s.driver = f.Epoch, f.Ticket
	}
	return nil
}

func (s *fakeShim) connect(after uint64) *fakeHeld {
	s.mu.Lock()
	if s.held != nil {
		s.leaked++
	}
	s.mu.Unlock()
	s.hangUp()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admitted == nil {
		s.admitted = map[attach.Ticket]bool{}
	}
	end, _ := s.spool.End()
	h := &fakeHeld{shim: s, heard: make(chan attach.Frame, 1<<16)}
	h.holding = attach.Holding{Version: 1, PID: 7, Epoch: s.epoch, End: end, Notes: uint64(len(s.spool.notes))}
	for t, connected := range s.admitted {
		h.heard <- attach.Held{Ticket: t, Connected: connected}
	}
	for _, n := range s.spool.notes {
		if n.Index > after {
			h.heard <- n
		}
	}
	s.held = h
	return h
}

func (s *fakeShim) hangUp() {
	s.mu.Lock()
	h := s.held
	s.mu.Unlock()
	if h != nil {
		h.Close()
	}
}

// note makes the shim see something.
func (s *fakeShim) note(n attach.Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted(n)
}

// noted is note for who holds mu.
func (s *fakeShim) noted(n attach.Note) {
	if n.Cols > 0 {
		s.size = attach.Size{Cols: n.Cols, Rows: n.Rows}
	}
	s.spool.mu.Lock()
	n.Index, n.Offset = uint64(len(s.spool.notes))+1, uint64(len(s.spool.bytes))
	s.spool.notes = append(s.spool.notes, n)
	s.spool.mu.Unlock()
	if s.held != nil && !s.deaf {
		s.held.heard <- n
	}
}

// prints makes the program write.
func (s *fakeShim) prints(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spool.mu.Lock()
	s.spool.bytes = append(s.spool.bytes, text...)
	end := uint64(len(s.spool.bytes))
	s.spool.mu.Unlock()
	if s.held != nil {
		s.held.heard <- attach.Wrote{End: end}
	}
}

func (s *fakeShim) connects(t attach.Ticket, connected bool) {
	s.mu.Lock()
	s.admitted[t] = connected
	s.mu.Unlock()
	kind := attach.NoteAttached
	if !connected {
		kind = attach.NoteDetached
	}
	s.note(attach.Note{Kind: kind, Ticket: t})
}

func (s *fakeShim) typed(t attach.Ticket, epoch uint64, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t != s.driver || epoch != s.epoch {
		return fault.New(fault.Aborted, "keyboard_taken", "another drives", "take it")
	}
	s.input = append(s.input, data...)
	return nil
}

// dies is the shim's process killed.
func (s *fakeShim) dies() {
	s.alive = false
	s.hangUp()
}

func (w *world) sizes() ([]Size, error) { return []Size{{"headers", 1, 2}}, w.faults.of("sizes") }
