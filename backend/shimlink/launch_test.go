package shimlink

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/studio"
)

// script is a program in the place of atelier-shim. It finds its folder in $1.
func script(t *testing.T, text string) *Shims {
	t.Helper()
	path := filepath.Join(folderOf(t), "shim")
	check(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
	return New(path, nil, 0o27)
}

func launchIn(folder string) studio.Launch {
	return studio.Launch{Folder: folder, Argv: []string{"prog", "ärg"}, Program: "/bin/prog", Cwd: "/tmp", Environment: []string{"A=1", "B=zwei"},
		Cols: 81, Rows: 25, Socket: socketIn(folder), Quota: 1 << 40, Reserve: 7}
}

// begun is a context that ends when the script has written its process id: it
// has begun then, and whoever waits for its word may give up.
func begun(t *testing.T, folder string) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if text, err := os.ReadFile(filepath.Join(folder, "pid")); err == nil && strings.HasSuffix(string(text), "\n") {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return ctx
}

// pidIn reads the process id that a script wrote.
func pidIn(t *testing.T, folder string) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(readFile(t, filepath.Join(folder, "pid"))))
	check(t, err)
	return pid
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	return string(text)
}

// awaitGone waits until a process is there no more, not even as a zombie of ours.
// One of others waits for its own parent.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	ours := fmt.Sprintf(") Z %d ", os.Getpid())
	await(t, "process "+strconv.Itoa(pid)+" is gone", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ") && !strings.Contains(string(stat), ours)
	})
}

func TestAShimThatDoesNotBeginIsEnded(t *testing.T) {
	big := launchIn("")
	big.Environment = []string{"BIG=" + strings.Repeat("x", 1<<20)}
	for name, c := range map[string]struct {
		text   string
		launch studio.Launch
	}{
		"says nothing":          {"exec sleep 600", launchIn("")},
		"does not listen to it": {"exec sleep 600", big},
		"says half a word":      {"cat >/dev/null; printf '{\"pid\":' >&3; exec sleep 600", launchIn("")},
		"says what is no word":  {"cat >/dev/null; echo nonsense >&3; exec sleep 600", launchIn("")},
		"hangs up":              {"exec 3>&-; exec sleep 600", launchIn("")},
		"ends":                  {"exit 1", launchIn("")},
		"ends, unheard":         {"exit 1", big},
	} {
		t.Run(name, func(t *testing.T) {
			folder := folderOf(t)
			c.launch.Folder = folder
			_, err := script(t, "echo $$ >$1/pid\n"+c.text).Launch(begun(t, folder), c.launch)
			want(t, err, fault.Unavailable, "shim_start")
			awaitGone(t, pidIn(t, folder))
		})
	}
	_, err := New("/nonexistent/atelier-shim", nil, 0).Launch(t.Context(), launchIn(folderOf(t)))
	want(t, err, fault.Unavailable, "shim_start")
}

// A shim that others may find runs a program: it is spoken with, and never ended.
func TestAShimThatBeganAndSaysNothingIsAdopted(t *testing.T) {
	folder := peer(t, answering)
	h, err := script(t, "echo $$ >$1/pid; exec sleep 600").Launch(begun(t, folder), launchIn(folder))
	check(t, err)
	defer h.Close()
	pid := pidIn(t, folder)
	if h.Holding().PID != 7 || unix.Kill(pid, 0) != nil {
		t.Errorf("holding %+v, and the process: %v", h.Holding(), unix.Kill(pid, 0))
	}
	check(t, unix.Kill(pid, unix.SIGKILL))
	awaitGone(t, pid)
}

// Its word says that the program runs; that it is slow to answer or gone already
// changes nothing about that.
func TestAShimThatCannotBeReachedAfterItsWordHasBegun(t *testing.T) {
	const says = `cat >/dev/null; echo '{"pid":1,"socket":"/s"}' >&3`
	for name, folder := range map[string]string{"gone": folderOf(t), "silent": peer(t, func(*wire) {})} {
		h, err := script(t, says).Launch(t.Context(), launchIn(folder))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, open := <-h.Heard(); open || h.Socket() != socketIn(folder) {
			t.Errorf("%s: something is heard at %s", name, h.Socket())
		}
		want(t, h.Do(t.Context(), attach.Signal{Signal: 1}), fault.Unavailable, "shim_gone")
		check(t, h.Close())
	}
}

