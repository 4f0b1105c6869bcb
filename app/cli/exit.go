package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"atelier.dev/atelier/backend/fault"
)

// The statuses of run, attach and wait when the program's own is not to be had.
const (
	exitOurs          = 125
	exitNotExecutable = 126
	exitNoProgram     = 127
	// exitSignal and n is what a shell says of an end by signal n.
	exitSignal = 128
)

// Reasons of the core that have a status of their own in run.
const (
	reasonNoProgram     = "program_not_found"
	reasonNotExecutable = "program_not_executable"
)

// ownStatus marks the commands that exit with the status of a program, and
// showsProgram those of them that show one.
var (
	ownStatus    = map[string]string{"status": "the program's own"}
	showsProgram = map[string]string{"status": "the program's own", needsSettings: "yes"}
)

// programStatus is the exit status of a program that ours hands on.
type programStatus int

func (s programStatus) Error() string { return fmt.Sprintf("the program ended with status %d", int(s)) }

func signalStatus(s syscall.Signal) programStatus { return programStatus(exitSignal + int(s)) }

// handOn returns the error that makes this command exit with status.
func handOn(status int) error {
	if status == 0 {
		return nil
	}
	return programStatus(status)
}

// statusOf returns the exit status that a command's error comes to.
func statusOf(cmd *cobra.Command, err error) int {
	var own programStatus
	if errors.As(err, &own) {
		return int(own)
	}
	f := fault.Of(err)
	if cmd.Annotations["status"] == "" {
		return f.Code.ExitStatus()
	}
	switch f.Reason {
	case reasonNoProgram:
		return exitNoProgram
	case reasonNotExecutable:
		return exitNotExecutable
	}
	return exitOurs
}

// unwritten makes a fault of an answer that could not be written.
func unwritten(err error, out *os.File) error {
	var at *fs.PathError
	if errors.As(err, &at) && at.Op == "write" && at.Path == out.Name() {
		return fault.Wrap(at.Err, fault.Unknown, "output", "cannot write the answer", "see where standard output goes")
	}
	return err
}

// tell writes a failure for a person, and with --json for a program too.
func (p *program) tell(err error) {
	f := fault.Of(err)
	fmt.Fprintln(p.stderr, "atelier: "+visible(f.Error()))
	if !p.json {
		return
	}
	details := f.Details
	if details == nil {
		details = map[string]string{}
	}
	// A map of strings always encodes.
	line, _ := json.Marshal(map[string]any{"error": map[string]any{"code": f.Code.String(),
		"reason": f.Reason, "message": f.Message, "mend": f.Mend, "details": details}})
	fmt.Fprintln(p.stderr, string(line))
}

// usage is a mistake on the command line.
func usage(cmd *cobra.Command, what string) error {
	return fault.New(fault.InvalidArgument, "usage", what, "see `"+cmd.CommandPath()+" --help`")
}

// wants refuses any other number of arguments than those named; a last name that
// ends in "…" stands for one or more, in brackets for none or more.
func wants(names ...string) cobra.PositionalArgs {
	least, most := 0, len(names)
	for _, name := range names {
		if !strings.HasPrefix(name, "[") {
			least++
		}
		if strings.HasSuffix(strings.TrimSuffix(name, "]"), "…") {
			most = -1
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least {
			return missing(cmd, names, len(args))
		}
		if most >= 0 && len(args) > most {
			return usage(cmd, fmt.Sprintf("%s does not understand %q", verb(cmd), args[most]))
		}
		return nil
	}
}
