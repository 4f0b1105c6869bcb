package pty_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/pty"
)

// patience bounds a hang, not a speed.
const patience = 60 * time.Second

func command(script string) pty.Command {
	return pty.Command{Program: "/bin/sh", Argv: []string{"sh", "-c", script}, Folder: "/",
		Environment: []string{"PATH=/usr/bin:/bin"}, Cols: 80, Rows: 24, Umask: 0o022}
}

func start(t *testing.T, c pty.Command) *pty.Terminal {
	t.Helper()
	terminal, err := pty.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = terminal.Signal(int(unix.SIGKILL))
		if _, err := terminal.Wait(); err != nil {
			t.Error(err)
		}
		terminal.Close()
	})
	return terminal
}

// ready waits for the terminal, and reports whether there is a point in it.
func ready(t *testing.T, terminal *pty.Terminal, events int16) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(terminal.FD()), Events: events}}
	for {
		n, err := unix.Poll(fds, int(patience.Milliseconds()))
		switch {
		case err == unix.EINTR:
		case err != nil:
			t.Fatal(err)
		case n == 0:
			t.Fatal("the terminal says nothing")
		default:
			return
		}
	}
}

// until reads up to a mark, or to the end when the mark is empty.
func until(t *testing.T, terminal *pty.Terminal, mark string) string {
	t.Helper()
	var all []byte
	b := make([]byte, 64<<10)
	for mark == "" || !bytes.Contains(all, []byte(mark)) {
		n, err := terminal.Read(b)
		all = append(all, b[:n]...)
		switch {
		case errors.Is(err, io.EOF) && mark == "":
			return string(all)
		case errors.Is(err, pty.ErrNotNow):
			ready(t, terminal, unix.POLLIN)
		case err != nil:
			t.Fatalf("%v after %q", err, all)
		}
	}
	return string(all)
}

func wait(t *testing.T, terminal *pty.Terminal) pty.Status {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(terminal.Ended()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, int(patience.Milliseconds())); n != 1 || err != nil {
		t.Fatalf("the program does not end: %v", err)
	}
	status, ended, err := terminal.Exit()
	if err != nil || !ended {
		t.Fatalf("ended %v, %v", ended, err)
	}
	return status
}

func TestExitTellsStatusOrSignal(t *testing.T) {
	for script, want := range map[string]pty.Status{
		"exit 0": {}, "exit 7": {Status: 7}, "exit 255": {Status: 255}, "kill -KILL $$": {Signal: 9}, "kill -TERM $$": {Signal: 15},
	} {
		if got := wait(t, start(t, command(script))); got != want {
			t.Errorf("%s: %+v, want %+v", script, got, want)
		}
	}
}

func TestProgramLeadsItsSessionAndTerminal(t *testing.T) {
	terminal := start(t, command("ps -o pid=,pgid=,sid=,tty= -p $$; cat /dev/tty"))
	pid := terminal.PID()
	line := until(t, terminal, "\r\n")
	var p, g, s int
	var tty string
	if _, err := fmt.Sscan(line, &p, &g, &s, &tty); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if p != pid || g != pid || s != pid || !strings.HasPrefix(tty, "pts/") {
		t.Errorf("pid %d is told %q", pid, line)
	}
	if _, err := terminal.Write([]byte("to the tty\r")); err != nil {
		t.Fatal(err)
	}
	until(t, terminal, "to the tty\r\nto the tty\r\n")
}

func TestEnvironmentIsWhatWasGiven(t *testing.T) {
	t.Setenv("CANARY", "of the caller")
	c := command("")
	c.Program, c.Argv = "/usr/bin/env", []string{"env", "-0"}
	for _, want := range [][]string{nil, {"B=2", "A=1", "A=again", "E=", "=C:", "U=\xff"}} {
		c.Environment = want
		got := strings.Split(strings.TrimSuffix(until(t, start(t, c), ""), "\x00"), "\x00")
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", append([]string{}, want...)) && len(want) > 0 {
			t.Errorf("%q, want %q", got, want)
		}
		if len(want) == 0 && got[0] != "" {
			t.Errorf("nothing was given, and %q came", got)
		}
	}
}

func TestOnlyTheTerminalIsInherited(t *testing.T) {
	planted, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // open on exec
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(planted)
	// ls holds the folder open as one more.
	if got := until(t, start(t, command("exec ls -m /proc/self/fd")), ""); got != "0, 1, 2, 3\r\n" {
		t.Errorf("descriptors %q", got)
	}
}

