package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
)

func (p *program) sendCommand() *cobra.Command {
	var enter bool
	cmd := &cobra.Command{
		Use:   "send EXEC [TEXT…]",
		Short: "Type into a terminal",
		Long: "Types TEXT, its words with a space between them, and with --enter the Enter key after it.\n" +
			"If nobody has the keyboard it is taken for that and given back; else the text is refused and\n" +
			"you are told who has it.",
		Example:           "atelier send shell 'echo hello' --enter",
		Args:              wants("EXEC", "[TEXT…]"),
		ValidArgsFunction: p.completeExecution,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := strings.Join(args[1:], " ")
			if enter {
				text += "\r"
			}
			if text == "" {
				return usage(cmd, "there is nothing to type")
			}
			return p.send(cmd.Context(), args[0], text)
		},
	}
	cmd.Flags().BoolVar(&enter, "enter", false, "press Enter after the text")
	return cmd
}

func (p *program) send(ctx context.Context, ref, text string) error {
	return p.change(ctx, func(s *studio) (proto.Message, error) {
		q := ask(s, s.Executions.Send)
		q.Msg.Execution, q.Msg.Data = ref, []byte(text)
		return do(ctx, s.Executions.Send, q)
	})
}

// change makes a call that changes something and prints the answer: a person is
// told nothing of what did what it was told.
func (p *program) change(ctx context.Context, call func(*studio) (proto.Message, error)) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	answer, err := call(s)
	if err != nil {
		return err
	}
	return p.answer(answer, quietly)
}

// quietly is what a person sees of a command that did what it was told.
func quietly(io.Writer) error { return nil }

func (p *program) killCommand() *cobra.Command {
	var signal string
	cmd := &cobra.Command{
		Use:   "kill EXEC",
		Short: "Send a signal to a program, to end it unless told otherwise",
		Long: "Sends a signal to the program's process group: TERM, or what --signal names (KILL, SIGINT, 9).\n" +
			"`atelier log` says who sent it. It does not wait for the end; `atelier wait` does.",
		Example:           "atelier kill build\natelier kill build --signal KILL",
		Args:              wants("EXEC"),
		ValidArgsFunction: p.completeExecution,
		RunE: func(cmd *cobra.Command, args []string) error {
			if signal == "" { // to the core that is TERM
				return usage(cmd, "--signal is empty")
			}
			return p.kill(cmd.Context(), args[0], signal)
		},
	}
	cmd.Flags().StringVarP(&signal, "signal", "s", "TERM", "the signal, by name or number")
	return cmd
}

func (p *program) kill(ctx context.Context, ref, signal string) error {
	return p.change(ctx, func(s *studio) (proto.Message, error) {
		q := ask(s, s.Executions.Kill)
		q.Msg.Execution, q.Msg.Signal = ref, signal
		return do(ctx, s.Executions.Kill, q)
	})
}

func (p *program) waitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "wait EXEC",
		Short: "Wait until a program has ended, and exit with its status",
		Long: "Waits until the program has ended and its end is on disk, and exits with its status: 128 and n\n" +
			"for an end by signal n, 125 when Atelier itself fails.",
		Example:           "atelier wait build && echo built",
		Args:              wants("EXEC"),
		Annotations:       ownStatus,
		ValidArgsFunction: p.completeExecution,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			ended, answer, err := s.await(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := p.answer(answer, quietly); err != nil {
				return err
			}
			return ended.ending()
		},
	}
}

func (p *program) resizeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resize EXEC COLS ROWS",
		Short: "Set the size of a terminal",
		Long: "Sets the columns and rows that the program sees. Whoever has the keyboard sets them again when\n" +
			"their own window changes.",
		Example:           "atelier resize shell 120 40",
		Args:              wants("EXEC", "COLS", "ROWS"),
		ValidArgsFunction: p.completeExecution,
		RunE: func(cmd *cobra.Command, args []string) error {
			cols, colsErr := strconv.ParseUint(args[1], 10, 32)
			rows, rowsErr := strconv.ParseUint(args[2], 10, 32)
			if colsErr != nil || rowsErr != nil || cols < 1 || rows < 1 || cols > sizeMax || rows > sizeMax {
				return usage(cmd, fmt.Sprintf("COLS and ROWS are numbers from 1 to %d", sizeMax))
			}
			return p.resize(cmd.Context(), args[0], uint32(cols), uint32(rows))
		},
	}
}

func (p *program) resize(ctx context.Context, ref string, cols, rows uint32) error {
	return p.change(ctx, func(s *studio) (proto.Message, error) {
		q := ask(s, s.Executions.Resize)
		q.Msg.Execution, q.Msg.Cols, q.Msg.Rows = ref, cols, rows
		return do(ctx, s.Executions.Resize, q)
	})
}

func (p *program) renameCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "rename EXEC NAME",
		Short:             "Give a terminal another name",
		Long:              "Gives a terminal another name, which no other terminal of this home may have.",
		Example:           "atelier rename bash-2 server",
		Args:              wants("EXEC", "NAME"),
		ValidArgsFunction: p.completeExecution,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.rename(cmd.Context(), args[0], args[1])
		},
	}
}

func (p *program) rename(ctx context.Context, ref, name string) error {
	return p.change(ctx, func(s *studio) (proto.Message, error) {
		q := ask(s, s.Executions.Rename)
		q.Msg.Execution, q.Msg.Name = ref, name
		return do(ctx, s.Executions.Rename, q)
	})
}
