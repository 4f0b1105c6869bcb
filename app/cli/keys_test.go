package main

import (
	"slices"
	"testing"
)

// A pressing is what keys.read makes of some typed pieces.
type pressing struct {
	input  string
	wishes []wish
}

func press(pieces ...string) (p pressing) {
	k := keys{prefix: 0x1c}
	for _, piece := range pieces {
		rest := []byte(piece)
		for len(rest) > 0 {
			var input []byte
			var asked wish
			input, asked, rest = k.read(rest)
			p.input += string(input)
			if asked != wishNothing {
				p.wishes = append(p.wishes, asked)
			}
		}
	}
	return p
}

func TestOnlyThePrefixAndItsLettersAreOurs(t *testing.T) {
	for name, c := range map[string]struct {
		typed  []string
		input  string
		wishes []wish
	}{
		"plain text":              {[]string{"make\r"}, "make\r", nil},
		"detach":                  {[]string{"ab\x1cd"}, "ab", []wish{wishDetach}},
		"detach in two reads":     {[]string{"ab\x1c", "d"}, "ab", []wish{wishDetach}},
		"take, and go on":         {[]string{"\x1ctls\r"}, "ls\r", []wish{wishTake}},
		"the prefix twice":        {[]string{"\x1c\x1c"}, "\x1c", nil},
		"twice, then d":           {[]string{"\x1c\x1cd"}, "\x1cd", nil},
		"another letter":          {[]string{"\x1cq"}, "\x1cq", nil},
		"the editor's own keys":   {[]string{"\x0b\x02\x1b\x1bb\x03\x04\x1a"}, "\x0b\x02\x1b\x1bb\x03\x04\x1a", nil},
		"wishes one after other":  {[]string{"\x1ct", "x\x1cd"}, "x", []wish{wishTake, wishDetach}},
		"a d without the prefix":  {[]string{"d"}, "d", nil},
		"the prefix is held back": {[]string{"x\x1c"}, "x", nil},
	} {
		got := press(c.typed...)
		if got.input != c.input || !slices.Equal(got.wishes, c.wishes) {
			t.Errorf("%s: %q gives %q and %v, want %q and %v", name, c.typed, got.input, got.wishes, c.input, c.wishes)
		}
	}
}

func TestKeysThatCanBeAPrefix(t *testing.T) {
	for name, want := range map[string]byte{`ctrl-\`: 0x1c, `Ctrl-\`: 0x1c, "ctrl-a": 1, "Ctrl-Z": 26, "ctrl-]": 0x1d, "ctrl-^": 0x1e, "ctrl-_": 0x1f} {
		if got, known := controlKey(name); !known || got != want {
			t.Errorf("%s: %#x, %v; want %#x", name, got, known, want)
		}
	}
	for _, name := range []string{"", "a", "ctrl-", "ctrl-ab", "ctrl-[", "ctrl-@", "ctrl-1", "alt-a", "ctrl-é"} {
		if got, known := controlKey(name); known {
			t.Errorf("%q is taken for %#x", name, got)
		}
	}
}
