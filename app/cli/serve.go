package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

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
		Short: "Show the terminals in a browser",
		Long: "Opens a listener for browsers, prints the address to open, and holds it open until Ctrl-C. The\n" +
			"address can be used once and within ten minutes; programs and the core go on when serving ends.\n" +
			"When the core is killed, another listens in its place and a page that is open goes on.\n\n" +
			"It is reached from this machine alone unless --listen names another address of it (0.0.0.0: every\n" +
			"one). What goes over it is not encrypted, the key of the address included: on a network that is not\n" +
			"yours use the loopback and a tunnel, such as ssh -L.",
		Example:     "atelier serve\natelier serve --listen 127.0.0.1:8080 --detach",
		Args:        wants(),
		Annotations: map[string]string{needsSettings: "yes"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), listen, detach) },
	}
	cmd.Flags().StringVar(&listen, "listen", "", "host:port (default: 127.0.0.1:7420, or the next free port)")
	cmd.Flags().BoolVar(&detach, "detach", false, "leave the listener open and return")
	return cmd
}

// A listener is what `serve` asks of one core after another.
type listener struct {
	listen string // host:port; once there is an address, the one that it has
	detach bool
	keep   string // lets pages in again that an earlier core let in
	since  time.Time
}

func (p *program) serve(ctx context.Context, listen string, detach bool) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	l := &listener{listen: listen, detach: detach}
	if !detach { // nobody would ask the next core
		l.keep = rand.Text() + rand.Text()
	}
	for {
		err := p.serveOnce(ctx, l)
		if ctx.Err() != nil || err == nil {
			return nil
		}
		// A core that was killed has not closed the listener: pages wait for the next.
		if !fault.Is(err, "core_gone") || l.since.IsZero() || time.Since(l.since) < serveLeast {
			return err
		}
	}
}

// serveOnce has one core listen, until that ends or without end when detached.
func (p *program) serveOnce(ctx context.Context, l *listener) error {
	s, err := p.openNew(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := askStream(s, s.Core.Serve)
	q.Msg.Listen, q.Msg.Detach, q.Msg.Keep = l.listen, l.detach, l.keep
	told := errors.New("told") // ends the stream of a listener that stays open
	err = each(ctx, s.Core.Serve, q, func(m proto.Message) error {
		if err := p.tellAddress(m, l); err != nil {
			return err
		}
		if l.detach {
			return told
		}
		return nil
	})
	if errors.Is(err, told) {
		return nil
	}
	return cmp.Or(err, error(fault.New(fault.Unavailable, "serve_ended", "the core has closed the listener", "see `atelier core logs`")))
}

// tellAddress prints the address to open, and notes where the core listens.
func (p *program) tellAddress(m proto.Message, l *listener) error {
	var a struct{ URL, Address string }
	if err := decode(m, &a); err != nil {
		return err
	}
	again := !l.since.IsZero()
	l.since = time.Now()
	l.stay(a.Address)
	if !again && !isLocal(a.Address) {
		fmt.Fprintln(p.stderr, "atelier: other machines reach this address, and nothing hides what goes over it; end it with "+l.ending()+" if that is not meant")
	}
	if p.json {
		return p.print(documentOf(m))
	}
	if _, err := fmt.Fprintln(p.stdout, a.URL); err != nil {
		return err
	}
	switch {
	case l.detach || !isTerminal(p.stderr):
	case again:
		fmt.Fprintln(p.stderr, "The core was killed and another took its place: a page that is open goes on, a new one needs this address.")
	default:
		fmt.Fprintln(p.stderr, "Open this address in a browser; it works once. Ctrl-C ends the serving, not the programs.")
	}
	return nil
}

// ending is what ends the listening.
func (l *listener) ending() string {
	if l.detach {
		return "`atelier core stop`"
	}
	return "Ctrl-C"
}

// isLocal reports whether an address is reached from this machine alone. What a
// name leads to is not asked: of those only localhost is sure.
func isLocal(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// stay makes the next core listen where this one does.
func (l *listener) stay(address string) {
	if u, err := url.Parse(address); err == nil {
		host, _, _ := net.SplitHostPort(l.listen) // none was given: the loopback
		l.listen = net.JoinHostPort(cmp.Or(host, u.Hostname()), u.Port())
	}
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
