package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// idLike finds what looks like an id, a hash or a peer.
var idLike = regexp.MustCompile(`[a-z2-7]{26,}|[0-9a-f]{32}|12D3KooW`)

// shell starts an interactive shell of its own and returns when it is ready.
func (w *world) shell(t *testing.T, name string) {
	t.Helper()
	w.run(t, "run", "--detach", "--name", name, "--", "bash", "--norc", "--noprofile", "-i")
	w.run(t, "send", name, "--enter", "PS1='% '; bind 'set enable-bracketed-paste off'; clear; echo rea''dy")
	w.eventually(t, "ready", "transcript", name)
}

// eventually runs `atelier` until it prints text.
func (w *world) eventually(t *testing.T, text string, args ...string) {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		out := w.run(t, args...)
		if strings.Contains(out, text) {
			return
		}
		if time.Now().After(over) {
			t.Fatalf("atelier %q never prints %q, but %q", args, text, out)
		}
	}
}

func TestAPersonDetachesAndComesBack(t *testing.T) {
	w := newWorld(t)
	w.shell(t, "desk")
	p := w.sit(t, "atelier", "attach", "desk")
	before := p.settings()
	p.sees(`ready\r\n% \r\natelier: you have the keyboard of desk; Ctrl-\\ d leaves it running\r\n`)
	p.types("echo $((40+2))\r")
	p.sees(`\n42\r\n% `)
	p.types("\x1c")
	p.types("d")
	if status := p.status(); status != 0 {
		t.Errorf("detaching exits with %d", status)
	}
	p.sees(`\r\ndetached from desk; it goes on running\r\n$`)
	if told := strings.Count(p.screen(), "leaves"); told != 1 {
		t.Errorf("how to leave is told %d times", told)
	}
	if p.settings() != before {
		t.Error("the terminal's modes are not what they were")
	}
	again := w.sit(t, "atelier", "attach", "desk")
	again.sees(`echo \$\(\(40\+2\)\)\r\n42\r\n% `)
	again.types("exit 5\r")
	if status := again.status(); status != 5 {
		t.Errorf("the end exits with %d, want 5", status)
	}
	again.sees(`desk has ended \(exit status 5\)`)
	over := w.sit(t, "atelier", "attach", "desk")
	over.sees(`exit 5(?s:.*)\natelier: desk has ended \(exit status 5\)\r`)
	if status := over.status(); status != 5 {
		t.Errorf("of an ended one it exits with %d, want 5", status)
	}
}

// Every key but the prefix and its letters goes to the program.
func TestTheProgramGetsItsKeys(t *testing.T) {
	w := newWorld(t)
	w.run(t, "run", "--detach", "--name", "raw", "--", "sh", "-c", "stty raw -echo; echo ready; exec od -An -tx1 -v -w1")
	w.eventually(t, "ready", "transcript", "raw")
	p := w.sit(t, "atelier", "attach", "raw")
	p.sees("ready")
	p.types("\x0b\x02\x1b\x1bb\x03\x1a\x1c\x1c\x1cq\x04\x00\xff")
	for _, want := range []string{"0b", "02", "1b", "1b", "62", "03", "1a", "1c", "1c", "71", "04", "00", "ff"} {
		p.sees(" " + want + `\s`)
	}
	p.types("\x1cd")
	p.sees("detached")
}

func TestAnotherPrefix(t *testing.T) {
	w := newWorld(t)
	w.shell(t, "desk")
	p := w.sitWith(t, []string{"ATELIER_PREFIX_KEY=ctrl-a"}, "atelier", "attach", "desk")
	p.sees("ready")
	p.types("\x1cd\x01d")
	if status := p.status(); status != 0 {
		t.Errorf("it exits with %d", status)
	}
	broken := w.sitWith(t, []string{"ATELIER_PREFIX_KEY=f13"}, "atelier", "run", "--name", "never", "--", "true")
	if status := broken.status(); status != exitOurs {
		t.Errorf("with a prefix that does not exist it exits with %d", status)
	}
	broken.sees(`there is no prefix key "f13", as ATELIER_PREFIX_KEY says; name one of`)
	if strings.Contains(w.run(t, "ps", "--quiet"), "never") {
		t.Error("a program was started under a broken setting")
	}
}

