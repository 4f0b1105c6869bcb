package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"sort"
	"strings"
)

const (
	drawing  = "docs/architecture.md"
	linter   = ".golangci.yml"
	module   = "atelier.dev/atelier"
	beginsAt = "        # floors: begin (written by `make generate` from docs/architecture.md)\n"
	endsAt   = "        # floors: end\n"
)

// A house is what the drawing says: packages by floor and the order within the
// two lowest, libraries that these may use, and what else each may import.
type house struct {
	order     [][]string          // floors 0 and 1, from left to right
	adapters  []string            // floor 3
	libraries map[string][]string // package → modules it may use
	imports   map[string][]string // `a` → what of ours it may import, from the table "imports"
	packages  map[string]bool     // every package that the drawing names
}

// floors compares the linter's rules with the drawing; with -w it writes them.
// Every folder of packages must be in the drawing.
func floors(args []string) (string, []string, error) {
	h, err := readDrawing()
	if err != nil {
		return "", nil, err
	}
	want := h.rules()
	config, err := os.ReadFile(linter)
	if err != nil {
		return "", nil, err
	}
	before, rest, ok := strings.Cut(string(config), beginsAt)
	have, after, closed := strings.Cut(rest, endsAt)
	if !ok || !closed {
		return "", nil, errors.New(linter + ": the marks around the floors are gone")
	}
	if slices.Contains(args, "-w") {
		return "written", nil, os.WriteFile(linter, []byte(before+beginsAt+want+endsAt+after), 0o644)
	}
	var wrong []string
	if have != want {
		wrong = append(wrong, linter+" and "+drawing+" differ; run make generate and look at the difference")
	}
	built, err := builtPackages()
	if err != nil {
		return "", nil, err
	}
	for _, name := range built {
		if !h.packages[name] {
			wrong = append(wrong, name+" is not in the drawing of "+drawing)
		}
	}
	return fmt.Sprintf("%d packages in the drawing, %d built", len(h.packages), len(built)), wrong, nil
}

// builtPackages names the folders right below backend and app that hold Go files.
func builtPackages() ([]string, error) {
	out, err := exec.Command("git", "ls-files", "-co", "--exclude-standard", "--", "backend/*.go", "app/*.go").Output()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, file := range strings.Fields(string(out)) {
		parts := strings.Split(file, "/")
		if len(parts) < 3 {
			continue
		}
		if parts[0] == "app" {
			seen["app/"+parts[1]] = true
		} else {
			seen[parts[1]] = true
		}
	}
	var found []string
	for name := range seen {
		found = append(found, name)
	}
	sort.Strings(found)
	return found, nil
}

var quoted = regexp.MustCompile("`([^`]+)`")

// ticked returns the words between backquotes.
func ticked(text string) []string {
	var words []string
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		words = append(words, strings.Fields(m[1])...)
	}
	return words
}

func readDrawing() (*house, error) {
	content, err := os.ReadFile(drawing)
	if err != nil {
		return nil, err
	}
	h := &house{libraries: map[string][]string{}, imports: map[string][]string{}, packages: map[string]bool{}}
	for _, line := range strings.Split(string(content), "\n") {
		h.readLine(line)
	}
	switch {
	case len(h.order) < 2:
		return nil, errors.New(drawing + ": no line with the order `a < b` of floors 0 and 1")
	case len(h.adapters) == 0:
		return nil, errors.New(drawing + ": no row `3 adapters`")
	case len(h.imports) == 0:
		return nil, errors.New(drawing + ": no rows of what may import what")
	}
	return h, nil
}

func (h *house) readLine(line string) {
	if strings.HasPrefix(line, "    ") && strings.Contains(line, " < ") {
		for _, step := range strings.Split(line, "<") {
			h.order = append(h.order, words(step))
		}
		return
	}
	if !strings.HasPrefix(line, "|") {
		return
	}
	cells := strings.Split(strings.Trim(line, "|"), "|")
	first := strings.TrimSpace(cells[0])
	switch {
	case len(cells) < 2:
	case strings.HasPrefix(first, "may import"):
		for _, name := range ticked(first) {
			h.imports[name] = ticked(cells[1])
		}
	case strings.HasPrefix(first, "may use"):
		for _, name := range ticked(first) {
			h.libraries[name] = ticked(cells[1])
		}
	default:
		h.readFloor(first, ticked(cells[1]))
	}
}

func (h *house) readFloor(floor string, names []string) {
	prefix := ""
	switch {
	case floor == "app":
		prefix = "app/"
	case strings.HasPrefix(floor, "3 "):
		h.adapters = append(h.adapters, names...)
	case floor == "wire", floor == "tests only", floor != "" && floor[0] >= '0' && floor[0] <= '2':
	default:
		return
	}
	for _, name := range names {
		h.packages[prefix+name] = true
	}
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
