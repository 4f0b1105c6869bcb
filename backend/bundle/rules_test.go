package bundle

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryRuleHasATest(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests bytes.Buffer
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(b)
	}
	rules := regexp.MustCompile(`(?m)^(\d+)\. `).FindAllStringSubmatch(string(spec), -1)
	if len(rules) != 17 {
		t.Fatalf("%d rules were found", len(rules))
	}
	for _, rule := range rules {
		if !strings.Contains(tests.String(), fmt.Sprintf("func TestRule%02s_", rule[1])) {
			t.Errorf("rule %s has no test", rule[1])
		}
	}
}
