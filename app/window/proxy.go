package window

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"

	"atelier.dev/atelier/backend/fault"
)

// dialer connects to the core's unix socket and starts the core when none runs.
type dialer func(ctx context.Context) (net.Conn, error)

// apiHandler forwards requests to the core, bodies and streamed answers alike.
func apiHandler(dial dialer) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "core"})
			// The page's origin is the window's own scheme; the socket's owner is
			// what the core goes by, and a browser's headers say nothing to it.
			r.Out.Host = "core"
			r.Out.Header.Del("Origin")
			r.Out.Header.Del("Referer")
		},
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			// A stream per pane stays open for hours; nothing is gained by a limit.
			MaxIdleConnsPerHost: idleConnections,
			DisableCompression:  true,
		},
		FlushInterval: -1,
		ErrorHandler:  coreGone,
	}
}

// coreGone answers in the form of a Connect error, so that the page shows it
// as it shows every other.
func coreGone(w http.ResponseWriter, _ *http.Request, err error) {
	f := fault.Of(err)
	if f.Code == fault.Internal {
		f = fault.Wrap(err, fault.Unavailable, "core_gone", "the core does not answer",
			"run `atelier core status` to see why")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": f.Code.String(), "message": f.Error()})
}
