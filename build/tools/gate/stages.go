package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

func setUp(r *running) (tally, error) {
	if err := r.show("build/scripts/setup", "test"); err != nil {
		return tally{}, err
	}
	return tally{passed: 1}, nil
}

func buildAll(r *running) (tally, error) {
	if err := r.show("build/scripts/build"); err != nil {
		return tally{}, err
	}
	return tally{passed: 1}, nil
}

func checkAll(r *running) (tally, error) {
	err := r.show("build/scripts/check", "--no-plants")
	got := stepTally(r.output())
	if len(got.failed) > 0 {
		err = nil // told one by one
	}
	return got, err
}

// goFlags are shared by both runs of Go tests: two packages at a time on two
// cores, vet left to the checks, and a bound on one package that hangs.
var goFlags = []string{"test", "-json", "-vet=off", "-p", "2", "-timeout", "15m"}

func goTests(r *running) (tally, error) {
	return r.goTest(append(append([]string{}, goFlags...), "-race", "./..."))
}

var (
	unraced  = regexp.MustCompile(`(?m)^//go:build .*!race`)
	windowed = regexp.MustCompile(`(?m)^//go:build .*\bwindow\b`)
	testName = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// goUnraced runs the tests of files that the race detector excludes by build
// tag: bulk transfers, which it slows tenfold.
func goUnraced(r *running) (tally, error) {
	tests, packages, err := taggedTests(unraced)
	if err != nil || len(tests) == 0 {
		return tally{}, err
	}
	args := append(append([]string{}, goFlags...), "-run", "^("+strings.Join(tests, "|")+")$")
	return r.goTest(append(args, packages...))
}

// taggedTests lists the tests, and their packages, of files whose build line matches.
func taggedTests(tag *regexp.Regexp) (tests, packages []string, err error) {
	files, err := tracked()
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "build/") {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		if !tag.Match(content) {
			continue
		}
		for _, m := range testName.FindAllSubmatch(content, -1) {
			tests = append(tests, string(m[1]))
		}
		seen["./"+filepath.Dir(file)] = true
	}
	for name := range seen {
		packages = append(packages, name)
	}
	sort.Strings(packages)
	return tests, packages, nil
}

func gateTests(r *running) (tally, error) {
	return r.goTest([]string{"test", "-C", "build/tools", "-json", "./gate/..."})
}

func pageTests(r *running) (tally, error) { return r.vitest() }

func browserTests(r *running) (tally, error) {
	specs, err := specs(func(name string) bool { return !strings.HasPrefix(name, "window") })
	if err != nil {
		return tally{}, err
	}
	return r.vitest(append([]string{"--config", "e2e/vitest.config.ts"}, specs...)...)
}

// windowTests are the stories of the real window: specs whose name begins with
// window, and Go tests behind the build tag window.
func windowTests(r *running) (tally, error) {
	var all tally
	found, err := specs(func(name string) bool { return strings.HasPrefix(name, "window") })
	if err == nil {
		got, err := r.vitest(append([]string{"--config", "e2e/vitest.config.ts"}, found...)...)
		if err != nil {
			return got, err
		}
		all.add(got)
	}
	tests, packages, err := taggedTests(windowed)
	if err != nil {
		return all, err
	}
	if len(tests) > 0 {
		args := []string{"test", "-json", "-vet=off", "-p", "1", "-timeout", "7m", "-tags", "window", "-run", "^(" + strings.Join(tests, "|") + ")$"}
		got, err := r.goTest(append(args, packages...))
		if err != nil {
			return got, err
		}
		all.add(got)
	}
	return all, nil
}

// specs lists the end-to-end stories whose file names are wanted.
func specs(wanted func(name string) bool) ([]string, error) {
	files, err := filepath.Glob("frontend/e2e/*.spec.ts")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, file := range files {
		if wanted(filepath.Base(file)) {
			found = append(found, "e2e/"+filepath.Base(file))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("frontend/e2e: %w", errNoTests)
	}
	return found, nil
}

func plantTests(r *running) (tally, error) {
	err := r.show("build/scripts/plants")
	got := stepTally(r.output())
	if len(got.failed) > 0 {
		err = nil
	}
	return got, err
}
