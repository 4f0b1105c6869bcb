package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
)

func (p *program) checkpointCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Freeze how everything stands, and open it again exactly",
		Long: "A checkpoint names a consistent cut: a set of events that has all that they rest on. What it shows\n" +
			"never changes, and its digest is the same wherever it is computed.",
		Example: "atelier checkpoint create first-cut\natelier checkpoint finalize first-cut\natelier work list --at first-cut",
	}
	cmd.AddCommand(p.checkpointCreateCommand(), p.checkpointFinalizeCommand(), p.checkpointListCommand(),
		p.checkpointShowCommand(), p.checkpointOpenCommand(), p.checkpointDiffCommand(), p.checkpointExportCommand())
	return group(cmd)
}

func (p *program) checkpointCreateCommand() *cobra.Command {
	var w vantage
	var mode string
	var scope []string
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Name a cut",
		Long:    "Names a cut: all that is here now, or what --at names. It counts for good once it is finalized.",
		Example: "atelier checkpoint create first-cut",
		Args:    wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.checkpointCreate(cmd.Context(), args[0], w, mode, scope)
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVar(&mode, "mode", "suspended", "quiescent (nothing open in scope) or suspended (what is open is listed)")
	cmd.Flags().StringSliceVar(&scope, "scope", nil, "the objects that it is about (default: all)")
	return cmd
}

func (p *program) checkpointCreate(ctx context.Context, name string, w vantage, mode string, scope []string) error {
	s, err := p.openNew(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Checkpoints.Create)
	m := q.Msg
	m.Name, m.Branch, m.At, m.Mode, m.Scope = name, w.branch, w.at, mode, scope
	a, err := do(ctx, s.Checkpoints.Create, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return say(w, "named %s; finalize it to freeze it for good", a.GetName()) })
}

func (p *program) checkpointFinalizeCommand() *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:     "finalize CHECKPOINT",
		Short:   "Freeze a checkpoint for good",
		Long:    "Has control freeze a checkpoint: from then on it is kept, and work on a branch can be promoted from it.",
		Example: "atelier checkpoint finalize first-cut",
		Args:    wants("CHECKPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.decide(cmd.Context(), func(s *studio) decider { return s.Checkpoints.Finalize }, args[0], why, "finalized %s")
		},
		ValidArgsFunction: p.completeObject("checkpoint"),
	}
	cmd.Flags().StringVar(&why, "reason", "", "why, in words for people")
	return cmd
}

func (p *program) checkpointListCommand() *cobra.Command {
	var w vantage
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the checkpoints",
		Long:    "Lists the checkpoints, as of now or of a cut.",
		Example: "atelier checkpoint list",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.lists(cmd.Context(), "checkpoint", w, "", checkpointRows)
		},
	}
	w.flags(cmd)
	return cmd
}

func checkpointRows(all []object) ([]string, [][]string) {
	rows := make([][]string, 0, len(all))
	for _, o := range all {
		digest, _ := o.fields["digest"].(string)
		rows = append(rows, []string{o.called(), o.State, orDash(digest[:min(len(digest), shortID)]), ago(o.CreatedAt, time.Now())})
	}
	return []string{"CHECKPOINT", "STATE", "DIGEST", "NAMED"}, rows
}

func (p *program) checkpointShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show CHECKPOINT",
		Short:   "Show a checkpoint with its manifest and digest",
		Long:    "Shows what a checkpoint holds: its cut, its digest, what was open, and how far each terminal had written.",
		Example: "atelier checkpoint show first-cut",
		Args:    wants("CHECKPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.showAs(cmd.Context(), "checkpoint", args[0], vantage{})
		},
		ValidArgsFunction: p.completeObject("checkpoint"),
	}
}

func (p *program) checkpointOpenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "open CHECKPOINT",
		Short: "Look at a checkpoint again",
		Long: "Opens a checkpoint: it is recorded that it was opened, and what it holds is printed. Every list reads as\n" +
			"of it with --at CHECKPOINT.",
		Example:           "atelier checkpoint open first-cut",
		Args:              wants("CHECKPOINT"),
		RunE:              func(cmd *cobra.Command, args []string) error { return p.checkpointOpen(cmd.Context(), args[0]) },
		ValidArgsFunction: p.completeObject("checkpoint"),
	}
}

func (p *program) checkpointOpen(ctx context.Context, ref string) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Checkpoints.Open)
	q.Msg.Checkpoint = ref
	a, err := do(ctx, s.Checkpoints.Open, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return outline(w, documentOf(a).get("checkpoint"), 0) })
}

func (p *program) checkpointDiffCommand() *cobra.Command {
	var w vantage
	cmd := &cobra.Command{
		Use:     "diff A B",
		Short:   "Tell how two cuts differ",
		Long:    "Tells how two cuts stand to each other, and which objects and fields differ. A cut is a checkpoint, an\nevent or arrival:N; now is all that is here.",
		Example: "atelier checkpoint diff first-cut now",
		Args:    wants("A", "B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.diff(cmd.Context(), args[0], args[1], w.branch)
		},
	}
	w.branchFlag(cmd)
	return cmd
}

// difference is one object that is not the same at two cuts.
type difference struct {
	Kind, Name, How string
	Fields          []struct {
		Field string
		A, B  any
	}
}

func (p *program) diff(ctx context.Context, a, b, branch string) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Checkpoints.Diff)
	q.Msg.A, q.Msg.B, q.Msg.Branch = a, b, branch
	answer, err := do(ctx, s.Checkpoints.Diff, q)
	if err != nil {
		return err
	}
	return p.answer(answer, func(w io.Writer) error { return tellDiff(w, answer, a, b) })
}

func tellDiff(w io.Writer, answer proto.Message, a, b string) error {
	var d struct {
		Relation     string
		OnlyA, OnlyB uint64
		Differences  []difference
	}
	if err := decode(answer, &d); err != nil {
		return err
	}
	relation := map[string]string{"before": a + " lies before " + b, "after": a + " lies after " + b,
		"same": "the two are the same", "concurrent": "neither has all of the other"}[d.Relation]
	if err := say(w, "%s", relation); err != nil {
		return err
	}
	for _, one := range d.Differences {
		sign := map[string]string{"only_a": "-", "only_b": "+", "changed": "~"}[one.How]
		if err := say(w, "%s", sign+" "+strings.ReplaceAll(one.Kind, "_", " ")+" "+one.Name); err != nil {
			return err
		}
		for _, f := range one.Fields {
			if err := say(w, "    %s", fmt.Sprintf("%s: %v → %v", f.Field, shownValue(f.A), shownValue(f.B))); err != nil {
				return err
			}
		}
	}
	return nil
}

func shownValue(v any) string {
	if v == nil {
		return "-"
	}
	return clip(fmt.Sprint(v))
}
