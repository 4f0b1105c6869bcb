package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"atelier.dev/atelier/backend/fault"
)

func TestTextOfOthersIsHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "a\x1b[2Jb": "a?[2Jb", "a\nb\tc": "a b c", "\x07": "?", "\xff": "\uFFFD", "日本 é": "日本 é",
		"\u202egnp.exe": "?gnp.exe", "\u009b6n": "?6n",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestACommandLineCanBeTypedAgain(t *testing.T) {
	for want, argv := range map[string][]string{
		"make test":          {"make", "test"},
		"sh -c 'echo a b'":   {"sh", "-c", "echo a b"},
		"''":                 {""},
		`echo 'it'\''s' '*'`: {"echo", "it's", "*"},
	} {
		if got := commandLine(argv); got != want {
			t.Errorf("%q: %s, want %s", argv, got, want)
		}
	}
}

func TestSizesAndTimesForPeople(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 KB", 999_949: "999.9 KB", 999_951: "1.0 MB", 1 << 40: "1.1 TB", 1<<64 - 1: "18.4 EB"} {
		if got := size(n); got != want {
			t.Errorf("%d is said as %s, want %s", n, got, want)
		}
	}
	now := time.Now()
	for d, want := range map[time.Duration]string{0: "just now", 5 * time.Second: "5 seconds ago", 3 * time.Minute: "3 minutes ago",
		5 * time.Hour: "5 hours ago", 72 * time.Hour: "3 days ago"} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("%v before: %q, want %q", d, got, want)
		}
	}
}

func TestABrokenSettingIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.toml")
	if key, name, err := prefixKey(path); err != nil || key != 0x1c || name != `Ctrl-\` {
		t.Errorf("without settings: %#x, %s, %v", key, name, err)
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("[attach]\nprefix_key = \"ctrl-a\"\n")
	if key, name, err := prefixKey(path); err != nil || key != 1 || name != "Ctrl-a" {
		t.Errorf("with ctrl-a: %#x, %s, %v", key, name, err)
	}
	t.Setenv(prefixVariable, "ctrl-b")
	if key, _, err := prefixKey(path); err != nil || key != 2 {
		t.Errorf("with the variable: %#x, %v", key, err)
	}
	t.Setenv(prefixVariable, "")
	for text, want := range map[string]string{
		"[attach]\nprefix_key = 3\n": "line 2", "# fine\n\nnonsense\n": "line 3", "[attach]\nprefix_key = \"f1\"\n": `line 2: there is no prefix key "f1"`,
		"[attach]\nprefixkey = \"ctrl-a\"\n":   `line 2: there is no setting "prefixkey" in [attach], did you mean prefix_key?`,
		"\n[atach]\nprefix_key = \"ctrl-a\"\n": `line 2: there is no section [atach], did you mean attach?`,
		"[window]\nfont = 1\n":                 "there is no section [window]; ", "font = 1\n": `line 1: there is no setting "font"; `,
		"[attach]\nother = 1\n": `there is no setting "other" in [attach]; `, "attach = 1\n": "line 1", "[attach]\n[attach]\n": "line 2",
		strings.Repeat("# \n", settingsMax/3+1): "longer than 1.0 MB",
	} {
		write(text)
		if _, _, err := prefixKey(path); !fault.Is(err, "settings_broken") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want the words %s", text, err, want)
		}
	}
}

func TestAnAnswerThatCannotBeWrittenIsNoDefect(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.ENOSPC}
	if err := unwritten(full, os.Stdout); !fault.Is(err, "output") || fault.Of(err).Code.ExitStatus() != fault.ExitFailed {
		t.Errorf("a full disk: %v", err)
	}
	for _, other := range []error{nil, errors.New("x"), &fs.PathError{Op: "write", Path: "/elsewhere", Err: syscall.ENOSPC}} {
		if err := unwritten(other, os.Stdout); !errors.Is(err, other) || fault.Is(err, "output") {
			t.Errorf("%v has become %v", other, err)
		}
	}
}
