package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

// patience is a bound on hanging, not a measure of speed.
const patience = 30 * time.Second

// asCore makes this test program a core, so that signals and exits are real.
const asCore = "ATELIER_TEST_AS_CORE"

func TestMain(m *testing.M) {
	if os.Getenv(asCore) != "" {
		os.Unsetenv(asCore)
		os.Exit(entry(os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // here this is the main of a core
	}
	m.Run()
}

func asCoreEnvironment() []string {
	return append(os.Environ(), asCore+"=1", "GORACE=atexit_sleep_ms=0") // a race is told before its end all the same
}

// place is a home of a test's own.
func place(t *testing.T) home.Home {
	t.Helper()
	root, err := os.MkdirTemp("", "core") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(root, "r"))
	if err := os.Mkdir(filepath.Join(root, "r"), 0o700); err != nil {
		t.Fatal(err)
	}
	h, err := home.Resolve(filepath.Join(root, "h"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// process is a core of its own.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	said  bytes.Buffer // on both outputs
	word  []byte       // its first word
	ended chan struct{}
}

// begin starts the program, and waits for its first word when it is told to run.
func begin(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0], args...), ended: make(chan struct{})}
	p.cmd.Env = asCoreEnvironment()
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	word, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer word.Close()
	if args[0] == "run" {
		p.cmd.ExtraFiles = []*os.File{write}
		p.cmd.Env = append(p.cmd.Env, home.StartVariable+"=3")
	}
	err = p.cmd.Start()
	write.Close() // now the core alone holds that end, if it was given it
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the status is asked for
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
	})
	if p.word, err = io.ReadAll(word); err != nil {
		t.Fatal(err)
	}
	return p
}

// status waits for the end.
func (p *process) status() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatal("the core does not end")
		return -1
	}
}

func (p *process) serves() {
	p.t.Helper()
	if strings.TrimSpace(string(p.word)) != "{}" {
		p.t.Fatalf("its first word is %q", p.word)
	}
}

// call asks the core of a home, in JSON.
func call(t *testing.T, h home.Home, method, body string) (int, map[string]any) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", h.Socket())
		}}}
	resp, err := client.Post("http://core/api/atelier.v1."+method, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

func TestCoreServesStopsAndComesBack(t *testing.T) {
	h := place(t)
	var id any
	for range 2 {
		p := begin(t, "run", "--home", h.Root)
		p.serves()
		code, is := call(t, h, "CoreService/Status", "{}")
		if code != 200 || is["home"] != h.Root || int(number(is["pid"])) != p.cmd.Process.Pid || is["workspaceName"] != "Home" {
			t.Errorf("%d %v", code, is)
		}
		if id != nil && is["peerId"] != id {
			t.Error("it came back as another")
		}
		id = is["peerId"]
		if told, ok, err := h.ReadCore(); err != nil || !ok || told.PID != p.cmd.Process.Pid || told.Socket != h.Socket() {
			t.Errorf("core.json: %+v %v %v", told, ok, err)
		}
		if code, said := call(t, h, "CoreService/Stop", "{}"); code != 200 {
			t.Errorf("%d %v", code, said)
		}
		if status := p.status(); status != 0 {
			t.Errorf("exit %d", status)
		}
		for _, path := range []string{h.CoreFile(), h.Socket(), h.TokenFile()} {
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("%s stays: %v", path, err)
			}
		}
	}
	log, err := os.ReadFile(h.CoreLog())
	if err != nil || bytes.Count(log, []byte("ended in order")) != 2 {
		t.Errorf("core.log: %s %v", log, err)
	}
}

// number reads a 64-bit number of JSON, which protobuf writes as text.
func number(v any) (n int64) {
	s, _ := v.(string)
	_ = json.Unmarshal([]byte(s), &n) // else it is 0, and compared
	return n
}

func TestSignals(t *testing.T) {
	h := place(t)
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := begin(t, "run", "--home", h.Root)
		p.serves()
		for _, nothing := range []syscall.Signal{syscall.SIGHUP, syscall.SIGPIPE} {
			if err := p.cmd.Process.Signal(nothing); err != nil {
				t.Fatal(err)
			}
			if code, _ := call(t, h, "CoreService/Status", "{}"); code != 200 {
				t.Errorf("after %s: %d", nothing, code)
			}
		}
		// However many of those come with it, none takes its place.
		for _, s := range append(slices.Repeat([]syscall.Signal{syscall.SIGPIPE, syscall.SIGHUP}, 100), end) {
			if err := p.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
		if status := p.status(); status != 0 {
			t.Errorf("%s: exit %d\n%s", end, status, p.said.String())
		}
	}
}

func TestSecondCoreSaysWhoIsFirst(t *testing.T) {
	h := place(t)
	first := begin(t, "run", "--home", h.Root)
	first.serves()
	second := begin(t, "run", "--home", h.Root)
	if status := second.status(); status != fault.ExitPrecondition {
		t.Errorf("exit %d", status)
	}
	var word struct {
		Reason  string
		Details map[string]string
	}
	if err := json.Unmarshal(second.word, &word); err != nil || word.Reason != "home_open" || word.Details["pid"] == "" {
		t.Errorf("%q %v", second.word, err)
	}
	if code, _ := call(t, h, "CoreService/Status", "{}"); code != 200 { // the second one left the first its socket
		t.Errorf("the first: %d", code)
	}
}

