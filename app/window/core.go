package window

import (
	"context"
	"net"
	"sync"

	"atelier.dev/atelier/backend/apiclient"
	"atelier.dev/atelier/backend/home"
)

// newDialer returns a dialer to the core of a home, which it starts when a
// dial finds none: at first, and after a core has ended.
func newDialer(flag string) (dialer, error) {
	h, err := home.Resolve(flag)
	if err != nil {
		return nil, err
	}
	core := func() apiclient.Home {
		met := h.Met()
		return apiclient.Home{Flag: flag, Socket: met.Socket(), CoreLog: met.CoreLog(), Check: met.CheckRuntime}
	}
	var starting sync.Mutex
	return func(ctx context.Context) (net.Conn, error) {
		if conn, err := apiclient.Dial(ctx, core()); err == nil {
			return conn, nil
		}
		// Of the page's first calls one starts the core and the others wait.
		starting.Lock()
		defer starting.Unlock()
		client, err := apiclient.Open(ctx, core())
		if err != nil {
			return nil, err
		}
		client.Close()
		return apiclient.Dial(ctx, core())
	}, nil
}
