package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A running stage: its commands, each in a process group of its own, a log of
// all they print, and one deadline for them together.
type running struct {
	ctx    context.Context
	cancel context.CancelFunc
	limit  time.Duration
	log    *os.File
}

func newRunning(log string, limit time.Duration) (*running, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	return &running{ctx: ctx, cancel: cancel, limit: limit, log: file}, nil
}

func (r *running) output() string {
	content, err := os.ReadFile(r.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// command prepares a command that ends with its whole group at the deadline.
func (r *running) command(dir, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(r.ctx, name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "ATELIER_BIN="+binFolder())
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 10 * time.Second
	c.Stderr = r.log
	return c
}

func binFolder() string {
	here, err := os.Getwd()
	if err != nil {
		return ""
	}
	return filepath.Join(here, "build", "bin")
}

// finish names the deadline when that is what ended a command.
func (r *running) finish(err error) error {
	if err != nil && errors.Is(r.ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("not done after %s, and ended", r.limit)
	}
	return err
}

// show runs a command whose output goes to the screen and to the log.
func (r *running) show(name string, args ...string) error {
	c := r.command("", name, args...)
	both := io.MultiWriter(os.Stdout, r.log)
	c.Stdout, c.Stderr = both, both
	return r.finish(c.Run())
}

// goTest runs go and reads its events. A failing test is in the tally; an error
// is what kept go from testing.
func (r *running) goTest(args []string) (tally, error) {
	c := r.command("", "go", args...)
	pipe, err := c.StdoutPipe()
	if err != nil {
		return tally{}, err
	}
	if err := c.Start(); err != nil {
		return tally{}, err
	}
	got := goTally(io.TeeReader(pipe, r.log), os.Stdout)
	if err := c.Wait(); err != nil && (len(got.failed) == 0 || r.ctx.Err() != nil) {
		return got, r.finish(err)
	}
	return got, nil
}

// vitest runs vitest in frontend and reads its report.
func (r *running) vitest(args ...string) (tally, error) {
	report, err := os.CreateTemp("", "vitest*.json")
	if err != nil {
		return tally{}, err
	}
	report.Close()
	defer os.Remove(report.Name())
	args = append([]string{"run", "--reporter=default", "--reporter=json", "--outputFile.json=" + report.Name()}, args...)
	c := r.command("frontend", "node_modules/.bin/vitest", args...)
	c.Stdout = r.log
	failed := r.finish(c.Run())
	got, err := vitestTally(report.Name())
	if err != nil {
		return got, errors.Join(failed, err)
	}
	if failed != nil && (len(got.failed) == 0 || r.ctx.Err() != nil) {
		return got, failed
	}
	return got, nil
}

// prSetChildSubreaper makes orphans ours (prctl(2)): a daemon that a test left
// behind becomes a child of the gate, however it detached.
const prSetChildSubreaper = 36

func becomeReaper() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
}

// graceForExit is how long a process may take to end after its test did.
const graceForExit = 5 * time.Second

// close ends the stage: it waits for what is still running, kills what does not
// end by itself and names it.
func (r *running) close() []string {
	r.cancel()
	r.log.Close()
	deadline := time.Now().Add(graceForExit)
	for {
		left := children()
		if len(left) == 0 {
			return nil
		}
		if time.Now().Before(deadline) {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		var names []string
		for pid, name := range left {
			names = append(names, fmt.Sprintf("%d %s", pid, name))
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return append(names, r.killed()...)
	}
}

// killed ends the orphans of those that were killed, until none is left.
func (r *running) killed() []string {
	var more []string
	for deadline := time.Now().Add(graceForExit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		left := children()
		if len(left) == 0 {
			break
		}
		for pid, name := range left {
			more = append(more, fmt.Sprintf("%d %s", pid, name))
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return more
}

// children reaps those that ended and returns the living, with their command lines.
func children() map[int]string {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err != nil || pid <= 0 {
			break
		}
	}
	living := map[int]string{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		// The name in brackets may hold spaces; state and parent follow it.
		rest := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(rest) > 1 && rest[0] != "Z" && rest[1] == strconv.Itoa(os.Getpid()) {
			line, _ := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
			living[pid] = strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return living
}