func TestWhoWatchesTypesNothing(t *testing.T) {
	w := newWorld(t)
	w.shell(t, "desk")
	driver := w.sit(t, "atelier", "attach", "desk")
	driver.sees("ready")
	driver.types("echo on''e\r")
	driver.sees("\none\r\n")
	watcher := w.sit(t, "atelier", "attach", "desk", "--observe")
	watcher.sees(`you are watching; .+ has the keyboard; Ctrl-\\ t takes it, Ctrl-\\ d leaves`)
	watcher.types("echo wro''ng\r")
	second := w.sit(t, "atelier", "attach", "desk")
	second.sees(`you are watching; .+ has the keyboard`)
	driver.types("echo tw''o\r")
	watcher.sees("\ntwo\r\n")
	second.sees("\ntwo\r\n")

	// It is taken, and whoever had it is told and types nothing any more.
	second.types("\x1ct")
	driver.sees(`has the keyboard; Ctrl-\\ t takes it`)
	driver.types("echo wro''ng\r")
	second.types("echo thr''ee\r")
	driver.sees("\nthree\r\n")
	watcher.sees("\nthree\r\n")
	if strings.Contains(w.run(t, "transcript", "desk"), "wrong") {
		t.Error("somebody without the keyboard has typed")
	}
	second.types("\x1cd")
	second.sees("detached")

	// Nobody has it: the first key takes it.
	driver.types("echo fo''ur\r")
	driver.sees("\nfour\r\n")
}

// Old questions are not asked again; a program that this command started is
// answered by this terminal.
func TestOldQuestionsAreNotAskedAgain(t *testing.T) {
	w := newWorld(t)
	p := w.sit(t, "atelier", "run", "--name", "asker", "--", "sh", "-c",
		`stty raw -echo; printf 'where?\033[6n\033]52;c;aGk=\007'; head -c 6 | od -An -c; stty -raw; read x`)
	p.sees("where\\?\x1b\\[6n\x1b\\]52;c;aGk=\a")
	p.types("\x1b[5;9R")
	p.sees(`033 +\[ +5 +; +9 +R`)
	p.types("\x1cd")
	p.sees("detached")
	again := w.sit(t, "atelier", "attach", "asker")
	again.sees(`where\?`)
	again.sees(`033 +\[ +5 +; +9 +R`)
	again.types("\r")
	if again.status() != 0 || asks(again.screen()) != "" {
		t.Errorf("shown again it asks %q", asks(again.screen()))
	}
	last := w.sit(t, "atelier", "attach", "asker")
	if last.status() != 0 || asks(last.screen()) != "" || !strings.Contains(last.screen(), "where?") {
		t.Errorf("of an ended one it asks %q: %q", asks(last.screen()), last.screen())
	}
}

func TestTheProgramHasTheSizeOfTheWindow(t *testing.T) {
	w := newWorld(t)
	p := w.sit(t, "atelier", "run", "--name", "sized", "--", "bash", "--norc", "--noprofile", "-c",
		`trap 'stty size' WINCH; trap 'exit 9' INT; stty size; while :; do sleep 0.02; done`)
	p.sees(`24 80\r\n`)
	p.size(101, 33)
	p.sees(`33 101\r\n`)
	p.types("\x1cd")
	p.sees("detached")
	other := w.sit(t, "atelier", "attach", "sized")
	other.sees(`24 80\r\n`)
	other.types("\x03")
	if status := other.status(); status != 9 {
		t.Errorf("Ctrl-C ends it with %d", status)
	}
}

// A program of the whole screen is drawn anew for who comes back, and leaves
// nothing switched on behind.
func TestAFullScreenIsLeftBehindClean(t *testing.T) {
	w := newWorld(t)
	w.run(t, "run", "--detach", "--name", "full", "--", "bash", "--norc", "--noprofile", "-c",
		`printf '\033[?1049h\033[?25l\033[?1000h'; trap 'echo drawn' WINCH; echo drawn; while :; do sleep 0.02; done`)
	w.eventually(t, "drawn", "transcript", "full")
	p := w.sit(t, "atelier", "attach", "full")
	p.sees("drawn")
	p.sees("drawn") // the size that differs for a moment
	p.types("\x1cd")
	p.status()
	p.sees("\x1b\\[\\?1000l\x1b\\[\\?1049l\x1b\\[\\?25h")
}

func (w *world) corePID(t *testing.T) int {
	t.Helper()
	var core struct{ PID int }
	if err := json.Unmarshal([]byte(w.run(t, "core", "status", "--json")), &core); err != nil {
		t.Fatal(err)
	}
	return core.PID
}

