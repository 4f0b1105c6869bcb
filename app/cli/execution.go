package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"atelier.dev/atelier/backend/fault"
)

// operator is a session that is attached to a terminal.
type operator struct {
	Session   string `json:"session"`
	ActorID   string `json:"actor_id"`
	ActorName string `json:"actor_name"`
	Surface   string `json:"surface"`
}

// execution is what the command line reads of a terminal.
type execution struct {
	ExecutionID  string            `json:"execution_id"`
	Name         string            `json:"name"`
	Unread       map[string]string `json:"unread"`
	State        string            `json:"state"`
	Status       string            `json:"status"`
	Argv         []string          `json:"argv"`
	Cols         uint32            `json:"cols"`
	Rows         uint32            `json:"rows"`
	Driver       *operator         `json:"driver"`
	Operators    []operator        `json:"operators"`
	OutputOffset uint64            `json:"output_offset"`
	ExitStatus   *int              `json:"exit_status"`
	CreatedAt    time.Time         `json:"created_at"`
	Reason       string            `json:"reason"`
	PID          int64             `json:"pid"`
}

// called is what a person calls the terminal.
func (e execution) called() string {
	if e.Name == "" {
		return unnamed(e.ExecutionID, e.Unread["name"] == "gone")
	}
	return e.Name
}

// command is the line that was started.
func (e execution) command() string {
	if e.Unread["argv"] == "gone" {
		return "(gone)"
	}
	return commandLine(e.Argv)
}

func (e execution) over() bool { return e.State == "exited" || e.State == "lost" }

// ending is the error that exits as the program did.
func (e execution) ending() error {
	if e.ExitStatus != nil {
		return handOn(*e.ExitStatus)
	}
	return fault.New(fault.Unavailable, "execution_lost", e.Name+" is lost: "+e.Reason,
		"read what it wrote with `atelier transcript "+e.Name+"`")
}

// list returns every terminal in the core's order, and the answer itself.
func (s *studio) list(ctx context.Context) ([]execution, proto.Message, error) {
	return s.listAt(ctx, "")
}

// listAt is list as of a cut.
func (s *studio) listAt(ctx context.Context, at string) ([]execution, proto.Message, error) {
	q := ask(s, s.Executions.List)
	q.Msg.At = at
	a, err := do(ctx, s.Executions.List, q)
	if err != nil {
		return nil, nil, err
	}
	var all struct{ Executions []execution }
	if err := decode(a, &all); err != nil {
		return nil, nil, err
	}
	return all.Executions, a, nil
}

// find returns the terminal that an id, a prefix of one or a name means.
func (s *studio) find(ctx context.Context, ref string) (execution, error) {
	all, _, err := s.list(ctx)
	if err != nil {
		return execution{}, err
	}
	return among(all, ref)
}

// among finds in a list what find finds.
func among(all []execution, ref string) (execution, error) {
	var found []execution
	for _, e := range all {
		if e.Name == ref || e.ExecutionID == ref {
			return e, nil
		}
		if len(ref) >= 6 && strings.HasPrefix(e.ExecutionID, ref) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return execution{}, noTerminal(all, ref)
	}
	return execution{}, fault.New(fault.InvalidArgument, "execution_ambiguous", fmt.Sprintf("%q is the beginning of %d ids", ref, len(found)),
		"give more of the id, or the name")
}

// noTerminal names the terminal that does not exist, and one that is like it.
func noTerminal(all []execution, ref string) error {
	names := make([]string, len(all))
	for n, e := range all {
		names[n] = e.Name
	}
	what := fmt.Sprintf("there is no terminal %q", ref)
	if like := nearest(ref, names); like != "" {
		what += ", did you mean " + like + "?"
	}
	return fault.New(fault.NotFound, "execution_unknown", what, "see `atelier ps`")
}

// await returns the terminal when it has ended and its end is on disk.
func (s *studio) await(ctx context.Context, ref string) (execution, proto.Message, error) {
	q := ask(s, s.Executions.Wait)
	q.Msg.Execution = ref
	a, err := s.Executions.Wait(ctx, q)
	if err != nil {
		return execution{}, nil, err
	}
	var ended struct{ Execution execution }
	err = decode(a.Msg, &ended)
	return ended.Execution, a.Msg, err
}
