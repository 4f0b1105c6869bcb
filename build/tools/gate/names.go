package main

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
)

// forbidden are words that would tie the repository to the place where it was
// written. They are spelled so that this file does not contain them.
var forbidden = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a path of one workplace", regexp.MustCompile(`(^|[^\w.$}])/wor` + `k/(main|shared|brief|\.)`)},
	{"a page outside the repository", regexp.MustCompile(`\.\./share` + `d/`)},
	{"a registry's host", regexp.MustCompile(`regis` + `try\.(npmjs|yarnpkg)\.|proxy\.go` + `lang\.org|sum\.go` + `lang\.org|deb\.deb` + `ian\.org|security\.deb` + `ian\.org`)},
}

// vague are names that say nothing of what is inside.
var vague = regexp.MustCompile(`(?i)(^|[_.-])(util|utils|common|helper|helpers|misc|manager|managers)([_.-]|$)`)

// fixedTop is what may lie in the root.
var fixedTop = map[string]bool{
	"app": true, "frontend": true, "backend": true, "build": true, "docs": true, ".ci": true,
	"wails.json": true, "go.mod": true, "go.sum": true, "README.md": true, "main.go": true,
	"Makefile": true, "LICENSE": true, "NOTICE": true, ".golangci.yml": true, ".gitignore": true,
	".gitattributes": true,
}

// largest is the most bytes of one file: pictures and goldens fit, builds do not.
const largest = 4 << 20

func names(_ []string) (string, []string, error) {
	files, err := tracked()
	if err != nil {
		return "", nil, err
	}
	var wrong []string
	for _, file := range files {
		wrong = append(wrong, nameOf(file)...)
		content, err := os.ReadFile(file)
		if err != nil {
			return "", nil, err
		}
		if len(content) > largest {
			wrong = append(wrong, fmt.Sprintf("%s: %d bytes; no file is larger than %d", file, len(content), largest))
		}
		if !binary(content) {
			wrong = append(wrong, wordsOf(file, string(content))...)
			wrong = append(wrong, linksOf(file, string(content))...)
		}
	}
	return fmt.Sprintf("%d files read", len(files)), wrong, nil
}

var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

// linksOf finds the relative links and pictures of a page that lead nowhere.
func linksOf(file, content string) []string {
	if path.Ext(file) != ".md" {
		return nil
	}
	var wrong []string
	for _, m := range link.FindAllStringSubmatch(content, -1) {
		if _, err := os.Stat(path.Join(path.Dir(file), m[1])); err != nil {
			wrong = append(wrong, file+": the link to "+m[1]+" leads nowhere")
		}
	}
	return wrong
}

func nameOf(file string) []string {
	var wrong []string
	if top, _, _ := strings.Cut(file, "/"); !fixedTop[top] {
		wrong = append(wrong, file+": the root holds only what docs/architecture.md lists")
	}
	for _, part := range strings.Split(file, "/") {
		if vague.MatchString(strings.TrimSuffix(part, path.Ext(part))) {
			wrong = append(wrong, file+": the name "+part+" does not say what is inside")
		}
	}
	return wrong
}

func wordsOf(file, content string) []string {
	var wrong []string
	for n, line := range strings.Split(content, "\n") {
		for _, word := range forbidden {
			if word.pattern.MatchString(line) {
				wrong = append(wrong, fmt.Sprintf("%s:%d: names %s", file, n+1, word.what))
			}
		}
	}
	return wrong
}
