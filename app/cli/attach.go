package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"atelier.dev/atelier/backend/home"
)

func (p *program) attachCommand() *cobra.Command {
	var observe bool
	cmd := &cobra.Command{
		Use:   "attach EXEC [--observe]",
		Short: "Look at a terminal and type into it",
		Long: "Shows the last screens of a terminal and then what it does, and types what you type if nobody else\n" +
			"has the keyboard. Ctrl-\\ d leaves it running, Ctrl-\\ t takes the keyboard, Ctrl-\\ twice sends one;\n" +
			"prefix_key under [attach] in settings.toml, or ATELIER_PREFIX_KEY, names another key. Old questions\n" +
			"to the terminal (where is the cursor? which colour?) are not asked again.\n\n" +
			"It exits 0 when you leave and with the program's status when that ends. Of a program that has\n" +
			"ended it shows the last of the transcript.",
		Example:           "atelier attach build\natelier attach build --observe",
		Args:              wants("EXEC"),
		Annotations:       showsProgram,
		ValidArgsFunction: p.completeExecution,
		RunE: func(cmd *cobra.Command, args []string) error {
			a := &attachment{p: p, observe: observe}
			if err := a.prepare(); err != nil {
				return err
			}
			return a.to(cmd.Context(), args[0], replayMax)
		},
	}
	cmd.Flags().BoolVar(&observe, "observe", false, "only watch, even if nobody has the keyboard")
	return cmd
}

// prepare reads what the attachment goes between, and our own key if a person types.
func (a *attachment) prepare() error {
	a.exact = a.p.json || !isTerminal(a.p.stdout)
	a.tty = isTerminal(a.p.stdin)
	if !a.tty {
		return nil
	}
	h, err := home.Resolve(a.p.home)
	if err != nil {
		return err
	}
	a.keys.prefix, a.prefixName, err = prefixKey(h.Settings())
	return err
}

// to attaches to a terminal and shows it from old bytes before its end on; 0
// shows all of it.
func (a *attachment) to(ctx context.Context, ref string, old uint64) error {
	s, err := a.p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if a.name == "" {
		e, err := a.p.other(ctx, s, ref)
		if err != nil {
			return err
		}
		a.name, ref = e.Name, e.ExecutionID
	}
	if a.at, err = s.attach(ctx, ref, a.observe); err != nil {
		return err
	}
	if old > 0 && a.at.OutputOffset > old {
		a.from = a.at.OutputOffset - old
	}
	err = a.begin()
	if err == nil && a.at.Ended {
		a.offset, a.cutLine = a.from, !a.exact && a.from > 0
		err = a.ended(ctx, s)
		a.leave()
	} else if err == nil {
		err = a.hold(ctx)
	}
	return a.conclude(ctx, err)
}

// begin says with --json what is attached to, and reads the ticket.
func (a *attachment) begin() (err error) {
	if a.p.json && !a.fresh { // run has said it
		err = a.p.line(a.at.answer)
	}
	if err != nil || a.at.Ended {
		return err
	}
	a.key, err = keyOf(a.at.Ticket)
	return err
}

// attach lets this session into a terminal, and lends its programs our agent.
func (s *studio) attach(ctx context.Context, ref string, observe bool) (place, error) {
	q := ask(s, s.Executions.Attach)
	q.Msg.Execution, q.Msg.Observe, q.Msg.SshAuthSock = ref, observe, os.Getenv("SSH_AUTH_SOCK")
	a, err := do(ctx, s.Executions.Attach, q)
	if err != nil {
		return place{}, err
	}
	var at place
	err = decode(a, &at)
	at.answer = documentOf(a).without("ticket").without("socket") // they let in whoever reads them
	return at, err
}

// ended shows what a terminal wrote from our offset on, as old output, and
// returns how its program ended, as an error even when that is 0.
func (a *attachment) ended(ctx context.Context, s *studio) error {
	whole, err := s.recorded(ctx, part{ref: a.at.ExecutionID, from: a.offset}, func(piece recording) error {
		return a.old(piece)
	})
	if err != nil {
		return err
	}
	if !whole {
		a.notice("some of what " + a.name + " wrote is missing; see `atelier verify`")
	}
	e, _, err := s.await(ctx, a.at.ExecutionID)
	if err != nil {
		return err
	}
	if e.ExitStatus != nil {
		a.tellEnd(*e.ExitStatus)
	}
	if err := e.ending(); err != nil {
		return err
	}
	return errOver
}

func (a *attachment) old(piece recording) error {
	a.offset = piece.GetOffset() + uint64(len(piece.GetData()))
	switch {
	case a.p.json:
		return a.p.recordedLine(piece)
	case a.exact:
		return a.write(piece.GetData())
	}
	return a.show(piece.GetData(), nil)
}

// conclude ends the JSON Lines of an attachment: how the program ended, unless
// it runs on, and the frontier.
func (a *attachment) conclude(ctx context.Context, err error) error {
	var own programStatus
	if !a.p.json || err != nil && !errors.As(err, &own) {
		return err
	}
	s, failed := a.p.open(ctx)
	if failed != nil {
		return failed
	}
	defer s.Close()
	all, answer, failed := s.list(ctx)
	if failed != nil {
		return failed
	}
	d := documentOf(answer)
	for n, e := range all {
		if e.ExecutionID != a.at.ExecutionID {
			continue
		}
		if failed := a.p.line(document{{"execution", d.get("executions").([]any)[n]}}); failed != nil {
			return failed
		}
	}
	if failed := a.p.line(frontier(d.get("read_frontier"))); failed != nil {
		return failed
	}
	return err
}
