package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A stage of `make test`. Its limit is a generous bound on hanging, not a
// measure of speed; the sum stays below an hour and a half.
type stage struct {
	name  string
	limit time.Duration
	run   func(*running) (tally, error)
	vital bool // without it the later stages make no sense
}

var stages = []stage{
	{"set-up", 12 * time.Minute, setUp, true},
	{"build", 10 * time.Minute, buildAll, true},
	{"check", 10 * time.Minute, checkAll, false},
	{"go", 25 * time.Minute, goTests, false},
	{"go without race", 6 * time.Minute, goUnraced, false},
	{"gate", 2 * time.Minute, gateTests, false},
	{"page", 4 * time.Minute, pageTests, false},
	{"browser", 8 * time.Minute, browserTests, false},
	{"window", 8 * time.Minute, windowTests, false},
	{"plants", 5 * time.Minute, plantTests, false},
}

// testAll runs every stage, or those named, and returns the exit status. The
// last line it prints is `N passed, N failed`.
func testAll(only []string) int {
	becomeReaper()
	logs := filepath.Join(os.Getenv("ATELIER_BUILD_CACHE"), "test-logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var all tally
	var table []string
	start := time.Now()
	for _, s := range stages {
		if len(only) > 0 && !named(only, s.name) {
			continue
		}
		fmt.Printf("== %s\n", s.name)
		began := time.Now()
		got := s.perform(logs)
		seconds := time.Since(began).Seconds()
		for _, f := range got.failed {
			fmt.Printf("-- FAILED: %s\n%s\n", f.name, f.output)
		}
		table = append(table, fmt.Sprintf("  %-16s %6.0f s  %4d passed  %3d failed  %3d skipped",
			s.name, seconds, got.passed, len(got.failed), len(got.skipped)))
		fmt.Println(table[len(table)-1])
		all.add(got)
		if s.vital && len(got.failed) > 0 {
			fmt.Printf("the stages after %s were not run\n", s.name)
			break
		}
	}
	all.add(unlisted(all.skipped))
	fmt.Printf("== summary, %.0f s in all; whole logs in %s\n%s\n", time.Since(start).Seconds(), logs, strings.Join(table, "\n"))
	for _, f := range all.failed {
		fmt.Println("  FAILED:", f.name)
	}
	fmt.Printf("%d passed, %d failed\n", all.passed, len(all.failed))
	if len(all.failed) > 0 || all.passed == 0 {
		return 1
	}
	return 0
}

func named(list []string, name string) bool {
	for _, other := range list {
		if other == name {
			return true
		}
	}
	return false
}

// perform runs one stage; an error, a hang and a process left behind are
// failures like a test's.
func (s stage) perform(logs string) tally {
	r, err := newRunning(filepath.Join(logs, strings.ReplaceAll(s.name, " ", "-")+".log"), s.limit)
	if err != nil {
		return tally{failed: []failure{{s.name, err.Error()}}}
	}
	got, err := s.run(r)
	if err != nil {
		got.failed = append(got.failed, failure{s.name, err.Error() + "\n" + tail(r.output())})
	}
	if got.passed == 0 && len(got.failed) == 0 && !s.vital && s.name != "go without race" {
		got.failed = append(got.failed, failure{s.name, "no test was run"})
	}
	if left := r.close(); len(left) > 0 {
		got.failed = append(got.failed, failure{s.name + " leaves no process behind", strings.Join(left, "\n")})
	}
	return got
}

const notRun = "docs/not-run.md"

var listed = regexp.MustCompile("`([^`]+)`")

// unlisted fails each skipped test that docs/not-run.md does not name between
// backquotes, and prints what that page lists.
func unlisted(skipped []string) tally {
	var t tally
	page, err := os.ReadFile(notRun)
	if err != nil {
		return tally{failed: []failure{{notRun, err.Error()}}}
	}
	names := map[string]bool{}
	for _, m := range listed.FindAllStringSubmatch(string(page), -1) {
		names[m[1]] = true
	}
	fmt.Printf("== not run, from %s\n", notRun)
	for _, line := range strings.Split(string(page), "\n") {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| what") {
			fmt.Println(" ", strings.Trim(line, "| "))
		}
	}
	for _, name := range skipped {
		_, test, _ := strings.Cut(name, " ")
		top, _, _ := strings.Cut(test, "/")
		if names[test] || names[top] {
			fmt.Println("  skipped, and listed:", name)
			continue
		}
		t.failed = append(t.failed, failure{name + " was skipped", "a skip is listed in " + notRun + " with its reason"})
	}
	return t
}

var errNoTests = errors.New("no such test exists yet")
