package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"atelier.dev/atelier/backend/fault"
)

// start is what run is told to start, and how.
type start struct {
	argv        []string
	environment []string
	folder      string
	name        string
	as          string
	detach      bool
}

func (p *program) runCommand() *cobra.Command {
	// What the program gets is what we got, before anything of ours is added.
	q := start{environment: os.Environ()}
	cmd := &cobra.Command{
		Use:   "run [--name NAME] [--detach] [--] CMD [ARG…]",
		Short: "Run a program in a terminal that survives",
		Long: "Runs CMD with your environment in your folder, in a terminal of its own, and attaches to it until\n" +
			"it ends: Ctrl-\\ d leaves it running. It exits with the program's status: 128 and n for an end by\n" +
			"signal n, 126 when CMD cannot be executed, 127 when there is none, 125 when Atelier itself fails.\n\n" +
			"In a pipeline what CMD writes comes out byte by byte, what comes in is typed, and the end of it is\n" +
			"Ctrl-D. With --detach it prints the terminal's name and returns. With --json and without --detach\n" +
			"it prints JSON Lines: the terminal, its output in base64, its end, and the frontier.",
		Example:     "atelier run -- make test\natelier run --detach --name server -- npm start",
		Args:        wants("CMD…"),
		Annotations: showsProgram,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.argv = args
			if cmd.Flags().Changed("name") && q.name == "" {
				return usage(cmd, "--name is empty")
			}
			return p.run(cmd.Context(), q)
		},
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows CMD is its own
	flags.StringVar(&q.name, "name", "", "the terminal's name (default: made of command and folder)")
	flags.StringVar(&q.folder, "cwd", "", "the folder to run in (default: this one)")
	flags.StringVar(&q.as, "as", "", "the actor that the program acts as: it gets a session of its own in ATELIER_SESSION")
	flags.BoolVarP(&q.detach, "detach", "d", false, "do not attach: print the terminal's name and return")
	_ = cmd.MarkFlagDirname("cwd") // fails only for a flag that does not exist
	return cmd
}

func (p *program) run(ctx context.Context, q start) error {
	folder, err := filepath.Abs(q.folder) // of no name it is the working folder
	if err != nil {
		return fault.Wrap(err, fault.FailedPrecondition, "folder_missing", "the working folder is gone", "change to another, or name one with --cwd")
	}
	q.folder = folder
	a := &attachment{p: p, fresh: true}
	if !q.detach { // a broken setting is told before anything runs
		if err := a.prepare(); err != nil {
			return err
		}
	}
	id, name, err := p.start(ctx, q)
	if err != nil || q.detach {
		return err
	}
	a.name = name
	return a.to(ctx, id, 0)
}

// start starts the program and says what it has started.
func (p *program) start(ctx context.Context, q start) (id, name string, err error) {
	key, err := requestKey()
	if err != nil {
		return "", "", err
	}
	q.environment = p.passable(q.environment)
	cols, rows, is := sizeOf(p.stdout, p.stdin, p.stderr)
	if !is {
		cols, rows = usualCols, usualRows
	}
	for tries := 1; ; tries++ {
		id, name, err = p.startOnce(ctx, q, key, cols, rows)
		if err == nil || tries == startTries || !mayBeLost(err) {
			return id, name, err
		}
	}
}

// startOnce asks one core to start the program. Asked again under the same key
// a core, and the one after it, answers with what was started already.
func (p *program) startOnce(ctx context.Context, q start, key string, cols, rows uint16) (id, name string, err error) {
	s, err := p.openNew(ctx)
	if err != nil {
		return "", "", err
	}
	defer s.Close()
	r := ask(s, s.Executions.Start)
	r.Msg.Argv, r.Msg.Cwd, r.Msg.Environment, r.Msg.Name = q.argv, q.folder, q.environment, q.name
	r.Msg.Cols, r.Msg.Rows, r.Msg.RequestKey = uint32(cols), uint32(rows), key
	r.Msg.As = q.as
	r.Msg.SshAuthSock = os.Getenv("SSH_AUTH_SOCK")
	a, err := do(ctx, s.Executions.Start, r)
	switch {
	case err != nil:
		return "", "", err
	case p.json && !q.detach:
		err = p.line(documentOf(a))
	case q.detach:
		err = p.answer(a, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, visible(a.GetName()))
			return err
		})
	}
	return a.GetExecutionId(), a.GetName(), err
}

// mayBeLost tells whether a core went away before it answered: then nobody knows
// whether the program was started.
func mayBeLost(err error) bool {
	return fault.Is(err, "core_gone") || fault.Is(err, "core_stopped") || fault.Is(err, "core_stopping")
}

// requestKey names one request among all.
func requestKey() (string, error) {
	var key [16]byte
	if _, err := rand.Read(key[:]); err != nil {
		return "", fault.Wrap(err, fault.Internal, "random", "no random bytes are to be had", "mend the system's source of random bytes")
	}
	return hex.EncodeToString(key[:]), nil
}

// passable is the environment without what the schema cannot carry, which is said.
func (p *program) passable(environment []string) []string {
	kept := make([]string, 0, len(environment))
	for _, variable := range environment {
		if utf8.ValidString(variable) {
			kept = append(kept, variable)
			continue
		}
		name, _, _ := strings.Cut(variable, "=")
		fmt.Fprintln(p.stderr, "atelier: the variable "+visible(name)+" is not valid UTF-8 and is left out")
	}
	return kept
}
