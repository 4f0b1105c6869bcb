package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"sort"
	"strings"
)

// A failure is one test that failed, with the end of what it printed.
type failure struct {
	name   string
	output string
}

// A tally is what a stage's tests came to.
type tally struct {
	passed  int
	failed  []failure
	skipped []string
}

func (t *tally) add(other tally) {
	t.passed += other.passed
	t.failed = append(t.failed, other.failed...)
	t.skipped = append(t.skipped, other.skipped...)
}

// tailLines is how much of a failing test's output is shown: enough for the
// assertion and a stack, not for a log.
const tailLines = 40

func tail(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return strings.Join(lines, "\n")
}

type goEvent struct {
	Action, Package, ImportPath, Test, Output, FailedBuild string
	Elapsed                                                float64
}

// goTally reads `go test -json`, telling progress a line for each package. Only
// tests without subtests count, so that none counts twice; a package that fails
// outside its tests counts as one failure.
func goTally(from io.Reader, progress io.Writer) tally {
	var t tally
	output := map[string]*strings.Builder{}
	results := map[string]string{}
	parent := map[string]bool{}
	failedIn := map[string]bool{}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20) // one event holds one line of a test's output
	for lines.Scan() {
		var e goEvent
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(progress, lines.Text())
			continue
		}
		where := e.Package
		if where == "" {
			where = e.ImportPath
		}
		key := where + " " + e.Test
		if output[key] == nil {
			output[key] = &strings.Builder{}
		}
		switch e.Action {
		case "output", "build-output":
			output[key].WriteString(e.Output)
		case "run":
			if at := strings.LastIndex(key, "/"); at > len(where) {
				parent[key[:at]] = true
			}
		case "pass", "fail", "skip":
			if e.Test != "" {
				results[key] = e.Action
				failedIn[where] = failedIn[where] || e.Action == "fail"
				continue
			}
			if e.Action != "skip" {
				fmt.Fprintf(progress, "  %-4s %-52s %6.1f s\n", e.Action, strings.TrimPrefix(where, module+"/"), e.Elapsed)
			}
			if e.Action == "fail" && !failedIn[where] {
				text := output[key].String()
				if broken := output[e.FailedBuild+" "]; broken != nil {
					text += broken.String()
				}
				t.failed = append(t.failed, failure{where, tail(text)})
			}
		}
	}
	for _, key := range sorted(results) {
		if parent[key] && results[key] != "fail" {
			continue
		}
		switch results[key] {
		case "pass":
			t.passed++
		case "skip":
			t.skipped = append(t.skipped, key)
		case "fail":
			if !parent[key] || !hasFailingChild(results, key) {
				t.failed = append(t.failed, failure{key, tail(output[key].String())})
			}
		}
	}
	return t
}

func hasFailingChild(results map[string]string, key string) bool {
	for other, result := range results {
		if result == "fail" && strings.HasPrefix(other, key+"/") {
			return true
		}
	}
	return false
}

func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// vitestTally reads the report of vitest's json reporter.
func vitestTally(file string) (tally, error) {
	var report struct {
		TestResults []struct {
			Name             string
			Status           string
			Message          string
			AssertionResults []struct {
				FullName        string
				Status          string
				FailureMessages []string
			}
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return tally{}, err
	}
	if err := json.Unmarshal(content, &report); err != nil {
		return tally{}, err
	}
	var t tally
	for _, suite := range report.TestResults {
		name := suite.Name[strings.LastIndex(suite.Name, "/frontend/")+1:]
		if suite.Status == "failed" && len(suite.AssertionResults) == 0 {
			t.failed = append(t.failed, failure{name, tail(suite.Message)})
		}
		for _, a := range suite.AssertionResults {
			switch a.Status {
			case "passed":
				t.passed++
			case "failed":
				t.failed = append(t.failed, failure{name + " " + a.FullName, tail(strings.Join(a.FailureMessages, "\n"))})
			default:
				t.skipped = append(t.skipped, name+" "+a.FullName)
			}
		}
	}
	return t, nil
}

var stepLine = regexp.MustCompile(`(?m)^(check|plant): (.+?) +(ok|FAILED)\b`)

// stepTally reads the lines of build/scripts/check and of gate plants.
func stepTally(output string) tally {
	var t tally
	for _, m := range stepLine.FindAllStringSubmatch(output, -1) {
		if m[3] == "ok" {
			t.passed++
			continue
		}
		t.failed = append(t.failed, failure{m[1] + " " + m[2], tail(output)})
	}
	return t
}