// The core is not on the way of keys and output: it may die.
func TestTheCoreDiesUnderAPerson(t *testing.T) {
	w := newWorld(t)
	w.shell(t, "desk")
	p := w.sit(t, "atelier", "attach", "desk")
	p.sees("ready")
	p.types("echo befo''re\r")
	p.sees("\nbefore\r\n")
	if err := syscall.Kill(w.corePID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.types("echo af''ter\r")
	p.sees("\nafter\r\n")
	w.eventually(t, "after", "transcript", "desk")
	p.types("echo la''st\r")
	p.sees("\nlast\r\n")
	p.types("\x1cd")
	if status := p.status(); status != 0 {
		t.Errorf("it exits with %d", status)
	}
	for _, word := range []string{"\nbefore\n", "\nafter\n", "\nlast\n"} {
		if n := strings.Count(w.run(t, "transcript", "desk"), word); n != 1 {
			t.Errorf("%q is recorded %d times", word, n)
		}
	}
}

// Closing the window hangs up: the program goes on, and the end of run is that
// of any program that is hung up.
func TestAClosedWindowLeavesTheProgram(t *testing.T) {
	w := newWorld(t)
	p := w.sit(t, "atelier", "run", "--name", "alone", "--", "sh", "-c", "echo ready; exec cat")
	p.sees("ready")
	p.leave()
	if status := p.status(); status != exitSignal+int(syscall.SIGHUP) {
		t.Errorf("it ends with %d", status)
	}
	w.run(t, "send", "alone", "--enter", "still here")
	w.eventually(t, "still here", "transcript", "alone")
}

func TestAPersonSeesPlainWordsOnATerminal(t *testing.T) {
	w := newWorld(t)
	w.run(t, "run", "--detach", "--name", "desk", "--", "cat")
	p := w.sit(t, "atelier", "ps")
	p.sees(`NAME +STATUS +KEYBOARD +WATCHING +OUTPUT +STARTED +COMMAND`)
	p.sees(`desk +(starting|running) +- +-`)
	doc := w.sit(t, "atelier", "ps", "--json")
	doc.sees(`"executions": \[\r\n`) // over several lines for a person's eyes
	bad := w.sit(t, "atelier", "attach", "nobody")
	if status := bad.status(); status != exitOurs {
		t.Errorf("status %d", status)
	}
	bad.sees(`atelier: there is no terminal "nobody"; see .atelier ps.`)
	for _, e := range []string{w.run(t, "ps"), w.run(t, "log")} {
		if found := idLike.FindString(e); found != "" {
			t.Errorf("an id is shown: %s", found)
		}
	}
}

// Completion, in the real shells: names of terminals, commands and flags.
func TestShellsCompleteNames(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		setUp string
	}{
		"bash": {[]string{"--norc", "--noprofile", "-i"}, "source <(atelier completion bash)"},
		"zsh":  {[]string{"-f", "-i"}, "autoload -U compinit; compinit -u -D; source <(atelier completion zsh); compdef _atelier atelier"},
		"fish": {[]string{"--no-config", "-i"}, "atelier completion fish | source"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path, err := exec.LookPath(name)
			if err != nil {
				t.Fatalf("%v; build/scripts/setup test installs it", err)
			}
			w.run(t, "run", "--detach", "--name", "webserver", "--", "cat")
			p := w.sit(t, path, c.args...)
			p.types(c.setUp + "; echo se''t\r")
			p.sees("\nset\r\n|set\r\n")
			p.types("atelier attach webs\t")
			p.sees("attach.*webserver")
			p.types("--obs\t")
			p.sees("--observe")
			p.types("\x15atelier transc\t")
			p.sees("ript")
		})
	}
}

func TestPagesNameEveryCommand(t *testing.T) {
	w := newWorld(t)
	folder := t.TempDir()
	w.run(t, "man", folder)
	w.run(t, "man", "--markdown", folder)
	for _, page := range []string{"atelier", "atelier-run", "atelier-core-stop", "atelier-transcript"} {
		for _, ending := range []string{".1", ".md"} {
			text, err := os.ReadFile(filepath.Join(folder, page+ending))
			if err != nil || !strings.Contains(strings.ReplaceAll(string(text), `\-`, "-"), "--home") {
				t.Errorf("%s%s: %v, %d bytes", page, ending, err, len(text))
			}
		}
	}
	if status, _, _ := quiet(t, "man", folder+"/none"); status != 5 {
		t.Errorf("into no folder: %d", status)
	}
}

