package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"atelier.dev/atelier/backend/fault"
)

// program is one run of the command line: what it reads, writes and was told
// for all commands.
type program struct {
	stdin, stdout, stderr *os.File
	home                  string
	session               string
	json                  bool
	soon                  bool // a core that hangs is told at once, not after the wait for a slow disk
}

// run carries out one command line and returns the exit status.
func run(args []string, stdin, stdout, stderr *os.File) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr}
	root := p.root()
	args = signalWords(args)
	root.SetArgs(args)
	cmd, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	err = unwritten(err, stdout)
	if cmd == root && strings.HasPrefix(err.Error(), "unknown command ") {
		err = unknown(root, args)
	}
	// A line that cannot be parsed leaves the flag unread.
	p.json = p.json || fault.Is(err, "usage") && wantsJSON(args)
	status := statusOf(cmd, err)
	if _, own := err.(programStatus); !own { //nolint:errorlint // a wrapped one comes with a message
		p.tell(err)
	}
	return status
}

func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json")
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "atelier",
		Short: "Terminals that survive, and a record of all that happened in them",
		Long: "Atelier runs programs in terminals that belong to no window: close everything, kill the core,\n" +
			"come back, and they run on with every byte recorded.\n\n" +
			"Without a command it opens the window; without a display it serves the web page and prints the\n" +
			"address to open. The core starts by itself when a command needs it.",
		Example:       "atelier run -- make test\natelier ps\natelier attach make-atelier",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Annotations:   map[string]string{needsSettings: "yes"},
		RunE:          func(cmd *cobra.Command, _ []string) error { return p.openStudio(cmd.Context()) },

		PersistentPreRunE: p.settingsFirst,
	}
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetVersionTemplate("atelier {{.Version}}\n")
	root.DisableSuggestions = true // unknown makes them, in our own form
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(flagMistake)
	flags := root.PersistentFlags()
	flags.StringVar(&p.home, "home", "", "the folder of another home (default: ATELIER_HOME, else your own)")
	flags.StringVar(&p.session, "session", "", "the session to speak in (default: ATELIER_SESSION, else your own)")
	flags.BoolVar(&p.json, "json", false, "print one JSON document, or JSON Lines for a stream")
	root.AddCommand(p.runCommand(), p.psCommand(), p.attachCommand(), p.sendCommand(), p.transcriptCommand(),
		p.killCommand(), p.waitCommand(), p.resizeCommand(), p.renameCommand(),
		p.workCommand(), p.checkpointCommand(), p.retentionCommand(), p.actorCommand(), p.sessionCommand(), p.workspaceCommand(),
		p.whyCommand(), p.whyNotCommand(), p.concurrentCommand(), p.importCommand(), p.exportCommand(),
		p.logCommand(), p.showCommand(), p.verifyCommand(), p.doctorCommand(), p.serveCommand(), p.coreCommand(),
		p.completionCommand(), p.pagesCommand(), p.versionCommand())
	root.SetHelpCommand(helpCommand())
	suggestHabits(root)
	return root
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
