package api

import (
	"encoding/json"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"atelier.dev/atelier/backend/fault"
)

// ServeHTTP lets in who may, and shows the page to everybody: it holds nothing
// but the program that asks.
func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	protect(out.Header())
	w.hurry(out)
	if !w.isHost(r) {
		w.refuse(out, r, http.StatusForbidden, fault.New(fault.PermissionDenied, "host_foreign",
			"this listener goes by another name", "open the address that `atelier serve` printed"))
		return
	}
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		w.page(out, r)
		return
	}
	out.Header().Set("Cache-Control", "no-store")
	if status, f := w.admit(r); f != nil {
		w.refuse(out, r, status, f)
		return
	}
	if r.URL.Path == "/api/token" {
		w.exchange(out, r)
		return
	}
	unhurry(out)
	w.api.ServeHTTP(out, r)
}

// hurry bounds how long somebody who was not let in holds a connection. A stream
// of one who was may stand still for days.
func (w *web) hurry(out http.ResponseWriter) {
	conn := http.NewResponseController(out)
	_ = conn.SetReadDeadline(time.Now().Add(w.slow)) // a closed connection needs no bound
	_ = conn.SetWriteDeadline(time.Now().Add(pageWait))
}

func unhurry(out http.ResponseWriter) {
	conn := http.NewResponseController(out)
	_ = conn.SetReadDeadline(time.Time{}) // a closed connection has none
	_ = conn.SetWriteDeadline(time.Time{})
}

// protect keeps other pages from reading, framing or loading what this sends.
func protect(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
}

// isHost reports whether a request names this listener. A page elsewhere can
// make its own name lead here, but not make that name one of ours.
func (w *web) isHost(r *http.Request) bool {
	if slices.Contains(w.hosts, strings.ToLower(r.Host)) {
		return true
	}
	// Listening on every address: the one that the connection came to is ours.
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return local != nil && r.Host == local.String()
}

// admit says why a request to the API is refused, if it is.
func (w *web) admit(r *http.Request) (int, *fault.Error) {
	script := w.isBearer(r.Header.Get("Authorization"))
	switch {
	case !sameOrigin(r, script):
		return http.StatusForbidden, fault.New(fault.PermissionDenied, "origin_foreign",
			"a page from elsewhere may not speak to this core", "open the address that `atelier serve` printed")
	case r.Method == http.MethodPost && !taken(mediaType(r)):
		return http.StatusUnsupportedMediaType, contentTypeFault("application/json")
	case r.URL.Path != "/api/token" && !script && !w.isLetIn(r):
		return http.StatusUnauthorized, fault.New(fault.Unauthenticated, "token_missing",
			"this listener does not know who asks", "run `atelier serve` and open what it prints, or send the token of the home as a bearer")
	}
	return 0, nil
}

// sameOrigin is true for our own page and for what is no browser. A WebSocket is
// not bound by its origin in a browser, so there it has to be named.
func sameOrigin(r *http.Request, script bool) bool {
	origin, socket := r.Header.Get("Origin"), r.Header.Get("Upgrade") != ""
	switch from := r.Header.Get("Sec-Fetch-Site"); {
	case !socket && from != "" && from != "same-origin" && from != "none":
		return false
	case origin == "":
		return script || !socket
	}
	return strings.EqualFold(origin, "http://"+r.Host) && len(r.Header.Values("Origin")) == 1
}

// taken are the content types of the API. A browser sends none of them to
// another origin without asking first, and nobody answers such a question here.
func taken(media string) bool {
	return isUnary(media) || media == octets || strings.HasPrefix(media, "application/connect+")
}

// isLetIn reports whether a request brings the cookie of this listener.
func (w *web) isLetIn(r *http.Request) bool {
	cookie, err := r.Cookie(w.cookie)
	w.mu.Lock()
	opened := w.opened
	w.mu.Unlock()
	return err == nil && opened.is(cookie.Value)
}

// exchange gives a cookie for the secret of the printed address.
func (w *web) exchange(out http.ResponseWriter, r *http.Request) {
	var asked struct{ Token string }
	if r.Method != http.MethodPost || mediaType(r) != "application/json" {
		w.refuse(out, r, http.StatusMethodNotAllowed, fault.New(fault.InvalidArgument, "token_post", "a token is posted as JSON", `post {"token": …}`))
		return
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, tokenBytes)).Decode(&asked); err != nil {
		w.refuse(out, r, http.StatusBadRequest, fault.New(fault.InvalidArgument, "token_malformed", "this is not a token in JSON", `post {"token": …}`))
		return
	}
	if !w.link.use(asked.Token, w.o.Now()) {
		w.refuse(out, r, http.StatusUnauthorized, fault.New(fault.Unauthenticated, "link_used",
			"this link was used before, is older than ten minutes, or is not ours", "run `atelier serve` again and open the address it prints"))
		return
	}
	secret, err := w.letIn()
	if err != nil {
		refuse(out, err)
		return
	}
	http.SetCookie(out, &http.Cookie{Name: w.cookie, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	out.WriteHeader(http.StatusNoContent)
	w.o.Tell("info", "the address of "+w.address+" was opened")
}

// letIn makes the secret of the cookie, and lets nobody in under an older one.
func (w *web) letIn() (string, error) {
	if w.keep != "" {
		secret, _ := keptSecret(w.keep, w.cookie)
		return secret, nil
	}
	secret, h, err := newSecret(w.o.Random)
	if err != nil {
		return "", err
	}
	w.mu.Lock()
	w.opened = h
	w.mu.Unlock()
	return secret, nil
}

// refuse answers, and tells the first refusal for a reason, the second, the
// fourth and so on: a stranger cannot fill the log with them.
func (w *web) refuse(out http.ResponseWriter, r *http.Request, status int, f *fault.Error) {
	refuseWith(out, status, f)
	w.mu.Lock()
	w.refused[f.Reason]++
	n := w.refused[f.Reason]
	w.mu.Unlock()
	if bits.OnesCount(uint(n)) == 1 {
		w.o.Tell("warn", fmt.Sprintf("refused %s on %s: %s: %s (%d so far)", text(r.Method), w.address, f.Reason, f.Message, n))
	}
}
