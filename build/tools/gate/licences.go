package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// shipped are the licences under which we hand other people's work on.
var shipped = map[string]bool{
	"MIT": true, "MIT-0": true, "ISC": true, "0BSD": true, "BSD-2-Clause": true, "BSD-3-Clause": true,
	"Apache-2.0": true, "MPL-2.0": true,
}

// buildOnly are further licences of tools that run at build time and are never shipped.
var buildOnly = map[string]bool{"BlueOak-1.0.0": true, "CC0-1.0": true}

// byName are packages whose licence is accepted for them alone; docs/choices.md says why.
var byName = map[string]string{
	"elkjs":                           "EPL-2.0",
	"@fontsource-variable/inter":      "OFL-1.1",
	"@fontsource/cascadia-mono":       "OFL-1.1",
	"@fontsource/noto-sans-symbols":   "OFL-1.1",
	"@fontsource/noto-sans-symbols-2": "OFL-1.1",
}

func licences(_ []string) (string, []string, error) {
	npmCount, wrong, err := npmLicences("frontend/package-lock.json")
	if err != nil {
		return "", nil, err
	}
	goCount, more, err := goLicences()
	if err != nil {
		return "", nil, err
	}
	wrong = append(wrong, more...)
	sort.Strings(wrong)
	return fmt.Sprintf("%d npm packages and %d Go modules read", npmCount, goCount), wrong, nil
}

func npmLicences(lock string) (int, []string, error) {
	var got struct {
		Packages map[string]struct {
			License string `json:"license"`
			Dev     bool   `json:"dev"`
		} `json:"packages"`
	}
	if err := readJSON(lock, &got); err != nil {
		return 0, nil, err
	}
	var wrong []string
	for place, p := range got.Packages {
		if place == "" {
			continue
		}
		name := place[strings.LastIndex(place, "node_modules/")+len("node_modules/"):]
		if byName[name] != "" && byName[name] == p.License {
			continue
		}
		if !accepted(p.License, p.Dev) {
			wrong = append(wrong, fmt.Sprintf("npm %s is under %q, which is not accepted", name, p.License))
		}
	}
	return len(got.Packages), wrong, nil
}

// accepted reads an SPDX expression of one operator: one side of OR must be
// accepted, all of AND.
func accepted(expression string, dev bool) bool {
	expression = strings.Trim(expression, "()")
	if sides := strings.Split(expression, " OR "); len(sides) > 1 {
		for _, side := range sides {
			if accepted(side, dev) {
				return true
			}
		}
		return false
	}
	for _, side := range strings.Split(expression, " AND ") {
		if !shipped[side] && !(dev && buildOnly[side]) {
			return false
		}
	}
	return true
}

// goLicences reads the licence of every module that a program, a test or a measure
// of ours links. The linters of build/tools are run, never linked, and are not
// looked at.
func goLicences() (int, []string, error) {
	dirs := map[string]bool{}
	for _, folder := range []string{".", "build/bench"} {
		if err := linked(folder, dirs); err != nil {
			return 0, nil, err
		}
	}
	var wrong []string
	for dir := range dirs {
		if name := goLicence(dir); !shipped[name] {
			wrong = append(wrong, fmt.Sprintf("Go module in %s is under %s, which is not accepted", dir, name))
		}
	}
	return len(dirs), wrong, nil
}

// linked adds the folders of the modules of other people that one of ours links.
func linked(folder string, dirs map[string]bool) error {
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	list := exec.Command("go", "list", "-deps", "-test", "-tags", "desktop,production,webkit2_41",
		"-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", "./...")
	list.Dir = folder
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	for _, line := range strings.Split(string(out), "\n") {
		if path, dir, ok := strings.Cut(line, "\t"); ok && path != module {
			dirs[dir] = true
		}
	}
	return nil
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([.-].*)?$`)

// goLicence names the licence of the module in dir by the sentence that only
// that licence has, or says what it found instead.
func goLicence(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "no folder (" + err.Error() + ")"
	}
	for _, entry := range entries {
		if entry.IsDir() || !licenceFile.MatchString(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err.Error()
		}
		return licenceOf(string(text))
	}
	return "no licence file"
}

func licenceOf(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	has := func(words string) bool { return strings.Contains(text, words) }
	switch {
	case has("GNU GENERAL PUBLIC LICENSE"), has("GNU LESSER GENERAL PUBLIC"), has("GNU AFFERO GENERAL PUBLIC"):
		if !has("Mozilla Public License Version 2.0") && !has("Mozilla Public License, version 2.0") {
			return "a licence of the GNU family"
		}
		return "MPL-2.0"
	case has("Mozilla Public License Version 2.0"), has("Mozilla Public License, version 2.0"):
		return "MPL-2.0"
	case has("Apache License Version 2.0"):
		return "Apache-2.0"
	case has("Permission is hereby granted, free of charge"):
		return "MIT"
	case has("Redistribution and use in source and binary forms") && has("Neither the name"):
		return "BSD-3-Clause"
	case has("Redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	case has("Permission to use, copy, modify, and"):
		return "ISC"
	}
	return "a licence that the check does not know"
}