// A core that was killed holds its home until its last thread is gone.
func TestCoreWaitsForOneThatEnds(t *testing.T) {
	h := place(t)
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	lock, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	dying, err := net.Listen("unix", h.Socket()) // it is connected to, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer dying.Close()
	released := make(chan error, 1)
	time.AfterFunc(10*lockEvery, func() { // after it has looked several times
		dying.(*net.UnixListener).SetUnlinkOnClose(false)
		released <- errors.Join(dying.Close(), lock.Release())
	})
	begin(t, "run", "--home", h.Root).serves()
	if err := <-released; err != nil {
		t.Error(err)
	}
}

func TestCoreWaitsForAnAudit(t *testing.T) {
	h := place(t)
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	audit, err := h.LockForAudit()
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan error, 1)
	time.AfterFunc(10*lockEvery, func() { released <- audit.Release() }) // after it has looked several times
	begin(t, "run", "--home", h.Root).serves()
	if err := <-released; err != nil {
		t.Error(err)
	}
}

func TestCoreKilledComesBack(t *testing.T) {
	h := place(t)
	p := begin(t, "run", "--home", h.Root)
	p.serves()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.status()
	if _, err := os.Lstat(h.Socket()); err != nil {
		t.Fatalf("the control: a killed core leaves its socket: %v", err)
	}
	again := begin(t, "run", "--home", h.Root)
	again.serves()
	if code, _ := call(t, h, "CoreService/Status", "{}"); code != 200 {
		t.Errorf("%d", code)
	}
}

func TestForeignAndPlantedAreRefused(t *testing.T) {
	h := place(t)
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Socket(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, "run", "--home", h.Root)
	if status := p.status(); status != fault.ExitDenied || !bytes.Contains(p.word, []byte("runtime_planted")) {
		t.Errorf("a planted socket: exit %d, %s", status, p.word)
	}
	if _, err := os.Lstat(filepath.Join(h.Data, "log")); !os.IsNotExist(err) {
		t.Errorf("something was made: %v", err)
	}
}

func TestKeyIsNeverReplaced(t *testing.T) {
	h := place(t)
	begin(t, "run", "--home", h.Root).serves()
	call(t, h, "CoreService/Stop", "{}")
	lock := waitFor(t, h)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"replica.key", "recovery.key"} { // the latter is to be moved away
		info, err := os.Stat(keyPath(h, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	if err := os.Remove(keyPath(h, "recovery.key")); err != nil {
		t.Fatal(err)
	}
	p := begin(t, "run", "--home", h.Root)
	p.serves()
	if _, said := call(t, h, "CoreService/Doctor", "{}"); !strings.Contains(string(mustJSON(t, said)), "not kept on this machine") {
		t.Errorf("doctor says %v", said)
	}
	call(t, h, "CoreService/Stop", "{}")
	p.status()
	if err := os.Remove(keyPath(h, "replica.key")); err != nil {
		t.Fatal(err)
	}
	p = begin(t, "run", "--home", h.Root)
	if status := p.status(); status == 0 || !bytes.Contains(p.word, []byte("key_absent")) {
		t.Errorf("exit %d, %s", status, p.word)
	}
	if _, err := os.Stat(keyPath(h, "replica.key")); !os.IsNotExist(err) {
		t.Errorf("another key was made: %v", err)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// waitFor waits until the core of a home has ended.
func waitFor(t *testing.T, h home.Home) *home.Lock {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // between two looks
		lock, err := h.Lock()
		if err == nil {
			return lock
		}
		if !fault.Is(err, "home_open") || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestLongLogIsPutAside(t *testing.T) {
	h := place(t)
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.CoreLog(), make([]byte, logMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	begin(t, "run", "--home", h.Root).serves()
	aside, err := os.Stat(h.CoreLog() + ".old")
	if err != nil || aside.Size() != logMax+1 {
		t.Errorf("%v %v", aside, err)
	}
	now, err := os.ReadFile(h.CoreLog())
	if err != nil || len(now) > 4096 || !bytes.Contains(now, []byte("serving")) {
		t.Errorf("%d bytes, %v", len(now), err)
	}
}

func TestCommandLineIsRefusedByName(t *testing.T) {
	for _, args := range [][]string{{"fly"}, {"run", "--port", "1"}, {"run", "x"}, {"verify", "--what"}, {"-x"}} {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = asCoreEnvironment()
		said, _ := cmd.CombinedOutput() // its status is looked at below
		if cmd.ProcessState.ExitCode() != fault.ExitUsage || !bytes.Contains(said, []byte("usage: atelier-core")) {
			t.Errorf("%q: exit %d, %s", args, cmd.ProcessState.ExitCode(), said)
		}
	}
	for _, args := range [][]string{{"--version"}, {"--help"}, {"run", "--help"}} {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = asCoreEnvironment()
		if said, err := cmd.Output(); err != nil || len(said) == 0 {
			t.Errorf("%q: %s %v", args, said, err)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = asCoreEnvironment()
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != fault.ExitUsage {
		t.Errorf("without a command: %v", err)
	}
}

func TestNobodyElseCanReadAHome(t *testing.T) {
	h := place(t)
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	begin(t, "run", "--home", h.Root).serves()
	seen := 0
	err := filepath.WalkDir(h.Root, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		seen++
		return err
	})
	if err != nil || seen < 10 {
		t.Errorf("%d seen, %v", seen, err)
	}
}
