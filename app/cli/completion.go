package main

import (
	"context"

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
