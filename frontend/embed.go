// Package frontend carries the built web page, for the window and for
// `atelier serve`.
package frontend

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist returns the page's files, index.html at the root. Before the first
// `npm run build` it holds nothing but a placeholder.
func Dist() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is named in the directive above
	}
	return files
}

// Built reports whether the page was built into this program.
func Built() bool {
	_, err := fs.Stat(Dist(), "index.html")
	return err == nil
}
