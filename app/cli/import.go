package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
)

func (p *program) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "import",
		Short:   "Take in what others have written",
		Long:    "Takes in the history of a git repository.",
		Example: "atelier import git .",
	}
	cmd.AddCommand(p.importGitCommand())
	return group(cmd)
}

func (p *program) importGitCommand() *cobra.Command {
	var refs []string
	cmd := &cobra.Command{
		Use:   "git FOLDER",
		Short: "Make events of a repository's commits",
		Long: "Makes an event of every commit, each after the events of its parents, so that before, after and concurrent\n" +
			"are what git says. The repository is read and not changed; what was imported before is passed over.",
		Example: "atelier import git .",
		Args:    wants("FOLDER"),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.importGit(cmd.Context(), args[0], refs) },
	}
	cmd.Flags().StringArrayVar(&refs, "ref", nil, "only what this branch, tag or commit rests on (several: again)")
	return cmd
}

func (p *program) importGit(ctx context.Context, folder string, refs []string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	s, err := p.openNew(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := askStream(s, s.Objects.ImportGit)
	q.Msg.Folder, q.Msg.Refs = folder, refs
	var last proto.Message
	if err := each(ctx, s.Objects.ImportGit, q, func(m proto.Message) error { last = m; return nil }); err != nil {
		return err
	}
	if p.json {
		return p.print(documentOf(last))
	}
	var d struct{ Commits, Known uint64 }
	if err := decode(last, &d); err != nil {
		return err
	}
	return say(p.stdout, "took in %s; %s here already", counted(d.Commits-d.Known, "commit"), wereCounted(d.Known))
}

func counted(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func wereCounted(n uint64) string {
	if n == 1 {
		return "1 was"
	}
	return fmt.Sprintf("%d were", n)
}
