package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/spool"
)

func TestStatusAndSignalAreNotedAndTold(t *testing.T) {
	for script, want := range map[string]attach.Exit{
		"echo hi; read go; exit 0":          {Status: 0},
		"echo hi; read go; exit 7":          {Status: 7},
		"echo hi; read go; kill -KILL $$":   {Signal: 9},
		"echo hi; read go; exec kill -0 $$": {Status: 0},
	} {
		h := run1(t, script)
		core := h.core(0)
		c := h.operator(core, 1)
		core.drive(1, 1)
		first, _ := c.collect(0, func(all []byte) bool { return len(all) == len("hi\r\n") })
		c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
		rest, exit := c.collect(uint64(len(first)), nil)
		out := append(first, rest...)
		if exit.Status != want.Status || exit.Signal != want.Signal || string(out) != "hi\r\n\r\n" {
			t.Errorf("%s: %+v after %q", script, exit, out)
		}
		if n := await(core, func(n attach.Note) bool { return n.Kind == attach.NoteExited }); n.Status != want.Status || n.Signal != want.Signal {
			t.Errorf("%s: the core is told %+v", script, n)
		}
		if status := h.gone(); status != 0 {
			t.Errorf("%s: the shim exits %d", script, status)
		}
		if n := h.noted(attach.NoteExited); n.Status != want.Status || n.Signal != want.Signal || n.Offset != exit.End {
			t.Errorf("%s: noted %+v", script, n)
		}
		if !bytes.Equal(h.output(), out) {
			t.Errorf("%s: the spool has %q", script, h.output())
		}
		if _, err := os.Lstat(h.launch.Socket); !os.IsNotExist(err) {
			t.Errorf("the socket is left: %v", err)
		}
	}
}

func TestSignalOfTheCoreReachesTheProgram(t *testing.T) {
	h := run1(t, "trap 'echo got it; exit 3' USR1; echo up; while :; do sleep 0.02; done")
	core := h.core(0)
	c := h.operator(core, 1)
	c.collect(0, func(all []byte) bool { return bytes.Contains(all, []byte("up")) })
	core.ask(attach.Signal{Signal: uint32(unix.SIGUSR1)}, attach.KindSignal)
	out, exit := c.collect(4, nil)
	if exit.Status != 3 || !bytes.HasSuffix(out, []byte("got it\r\n")) {
		t.Errorf("%+v after %q", exit, out)
	}
}

func TestResizeIsSeenByTheProgramAndAll(t *testing.T) {
	h := run1(t, "trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done")
	core := h.core(0)
	driver, other := h.operator(core, 1), h.operator(core, 2)
	core.drive(1, 1)
	saw := func(l *line, from uint64, text string) {
		t.Helper()
		l.collect(from, func(all []byte) bool { return bytes.Contains(all, []byte(text)) })
	}
	saw(driver, 0, "24 80\r\n")
	other.say(attach.Resize{Epoch: 1, Cols: 11, Rows: 12}) // it does not drive
	driver.say(attach.Resize{Epoch: 1, Cols: 132, Rows: 50})
	saw(driver, 7, "50 132\r\n")
	for _, l := range []*line{driver, other} {
		if s := await[attach.Size](l, nil); s != (attach.Size{Cols: 132, Rows: 50}) {
			t.Errorf("told %+v", s)
		}
	}
	core.ask(attach.ResizeByCore{Cols: 100, Rows: 30}, attach.KindResizeByCore)
	saw(driver, 7+8, "30 100\r\n")
}

func TestSignalsThatEndOthersDoNotEndTheShim(t *testing.T) {
	h := run1(t, "echo up; read go; cat /proc/self/status; exit 5")
	core := h.core(0)
	c := h.operator(core, 1)
	core.drive(1, 1)
	for _, s := range []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGPIPE} {
		if err := unix.Kill(h.cmd.Process.Pid, s); err != nil {
			t.Fatal(err)
		}
	}
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	out, exit := c.collect(0, nil)
	if exit.Status != 5 {
		t.Errorf("%+v", exit)
	}
	// What the shim is deaf to, the program hears.
	for _, field := range []string{"SigBlk", "SigIgn"} {
		_, rest, _ := strings.Cut(string(out), field+":\t")
		word, _, _ := strings.Cut(rest, "\r\n")
		// Above 31 are those of the C library, which make, for one, leaves ignored.
		if mask, err := strconv.ParseUint(word, 16, 64); err != nil || mask&(1<<31-1) != 0 {
			t.Errorf("the program's %s is %q, %v", field, word, err)
		}
	}
}

// over reports whether a process has ended, waited for by its parent or not.
func over(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}

func TestEnvironmentIsExact(t *testing.T) {
	l := ordinary(t, "")
	l.Program, l.Argv = "/usr/bin/env", []string{"env", "-0"}
	l.Environment = []string{"B=2", "A=ä", "E=", "SECRET=abc"}
	h := hold(t, l)
	h.gone()
	if got := string(h.output()); got != strings.Join(l.Environment, "\x00")+"\x00" {
		t.Errorf("%q", got)
	}
	for _, name := range []string{"launch.json", "notes"} {
		if b, err := os.ReadFile(filepath.Join(h.dir, name)); err != nil || bytes.Contains(b, []byte("SECRET")) || bytes.Contains(b, []byte("abc")) {
			t.Errorf("%s: %q %v", name, b, err)
		}
	}
}

