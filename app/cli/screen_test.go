package main

import (
	"regexp"
	"strings"
	"testing"
)

// questions finds, independently of the scanner, what a terminal answers or acts
// upon: reports of device, cursor, mode, window and colour; the clipboard;
// device strings; the answerback.
var questions = regexp.MustCompile("\x05|" + // ENQ
	"\x1bZ|" + // DECID
	"\x1b\\[[<=>?]?[0-9;:]*[cnx]|" + // DA, DSR, DECREQTPARM
	"\x1b\\[[0-9;]*t|" + // the window: reports, moves, titles
	"\x1b\\[\\??[0-9;]*\\$p|" + // DECRQM
	"\x1b\\[>[0-9;]*q|" + // XTVERSION
	"\x1b\\[\\?[0-9;]*[um]|" + // flags of the keyboard
	"\x1b\\]52;|" + // the clipboard
	"\x1b\\](?:4|5|1[0-9]|104|105|11[0-9]);(?:[^\x07\x1b]*;)?\\?(?:\x07|\x1b|;)|" + // colours
	"\x1b[P_^X]") // device strings, pictures

// allowed are sequences that questions finds too and that ask nothing.
var allowed = regexp.MustCompile("\x1b\\[>[0-9;]*n")

func asks(text string) string {
	return questions.FindString(allowed.ReplaceAllString(text, ""))
}

func filtered(pieces ...string) string {
	var s scanner
	var out []byte
	for _, piece := range pieces {
		out = s.filter(out, []byte(piece))
	}
	return string(out)
}

// The control: what is taken out is what the finder finds.
var asking = []string{
	"\x05", "\x1bZ", "\x1b[c", "\x1b[0c", "\x1b[>c", "\x1b[=c", "\x1b[6n", "\x1b[?6n", "\x1b[5n", "\x1b[18t", "\x1b[21t", "\x1b[x",
	"\x1b[?25$p", "\x1b[4$p", "\x1b[>q", "\x1b[>0q", "\x1b[?u", "\x1b[?4m", "\x1b]52;c;?\a", "\x1b]52;c;aGk=\x1b\\", "\x1b]11;?\a",
	"\x1b]10;?\x1b\\", "\x1b]4;1;?\a", "\x1bP+q544e\x1b\\", "\x1bP$qm\x1b\\", "\x1b_Gi=1\x1b\\", "\x1b^pm\x1b\\", "\x1bXsos\x1b\\",
}

func TestOldOutputAsksNothing(t *testing.T) {
	for _, sequence := range asking {
		if asks(sequence) == "" {
			t.Errorf("the finder does not find %q: the test is blind", sequence)
		}
		if got := filtered("a" + sequence + "b"); got != "ab" {
			t.Errorf("%q is shown again as %q", sequence, got)
		}
		var pieces []string
		for _, b := range []byte("a" + sequence + "b") {
			pieces = append(pieces, string([]byte{b}))
		}
		if got := filtered(pieces...); got != "ab" {
			t.Errorf("%q, byte by byte, is shown again as %q", sequence, got)
		}
	}
	if got := filtered("a\x1b[200", "0;1\x1b[6", "n\xc2", "\x9b6nb"); asks(got) != "" {
		t.Errorf("cut and begun anew, it is shown as %q", got)
	}
}

func TestOldOutputIsDrawn(t *testing.T) {
	for _, text := range []string{
		"plain text\r\n", "\x1b[31mred\x1b[m", "\x1b[2J\x1b[H", "\x1b[10;20Hthere", "\x1b]0;a title\a", "\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\",
		"\x1b[?1049h\x1b[?25l", "\x1b(0lqk\x1b(B", "\x1b[1 q", "\x1b]11;#102030\a", "\x1b]133;A\a", "grüße 日本語 🙂", "\x1b[4:3m", "\x1b7\x1b8", "\x1bM",
	} {
		if got := filtered(text); got != text {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

func TestALongSequenceIsNotKept(t *testing.T) {
	var s scanner
	long := "a\x1b]0;" + strings.Repeat("x", 20*sequenceMax) + "\ab"
	if got := string(s.filter(nil, []byte(long))); got != "ab" {
		t.Errorf("%d bytes of a title are shown", len(got))
	}
	if cap(s.sequence) > 4*sequenceMax {
		t.Errorf("%d bytes are held for one sequence", cap(s.sequence))
	}
}

func TestWhatIsHeldBackComesBeforeWhatIsLive(t *testing.T) {
	for _, cut := range []string{"\x1b", "\x1b[3", "\x1b]0;tit", "\xc2"} {
		var s scanner
		out := string(s.filter(nil, []byte("a"+cut)))
		if out != "a" || string(s.rest()) != cut {
			t.Errorf("of %q %q is shown and %q held back", cut, out, s.rest())
		}
	}
}

func TestDetachingLeavesTheTerminalAsItWas(t *testing.T) {
	for program, want := range map[string]string{
		"\x1b[?1049h\x1b[?1h\x1b=\x1b[?25l\x1b[?1002h\x1b[?1006h": "\x1b[m\x1b>\x1b[?1002l\x1b[?1006l\x1b[?1l\x1b[?1049l\x1b[?25h",
		"\x1b[?1049h\x1b[?1049l":                                  "\x1b[m",
		"\x1b[?2004h$ ":                                           "\x1b[m\x1b[?2004l",
		"\x1b[?1000;1006h":                                        "\x1b[m\x1b[?1000l\x1b[?1006l",
		"\x1b[>1u":                                                "\x1b[m\x1b[<99u",
		"\x1b[>4;2m":                                              "\x1b[m\x1b[>4;0m",
		"\x1b[2;10r":                                              "\x1b[m\x1b7\x1b[r\x1b8",
		"\x1b[?7l":                                                "\x1b[m\x1b[?7h",
		"\x1b[?1049h\x1b[?25l\x1bc":                               "\x1b[m",
		"only text, and \x1b[31mred\x1b[39m":                      "\x1b[m",
	} {
		var watched, shown scanner
		watched.watch([]byte(program))
		shown.filter(nil, []byte(program))
		if got := watched.modes.undo(); got != want {
			t.Errorf("after live %q: %q, want %q", program, got, want)
		}
		if got := shown.modes.undo(); got != want {
			t.Errorf("after old %q: %q, want %q", program, got, want)
		}
	}
}

func FuzzOldOutputAsksNothing(f *testing.F) {
	for _, sequence := range asking {
		f.Add("a"+sequence+"b", 2)
	}
	f.Add("\x1b[\x1b[6n\xe2\x9b6n\xc2\x9b6n\x1b]0;\x1b]11;?\a\x18\x1b[5n", 5)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		once := filtered(text)
		if found := asks(once); found != "" {
			t.Errorf("%q is shown as %q, which asks %q", text, once, found)
		}
		if cut = min(max(cut, 0), len(text)); filtered(text[:cut], text[cut:]) != once {
			t.Errorf("%q cut at %d is shown otherwise", text, cut)
		}
		var again scanner
		if twice := string(again.filter(nil, []byte(once))) + string(again.rest()); twice != once {
			t.Errorf("%q is shown as %q, and that as %q", text, once, twice)
		}
	})
}
