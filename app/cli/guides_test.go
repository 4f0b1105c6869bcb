package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

// example is a fenced block of a guide that is run, and what it is to print:
// lines in this order, … for anything.
type example struct {
	line   int
	script string
	prints []string
}

// examplesOf reads the sh blocks of a guide. A text block right below one is
// what it prints.
func examplesOf(t *testing.T, path string) (all []example) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kind, began := "", 0
	var block []string
	blank := true // nothing but blank lines since the last sh block
	for n, line := range strings.Split(string(text), "\n") {
		fence, is := strings.CutPrefix(line, "```")
		switch {
		case is && kind == "":
			kind, began, block = "<"+fence, n+1, nil
		case is && kind == "<sh":
			all = append(all, example{line: began, script: strings.Join(block, "\n") + "\n"})
			kind, blank = "", true
		case is:
			if kind == "<text" && blank && len(all) > 0 {
				all[len(all)-1].prints = block
			}
			kind, blank = "", false
		case kind != "":
			block = append(block, line)
		case line != "":
			blank = false
		}
	}
	if kind != "" || len(all) == 0 {
		t.Fatalf("%s has %d examples and ends within %q", path, len(all), kind)
	}
	return all
}

// The hands of a reader: what needs a terminal is looked at and left by Ctrl-\ d,
// what serves until Ctrl-C is given one when it has said where. What make does
// `make fresh` tests, and a computer may have no window.
const hands = `
atelier() {
	case "${1-}" in
	attach) "$HANDS" -test.run='^TestHands$' attach "$@" ;;
	serve|'') DISPLAY= WAYLAND_DISPLAY= "$HANDS" -test.run='^TestHands$' serve "$@" ;;
	*) command atelier "$@" ;;
	esac
}
make() { test "$1" = run || test "$1" = test; }
`

// follow runs the examples of a guide in one shell of the world, in order. The
// first that fails ends it.
func (w *world) follow(t *testing.T, guide string) {
	t.Helper()
	all := examplesOf(t, guide)
	script := "set -eo pipefail\n" + hands
	for n, e := range all {
		script += fmt.Sprintf("echo '@@ %d' >&3; printf '\\n@@ %d\\n'\n%s", n, n, e.script)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	reached, err := os.Create(filepath.Join(w.root, "reached"))
	if err != nil {
		t.Fatal(err)
	}
	defer reached.Close()
	cmd := w.command("/bin/bash", "--norc", "--noprofile", "-c", script)
	cmd.Env = append(cmd.Env, "HANDS="+self, "ATELIER_HANDS=1")
	cmd.ExtraFiles = []*os.File{reached}
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	said, readErr := os.ReadFile(reached.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	last := strings.Count(string(said), "@@") - 1
	if err != nil {
		t.Fatalf("%s:%d: %v after\n%s%s\nof\n%s", guide, all[last].line, err, tail(out.String()), tail(complaint.String()), all[last].script)
	}
	if last != len(all)-1 {
		t.Fatalf("%s: %d of %d examples were run", guide, last+1, len(all))
	}
	for n, printed := range regexp.MustCompile(`(?m)^@@ \d+\n`).Split(out.String(), -1)[1:] {
		if err := all[n].check(printed); err != nil {
			t.Errorf("%s:%d: %v", guide, all[n].line, err)
		}
	}
	t.Logf("%s: %d examples", guide, len(all))
}

func tail(text string) string { return text[max(0, len(text)-2000):] }

// check looks for each line that is to be printed after the one before.
func (e example) check(printed string) error {
	rest := strings.ReplaceAll(printed, "\r", "")
	for _, want := range e.prints {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(want)), "…", ".*")
		at := regexp.MustCompile(`(?m)^\s*` + pattern + `\s*?$`).FindStringIndex(rest)
		if at == nil {
			return fmt.Errorf("it does not print %q but\n%s", want, printed)
		}
		rest = rest[at[1]:]
	}
	return nil
}

// TestHands is a person at a terminal, for the examples of guides: this program
// runs itself as that. Without examples it has nothing to do.
func TestHands(t *testing.T) {
	if os.Getenv("ATELIER_HANDS") == "" {
		return
	}
	args := flag.Args()
	path, err := exec.LookPath("atelier")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{env: os.Environ()}
	p := w.sit(t, path, args[1:]...)
	switch args[0] {
	case "attach":
		p.sees(`\S`)
		p.types("\x1c")
		p.types("d")
	case "serve":
		p.sees(`http://127\.0\.0\.1:\d+/#k=\S+\r\n`)
		if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("hands do not know %q", args)
	}
	if status := p.status(); status != 0 {
		t.Errorf("atelier %q ends with %d: %q", args[1:], status, p.screen())
	}
}

func TestTheManualDoesWhatItSays(t *testing.T) {
	w := newWorld(t)
	w.follow(t, "../../docs/manual.md")
}

// The five minutes of the README, as written; and what they promise: no tick is
// missing and none is there twice, although the core was killed.
func TestTheReadmeDoesWhatItSays(t *testing.T) {
	w := newWorld(t)
	if err := os.Mkdir(filepath.Join(w.root, "user", "build"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(w.bin, filepath.Join(w.root, "user", "build", "bin")); err != nil {
		t.Fatal(err)
	}
	w.follow(t, "../../README.md")
	homes, err := filepath.Glob(filepath.Join(w.root, "t", "*", "data"))
	if err != nil || len(homes) != 1 {
		t.Fatalf("the homes that it made: %q, %v", homes, err)
	}
	ticks := strings.Split(strings.TrimSpace(w.run(t, "--home", filepath.Dir(homes[0]), "transcript", "counter")), "\n")
	for n, tick := range ticks {
		if tick != "tick "+strconv.Itoa(n+1) {
			t.Errorf("line %d is %q", n+1, tick)
		}
	}
	t.Logf("%d ticks", len(ticks))
}

// The controls: a guide that lies is found out.
func TestAGuideThatLiesFails(t *testing.T) {
	e := example{prints: []string{"one", "t…o", "three"}}
	if err := e.check("one\r\n  t oo\nthree\n"); err != nil {
		t.Error("what is right is refused:", err)
	}
	for _, printed := range []string{"one\nthree\n", "t oo\none\nthree\n", "one\ntwo\nthree more\n", ""} {
		if e.check(printed) == nil {
			t.Errorf("%q passes", printed)
		}
	}
}

func TestTheManualsTableOfStatuses(t *testing.T) {
	text, err := os.ReadFile("../../docs/manual.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\d+) \\|").FindAllStringSubmatch(string(text), -1) {
		status, err := strconv.Atoi(row[2])
		if err != nil {
			t.Fatal(err)
		}
		listed[row[1]] = status
	}
	for _, code := range fault.Codes() {
		if status, is := listed[code.String()]; !is || status != code.ExitStatus() {
			t.Errorf("the manual says %d (%v) of %s, and it is %d", status, is, code, code.ExitStatus())
		}
		delete(listed, code.String())
	}
	if len(listed) > 0 {
		t.Errorf("the manual lists codes that do not exist: %v", listed)
	}
}
