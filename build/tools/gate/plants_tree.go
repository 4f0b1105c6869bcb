package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A plant breaks one rule in a copy of the tree. Either text is put into a file,
// or old is replaced by it.
type plant struct {
	rule    string
	file    string
	old     string
	text    string
	command []string // what must refuse it; %GATE% is this program
	says    string   // words that its output must hold
}

var treePlants = []plant{
	{rule: "gofmt", file: "backend/fault/planted.go", text: "package fault\nvar  a=1\n",
		command: []string{"sh", "-c", "! gofmt -l backend | grep ."}, says: "planted.go"},
	{rule: "go vet", file: "backend/fault/planted.go",
		text:    "package fault\n\nimport \"fmt\"\n\nfunc planted() string { return fmt.Sprintf(\"%d\", \"a\") }\n",
		command: []string{"go", "vet", "./backend/fault"}, says: "wrong type"},
	{rule: "floors: the drawing moves and the linter does not", file: "docs/architecture.md",
		old: "fault < event <", text: "event < fault <", command: []string{"%GATE%", "floors"}, says: "differ"},
	{rule: "floors: a package that is not drawn", file: "backend/planted/planted.go", text: "package planted\n",
		command: []string{"%GATE%", "floors"}, says: "planted is not in the drawing"},
	{rule: "pure: a map's order", file: "backend/event/planted.go",
		text:    "package event\n\nfunc planted(m map[int]int) (s []int) {\n\tfor k := range m {\n\t\ts = append(s, k)\n\t}\n\treturn s\n}\n",
		command: []string{"%GATE%", "pure", "./backend/event"}, says: "ranges over a map"},
	{rule: "pure: a goroutine", file: "backend/event/planted.go", text: "package event\n\nfunc planted() { go planted() }\n",
		command: []string{"%GATE%", "pure", "./backend/event"}, says: "starts a goroutine"},
	{rule: "pure: the clock", file: "backend/event/planted.go",
		text:    "package event\n\nimport \"time\"\n\nvar planted = time.Now\n",
		command: []string{"%GATE%", "pure", "./backend/event"}, says: "reads the clock"},
	{rule: "names: a workplace", file: "docs/planted.md", text: "see /wor" + "k/main/x\n",
		command: []string{"%GATE%", "names"}, says: "a path of one workplace"},
	{rule: "names: a registry", file: "docs/planted.md", text: "https://regis" + "try.npmjs.org/a\n",
		command: []string{"%GATE%", "names"}, says: "a registry's host"},
	{rule: "names: a dead link", file: "docs/planted.md", text: "[a](nowhere.md)\n",
		command: []string{"%GATE%", "names"}, says: "leads nowhere"},
	{rule: "names: a vague name", file: "backend/fault/util.go", text: "package fault\n",
		command: []string{"%GATE%", "names"}, says: "does not say what is inside"},
	{rule: "names: litter in the root", file: "notes.txt", text: "a\n",
		command: []string{"%GATE%", "names"}, says: "the root holds only"},
	{rule: "pins: a range", file: "frontend/package.json", old: `"react": "`, text: `"react": "^`,
		command: []string{"%GATE%", "pins"}, says: "pin one exact version"},
	{rule: "pins: a host", file: "frontend/package-lock.json", old: `"integrity": "`,
		text: `"resolved": "https://example.org/a.tgz", "integrity": "`, command: []string{"%GATE%", "pins"}, says: "names a host"},
	{rule: "licences", file: "frontend/package-lock.json", old: `"license": "MIT"`, text: `"license": "GPL-3.0"`,
		command: []string{"%GATE%", "licences"}, says: "GPL-3.0"},
	{rule: "biome", file: "frontend/src/domain/planted.ts", text: "export function a(x: any) { return x == 1 }\n",
		command: []string{"sh", "-c", "cd frontend && node_modules/.bin/biome check src/domain/planted.ts"}, says: "noDoubleEquals"},
	{rule: "tsc", file: "frontend/src/domain/planted.ts", text: "export const planted: number = \"text\";\n",
		command: []string{"sh", "-c", "cd frontend && node_modules/.bin/tsc --noEmit"}, says: "TS2322"},
	{rule: "buf lint", file: "backend/proto/atelier/v1/planted.proto",
		text:    "syntax = \"proto3\";\npackage atelier.v1;\nmessage planted_message { string Name = 1; }\n",
		command: []string{"sh", "-c", "cd backend/proto && ../../frontend/node_modules/.bin/buf lint"}, says: "planted_message"},
	{rule: "buf breaking", file: "backend/proto/atelier/v1/core.proto", old: " = 1;", text: " = 101;",
		command: []string{"sh", "-c", "cd backend/proto && ../../frontend/node_modules/.bin/buf breaking --against landed.binpb"}, says: "core.proto"},
	{rule: "drift", file: "backend/gen/atelier/v1/core.pb.go", old: "package atelierv1", text: "package atelierv1 // by hand",
		command: []string{"build/scripts/generate", "--check"}, says: "generated code differs"},
}

// plantOthers copies the tree to dir and tries each plant there.
func plantOthers(dir string) (int, []string, error) {
	if err := copyTree(dir); err != nil {
		return 0, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, nil, err
	}
	var wrong []string
	for _, p := range treePlants {
		out, refused, err := p.try(dir, self)
		if err != nil {
			return 0, wrong, fmt.Errorf("%s: %w", p.rule, err)
		}
		found := refused && strings.Contains(out, p.says)
		told(p.rule, found)
		if !found {
			wrong = append(wrong, fmt.Sprintf("%s: refused %v, wanted the words %q in:\n%s", p.rule, refused, p.says, out))
		}
	}
	return len(treePlants), wrong, nil
}

func copyTree(dir string) error {
	files, err := tracked()
	if err != nil {
		return err
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := put(filepath.Join(dir, name), content); err != nil {
			return err
		}
		if info, err := os.Stat(name); err == nil {
			_ = os.Chmod(filepath.Join(dir, name), info.Mode().Perm())
		}
	}
	modules, err := filepath.Abs("frontend/node_modules")
	if err != nil {
		return err
	}
	if err := os.Symlink(modules, filepath.Join(dir, "frontend/node_modules")); err != nil {
		return err
	}
	git := exec.Command("sh", "-c", "git init -q . && git add -A")
	git.Dir = dir
	if out, err := git.CombinedOutput(); err != nil {
		return fmt.Errorf("git in the copy: %w: %s", err, out)
	}
	return nil
}

// try plants p, runs what must refuse it, and takes it out again.
func (p plant) try(dir, self string) (string, bool, error) {
	file := filepath.Join(dir, p.file)
	before, err := os.ReadFile(file)
	existed := err == nil
	text := p.text
	if p.old != "" {
		if !strings.Contains(string(before), p.old) {
			return "", false, fmt.Errorf("%s does not hold %q any more", p.file, p.old)
		}
		text = strings.Replace(string(before), p.old, p.text, 1)
	}
	if err := put(file, []byte(text)); err != nil {
		return "", false, err
	}
	args := append([]string{}, p.command...)
	if args[0] == "%GATE%" {
		args[0] = self
	}
	run := exec.Command(args[0], args[1:]...)
	run.Dir = dir
	out, err := run.CombinedOutput()
	if existed {
		return string(out), err != nil, put(file, before)
	}
	return string(out), err != nil, os.Remove(file)
}