func TestWhatAShimSaysOfItsFailureIsTold(t *testing.T) {
	_, err := script(t, `cat >/dev/null; echo '{"code":"resource_exhausted","reason":"terminal_unavailable","message":"no more","mend":"end some","errno":28}' >&3`).
		Launch(t.Context(), launchIn(folderOf(t)))
	f := want(t, err, fault.ResourceExhausted, "terminal_unavailable")
	if f.Message != "no more" || f.Mend != "end some" || f.Details["errno"] != "28" {
		t.Errorf("got %+v", f)
	}
	for _, c := range []struct {
		said   word
		code   fault.Code
		reason string
	}{
		{word{Code: "failed_precondition", Reason: "exec_failed", Errno: unix.ENOENT}, fault.NotFound, "program_not_found"},
		{word{Code: "failed_precondition", Reason: "exec_failed", Errno: unix.EACCES}, fault.FailedPrecondition, "program_not_executable"},
		{word{Code: "failed_precondition", Reason: "exec_failed", Errno: unix.ENOEXEC}, fault.FailedPrecondition, "program_not_executable"},
		{word{Code: "unavailable", Reason: "socket_unusable", Errno: unix.ENOENT}, fault.Unavailable, "socket_unusable"},
		{word{Code: "strange"}, fault.Unknown, "shim_start"},
	} {
		want(t, c.said.fault(), c.code, c.reason)
	}
}

func TestALaunchGoesDownWhole(t *testing.T) {
	shims := script(t, `cat >$1/document; cat /proc/$$/environ >$1/environ; cat /proc/$$/stat >$1/stat; echo $# $(pwd) >$1/rest`)
	t.Setenv("ATELIER_CANARY", "of the core")
	var keys []string
	for range 2 {
		folder := folderOf(t)
		_, err := shims.Launch(t.Context(), launchIn(folder))
		want(t, err, fault.Unavailable, "shim_start") // it has no word

		var got map[string]any
		check(t, json.Unmarshal([]byte(readFile(t, filepath.Join(folder, "document"))), &got))
		keys = append(keys, got["key"].(string))
		delete(got, "key")
		text, err := json.Marshal(got)
		check(t, err)
		if want := `{"argv":["prog","ärg"],"cols":81,"cwd":"/tmp","environment":["A=1","B=zwei"],"program":"/bin/prog","quota":1099511627776,` +
			`"reserve":7,"rows":25,"socket":"` + socketIn(folder) + `","umask":23}`; string(text) != want {
			t.Errorf("got  %s\nwant %s", text, want)
		}
		if got := readFile(t, filepath.Join(folder, "environ")); got != shimPath+"\x00" {
			t.Errorf("its environment is %q", got)
		}
		if got := readFile(t, filepath.Join(folder, "rest")); got != "1 /\n" {
			t.Errorf("arguments and folder: %q", got)
		}
		stat := strings.Fields(readFile(t, filepath.Join(folder, "stat")))
		if stat[0] != stat[4] || stat[0] != stat[5] {
			t.Errorf("process %s is in group %s and session %s", stat[0], stat[4], stat[5])
		}
	}
	if len(keys[0]) != 64 || keys[0] == keys[1] {
		t.Errorf("the keys are %q", keys)
	}
}

func TestALaunchThatIsNotUTF8IsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*studio.Launch){
		"an argument": func(l *studio.Launch) { l.Argv = []string{"a", "\xff"} },
		"a variable":  func(l *studio.Launch) { l.Environment = []string{"A=1", "SECRET=word\xff"} },
		"a program":   func(l *studio.Launch) { l.Program = "/bin/\xff" },
		"a folder":    func(l *studio.Launch) { l.Cwd = "/\xff" },
	} {
		l := launchIn(folderOf(t))
		spoil(&l)
		_, err := shims().Launch(t.Context(), l)
		if f := want(t, err, fault.InvalidArgument, "text_invalid"); strings.Contains(f.Error(), "word") || !strings.Contains(f.Error(), "is not UTF-8") {
			t.Errorf("%s: %v", name, f)
		}
	}
}

// A core that dies right after it has started a shim leaves one that has written
// nothing yet. The next core must not take it for dead.
func TestAShimThatHasDoneNothingYetIsNotDead(t *testing.T) {
	folder := folderOf(t)
	s := script(t, "exec sleep 600")
	if _, err := s.Adopt(t.Context(), folder, 0); !fault.Is(err, "shim_dead") {
		t.Fatalf("before it is started: %v", err)
	}
	p, err := s.start(folder)
	check(t, err)
	defer p.input.Close()
	defer p.word.Close()
	if _, err := s.Adopt(t.Context(), folder, 0); !fault.Is(err, "shim_silent") {
		t.Errorf("just started: %v", err)
	}
	check(t, p.cmd.Process.Kill())
	for claimed(folder) { // the kernel lets go of it with the process
		time.Sleep(time.Millisecond)
	}
	if _, err := s.Adopt(t.Context(), folder, 0); !fault.Is(err, "shim_dead") {
		t.Errorf("after its end: %v", err)
	}
}
