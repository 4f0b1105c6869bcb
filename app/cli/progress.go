package main

import (
	"fmt"
	"os"
)

// progress is one line on a person's terminal that is written over. It is
// silent elsewhere, with --json and on a terminal that cannot do that.
type progress struct {
	terminal *os.File
	said     bool
}

func (p *program) progress() *progress {
	if p.json || !isTerminal(p.stdout) || !isTerminal(p.stderr) || os.Getenv("TERM") == "dumb" {
		return &progress{}
	}
	return &progress{terminal: p.stderr}
}

func (b *progress) say(format string, args ...any) {
	if b.terminal == nil {
		return
	}
	b.said = true
	fmt.Fprintf(b.terminal, "\r"+format+"\x1b[K", args...)
}

// end takes the line away.
func (b *progress) end() {
	if b.said {
		fmt.Fprint(b.terminal, "\r\x1b[K")
	}
}
