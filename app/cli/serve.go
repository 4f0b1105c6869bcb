package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

func (p *program) serveCommand() *cobra.Command {
	var listen string
	var detach bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Show the terminals in a browser on this machine",
		Long: "Opens a listener for browsers, prints the address to open, and holds it open until Ctrl-C. The\n" +
			"address can be used once and within ten minutes; programs and the core go on when serving ends.",
		Example: "atelier serve\natelier serve --listen 127.0.0.1:8080 --detach",
		Args:    wants(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), listen, detach) },
	}
	cmd.Flags().StringVar(&listen, "listen", "", "host:port (default: 127.0.0.1:7420, or the next free port)")
	cmd.Flags().BoolVar(&detach, "detach", false, "leave the listener open and return")
	return cmd
}

func (p *program) serve(ctx context.Context, listen string, detach bool) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := askStream(s, s.Core.Serve)
	q.Msg.Listen, q.Msg.Detach = listen, detach
	told := errors.New("told") // ends the stream of a listener that stays open
	err = each(ctx, s.Core.Serve, q, func(m proto.Message) error {
		if err := p.tellAddress(m, detach); err != nil {
			return err
		}
		if detach {
			return told
		}
		return nil
	})
	switch {
	case errors.Is(err, told), ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	return fault.New(fault.Unavailable, "serve_ended", "the core has closed the listener", "see `atelier core logs`")
}

func (p *program) tellAddress(m proto.Message, detach bool) error {
	if p.json {
		return p.print(documentOf(m))
	}
	var a struct{ URL string }
	if err := decode(m, &a); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(p.stdout, a.URL); err != nil {
		return err
	}
	if !detach && isTerminal(p.stderr) {
		fmt.Fprintln(p.stderr, "Open this address in a browser; it works once. Ctrl-C ends the serving, not the programs.")
	}
	return nil
}

// openStudio is `atelier` alone: the window, or without a display the web page.
func (p *program) openStudio(ctx context.Context) error {
	if !hasDisplay(os.Getenv) {
		return p.serve(ctx, "", false)
	}
	window, err := sibling("atelier-window")
	if err != nil {
		return err
	}
	h, err := home.Resolve(p.home)
	if err != nil {
		return err
	}
	args := []string{window}
	if h.Root != "" {
		args = append(args, "--home", h.Root)
	}
	// Only a failure comes back from here.
	err = syscall.Exec(window, args, os.Environ())
	return fault.Wrap(err, fault.Unavailable, "window", "the window cannot be opened", "use `atelier serve` and a browser")
}

// hasDisplay tells whether a window could be shown.
func hasDisplay(variable func(string) string) bool {
	return variable("DISPLAY") != "" || variable("WAYLAND_DISPLAY") != ""
}
