package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"atelier.dev/atelier/backend/fault"
)

// web is one listener for browsers and scripts. It lets in who has opened its
// printed address, and scripts with the bearer token; nothing switches that off.
type web struct {
	*Server
	address string // http://127.0.0.1:7420/
	hosts   []string
	local   bool // it can be reached from this machine alone
	link    *link
	cookie  string // its name
	keep    string // the asker's secret, under which the cookie outlives a core; empty for none
	end     context.CancelFunc
	running *running

	mu      sync.Mutex
	opened  hash           // of the cookie that the printed address was exchanged for
	refused map[string]int // by reason
}

var errListenerEnded = fault.New(fault.Unavailable, "listener_ended", "the listener has ended", "see `atelier core logs`, and serve again")

// openWeb listens where listen says, and else on the first free port of 127.0.0.1.
func (s *Server) openWeb(listen string) (*web, error) { return s.openKept(listen, "") }

// openKept is openWeb under a secret of the asker's own: who was let in under it
// by a core that is gone is let in here.
func (s *Server) openKept(listen, keep string) (*web, error) {
	if keep != "" && (len(keep) < keepLeast || len(keep) > keepMost) {
		return nil, fault.New(fault.InvalidArgument, "keep_length",
			fmt.Sprintf("the secret to keep has %d bytes", len(keep)), fmt.Sprintf("give %d to %d, or none", keepLeast, keepMost))
	}
	l, host, err := listenTCP(listen)
	if err != nil {
		return nil, err
	}
	w, err := s.addWeb(l, host, keep)
	if err != nil {
		l.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	w.end = cancel
	w.running = s.serve(ctx, bounded(l, webConns), w)
	s.o.Tell("info", "listening on "+w.address)
	if !w.local {
		s.o.Tell("warn", w.address+" can be reached from other machines, and nothing hides what is sent over it")
	}
	return w, nil
}

// addWeb makes room for a listener, or refuses one too many.
func (s *Server) addWeb(l net.Listener, host, keep string) (*web, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errStopping
	case len(s.webs) >= listenersMax:
		return nil, fault.New(fault.ResourceExhausted, "listeners_many", fmt.Sprintf("%d listeners are open already", listenersMax),
			"end some with Ctrl-C, or all with `atelier core stop`")
	}
	link, err := newLink(s.o.Random, s.o.Now())
	if err != nil {
		return nil, err
	}
	if err := s.giveBearer(); err != nil {
		return nil, err
	}
	bound := l.Addr().(*net.TCPAddr)
	w := &web{Server: s, link: link, hosts: hostsOf(bound, host), local: bound.IP.IsLoopback(), refused: map[string]int{},
		cookie: "atelier_" + strconv.Itoa(bound.Port), keep: keep}
	if keep != "" {
		_, w.opened = keptSecret(keep, w.cookie)
	}
	w.address = "http://" + w.hosts[0] + "/"
	s.webs = append(s.webs, w)
	return w, nil
}

// closeWeb ends a listener, its streams and what it let in.
func (s *Server) closeWeb(w *web) {
	s.mu.Lock()
	s.webs = slices.DeleteFunc(s.webs, func(other *web) bool { return other == w })
	s.mu.Unlock()
	s.forgetBearer()
	w.end()
	ctx, cancel := context.WithTimeout(context.Background(), goneWait)
	defer cancel()
	s.shut(ctx, w.running)
	s.o.Tell("info", "no longer listening on "+w.address)
}

func (s *Server) listening() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]string, len(s.webs))
	for n, w := range s.webs {
		all[n] = w.address
	}
	return all
}

// listenTCP opens host:port; host is as it was given. Without a host it is the
// loopback: other machines are let in only when an address says so.
func listenTCP(listen string) (net.Listener, string, error) {
	if listen == "" {
		return listenNext()
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, "", fault.New(fault.InvalidArgument, "address_malformed", "\""+text(listen)+"\" is not host:port", "give for example 127.0.0.1:7420")
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen(family(host), net.JoinHostPort(host, port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, "", fault.Wrap(err, fault.FailedPrecondition, "address_taken", text(listen)+" is in use", "name another port, or none")
	}
	if err != nil {
		return nil, "", fault.Wrap(err, fault.InvalidArgument, "cannot_listen", "cannot listen on "+text(listen), "name an address of this machine and a free port")
	}
	return l, host, nil
}

// family keeps 0.0.0.0 from meaning the addresses of IPv6 too.
func family(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.To4() != nil {
		return "tcp4"
	}
	return "tcp"
}

func listenNext() (net.Listener, string, error) {
	var last error
	for port := defaultPort; port <= defaultPort+portTries; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return l, "127.0.0.1", nil
		}
		last = err
	}
	return nil, "", fault.Wrap(last, fault.Unavailable, "cannot_listen", "no port from 7420 on is free", "name one with --listen 127.0.0.1:0")
}

// hostsOf lists what a browser may call a listener, the one to print first.
func hostsOf(bound *net.TCPAddr, given string) []string {
	var names []string
	switch {
	case bound.IP.IsUnspecified():
		names = append(outward(bound.IP), "127.0.0.1", "localhost", "::1")
	case bound.IP.IsLoopback():
		names = []string{given, "127.0.0.1", "localhost", "::1"}
	default:
		names = []string{given, bound.IP.String()}
	}
	port := strconv.Itoa(bound.Port)
	var all []string
	for _, name := range names {
		all = append(all, net.JoinHostPort(name, port))
	}
	if bound.Port == 80 { // browsers leave it out
		all = append(all, names...)
	}
	return all
}

// outward lists the addresses under which other machines reach a listener on
// every address; none without a network. IPv4 comes first: it is easier to type.
func outward(every net.IP) (names []string) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil // then nobody knows of one, and the loopback is true
	}
	var six []string
	for _, one := range all {
		on, is := one.(*net.IPNet)
		switch {
		case !is || !on.IP.IsGlobalUnicast():
		case on.IP.To4() != nil:
			names = append(names, on.IP.String())
		case every.To4() == nil:
			six = append(six, on.IP.String())
		}
	}
	return append(names, six...)
}
