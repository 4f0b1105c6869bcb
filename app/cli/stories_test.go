package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds a story that hangs; it measures nothing.
const patience = 60 * time.Second

// programs is the folder of the built programs.
func programs(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("ATELIER_BIN")
	if folder == "" {
		folder = filepath.Join("..", "..", "build", "bin")
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"atelier", "atelier-core", "atelier-shim"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Fatalf("%v; run make build first", err)
		}
	}
	return folder
}

// world is a folder with a home of its own and nothing of the caller's.
type world struct {
	bin, root string
	env       []string
	locked    *os.File
}

// newWorld makes a world. Sockets lie below it, so its path is short.
func newWorld(t testing.TB) *world {
	t.Helper()
	root, err := os.MkdirTemp("", "as")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{bin: programs(t), root: root}
	for _, dir := range []string{"r", "t", "user"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.env = []string{
		"PATH=" + w.bin + ":" + os.Getenv("PATH"), "HOME=" + filepath.Join(root, "user"), "TMPDIR=" + filepath.Join(root, "t"),
		"ATELIER_HOME=" + filepath.Join(root, "h"), "XDG_RUNTIME_DIR=" + filepath.Join(root, "r"),
		"TERM=xterm-256color", "LANG=C.UTF-8", "SHELL=/bin/bash", "ROOT=" + root, "BIN=" + w.bin,
	}
	t.Cleanup(func() { w.end(t) })
	return w
}

// end ends what was started in a world, and fails the test if a process stays.
func (w *world) end(t testing.TB) {
	homes, err := filepath.Glob(filepath.Join(w.root, "*", "data", "lock"))
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob(filepath.Join(w.root, "*", "*", "data", "lock")) // those that a guide has made
	if err != nil {
		t.Fatal(err)
	}
	for _, lock := range append(homes, deeper...) {
		w.endHome(filepath.Dir(filepath.Dir(lock)))
	}
	for over := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		left := w.processes(t)
		if len(left) == 0 {
			break
		}
		if time.Now().After(over) {
			t.Errorf("processes are left: %q", left)
			break
		}
	}
	if t.Failed() {
		if log, err := os.ReadFile(filepath.Join(w.root, "h", "state", "core.log")); err == nil {
			t.Logf("core.log ends:\n%s", log[max(0, len(log)-4000):])
		}
	}
	os.RemoveAll(w.root)
}

// endHome ends the programs and the core of a home; one that cannot be opened
// any more has none.
func (w *world) endHome(home string) {
	out, _ := w.command("atelier", "--home", home, "ps", "--running", "--quiet").Output()
	for _, name := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		_ = w.command("atelier", "--home", home, "kill", name, "--signal", "KILL").Run()
	}
	_ = w.command("atelier", "--home", home, "core", "stop").Run()
}

func (w *world) processes(t testing.TB) (found []string) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte(w.root)) {
			found = append(found, filepath.Base(filepath.Dir(path))+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// command is a program in this world; a name without a slash is one of ours.
func (w *world) command(name string, args ...string) *exec.Cmd {
	if !strings.Contains(name, "/") {
		name = filepath.Join(w.bin, name)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = slices.Clone(w.env)
	if w.root != "" {
		cmd.Dir = filepath.Join(w.root, "user")
	}
	return cmd
}

// run runs `atelier`, which must succeed, and returns what it printed.
func (w *world) run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := w.command("atelier", args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("atelier %q: %v: %s", args, err, complaint.String())
	}
	return string(out)
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			w := newWorld(env.T().(testing.TB))
			env.Vars = append(w.env, "WORK="+env.WorkDir)
			env.Cd = env.WorkDir
			env.Values["world"] = w
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("there is no condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "until": until, "json": isJSON, "lines": areLines, "refused": refused, "post": post, "fetch": fetch,
			"listen": listen, "lock": lock,
		},
		Deadline: time.Now().Add(2 * patience),
	})
}

// status N PROGRAM ARG…: the program ends with status N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: status N PROGRAM ARG…")
	}
	err = ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	got := 0
	if errors.As(err, &ended) {
		got = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
}

// until REGEXP PROGRAM ARG…: the program, run again and again, prints a match.
// It sees the variables that a story begins with.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP PROGRAM ARG…")
	}
	want := regexp.MustCompile("(?m)" + args[0])
	for over := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		cmd := exec.Command("/usr/bin/env", args[1:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), ts.Value("world").(*world).env
		out, err := cmd.CombinedOutput()
		if want.Match(out) {
			return
		}
		if time.Now().After(over) {
			ts.Fatalf("it never printed %s: %v: %s", args[0], err, out)
		}
	}
}

