package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"atelier.dev/atelier/backend/fault"
)

// startFD is the descriptor of the pipe in the core: the first after stderr.
const startFD = 3

// ensure starts a core unless one answers. Of two starters one core loses the
// lock and both starters find the winner's socket. A core that was killed may
// hold the lock for a moment longer than it answers, so it is tried again.
func (h Home) ensure(ctx context.Context) (pid int, err error) {
	pid, err = h.probe(ctx)
	if err == nil || !mayStart(err) {
		return pid, err
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	var taken error // somebody has the home, and does not answer
	for {
		started := h.start(ctx)
		switch {
		case fault.Is(started, "home_open"), fault.Is(started, "home_audited"):
			taken = started
		case taken != nil && fault.Is(started, "core_start"):
			return 0, HeldBy(taken) // the time was up before the second one could say the same
		case started != nil:
			return 0, started
		}
		pid, err := h.await(ctx, winnerWait)
		switch {
		case err == nil || !mayStart(err):
			return pid, err
		case ctx.Err() != nil && taken != nil:
			return 0, HeldBy(taken)
		case ctx.Err() != nil:
			return 0, cannotStart(err)
		}
	}
}

// HeldBy is the fault of a home that somebody had open all the time that it was
// asked for: an audit says so itself, all others do not answer.
func HeldBy(taken error) error {
	if !fault.Is(taken, "home_open") {
		return taken
	}
	return silent(fault.Of(taken).Details["pid"])
}

// mayStart is true when nothing listens, or nothing was made yet.
func mayStart(err error) bool {
	return fault.Is(err, "core_stopped") || errors.Is(err, os.ErrNotExist)
}

func (h Home) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return cannotStart(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return cannotStart(err)
	}
	defer read.Close()
	cmd := h.command(filepath.Join(filepath.Dir(self), "atelier-core"), write)
	out, err := h.openLog()
	if err != nil {
		write.Close()
		return cannotStart(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Start()
	write.Close()
	out.Close()
	if err != nil {
		return cannotStart(err)
	}
	go func() { _ = cmd.Wait() }() // the core outlives us; when it dies first it leaves no zombie
	return firstWord(ctx, read)
}

func (h Home) command(program string, word *os.File) *exec.Cmd {
	args := []string{"run"}
	if h.Flag != "" {
		args = []string{"run", "--home", h.Flag}
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = "/" // a daemon keeps nobody's folder busy
	cmd.Env = append(placeOf(os.Environ()), fmt.Sprintf("ATELIER_START_FD=%d", startFD))
	cmd.ExtraFiles = []*os.File{word}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// ofPlace are the variables that say where a person is: whose home it is, where
// its folders lie, which desktop shows its windows and in what language. The core
// gets no other: it outlives the shell that happened to start it.
var ofPlace = []string{"HOME", "USER", "LOGNAME", "SHELL", "PATH", "TMPDIR", "LANG", "LANGUAGE", "TZ",
	"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "ATELIER_HOME"}

func placeOf(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.Contains(ofPlace, name) && !strings.HasPrefix(name, "LC_") && !strings.HasPrefix(name, "XDG_")
	})
}

// openLog opens core.log, or the null device while the home is not made yet.
func (h Home) openLog() (*os.File, error) {
	f, err := os.OpenFile(h.CoreLog, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	// What is wrong with the folders or their disk the core says better.
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) ||
		errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENOSPC) {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	return f, err
}

// firstWord waits for the core's first word: nothing in it when it serves.
func firstWord(ctx context.Context, pipe *os.File) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := pipe.SetReadDeadline(deadline); err != nil {
			return cannotStart(err)
		}
	}
	var word struct {
		Code, Reason, Message, Mend string
		Details                     map[string]string
	}
	if err := json.NewDecoder(io.LimitReader(pipe, wordMax)).Decode(&word); err != nil {
		return cannotStart(fmt.Errorf("it ended or hung without a word (%w)", err))
	}
	if word.Code == "" {
		return nil
	}
	code, ok := fault.ParseCode(word.Code)
	if !ok {
		code = fault.Unknown
	}
	return &fault.Error{Code: code, Reason: word.Reason, Message: word.Message, Mend: word.Mend, Details: word.Details}
}

// await polls the socket until it answers, or for as long as wait.
func (h Home) await(ctx context.Context, wait time.Duration) (pid int, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		pid, err := h.probe(ctx)
		if err == nil || !mayStart(err) {
			return pid, err
		}
		select {
		case <-ctx.Done():
			return 0, err
		case <-tick.C:
		}
	}
}

func cannotStart(err error) error {
	return fault.Wrap(err, fault.Unavailable, "core_start", "cannot start the core",
		"see `atelier core logs`, and that atelier-core lies beside atelier")
}
