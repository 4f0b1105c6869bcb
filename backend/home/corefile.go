package home

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"atelier.dev/atelier/backend/fault"
)

// Core is what a running core tells about itself in core.json.
type Core struct {
	PID     int    `json:"pid"`
	Socket  string `json:"socket"`
	Version string `json:"version"`
}

// WriteCore writes core.json whole or not at all.
func (h Home) WriteCore(c Core) error {
	text, err := json.Marshal(c)
	if err != nil {
		return cannot(err, "encode", h.CoreFile())
	}
	f, err := os.CreateTemp(h.State, ".core-*") // CreateTemp makes it 0600
	if err != nil {
		return cannot(err, "write", h.CoreFile())
	}
	defer os.Remove(f.Name()) // gone already when the rename was done
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return cannot(err, "write", h.CoreFile())
	}
	if err := os.Rename(f.Name(), h.CoreFile()); err != nil {
		return cannot(err, "write", h.CoreFile())
	}
	return nil
}

// ReadCore reads core.json; ok is false when there is none. What it says may be
// of a core that has died: only the socket tells.
func (h Home) ReadCore() (c Core, ok bool, err error) {
	f, err := os.Open(h.CoreFile())
	if errors.Is(err, fs.ErrNotExist) {
		return Core{}, false, nil
	}
	if err != nil {
		return Core{}, false, cannot(err, "read", h.CoreFile())
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, coreFileMax))
	if err != nil {
		return Core{}, false, cannot(err, "read", h.CoreFile())
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return Core{}, false, fault.Wrap(err, fault.FailedPrecondition, "core_file_bad",
			"cannot read "+h.CoreFile(), "remove it; the next command writes it anew")
	}
	return c, true, nil
}

// RemoveCore removes core.json if it is still that of pid.
func (h Home) RemoveCore(pid int) error {
	c, ok, err := h.ReadCore()
	if err != nil || !ok || c.PID != pid {
		return err
	}
	if err := os.Remove(h.CoreFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cannot(err, "remove", h.CoreFile())
	}
	return nil
}

// Met returns the home with the runtime folder of the core that serves it, which
// may have been started where XDG_RUNTIME_DIR or TMPDIR was another. Without
// such a core it is h itself. Call CheckRuntime before the socket is used.
func (h Home) Met() Home {
	c, ok, err := h.ReadCore()
	if err != nil || !ok || c.Socket == h.Socket() {
		return h
	}
	there := h
	there.Runtime = filepath.Dir(c.Socket)
	there.anchor = filepath.Dir(there.Runtime)
	if there.Socket() != c.Socket || filepath.Base(there.Runtime) != filepath.Base(h.Runtime) {
		return h
	}
	conn, err := net.DialTimeout("unix", c.Socket, metWait)
	if err != nil {
		return h // of a core that has died
	}
	conn.Close()
	return there
}
