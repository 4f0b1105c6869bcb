package studio

import (
	"context"
	"errors"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// Start starts a program in a terminal of its own. It answers when both that
// it was started and that it runs are durable; by then it may have ended. What
// was recorded and never ran is told from the record, so that the same request
// gets the same answer of every core. Reasons: argv_empty, text_invalid, size,
// name_taken, name_bad, request_differs, folder_missing, program_not_found,
// program_not_executable, shim_start, read_only; begin_unseen when it runs, and
// that is no event in time.
func (s *Studio) Start(ctx context.Context, c Caller, q StartRequest) (Started, error) {
	se, err := s.acted(c)
	if err != nil {
		return Started{}, err
	}
	var started Started
	if q.Key == "" {
		started, err = s.start(ctx, se, q, event.ID{})
	} else {
		started, err = s.startOnce(ctx, se, q)
	}
	if err == nil {
		err = s.begun(ctx, started.ID)
	}
	if err != nil {
		return Started{}, err
	}
	started.Ack, err = s.ack(c, started.ID)
	return started, err
}

// begun waits until it is durable that a program runs, or why it never did. What
// keeps its run from recording that is told, and the program runs on: the same
// request, sent again under its key, waits anew.
func (s *Studio) begun(ctx context.Context, id event.ID) error {
	late := time.NewTimer(beginWait)
	defer late.Stop()
	for {
		s.mu.Lock()
		news, r := s.news, s.runs[id]
		x, known := s.fold.Execution(id) // or later, when it could not be read back at once
		s.mu.Unlock()
		if known && x.State != object.Starting {
			return neverRan(x)
		}
		if s.ctx.Err() != nil {
			return closing() // whose doing a failure may be
		}
		if r != nil && r.failure() != nil {
			return r.failure()
		}
		select {
		case <-news:
		case <-late.C:
			return fault.New(fault.DeadlineExceeded, "begin_unseen", "the program was started, and the process that holds its terminal does not answer",
				"see `atelier ps` and `atelier core logs`")
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "the call was given up", "send it again with the same key")
		case <-s.ctx.Done():
			return closing()
		}
	}
}

// start records a start and begins it. What was recorded is begun, whatever the
// error, and the answer names it.
func (s *Studio) start(ctx context.Context, se *session, q StartRequest, id event.ID) (Started, error) {
	l, err := s.launchOf(ctx, q)
	if err != nil {
		return Started{}, err
	}
	acting, err := s.acting(q.As)
	if err != nil {
		return Started{}, err
	}
	name, e, err := s.born(ctx, se, q, &l, acting, id)
	if e.ID.IsZero() {
		return Started{}, err
	}
	r := s.newRun(e.ID, []event.ID{e.ID}, 0, 0, 0)
	s.mu.Lock()
	s.runs[e.ID] = r
	s.mu.Unlock()
	// It is recorded, so it is begun even when the caller gives up now.
	held, failed := s.launch(context.WithoutCancel(ctx), r, l, q.AuthSock)
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		r.begin(held, failed)
	}()
	return Started{ID: e.ID, Name: name}, errors.Join(err, s.opens(se, e.ID, []event.ID{e.ID}))
}

// neverRan is why the program of a terminal that has ended was never run, as the
// record has it; nil when it was.
func neverRan(x *object.Execution) error {
	why := x.Reason.Value
	switch {
	case x.Ran || !x.State.Over():
		return nil
	case x.State == object.Lost:
		return fault.New(fault.Unavailable, "shim_start", why, "see `atelier core logs`, and start it again").With("execution", x.ID.String())
	case x.Exit.Status == statusNotFound:
		return fault.New(fault.NotFound, "program_not_found", why, "see that it is there, and the interpreter that its first line names").With("execution", x.ID.String())
	case x.Exit.Status == statusNotExecutable:
		return fault.New(fault.PermissionDenied, "program_not_executable", why, "see that it is a program of this machine, and may be executed").With("execution", x.ID.String())
	}
	return nil
}

// launchOf checks a request against the machine, before anything is written.
func (s *Studio) launchOf(ctx context.Context, q StartRequest) (Launch, error) {
	l := Launch{Argv: q.Argv, Cwd: q.Folder, Environment: q.Environment, Quota: s.p.Quota, Reserve: s.p.Reserve}
	if q.Login {
		environment, shell, err := s.p.Environments.Login(ctx)
		s.tell("reading the login shell's environment", err)
		l.Environment = environment
		if len(l.Argv) == 0 {
			l.Argv = []string{shell, "-l"}
		}
	}
	if len(l.Argv) == 0 || l.Argv[0] == "" {
		return l, fault.New(fault.InvalidArgument, "argv_empty", "there is no program to start", "name one")
	}
	if err := checkTexts(l); err != nil {
		return l, err
	}
	if q.Cols > sizeMax || q.Rows > sizeMax {
		return l, badSize()
	}
	l.Cols, l.Rows = uint16(q.Cols), uint16(q.Rows)
	if l.Cols == 0 || l.Rows == 0 {
		l.Cols, l.Rows = usualCols, usualRows
	}
	if l.Cwd == "" {
		l.Cwd = homeFolder(l.Environment)
	}
	program, err := s.p.Programs.Resolve(l.Argv[0], variable(l.Environment, "PATH"), l.Cwd)
	l.Program = program
	return l, err
}

