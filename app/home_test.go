package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds a test that hangs; it measures nothing.
const patience = 60 * time.Second

// soaking tells whether the long run is asked for.
func soaking() bool { return os.Getenv("ATELIER_SOAK") != "" }

// times is how often something is done: few in every run, many in the long one.
func times(few, many int) int {
	if soaking() {
		return many
	}
	return few
}

// home is a home of a test's own, and `atelier` to look at it from outside.
type home struct {
	t   *testing.T
	dir string
	bin string
}

// ownRuntime gives the homes made after it a runtime folder that the test may remove.
func ownRuntime(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ar") // a short path: sockets lie below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) // after the home
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return dir
}

func newHome(t *testing.T) *home {
	t.Helper()
	dir, err := os.MkdirTemp("", "ah") // a short path: sockets lie below it
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t, dir, filepath.Dir(binary(t, "atelier"))}
	t.Cleanup(h.end)
	return h
}

// end stops the core and all programs, and fails the test if a process stays.
func (h *home) end() {
	for _, e := range h.list() {
		if e.State == "running" || e.State == "suspended" || e.State == "starting" {
			h.try("kill", e.ID, "--signal", "KILL")
		}
	}
	h.try("core", "stop")
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		left := h.processes()
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			h.t.Errorf("processes of the home are left: %q", left)
			break
		}
	}
	if h.t.Failed() {
		if log, err := os.ReadFile(filepath.Join(h.dir, "state", "core.log")); err == nil {
			h.t.Logf("core.log ends:\n%s", log[max(0, len(log)-4000):])
		}
	}
	os.RemoveAll(h.dir)
}

// processes lists the command lines of processes that name the home.
func (h *home) processes() (found []string) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err == nil && bytes.Contains(line, []byte(h.dir)) {
			found = append(found, filepath.Base(filepath.Dir(path))+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func (h *home) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	h.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(h.bin, "atelier"), append([]string{"--home", h.dir}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ATELIER_") })
	return cmd
}

// try runs `atelier` and returns what it said, whatever its status.
func (h *home) try(args ...string) (out, complaint string, status int) {
	cmd := h.command(args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	if cmd.ProcessState == nil {
		h.t.Fatalf("atelier %q: %v", args, err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// run runs `atelier` and returns what it printed; it must exit with 0.
func (h *home) run(args ...string) string {
	h.t.Helper()
	out, complaint, status := h.try(args...)
	if status != 0 {
		h.t.Fatalf("atelier %q: status %d: %s", args, status, complaint)
	}
	return out
}

type execution struct {
	ID     string `json:"execution_id"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Status string `json:"status"`
	Output uint64 `json:"output_offset"`
	Exit   *int   `json:"exit_status"`
	PID    int    `json:"pid"`
}

func (h *home) list() []execution {
	h.t.Helper()
	var all struct{ Executions []execution }
	out, complaint, status := h.try("ps", "--json")
	if status != 0 {
		h.t.Errorf("atelier ps: status %d: %s", status, complaint)
		return nil
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		h.t.Fatal(err)
	}
	return all.Executions
}

func (h *home) find(name string) execution {
	h.t.Helper()
	for _, e := range h.list() {
		if e.Name == name {
			return e
		}
	}
	h.t.Fatalf("there is no %s", name)
	return execution{}
}

// core returns the pid of the running core, and starts one if none runs.
func (h *home) core() int {
	h.t.Helper()
	var status struct{ PID int }
	if err := json.Unmarshal([]byte(h.run("core", "start", "--json")), &status); err != nil || status.PID == 0 {
		h.t.Fatalf("no core: %v", err)
	}
	return status.PID
}

// kill9 kills one process, or a group by its negative id, and waits until its
// leader is gone.
func (h *home) kill9(pid int) {
	h.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		h.t.Fatalf("kill %d: %v", pid, err)
	}
	leader := max(pid, -pid)
	h.until("the killed process is gone", func() bool { return !alive(leader) })
}

// alive reports whether a process runs: a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func (h *home) until(what string, good func() bool) {
	h.t.Helper()
	for end := time.Now().Add(patience); !good(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("never: %s", what)
		}
	}
}

// launch is what the folder of an execution says of its shim.
func (h *home) shimPID(id string) int {
	h.t.Helper()
	var l struct {
		PID int `json:"pid"`
	}
	text, err := os.ReadFile(filepath.Join(h.dir, "data", "spool", id, "launch.json"))
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil || l.PID == 0 {
		h.t.Fatalf("no shim of %s: %v", id, err)
	}
	return l.PID
}
