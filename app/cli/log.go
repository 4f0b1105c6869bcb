package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
)

// logQuestion is what log is asked for.
type logQuestion struct {
	object, actor, kind string
	follow              bool
	newest              uint32 // with none: 0
	none                bool   // nothing of what was written before
	own                 string // the terminal that it is told in: not what that writes
	vantage
}

func (p *program) logCommand() *cobra.Command {
	var q logQuestion
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Tell what happened, one line an event",
		Long: "Tells the events of this home in plain words, never one before what it rests on; when, on a terminal,\n" +
			"as long ago as it is, and else by date and hour. With --json each line is one event and the last one\n" +
			"the frontier that was read.",
		Example: "atelier log -n 10\natelier log --object build --follow",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.none = q.newest == 0 && cmd.Flags().Changed("number")
			return p.log(cmd.Context(), q)
		},
	}
	q.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&q.object, "object", "", "only what is about this terminal or object (name, id or its beginning)")
	flags.StringVar(&q.actor, "actor", "", "only what this person or agent did (name, id or its beginning)")
	flags.StringVar(&q.kind, "type", "", "only events of this type, for example execution.started")
	flags.BoolVarP(&q.follow, "follow", "f", false, "go on with what happens until Ctrl-C")
	flags.Uint32VarP(&q.newest, "number", "n", 0, "of what was written already the newest N only (default: all)")
	return cmd
}

func (p *program) log(ctx context.Context, asked logQuestion) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if asked.follow {
		if asked.own, err = p.ownTerminal(ctx, s); err != nil {
			return err
		}
	}
	q := askStream(s, s.Log.List)
	q.Msg.Object, q.Msg.Actor, q.Msg.Type = asked.object, asked.actor, asked.kind
	q.Msg.Follow, q.Msg.Limit = asked.follow, asked.newest
	q.Msg.Branch, q.Msg.At = asked.branch, asked.at
	if asked.none {
		q.Msg.Limit = 1 // to the core 0 is all
	}
	var heads any
	err = each(ctx, s.Log.List, q, func(m proto.Message) error {
		d := documentOf(m)
		skipped := asked.none && heads == nil // it was written already
		if read, _ := d.get("read_frontier").([]any); len(read) > 0 {
			heads = read
		}
		if skipped {
			return nil
		}
		return p.events(m, d, asked)
	})
	if err != nil && !(asked.follow && errors.Is(ctx.Err(), context.Canceled)) {
		return err
	}
	if p.json {
		return p.line(frontier(heads))
	}
	return nil
}

// event is what a line of log is made of.
type event struct {
	EventID  string    `json:"event_id"`
	Type     string    `json:"type"`
	WallTime time.Time `json:"wall_time"`
	Summary  string    `json:"summary"`
	Verdict  string    `json:"verdict"`
	About    []string  `json:"affected_objects"`
}

func (p *program) events(m proto.Message, d document, asked logQuestion) error {
	var page struct{ Events []event }
	if err := decode(m, &page); err != nil {
		return err
	}
	for n, e := range page.Events {
		if e.Type == "execution.output" && slices.Contains(e.About, asked.own) {
			continue
		}
		if p.json {
			if err := p.line(d.get("events").([]any)[n]); err != nil {
				return err
			}
			continue
		}
		when := when(e.WallTime, asked.follow)
		if !isTerminal(p.stdout) { // it is kept, and read at another time
			when = e.WallTime.Local().Format(time.DateTime)
		}
		if _, err := fmt.Fprintf(p.stdout, "%-15s  %s\n", when, visible(e.words())); err != nil {
			return err
		}
	}
	return nil
}

// when is the hour of what happens now, and how long ago what did.
func when(t time.Time, clock bool) string {
	if clock {
		return t.Local().Format("Jan _2 15:04:05")
	}
	return ago(t, time.Now())
}

func (e event) words() string {
	text := e.Summary
	if text == "" {
		text = e.Type
	}
	if e.Verdict != "" && e.Verdict != "valid" {
		text += " (" + e.Verdict + ")"
	}
	return text
}
