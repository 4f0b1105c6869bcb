package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/tools/txtar"
)

//go:embed plants.txtar
var plantedModule []byte

// plants makes a violation for every linter in a copy and expects each to be
// refused by the linter's name: a check that finds nothing must be able to find
// something. Its argument is the golangci-lint to try.
func plants(args []string) (string, []string, error) {
	if len(args) != 1 {
		return "", nil, errors.New("name the golangci-lint to try")
	}
	scratch, err := os.MkdirTemp("", "plants")
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(scratch)
	linted, wrong, err := plantGo(args[0], filepath.Join(scratch, "go"))
	if err != nil {
		return "", nil, err
	}
	others, more, err := plantOthers(filepath.Join(scratch, "tree"))
	return fmt.Sprintf("%d violations planted, each refused", linted+others), append(wrong, more...), err
}

var (
	plantLine  = regexp.MustCompile(`^//plant:(\w+)`)
	enabled    = regexp.MustCompile(`(?m)^    - (\w+)`)
	linterLine = regexp.MustCompile(`(?m)^([\w./-]+\.go):\d+(?::\d+)?: .*\((\w+)\)$`)
)

// plantGo runs the linter with our configuration over the planted module. Every
// planted file must be refused by its linter, and every linter that the
// configuration enables must have a file.
func plantGo(linter, dir string) (int, []string, error) {
	wanted := map[string]string{}
	archive := txtar.Parse(plantedModule)
	files := append(archive.Files,
		txtar.File{Name: "p/funlen/x.go", Data: []byte(longFunction())},
		txtar.File{Name: "p/longfile/x.go", Data: []byte(longFile())})
	for _, f := range files {
		if m := plantLine.FindSubmatch(f.Data); m != nil {
			wanted[f.Name] = string(m[1])
		}
		if err := put(filepath.Join(dir, f.Name), f.Data); err != nil {
			return 0, nil, err
		}
	}
	config, err := os.ReadFile(".golangci.yml")
	if err != nil {
		return 0, nil, err
	}
	if err := put(filepath.Join(dir, ".golangci.yml"), config); err != nil {
		return 0, nil, err
	}
	run := exec.Command(linter, "run", "--output.text.print-issued-lines=false", "--output.text.colors=false", "--uniq-by-line=false", "./...")
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err == nil {
		return 0, nil, errors.New("golangci-lint passed a module full of violations")
	}
	refused := map[string]bool{}
	for _, m := range linterLine.FindAllStringSubmatch(string(out), -1) {
		refused[m[1]+" "+m[2]] = true
	}
	var wrong []string
	tried := map[string]bool{}
	for name, by := range wanted {
		tried[by] = true
		told(by+" "+name, refused[name+" "+by])
		if !refused[name+" "+by] {
			wrong = append(wrong, fmt.Sprintf("%s did not refuse %s", by, name))
		}
	}
	list, _, _ := strings.Cut(string(config), "\n  settings:")
	for _, m := range enabled.FindAllStringSubmatch(list, -1) {
		if !tried[m[1]] {
			wrong = append(wrong, "no violation is planted for "+m[1])
		}
	}
	if len(wrong) > 0 {
		wrong = append(wrong, "golangci-lint said:\n"+string(out))
	}
	return len(wanted), wrong, nil
}

// told prints one planted violation as a line that the test's tally counts.
func told(rule string, refused bool) {
	word := "ok"
	if !refused {
		word = "FAILED"
	}
	fmt.Printf("plant: %-60s %s\n", rule, word)
}

func put(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

func longFunction() string {
	return "//plant:funlen\n\n// Package funlen is planted.\npackage funlen\n\n// F is planted.\nfunc F(n int) int {\n" +
		strings.Repeat("\tn++\n", 200) + "\treturn n\n}\n"
}

func longFile() string {
	return "//plant:revive\n\n// Package longfile is planted.\npackage longfile\n" +
		strings.Repeat("\nvar _ = 1\n", 700)
}
