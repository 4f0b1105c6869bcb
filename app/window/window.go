// Package window opens the studio's window. It is a client like any other: the
// page is embedded, and what the page asks of /api/ goes to the core's unix
// socket. It needs no TCP port, and closing it ends nothing.
package window

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/wailsapp/wails/v2"
	"github.com/wailsapp/wails/v2/pkg/options"
	"github.com/wailsapp/wails/v2/pkg/options/assetserver"
	"github.com/wailsapp/wails/v2/pkg/options/linux"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/frontend"
)

// The window's sizes in pixels: the first one fits a small laptop, the least
// one still shows the sidebar and eighty columns.
const (
	firstWidth  = 1280
	firstHeight = 800
	leastWidth  = 900
	leastHeight = 480
)

// Main opens the window and returns the exit status when it is closed. The
// arguments are those after the program's name.
func Main(args []string, stderr io.Writer) int {
	err := run(args, stderr)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "atelier-window:", err)
	return fault.Of(err).Code.ExitStatus()
}

func run(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("atelier-window", flag.ContinueOnError)
	flags.SetOutput(stderr)
	home := flags.String("home", "", "the home to work in (empty: the user's own)")
	if err := flags.Parse(args); err != nil {
		return fault.Wrap(err, fault.InvalidArgument, "usage", "the arguments are not understood",
			"see `atelier-window --help`")
	}
	if err := needDisplay(os.Getenv); err != nil {
		return err
	}
	if !frontend.Built() {
		return fault.New(fault.FailedPrecondition, "page_missing", "this program was built without its page",
			"build it with `make build`")
	}
	dialer, err := newDialer(*home)
	if err != nil {
		return err
	}
	return open(apiHandler(dialer))
}

// open shows the window and returns when it is closed.
func open(api http.Handler) error {
	err := wails.Run(&options.App{
		Title:     "Atelier",
		Width:     firstWidth,
		Height:    firstHeight,
		MinWidth:  leastWidth,
		MinHeight: leastHeight,
		// The page's own ground, so that nothing flashes white before it is there.
		BackgroundColour: options.NewRGB(0x14, 0x16, 0x1a),
		AssetServer: &assetserver.Options{
			Assets:     frontend.Dist(),
			Handler:    api,
			Middleware: apiFirst(api),
		},
		Linux: &linux.Options{
			ProgramName:      "atelier",
			Icon:             icon,
			WebviewGpuPolicy: gpuPolicy(os.Getenv),
		},
	})
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "window", "the window cannot be opened",
			"use `atelier serve` and a browser")
	}
	return nil
}

// apiFirst sends /api/ to the core before the embedded files are asked, and
// gives the page the headers that a file server would not.
func apiFirst(api http.Handler) assetserver.Middleware {
	return func(files http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/api/", api)
		mux.Handle("/", files)
		return mux
	}
}
