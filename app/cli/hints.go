package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"atelier.dev/atelier/backend/fault"
)

// habits are what users of tmux, docker and a shell call our commands.
var habits = map[string][]string{
	"ps":         {"ls", "list", "sessions", "list-sessions", "top"},
	"run":        {"new", "new-session", "start", "spawn", "create"},
	"attach":     {"a", "at", "attach-session", "join", "watch", "open"},
	"kill":       {"stop", "end", "signal", "kill-session", "kill-window"},
	"send":       {"exec", "type", "write", "send-keys"},
	"transcript": {"logs", "cat", "tail", "output", "capture-pane"},
	"rename":     {"mv", "rename-session", "rename-window"},
	"show":       {"inspect", "info", "status"},
	"log":        {"history", "events"},
	"serve":      {"web", "server", "browser"},
}

// noCommand is what to do where a habit leads to none of ours.
var noCommand = map[string]string{
	"detach": `leave an attached terminal with Ctrl-\ d`,
	"rm":     "ended terminals cannot be removed yet", "remove": "ended terminals cannot be removed yet",
	"delete": "ended terminals cannot be removed yet", "prune": "ended terminals cannot be removed yet",
}

// suggestHabits gives the commands their other names, for hints alone.
func suggestHabits(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		cmd.SuggestFor = habits[cmd.Name()]
	}
}

// likeCommands are the commands that word may mean: by habit one, else by its letters.
func likeCommands(cmd *cobra.Command, word string) []string {
	for _, known := range cmd.Commands() {
		if slices.Contains(known.SuggestFor, word) {
			return []string{known.Name()}
		}
	}
	return cmd.SuggestionsFor(word)
}

// unknown names the command that does not exist, and those that are like it.
func unknown(cmd *cobra.Command, args []string) error {
	word := commandWord(args)
	what := "there is no command " + strings.TrimSpace(verb(cmd)+" "+word)
	if mend, known := noCommand[word]; known && !cmd.HasParent() {
		return fault.New(fault.InvalidArgument, "usage", what, mend)
	}
	if like := likeCommands(cmd, word); len(like) > 0 {
		what += ", did you mean " + strings.Join(like, " or ") + "?"
	}
	return usage(cmd, what)
}

// verb is a command as it is typed after our own name; empty for that alone.
func verb(cmd *cobra.Command) string {
	_, words, _ := strings.Cut(cmd.CommandPath(), " ")
	return words
}

// commandWord is the first word that is no flag and no value of one.
func commandWord(args []string) string {
	for n, word := range args {
		if !strings.HasPrefix(word, "-") && !isValue(args, n) {
			return word
		}
	}
	return ""
}

// isValue tells whether a word is what --home or --session names.
func isValue(args []string, at int) bool {
	return at > 0 && (args[at-1] == "--home" || args[at-1] == "--session")
}

var signalFlag = regexp.MustCompile(`^-([0-9]+|[A-Z][A-Z0-9+-]*)$`)

// signalWords lets `kill -9` and `kill -HUP` say what they say in a shell.
func signalWords(args []string) []string {
	if commandWord(args) != "kill" {
		return args
	}
	said := slices.Clone(args)
	for n, word := range said {
		if word == "--" {
			break
		}
		if found := signalFlag.FindStringSubmatch(word); found != nil {
			said[n] = "--signal=" + found[1]
		}
	}
	return said
}

// flagMistake says what is wrong with a flag.
func flagMistake(cmd *cobra.Command, err error) error {
	var strange *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	switch {
	case errors.As(err, &strange):
		return usage(cmd, noFlag(cmd, strange))
	case errors.As(err, &bare):
		return usage(cmd, "--"+bare.GetFlag().Name+" needs a value")
	case errors.As(err, &bad):
		takes := "another value"
		switch kind := bad.GetFlag().Value.Type(); {
		case strings.HasPrefix(kind, "uint"):
			takes = "a number from 0 on"
		case kind == "bool":
			takes = "true or false"
		}
		return usage(cmd, fmt.Sprintf("--%s takes %s, not %q", bad.GetFlag().Name, takes, bad.GetValue()))
	}
	return usage(cmd, err.Error())
}

// noFlag names a flag that does not exist, and one that is like it.
func noFlag(cmd *cobra.Command, err *pflag.NotExistError) string {
	name := err.GetSpecifiedName()
	if err.GetSpecifiedShortnames() != "" {
		return "there is no flag -" + name + " for " + cmd.CommandPath()
	}
	var all []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	what := "there is no flag --" + name + " for " + cmd.CommandPath()
	if like := nearest(name, all); like != "" {
		what += ", did you mean --" + like + "?"
	}
	return what
}

// missing says what a command needs beside the arguments that it got.
func missing(cmd *cobra.Command, names []string, got int) error {
	lacks := slices.DeleteFunc(slices.Clone(names[got:]), func(name string) bool { return strings.HasPrefix(name, "[") })
	what := verb(cmd) + " needs " + strings.Join(lacks, " and ")
	if got > 0 {
		what += " too"
	}
	return usage(cmd, what)
}

// helpCommand is help that refuses what there is no command for.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Tell what a command does and which flags it has",
		Long:  "Tells what a command does, with all its flags; without one what commands there are.",
		RunE: func(cmd *cobra.Command, args []string) error {
			asked, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknown(asked, rest)
			}
			asked.InitDefaultHelpFlag() // else it is not among those that are told
			return asked.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			asked, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, known := range asked.Commands() {
				if known.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(known.Name(), known.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}
