package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"connectrpc.com/connect"

	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/gen/atelier/v1/atelierv1connect"
	"atelier.dev/atelier/backend/home"
)

// A forgetful core starts what it is asked to and goes away before it answers,
// as often as cuts says.
type forgetfulCore struct {
	atelierv1connect.UnimplementedCoreServiceHandler
	atelierv1connect.UnimplementedExecutionServiceHandler
	cuts int
	mu   sync.Mutex
	keys []string
	seen []*atelierv1.StartRequest
}

func (c *forgetfulCore) OpenSession(context.Context, *connect.Request[atelierv1.OpenSessionRequest]) (*connect.Response[atelierv1.OpenSessionResponse], error) {
	return connect.NewResponse(&atelierv1.OpenSessionResponse{Session: "s"}), nil
}

func (c *forgetfulCore) Start(_ context.Context, q *connect.Request[atelierv1.StartRequest]) (*connect.Response[atelierv1.StartResponse], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = append(c.keys, q.Msg.GetRequestKey())
	c.seen = append(c.seen, q.Msg)
	if len(c.keys) <= c.cuts {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	return connect.NewResponse(&atelierv1.StartResponse{ExecutionId: "x", Name: "n"}), nil
}

// serve lets the core answer for a home of the test's own.
func (c *forgetfulCore) serve(t *testing.T) (root string) {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	h, err := home.Resolve(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", h.Socket())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	path, core := atelierv1connect.NewCoreServiceHandler(c)
	mux.Handle("/api"+path, http.StripPrefix("/api", core))
	path, executions := atelierv1connect.NewExecutionServiceHandler(c)
	mux.Handle("/api"+path, http.StripPrefix("/api", executions))
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return h.Root
}

// quiet runs the command line with files for its streams.
func quiet(t *testing.T, args ...string) (status int, out, complaint string) {
	t.Helper()
	var files [3]*os.File
	for n, name := range []string{"in", "out", "err"} {
		f, err := os.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[n] = f
	}
	status = run(args, files[0], files[1], files[2])
	read := func(f *os.File) string {
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return status, read(files[1]), read(files[2])
}

func TestAStartThatGotNoAnswerIsAskedAgainUnderItsKey(t *testing.T) {
	core := &forgetfulCore{cuts: startTries - 1}
	root := core.serve(t)
	status, out, complaint := quiet(t, "--home", root, "run", "--detach", "--", "true")
	if status != 0 || out != "n\n" {
		t.Errorf("status %d, %q, %q", status, out, complaint)
	}
	core.mu.Lock()
	first := slices.Clone(core.keys)
	core.mu.Unlock()
	if len(first) != startTries {
		t.Fatalf("asked %d times", len(first))
	}
	for _, key := range first {
		if key == "" || key != first[0] {
			t.Errorf("the keys are %q: a program would be started twice", first)
		}
	}
	again, _, _ := quiet(t, "--home", root, "run", "--detach", "--", "true")
	core.mu.Lock()
	defer core.mu.Unlock()
	if again != 0 || core.keys[len(core.keys)-1] == first[0] {
		t.Error("two programs are started under one key")
	}
}

func TestACoreThatNeverAnswersIsNotAskedForEver(t *testing.T) {
	core := &forgetfulCore{cuts: 1 << 20}
	status, _, complaint := quiet(t, "--home", core.serve(t), "run", "--detach", "--", "true")
	core.mu.Lock()
	defer core.mu.Unlock()
	if status != exitOurs || len(core.keys) != startTries {
		t.Errorf("status %d after %d tries: %s", status, len(core.keys), complaint)
	}
}

func TestAStartSaysWhereAndWithWhat(t *testing.T) {
	core := &forgetfulCore{}
	root := core.serve(t)
	t.Setenv("SSH_AUTH_SOCK", "/run/agent")
	t.Setenv("CANARY", "yes")
	t.Setenv("ATELIER_SESSION", "")
	if status, _, complaint := quiet(t, "--home", root, "--session", "mine", "run", "--detach", "--cwd", "testdata", "--", "true"); status != 0 {
		t.Fatal(complaint)
	}
	core.mu.Lock()
	defer core.mu.Unlock()
	q := core.seen[0]
	folder, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if q.GetCwd() != folder || q.GetSshAuthSock() != "/run/agent" || q.GetCols() != usualCols || q.GetRows() != usualRows || q.GetLoginEnvironment() {
		t.Errorf("asked for %v", q)
	}
	all := map[string]bool{}
	for _, variable := range q.GetEnvironment() {
		all[variable] = true
	}
	if !all["CANARY=yes"] || !all["ATELIER_SESSION="] || all["ATELIER_SESSION=mine"] {
		t.Error("the program does not get the caller's own environment")
	}
}
