// Gate is the set of checks that no linter off the shelf makes, and the runner
// of the test stages:
//
//	gate floors [-w]   .golangci.yml says what the drawing of docs/architecture.md says
//	gate pure          floor 1 has no goroutine and no ranging over a map
//	gate names         nothing names this or that workplace; names and places of files
//	gate pins          every dependency at one exact version, no host in a lock file
//	gate licences      every dependency under a licence that we may ship
//	gate plants        every linter refuses a violation made for it
//	gate test          all stages of `make test`, with a tally
//
// It runs in the root of the repository and prints how many files it read: a
// check that reads nothing passes everything.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
)

// A check looks at the tree under the current folder. It returns what it read,
// as words for people, and one line for each thing that is wrong.
type check func(args []string) (read string, wrong []string, err error)

var checks = map[string]check{
	"floors":   floors,
	"pure":     pure,
	"names":    names,
	"pins":     pins,
	"licences": licences,
	"plants":   plants,
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	if os.Args[1] == "test" {
		os.Exit(testAll(os.Args[2:]))
	}
	run, known := checks[os.Args[1]]
	if !known {
		usage()
	}
	read, wrong, err := run(os.Args[2:])
	for _, line := range wrong {
		fmt.Fprintf(os.Stderr, "%s: %s\n", os.Args[1], line)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
	}
	if err != nil || len(wrong) > 0 {
		os.Exit(1)
	}
	fmt.Printf("%-10s ok, %s\n", os.Args[1], read)
}

func usage() {
	known := make([]string, 0, len(checks))
	for name := range checks {
		known = append(known, name)
	}
	sort.Strings(known)
	fmt.Fprintf(os.Stderr, "gate takes one of: %s test\n", strings.Join(known, " "))
	os.Exit(2)
}
