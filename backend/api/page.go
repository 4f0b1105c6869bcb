package api

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"atelier.dev/atelier/backend/fault"
)

// policy lets the page run its own files and speak to this listener, and nothing
// else. Its styles are inline too: the terminal sets sizes and colours that way.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self'; frame-src 'none'; frame-ancestors 'none'; " +
	"object-src 'none'; base-uri 'none'; form-action 'none'"

// mediaTypes are those of the page's files. They are ours, not the machine's,
// whose tables may be absent or wrong.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2", ".woff": "font/woff", ".wasm": "application/wasm",
	".json": "application/json", ".map": "application/json", ".txt": "text/plain; charset=utf-8",
}

// page sends one of the page's files.
func (w *web) page(out http.ResponseWriter, r *http.Request) {
	out.Header().Set("Content-Security-Policy", policy)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		out.Header().Set("Allow", "GET, HEAD")
		refuseWith(out, http.StatusMethodNotAllowed, fault.New(fault.InvalidArgument, "method", "the page can only be read", "use the API under /api/"))
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" {
		name = "index.html"
	}
	content, err := fs.ReadFile(w.o.Page, name)
	switch {
	case err != nil && name == "index.html":
		refuse(out, fault.New(fault.Unavailable, "page_missing", "the page was not built into this program", "build with `make build`"))
		return
	case err != nil:
		refuse(out, fault.New(fault.NotFound, "page_unknown", "there is no such page", "open the address without a path"))
		return
	}
	out.Header().Set("Content-Type", mediaTypeOf(name))
	out.Header().Set("Cache-Control", cacheOf(name))
	http.ServeContent(out, r, "", time.Time{}, bytes.NewReader(content))
}

func mediaTypeOf(name string) string {
	if known, ok := mediaTypes[path.Ext(name)]; ok {
		return known
	}
	return octets
}

// cacheOf lets a browser keep what has its content's hash in its name.
func cacheOf(name string) string {
	if strings.HasPrefix(name, "assets/") {
		return "public, max-age=31536000, immutable"
	}
	return "no-store"
}
