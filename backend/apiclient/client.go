// Package apiclient is how our own programs speak to the core of a home: over
// its unix socket, starting it when it does not run.
package apiclient

import (
	"context"
	"net"
	"net/http"
	"os"

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
	Core       atelierv1connect.CoreServiceClient
	Executions atelierv1connect.ExecutionServiceClient
	Log        atelierv1connect.LogServiceClient
	transport  *http.Transport
}

// Open returns a client of the home's core, which it starts when none answers.
// Faults of a core that refuses to start come back as the core wrote them.
func Open(ctx context.Context, h Home) (*Client, error) {
	if err := h.ensure(ctx); err != nil {
		return nil, err
	}
	return newClient(h), nil
}

// OpenRunning is Open without starting: reason "core_stopped" when none answers.
func OpenRunning(ctx context.Context, h Home) (*Client, error) {
	if err := h.probe(ctx); err != nil {
		return nil, err
	}
	return newClient(h), nil
}

func newClient(h Home) *Client {
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return h.dial(ctx) }}
	opts := []connect.ClientOption{connect.WithInterceptors(session{os.Getenv("ATELIER_SESSION")}),
		connect.WithReadMaxBytes(answerMax)}
	web, base := &http.Client{Transport: t}, "http://core/api"
	return &Client{
		Core:       atelierv1connect.NewCoreServiceClient(web, base, opts...),
		Executions: atelierv1connect.NewExecutionServiceClient(web, base, opts...),
		Log:        atelierv1connect.NewLogServiceClient(web, base, opts...),
		transport:  t,
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

// probe tells whether something listens on the socket.
func (h Home) probe(ctx context.Context) error {
	if h.Check != nil {
		if err := h.Check(); err != nil {
			return err
		}
	}
	conn, err := h.dial(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

func stopped(err error) error {
	return fault.Wrap(err, fault.Unavailable, "core_stopped", "the core of this home does not answer",
		"start it with `atelier core start`")
}
