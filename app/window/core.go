package window

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"atelier.dev/atelier/backend/fault"
)

// newDialer returns a dialer to the core of a home. The core is started by the
// `atelier` beside this program when a first dial, or one after the core ended,
// finds none.
func newDialer(home string) (dialer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "executable", "this program's own path is unknown",
			"start it by its full path")
	}
	s := &starter{program: filepath.Join(filepath.Dir(self), "atelier"), home: home}
	return s.dial, nil
}

// starter knows where the core listens, and starts it when nobody does.
type starter struct {
	program string
	home    string

	mu     sync.Mutex
	socket string
}

func (s *starter) dial(ctx context.Context) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var d net.Dialer
	if s.socket != "" {
		if conn, err := d.DialContext(ctx, "unix", s.socket); err == nil {
			return conn, nil
		}
	}
	socket, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	s.socket = socket
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "core_gone", "the core does not answer",
			"run `atelier core logs` to see why")
	}
	return conn, nil
}

// start runs `atelier core start`, which answers when the core listens.
func (s *starter) start(ctx context.Context) (string, error) {
	args := []string{"core", "start", "--json"}
	if s.home != "" {
		args = append(args, "--home", s.home)
	}
	out, err := exec.CommandContext(ctx, s.program, args...).Output()
	if err != nil {
		return "", fault.Wrap(err, fault.Unavailable, "core_start", "the core cannot be started",
			"run `atelier core start` in a terminal to see why")
	}
	var status struct {
		Socket string `json:"socket"`
	}
	if err := json.Unmarshal(out, &status); err != nil || status.Socket == "" {
		return "", fault.New(fault.Internal, "core_status", "`atelier core start` did not tell its socket",
			"build all programs anew with `make build`")
	}
	return status.Socket, nil
}
