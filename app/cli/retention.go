package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// amount is how much goes, or has gone.
type amount struct {
	Bodies        uint64 `json:"bodies"`
	BodyBytes     uint64 `json:"body_bytes"`
	Terminals     uint64 `json:"terminals"`
	TerminalBytes uint64 `json:"terminal_bytes"`
}

// retained is what a home lets go, what would go now, and what is gone.
type retained struct {
	Policy struct {
		Checkpoint string `json:"checkpoint"`
		Bodies     string `json:"bodies"`
		Terminals  string `json:"terminals"`
	} `json:"policy"`
	CheckpointName string `json:"checkpoint_name"`
	Due            amount `json:"due"`
	Gone           amount `json:"gone"`
	Running        uint64 `json:"running"`
}

func (p *program) retentionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retention",
		Short: "Say what old text and output may go, and let it go",
		Long: "A home keeps everything until it is told what may go: text and recorded output from before a\n" +
			"checkpoint that is final. What happened, who did it and when is always kept, so states, digests and\n" +
			"`atelier verify` stay as they are. What is gone is gone for good, and every list says so.",
		Example: "atelier retention set --checkpoint first-cut --bodies replaced --terminals drop\natelier retention show\natelier retention run",
	}
	cmd.AddCommand(p.retentionShowCommand(), p.retentionSetCommand(), p.retentionRunCommand())
	return group(cmd)
}

func (p *program) retentionShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Tell what may go, what would go now, and what is gone",
		Long:    "Tells what this home lets go, how much `atelier retention run` would drop now, and what is gone.",
		Example: "atelier retention show",
		Args:    wants(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.retentionShow(cmd.Context()) },
	}
}

func (p *program) retentionShow(ctx context.Context) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	a, err := do(ctx, s.Retention.Show, ask(s, s.Retention.Show))
	if err != nil {
		return err
	}
	var r retained
	if err := decode(a, &r); err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return r.tell(w) })
}

func (p *program) retentionSetCommand() *cobra.Command {
	var checkpoint, bodies, terminals string
	cmd := &cobra.Command{
		Use:   "set [--checkpoint C|newest] [--bodies keep|replaced|all] [--terminals keep|drop]",
		Short: "Say what may go",
		Long: "Says what may go from before a final checkpoint, and drops nothing by itself; without options\n" +
			"everything is kept. --bodies replaced lets text go that nothing shows at the checkpoint any more, such\n" +
			"as earlier titles; --bodies all lets all text go but the names of the workspace and of who acts.\n" +
			"--terminals drop lets the output go that terminals wrote before it, once they have ended.\n" +
			"With --checkpoint newest this is done whenever a checkpoint becomes final.",
		Example: "atelier retention set --checkpoint newest --bodies replaced",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.retentionSet(cmd.Context(), checkpoint, bodies, terminals)
		},
	}
	cmd.Flags().StringVar(&checkpoint, "checkpoint", "", "a final checkpoint, or newest")
	cmd.Flags().StringVar(&bodies, "bodies", "keep", "the text that goes: keep, replaced or all")
	cmd.Flags().StringVar(&terminals, "terminals", "keep", "the output of terminals that have ended: keep or drop")
	return cmd
}

func (p *program) retentionSet(ctx context.Context, checkpoint, bodies, terminals string) error {
	s, err := p.openNew(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Retention.Set)
	q.Msg.Checkpoint, q.Msg.Bodies, q.Msg.Terminals = checkpoint, bodies, terminals
	a, err := do(ctx, s.Retention.Set, q)
	if err != nil {
		return err
	}
	var r retained
	if err := decode(a.GetNow(), &r); err != nil {
		return err
	}
	if p.json {
		return p.print(documentOf(a.GetNow()))
	}
	return r.tell(p.stdout)
}

func (p *program) retentionRunCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Drop for good what may go",
		Long: "Drops for good what `atelier retention show` says would go, and gives its room back to the disk. Who\n" +
			"did it is written down first. Ended in the middle it goes on when it is called again.",
		Example: "atelier retention run",
		Args:    wants(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.retentionRun(cmd.Context()) },
	}
}

func (p *program) retentionRun(ctx context.Context) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	a, err := do(ctx, s.Retention.Thin, ask(s, s.Retention.Thin))
	if err != nil {
		return err
	}
	var done struct {
		CheckpointName string `json:"checkpoint_name"`
		Dropped        amount `json:"dropped"`
		Running        uint64 `json:"running"`
		Busy           uint64 `json:"busy"`
	}
	if err := decode(a, &done); err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error {
		err := say(w, "dropped %s from before %s", done.Dropped.words(), called(done.CheckpointName))
		return errors.Join(err, tellRunning(w, done.Running+done.Busy))
	})
}

// words say an amount.
func (a amount) words() string {
	switch {
	case a == amount{}:
		return "nothing"
	case a.Terminals == 0:
		return fmt.Sprintf("%s of text (%d)", size(a.BodyBytes), a.Bodies)
	case a.Bodies == 0:
		return fmt.Sprintf("%s of output (%d)", size(a.TerminalBytes), a.Terminals)
	}
	return fmt.Sprintf("%s of text (%d) and %s of output (%d)", size(a.BodyBytes), a.Bodies, size(a.TerminalBytes), a.Terminals)
}

// called is the name of a checkpoint, which may be gone itself.
func called(checkpoint string) string {
	if checkpoint == "" {
		return "a checkpoint whose name is gone"
	}
	return checkpoint
}

func tellRunning(w io.Writer, n uint64) error {
	if n == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "terminals that have not ended keep theirs until then: %d\n", n)
	return err
}

func (r retained) tell(w io.Writer) error {
	var err error
	switch {
	case r.Policy.Checkpoint == "":
		err = say(w, "everything is kept")
	case r.CheckpointName == "" && r.Policy.Checkpoint == "newest" && r.Due == amount{}:
		err = say(w, "may go from before the newest final checkpoint, once there is one: text %s, output %s", r.Policy.Bodies, r.Policy.Terminals)
	default:
		err = errors.Join(say(w, "may go from before %s: text %s, output %s", called(r.CheckpointName), r.Policy.Bodies, r.Policy.Terminals),
			say(w, "would go now: %s", r.Due.words()), tellRunning(w, r.Running))
	}
	if r.Gone != (amount{}) {
		err = errors.Join(err, say(w, "is gone: %s", r.Gone.words()))
	}
	return err
}
