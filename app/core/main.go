// Command atelier-core is the daemon of a home: it owns the log, finds the
// terminals' processes again and answers the API. Clients start it when they
// need it; nobody types its name but to run it by hand.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"atelier.dev/atelier/backend/fault"
)

// version is set by the linker.
var version = "unversioned"

const usageText = `usage: atelier-core run [--home DIR]
       atelier-core verify [--home DIR] [--json] [FILE]
       atelier-core import [--home DIR] [--json] FILE
       atelier-core --version

run     keep the home and answer its API until SIGTERM, SIGINT or a call of Stop
verify  audit a home that no core has open, or a bundle; exits 7 when something is wrong
import  take a bundle into a home that no core has open
`

func main() { os.Exit(entry(os.Args[1:], os.Stdout, os.Stderr)) }

// entry carries out one command line and returns the exit status.
func entry(args []string, stdout, stderr *os.File) int {
	if len(args) == 0 {
		return misused(stderr, "a command is missing")
	}
	switch args[0] {
	case "run":
		o, err := parse("run", args[1:])
		if err != nil {
			return helped(err, stdout, stderr)
		}
		return run(o, stderr)
	case "verify":
		o, err := parse("verify", args[1:])
		if err != nil {
			return helped(err, stdout, stderr)
		}
		if o.file != "" {
			return verifyBundle(o, stdout, stderr)
		}
		return verify(o, stdout, stderr)
	case "import":
		o, err := parse("import", args[1:])
		if err != nil {
			return helped(err, stdout, stderr)
		}
		return importFile(o, stdout, stderr)
	case "--version", "-version":
		fmt.Fprintln(stdout, "atelier-core "+version)
		return fault.ExitDone
	case "--help", "-help", "-h", "help":
		return helped(flag.ErrHelp, stdout, stderr)
	}
	return misused(stderr, fmt.Sprintf("there is no command %q", args[0]))
}

// options are what a command was told.
type options struct {
	home string
	json bool
	file string // of import, and of verify where it is a bundle
}

func parse(command string, args []string) (o options, err error) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // helped says it
	flags.StringVar(&o.home, "home", "", "")
	if command != "run" {
		flags.BoolVar(&o.json, "json", false, "")
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if command == "import" {
		if flags.NArg() != 1 {
			return o, errors.New("import takes one file")
		}
		o.file = flags.Arg(0)
		return o, nil
	}
	left := flags.Args()
	if command == "verify" && len(left) > 0 {
		o.file, left = left[0], left[1:]
	}
	if len(left) > 0 {
		return o, fmt.Errorf("%q is not understood", left[0])
	}
	return o, nil
}

func helped(err error, stdout, stderr *os.File) int {
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usageText)
		return fault.ExitDone
	}
	return misused(stderr, err.Error())
}

func misused(stderr *os.File, what string) int {
	fmt.Fprintf(stderr, "atelier-core: %s\n%s", what, usageText)
	return fault.ExitUsage
}
