package loginshell

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/studio"
)

var _ studio.Environments = (*Shell)(nil)

// hanging is a generous bound on what must happen soon.
const hanging = 20 * time.Second

// person is somebody whose bash reads a profile.
func person(t *testing.T, profile string) *Shell {
	t.Helper()
	home := t.TempDir()
	write(t, filepath.Join(home, ".bash_profile"), profile)
	s := New(Account{UID: os.Getuid(), Name: "ada", Home: home, Shell: "/bin/bash"})
	s.wait = hanging
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// login gives the variables by name.
func login(t *testing.T, s *Shell) map[string]string {
	t.Helper()
	environment, shell, err := s.Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if shell != s.account.Shell {
		t.Errorf("the shell is %q, want %q", shell, s.account.Shell)
	}
	return byName(t, environment)
}

func byName(t *testing.T, environment []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, kv := range environment {
		name, value, _ := strings.Cut(kv, "=")
		if _, twice := all[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		all[name] = value
	}
	return all
}

// refused gives the variables and the fault of a login that fails.
func refused(t *testing.T, s *Shell, ctx context.Context) (map[string]string, *fault.Error) {
	t.Helper()
	environment, shell, err := s.Login(ctx)
	if !fault.Is(err, "loginshell_failed") || shell != s.account.Shell {
		t.Fatalf("got shell %q and error %v, want loginshell_failed", shell, err)
	}
	all := byName(t, environment)
	for _, name := range []string{"HOME", "USER", "LOGNAME", "SHELL", "PATH", "TERM"} {
		if all[name] == "" {
			t.Errorf("without the shell there is no %s", name)
		}
	}
	return all, fault.Of(err)
}

func TestAnEnvironmentIsThatOfTheProfile(t *testing.T) {
	s := person(t, `
		export PATH="$HOME/tools:$PATH" LINES_OF='one
two = three' EMPTY= NAME="größer"
		greet() { echo hello; }; export -f greet
		unexported=1`)
	got := login(t, s)
	for name, want := range map[string]string{
		"PATH": s.account.Home + "/tools:" + map[bool]string{true: pathOfRoot, false: pathOfUser}[os.Getuid() == 0],
		"HOME": s.account.Home, "USER": "ada", "LOGNAME": "ada", "SHELL": "/bin/bash",
		"LINES_OF": "one\ntwo = three", "NAME": "größer", "EMPTY": "",
		"TERM": "xterm-256color", "COLORTERM": "truecolor",
		"BASH_FUNC_greet%%": "() {  echo hello\n}",
	} {
		if value, is := got[name]; !is || value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	for _, name := range []string{"unexported", "SHLVL", "PWD", "OLDPWD", "_"} {
		if value, is := got[name]; is {
			t.Errorf("%s=%q is there", name, value)
		}
	}
}

func TestAVariableThatIsNotUTF8IsLeftOutAndSaid(t *testing.T) {
	s := person(t, `export GOOD=1 ODD=$'word\xff' OTHER=$'\xff'`)
	environment, _, err := s.Login(t.Context())
	got := byName(t, environment)
	if !fault.Is(err, "loginshell_text") || !strings.Contains(err.Error(), `"O`) || strings.Contains(err.Error(), "word") {
		t.Errorf("it is said as %v", err)
	}
	if _, is := got["ODD"]; is || got["GOOD"] != "1" || got["HOME"] != s.account.Home {
		t.Errorf("got %q", got)
	}
}

func TestAChangedProfileShowsAtOnce(t *testing.T) {
	s := person(t, "export EDITION=1")
	if got := login(t, s)["EDITION"]; got != "1" {
		t.Fatalf("EDITION is %q", got)
	}
	write(t, filepath.Join(s.account.Home, ".bash_profile"), "export EDITION=2")
	if got := login(t, s)["EDITION"]; got != "2" {
		t.Fatalf("EDITION is %q after the change", got)
	}
}

func TestFilesOfAnInteractiveShellAreRead(t *testing.T) {
	s := person(t, `case $- in *i*) . ~/.bashrc;; esac`)
	write(t, filepath.Join(s.account.Home, ".bashrc"), "export FROM=bashrc")
	if got := login(t, s)["FROM"]; got != "bashrc" {
		t.Fatalf("FROM is %q", got)
	}
}

func TestNoiseDoesNoHarm(t *testing.T) {
	for name, profile := range map[string]string{
		"words":        "echo Welcome; echo PATH=/wrong; printf 'no line'",
		"many":         "head -c 300000 /dev/zero | tr '\\0' x",
		"NUL":          "printf 'A=1\\0B=2\\0'",
		"to stderr":    "set -xv; echo gone >&2",
		"at a command": `trap 'printf "\033]0;%s\a" "$BASH_COMMAND"' DEBUG`,
		"at the end":   "trap 'echo bye' EXIT",
	} {
		t.Run(name, func(t *testing.T) {
			got := login(t, person(t, profile+"\nexport AFTER=noise"))
			if got["AFTER"] != "noise" || got["PATH"] == "/wrong" || got["A"] != "" {
				t.Fatalf("got %q", got)
			}
		})
	}
}

func TestNothingOfTheCoreIsHandedOn(t *testing.T) {
	canaries := []string{"ATELIER_START_FD", "ATELIER_HOME", "INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "SSH_AUTH_SOCK", "A_CANARY"}
	for _, name := range canaries {
		t.Setenv(name, "of the core")
	}
	t.Setenv("DISPLAY", ":77")
	t.Setenv("LC_TIME", "C")
	given := login(t, person(t, ""))
	least, _ := refused(t, person(t, "exit 3"), t.Context())
	for _, all := range []map[string]string{given, least} {
		for _, name := range canaries {
			if _, is := all[name]; is {
				t.Errorf("%s is handed on", name)
			}
		}
		if all["DISPLAY"] != ":77" || all["LC_TIME"] != "C" {
			t.Errorf("the desktop is missing from %q", all)
		}
	}
}

func TestAProfileThatHangsIsEndedWithAllItStarted(t *testing.T) {
	for name, hang := range map[string]string{
		"waits":          "echo $$ >~/pids; sleep 600",
		"in a group":     "set -m; sleep 600 & echo $! $$ >~/pids; wait",
		"ignores":        "trap '' TERM HUP INT; echo $$ >~/pids; while :; do sleep 600; done",
		"after an agent": "sleep 600 >/dev/null 2>&1 & echo $! $$ >~/pids; read line </proc/self/fd/1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits a second
			s := person(t, hang)
			s.wait = time.Second
			_, f := refused(t, s, t.Context())
			if f.Code != fault.DeadlineExceeded || !strings.Contains(f.Message, "longer than 1s") || f.Details["shell"] != "/bin/bash" {
				t.Errorf("fault %v %q, details %v", f.Code, f.Message, f.Details)
			}
			for _, pid := range pids(t, s) {
				awaitGone(t, pid)
			}
		})
	}
}

func pids(t *testing.T, s *Shell) []int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.account.Home, "pids"))
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, word := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
	}
	return all
}

