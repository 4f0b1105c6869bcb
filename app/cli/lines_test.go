package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func linesOf(cols int, pieces ...string) string {
	l := newLines(cols)
	var out []byte
	for _, piece := range pieces {
		out = append(out, l.read([]byte(piece))...)
	}
	return string(append(out, l.rest()...))
}

func TestTextIsWhatAPersonSaw(t *testing.T) {
	for name, c := range map[string]struct{ wrote, want string }{
		"lines":                    {"one\r\ntwo\r\n", "one\ntwo\n"},
		"a last line without end":  {"one\r\n$ ", "one\n$\n"},
		"nothing":                  {"", ""},
		"an empty line":            {"\r\n\r\n", "\n\n"},
		"a progress bar":           {" 10%\r 50%\r100%\r\n", "100%\n"},
		"a shorter one":            {"working\rdone\x1b[K\r\n", "done\n"},
		"what is not overwritten":  {"12345\rab\r\n", "ab345\n"},
		"backspaces":               {"mxxx\b\b\bake\r\n", "make\n"},
		"erasing as the kernel":    {"abc\b \b\b \bd\r\n", "ad\n"},
		"colours":                  {"\x1b[1;31mred\x1b[0m\r\n", "red\n"},
		"a title":                  {"\x1b]0;title\aprompt\r\n", "prompt\n"},
		"a title ended by ST":      {"\x1b]0;title\x1b\\prompt\r\n", "prompt\n"},
		"a link":                   {"\x1b]8;;http://a.b\x1b\\link\x1b]8;;\x1b\\\r\n", "link\n"},
		"a device string":          {"\x1bP+q544e\x1b\\x\r\n", "x\n"},
		"tabs":                     {"a\tb\r\n", "a       b\n"},
		"man's bold":               {"N\bNA\bAM\bME\bE\r\n", "NAME\n"},
		"the cursor by columns":    {"abcdef\x1b[3Gx\x1b[2Cy\r\n", "abxdey\n"},
		"deleting characters":      {"abcdef\r\x1b[2P\r\n", "cdef\n"},
		"inserting blanks":         {"abcdef\r\x1b[2@xy\r\n", "xyabcdef\n"},
		"insert mode":              {"abc\r\x1b[4hx\x1b[4l\r\n", "xabc\n"},
		"erasing characters":       {"abcdef\r\x1b[3X\r\n", "   def\n"},
		"erasing to the left":      {"abcdef\x1b[3G\x1b[1K\r\n", "   def\n"},
		"erasing all":              {"abcdef\x1b[2K\rxy\r\n", "xy\n"},
		"wide characters":          {"日本\b\b語\r\n", "日語\n"},
		"marks":                    {"e\u0301te\u0301\r\n", "e\u0301te\u0301\n"},
		"joined emoji":             {"👩\u200d💻\r\n", "👩\u200d💻\n"},
		"no UTF-8":                 {"a\xffb\xc3\r\n", "a\ufffdb\ufffd\n"},
		"controls that ring":       {"a\ab\x00c\x7f\u0085d\r\n", "abcd\n"},
		"a screen that is cleared": {"old\x1b[H\x1b[2Jnew\r\n", "old\nnew\n"},
		"drawing by rows":          {"\x1b[2J\x1b[1;1Hone\x1b[2;1Htwo\x1b[5;3Hfive", "one\ntwo\n  five\n"},
		"the next line":            {"one\x1bEtwo\r\n", "one\ntwo\n"},
		"half a sequence":          {"a\x1b[3", "a\n"},
		"a cancelled one":          {"a\x1b[3\x18b\r\n", "ab\n"},
		"blanks at the end":        {"abc   \r\n", "abc\n"},
	} {
		if got := linesOf(80, c.wrote); got != c.want {
			t.Errorf("%s: %q gives %q, want %q", name, c.wrote, got, c.want)
		}
	}
}

// A line that is longer than a row is one line, and \r goes back in its row only.
func TestALineMayTakeSeveralRows(t *testing.T) {
	for name, c := range map[string]struct{ wrote, want string }{
		"a long line":               {"0123456789abcdef\r\n", "0123456789abcdef\n"},
		"back in the second row":    {"0123456789abc\rxy\r\n", "0123456789xyc\n"},
		"readline at the margin":    {"0123456789 \rab\r\n", "0123456789ab\n"},
		"a full row is still a row": {"0123456789\rx\r\n", "x123456789\n"},
		"backspace at the margin":   {"0123456789\bx\r\n", "01234567x9\n"},
		"up into the first row":     {"0123456789abc\x1b[A\rx\r\n", "x123456789abc\n"},
		"and down again":            {"0123456789abc\x1b[A\rx\x1b[By\r\n", "x123456789ayc\n"},
		"erasing a row only":        {"0123456789abc\x1b[2K\r\n", "0123456789\n"},
		"a wide one at the margin":  {"012345678日\rx\r\n", "012345678x\n"},
	} {
		if got := linesOf(10, c.wrote); got != c.want {
			t.Errorf("%s: %q gives %q, want %q", name, c.wrote, got, c.want)
		}
	}
}

func TestALineWithoutEndIsLetGo(t *testing.T) {
	l := newLines(0)
	total := 0
	for range 64 {
		total += len(l.read(bytes.Repeat([]byte("x"), 64<<10)))
		if len(l.cells) > lineMax {
			t.Fatalf("%d cells are kept, the bound is %d", len(l.cells), lineMax)
		}
	}
	if total += len(l.rest()); total != 64*(64<<10)+1 {
		t.Errorf("%d bytes came out", total)
	}
	marks := newLines(80)
	marks.read([]byte("e" + strings.Repeat("\u0301", 1<<16)))
	if n := len(marks.rest()); n > 2*marksMax {
		t.Errorf("a character of %d bytes is kept", n)
	}
}

func FuzzTextHasNoControls(f *testing.F) {
	for _, seed := range []string{
		"one\r\ntwo", "\x1b[3;4Hx\x1b[J\x1b[5P\x1b[9@\x1b[A\x1b[99B\t\b\b", "0123456789 \rab\x1b[4hxyz\x1b[K", "日本\b語e\u0301\xff\xc3",
		"\x1b[1J\x1b[2J\x1b[3X\x1b[80G\x1b[1K\x1bM\x1bc\x1bE", "\x1b]0;x\a\x1bPq\x1b\\\x18\x1a",
	} {
		f.Add(seed, 3, 10)
	}
	f.Fuzz(func(t *testing.T, wrote string, cut, cols int) {
		cols = min(max(cols, 1), 200)
		text := linesOf(cols, wrote)
		if at := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }); at >= 0 || !utf8.ValidString(text) {
			t.Errorf("%q gives %q, with a control at %d", wrote, text, at)
		}
		if cut = min(max(cut, 0), len(wrote)); linesOf(cols, wrote[:cut], wrote[cut:]) != text {
			t.Errorf("%q cut at %d gives %q, whole %q", wrote, cut, linesOf(cols, wrote[:cut], wrote[cut:]), text)
		}
	})
}