func TestFolderAndUmaskAreTheCallers(t *testing.T) {
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := command("pwd -P; umask")
	c.Folder, c.Umask = folder, 0o137
	before := unix.Umask(0o027)
	defer unix.Umask(before)
	if got, want := until(t, start(t, c), ""), folder+"\r\n0137\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if after := unix.Umask(0o027); after != 0o027 {
		t.Errorf("our own umask is now %#o", after)
	}
}

func TestResizeIsSeen(t *testing.T) {
	terminal := start(t, command("trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done"))
	until(t, terminal, "24 80\r\n")
	if err := terminal.Resize(132, 50); err != nil {
		t.Fatal(err)
	}
	until(t, terminal, "50 132\r\n")
}

func TestSecretIsALineWithoutEcho(t *testing.T) {
	for script, want := range map[string]bool{
		"stty -echo; echo set; read x": true, "echo set; read x": false, "stty raw -echo; echo set; read x": false,
	} {
		terminal := start(t, command(script))
		until(t, terminal, "set")
		if got, err := terminal.Secret(); err != nil || got != want {
			t.Errorf("%s: %v %v", script, got, err)
		}
	}
}

func TestSignalReachesForegroundAndProgram(t *testing.T) {
	// With job control the reader is a group of its own in the foreground.
	terminal := start(t, command(`set -m; trap 'echo program' INT; sh -c 'trap "echo front; exit" INT; echo up; while :; do sleep 0.02; done'; echo after; while :; do sleep 0.02; done`))
	until(t, terminal, "up\r\n")
	if err := terminal.Signal(int(unix.SIGINT)); err != nil {
		t.Fatal(err)
	}
	got := until(t, terminal, "after")
	if !strings.Contains(got, "front") || !strings.Contains(got, "program") {
		t.Errorf("%q", got)
	}
}

func TestSignalAfterTheEndIsRefused(t *testing.T) {
	terminal := start(t, command("exit"))
	wait(t, terminal)
	if err := terminal.Signal(int(unix.SIGTERM)); !fault.Is(err, "execution_ended") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownSignalIsRefused(t *testing.T) {
	if err := start(t, command("sleep 60")).Signal(4000); fault.Of(err).Code != fault.InvalidArgument {
		t.Errorf("got %v", err)
	}
}

func TestProgramThatReadsNothingStopsTheWriterOnly(t *testing.T) {
	terminal := start(t, command("stty raw -echo; echo up; sleep 60"))
	until(t, terminal, "up")
	b := make([]byte, 64<<10)
	for total := 0; ; {
		n, err := terminal.Write(b)
		total += n
		if errors.Is(err, pty.ErrNotNow) {
			return
		}
		if err != nil || total > 1<<20 {
			t.Fatalf("%d bytes were taken, %v", total, err)
		}
	}
}

func TestWhatCannotStartSaysWhy(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("\x00text"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("\x00text"), 0o700); err != nil { //nolint:gosec // it must be executable to be refused for its content
		t.Fatal(err)
	}
	for _, c := range []struct {
		program, folder, reason string
		errno                   error
	}{
		{filepath.Join(dir, "missing"), "/", "exec_failed", syscall.ENOENT},
		{plain, "/", "exec_failed", syscall.EACCES},
		{broken, "/", "exec_failed", syscall.ENOEXEC},
		{"/bin/true", filepath.Join(dir, "missing"), "folder_unusable", syscall.ENOENT},
	} {
		_, err := pty.Start(pty.Command{Program: c.program, Argv: []string{"x"}, Folder: c.folder, Cols: 1, Rows: 1})
		if !fault.Is(err, c.reason) || !errors.Is(err, c.errno) {
			t.Errorf("%s in %s: %v", c.program, c.folder, err)
		}
	}
}

func TestDescriptorsComeBack(t *testing.T) {
	before := descriptors(t)
	for range 50 {
		terminal, err := pty.Start(command("exit"))
		if err != nil {
			t.Fatal(err)
		}
		wait(t, terminal)
		terminal.Close()
		if _, err := pty.Start(pty.Command{Program: "/missing", Argv: []string{"x"}, Folder: "/"}); err == nil {
			t.Fatal("a missing program has started")
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