func TestHalfALaunchIsNotedAndEnds(t *testing.T) {
	l := ordinary(t, "")
	dir := filepath.Dir(l.Socket)
	whole := `{"argv":["sh"],"program":"/bin/sh","cwd":"/","environment":[],"cols":80,"rows":24,"key":"` + l.Key +
		`","socket":"` + l.Socket + `","quota":1,"reserve":0,"umask":18}`
	for name, text := range map[string]string{
		"nothing": "", "half": whole[:len(whole)/2], "all but the end": whole[:len(whole)-1], "two": whole + whole,
		"strange field": strings.Replace(whole, "umask", "unmask", 1), "no argv": strings.Replace(whole, `"sh"`, "", 1),
		"relative program": strings.Replace(whole, "/bin/sh", "bin/sh", 1), "short key": strings.Replace(whole, "5a5a", "5a", 1),
		"no key": strings.Replace(whole, "5a5a", "xxxx", 1), "zero byte": strings.Replace(whole, `"sh"`, `"s\u0000h"`, 1),
		"environment": strings.Replace(whole, `"environment":[]`, `"environment":["X"]`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			h := fed(t, filepath.Join(dir, strings.ReplaceAll(name, " ", "-")), text)
			if h.word["reason"] != "launch_invalid" || h.word["code"] != "invalid_argument" || h.word["mend"] == "" {
				t.Errorf("word %v", h.word)
			}
			if status := h.gone(); status != 1 {
				t.Errorf("exit %d", status)
			}
			if n := h.noted(attach.NoteFailed); n.Message == "" {
				t.Errorf("noted %+v", n)
			}
		})
	}
	// The control: the whole is a launch.
	if h := fed(t, filepath.Join(dir, "whole"), whole); h.word["pid"] == nil {
		t.Errorf("word %v", h.word)
	}
}

func TestWhatCannotRunIsNotedAndTold(t *testing.T) {
	folder := t.TempDir()
	plain, empty := filepath.Join(folder, "plain"), filepath.Join(folder, "empty")
	for path, mode := range map[string]os.FileMode{plain: 0o600, empty: 0o700} {
		if err := os.WriteFile(path, []byte("\x00"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		program, cwd string
		errno        unix.Errno
		reason       string
	}{
		{folder + "/missing", "/", unix.ENOENT, "exec_failed"}, {plain, "/", unix.EACCES, "exec_failed"},
		{empty, "/", unix.ENOEXEC, "exec_failed"}, {folder, "/", unix.EACCES, "exec_failed"},
		{"/bin/true", folder + "/missing", unix.ENOENT, "folder_unusable"},
	} {
		l := ordinary(t, "")
		l.Program, l.Cwd = c.program, c.cwd
		h := launched(t, filepath.Join(filepath.Dir(l.Socket), "x"), l)
		if h.word["reason"] != c.reason || h.word["errno"] != float64(c.errno) {
			t.Errorf("%s in %s: word %v", c.program, c.cwd, h.word)
		}
		if status := h.gone(); status != 1 {
			t.Errorf("exit %d", status)
		}
		if n := h.noted(attach.NoteFailed); n.Errno != uint32(c.errno) || n.Message == "" {
			t.Errorf("noted %+v", n)
		}
		if _, err := os.Lstat(l.Socket); !os.IsNotExist(err) {
			t.Errorf("the socket is left: %v", err)
		}
	}
}

func TestPlantedSocketIsRefused(t *testing.T) {
	for name, plant := range map[string]func(l launch) error{
		"file": func(l launch) error { return os.WriteFile(l.Socket, nil, 0o600) },
		"link": func(l launch) error { return os.Symlink("/nowhere", l.Socket) },
		"open": func(l launch) error { return os.Chmod(filepath.Dir(l.Socket), 0o755) }, //nolint:gosec // open on purpose
	} {
		t.Run(name, func(t *testing.T) {
			l := ordinary(t, "")
			if err := plant(l); err != nil {
				t.Fatal(err)
			}
			h := launched(t, filepath.Join(filepath.Dir(l.Socket), "x"), l)
			if h.word["reason"] != "socket_planted" || h.gone() != 1 {
				t.Errorf("word %v", h.word)
			}
			h.noted(attach.NoteFailed)
			if _, err := os.Lstat(l.Socket); name != "open" && err != nil {
				t.Errorf("what was planted is gone: %v", err)
			}
		})
	}
}

func TestSocketIsOursAlone(t *testing.T) {
	h := run1(t, "read go")
	if info, err := os.Lstat(h.launch.Socket); err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != os.ModeSocket {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestUsedFolderIsRefused(t *testing.T) {
	h := run1(t, "exit")
	h.gone()
	before := h.notes()
	l := ordinary(t, "exit")
	again := launched(t, h.dir, l)
	if again.word["reason"] != "spool_used" || again.gone() != 1 {
		t.Errorf("word %v", again.word)
	}
	if after := h.notes(); len(after) != len(before) {
		t.Errorf("notes were added: %+v", after)
	}
}

func TestKilledShimLeavesOnlyItsFolder(t *testing.T) {
	h := run1(t, "trap '' HUP; echo $$; while :; do sleep 0.02; done") // the first does not hear of the hang-up
	core := h.core(0)
	c := h.operator(core, 1)
	out, _ := c.collect(0, func(all []byte) bool { return bytes.HasSuffix(all, []byte("\n")) })
	var program int
	if _, err := fmt.Sscan(string(out), &program); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Process.Kill()
	h.gone()
	if _, err := c.next(); err == nil {
		t.Error("the connection lives")
	}
	eventually(t, "the program ends", func() bool { return over(program) })
	if n := h.noted(attach.NoteAttached); n.Index != 2 {
		t.Errorf("noted %+v", n)
	}
	if !bytes.Equal(h.output(), out) {
		t.Errorf("%q, and the client has %q", h.output(), out)
	}
	r, err := spool.OpenReader(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Remove(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(h.dir), "*")); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}
