package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"atelier.dev/atelier/backend/bundle"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// bundleAudit is what verify prints of a bundle.
type bundleAudit struct {
	BundleID     string   `json:"bundle_id"`
	Workspace    string   `json:"workspace"`
	CheckpointID string   `json:"checkpoint_id"`
	State        string   `json:"checkpoint_state"`
	CutFrontier  []string `json:"cut_frontier"`
	Digest       string   `json:"digest"`
	FoldVersion  uint64   `json:"fold_version"`
	Events       uint64   `json:"events"`
	Outside      uint64   `json:"outside"`
	Records      uint64   `json:"records"`
	Seals        uint64   `json:"seals"`
	Absent       uint64   `json:"bodies_absent"`
	Believed     uint64   `json:"records_believed"`
	Problems     []wrong  `json:"problems"`
	ReadFrontier []head   `json:"read_frontier"`
}

// verifyBundle checks a bundle, without any home, prints what it found and returns
// the exit status.
func verifyBundle(o options, stdout, stderr *os.File) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	found, err := auditBundle(ctx, o.file)
	if found.Events > 0 || err == nil {
		err = errors.Join(found.print(stdout, o.json), err)
	}
	if err != nil {
		return failed(err, stderr, o.json)
	}
	if len(found.Problems) > 0 {
		return fault.ExitDataLoss
	}
	return fault.ExitDone
}

func auditBundle(ctx context.Context, path string) (found bundleAudit, err error) {
	file, size, err := openBundle(path)
	if err != nil {
		return found, err
	}
	defer file.Close()
	r, err := bundle.Verify(file, size, func(int64, int64) error {
		if ctx.Err() != nil {
			return fault.New(fault.Canceled, "canceled", "the audit was given up", "begin it again")
		}
		return nil
	})
	return bundleAuditOf(r), err
}

func bundleAuditOf(r bundle.Report) bundleAudit {
	found := bundleAudit{BundleID: idText(r.ID), Workspace: idText(r.Genesis), CheckpointID: idText(r.Head.Checkpoint), State: r.State,
		CutFrontier: []string{}, Digest: idText(r.Digest.Hash), FoldVersion: r.Head.Digest.Version, Events: r.Events, Outside: r.Outside,
		Records: r.Head.Records, Seals: r.Seals, Absent: r.Absent, Believed: r.Believed, Problems: []wrong{}, ReadFrontier: []head{}}
	for _, h := range r.Frontier {
		found.CutFrontier = append(found.CutFrontier, h.ID.String())
		found.ReadFrontier = append(found.ReadFrontier, head{chainText(h.Chain), h.Seq, h.ID.String()})
	}
	for _, f := range r.Findings {
		found.Problems = append(found.Problems, wrong{f.Code, f.What, "get the bundle anew from who made it"})
	}
	if r.More > 0 {
		found.Problems = append(found.Problems, wrong{"more", fmt.Sprintf("there are %d further findings", r.More), "get the bundle anew from who made it"})
	}
	return found
}

// idText is an id, or nothing for what is not there.
func idText(id event.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func (f bundleAudit) print(w io.Writer, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		return out.Encode(f)
	}
	_, err := fmt.Fprintf(w, "read: %d events of the cut, %d beside it, %d records, %d seals\n", f.Events, f.Outside, f.Records, f.Seals)
	for _, p := range f.Problems {
		if err == nil {
			_, err = fmt.Fprintf(w, "problem: %s; %s (%s)\n", p.Message, p.Mend, p.Code)
		}
	}
	return err
}
