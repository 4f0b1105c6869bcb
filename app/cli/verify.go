package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"atelier.dev/atelier/backend/apiclient"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

// audit is what verify read and what it found wrong.
type audit struct {
	Events      uint64    `json:"events"`
	Seals       uint64    `json:"seals"`
	Executions  uint64    `json:"executions"`
	OutputBytes uint64    `json:"output_bytes"`
	GoneBodies  uint64    `json:"gone_bodies"`
	GoneBytes   uint64    `json:"gone_bytes"`
	Problems    []problem `json:"problems"`
	Done        bool      `json:"done"`
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Mend    string `json:"mend"`
}

func (p *program) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Audit everything that an answer rests on",
		Long: "Reads the whole record: encoding, hashes, chains, seals and signatures of the events, and the\n" +
			"recorded bytes of every terminal. Works with the core running or stopped. With FILE it checks a\n" +
			"bundle instead, and needs neither core nor home. Exits 7 when something was changed or cut off,\n" +
			"and names it.",
		Example: "atelier verify\natelier verify first-cut.bundle",
		Args:    wants("[FILE]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return p.verifyBundle(cmd.Context(), args[0])
			}
			return p.verify(cmd.Context())
		},
	}
}

func (p *program) verify(ctx context.Context) error {
	if err := p.homeIsThere(); err != nil {
		return err
	}
	for over := time.Now().Add(auditWait); ; {
		err := p.verifyOnce(ctx)
		if !comesOrGoes(err) {
			return err
		}
		if time.Now().After(over) {
			return apiclient.HeldBy(err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(auditEvery):
		}
	}
}

// comesOrGoes is true when a core starts or ends beside an audit: soon the home is
// that core's, or free. Another audit ends by itself.
func comesOrGoes(err error) bool {
	// A core that ends gives its own audit up.
	return fault.Is(err, "canceled") || fault.Is(err, "home_open") || fault.Is(err, "home_audited") || fault.Is(err, "verify_cut") || mayBeLost(err)
}

// verifyOnce asks the core that runs, and reads alone when there is none.
func (p *program) verifyOnce(ctx context.Context) error {
	s, err := p.openRunning(ctx)
	if fault.Is(err, "core_stopped") {
		return p.verifyStopped(ctx)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	heard := reports{problems: []any{}}
	bar := p.progress()
	err = each(ctx, s.Log.Verify, askStream(s, s.Log.Verify), func(m proto.Message) error {
		err := heard.take(m)
		bar.say("%d events and %s of output read", heard.total.Events, size(heard.total.OutputBytes))
		return err
	})
	bar.end()
	if err != nil {
		return err
	}
	if !heard.total.Done {
		return fault.New(fault.Unavailable, "verify_cut", "the core stopped before everything was read", "see `atelier core logs`, and try again")
	}
	return p.verified(heard.total, heard.document())
}

// reports are what the core says while it reads: each has the counts so far, and
// the problems that are new.
type reports struct {
	last     proto.Message
	total    audit
	problems []any
}

func (r *reports) take(m proto.Message) error {
	var now audit
	if err := decode(m, &now); err != nil {
		return err
	}
	now.Problems = append(r.total.Problems, now.Problems...)
	r.last, r.total = m, now
	found, _ := documentOf(m).get("problems").([]any)
	r.problems = append(r.problems, found...)
	return nil
}

// document is the last report with the problems of all.
func (r *reports) document() document {
	d := documentOf(r.last).without("done")
	for n := range d {
		if d[n].name == "problems" {
			d[n].value = r.problems
		}
	}
	return d
}

// verifyStopped lets the core's program read the home, since no core has it open.
func (p *program) verifyStopped(ctx context.Context) error {
	out, complaint, err := p.runCore(ctx, "verify", "--json")
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return err
	}
	return p.heardVerify(out, complaint, err)
}

// runCore runs the core's program on the home that no core has open.
func (p *program) runCore(ctx context.Context, command string, args ...string) (out, complaint []byte, err error) {
	h, err := home.Resolve(p.home)
	if err != nil {
		return nil, nil, err
	}
	if h.Root != "" {
		args = append([]string{"--home", h.Root}, args...)
	}
	return runSibling(ctx, "atelier-core", append([]string{command}, args...)...)
}

// runSibling runs another program of ours, and returns what it said and how it ended.
func runSibling(ctx context.Context, name string, args ...string) (out, complaint []byte, err error) {
	core, err := sibling(name)
	if err != nil {
		return nil, nil, err
	}
	var said, complained bytes.Buffer
	cmd := exec.CommandContext(ctx, core, args...)
	cmd.Stdout, cmd.Stderr = &said, &complained
	// What nobody waits for keeps the home from nobody. The kernel looks at the
	// thread that started it, which must live as long as we do.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		err = fault.Wrap(err, fault.Unavailable, "core_start", "cannot run "+core, "build all programs again")
	}
	return said.Bytes(), complained.Bytes(), err
}

