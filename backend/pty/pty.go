// Package pty runs one program on a pseudo-terminal of its own.
//
// The program leads a new session that the terminal controls. It gets the
// terminal as descriptors 0, 1 and 2 and nothing else of ours: everything here
// is closed on exec.
package pty

import (
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"

	creack "github.com/creack/pty"
	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// Command says what to start. Nothing is looked up or added: Program is the
// path of the file, Environment the whole of it.
type Command struct {
	Program     string
	Argv        []string
	Folder      string
	Environment []string // KEY=VALUE
	Cols, Rows  uint16
	Umask       int
}

// Status is how a program ended: by exit with a status, or by a signal.
type Status struct {
	Status, Signal uint32
}

// ErrNotNow is returned by Read and Write when they would have to wait.
var ErrNotNow = errors.New("the terminal is not ready")

// Terminal is the master's side. It is for one thread; no method waits but Wait
// and, for a moment, More.
type Terminal struct {
	master, pid, process int
	reaped               bool
	status               Status
}

// Start opens a terminal and starts the program on it. It sets the umask of
// this process for a moment, so no other thread may make files meanwhile. When
// the calling thread ends, the kernel kills the program, even one that ignores
// the hang-up: nothing runs that nobody holds. The
// fault has the reason terminal_unavailable, folder_unusable or exec_failed,
// and the kernel's word as its cause.
func Start(c Command) (*Terminal, error) {
	if err := unix.Access(c.Folder, unix.X_OK); err != nil {
		return nil, fault.Wrap(err, fault.FailedPrecondition, "folder_unusable",
			"cannot start in "+c.Folder, "choose a folder that exists and that you may enter")
	}
	master, slave, err := open(c)
	if err != nil {
		return nil, fault.Wrap(err, fault.ResourceExhausted, "terminal_unavailable",
			"cannot open a pseudo-terminal", "end some programs, or raise kernel.pty.max")
	}
	defer unix.Close(slave)
	t, err := start(c, master, slave)
	if err != nil {
		unix.Close(master)
		return nil, err
	}
	return t, nil
}

func open(c Command) (master, slave int, err error) {
	m, s, err := creack.Open()
	if err != nil {
		return -1, -1, err
	}
	defer m.Close()
	defer s.Close()
	if err := creack.Setsize(m, &creack.Winsize{Cols: c.Cols, Rows: c.Rows}); err != nil {
		return -1, -1, err
	}
	if err := knowUTF8(int(s.Fd()), c.Environment); err != nil {
		return -1, -1, err
	}
	// Copies, because the runtime's poller must not watch these too.
	if master, err = plain(m); err != nil {
		return -1, -1, err
	}
	if slave, err = plain(s); err != nil {
		unix.Close(master)
		return -1, -1, err
	}
	return master, slave, unix.SetNonblock(master, true)
}

func plain(f *os.File) (int, error) {
	return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
}

// knowUTF8 lets the kernel's line editing erase whole characters when the
// program's locale has them.
func knowUTF8(slave int, environment []string) error {
	if !speaksUTF8(environment) {
		return nil
	}
	t, err := unix.IoctlGetTermios(slave, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag |= unix.IUTF8
	return unix.IoctlSetTermios(slave, unix.TCSETS, t)
}

// speaksUTF8 reads the locale as setlocale does: the first that is not empty.
func speaksUTF8(environment []string) bool {
	for _, name := range []string{"LC_ALL=", "LC_CTYPE=", "LANG="} {
		for _, pair := range environment {
			if value, ok := strings.CutPrefix(pair, name); ok && value != "" {
				value = strings.ToLower(value)
				return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
			}
		}
	}
	return false
}

func start(c Command, master, slave int) (*Terminal, error) {
	// What we ourselves were left by whoever started us is not the program's.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "terminal_unavailable",
			"cannot keep our files from the program", "Atelier needs Linux 5.11 or newer")
	}
	environment := c.Environment
	if environment == nil {
		environment = []string{} // nil would mean ours
	}
	terminal := uintptr(slave)
	before := unix.Umask(c.Umask)
	pid, err := syscall.ForkExec(c.Program, c.Argv, &syscall.ProcAttr{
		Dir: c.Folder, Env: environment, Files: []uintptr{terminal, terminal, terminal},
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0, Pdeathsig: syscall.SIGKILL},
	})
	unix.Umask(before)
	if err != nil {
		return nil, fault.Wrap(err, fault.FailedPrecondition, "exec_failed",
			"cannot run "+c.Program, "check that it is a program for this machine and that you may run it")
	}
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		_ = unix.Kill(-pid, unix.SIGKILL)
		return nil, fault.Wrap(err, fault.Unavailable, "terminal_unavailable",
			"cannot watch the program", "Atelier needs Linux 5.11 or newer")
	}
	return &Terminal{master: master, pid: pid, process: process}, nil
}

