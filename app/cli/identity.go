package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) actorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "actor",
		Short:   "Say who acts in this workspace",
		Long:    "Actors are the people, agents and services that do things here. What each does is recorded as its own.",
		Example: "atelier actor add reviewer --kind agent\natelier actor list",
	}
	cmd.AddCommand(p.actorAddCommand(), p.actorListCommand(), p.actorRetireCommand())
	return group(cmd)
}

func (p *program) actorAddCommand() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:     "add NAME",
		Short:   "Enrol an actor at this home",
		Long:    "Has control enrol an actor, which may then act at this home: `atelier run --as NAME` gives a program a\nsession of its own.",
		Example: "atelier actor add reviewer --kind agent",
		Args:    wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.actorAdd(cmd.Context(), args[0], kind)
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "agent, human or service")
	return required(cmd, "kind")
}

func (p *program) actorAdd(ctx context.Context, name, kind string) error {
	s, err := p.openNew(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Identity.AddActor)
	q.Msg.Name, q.Msg.Kind = name, kind
	a, err := do(ctx, s.Identity.AddActor, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return say(w, "added %s", a.GetName()) })
}

func (p *program) actorListCommand() *cobra.Command {
	var w vantage
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the actors",
		Long:    "Lists who may act here, and who no longer does.",
		Example: "atelier actor list",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.lists(cmd.Context(), "actor", w, "", actorRows)
		},
	}
	w.atFlag(cmd)
	return cmd
}

func actorRows(all []object) ([]string, [][]string) {
	rows := make([][]string, 0, len(all))
	for _, o := range all {
		kind, _ := o.fields["actor_kind"].(string)
		rows = append(rows, []string{o.called(), kind, orDash(o.State), ago(o.CreatedAt, time.Now())})
	}
	return []string{"ACTOR", "KIND", "STATE", "ADDED"}, rows
}

func (p *program) actorRetireCommand() *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:     "retire ACTOR",
		Short:   "End what an actor may do; what it did stays",
		Long:    "Has control retire an actor. Its sessions do nothing more; all that it did stays, under its name.",
		Example: "atelier actor retire reviewer",
		Args:    wants("ACTOR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.actorRetire(cmd.Context(), args[0], why)
		},
		ValidArgsFunction: p.completeObject("actor"),
	}
	cmd.Flags().StringVar(&why, "reason", "", "why, in words for people")
	return cmd
}

func (p *program) actorRetire(ctx context.Context, ref, why string) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Identity.RetireActor)
	q.Msg.Actor, q.Msg.Why = ref, why
	a, err := do(ctx, s.Identity.RetireActor, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return say(w, "retired %s", ref) })
}

func (p *program) sessionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "session",
		Short: "Open, show, carry on and close sessions",
		Long: "A session is one actor at work: it orders what the actor does, and remembers what it was shown. Without\n" +
			"one named, commands speak in a session of your own that stays.",
		Example: "export ATELIER_SESSION=$(atelier session new)\natelier session show",
	}
	cmd.AddCommand(p.sessionNewCommand(), p.sessionShowCommand(), p.sessionExportCommand(), p.sessionImportCommand(), p.sessionRevokeCommand())
	return group(cmd)
}

// openingSession is what a new session is asked with.
type openingSession struct {
	as, surface, label string
	forget             bool
}

func (p *program) sessionNewCommand() *cobra.Command {
	var o openingSession
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Open a session and print its token",
		Long: "Opens a session and prints the token that names it, for --session or ATELIER_SESSION. Where this home has\n" +
			"lost what the actor was shown before, --forget goes on without it, and that is recorded.",
		Example: "atelier session new --as reviewer",
		Args:    wants(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.sessionNew(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.as, "as", "", "the actor that it is of (default: you)")
	flags.StringVar(&o.surface, "surface", "cli", "through what it acts: cli, api, mcp, …")
	flags.StringVar(&o.label, "label", "", "what it is called in lists")
	flags.BoolVar(&o.forget, "forget", false, "go on without what this home has lost")
	return cmd
}

func (p *program) sessionNew(ctx context.Context, o openingSession) error {
	s, err := p.openNew(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Identity.NewSession)
	m := q.Msg
	m.As, m.Surface, m.Label, m.Forget = o.as, o.surface, o.label, o.forget
	a, err := do(ctx, s.Identity.NewSession, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return say(w, "%s", a.GetToken()) })
}

func (p *program) sessionShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show [SESSION]",
		Short:   "Show a session: whose it is, what it was shown, what its next act follows",
		Long:    "Shows the session of this command line, or the one that is named.",
		Example: "atelier session show",
		Args:    wants("[SESSION]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.sessionShow(cmd.Context(), strings.Join(args, ""))
		},
	}
}