// awaitGone waits until a process is there no more, not even as a zombie of ours.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	end := time.Now().Add(hanging)
	for ; ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			return
		}
		ours := strings.Contains(string(stat), ") Z "+strconv.Itoa(os.Getpid())+" ")
		if !ours && strings.Contains(string(stat), ") Z ") {
			return // its parent died too, and whoever took it over is slow
		}
		if time.Now().After(end) {
			t.Fatalf("process %d is still there: %s", pid, stat)
		}
	}
}

func TestAShellThatGivesNothingIsSaid(t *testing.T) {
	for name, s := range map[string]*Shell{
		"exits":        person(t, "exit 3"),
		"execs":        person(t, "exec /bin/true"),
		"without end":  person(t, "yes"),
		"all zeros":    person(t, "cat /dev/zero"),
		"closes":       person(t, "exec >/dev/null"),
		"is not there": New(Account{Name: "ada", Home: "/", Shell: "/nonexistent/shell"}),
		"is no shell":  New(Account{Name: "ada", Home: "/", Shell: "/bin/false"}),
	} {
		t.Run(name, func(t *testing.T) {
			s.wait = hanging
			_, f := refused(t, s, t.Context())
			if f.Code != fault.Unavailable || f.Mend == "" {
				t.Fatalf("fault %v: %v", f.Code, f)
			}
		})
	}
}

