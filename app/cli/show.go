package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) showCommand() *cobra.Command {
	var w vantage
	cmd := &cobra.Command{
		Use:   "show OBJECT|EVENT",
		Short: "Show one terminal, object or event whole",
		Long: "Shows all that is known of one object or event, ids and hashes too. An object's concurrent values\n" +
			"(written by two who had not seen each other) stand beside the one that counts.",
		Example:           "atelier show build",
		Args:              wants("OBJECT|EVENT"),
		ValidArgsFunction: p.completeExecution,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.showAs(cmd.Context(), "object", args[0], w)
		},
	}
	w.flags(cmd)
	return cmd
}

// showAs prints one object or event; with --json an object under a name.
func (p *program) showAs(ctx context.Context, name, ref string, w vantage) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Log.Show)
	q.Msg.Ref, q.Msg.Branch, q.Msg.At = ref, w.branch, w.at
	a, err := do(ctx, s.Log.Show, q)
	if err != nil {
		return err
	}
	if p.json {
		return p.print(documentOf(a).renamed("object", name))
	}
	return p.answer(a, func(w io.Writer) error {
		for _, shown := range documentOf(a).without("read_frontier") {
			if err := outline(w, shown.value, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// outline writes a value as indented lines of name and value, without what is empty.
func outline(w io.Writer, value any, depth int) error {
	indent := strings.Repeat("  ", depth)
	for _, m := range membersOf(value) {
		text, plain := inLine(m.value)
		switch {
		case plain && text == "", !plain && len(membersOf(m.value)) == 0:
			continue
		case plain:
			if _, err := fmt.Fprintf(w, "%s%s: %s\n", indent, m.name, visible(text)); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(w, "%s%s:\n", indent, m.name); err != nil {
			return err
		}
		if err := outline(w, m.value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// membersOf reads a document, an object or a list as members; a list's are
// numbered. An object without an order of its own is put in that of its names.
func membersOf(value any) document {
	switch v := value.(type) {
	case document:
		return v
	case []any:
		d := make(document, 0, len(v))
		for n, item := range v {
			d = append(d, member{fmt.Sprint("- ", n+1), item})
		}
		return d
	case map[string]any:
		d := make(document, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			d = append(d, member{name, v[name]})
		}
		return d
	}
	return nil
}

// inLine writes what fits behind a name: plain values and lists of them.
func inLine(value any) (text string, plain bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case document, map[string]any:
		return "", false
	case []any:
		words := make([]string, 0, len(v))
		for _, item := range v {
			word, plain := inLine(item)
			if !plain {
				return "", false
			}
			words = append(words, word)
		}
		return strings.Join(words, " "), true
	}
	return fmt.Sprint(value), true
}
