package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
)

func (p *program) psCommand() *cobra.Command {
	var running, quiet bool
	var w vantage
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the terminals, those that ended too",
		Long: "Lists every terminal of this home: how it is, who has the keyboard, how many watch, how much it\n" +
			"wrote and when it started. Those that run come first, the newest before the older ones.",
		Example: "atelier ps\natelier ps --running --quiet",
		Args:    wants(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.ps(cmd.Context(), running, quiet, w.at) },
	}
	w.atFlag(cmd)
	cmd.Flags().BoolVar(&running, "running", false, "leave out those that ended")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print the names alone")
	return cmd
}

func (p *program) ps(ctx context.Context, running, quiet bool, at string) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	all, answer, err := s.listAt(ctx, at)
	if err != nil {
		return err
	}
	if p.json {
		return p.print(psDocument(answer, all, running))
	}
	if running {
		all = slices.DeleteFunc(all, execution.over)
	}
	slices.SortStableFunc(all, inOrder)
	if !quiet {
		return psTable(p.stdout, all, s.isMe, time.Now())
	}
	for _, e := range all {
		if _, err := fmt.Fprintln(p.stdout, visible(cmp.Or(e.Name, e.ExecutionID))); err != nil {
			return err
		}
	}
	return nil
}

// psDocument is the list, on demand without the terminals that ended; all tells
// which, in the same order. A list does not tell the names of variables, and none
// would say that there are none.
func psDocument(answer proto.Message, all []execution, running bool) document {
	d := documentOf(answer)
	kept := []any{}
	for n, value := range d.get("executions").([]any) {
		if e, is := value.(document); is && (!running || !all[n].over()) {
			kept = append(kept, e.without("environment_names"))
		}
	}
	return document{{"executions", kept}, {"read_frontier", d.get("read_frontier")}}
}

// inOrder puts what runs first, and then the newest.
func inOrder(a, b execution) int {
	switch {
	case !a.over() && b.over():
		return -1
	case a.over() && !b.over():
		return 1
	}
	return b.CreatedAt.Compare(a.CreatedAt)
}

func psTable(w io.Writer, all []execution, isMe func(operator) bool, now time.Time) error {
	rows := make([][]string, 0, len(all))
	for _, e := range all {
		rows = append(rows, []string{e.called(), e.Status, keyboard(e, isMe), watching(e), size(e.OutputOffset),
			ago(e.CreatedAt, now), clip(e.command())})
	}
	return table(w, []string{"NAME", "STATUS", "KEYBOARD", "WATCHING", "OUTPUT", "STARTED", "COMMAND"}, rows)
}

// keyboard says who drives, and where: it may be oneself, from elsewhere.
func keyboard(e execution, isMe func(operator) bool) string {
	if e.Driver == nil {
		return "-"
	}
	who := e.Driver.ActorName
	if isMe(*e.Driver) {
		who = "you"
	}
	if place := placeWord(e.Driver.Surface); place != "" {
		who += " (" + place + ")"
	}
	return who
}

// isMe reports whether an operator is the person who asks. Of a session that was
// named only itself is known to be.
func (s *studio) isMe(o operator) bool {
	if s.session == "" {
		return strings.HasPrefix(o.Session, os.Getenv("ATELIER_SESSION"))
	}
	return o.ActorID == s.actor
}

// placeWord says where an operator sits, as every screen says it.
func placeWord(surface string) string {
	switch surface {
	case "cli":
		return "command line"
	case "web":
		return "browser"
	case "api":
		return "program"
	case "mcp", "ssh":
		return strings.ToUpper(surface)
	}
	return surface
}

func watching(e execution) string {
	count := len(e.Operators)
	if e.Driver != nil {
		count = max(count-1, 0)
	}
	if count == 0 {
		return "-"
	}
	return fmt.Sprint(count)
}

// clip shortens a command for one column.
func clip(text string) string {
	const longest = 48 // with the other columns it fits most terminals
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return text
}
