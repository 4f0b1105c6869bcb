package app

import (
	"bufio"
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// keyboard is `atelier attach` in a terminal of its own, typed into by a test.
type keyboard struct {
	h      *home
	master *os.File
	done   chan struct{}
}

func (h *home) keyboard(name string) *keyboard {
	h.t.Helper()
	cmd := h.command("attach", name)
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		h.t.Fatal(err)
	}
	k := &keyboard{h: h, master: master, done: make(chan struct{})}
	go func() {
		defer close(k.done)
		_, _ = io.Copy(io.Discard, master) // it ends with the command
		_ = cmd.Wait()
	}()
	h.t.Cleanup(func() {
		_ = cmd.Process.Kill() // a blocking read ends with the other side
		<-k.done
		master.Close()
	})
	return k
}

func (k *keyboard) typed(text string) {
	k.h.t.Helper()
	if _, err := k.master.WriteString(text); err != nil {
		k.h.t.Fatal(err)
	}
}

func (h *home) says(name, text string) {
	h.t.Helper()
	h.until(name+" says "+text, func() bool { return strings.Contains(h.run("transcript", name, "--raw"), text) })
}

// E4: a secret that is typed without echo, a secret in the environment and the
// token of the web page are in nothing that is kept or shown.
func TestSecretsAreNowhere(t *testing.T) {
	const typed, variable = "canary-typed-7f3a", "canary-value-91bd"
	h := newHome(t)
	start := h.command("run", "--detach", "--name", "asks", "--", "sh", "-c",
		`stty -echo; echo ready; read secret; stty echo; echo; echo thanks; read visible; echo got "$visible"; sleep 600`)
	start.Env = append(start.Env, "SECRET_VARIABLE="+variable)
	if err := start.Run(); err != nil {
		t.Fatal(err)
	}
	h.says("asks", "ready")
	k := h.keyboard("asks")
	h.until("it has the keyboard", func() bool { return strings.Contains(h.run("show", "asks", "--json"), `"driver":{`) })
	k.typed(typed + "\r")
	h.says("asks", "thanks")
	k.typed("shown\r")
	h.says("asks", "got shown")

	address := h.served()
	token := strings.TrimPrefix(address.Fragment, "k=")
	cookie := h.exchanged(address, token)

	found := h.search(map[string]string{"typed secret": typed, "variable": variable, "token": token, "cookie": cookie})
	for _, hit := range found {
		t.Error(hit)
	}
	// The controls: what is no secret is found by the same search.
	if len(h.search(map[string]string{"name": "SECRET_VARIABLE"})) == 0 || len(h.search(map[string]string{"echo": "got shown"})) == 0 {
		t.Error("the search finds nothing at all")
	}
	// Input without echo is not even counted: only the six visible bytes are.
	h.until("input is counted", func() bool { return !strings.Contains(h.run("show", "asks", "--json"), `"bytes_typed":0`) })
	if out := h.run("show", "asks", "--json"); !strings.Contains(out, `"bytes_typed":6,`) {
		t.Errorf("of 6 visible bytes is recorded: %s", out)
	}
}

// served starts `atelier serve` and returns what it printed.
func (h *home) served() *url.URL {
	h.t.Helper()
	cmd := h.command("serve", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		h.t.Fatal(err)
	}
	address, err := url.Parse(strings.TrimSpace(line))
	if err != nil || !strings.HasPrefix(address.Fragment, "k=") {
		h.t.Fatalf("serve printed %q: %v", line, err)
	}
	return address
}

// exchanged gives the one-use secret for a cookie and uses it once.
func (h *home) exchanged(address *url.URL, token string) (cookie string) {
	h.t.Helper()
	base := "http://" + address.Host
	ask := func(path, body, cookie string) *http.Response {
		q, err := http.NewRequest(http.MethodPost, base+path, strings.NewReader(body))
		if err != nil {
			h.t.Fatal(err)
		}
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Origin", base)
		q.Header.Set("Cookie", cookie)
		client := http.Client{Timeout: patience}
		a, err := client.Do(q)
		if err != nil {
			h.t.Fatal(err)
		}
		a.Body.Close()
		return a
	}
	a := ask("/api/token", `{"token":"`+token+`"}`, "")
	if len(a.Cookies()) != 1 {
		h.t.Fatalf("the token was exchanged with %s and %d cookies", a.Status, len(a.Cookies()))
	}
	c := a.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		h.t.Errorf("the cookie is %+v", c)
	}
	if a := ask("/api/atelier.v1.CoreService/Status", "{}", c.Name+"="+c.Value); a.StatusCode != http.StatusOK {
		h.t.Errorf("with the cookie: %s", a.Status)
	}
	if a := ask("/api/token", `{"token":"`+token+`"}`, ""); a.StatusCode != http.StatusUnauthorized {
		h.t.Errorf("the token a second time: %s", a.Status)
	}
	return c.Value
}

// search looks for texts in all that is kept, in what every reading command
// shows, and in the arguments and environments of our own processes.
func (h *home) search(texts map[string]string) (hits []string) {
	h.t.Helper()
	look := func(where string, content []byte) {
		for what, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				hits = append(hits, what+" in "+where)
			}
		}
	}
	if err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		look(path, content)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	for _, args := range [][]string{{"ps", "--json"}, {"log", "--json"}, {"show", "asks", "--json"}, {"transcript", "asks", "--raw"},
		{"core", "status", "--json"}, {"core", "logs"}, {"doctor", "--json"}} {
		out, complaint, _ := h.try(args...)
		look("atelier "+args[0], []byte(out+complaint))
	}
	for _, line := range h.processes() {
		pid, name, _ := strings.Cut(line, " ")
		look("the arguments of "+name, []byte(line))
		if strings.Contains(name, "atelier") { // the program has its own environment
			environment, err := os.ReadFile("/proc/" + pid + "/environ")
			if err == nil {
				look("the environment of "+name, environment)
			}
		}
	}
	return hits
}

// A program that is started from the window's side gets the login shell's
// environment, one from the command line the caller's own: never the core's.
func TestNoProgramGetsTheCoresEnvironment(t *testing.T) {
	h := newHome(t)
	first := h.command("core", "start")
	first.Env = append(first.Env, "ONLY_THE_CORE=has-this")
	if err := first.Run(); err != nil {
		t.Fatal(err)
	}
	h.run("run", "--detach", "--name", "one", "--", "env")
	empty := h.command("run", "--detach", "--name", "none", "--", "/usr/bin/env")
	empty.Env = []string{"ATELIER_HOME=" + h.dir}
	if err := empty.Run(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "none"} {
		h.try("wait", name)
		if out := h.run("transcript", name, "--raw"); strings.Contains(out, "ONLY_THE_CORE") {
			t.Errorf("%s has the core's environment: %s", name, out)
		}
	}
}