func badSize() error {
	return fault.New(fault.InvalidArgument, "size", "a terminal has 1 to 65,535 columns and rows", "give a size within that")
}

// checkTexts refuses what no kernel would take: a zero byte ends a string.
func checkTexts(l Launch) error {
	for _, text := range slices.Concat(l.Argv, l.Environment, []string{l.Cwd}) {
		if strings.ContainsRune(text, 0) {
			return fault.New(fault.InvalidArgument, "text_invalid", "an argument, variable or folder contains a zero byte", "leave it out")
		}
	}
	if l.Cwd != "" && !filepath.IsAbs(l.Cwd) {
		return fault.New(fault.InvalidArgument, "folder_relative", "the folder is not absolute", "give its whole path")
	}
	return nil
}

// homeFolder is where a program begins that is told no folder.
func homeFolder(environment []string) string {
	if home := variable(environment, "HOME"); filepath.IsAbs(home) {
		return home
	}
	if u, err := user.Current(); err == nil && filepath.IsAbs(u.HomeDir) {
		return u.HomeDir
	}
	return "/"
}

func variable(environment []string, name string) string {
	for _, v := range environment {
		if value, found := strings.CutPrefix(v, name+"="); found {
			return value
		}
	}
	return ""
}

// variableNames are what is recorded of an environment.
func variableNames(environment []string) []string {
	names := make([]string, 0, len(environment))
	for _, v := range environment {
		name, _, _ := strings.Cut(v, "=")
		names = append(names, valid(name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// acting resolves the actor that a program acts as; nil for none.
func (s *Studio) acting(ref string) (*event.Actor, error) {
	if ref == "" {
		return nil, nil //nolint:nilnil // most programs act as nobody
	}
	a, err := s.actor(ref)
	return &a, err
}

// actAs gives a program that acts as somebody a session of its own.
func (s *Studio) actAs(ctx context.Context, l *Launch, acting *event.Actor, label string) error {
	if acting == nil {
		return nil
	}
	o, err := s.openFor(ctx, birth{actor: *acting, surface: event.SurfaceCLI, label: label}, false)
	if err != nil {
		return err
	}
	l.Environment = append(without(l.Environment, sessionVariable), sessionVariable+"="+o.ID.String())
	return nil
}

// sessionVariable names the session that a program's commands speak in.
const sessionVariable = "ATELIER_SESSION"

func without(environment []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(v string) bool { return strings.HasPrefix(v, name+"=") })
}

// born writes execution.started under a name that no other terminal has.
func (s *Studio) born(ctx context.Context, se *session, q StartRequest, l *Launch, acting *event.Actor, id event.ID) (string, event.Event, error) {
	s.naming.Lock()
	defer s.naming.Unlock()
	name, err := s.birthName(q.Name, *l)
	if err == nil {
		err = s.actAs(ctx, l, acting, name)
	}
	if err != nil {
		return "", event.Event{}, err
	}
	argv := make([]string, 0, len(l.Argv))
	for _, arg := range l.Argv {
		argv = append(argv, valid(arg))
	}
	body := event.ExecutionStarted{Name: name, Program: valid(l.Program), Argv: argv, Folder: valid(l.Cwd), Variables: variableNames(l.Environment)}
	content, err := event.EncodeContent(&body)
	if err != nil {
		return "", event.Event{}, err
	}
	e, err := s.write(ctx, se, event.Draft{Type: event.ExecutionStartedType, Body: content,
		Facts: event.Facts{State: "starting", Fields: []string{"name"}, Request: id,
			Size: &event.Size{Cols: uint64(l.Cols), Rows: uint64(l.Rows)}}})
	return name, e, err
}

// launch starts the shim of an execution that is recorded already.
func (s *Studio) launch(ctx context.Context, r *run, l Launch, authSock string) (Held, error) {
	folder, err := s.p.Spools.Make(r.id)
	if err != nil {
		return nil, err
	}
	l.Folder, l.Socket = folder, s.p.Links.SocketOf(r.id)
	if link, err := s.p.Links.Point(r.id, authSock); err != nil {
		s.tell("linking the agent's socket", err)
	} else if variable(l.Environment, "SSH_AUTH_SOCK") != "" {
		l.Environment = setVariable(l.Environment, "SSH_AUTH_SOCK", link)
	}
	return s.p.Shims.Launch(ctx, l)
}

func setVariable(environment []string, name, value string) []string {
	set := slices.Clone(environment)
	for n, v := range set {
		if strings.HasPrefix(v, name+"=") {
			set[n] = name + "=" + value
		}
	}
	return set
}
