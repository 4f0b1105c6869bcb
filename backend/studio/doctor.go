package studio

import (
	"context"
	"fmt"
	"slices"
)

// Status tells how this core is.
func (s *Studio) Status() Status {
	st := Status{Replica: s.p.Log.Replica(), Workspace: s.p.Log.Genesis(), Actor: s.human.ID, ReadOnly: s.p.Log.ReadOnly()}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Events, st.Read = s.applied, s.heads
	st.ActorName = s.fold.Name(s.human.ID)
	if w, known := s.fold.Workspace(); known {
		st.WorkspaceName, st.DeviceName = w.Name.Default().Value, w.Device.Default().Value
	}
	return st
}

// Doctor tells what works on this machine for this home and what does not.
func (s *Studio) Doctor(ctx context.Context) ([]Finding, Frontier, error) {
	all := []Finding{s.logFinding(), s.terminalsFinding(), s.loginFinding(ctx),
		{Name: "decisions", Level: "ok", Message: "decisions are kept on this device alone; it is trusted with them"},
		{Name: "isolation", Level: "warning", Message: "programs run with all rights of this person (isolation: none)",
			Mend: "start only programs that you would start in any terminal"}}
	read, err := s.served(ctx, Caller{}, func() {})
	return all, read, err
}

// Sizes tells what the home keeps by kind, and what it takes.
func (s *Studio) Sizes() ([]Size, error) {
	all, err := s.p.Sizes()
	if err != nil {
		return nil, err
	}
	gone := s.gone()
	s.mu.Lock()
	defer s.mu.Unlock()
	written := Size{Kind: "transcripts"}
	for _, x := range s.fold.Executions() {
		written.Count, written.Bytes = written.Count+1, written.Bytes+x.Output
	}
	written.Bytes -= min(gone.TerminalBytes, written.Bytes)
	return append(all, written, Size{Kind: "transcripts_gone", Count: gone.Terminals, Bytes: gone.TerminalBytes}), nil
}

// SizesNow is Sizes with a frontier: the sizes are of that or of more.
func (s *Studio) SizesNow(ctx context.Context, c Caller) ([]Size, Frontier, error) {
	read, err := s.served(ctx, c, func() {})
	if err != nil {
		return nil, nil, err
	}
	all, err := s.Sizes()
	return all, read, err
}

// WatchSizes calls each with the sizes now and whenever they are others, until ctx
// ends.
func (s *Studio) WatchSizes(ctx context.Context, c Caller, each func([]Size, Frontier) error) error {
	var told []Size
	for {
		news := s.newsNow()
		sizes, read, err := s.SizesNow(ctx, c)
		if err == nil && !slices.Equal(sizes, told) {
			told, err = sizes, each(sizes, read)
		}
		if err == nil {
			err = s.await(ctx, news)
		}
		if err == nil {
			err = s.pause(ctx, sizesEvery)
		}
		if err != nil {
			return err
		}
	}
}

func (s *Studio) logFinding() Finding {
	if why := s.p.Log.ReadOnly(); why != "" {
		return Finding{Name: "log", Level: "failed", Message: "the log takes no more writes: " + why,
			Mend: "free space or mend the disk, then `atelier core stop`"}
	}
	return Finding{Name: "log", Level: "ok", Message: plural(s.p.Log.Count(), "event") + ", writable"}
}

// terminalsFinding tells of live executions whose shim is not reached.
func (s *Studio) terminalsFinding() Finding {
	s.mu.Lock()
	runs := make([]*run, 0, len(s.runs))
	for _, r := range s.runs {
		runs = append(runs, r)
	}
	s.mu.Unlock()
	var unreached int
	for _, r := range runs {
		r.mu.Lock()
		if r.held == nil {
			unreached++
		}
		r.mu.Unlock()
	}
	if unreached > 0 {
		return Finding{Name: "terminals", Level: "failed", Message: fmt.Sprintf("%d of %d running terminals are not reached", unreached, len(runs)),
			Mend: "see `atelier core logs`"}
	}
	return Finding{Name: "terminals", Level: "ok", Message: fmt.Sprintf("%s running, all reached", plural(uint64(len(runs)), "terminal"))}
}

func (s *Studio) loginFinding(ctx context.Context) Finding {
	_, shell, err := s.p.Environments.Login(ctx)
	if err != nil {
		return Finding{Name: "login-shell", Level: "warning", Message: err.Error(), Mend: "correct the start-up files of " + shell}
	}
	return Finding{Name: "login-shell", Level: "ok", Message: shell}
}
