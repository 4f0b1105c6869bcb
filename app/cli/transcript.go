package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"atelier.dev/atelier/backend/fault"
)

// part is the part of a terminal's recorded stream that is asked for.
type part struct {
	ref    string
	from   uint64
	to     *uint64 // exclusive
	follow bool
	timing bool
	vantage
}

// recording is a piece of a recorded stream as the core sends it.
type recording interface {
	proto.Message
	GetOffset() uint64
	GetData() []byte
	GetMissing() uint64
	// GetGone tells that what is missing was dropped by retention.
	GetGone() bool
}

// form is how a transcript is written down. Parts come in order and without
// gaps, but for what is missing.
type form interface {
	put(piece recording) error
	end() error
}

func (p *program) transcriptCommand() *cobra.Command {
	var q part
	var to uint64
	var raw, text, cast bool
	cmd := &cobra.Command{
		Use:   "transcript EXEC [--from N] [--to N] [--raw|--text|--asciicast] [--follow]",
		Short: "Print what a terminal wrote",
		Long: "Prints the recorded output of a terminal, of one that ended too. --text, the default everywhere,\n" +
			"gives lines: what was overwritten, erased or only steers the terminal is gone. --raw gives every\n" +
			"byte as it was written; on a terminal it may do there whatever it did in its own. --asciicast gives\n" +
			"a recording that asciinema plays. --json gives JSON Lines of offsets and bytes in base64.\n\n" +
			"N counts bytes of the stream from 0; --to is exclusive. Recorded bytes that are not there any more\n" +
			"are named on standard error, and the exit status is 7; of those that the home has let go (`atelier\n" +
			"retention`) it is 0.",
		Example:           "atelier transcript build | tail\natelier transcript build --asciicast > build.cast",
		Args:              wants("EXEC"),
		ValidArgsFunction: p.completeExecution,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.ref = args[0]
			if cmd.Flags().Changed("to") {
				q.to = &to
			}
			if err := p.oneForm(cmd, q.follow, raw, text, cast); err != nil {
				return err
			}
			q.timing = cast
			return p.transcript(cmd.Context(), q, raw)
		},
	}
	q.atFlag(cmd)
	flags := cmd.Flags()
	flags.Uint64Var(&q.from, "from", 0, "begin at this byte")
	flags.Uint64Var(&to, "to", 0, "end before this byte (default: all there is)")
	flags.BoolVar(&raw, "raw", false, "every byte as it was written")
	flags.BoolVar(&text, "text", false, "lines of text (the default)")
	flags.BoolVar(&cast, "asciicast", false, "a recording in the format asciicast v2")
	flags.BoolVarP(&q.follow, "follow", "f", false, "go on until the program ends, or Ctrl-C")
	return cmd
}

// oneForm refuses forms that exclude each other.
func (p *program) oneForm(cmd *cobra.Command, follow bool, asked ...bool) error {
	count := 0
	for _, is := range asked {
		if is {
			count++
		}
	}
	raw, cast := asked[0], asked[2]
	switch {
	case count > 1:
		return usage(cmd, "only one of --raw, --text and --asciicast can be given")
	case p.json && count > 0 && !raw:
		return usage(cmd, "--json has a form of its own")
	case cast && follow:
		return usage(cmd, "--asciicast takes the times of what is recorded, so it cannot follow")
	}
	return nil
}

func (p *program) transcript(ctx context.Context, q part, raw bool) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if q.follow && isTerminal(p.stdout) {
		if _, err := p.other(ctx, s, q.ref); err != nil {
			return err
		}
	}
	f, err := p.formOf(ctx, s, q, raw)
	if err != nil {
		return err
	}
	whole, err := s.recorded(ctx, q, func(piece recording) error {
		if n := piece.GetMissing(); n > 0 {
			from := piece.GetOffset() + uint64(len(piece.GetData()))
			fmt.Fprintf(p.stderr, "atelier: bytes %d to %d are %s\n", from, from+n, absence(piece))
		}
		return f.put(piece)
	})
	if err != nil && !(q.follow && errors.Is(ctx.Err(), context.Canceled)) {
		return err
	}
	if err := f.end(); err != nil {
		return err
	}
	if !whole {
		return fault.New(fault.DataLoss, "output_missing", "some of the recorded output is not there", "see `atelier verify` for what is wrong")
	}
	return nil
}

// absence says why bytes are not there.
func absence(piece recording) string {
	if piece.GetGone() {
		return "gone: this home has let them go"
	}
	return "missing"
}

// formOf chooses the form.
func (p *program) formOf(ctx context.Context, s *studio, q part, raw bool) (form, error) {
	switch {
	case p.json:
		return &jsonForm{p: p}, nil
	case raw:
		return rawForm{p}, nil
	}
	e, err := s.find(ctx, q.ref)
	if err != nil {
		return nil, err
	}
	if q.timing {
		return s.newCast(ctx, p.stdout, e)
	}
	return &textForm{out: p.stdout, lines: newLines(int(e.Cols))}, nil
}

// recorded calls one for every piece of a recorded stream. whole is false when
// some of it is missing that the home has not let go.
func (s *studio) recorded(ctx context.Context, q part, one func(recording) error) (whole bool, err error) {
	r := askStream(s, s.Executions.Transcript)
	r.Msg.Execution, r.Msg.From, r.Msg.To = q.ref, q.from, q.to
	r.Msg.Follow, r.Msg.Timing = q.follow, q.timing
	r.Msg.At = q.at
	whole = true
	err = each(ctx, s.Executions.Transcript, r, func(m proto.Message) error {
		piece := m.(recording) // each answer of Transcript is one
		whole = whole && (piece.GetMissing() == 0 || piece.GetGone())
		return one(piece)
	})
	return whole, err
}

// rawForm is every byte as it was written.
type rawForm struct{ p *program }

func (f rawForm) put(piece recording) error {
	_, err := f.p.stdout.Write(piece.GetData())
	return err
}

func (f rawForm) end() error { return nil }

// jsonForm is JSON Lines with the frontier as the last one.
type jsonForm struct {
	p     *program
	heads any
}

func (f *jsonForm) put(piece recording) error {
	if len(piece.GetData()) == 0 { // the last one has the frontier alone
		f.heads = documentOf(piece).get("read_frontier")
	}
	return f.p.recordedLine(piece)
}

func (f *jsonForm) end() error { return f.p.line(frontier(f.heads)) }

// recordedLine is one of JSON Lines for a piece that says something.
func (p *program) recordedLine(piece recording) error {
	at, data := piece.GetOffset(), piece.GetData()
	if len(data) > 0 {
		if err := p.bytesLine(at, data); err != nil {
			return err
		}
	}
	if n := piece.GetMissing(); n > 0 {
		absent := document{{"offset", at + uint64(len(data))}, {"missing", n}}
		if piece.GetGone() {
			absent = append(absent, member{"gone", true})
		}
		return p.line(absent)
	}
	return nil
}

func (p *program) bytesLine(offset uint64, bytes []byte) error {
	return p.line(document{{"offset", offset}, {"data", base64.StdEncoding.EncodeToString(bytes)}})
}