// FD is the master's descriptor, for waiting until it can be read or written.
func (t *Terminal) FD() int { return t.master }

// Ended is a descriptor that can be read once the program has ended.
func (t *Terminal) Ended() int { return t.process }

// PID is the program's process id, and the id of its session and group.
func (t *Terminal) PID() int { return t.pid }

// Read takes what the program wrote. It gives io.EOF when nobody holds the
// terminal any more, and ErrNotNow when nothing is there.
func (t *Terminal) Read(b []byte) (int, error) {
	// It never waits, so the runtime need not know of it: in a flood that is
	// thousands of calls a second, for 4 KiB each.
	n, _, err := unix.RawSyscall(unix.SYS_READ, uintptr(t.master), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	switch {
	case err == 0 && n > 0:
		return int(n), nil
	case err == unix.EAGAIN, err == unix.EINTR:
		return 0, ErrNotNow
	case err == unix.EIO, err == 0:
		return 0, io.EOF
	}
	return 0, broken(err, "read")
}

// More waits a short time for output and reports whether there is some. The
// runtime is not told either: it would hand this thread's work to another.
func (t *Terminal) More(wait time.Duration) bool {
	fds := [1]unix.PollFd{{Fd: int32(t.master), Events: unix.POLLIN}}
	until := unix.NsecToTimespec(wait.Nanoseconds())
	n, _, err := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&until)), 0, 0, 0)
	return err == 0 && n > 0
}

// Write types b, or a first part of it, and tells how much. It gives ErrNotNow
// when the program reads nothing and the kernel's buffer is full.
func (t *Terminal) Write(b []byte) (int, error) {
	n, err := unix.Write(t.master, b)
	switch err {
	case nil:
		return n, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, ErrNotNow
	}
	return max(n, 0), broken(err, "write to")
}

// Resize sets the size; the kernel tells the foreground group by SIGWINCH.
func (t *Terminal) Resize(cols, rows uint16) error {
	err := unix.IoctlSetWinsize(t.master, unix.TIOCSWINSZ, &unix.Winsize{Col: cols, Row: rows})
	if err != nil {
		return broken(err, "resize")
	}
	return nil
}

// Secret reports whether the program reads a line without echo: what is typed
// then is a password, and not even its length may be recorded.
func (t *Terminal) Secret() (bool, error) {
	mode, err := unix.IoctlGetTermios(t.master, unix.TCGETS)
	if err != nil {
		return false, broken(err, "look at")
	}
	return mode.Lflag&unix.ICANON != 0 && mode.Lflag&unix.ECHO == 0, nil
}

// Signal signals the program's own process group, and the one in the
// foreground if that is another.
func (t *Terminal) Signal(number int) error {
	if t.reaped {
		return fault.New(fault.FailedPrecondition, "execution_ended", "the program has ended", "start it again")
	}
	err := signalGroup(t.pid, number)
	front, errFront := unix.IoctlGetInt(t.master, unix.TIOCGPGRP)
	if errFront == nil && front > 1 && front != t.pid {
		err = errors.Join(err, signalGroup(front, number))
	}
	if err == nil {
		return nil
	}
	code := fault.PermissionDenied
	if errors.Is(err, unix.EINVAL) {
		code = fault.InvalidArgument
	}
	return fault.Wrap(err, code, "signal_refused", "cannot signal the program", "see signal(7) and who owns the process")
}

// signalGroup takes a group that is ending just now for signalled.
func signalGroup(group, number int) error {
	if err := unix.Kill(-group, unix.Signal(number)); err != unix.ESRCH {
		return err
	}
	return nil
}

// Exit reports how the program ended, once it has.
func (t *Terminal) Exit() (s Status, ended bool, err error) { return t.reap(unix.WNOHANG) }

// Wait waits for the program's end.
func (t *Terminal) Wait() (Status, error) {
	s, _, err := t.reap(0)
	return s, err
}

func (t *Terminal) reap(options int) (Status, bool, error) {
	if t.reaped {
		return t.status, true, nil
	}
	var w unix.WaitStatus
	pid, err := unix.Wait4(t.pid, &w, options, nil)
	for err == unix.EINTR {
		pid, err = unix.Wait4(t.pid, &w, options, nil)
	}
	if err != nil {
		return Status{}, false, broken(err, "wait for the program on")
	}
	if pid == 0 {
		return Status{}, false, nil
	}
	t.reaped = true
	if w.Signaled() {
		t.status.Signal = uint32(w.Signal())
	} else {
		t.status.Status = uint32(w.ExitStatus())
	}
	return t.status, true, nil
}

// Close lets the terminal go. Whoever still holds its other end is hung up.
func (t *Terminal) Close() {
	unix.Close(t.master)
	unix.Close(t.process)
}

func broken(err error, verb string) error {
	return fault.Wrap(err, fault.Unavailable, "terminal_broken", "cannot "+verb+" the terminal", "start the program again")
}
