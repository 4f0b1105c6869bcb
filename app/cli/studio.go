package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"atelier.dev/atelier/backend/apiclient"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

// studio is the core of a home and the session that speaks to it.
type studio struct {
	*apiclient.Client
	// session is empty when the client itself carries the one it was told.
	session string
	// actor is whom that session speaks for; empty like it.
	actor string
	// wait bounds a call that answers at once.
	wait time.Duration
}

// openNew reaches the core, which it starts when none answers. Where there is no
// home it makes one.
func (p *program) openNew(ctx context.Context) (*studio, error) {
	return p.reach(ctx, apiclient.Open)
}

// open is openNew for what is of no use in a new home: where --home names none
// there is a slip in it, more likely than a first use.
func (p *program) open(ctx context.Context) (*studio, error) {
	if err := p.homeIsThere(); err != nil {
		return nil, err
	}
	return p.openNew(ctx)
}

// homeIsThere refuses a folder that --home names and that is no home. An empty one
// was made to become one, and so was one with settings in it.
func (p *program) homeIsThere() error {
	h, err := home.Resolve(p.home)
	if err != nil || p.home == "" {
		return err
	}
	inside, err := os.ReadDir(h.Root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil || len(inside) == 0:
		return nil //nolint:nilerr // what is wrong with it the core says better
	case slices.ContainsFunc(inside, func(e fs.DirEntry) bool {
		return e.Name() == filepath.Base(h.Data) || e.Name() == filepath.Base(h.Config)
	}):
		return nil
	}
	return fault.New(fault.NotFound, "home_missing", "there is no home at "+h.Root,
		"check what --home names; `atelier --home "+quoted(h.Root)+" run CMD` makes one there").With("path", h.Root)
}

// openRunning reaches a core that runs; else the fault is "core_stopped".
func (p *program) openRunning(ctx context.Context) (*studio, error) {
	s, err := p.reach(ctx, apiclient.OpenRunning)
	if errors.Is(err, fs.ErrNotExist) { // nothing of this home was made yet
		err = fault.New(fault.Unavailable, "core_stopped", "the core of this home does not run",
			"start it with `atelier core start`")
	}
	return s, err
}

type opener func(context.Context, apiclient.Home) (*apiclient.Client, error)

func (p *program) reach(ctx context.Context, open opener) (*studio, error) {
	if err := p.sessionIsPlain(); err != nil {
		return nil, err
	}
	h, err := home.Resolve(p.home)
	if err != nil {
		return nil, err
	}
	if p.session != "" { // the client reads it there
		if err := os.Setenv("ATELIER_SESSION", p.session); err != nil {
			return nil, fault.Wrap(err, fault.InvalidArgument, "usage", "--session is not understood", "give the session's id")
		}
	}
	for tries := 1; ; tries++ {
		met := h.Met()
		at := apiclient.Home{Flag: h.Root, Socket: met.Socket(), CoreLog: met.CoreLog(), Check: met.CheckRuntime}
		client, err := open(ctx, at)
		if err != nil {
			return nil, err
		}
		s := &studio{Client: client, wait: callWait}
		if p.soon {
			s.wait = soonWait
		}
		err = s.join(ctx)
		if (fault.Is(err, "core_gone") || fault.Is(err, "core_stopped")) && tries < reachTries {
			client.Close() // it was ending: another one answers
			continue
		}
		return s, err
	}
}

// sessionIsPlain refuses a session that no header of a call can carry.
func (p *program) sessionIsPlain() error {
	from, session := "--session", p.session
	if session == "" {
		from, session = "ATELIER_SESSION", os.Getenv("ATELIER_SESSION")
	}
	if strings.IndexFunc(session, unicode.IsControl) < 0 {
		return nil
	}
	return fault.New(fault.InvalidArgument, "usage", fmt.Sprintf("%s is %q, and no session has control characters", from, session),
		"give the session's id, or leave it out")
}

// join takes the persistent session of this actor, unless one was named.
func (s *studio) join(ctx context.Context) error {
	if os.Getenv("ATELIER_SESSION") != "" {
		return nil
	}
	q := ask(s, s.Core.OpenSession)
	q.Msg.Surface = "cli"
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	a, err := do(ctx, s.Core.OpenSession, q)
	if fault.Is(err, "replica_not_enrolled") || fault.Is(err, "key_retired") {
		return nil // without a session everything can be read, and what writes says why not
	}
	if err != nil {
		return err
	}
	s.session, s.actor = a.GetSession(), a.GetActorId()
	return nil
}

// method is a call of the core. Its messages are never named here: their package
// is the client's, and Go infers them from the method.
type method[Q, A any] = func(context.Context, *connect.Request[Q]) (*connect.Response[A], error)

// stream is a call of the core with many answers.
type stream[Q, A any] = func(context.Context, *connect.Request[Q]) (*connect.ServerStreamForClient[A], error)

// ask makes an empty request of a method, in the session.
func ask[Q, A any](s *studio, _ method[Q, A]) *connect.Request[Q] { return inSession[Q](s) }

// askStream is ask for a stream.
func askStream[Q, A any](s *studio, _ stream[Q, A]) *connect.Request[Q] { return inSession[Q](s) }

func inSession[Q any](s *studio) *connect.Request[Q] {
	q := connect.NewRequest(new(Q))
	if s.session != "" {
		q.Header().Set(apiclient.SessionHeader, s.session)
	}
	return q
}

// do makes a call that answers at once.
func do[Q, A any](ctx context.Context, call method[Q, A], q *connect.Request[Q]) (*A, error) {
	if err := sendable(any(q.Msg)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	a, err := call(ctx, q)
	if err != nil {
		return nil, err
	}
	return a.Msg, nil
}

// each calls one for every answer of a stream until it ends.
func each[Q, A any](ctx context.Context, call stream[Q, A], q *connect.Request[Q], one func(proto.Message) error) error {
	if err := sendable(any(q.Msg)); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, err := call(ctx, q)
	if err != nil {
		return apiclient.Fault(err)
	}
	defer func() { _ = answers.Close() }() // what ends it has been told
	for answers.Receive() {
		// Every message of the API is one; the type parameter cannot say so.
		if err := one(any(answers.Msg()).(proto.Message)); err != nil {
			return err
		}
	}
	return apiclient.Fault(answers.Err())
}

// sendable refuses text that the schema cannot carry.
func sendable(message any) (err error) {
	check := func(text string) {
		if !utf8.ValidString(text) {
			err = fault.New(fault.InvalidArgument, "text_invalid", fmt.Sprintf("%q is not valid UTF-8, and the core takes no other text", text),
				"write it in UTF-8; bytes for a program can stand in a script or a file")
		}
	}
	// Every message of the API is one; the type parameter cannot say so.
	message.(proto.Message).ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Kind() != protoreflect.StringKind:
		case field.IsList():
			for n := range value.List().Len() {
				check(value.List().Get(n).String())
			}
		default:
			check(value.String())
		}
		return err == nil
	})
	return err
}
