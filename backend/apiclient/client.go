// Package apiclient is how our own programs speak to the core of a home: over
// its unix socket, starting it when it does not run.
package apiclient

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/gen/atelier/v1/atelierv1connect"
)

// SessionHeader carries the session of a call.
const SessionHeader = "Atelier-Session"

// Home is what a client needs to know of a home.
type Home struct {
	// Flag is the absolute root of the home (home.Home.Root; empty with XDG): a
	// core that is started works in "/", where a relative one means another home.
	Flag string
	// Socket is the core's unix socket.
	Socket string
	// CoreLog takes the standard error of a core that is started.
	CoreLog string
	// Check refuses a planted runtime folder before each dial; nil checks nothing.
	Check func() error
}

// Client speaks to one core. Its services may be used by many goroutines.
type Client struct {
	Core        atelierv1connect.CoreServiceClient
	Executions  atelierv1connect.ExecutionServiceClient
	Log         atelierv1connect.LogServiceClient
	Objects     atelierv1connect.ObjectServiceClient
	Checkpoints atelierv1connect.CheckpointServiceClient
	Retention   atelierv1connect.RetentionServiceClient
	Identity    atelierv1connect.IdentityServiceClient
	transport   *http.Transport
}

// Open returns a client of the home's core, which it starts when none answers.
// Faults of a core that refuses to start come back as the core wrote them.
func Open(ctx context.Context, h Home) (*Client, error) {
	pid, err := h.ensure(ctx)
	if err != nil {
		return nil, err
	}
	return newClient(h, pid), nil
}

// OpenRunning is Open without starting: reason "core_stopped" when none answers.
func OpenRunning(ctx context.Context, h Home) (*Client, error) {
	pid, err := h.probe(ctx)
	if err != nil {
		return nil, err
	}
	return newClient(h, pid), nil
}

func newClient(h Home, pid int) *Client {
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return h.dial(ctx) }}
	opts := []connect.ClientOption{connect.WithInterceptors(session{os.Getenv("ATELIER_SESSION"), pid}),
		connect.WithReadMaxBytes(answerMax)}
	web, base := &http.Client{Transport: t}, "http://core/api"
	return &Client{
		Core:        atelierv1connect.NewCoreServiceClient(web, base, opts...),
		Executions:  atelierv1connect.NewExecutionServiceClient(web, base, opts...),
		Log:         atelierv1connect.NewLogServiceClient(web, base, opts...),
		Objects:     atelierv1connect.NewObjectServiceClient(web, base, opts...),
		Checkpoints: atelierv1connect.NewCheckpointServiceClient(web, base, opts...),
		Retention:   atelierv1connect.NewRetentionServiceClient(web, base, opts...),
		Identity:    atelierv1connect.NewIdentityServiceClient(web, base, opts...),
		transport:   t,
	}
}

// Close drops the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Dial opens a plain connection to the core's socket, for a proxy.
func Dial(ctx context.Context, h Home) (net.Conn, error) { return h.dial(ctx) }

func (h Home) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", h.Socket)
	if err != nil {
		return nil, stopped(err)
	}
	return conn, nil
}

// probe asks whether a core answers on the socket, and whose it is.
func (h Home) probe(ctx context.Context) (pid int, err error) {
	if h.Check != nil {
		if err := h.Check(); err != nil {
			return 0, err
		}
	}
	conn, err := h.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	pid = pidOf(conn)
	return pid, answered(conn, pid)
}

// answered waits for a first answer. The kernel takes connections for a core that
// is stopped or wedged, too.
func answered(conn net.Conn, pid int) error {
	err := conn.SetDeadline(time.Now().Add(firstWait))
	if err == nil {
		_, err = io.WriteString(conn, "GET /api/ HTTP/1.0\r\n\r\n")
	}
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return silent(strconv.Itoa(pid))
	}
	return stopped(err) // it is ending
}

// pidOf is the process that listens at the other end; 0 when the kernel does not say.
func pidOf(conn net.Conn) (pid int) {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // without it the pid is 0
		if peer, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(peer.Pid)
		}
	})
	return pid
}

// silent is the fault of a home that a process holds without answering.
func silent(pid string) *fault.Error {
	return fault.New(fault.DeadlineExceeded, "core_silent", "pid "+pid+" holds the home and does not answer",
		"let it go on with `kill -CONT "+pid+"`, or end it with `kill -9 "+pid+"`: programs run on, and nothing acknowledged is lost").With("pid", pid)
}

func stopped(err error) error {
	return fault.Wrap(err, fault.Unavailable, "core_stopped", "the core of this home does not answer",
		"start it with `atelier core start`")
}
