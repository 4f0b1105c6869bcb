package api

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/gen/atelier/v1/atelierv1connect"
	"atelier.dev/atelier/backend/studio"
)

// Options are what the surface needs of the world.
type Options struct {
	Studio Studio
	// Version, Home and Socket are what Status tells of this core.
	Version, Home, Socket string
	// ChainText gives a replica's chain its text: its PeerID.
	ChainText func(event.Chain) string
	// Findings are what doctor is told beside what the studio finds; may be nil.
	Findings func() []studio.Finding
	// Page holds the files of the web page, index.html at the root.
	Page fs.FS
	// TokenFile takes the bearer token for scripts while a listener is open.
	TokenFile string
	// Stop asks the core to end; it returns at once.
	Stop func()
	// Random makes secrets, and Now says when a printed address is too old.
	Random io.Reader
	Now    func() time.Time
	// Tell takes what whoever looks after the core should know: never a secret.
	Tell func(level, message string)
}

// Server is the surface of one core. Its methods may be called at once.
type Server struct {
	o       Options
	words   words
	api     http.Handler
	started time.Time
	slow    time.Duration // headerWait; tests are less patient

	// ctx ends when the core stops, and every call with it.
	ctx    context.Context
	end    context.CancelCauseFunc
	calls  sync.WaitGroup
	mu     sync.Mutex
	open   map[*running]struct{}
	webs   []*web
	closed bool
	bearer hash
}

var errStopping = fault.New(fault.Unavailable, "core_stopping", "the core is ending", "call again: the next command starts a core")

// New makes a surface that listens nowhere yet.
func New(o Options) *Server {
	s := &Server{o: o, words: words{o.ChainText}, started: o.Now(), slow: headerWait, open: map[*running]struct{}{}}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	s.api = s.routes()
	return s
}

// routes are all paths under /api/.
func (s *Server) routes() http.Handler {
	options := []connect.HandlerOption{
		connect.WithReadMaxBytes(messageMax),
		connect.WithInterceptors(authorization{}),
		connect.WithRecover(s.recovered), // within authorization, which gives the fault its form
	}
	mux := http.NewServeMux()
	mux.Handle(atelierv1connect.NewCoreServiceHandler(core{s}, options...))
	mux.Handle(atelierv1connect.NewExecutionServiceHandler(executions{s}, options...))
	mux.Handle(atelierv1connect.NewLogServiceHandler(record{s}, options...))
	mux.Handle(atelierv1connect.NewObjectServiceHandler(objects{s}, options...))
	mux.Handle(atelierv1connect.NewCheckpointServiceHandler(checkpoints{s}, options...))
	mux.Handle(atelierv1connect.NewRetentionServiceHandler(retention{s}, options...))
	mux.Handle(atelierv1connect.NewIdentityServiceHandler(identity{s}, options...))
	mux.HandleFunc("POST /attach/stream", s.carry(s.carryStream))
	mux.HandleFunc("POST /attach/send", s.carry(s.carrySend))
	mux.HandleFunc("GET /attach/ws", s.carry(s.carryWebSocket))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, fault.New(fault.Unimplemented, "method_unknown", "the API has no "+text(r.Method+" /api"+r.URL.Path),
			"see backend/proto for what it has"))
	})
	return http.StripPrefix("/api", s.guarded(sized(mux)))
}

// guarded counts what runs, and keeps a defect in one call from the others.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.begin() {
			refuse(w, errStopping)
			return
		}
		defer s.calls.Done()
		defer func() {
			switch defect := recover(); defect {
			case nil:
			case http.ErrAbortHandler:
				panic(defect) // net/http's own way to cut an answer off
			default:
				refuse(w, s.defect(r.URL.Path, defect))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.calls.Add(1)
	return true
}

func (s *Server) recovered(_ context.Context, spec connect.Spec, _ http.Header, defect any) error {
	return s.defect(spec.Procedure, defect)
}

// running is a listener that is served.
type running struct {
	*http.Server
	ended chan struct{} // closed when it is no longer
}

// serve answers on a listener until the surface is closed.
func (s *Server) serve(ctx context.Context, l net.Listener, h http.Handler) *running {
	r := &running{ended: make(chan struct{}), Server: &http.Server{Handler: h, ReadHeaderTimeout: s.slow,
		IdleTimeout: idleWait, MaxHeaderBytes: headerBytes, ErrorLog: log.New(teller{s.o.Tell}, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx }}}
	s.mu.Lock()
	s.open[r] = struct{}{}
	if s.closed {
		l.Close()
	}
	s.mu.Unlock()
	go func() {
		defer close(r.ended)
		if err := r.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.o.Tell("error", "a listener has ended: "+err.Error())
		}
	}()
	return r
}

// shut ends a listener: what is under way has until ctx ends, then it is cut.
func (s *Server) shut(ctx context.Context, r *running) {
	s.mu.Lock()
	delete(s.open, r)
	s.mu.Unlock()
	if err := r.Shutdown(ctx); err != nil {
		_ = r.Server.Close() // what is left is cut: its answer has had its time
	}
	<-r.ended
}

// Close ends all streams and listeners, and returns when no call runs any more
// or ctx has ended.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	all := slices.Collect(maps.Keys(s.open))
	s.mu.Unlock()
	s.end(errStopping)
	s.forgetBearer()
	bound, cancel := context.WithTimeout(ctx, goneWait)
	defer cancel()
	var ending sync.WaitGroup
	for _, r := range all {
		ending.Go(func() { s.shut(bound, r) })
	}
	ending.Wait()
	gone := make(chan struct{})
	go func() { s.calls.Wait(); close(gone) }()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.DeadlineExceeded, "calls_stay", "not every call has ended", "see what the log says before this")
	}
}

// teller passes on what net/http has to say: a line for each broken connection.
type teller struct{ tell func(level, message string) }

func (t teller) Write(line []byte) (int, error) {
	t.tell("debug", strings.TrimSpace(string(line)))
	return len(line), nil
}
