// Command atelier-window is the studio's window. The root package is the one
// that the Wails build compiles; everything is in app/window.
package main

import (
	"os"

	"atelier.dev/atelier/app/window"
)

func main() {
	os.Exit(window.Main(os.Args[1:], os.Stderr))
}