// A terminal that is shown in itself would write for ever: it is refused however
// deep in it the command runs. Another one may be looked at from there.
func TestATerminalIsNotShownInItself(t *testing.T) {
	w := newWorld(t)
	w.shell(t, "outer")
	w.run(t, "run", "--detach", "--name", "other", "--", "sh", "-c", "echo from the other; exec cat")
	deeper := map[string]string{
		"attach":     "atelier attach outer",
		"observe":    "atelier attach --observe outer",
		"shells":     `bash --norc -c "sh -c 'atelier attach outer; exit \$?'; exit \$?"`,
		"session":    "setsid --wait atelier attach outer",
		"terminal":   "script -qec 'atelier attach outer' /dev/null",
		"piped":      "true | atelier attach outer",
		"transcript": "atelier transcript outer --follow",
	}
	for name, command := range deeper {
		want := "125"
		if name == "transcript" {
			want = "5"
		}
		w.run(t, "send", "outer", "--enter", command+"; echo "+name+" ended with $?.")
		w.eventually(t, name+" ended with "+want+".\n", "transcript", "outer")
	}
	// One whose parents are gone and whose session has no terminal writes to it all the same.
	w.run(t, "send", "outer", "--enter", "setsid sh -c 'while grep -q setsid /proc/$(cut -d\" \" -f4 /proc/$$/stat)/comm; do :; done; atelier attach outer; echo orphan ended with $?.'")
	w.eventually(t, "orphan ended with 125.\n", "transcript", "outer")
	text := w.run(t, "transcript", "outer")
	if told := strings.Count(text, "atelier: you are in outer: "); told != len(deeper)+1 {
		t.Errorf("it was told %d times of %d: %s", told, len(deeper), text)
	}
	w.run(t, "send", "outer", "--enter", "atelier attach other")
	w.eventually(t, "from the other", "transcript", "outer")
	w.run(t, "send", "outer", "\x1cd")
	w.eventually(t, "\ndetached from other", "transcript", "outer")
}

// A core that was started in a terminal makes the others no part of that.
func TestWhoStartedTheCoreIsNoTerminalAround(t *testing.T) {
	w := newWorld(t)
	w.shell(t, "outer")
	pid := func() string {
		out, _ := w.command("atelier", "core", "status", "--json").Output() // it starts none
		found := regexp.MustCompile(`"pid":\d+`).FindString(string(out))
		return found
	}
	before := pid()
	w.run(t, "send", "outer", "--enter", "atelier core stop; atelier log -n 0 --follow")
	for over := time.Now().Add(patience); pid() == "" || pid() == before; time.Sleep(pollEvery) {
		if time.Now().After(over) {
			t.Fatal("no other core was started")
		}
	}
	w.shell(t, "inner")
	w.run(t, "send", "inner", "--enter", "atelier attach --observe outer")
	w.eventually(t, "you are watching", "transcript", "inner")
}

// Nor does a log feed itself that is followed in the terminal that it tells of.
func TestALogInATerminalLeavesOutWhatThatWrites(t *testing.T) {
	w := newWorld(t)
	w.shell(t, "outer")
	w.run(t, "send", "outer", "--enter", "atelier log --follow")
	w.eventually(t, "atelier: you are in outer: its output is left out here", "transcript", "outer")
	w.run(t, "run", "--name", "other", "--", "echo", "x")
	w.eventually(t, "other wrote", "transcript", "outer")
	w.eventually(t, "other ended", "transcript", "outer")
	if text := w.run(t, "transcript", "outer"); strings.Contains(text, "outer wrote") {
		t.Errorf("it tells of itself: %s", text)
	}
	w.run(t, "send", "outer", "\x03")
}

// A person reads how long ago something was; what is kept in a file has its date.
func TestALogOnATerminalSaysHowLongAgo(t *testing.T) {
	w := newWorld(t)
	w.run(t, "run", "--name", "one", "--", "true")
	p := w.sit(t, "atelier", "log")
	p.sees(`(just now|\d+ seconds ago) +.* started one\r\n`)
	if status := p.status(); status != 0 {
		t.Errorf("it exits with %d", status)
	}
}