func (p *program) sessionShow(ctx context.Context, ref string) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Identity.ShowSession)
	q.Msg.Session = ref
	a, err := do(ctx, s.Identity.ShowSession, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return outline(w, documentOf(a).without("read_frontier"), 0) })
}

func (p *program) sessionExportCommand() *cobra.Command {
	var during time.Duration
	cmd := &cobra.Command{
		Use:     "export [SESSION]",
		Short:   "Print what another home goes on from",
		Long:    "Prints one line, signed by this home, with which another home of the workspace opens a successor: the\nsame actor, which has been shown the same.",
		Example: "atelier session export",
		Args:    wants("[SESSION]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.sessionExport(cmd.Context(), strings.Join(args, ""), during)
		},
	}
	cmd.Flags().DurationVar(&during, "for", 24*time.Hour, "how long it can be imported")
	return cmd
}

func (p *program) sessionExport(ctx context.Context, ref string, during time.Duration) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Identity.ExportSession)
	q.Msg.Session, q.Msg.Seconds = ref, uint32(during.Seconds())
	a, err := do(ctx, s.Identity.ExportSession, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return say(w, "%s", a.GetExported()) })
}

func (p *program) sessionImportCommand() *cobra.Command {
	var forget bool
	cmd := &cobra.Command{
		Use:     "import TEXT",
		Short:   "Go on for an exported session, and print the token",
		Long:    "Opens the successor of an exported session. What this home lacks of what it was shown is waited for a\nshort time and then told; --forget goes on without it, and that is recorded.",
		Example: "atelier session import \"$(cat exported)\"",
		Args:    wants("TEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.sessionImport(cmd.Context(), args[0], forget)
		},
	}
	cmd.Flags().BoolVar(&forget, "forget", false, "go on without what this home has lost")
	return cmd
}

func (p *program) sessionImport(ctx context.Context, text string, forget bool) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Identity.ImportSession)
	q.Msg.Exported, q.Msg.Surface, q.Msg.Forget = text, "cli", forget
	a, err := do(ctx, s.Identity.ImportSession, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return say(w, "%s", a.GetToken()) })
}

func (p *program) sessionRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke SESSION",
		Short:   "Close a session for good",
		Long:    "Closes a session: what it did stays, and it does nothing more.",
		Example: "atelier session revoke $ATELIER_SESSION",
		Args:    wants("SESSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.sessionRevoke(cmd.Context(), args[0])
		},
	}
}

func (p *program) sessionRevoke(ctx context.Context, ref string) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Identity.CloseSession)
	q.Msg.Session = ref
	a, err := do(ctx, s.Identity.CloseSession, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return say(w, "closed the session") })
}

func (p *program) workspaceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "workspace",
		Short:   "Tell of the workspace of this home",
		Long:    "A home holds one workspace: one shared body of work. Another one is another home: `atelier --home DIR`.",
		Example: "atelier workspace info",
	}
	var w vantage
	list := &cobra.Command{Use: "list", Short: "List the workspaces of this home", Long: "Lists the workspaces of this home: the one that it holds.",
		Example: "atelier workspace list", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.lists(cmd.Context(), "workspace", w, "", workspaceRows)
		}}
	info := &cobra.Command{Use: "info", Short: "Tell who and where this workspace is", Long: "Tells the name and id of the workspace, this home's device and replica, and how many events there are.",
		Example: "atelier workspace info", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.workspaceInfo(cmd.Context()) }}
	cmd.AddCommand(list, info)
	return group(cmd)
}

func workspaceRows(all []object) ([]string, [][]string) {
	rows := make([][]string, 0, len(all))
	for _, o := range all {
		rows = append(rows, []string{o.called(), o.ObjectID, ago(o.CreatedAt, time.Now())})
	}
	return []string{"WORKSPACE", "ID", "CREATED"}, rows
}

func (p *program) workspaceInfo(ctx context.Context) error {
	s, err := p.openNew(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	a, err := do(ctx, s.Core.Status, ask(s, s.Core.Status))
	if err != nil {
		return err
	}
	d := documentOf(a)
	info := document{}
	for _, name := range []string{"workspace", "workspace_name", "device_name", "actor_name", "peer_id", "home", "events", "read_frontier"} {
		info = append(info, member{name, d.get(name)})
	}
	if p.json {
		return p.print(info)
	}
	return outline(p.stdout, info.without("read_frontier"), 0)
}