// json MEMBER…: standard output is one JSON object with exactly these members in
// this order; [] behind a name is a list.
func isJSON(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile("stdout")
	if got := membersIn(ts, text); neg || !slices.Equal(got, args) {
		ts.Fatalf("the members are %q, want %q", got, args)
	}
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		ts.Fatalf("it is not one line")
	}
}

func membersIn(ts *testscript.TestScript, text string) (names []string) {
	in := json.NewDecoder(strings.NewReader(text))
	if open, err := in.Token(); err != nil || open != json.Delim('{') {
		ts.Fatalf("no JSON object: %q, %v", text, err)
	}
	for in.More() {
		name, err := in.Token()
		ts.Check(err)
		var value json.RawMessage
		ts.Check(in.Decode(&value))
		if value[0] == '[' {
			name = name.(string) + "[]"
		}
		names = append(names, name.(string))
	}
	if _, err := in.Token(); err != nil {
		ts.Fatalf("half an object: %v", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		ts.Fatalf("something follows the object")
	}
	return names
}

// lines MEMBER…: standard output is JSON Lines, the last with these members.
func areLines(ts *testscript.TestScript, neg bool, args []string) {
	all := strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\n"), "\n")
	for n, line := range all {
		got := membersIn(ts, line)
		if last := n == len(all)-1; last != slices.Equal(got, args) || neg {
			ts.Fatalf("line %d of %d has the members %q", n+1, len(all), got)
		}
	}
}

// refused CODE REASON: standard error has one sentence with what to do, and the
// same for programs.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	all := strings.Split(strings.TrimSuffix(ts.ReadFile("stderr"), "\n"), "\n")
	if neg || len(all) < 2 {
		ts.Fatalf("%d lines of complaint", len(all))
	}
	var said struct {
		Error struct {
			Code, Reason, Message, Mend string
			Details                     map[string]string
		}
	}
	ts.Check(json.Unmarshal([]byte(all[len(all)-1]), &said))
	e := said.Error
	if e.Code != args[0] || e.Reason != args[1] || e.Details == nil {
		ts.Fatalf("refused with %s, %s, %v; want %q", e.Code, e.Reason, e.Details, args)
	}
	if want := "atelier: " + e.Message + "; " + e.Mend; all[len(all)-2] != want || e.Mend == "" {
		ts.Fatalf("for a person it says %q, want %q", all[len(all)-2], want)
	}
}

// listen SOCKET…: unix sockets are there until the story ends.
func listen(ts *testscript.TestScript, neg bool, args []string) {
	for _, path := range args {
		l, err := net.Listen("unix", path)
		ts.Check(err)
		ts.Defer(func() { l.Close() })
	}
}

// lock FILE: somebody holds the file; with ! nobody any more.
func lock(ts *testscript.TestScript, neg bool, args []string) {
	held := ts.Value("world").(*world)
	if neg {
		ts.Check(held.locked.Close())
		return
	}
	var err error
	held.locked, err = os.OpenFile(args[0], os.O_RDWR, 0)
	ts.Check(err)
	ts.Check(syscall.Flock(int(held.locked.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
}

// post METHOD FILE STATUS: the one core of the story answers a call with this
// status; the answer is standard output.
func post(ts *testscript.TestScript, neg bool, args []string) {
	file, err := os.Open(ts.MkAbs(args[1]))
	ts.Check(err)
	defer file.Close()
	sockets, err := filepath.Glob(filepath.Join(ts.Getenv("XDG_RUNTIME_DIR"), "atelier", "*", "core.sock"))
	ts.Check(err)
	if neg || len(sockets) != 1 {
		ts.Fatalf("the cores are %q", sockets)
	}
	web := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", sockets[0])
	}}}
	defer web.CloseIdleConnections()
	call := func(method string, body io.Reader, session string) *http.Response {
		q, err := http.NewRequest(http.MethodPost, "http://core/api/atelier.v1."+method, body)
		ts.Check(err)
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Atelier-Session", session)
		answer, err := web.Do(q)
		ts.Check(err)
		return answer
	}
	var opened struct{ Session string }
	answer := call("CoreService/OpenSession", strings.NewReader(`{"surface":"api"}`), "")
	ts.Check(json.NewDecoder(answer.Body).Decode(&opened))
	answer.Body.Close()
	tell(ts, call(args[0], file, opened.Session), args[2])
}

// fetch FILE PATH STATUS: what is served at the address in a file answers with
// this status.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	address, _, found := strings.Cut(ts.ReadFile(args[0]), "/#k=")
	if neg || !found {
		ts.Fatalf("there is no address in %s", args[0])
	}
	answer, err := http.Get(address + args[1])
	ts.Check(err)
	tell(ts, answer, args[2])
}

func tell(ts *testscript.TestScript, answer *http.Response, status string) {
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
	if strconv.Itoa(answer.StatusCode) != status {
		ts.Fatalf("answered with %s, want %s: %s", answer.Status, status, body[:min(len(body), 400)])
	}
}
