package main

import (
	"time"

	"github.com/spf13/cobra"
)

func (p *program) workCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "work",
		Short: "Add work, claim it and bring it to its end",
		Long: "Work items say what is to be done, who does it and how far it is. Two who change the same item\n" +
			"without having seen each other both keep their word: the item shows both values until somebody\n" +
			"who saw both decides.",
		Example: "atelier work add 'Read the logs'\natelier work claim 'Read the logs'\natelier work list",
	}
	cmd.AddCommand(p.workAddCommand(), p.workListCommand(), p.workUpdateCommand(),
		p.workMove("claim", "work_item.claimed", "Take a work item on", "claimed %s"),
		p.workMove("block", "work_item.blocked", "Say that a work item cannot go on", "%s is blocked"),
		p.workMove("review", "work_item.ready_for_review", "Say that a work item is ready to be looked at", "%s is ready for review"),
		p.workMove("complete", "work_item.completed", "Say that a work item is done", "%s is done"),
		p.workMove("cancel", "work_item.canceled", "Give a work item up", "%s is canceled"))
	return group(cmd)
}

func (p *program) workAddCommand() *cobra.Command {
	var depends []string
	var summary, owner string
	var w vantage
	cmd := &cobra.Command{
		Use:     "add TITLE",
		Short:   "Add a work item",
		Long:    "Adds a work item and prints what it is called. With --json the answer has its object_id.",
		Example: "atelier work add 'Try the fix' --depends 'Read the logs'",
		Args:    wants("TITLE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := changing{kind: "work_item.created", branch: w.branch, set: map[string]string{"title": args[0]}, done: "added %s"}
			if summary != "" {
				c.set["summary"] = summary
			}
			if owner != "" {
				c.set["owner"] = owner
			}
			if len(depends) > 0 {
				c.add = map[string][]string{"depends_on": depends}
			}
			return p.changes(cmd.Context(), c)
		},
	}
	w.branchFlag(cmd)
	cmd.Flags().StringSliceVar(&depends, "depends", nil, "a work item that has to be done before (several: again)")
	cmd.Flags().StringVar(&summary, "summary", "", "what it is about")
	cmd.Flags().StringVar(&owner, "owner", "", "who does it: an actor's name or id")
	return cmd
}

// workMove is a verb that leads a work item to another state.
func (p *program) workMove(verb, kind, short, done string) *cobra.Command {
	var w vantage
	var why string
	cmd := &cobra.Command{
		Use:     verb + " WORK",
		Short:   short,
		Long:    short + ". What its state does not allow is refused with what is allowed;\n`atelier why-not WORK` says more.",
		Example: "atelier work " + verb + " 'Read the logs'",
		Args:    wants("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.changes(cmd.Context(), changing{kind: kind, object: args[0], why: why, branch: w.branch, done: done})
		},
		ValidArgsFunction: p.completeObject("work_item"),
	}
	w.branchFlag(cmd)
	cmd.Flags().StringVar(&why, "reason", "", "why, in words for people")
	return cmd
}

func (p *program) workUpdateCommand() *cobra.Command {
	var w vantage
	var why, state string
	cmd := &cobra.Command{
		Use:   "update WORK [FIELD=VALUE…]",
		Short: "Change fields of a work item",
		Long: "Changes fields of a work item: FIELD=VALUE sets one, FIELD+=VALUE and FIELD-=VALUE add to one that\n" +
			"holds several and take away. --state active says that it goes on. Whoever changes an item that was\n" +
			"shown with two values decides between them.",
		Example: "atelier work update 'Try the fix' title='Try the second fix' depends_on+='Read the logs'",
		Args:    wants("WORK", "[FIELD=VALUE…]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := changing{kind: "work_item.updated", object: args[0], why: why, branch: w.branch, state: state, done: "changed %s"}
			if err := assignments(cmd, args[1:], &c); err != nil {
				return err
			}
			if len(args) == 1 && state == "" {
				return usage(cmd, "there is nothing to change")
			}
			return p.changes(cmd.Context(), c)
		},
		ValidArgsFunction: p.completeObject("work_item"),
	}
	w.branchFlag(cmd)
	cmd.Flags().StringVar(&why, "reason", "", "why, in words for people")
	cmd.Flags().StringVar(&state, "state", "", "the state that it goes on in: active")
	return cmd
}

func (p *program) workListCommand() *cobra.Command {
	var w vantage
	var state string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the work items",
		Long:    "Lists the work items of a branch, as of now or of a cut. (2 values) marks what two have changed\nwithout having seen each other; `atelier show WORK` shows both.",
		Example: "atelier work list\natelier work list --at first-cut",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.lists(cmd.Context(), "work_item", w, state, workRows)
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVar(&state, "state", "", "only those in this state")
	return cmd
}

func workRows(all []object) ([]string, [][]string) {
	rows := make([][]string, 0, len(all))
	for _, o := range all {
		owner, _ := o.fields["owner_name"].(string)
		rows = append(rows, []string{o.marked("title", clip(o.called())), o.marked("state", o.State), orDash(owner),
			o.Lifecycle, ago(o.UpdatedAt, time.Now())})
	}
	return []string{"WORK", "STATE", "OWNER", "STANDS", "CHANGED"}, rows
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
