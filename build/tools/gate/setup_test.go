package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// machine is a folder of stand-ins for what set-up asks of a machine. Nothing of
// the real machine is installed or changed.
type machine struct {
	t    *testing.T
	path string
}

func newMachine(t *testing.T) machine {
	m := machine{t, t.TempDir()}
	for _, name := range []string{"bash", "sh", "env", "cat", "cut", "sed", "sort", "head", "tail", "mktemp", "mkdir", "rm", "dirname"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(m.path, name)); err != nil {
			t.Fatal(err)
		}
	}
	m.has("go", "echo go1.26.8")
	m.has("node", "echo v20.20.2")
	m.has("npm", "")
	m.has("git", "")
	m.has("gcc", "")
	m.has("id", "echo 1000")
	m.has("dpkg-query", "printf installed")
	return m
}

// has puts a stand-in that runs script.
func (m machine) has(name, script string) {
	if err := os.WriteFile(filepath.Join(m.path, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) setUp(what string) (string, error) {
	script, err := filepath.Abs("../../scripts/setup")
	if err != nil {
		m.t.Fatal(err)
	}
	c := exec.Command(script, what)
	c.Env = []string{"PATH=" + m.path, "HOME=" + m.t.TempDir()}
	out, err := c.CombinedOutput()
	return string(out), err
}

func (m machine) refuses(words ...string) {
	m.t.Helper()
	out, err := m.setUp("run")
	if err == nil {
		m.t.Errorf("set-up passed:\n%s", out)
	}
	for _, want := range words {
		if !strings.Contains(out, want) {
			m.t.Errorf("set-up does not say %q:\n%s", want, out)
		}
	}
}

func TestSetUpIsSilentWhenNothingIsMissing(t *testing.T) {
	for _, what := range []string{"run", "test", "bench"} {
		if out, err := newMachine(t).setUp(what); err != nil || out != "" {
			t.Errorf("%s: %v, said %q", what, err, out)
		}
	}
}

func TestSetUpNamesWhatItInstalls(t *testing.T) {
	m := newMachine(t)
	record := filepath.Join(m.path, "asked")
	m.has("dpkg-query", "printf not-installed")
	m.has("sudo", `exec "$@"`)
	m.has("apt-get", `echo "$@" >>`+record)
	out, err := m.setUp("run")
	asked, _ := os.ReadFile(record)
	if err != nil || !strings.Contains(out, "libwebkit2gtk-4.1-dev") || !strings.Contains(string(asked), "install --no-install-recommends") {
		t.Errorf("%v, said %q, asked apt-get %q", err, out, asked)
	}
	if strings.Contains(string(asked), "chromium") {
		t.Errorf("running needs no browser, and apt-get was asked %q", asked)
	}
}

func TestSetUpWithoutRootOrSudoSaysWhatToRun(t *testing.T) {
	m := newMachine(t)
	m.has("dpkg-query", "printf not-installed")
	m.refuses("neither root nor sudo", "apt-get install", "libgtk-3-dev")
}

func TestSetUpWithoutNetworkShowsAptsWords(t *testing.T) {
	m := newMachine(t)
	m.has("dpkg-query", "printf not-installed")
	m.has("sudo", `exec "$@"`)
	m.has("apt-get", "echo Temporary failure resolving >&2; exit 100")
	m.refuses("Temporary failure resolving", "is the network up")
}

func TestSetUpRefusesOldToolchains(t *testing.T) {
	m := newMachine(t)
	m.has("node", "echo v18.20.0")
	m.refuses("Node is 18.20.0", "20 or newer")
	m = newMachine(t)
	m.has("go", "echo go1.25.1")
	m.refuses("Go is 1.25.1")
}

func TestSetUpOnAnotherSystemListsWhatToInstall(t *testing.T) {
	m := newMachine(t)
	if err := os.Remove(filepath.Join(m.path, "dpkg-query")); err != nil {
		t.Fatal(err)
	}
	m.refuses("Debian 12 only", "by hand")
}
