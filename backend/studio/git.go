package studio

import (
	"context"
	"path/filepath"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// Commit is one commit of a repository.
type Commit struct {
	Hash            string
	Parents         []string // the hashes of its parents, the first one first
	Author, Subject string
	Written         time.Time
}

// Repositories read the history of git repositories (git).
type Repositories interface {
	// Commits calls each with every commit that some references rest on, parents
	// before children; of all references where none is named.
	Commits(ctx context.Context, folder string, refs []string, each func(Commit) error) error
}

// GitProgress is how far an import of a repository is.
type GitProgress struct {
	Commits, Known uint64 // that were read; of them those that were here already
	Lanes          uint64 // sessions that were opened for them
	Done           bool
	Ack            Ack
}

// ImportGit makes an artifact of every commit of a repository: each event follows
// the events of the commit's parents, so that before, after and concurrent are
// what git says. What was imported before is passed over. It calls each now and
// then, and at the end. Reasons: those of Repositories.
func (s *Studio) ImportGit(ctx context.Context, c Caller, folder string, refs []string, each func(GitProgress) error) error {
	se, err := s.acted(c)
	if err != nil {
		return err
	}
	i := &gitImport{s: s, by: se.actor, label: "git " + filepath.Base(folder), events: s.imported(), tips: map[string]*session{}}
	err = s.p.Repositories.Commits(ctx, folder, refs, func(commit Commit) error {
		if err := i.take(ctx, commit); err != nil {
			return err
		}
		if i.at.Commits%progressEvery == 0 {
			return each(i.at)
		}
		return nil
	})
	if err != nil {
		return err
	}
	i.at.Done, i.at.Ack.Event = true, i.last
	if i.at.Ack.Frontier, err = s.served(ctx, c, func() {}); err != nil {
		return err
	}
	return each(i.at)
}

// gitImport lays commits out on lanes. An event follows the one before in its
// session, and git orders commits by their parents alone: so a lane is a line of
// commits of which each descends from the one before, and a session of its own.
type gitImport struct {
	s      *Studio
	by     event.Actor
	label  string
	events map[string]event.ID // of commits, by hash
	tips   map[string]*session // the lane that ends with a commit, by hash
	at     GitProgress
	last   event.ID
}

const gitReference = "git:"

// imported are the commits that are here already.
func (s *Studio) imported() map[string]event.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := map[string]event.ID{}
	for _, o := range s.fold.Objects(object.KindArtifact) {
		if x, is := o.(*object.Entity); is && len(x.Text("reference")) > len(gitReference) && x.Text("reference")[:len(gitReference)] == gitReference {
			known[x.Text("reference")[len(gitReference):]] = x.ID
		}
	}
	return known
}

func (i *gitImport) take(ctx context.Context, commit Commit) error {
	i.at.Commits++
	if _, known := i.events[commit.Hash]; known {
		i.at.Known++
		return nil
	}
	lane, err := i.lane(ctx, commit)
	if err != nil {
		return err
	}
	var parents []event.ID
	for _, hash := range commit.Parents {
		id, known := i.events[hash]
		if !known {
			return fault.New(fault.DataLoss, "repository_damaged", "the commit "+commit.Hash+" comes before its parent "+hash, "run `git fsck` there")
		}
		parents = append(parents, id)
	}
	e, err := i.s.write(ctx, lane, artifactOf(commit), parents...)
	if err != nil {
		return err
	}
	i.events[commit.Hash], i.tips[commit.Hash], i.last = e.ID, lane, e.ID
	return nil
}

// lane is the session that a commit goes on: that of its first parent that nobody
// has gone on from yet, or a new one.
func (i *gitImport) lane(ctx context.Context, commit Commit) (*session, error) {
	for _, hash := range commit.Parents {
		if lane, ends := i.tips[hash]; ends {
			delete(i.tips, hash)
			return lane, nil
		}
	}
	id, err := i.s.beginSession(ctx, birth{actor: i.by, surface: event.SurfaceAutomation, label: i.label})
	if err != nil {
		return nil, err
	}
	i.at.Lanes++
	return i.s.session(id)
}

func artifactOf(commit Commit) event.Draft {
	title := valid(commit.Subject)
	if title == "" {
		title = commit.Hash
	}
	body := event.Change{Set: map[string]event.Value{"artifact_kind": event.Text("git_commit"), "title": event.Text(title),
		"reference": event.Text(gitReference + commit.Hash), "author": event.Text(valid(commit.Author)), "written_at": event.Text(timeText(commit.Written))}}
	return event.Draft{Type: event.ArtifactRecordedType, Facts: event.Facts{State: "recorded", Fields: body.Keys()}, Body: encode(&body)}
}
