package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
)

// cause is an event in an answer.
type cause struct {
	EventID   string    `json:"event_id"`
	ActorName string    `json:"actor_name"`
	WallTime  time.Time `json:"wall_time"`
	Summary   string    `json:"summary"`
	Verdict   string    `json:"verdict"`
}

// causeRows are the lines of an answer that is made of events.
func causeRows(w io.Writer, causes []cause) error {
	rows := make([][]string, 0, len(causes))
	for _, c := range causes {
		text := c.Summary
		if c.Verdict != "valid" {
			text += " (" + c.Verdict + ")"
		}
		rows = append(rows, []string{c.EventID[:min(len(c.EventID), shortID)], ago(c.WallTime, time.Now()), text})
	}
	return table(w, []string{"EVENT", "WHEN", "WHAT"}, rows)
}

func (p *program) whyCommand() *cobra.Command {
	var w vantage
	var limit uint32
	cmd := &cobra.Command{
		Use:   "why OBJECT[.FIELD]|EVENT",
		Short: "Tell what an object, a field or an event rests on",
		Long: "Lists the events that something rests on, causes before effects: what made the object, what changed it\n" +
			"and what their authors had used. What nobody knew of who acted is not among them.",
		Example:           "atelier why 'Read the logs'.state",
		Args:              wants("OBJECT[.FIELD]|EVENT"),
		RunE:              func(cmd *cobra.Command, args []string) error { return p.why(cmd.Context(), args[0], w, limit) },
		ValidArgsFunction: p.completeObject("work_item"),
	}
	w.flags(cmd)
	cmd.Flags().Uint32VarP(&limit, "number", "n", 0, "the newest N only")
	return cmd
}

func (p *program) why(ctx context.Context, ref string, w vantage, limit uint32) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Objects.Why)
	q.Msg.Ref, q.Msg.Branch, q.Msg.At, q.Msg.Limit = ref, w.branch, w.at, limit
	a, err := do(ctx, s.Objects.Why, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error {
		var answer struct{ Causes []cause }
		if err := decode(a, &answer); err != nil {
			return err
		}
		return causeRows(w, answer.Causes)
	})
}

func (p *program) whyNotCommand() *cobra.Command {
	var w vantage
	var kind string
	cmd := &cobra.Command{
		Use:   "why-not OBJECT",
		Short: "Tell what stands against the next step of an object",
		Long: "Tells what an object takes now and, of what it does not take, what stands against it, with the events\n" +
			"that say so. --type asks for one step, for example work_item.completed.",
		Example:           "atelier why-not 'Read the logs' --type work_item.completed",
		Args:              wants("OBJECT"),
		RunE:              func(cmd *cobra.Command, args []string) error { return p.whyNot(cmd.Context(), args[0], kind, w) },
		ValidArgsFunction: p.completeObject("work_item"),
	}
	w.flags(cmd)
	cmd.Flags().StringVar(&kind, "type", "", "the step that is asked for, as a type of event")
	return cmd
}

func (p *program) whyNot(ctx context.Context, ref, kind string, w vantage) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Objects.WhyNot)
	q.Msg.Object, q.Msg.Type, q.Msg.Branch, q.Msg.At = ref, kind, w.branch, w.at
	a, err := do(ctx, s.Objects.WhyNot, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return tellWhyNot(w, a) })
}

func tellWhyNot(w io.Writer, answer proto.Message) error {
	var a struct {
		State     string
		Allowed   []string
		Obstacles []struct{ Type, Message, Mend string }
	}
	if err := decode(answer, &a); err != nil {
		return err
	}
	if err := say(w, "it is %s, and takes %s", a.State, orDash(strings.Join(a.Allowed, ", "))); err != nil {
		return err
	}
	for _, o := range a.Obstacles {
		if err := say(w, "not %s: %s; %s", o.Type, o.Message, o.Mend); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) concurrentCommand() *cobra.Command {
	var limit uint32
	cmd := &cobra.Command{
		Use:   "concurrent EVENT|OBJECT [EVENT|OBJECT]",
		Short: "Tell whether one came before the other, or neither knew of it",
		Long: "Of two events it tells which came before the other, or that neither author knew of the other. Of one it\n" +
			"lists the events that are concurrent with it. An object stands for its newest version.",
		Example: "atelier concurrent 'Read the logs' 'Try the fix'",
		Args:    wants("EVENT|OBJECT", "[EVENT|OBJECT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.concurrent(cmd.Context(), args[0], strings.Join(args[1:], ""), limit)
		},
	}
	cmd.Flags().Uint32VarP(&limit, "number", "n", 0, "of one event: the newest N only (default: 100)")
	return cmd
}

func (p *program) concurrent(ctx context.Context, a, b string, limit uint32) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Objects.Relate)
	q.Msg.A, q.Msg.B, q.Msg.Limit = a, b, limit
	answer, err := do(ctx, s.Objects.Relate, q)
	if err != nil {
		return err
	}
	return p.answer(answer, func(w io.Writer) error {
		if b != "" {
			return say(w, "%s", answer.GetRelation())
		}
		var d struct{ Concurrent []cause }
		if err := decode(answer, &d); err != nil {
			return err
		}
		return causeRows(w, d.Concurrent)
	})
}