func TestACallerWhoGoesEndsTheShell(t *testing.T) {
	s := person(t, "echo $$ >~/pids; kill -USR1 $PPID; sleep 600")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	came := make(chan os.Signal, 1)
	notify(t, came)
	go func() {
		<-came
		cancel()
	}()
	if _, f := refused(t, s, ctx); f.Code != fault.Canceled {
		t.Fatalf("fault %v", f)
	}
	for _, pid := range pids(t, s) {
		awaitGone(t, pid)
	}
}

func TestAnAgentOfTheProfileIsLeft(t *testing.T) {
	s := person(t, "sleep 600 & echo $! >~/pids; export AGENT=$!")
	agent := pidsAfter(t, s)
	defer syscall.Kill(agent, syscall.SIGKILL)
	if err := syscall.Kill(agent, 0); err != nil {
		t.Fatalf("the agent of the profile is gone: %v", err)
	}
}

func pidsAfter(t *testing.T, s *Shell) int {
	t.Helper()
	got := login(t, s)["AGENT"]
	all := pids(t, s)
	if len(all) != 1 || strconv.Itoa(all[0]) != got {
		t.Fatalf("AGENT is %q, the agent %v", got, all)
	}
	return all[0]
}

func TestManyAtOnceLeaveNothing(t *testing.T) {
	s := person(t, "export FROM=profile; echo $$ >>~/pids")
	before := descriptors(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if environment, _, err := s.Login(t.Context()); err != nil || !slices.Contains(environment, "FROM=profile") {
				t.Errorf("got %q, %v", environment, err)
			}
		})
	}
	all.Wait()
	for _, pid := range pids(t, s) {
		awaitGone(t, pid)
	}
	end := time.Now().Add(hanging) // a shell is waited for after it has answered
	for after := descriptors(t); after > before; after = descriptors(t) {
		if time.Now().After(end) {
			t.Fatalf("%d descriptors before, %d after", before, after)
		}
		time.Sleep(time.Millisecond)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// Shells beside bash and sh are tried where they are installed.
func TestShellsOfManyKinds(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"bash": {".profile": "export FROM=bash"},
		"sh":   {".profile": "export FROM=sh"},
		"dash": {".profile": "export FROM=dash"},
		"zsh":  {".zshrc": "export FROM=zsh\necho noise"},
		"fish": {".config/fish/config.fish": "set -gx FROM fish; echo noise"},
		"tcsh": {".login": "setenv FROM tcsh"},
		"ksh":  {".profile": "export FROM=ksh"},
	} {
		path, err := exec.LookPath(name)
		if errors.Is(err, exec.ErrNotFound) && name != "bash" && name != "sh" {
			t.Logf("%s is not installed", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			for file, text := range files {
				write(t, filepath.Join(home, file), text)
			}
			s := New(Account{UID: os.Getuid(), Name: "ada", Home: home, Shell: path})
			s.wait = hanging
			start := time.Now()
			if got := login(t, s); got["FROM"] != name || got["HOME"] != home {
				t.Fatalf("FROM is %q in %q", got["FROM"], got)
			}
			t.Logf("%s answered in %v", name, time.Since(start).Round(time.Millisecond))
		})
	}
}

func TestAHomeThatIsNotThereIsNoObstacle(t *testing.T) {
	s := New(Account{UID: os.Getuid(), Name: "ada", Home: "/nonexistent/home", Shell: "/bin/bash"})
	if got := login(t, s); got["HOME"] != "/nonexistent/home" {
		t.Fatalf("got %q", got)
	}
}
