package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"atelier.dev/atelier/backend/fault"
)

func (p *program) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "import",
		Short:   "Take in what others have written",
		Long:    "Takes in the history of a git repository, or what another home has put into a bundle.",
		Example: "atelier import git .",
	}
	cmd.AddCommand(p.importGitCommand(), p.importBundleCommand())
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

func (p *program) importBundleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "bundle FILE",
		Short: "Take in a bundle that another home has made",
		Long: "Checks the whole bundle, takes its events into this home and folds them anew to the digest that the bundle\n" +
			"names. The home is a new one, or has the same workspace; its core must not run. What was taken in can be\n" +
			"read; writing begins once a member of the workspace has enrolled this replica.",
		Example: "atelier --home ./copy import bundle first.bundle",
		Args:    wants("FILE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.importBundle(cmd.Context(), args[0]) },
	}
}

func (p *program) importBundle(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	out, complaint, err := p.runCore(ctx, "import", "--json", path)
	if err != nil {
		return cmp.Or(refusedIn(complaint), err)
	}
	if p.json {
		return p.print(json.RawMessage(bytes.TrimSpace(out)))
	}
	var came struct {
		Taken, Known uint64
		Digest       string
	}
	if err := json.Unmarshal(out, &came); err != nil {
		return fault.Wrap(err, fault.Internal, "import_unread", "what the core's program said cannot be read", "build all programs again")
	}
	return say(p.stdout, "took in %s; %s here already\ndigest: %s, as the bundle says", counted(came.Taken, "event"), wereCounted(came.Known), came.Digest)
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
