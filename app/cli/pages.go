package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"atelier.dev/atelier/backend/fault"
)

// pagesCommand writes the pages that are made from the commands themselves. It is
// for packagers, so the list of commands does not show it.
func (p *program) pagesCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages into a folder",
		Hidden: true,
		Args:   wants("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			page, ending := manPage, ".1"
			if markdown {
				page, ending = markdownPage, ".md"
			}
			for name, text := range pagesOf(cmd.Root(), page) {
				if err := os.WriteFile(filepath.Join(args[0], name+ending), text, 0o644); err != nil {
					return fault.Wrap(err, fault.FailedPrecondition, "pages", "cannot write the manual pages", "give a folder that exists and is yours")
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "write Markdown")
	return cmd
}

// pagesOf makes a page of every command that is not hidden, by file name.
func pagesOf(root *cobra.Command, page func(*cobra.Command) []byte) map[string][]byte {
	pages := map[string][]byte{pageName(root): page(root)}
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			for name, text := range pagesOf(cmd, page) {
				pages[name] = text
			}
		}
	}
	return pages
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// related are the command above and those below.
func related(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	if cmd.HasParent() {
		all = append(all, cmd.Parent())
	}
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			all = append(all, below)
		}
	}
	return all
}

// about is the long text of a command, or the short one.
func about(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short
}

// flagLines calls one for every flag that is shown.
func flagLines(cmd *cobra.Command, one func(names, use string)) {
	show := func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		names := "--" + f.Name
		if f.Shorthand != "" {
			names = "-" + f.Shorthand + ", " + names
		}
		if kind := f.Value.Type(); kind != "bool" {
			names += " " + strings.ToUpper(kind)
		}
		one(names, f.Usage)
	}
	cmd.LocalNonPersistentFlags().VisitAll(show)
	cmd.InheritedFlags().VisitAll(show)
	if !cmd.HasParent() {
		cmd.PersistentFlags().VisitAll(show)
	}
}

func markdownPage(cmd *cobra.Command) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %s\n\n%s.\n\n    %s\n\n```text\n%s\n```\n", cmd.CommandPath(), cmd.Short, cmd.UseLine(), about(cmd))
	out.WriteString("\n| flag | what it does |\n|---|---|\n")
	flagLines(cmd, func(names, use string) {
		fmt.Fprintf(&out, "| `%s` | %s |\n", names, strings.ReplaceAll(use, "|", `\|`))
	})
	if cmd.Example != "" {
		fmt.Fprintf(&out, "\n```sh\n%s\n```\n", cmd.Example)
	}
	if others := related(cmd); len(others) > 0 {
		out.WriteString("\n")
		for _, other := range others {
			fmt.Fprintf(&out, "- [%s](%s.md): %s\n", other.CommandPath(), pageName(other), other.Short)
		}
	}
	return out.Bytes()
}

// manPage writes a page in the language of man(7).
func manPage(cmd *cobra.Command) []byte {
	var out bytes.Buffer
	name := pageName(cmd)
	fmt.Fprintf(&out, ".TH %s 1 \"\" \"Atelier\" \"Atelier\"\n", strings.ToUpper(roff(name)))
	fmt.Fprintf(&out, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	fmt.Fprintf(&out, ".SH SYNOPSIS\n.B %s\n", roff(cmd.UseLine()))
	fmt.Fprintf(&out, ".SH DESCRIPTION\n.nf\n%s\n.fi\n", roff(about(cmd)))
	out.WriteString(".SH OPTIONS\n")
	flagLines(cmd, func(names, use string) { fmt.Fprintf(&out, ".TP\n.B %s\n%s\n", roff(names), roff(use)) })
	if cmd.Example != "" {
		fmt.Fprintf(&out, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(cmd.Example))
	}
	if others := related(cmd); len(others) > 0 {
		out.WriteString(".SH SEE ALSO\n")
		for n, other := range others {
			end := ","
			if n == len(others)-1 {
				end = ""
			}
			fmt.Fprintf(&out, ".BR %s (1)%s\n", roff(pageName(other)), end)
		}
	}
	return out.Bytes()
}

// roff keeps text from being read as requests, escapes or typographic dashes.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for n, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[n] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
