package main

import (
	"fmt"
	"sort"
	"strings"
)

// harmless is the part of the standard library through which neither clock, nor
// I/O, nor goroutines, nor chance come in. A $ ends a path, so that math does
// not open math/rand. Of time, which also holds durations, gate pure bars the clock.
var harmless = []string{
	"bytes", "cmp", "crypto/ed25519", "crypto/hmac", "crypto/sha256", "crypto/sha512", "crypto/subtle",
	"encoding", "errors", "fmt", "hash", "io$", "iter", "maps", "math$", "math/big", "math/bits",
	"slices", "sort", "strconv", "strings", "time$", "unicode", "unsafe$",
}

// rules prints the drawing as depguard's rules.
func (h *house) rules() string {
	var out strings.Builder
	var below []string
	for _, step := range h.order {
		for _, name := range step {
			h.pureRule(&out, name, below)
		}
		below = append(below, step...)
	}
	below = append(below, "studio")
	looseRule(&out, "backend/studio", below[:len(below)-1], nil)
	sort.Strings(h.adapters)
	for _, name := range h.adapters {
		looseRule(&out, "backend/"+name, below, h.imports[name])
	}
	var rest []string
	for name := range h.imports {
		if !contains(h.adapters, name) {
			rest = append(rest, name)
		}
	}
	sort.Strings(rest)
	for _, name := range rest {
		folder := name
		if !strings.HasPrefix(name, "app/") {
			folder = "backend/" + name
		}
		if libraries, bound := h.libraries[name]; bound {
			strictRule(&out, folder, []string{"$gostd"}, h.imports[name], libraries)
			continue
		}
		looseRule(&out, folder, nil, h.imports[name])
	}
	return out.String()
}

func contains(list []string, word string) bool {
	for _, other := range list {
		if other == word {
			return true
		}
	}
	return false
}

// pureRule allows the harmless standard library, the packages below and the
// libraries that the drawing lists for name; nothing else.
func (h *house) pureRule(out *strings.Builder, name string, below []string) {
	strictRule(out, "backend/"+name, harmless, below, h.libraries[name])
}

func strictRule(out *strings.Builder, folder string, standard, ours, libraries []string) {
	head(out, folder, "strict")
	fmt.Fprintf(out, "          allow:\n            - %s/%s\n", module, folder)
	list := standard
	for _, name := range ours {
		list = append(list[:len(list):len(list)], placeOf(name))
	}
	for _, path := range append(list[:len(list):len(list)], libraries...) {
		fmt.Fprintf(out, "            - %s\n", path)
	}
}

// looseRule denies our own module but for the packages named; libraries are free.
func looseRule(out *strings.Builder, folder string, below, more []string) {
	head(out, folder, "lax")
	fmt.Fprintf(out, "          deny:\n            - {pkg: %s, desc: \"docs/architecture.md: not on a floor below\"}\n", module)
	fmt.Fprintf(out, "          allow:\n            - %s/%s\n", module, folder)
	for _, name := range append(below[:len(below):len(below)], more...) {
		fmt.Fprintf(out, "            - %s\n", placeOf(name))
	}
}

func head(out *strings.Builder, folder, mode string) {
	fmt.Fprintf(out, "        %s:\n          list-mode: %s\n          files: [\"**/%s/**\", \"!$test\"]\n",
		strings.ReplaceAll(folder, "/", "-"), mode, folder)
}

// placeOf tells where a package of the drawing lies: below backend, or in the root.
func placeOf(name string) string {
	if name == "backend" || name == "frontend" {
		return module + "/" + name
	}
	return module + "/backend/" + name
}
