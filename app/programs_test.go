// Package app holds the four programs. This test lists what each of them links:
// what is linked is paid at every start, so growth must be a decision.
package app

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const ours = "atelier.dev/atelier/"

// A program may link of our own packages those that match ours, of other
// people's modules those listed, and be no larger than its bound: what it had
// when the bound was set, and about a third more.
type program struct {
	name    string
	folder  string
	tags    string
	ours    []string
	modules []string
	largest int64
}

const megabyte = 1 << 20

var programs = []program{
	{
		name: "atelier", folder: "./cli",
		ours: []string{"app/cli", "backend/apiclient", "backend/home", "backend/fault", "backend/attach", "backend/gen"},
		modules: []string{
			"connectrpc.com/connect", "google.golang.org/protobuf", "github.com/spf13/cobra", "github.com/spf13/pflag",
			"github.com/adrg/xdg", "github.com/pelletier/go-toml/v2", "golang.org/x/sys", "golang.org/x/term",
			"golang.org/x/net", "golang.org/x/text",
		},
		largest: 24 * megabyte,
	},
	{
		name: "atelier-shim", folder: "./shim",
		ours:    []string{"app/shim", "backend/attach", "backend/fault", "backend/pty", "backend/spool"},
		modules: []string{"github.com/creack/pty", "golang.org/x/sys"},
		largest: 5 * megabyte,
	},
	{
		name: "atelier-core", folder: "./core",
		ours: []string{"app/core", "backend", "frontend"},
		modules: []string{
			"connectrpc.com/connect", "google.golang.org/protobuf", "github.com/dgraph-io/badger/v4",
			"github.com/dgraph-io/ristretto/v2", "github.com/fxamacker/cbor/v2", "github.com/x448/float16",
			"github.com/coder/websocket", "github.com/adrg/xdg", "github.com/pelletier/go-toml/v2",
			"github.com/mr-tron/base58", "github.com/cespare/xxhash/v2", "github.com/dustin/go-humanize",
			"github.com/google/flatbuffers", "github.com/klauspost/compress", "github.com/go-logr/logr",
			"github.com/go-logr/stdr", "github.com/creack/pty", "go.opentelemetry.io/auto/sdk",
			"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/trace",
			"golang.org/x/crypto", "golang.org/x/net", "golang.org/x/sys", "golang.org/x/text", "golang.org/x/term",
		},
		largest: 48 * megabyte,
	},
	{
		name: "atelier-window", folder: "..", tags: "desktop,production,webkit2_41",
		ours: []string{"app/window", "backend/apiclient", "backend/home", "backend/fault", "backend/attach", "backend/gen", "frontend"},
		// Wails brings its own.
		largest: 48 * megabyte,
	},
}

// linked lists the packages that a program links, as "module package" or "std package".
func linked(t *testing.T, p program) []string {
	t.Helper()
	args := []string{"list", "-deps", "-f", "{{if .Standard}}std{{else if .Module}}{{.Module.Path}}{{end}} {{.ImportPath}}"}
	if p.tags != "" {
		args = append(args, "-tags", p.tags)
	}
	list := exec.Command("go", append(args, p.folder)...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", p.folder, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// strangers returns what p links and its lists do not hold.
func (p program) strangers(packages []string) []string {
	var found []string
	for _, line := range packages {
		module, path, _ := strings.Cut(line, " ")
		name, own := strings.CutPrefix(path, ours)
		switch {
		case module == "std", path == strings.TrimSuffix(ours, "/"):
		case own:
			if !slices.ContainsFunc(p.ours, func(allowed string) bool { return name == allowed || strings.HasPrefix(name, allowed+"/") }) {
				found = append(found, path)
			}
		case p.modules != nil && !slices.Contains(p.modules, module):
			found = append(found, path)
		}
	}
	return found
}

func TestProgramsLinkOnlyWhatIsListed(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			packages := linked(t, p)
			t.Logf("%s links %d packages", p.name, len(packages))
			for _, path := range p.strangers(packages) {
				t.Errorf("%s has grown: it links %s; is that worth its start?", p.name, path)
			}
		})
	}
}

// The control: the lists above must be able to refuse.
func TestAStrangerInAProgramIsNamed(t *testing.T) {
	shim := programs[1]
	got := shim.strangers([]string{"std net", "atelier.dev/atelier atelier.dev/atelier/backend/attach",
		"atelier.dev/atelier atelier.dev/atelier/backend/event", "github.com/dgraph-io/badger/v4 github.com/dgraph-io/badger/v4/y"})
	want := []string{"atelier.dev/atelier/backend/event", "github.com/dgraph-io/badger/v4/y"}
	if !slices.Equal(got, want) {
		t.Fatalf("named %q, want %q", got, want)
	}
}

// binary returns the path of a built program; make test builds them first.
func binary(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("ATELIER_BIN")
	if folder == "" {
		folder = filepath.Join("..", "build", "bin")
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run make build first", err)
	}
	return path
}

func TestProgramsStaySmall(t *testing.T) {
	for _, p := range programs {
		info, err := os.Stat(binary(t, p.name))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.1f MB of %d", p.name, float64(info.Size())/megabyte, p.largest/megabyte)
		if info.Size() > p.largest {
			t.Errorf("%s has grown to %d bytes; its bound is %d", p.name, info.Size(), p.largest)
		}
	}
}

// libraries lists the shared libraries that a program asks the loader for.
func libraries(t *testing.T, path string) []string {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestOnlyTheWindowIsLinkedToWebKit(t *testing.T) {
	for _, p := range programs {
		found := libraries(t, binary(t, p.name))
		webkit := slices.ContainsFunc(found, func(name string) bool { return strings.HasPrefix(name, "libwebkit2gtk-4.1") })
		switch {
		case p.name == "atelier-window" && !webkit:
			t.Errorf("atelier-window asks for %q; without WebKit it opens nothing", found)
		case p.name != "atelier-window" && len(found) > 0:
			t.Errorf("%s is static, and asks for %q", p.name, found)
		}
	}
}
