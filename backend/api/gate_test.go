package api

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"atelier.dev/atelier/backend/fault"
)

// serve opens a listener as the owner would, and returns its address and secret.
func (w *world) serve() (address, secret string) {
	w.t.Helper()
	web, err := w.server.openWeb("127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	return web.address, web.link.secret
}

func (w *world) bearer() string {
	w.t.Helper()
	b, err := os.ReadFile(w.server.o.TokenFile)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// exchange posts a secret as the page does.
func (w *world) exchange(address, secret string) answer {
	w.t.Helper()
	return ask(w.t, http.DefaultClient, "POST", address+"api/token", `{"token":"`+secret+`"}`, "Content-Type", "application/json", "Origin", strings.TrimSuffix(address, "/"))
}

func cookieOf(a answer) string { return strings.Split(a.header.Get("Set-Cookie"), ";")[0] }

// E2, one case a protection. Each is asked once without the fault, as its control.
func TestGateRefuses(t *testing.T) {
	w := newWorld(t)
	address, _ := w.serve()
	bearer := "Bearer " + w.bearer()
	status := address + "api/atelier.v1.CoreService/Status"
	own := strings.TrimSuffix(address, "/")
	port := own[strings.LastIndex(own, ":"):]
	for name, c := range map[string]struct {
		want   int
		header []string
	}{
		"nothing wrong":        {200, []string{"Content-Type", "application/json", "Authorization", bearer, "Origin", own}},
		"no origin":            {200, []string{"Content-Type", "application/json", "Authorization", bearer}},
		"localhost":            {200, []string{"Content-Type", "application/json", "Authorization", bearer, "Host", "localhost" + port}},
		"IPv6":                 {200, []string{"Content-Type", "application/json", "Authorization", bearer, "Host", "[::1]" + port}},
		"foreign origin":       {403, []string{"Content-Type", "application/json", "Authorization", bearer, "Origin", "http://evil.example"}},
		"no origin of its own": {403, []string{"Content-Type", "application/json", "Authorization", bearer, "Origin", "null"}},
		"another port":         {403, []string{"Content-Type", "application/json", "Authorization", bearer, "Origin", "http://127.0.0.1:1"}},
		"https":                {403, []string{"Content-Type", "application/json", "Authorization", bearer, "Origin", "https" + own[4:]}},
		"another site":         {403, []string{"Content-Type", "application/json", "Authorization", bearer, "Sec-Fetch-Site", "same-site"}},
		"foreign host":         {403, []string{"Content-Type", "application/json", "Authorization", bearer, "Host", "evil.example" + port}},
		"host without port":    {403, []string{"Content-Type", "application/json", "Authorization", bearer, "Host", "127.0.0.1"}},
		"no token":             {401, []string{"Content-Type", "application/json"}},
		"wrong token":          {401, []string{"Content-Type", "application/json", "Authorization", "Bearer x"}},
		"empty token":          {401, []string{"Content-Type", "application/json", "Authorization", "Bearer "}},
		"wrong cookie":         {401, []string{"Content-Type", "application/json", "Cookie", "atelier_" + port[1:] + "=x"}},
		"plain text":           {415, []string{"Content-Type", "text/plain", "Authorization", bearer}},
		"a form":               {415, []string{"Content-Type", "application/x-www-form-urlencoded", "Authorization", bearer}},
		"no content type":      {415, []string{"Authorization", bearer}},
		"grpc":                 {415, []string{"Content-Type", "application/grpc", "Authorization", bearer}},
	} {
		if a := ask(t, http.DefaultClient, "POST", status, "{}", c.header...); a.status != c.want {
			t.Errorf("%s: %d, not %d: %s", name, a.status, c.want, a.body)
		}
	}
	if said := w.told(); !strings.Contains(said, "origin_foreign") || strings.Contains(said, bearer[7:]) {
		t.Errorf("told %s", said)
	}
}

func TestReadingMethodsChangeNothing(t *testing.T) {
	w := newWorld(t)
	address, _ := w.serve()
	for _, m := range methods() {
		method := string(m.Parent().FullName()) + "/" + string(m.Name())
		a := ask(t, http.DefaultClient, "GET", address+"api/"+method+"?encoding=json&message=%7B%7D&connect=v1", "", "Authorization", "Bearer "+w.bearer(), SessionHeader, session.String())
		reads := slices.Contains([]protoreflect.Name{"Status", "Doctor", "Relate", "WhyNot", "Sizes"}, m.Name()) || m.FullName() == "atelier.v1.RetentionService.Show" || (m.Name() == "List" && !m.IsStreamingServer())
		if reads && a.status != 200 {
			t.Errorf("GET %s: %d %s", method, a.status, a.body)
		}
		if !reads && a.status != http.StatusMethodNotAllowed && a.status != http.StatusUnsupportedMediaType {
			t.Errorf("GET %s: %d %s", method, a.status, a.body)
		}
	}
	if n := w.studio.count(); n != 0 {
		t.Errorf("%d changes by GET", n)
	}
}

func TestLinkOpensOnce(t *testing.T) {
	w := newWorld(t)
	address, secret := w.serve()
	if a := w.exchange(address, "guess"); a.status != 401 {
		t.Errorf("a guess: %+v", a)
	}
	a := w.exchange(address, secret)
	given := a.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if a.status != 204 || !strings.Contains(given, want) {
			t.Errorf("%d %q lacks %s", a.status, given, want)
		}
	}
	status := ask(t, http.DefaultClient, "POST", address+"api/atelier.v1.CoreService/Status", "{}", "Content-Type", "application/json", "Cookie", cookieOf(a))
	if status.status != 200 {
		t.Errorf("with the cookie: %+v", status)
	}
	if b := w.exchange(address, secret); b.status != 401 || b.code != "unauthenticated" || b.header.Get("Set-Cookie") != "" {
		t.Errorf("the second time: %+v", b)
	}
	// Two listeners do not let in each other's browsers.
	other, _ := w.serve()
	if b := ask(t, http.DefaultClient, "POST", other+"api/atelier.v1.CoreService/Status", "{}", "Content-Type", "application/json", "Cookie", cookieOf(a)); b.status != 401 {
		t.Errorf("at another listener: %+v", b)
	}
}

func TestLinkDiesOfAgeAndOfGuesses(t *testing.T) {
	w := newWorld(t)
	address, secret := w.serve()
	w.now = w.now.Add(linkFor)
	if a := w.exchange(address, secret); a.status != 401 {
		t.Errorf("after ten minutes: %+v", a)
	}
	for guesses, want := range map[int]int{linkTries - 1: 204, linkTries: 401} {
		address, secret := w.serve()
		for range guesses {
			w.exchange(address, "guess")
		}
		if a := w.exchange(address, secret); a.status != want {
			t.Errorf("after %d guesses: %d, not %d", guesses, a.status, want)
		}
	}
}

func TestTokenIsPostedAsJSON(t *testing.T) {
	w := newWorld(t)
	address, secret := w.serve()
	for name, a := range map[string]answer{
		"in the address": ask(t, http.DefaultClient, "GET", address+"api/token?token="+secret, ""),
		"octets":         ask(t, http.DefaultClient, "POST", address+"api/token", `{"token":"`+secret+`"}`, "Content-Type", "application/octet-stream"),
		"text":           ask(t, http.DefaultClient, "POST", address+"api/token", `{"token":"`+secret+`"}`, "Content-Type", "text/plain"),
		"no JSON":        ask(t, http.DefaultClient, "POST", address+"api/token", secret, "Content-Type", "application/json"),
		"foreign":        ask(t, http.DefaultClient, "POST", address+"api/token", `{"token":"`+secret+`"}`, "Content-Type", "application/json", "Origin", "http://evil.example"),
	} {
		if a.status < 400 || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := w.exchange(address, secret); a.status != 204 { // the control: none of these spent it
		t.Errorf("%+v", a)
	}
}

// E4: every secret is searched in what the core says of itself.
func TestSecretsAreNowhereElse(t *testing.T) {
	w := newWorld(t)
	address, secret := w.serve()
	bearer := w.bearer()
	a := w.exchange(address, secret)
	w.exchange(address, secret)
	ask(t, http.DefaultClient, "GET", address+"api/x?k="+secret, "", "Host", "evil.example")
	ask(t, http.DefaultClient, "GET", address+secret, "")
	cookie := strings.Split(cookieOf(a), "=")[1]
	status := w.call("CoreService/Status", "{}")
	for name, hidden := range map[string]string{"link": secret, "bearer": bearer, "cookie": cookie} {
		if len(hidden) < 40 {
			t.Fatalf("the %s has %d characters", name, len(hidden))
		}
		if strings.Contains(w.told(), hidden) || strings.Contains(status.body, hidden) {
			t.Errorf("the %s is told", name)
		}
	}
	if !strings.Contains(w.told(), "was opened") { // the control: something is told
		t.Errorf("told %q", w.told())
	}
	info, err := os.Stat(w.server.o.TokenFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file: %v %v", info, err)
	}
}

// E5: no environment variable and no request opens the gate.
func TestNothingSwitchesTheGateOff(t *testing.T) {
	for _, name := range []string{"ATELIER_NO_AUTH", "ATELIER_INSECURE", "ATELIER_DEBUG", "DEBUG", "ATELIER_SESSION"} {
		t.Setenv(name, "1")
	}
	w := newWorld(t)
	address, _ := w.serve()
	for _, header := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "X-Http-Method-Override"} {
		a := ask(t, http.DefaultClient, "POST", address+"api/atelier.v1.CoreService/Status", "{}", "Content-Type", "application/json", header, "127.0.0.1")
		if a.status != 401 {
			t.Errorf("%s: %d", header, a.status)
		}
	}
	for _, path := range []string{"api/attach/ws", "api/attach/stream", "api/", "api/x", "api/%2e%2e/api/token/"} {
		if a := ask(t, http.DefaultClient, "GET", address+path, ""); a.status != 401 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// The cookie of a listener that was kept is good where another core listens
// under the same secret, and under nothing else.
func TestKeptCookieOutlivesTheCore(t *testing.T) {
	keep := strings.Repeat("k", keepLeast)
	first := newWorld(t)
	kept, err := first.server.openKept("127.0.0.1:0", keep)
	if err != nil {
		t.Fatal(err)
	}
	cookie := cookieOf(first.exchange(kept.address, kept.link.secret))
	at := strings.Trim(kept.address[len("http://"):], "/")
	first.server.closeWeb(kept)
	second := newWorld(t)
	for secret, want := range map[string]int{keep: 200, strings.Repeat("x", keepLeast): 401, "": 401} {
		http.DefaultClient.CloseIdleConnections() // those to the listener before
		web, err := second.server.openKept(at, secret)
		if err != nil {
			t.Fatal(err)
		}
		a := ask(t, http.DefaultClient, "POST", web.address+"api/atelier.v1.CoreService/Status", "{}", "Content-Type", "application/json", "Cookie", cookie)
		if a.status != want {
			t.Errorf("under %q: %d", secret, a.status)
		}
		if a := first.exchange(web.address, web.link.secret); a.status != 204 {
			t.Errorf("its own address under %q: %d", secret, a.status)
		}
		second.server.closeWeb(web)
	}
	for _, n := range []int{1, keepLeast - 1, keepMost + 1} {
		if _, err := second.server.openKept("127.0.0.1:0", strings.Repeat("k", n)); !fault.Is(err, "keep_length") {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestTokenFileLivesAsLongAsAListener(t *testing.T) {
	w := newWorld(t)
	first, err := w.server.openWeb("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.server.openWeb("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if first.address == second.address || len(w.server.listening()) != 2 {
		t.Errorf("%q, %q, %q", first.address, second.address, w.server.listening())
	}
	w.server.closeWeb(first)
	old := w.bearer()
	if !w.server.isBearer("Bearer " + old) {
		t.Error("the token ended with one of two listeners")
	}
	w.server.closeWeb(second)
	if _, err := os.Stat(w.server.o.TokenFile); !os.IsNotExist(err) || w.server.isBearer("Bearer "+old) || w.server.isBearer("Bearer ") {
		t.Errorf("the token outlives its listeners: %v", err)
	}
	if _, err := net.Dial("tcp", strings.Trim(first.address[len("http://"):], "/")); err == nil {
		t.Error("a closed listener answers")
	}
}

func TestServeHoldsItsListener(t *testing.T) {
	w := newWorld(t)
	resp, err := w.local.Post("http://core/api/atelier.v1.CoreService/Serve", "application/connect+json", strings.NewReader(envelope(`{"listen":"127.0.0.1:0"}`)))
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 5)
	if _, err := resp.Body.Read(head); err != nil {
		t.Fatal(err)
	}
	var told struct{ URL, Address, TokenFile string }
	if err := json.NewDecoder(resp.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(told.URL)
	if err != nil || !strings.HasPrefix(at.Fragment, "k=") || at.RawQuery != "" || told.TokenFile != w.server.o.TokenFile {
		t.Errorf("%+v", told)
	}
	if a := w.exchange(told.Address, strings.TrimPrefix(at.Fragment, "k=")); a.status != 204 {
		t.Errorf("the printed address: %+v", a)
	}
	resp.Body.Close()
	settles(t, "the listener ends with its stream", func() bool { return len(w.server.listening()) == 0 })
}

func TestDetachedListenerEndsWithTheCore(t *testing.T) {
	w := newWorld(t)
	a := ask(t, w.local, "POST", "http://core/api/atelier.v1.CoreService/Serve", envelope(`{"listen":"127.0.0.1:0","detach":true}`), "Content-Type", "application/connect+json")
	if a.status != 200 || len(w.server.listening()) != 1 {
		t.Fatalf("%+v", a)
	}
	host := strings.Trim(w.server.listening()[0][len("http://"):], "/")
	w.close()
	if _, err := net.DialTimeout("tcp", host, time.Second); err == nil {
		t.Error("it listens after the end")
	}
}

func TestListenersAreRefusedByName(t *testing.T) {
	w := newWorld(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for listen, reason := range map[string]string{
		taken.Addr().String(): "address_taken", "7420": "address_malformed", "192.0.2.1:0": "cannot_listen", "127.0.0.1:x": "cannot_listen",
	} {
		if _, err := w.server.openWeb(listen); !fault.Is(err, reason) {
			t.Errorf("%s: %v", listen, err)
		}
	}
	for range listenersMax {
		w.serve()
	}
	if _, err := w.server.openWeb("127.0.0.1:0"); !fault.Is(err, "listeners_many") {
		t.Errorf("one too many: %v", err)
	}
}

func TestTheNextFreePortIsTaken(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		if _, err := w.server.openWeb(""); err != nil {
			t.Fatal(err)
		}
	}
	first, second := portOf(w.server.webs[0]), portOf(w.server.webs[1])
	if first < defaultPort || second <= first || second > defaultPort+portTries {
		t.Errorf("ports %d and %d", first, second)
	}
}

func portOf(w *web) int {
	port, _ := strconv.Atoi(strings.TrimPrefix(w.cookie, "atelier_"))
	return port
}

func TestNoHostMeansThisMachine(t *testing.T) {
	l, host, err := listenTCP(":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if !l.Addr().(*net.TCPAddr).IP.IsLoopback() || host != "127.0.0.1" {
		t.Errorf("%v %s", l.Addr(), host)
	}
}

func TestEveryAddressAnswersToItsOwn(t *testing.T) {
	w := newWorld(t)
	web, err := w.server.openWeb("0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	host := strings.Trim(web.address[len("http://"):], "/")
	at, err := net.ResolveTCPAddr("tcp", host)
	if err != nil || at.IP.IsLoopback() != (len(outward(net.IPv4zero)) == 0) {
		t.Errorf("it says that it is reached at %s, %v", host, err)
	}
	l, _, err := listenTCP("0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if on := l.Addr().(*net.TCPAddr).IP; !on.Equal(net.IPv4zero) {
		t.Errorf("0.0.0.0 listens on %v", on)
	}
	for name, want := range map[string]int{host: 200, "localhost:" + strconv.Itoa(at.Port): 200, "192.0.2.7" + host[strings.Index(host, ":"):]: 403} {
		if a := ask(t, http.DefaultClient, "GET", web.address, "", "Host", name); a.status != want {
			t.Errorf("%s: %d, not %d", name, a.status, want)
		}
	}
	if !strings.Contains(w.told(), "other machines") {
		t.Error("nobody is warned")
	}
}

func TestPageHasItsHeaders(t *testing.T) {
	w := newWorld(t)
	address, _ := w.serve()
	a := ask(t, http.DefaultClient, "GET", address, "")
	for name, part := range map[string]string{
		"Content-Security-Policy": "script-src 'self'; ", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		"Content-Type": "text/html", "X-Frame-Options": "DENY",
	} {
		if !strings.Contains(a.header.Get(name), part) {
			t.Errorf("%s: %q", name, a.header.Get(name))
		}
	}
	script := ask(t, http.DefaultClient, "GET", address+"assets/main-abc.js", "")
	if script.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || !strings.HasPrefix(script.header.Get("Content-Type"), "text/javascript") {
		t.Errorf("%v", script.header)
	}
	for path, want := range map[string]int{"assets": 404, "assets/": 404, "nothing": 404, "..%2fetc%2fpasswd": 404, "index.html": 200} {
		if a := ask(t, http.DefaultClient, "GET", address+path, ""); a.status != want {
			t.Errorf("%s: %d, not %d", path, a.status, want)
		}
	}
	if a := ask(t, http.DefaultClient, "POST", address, ""); a.status != 405 {
		t.Errorf("a post: %d", a.status)
	}
	delete(w.page, "index.html")
	if a := ask(t, http.DefaultClient, "GET", address, ""); a.status != 503 || !strings.Contains(a.body, "make build") {
		t.Errorf("without a page: %+v", a)
	}
}

// trickle sends a request whose body does not come, and returns the connection.
func trickle(t *testing.T, address, path string, header ...string) net.Conn {
	t.Helper()
	host := strings.Trim(address[len("http://"):], "/")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request := "POST /api/" + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
	for _, line := range header {
		request += line + "\r\n"
	}
	request += "\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestWhoDawdlesIsCut(t *testing.T) {
	w := newWorld(t)
	w.server.slow = 100 * time.Millisecond
	address, _ := w.serve()
	for name, path := range map[string]string{"a token": "token", "no token": "atelier.v1.CoreService/Status"} {
		if _, err := io.ReadAll(trickle(t, address, path)); err != nil {
			t.Errorf("%s: the connection stays: %v", name, err)
		}
	}
	half, err := net.Dial("tcp", strings.Trim(address[len("http://"):], "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if err := half.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(half, "POST /api/token HTTP/1.1\r\nHo"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(half); err != nil {
		t.Errorf("half a header: the connection stays: %v", err)
	}
	// The control: whoever is let in may take its time.
	conn := trickle(t, address, "atelier.v1.CoreService/Status", "Authorization: Bearer "+w.bearer())
	time.Sleep(3 * w.server.slow) // past the bound of the others
	if _, err := io.WriteString(conn, "{}"); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, head); err != nil || string(head) != "HTTP/1.1 200" {
		t.Errorf("let in, and cut: %q %v", head, err)
	}
}
