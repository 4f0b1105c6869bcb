package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

func (p *program) coreCommand() *cobra.Command {
	core := &cobra.Command{
		Use:   "core",
		Short: "Start, stop and look at the core of this home",
		Long: "The core is the daemon that keeps the record of a home. It starts by itself when a command needs\n" +
			"it, and programs run on without it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd, "core needs one of start, stop, status, logs")
			}
			return unknown(cmd, args)
		},
	}
	core.SuggestionsMinimumDistance = 2
	core.AddCommand(
		&cobra.Command{Use: "start", Short: "Start the core if it does not run", Args: wants(),
			Long: "Starts the core of this home, detached. Does nothing when it runs already.",
			RunE: func(cmd *cobra.Command, _ []string) error { return p.coreStatus(cmd.Context(), p.openNew) }},
		&cobra.Command{Use: "stop", Short: "End the core in order; programs run on", Args: wants(),
			Long: "Ends the core and waits until it is gone. Programs run on in their terminals, and the next command\n" +
				"starts a core that finds them again.",
			RunE: func(cmd *cobra.Command, _ []string) error {
				p.soon = true
				return p.coreStop(cmd.Context())
			}},
		&cobra.Command{Use: "status", Short: "Tell whether the core runs, and how it is", Args: wants(),
			Long: "Tells who the core of this home is and how it is. Exits 6 when none runs.",
			RunE: func(cmd *cobra.Command, _ []string) error {
				p.soon = true
				return p.coreStatus(cmd.Context(), p.openRunning)
			}},
		p.coreLogsCommand())
	return core
}

// coreState is what a person is told of a core.
type coreState struct {
	PID        int64    `json:"pid"`
	Version    string   `json:"version"`
	Home       string   `json:"home"`
	UptimeS    float64  `json:"uptime_s"`
	ReadOnly   string   `json:"read_only"`
	DeviceName string   `json:"device_name"`
	ActorName  string   `json:"actor_name"`
	Listening  []string `json:"listening"`
	Events     uint64   `json:"events"`
}

func (p *program) coreStatus(ctx context.Context, open func(context.Context) (*studio, error)) error {
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	a, err := do(ctx, s.Core.Status, ask(s, s.Core.Status))
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error {
		var c coreState
		if err := decode(a, &c); err != nil {
			return err
		}
		return c.tell(w)
	})
}

func (c coreState) tell(w io.Writer) error {
	up := (time.Duration(c.UptimeS) * time.Second).String()
	_, err := fmt.Fprintf(w, "running for %s: pid %d, version %s\nhome     %s\ndevice   %s\nyou      %s\nevents   %d\n",
		up, c.PID, visible(c.Version), visible(c.Home), visible(c.DeviceName), visible(c.ActorName), c.Events)
	if err == nil && len(c.Listening) > 0 {
		_, err = fmt.Fprintf(w, "serving  %s\n", visible(strings.Join(c.Listening, " ")))
	}
	if err == nil && c.ReadOnly != "" {
		_, err = fmt.Fprintf(w, "READ ONLY: %s\n", visible(c.ReadOnly))
	}
	return err
}

func (p *program) coreStop(ctx context.Context) error {
	h, err := home.Resolve(p.home)
	if err != nil {
		return err
	}
	s, err := p.openRunning(ctx)
	if fault.Is(err, "core_stopped") {
		return p.stopped("the core does not run")
	}
	if err != nil {
		return err
	}
	defer s.Close()
	core, _, err := h.ReadCore()
	if err != nil {
		return err
	}
	if err := s.stop(ctx); err != nil {
		return err
	}
	if err := released(ctx, h); err != nil {
		return err
	}
	if err := endedInOrder(h, core.PID); err != nil {
		return err
	}
	return p.stopped("the core has ended; programs run on")
}

func (s *studio) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	_, err := do(ctx, s.Core.Stop, ask(s, s.Core.Stop))
	return err
}

// endedInOrder fails when a core is gone whose file is there still: it removes that
// last, when its log is closed.
func endedInOrder(h home.Home, pid int) error {
	core, there, err := h.ReadCore()
	if err != nil || !there || core.PID != pid {
		return err
	}
	return fault.New(fault.Unavailable, "core_died", fmt.Sprintf("the core (pid %d) died before its end was in order", pid),
		"see `atelier core logs`; nothing acknowledged is lost, programs run on, and the next command starts a core")
}

func (p *program) stopped(said string) error {
	if p.json {
		return p.print(document{{"stopped", true}})
	}
	_, err := fmt.Fprintln(p.stdout, said)
	return err
}

// released waits until the core has given up its home: then its log is closed.
func released(ctx context.Context, h home.Home) error {
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		lock, err := h.Lock()
		if err == nil {
			return lock.Release()
		}
		if fault.Is(err, "home_audited") { // by one that waited for this
			return nil
		}
		if !fault.Is(err, "home_open") {
			return err
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(err, fault.DeadlineExceeded, "core_stays", "the core did not end in "+stopWait.String(),
				"see `atelier core logs`; end it with kill if it hangs, nothing acknowledged is lost")
		case <-tick.C:
		}
	}
}

func (p *program) coreLogsCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use: "logs", Short: "Print the core's own log", Args: wants(),
		Long: "Prints what the core wrote for whoever looks after it. It holds no content of terminals. With --json\n" +
			"every line is {\"line\": …}.",
		RunE: func(cmd *cobra.Command, _ []string) error { return p.coreLogs(cmd.Context(), follow) },
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written until Ctrl-C")
	return cmd
}

func (p *program) coreLogs(ctx context.Context, follow bool) error {
	h, err := home.Resolve(p.home)
	if err != nil {
		return err
	}
	f, err := os.Open(h.CoreLog())
	if errors.Is(err, os.ErrNotExist) {
		return fault.New(fault.NotFound, "log_missing", "the core of this home has written no log yet", "start it with `atelier core start`")
	}
	if err != nil {
		return fault.Wrap(err, fault.PermissionDenied, "log_unreadable", "cannot read the core's log", "check its owner and mode")
	}
	defer f.Close()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := p.copyLines(ctx, f, follow); err != nil || !p.json {
		return err
	}
	return p.line(frontier(nil)) // it rests on no event
}

// copyLines copies whole lines to the end, and with follow those that come after.
func (p *program) copyLines(ctx context.Context, from io.Reader, follow bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	piece := make([]byte, logPiece)
	var rest string
	for {
		n, err := from.Read(piece)
		lines := strings.SplitAfter(rest+string(piece[:n]), "\n")
		rest = lines[len(lines)-1]
		for _, line := range lines[:len(lines)-1] {
			if err := p.logLine(strings.TrimSuffix(line, "\n")); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
			continue
		case !errors.Is(err, io.EOF):
			return fault.Wrap(err, fault.Unavailable, "log_unreadable", "cannot read the core's log", "check the disk")
		case !follow:
			if rest == "" {
				return nil
			}
			return p.logLine(rest)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (p *program) logLine(line string) error {
	if p.json {
		return p.line(document{{"line", line}})
	}
	_, err := fmt.Fprintln(p.stdout, visible(line))
	return err
}
