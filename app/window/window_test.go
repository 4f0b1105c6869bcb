package window

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wailsapp/wails/v2/pkg/options/linux"

	"atelier.dev/atelier/backend/fault"
)

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestWithoutDisplayTellsToServe(t *testing.T) {
	err := needDisplay(env(nil))
	if !fault.Is(err, "no_display") || !strings.Contains(err.Error(), "atelier serve") {
		t.Fatalf("got %v", err)
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY"} {
		if err := needDisplay(env(map[string]string{name: ":0"})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSoftwareRenderingNeverUsesTheCard(t *testing.T) {
	if p := gpuPolicy(env(map[string]string{"LIBGL_ALWAYS_SOFTWARE": "1"})); p != linux.WebviewGpuPolicyNever {
		t.Fatalf("got %v", p)
	}
}

// startCore serves a handler on a unix socket, as the core does.
func startCore(t *testing.T, h http.Handler) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "a")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		_ = os.RemoveAll(dir)
	})
	return socket
}

func dialTo(socket string) dialer {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
}

func TestAnswerStreamsWhileTheCoreStillWrites(t *testing.T) {
	next := make(chan struct{})
	socket := startCore(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, string(body)+" "+r.Header.Get("Atelier-Session")+r.Header.Get("Origin")+"\n")
		w.(http.Flusher).Flush()
		<-next
		_, _ = io.WriteString(w, "second\n")
	}))
	page := httptest.NewServer(apiHandler(dialTo(socket)))
	defer page.Close()

	request, _ := http.NewRequest(http.MethodPost, page.URL+"/api/attach/stream", strings.NewReader("hello"))
	request.Header.Set("Atelier-Session", "s1")
	request.Header.Set("Origin", "wails://wails")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	if first, err := lines.ReadString('\n'); err != nil || first != "hello s1\n" {
		t.Fatalf("got %q, %v", first, err)
	}
	close(next) // the first line came before the second was written
	if second, err := lines.ReadString('\n'); err != nil || second != "second\n" {
		t.Fatalf("got %q, %v", second, err)
	}
}

func TestCoreGoneIsAFaultThePageCanShow(t *testing.T) {
	page := httptest.NewServer(apiHandler(func(context.Context) (net.Conn, error) {
		return nil, errors.New("no such file")
	}))
	defer page.Close()
	answer, err := http.Post(page.URL+"/api/x", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), `"code":"unavailable"`) {
		t.Fatalf("got %d %s", answer.StatusCode, body)
	}
}

func TestOnlyAPIPathsReachTheCore(t *testing.T) {
	core := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "core") })
	files := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "files") })
	both := apiFirst(core)(files)
	for path, want := range map[string]string{"/api/x": "core", "/": "files", "/apix": "files", "/assets/a.js": "files"} {
		w := httptest.NewRecorder()
		both.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if got := w.Body.String(); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
