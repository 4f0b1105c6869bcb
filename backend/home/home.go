// Package home finds, makes and guards the folders of a home: where data, state
// and settings lie, where the core's socket is, and who may open them.
package home

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"atelier.dev/atelier/backend/fault"
)

// Home names the folders of one home. All paths are absolute.
type Home struct {
	// Root is the folder that --home or ATELIER_HOME names; empty with XDG.
	Root string
	// Data holds log, keys, spool and lock.
	Data string
	// State holds core.json and core.log.
	State string
	// Config holds settings.toml.
	Config string
	// Runtime holds the sockets, and is short enough for each of them.
	Runtime string

	// anchor is the folder that Runtime lies in and that others may own.
	anchor string
}

// Resolve finds the home that flag names, else ATELIER_HOME, else the XDG
// folders. It touches nothing on disk.
func Resolve(flag string) (Home, error) {
	root := flag
	if root == "" {
		root = os.Getenv("ATELIER_HOME")
	}
	h, err := folders(root)
	if err != nil {
		return Home{}, err
	}
	return h.withRuntime()
}

func folders(root string) (Home, error) {
	if root == "" {
		return xdgFolders()
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return Home{}, fault.Wrap(err, fault.FailedPrecondition, "home_unknown",
			"the working folder cannot be found", "give --home an absolute path")
	}
	return Home{Root: abs, Data: filepath.Join(abs, "data"), State: filepath.Join(abs, "state"),
		Config: filepath.Join(abs, "config")}, nil
}

func xdgFolders() (Home, error) {
	var h Home
	for _, f := range []struct {
		into           *string
		variable, rest string
	}{
		{&h.Data, "XDG_DATA_HOME", ".local/share"},
		{&h.State, "XDG_STATE_HOME", ".local/state"},
		{&h.Config, "XDG_CONFIG_HOME", ".config"},
	} {
		base := os.Getenv(f.variable)
		if !filepath.IsAbs(base) { // the XDG specification: a relative path is ignored
			user, err := os.UserHomeDir()
			if err != nil || !filepath.IsAbs(user) {
				return Home{}, fault.New(fault.FailedPrecondition, "home_unknown",
					"neither HOME nor "+f.variable+" names a folder", "set HOME, or give --home DIR")
			}
			base = filepath.Join(user, f.rest)
		}
		*f.into = filepath.Join(base, "atelier")
	}
	return h, nil
}

// withRuntime chooses the folder of the sockets: XDG_RUNTIME_DIR when it is set
// and short enough, else the user's own folder in the temporary directory.
func (h Home) withRuntime() (Home, error) {
	sum := sha256.Sum256([]byte(h.Data))
	digits := hex.EncodeToString(sum[:])[:homeDigits]
	var anchors []string
	if base := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(base) {
		anchors = append(anchors, filepath.Join(base, "atelier"))
	}
	own := fmt.Sprintf("atelier-%d", os.Getuid())
	anchors = append(anchors, filepath.Join(os.TempDir(), own), filepath.Join("/tmp", own))
	for _, anchor := range anchors {
		runtime := filepath.Join(anchor, digits)
		if filepath.IsAbs(runtime) && len(runtime)+socketRoom <= socketMax {
			h.anchor, h.Runtime = anchor, runtime
			return h, nil
		}
	}
	return Home{}, fault.New(fault.FailedPrecondition, "socket_path_long",
		"no folder is short enough for a unix socket", "set TMPDIR to a short path")
}

// Socket is the path of the core's unix socket.
func (h Home) Socket() string { return filepath.Join(h.Runtime, "core.sock") }

// CoreFile is the path of core.json.
func (h Home) CoreFile() string { return filepath.Join(h.State, "core.json") }

// CoreLog is the path of the core's own log.
func (h Home) CoreLog() string { return filepath.Join(h.State, "core.log") }

// TokenFile is the path of the 0600 file with the bearer token for scripts.
func (h Home) TokenFile() string { return filepath.Join(h.Data, "keys", "token") }

// Settings is the path of the settings file.
func (h Home) Settings() string { return filepath.Join(h.Config, "settings.toml") }
