// Package loginshell asks a person's login shell which environment it gives, for
// programs that are started from a place that has none of its own: the window.
//
// The shell runs as a login and interactive, since people set PATH in the files
// of either. It has no terminal and nothing to read, sees nothing of this
// process's environment but what belongs to the desktop, and is asked anew each
// time, so that a changed profile shows in the next terminal.
package loginshell

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"atelier.dev/atelier/backend/fault"
)

// Shell is the login shell of one person. Its methods may be called at once.
type Shell struct {
	account Account
	wait    time.Duration
}

// New returns the login shell of an account.
func New(a Account) *Shell { return &Shell{account: a, wait: shellWait} }

// Login returns the variables of a login shell as KEY=VALUE, and the shell's
// path. When the shell does not give them within five seconds, the fault
// loginshell_failed comes with a least environment that programs can run in; and
// loginshell_text with what is UTF-8, when not all is. Both are for use.
func (s *Shell) Login(ctx context.Context) (environment []string, shell string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.wait, fmt.Errorf("it took longer than %v", s.wait))
	defer cancel()
	environment, err = s.ask(ctx)
	if err != nil {
		return s.base(), s.account.Shell, s.failed(ctx, err)
	}
	environment, odd := told(environment)
	if odd != "" {
		err = fault.New(fault.InvalidArgument, "loginshell_text", "the variable "+odd+" of the login shell is not UTF-8 and is left out",
			"change it in the shell's start files")
	}
	return environment, s.account.Shell, err
}

func (s *Shell) failed(ctx context.Context, err error) error {
	code, why := fault.Unavailable, "the login shell "+s.account.Shell+" did not tell its environment"
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		code, err = fault.Canceled, context.Cause(ctx)
	case ctx.Err() != nil:
		code, err = fault.DeadlineExceeded, context.Cause(ctx)
	}
	return fault.Wrap(err, code, "loginshell_failed", why+", so only HOME, PATH and the like are set",
		"run `"+filepath.Base(s.account.Shell)+" -l -i -c true </dev/null` and see what its start files wait for or fail at").
		With("shell", s.account.Shell)
}

// ask runs the shell and reads what it gives.
func (s *Shell) ask(ctx context.Context) ([]string, error) {
	mark := make([]byte, markBytes)
	rand.Read(mark)
	word := hex.EncodeToString(mark)
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd := s.command(word)
	cmd.Stdout = write
	err = cmd.Start()
	write.Close()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = read.SetReadDeadline(time.Now()) })
	defer stop()
	found, err := block(read, word)
	reap(cmd, err != nil)
	return found, err
}

// command is the shell in a session of its own. A dash before its name makes
// any shell a login; one plain command, the same in all their languages, is all
// that it has to understand. /proc shows exactly what the shell handed on.
func (s *Shell) command(mark string) *exec.Cmd {
	cmd := exec.Command(s.account.Shell)
	ask := fmt.Sprintf(`/bin/sh -c 'printf "%s\0"; /bin/cat /proc/$$/environ; printf "%s\0"'`, mark, mark)
	cmd.Args = []string{"-" + filepath.Base(s.account.Shell), "-i", "-c", ask}
	cmd.Env = s.base()
	cmd.Dir = s.account.Home
	if info, err := os.Stat(cmd.Dir); err != nil || !info.IsDir() {
		cmd.Dir = "/" // as login(1) does
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// block returns the pieces, each ended by NUL, between two marks.
func block(r io.Reader, mark string) ([]string, error) {
	in := bufio.NewScanner(io.LimitReader(r, outputMax))
	in.Buffer(nil, outputMax)
	in.Split(pieces)
	found, begun := []string{}, false
	for in.Scan() {
		piece := in.Text()
		switch {
		case !begun:
			begun = strings.HasSuffix(piece, mark) // after whatever the start files printed
		case piece == mark:
			return found, nil
		default:
			found = append(found, piece)
		}
	}
	return nil, errors.Join(in.Err(), errors.New("it ended before its answer was whole"))
}

func pieces(data []byte, _ bool) (advance int, token []byte, err error) {
	if end := bytes.IndexByte(data, 0); end >= 0 {
		return end + 1, data[:end], nil
	}
	return 0, nil, nil
}
