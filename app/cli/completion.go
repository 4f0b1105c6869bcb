package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

func (p *program) completionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell: bash, zsh or fish",
		Long: "Prints a script that completes commands, flags and the names of terminals.\n\n" +
			"  bash   source <(atelier completion bash)\n" +
			"  zsh    atelier completion zsh > \"${fpath[1]}/_atelier\"\n" +
			"  fish   atelier completion fish > ~/.config/fish/completions/atelier.fish",
		Args:      wants("SHELL"),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				if _, err := io.WriteString(p.stdout, bashWords); err != nil {
					return err
				}
				return root.GenBashCompletionV2(p.stdout, true)
			case "zsh":
				return root.GenZshCompletion(p.stdout)
			case "fish":
				return root.GenFishCompletion(p.stdout, true)
			}
			return usage(cmd, "there is no completion for "+args[0])
		},
	}
	return cmd
}

// bashWords stands in for what cobra's script takes from the package
// bash-completion, where that is not installed.
const bashWords = `if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
    }
fi
if ! declare -F __ltrim_colon_completions >/dev/null; then
    __ltrim_colon_completions() { :; }
fi
`

// completeExecution completes the first argument with the names of terminals. It
// starts no core: a TAB changes nothing.
func (p *program) completeExecution(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWait)
	defer cancel()
	s, err := p.openRunning(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.Close()
	all, _, err := s.list(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, 0, len(all))
	for _, e := range all {
		names = append(names, cobra.CompletionWithDesc(visible(e.Name), visible(e.Status)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "Prints the version of this program. `atelier core status` tells that of the core that runs.",
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.json {
				return p.print(document{{"version", version}})
			}
			cmd.Println("atelier " + version)
			return nil
		},
	}
}
