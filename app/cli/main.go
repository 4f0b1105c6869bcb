// Command atelier is the studio on a command line: it starts programs in
// terminals that survive, and looks at, types into, names and ends them. It is a
// client of the core like the window and the web page, and links nothing else.
package main

import "os"

// version is set by the linker.
var version = "unversioned"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