// heardVerify reads what the core's program said: an audit on its output, or a
// fault on its errors.
func (p *program) heardVerify(out, complaint []byte, ended error) error {
	var found audit
	if err := json.Unmarshal(out, &found); err == nil {
		return p.verified(found, json.RawMessage(bytes.TrimSpace(out)))
	}
	return unheard(complaint, ended)
}

// unheard is the fault of an audit that said nothing but on its errors.
func unheard(complaint []byte, ended error) error {
	if refused := refusedIn(complaint); refused != nil {
		return refused
	}
	if ended == nil {
		ended = errors.New("it said nothing that can be read")
	}
	if text := bytes.TrimSpace(complaint); len(text) > 0 {
		ended = fmt.Errorf("%w: %s", ended, text)
	}
	return fault.Wrap(ended, fault.DataLoss, "verify_failed", "the audit did not come to an end", "see what it says, and `atelier core logs`")
}

// refusedIn is the fault that the core's program has told on its errors, nil if none.
func refusedIn(complaint []byte) error {
	var refused struct {
		Error struct {
			Code, Reason, Message, Mend string
			Details                     map[string]string
		}
	}
	for _, line := range bytes.Split(complaint, []byte("\n")) {
		if json.Unmarshal(line, &refused) != nil {
			continue
		}
		if code, known := fault.ParseCode(refused.Error.Code); known {
			e := refused.Error
			return &fault.Error{Code: code, Reason: e.Reason, Message: e.Message, Mend: e.Mend, Details: e.Details}
		}
	}
	return nil
}

// verified prints an audit; a problem in it is the fault data_loss.
func (p *program) verified(found audit, whole any) error {
	var err error
	if p.json {
		err = p.print(whole)
	} else {
		err = found.tell(p.stdout)
	}
	if err != nil || len(found.Problems) == 0 {
		return err
	}
	return damaged(found.Problems, "the record of this home", "keep a copy of the home before you change anything")
}

// damaged is the fault of what was found wrong.
func damaged(found []problem, in, mend string) error {
	return fault.New(fault.DataLoss, found[0].Code, fmt.Sprintf("%s found in %s", counted(uint64(len(found)), "problem"), in), mend)
}

func (a audit) tell(w io.Writer) error {
	_, err := fmt.Fprintf(w, "read: %d events, %d seals, %d terminals, %s of output\n", a.Events, a.Seals, a.Executions, size(a.OutputBytes))
	if err == nil && a.GoneBodies+a.GoneBytes > 0 {
		_, err = fmt.Fprintf(w, "this home has let go: %d texts and %s of output, all from before final checkpoints\n", a.GoneBodies, size(a.GoneBytes))
	}
	for _, p := range a.Problems {
		if err == nil {
			_, err = fmt.Fprintf(w, "problem: %s; %s (%s)\n", visible(p.Message), visible(p.Mend), p.Code)
		}
	}
	if err == nil && len(a.Problems) == 0 {
		_, err = fmt.Fprintln(w, "all is as it was written")
	}
	return err
}

// sibling is another program of ours, beside this one.
func sibling(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fault.Wrap(err, fault.Unavailable, "program_missing", "this program cannot find itself", "call it by its whole path")
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return "", fault.Wrap(err, fault.Unavailable, "program_missing", name+" does not lie beside atelier", "build all programs with `make build`")
	}
	return path, nil
}
