// Package shimlink starts the processes that hold terminals, finds them again,
// and speaks the attach protocol with them on the core's behalf. It also finds
// the programs that they run and keeps the paths that go with an execution.
package shimlink

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/studio"
)

// shimPath is all that a shim gets as environment. It starts a program by its
// resolved path, with the environment of the launch: it needs nothing of ours.
const shimPath = "PATH=/usr/local/bin:/usr/bin:/bin"

// Shims starts shims and finds them again. Its methods may be called at once.
type Shims struct {
	program string
	output  *os.File
	umask   int
}

// New returns the shims that a program makes, atelier-shim. What they say goes
// to output, or nowhere when it is nil; programs get the umask.
func New(program string, output *os.File, umask int) *Shims {
	return &Shims{program: program, output: output, umask: umask}
}

// document is what a shim reads on its standard input, whole, up to its end.
type document struct {
	Argv        []string `json:"argv"`
	Program     string   `json:"program"`
	Cwd         string   `json:"cwd"`
	Environment []string `json:"environment"`
	Cols        uint16   `json:"cols"`
	Rows        uint16   `json:"rows"`
	Key         string   `json:"key"` // hex
	Socket      string   `json:"socket"`
	Quota       uint64   `json:"quota"`
	Reserve     uint64   `json:"reserve"`
	Umask       int      `json:"umask"`
}

// Launch starts a shim and returns when its program runs. A program that has
// ended by then leaves a link with nothing to say: what it did is on disk.
// Reasons: program_not_found, program_not_executable, shim_start, and the shim's
// own. The shim is in a session of its own and outlives this process.
func (s *Shims) Launch(ctx context.Context, l studio.Launch) (studio.Held, error) {
	if err := checkTexts(l); err != nil {
		return nil, err
	}
	text, err := s.document(l)
	if err != nil {
		return nil, notStarted(err)
	}
	p, err := s.start(l.Folder)
	if err != nil {
		return nil, notStarted(err)
	}
	w, err := p.launch(ctx, text)
	if err != nil && !s.began(l.Folder, p) {
		return nil, notStarted(err)
	}
	if w.Code != "" {
		return nil, w.fault()
	}
	return s.meet(l)
}

// meet connects to a shim whose program has begun, whatever the caller waits for
// by now. One that has ended, or is slow to answer, has begun all the same: then
// the link is one that has ended, and whoever holds it adopts the shim.
func (s *Shims) meet(l studio.Launch) (studio.Held, error) {
	h, err := s.Adopt(context.Background(), l.Folder, 0)
	if fault.Is(err, "shim_dead") || fault.Is(err, "shim_silent") {
		return pastLink(l.Socket, attach.Holding{Version: attach.Version}), nil
	}
	return h, err
}

// began reports whether a shim without a word has come so far that others may
// find it. One that has not is ended, so that it never does.
func (s *Shims) began(folder string, p *process) bool {
	if _, err := os.Lstat(filepath.Join(folder, recordName)); err == nil {
		return true
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	return false
}

// checkTexts refuses what JSON would change silently. It names what, and never
// gives a value away.
func checkTexts(l studio.Launch) error {
	bad := func(what string) error {
		return fault.New(fault.InvalidArgument, "text_invalid", what+" is not UTF-8", "leave it out or change it")
	}
	for n, argument := range l.Argv {
		if !utf8.ValidString(argument) {
			return bad(fmt.Sprintf("argument %d of the program", n))
		}
	}
	for _, variable := range l.Environment {
		if name, _, _ := strings.Cut(variable, "="); !utf8.ValidString(variable) {
			return bad(fmt.Sprintf("the variable %q", name))
		}
	}
	if !utf8.ValidString(l.Program) || !utf8.ValidString(l.Cwd) {
		return bad("the path of the program or of its folder")
	}
	return nil
}

func (s *Shims) document(l studio.Launch) ([]byte, error) {
	var key attach.Key
	rand.Read(key[:])
	return json.Marshal(document{Argv: l.Argv, Program: l.Program, Cwd: l.Cwd, Environment: l.Environment,
		Cols: l.Cols, Rows: l.Rows, Key: hex.EncodeToString(key[:]), Socket: l.Socket,
		Quota: l.Quota, Reserve: l.Reserve, Umask: s.umask})
}

// process is a shim that was just started.
type process struct {
	cmd         *exec.Cmd
	input, word *os.File
}

// start starts a shim with nothing of ours but three descriptors and the pipe
// for its word. It is waited for as long as we live, so that it leaves no zombie.
func (s *Shims) start(folder string) (*process, error) {
	ours, err := claim(folder)
	if err != nil {
		return nil, err
	}
	defer ours.Close() // from then on the shim alone holds it
	shimInput, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer shimInput.Close()
	word, shimWord, err := os.Pipe()
	if err != nil {
		input.Close()
		return nil, err
	}
	defer shimWord.Close()
	cmd := exec.Command(s.program, folder)
	cmd.Dir = "/" // it keeps nobody's folder busy
	cmd.Env = []string{shimPath}
	cmd.Stdin, cmd.ExtraFiles = shimInput, []*os.File{shimWord, ours}
	if s.output != nil { // a nil file in an interface is not none
		cmd.Stdout, cmd.Stderr = s.output, s.output
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, input.Close(), word.Close())
	}
	go func() { _ = cmd.Wait() }() // how it ends is told by its notes
	return &process{cmd, input, word}, nil
}

// launch gives a shim its launch and waits for its word.
func (p *process) launch(ctx context.Context, text []byte) (w word, err error) {
	defer p.word.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, wordWait, fmt.Errorf("it said nothing for %v", wordWait))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		_ = p.input.SetWriteDeadline(time.Now())
		_ = p.word.SetReadDeadline(time.Now())
	})
	defer stop()
	_, err = p.input.Write(text)
	// Closed in any case: half a launch ends a shim.
	if err = errors.Join(err, p.input.Close()); err != nil && !errors.Is(err, unix.EPIPE) {
		return w, why(ctx, err)
	}
	// A shim that ended early may have said why.
	if err := json.NewDecoder(io.LimitReader(p.word, wordMax)).Decode(&w); err != nil {
		return word{}, why(ctx, fmt.Errorf("it ended without a word (%w)", err))
	}
	return w, nil
}
