package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"

	"atelier.dev/atelier/backend/fault"
)

// bundleAudit is what verify read of a bundle and what it found wrong.
type bundleAudit struct {
	CheckpointID    string    `json:"checkpoint_id"`
	CheckpointState string    `json:"checkpoint_state"`
	Digest          string    `json:"digest"`
	Events          uint64    `json:"events"`
	Outside         uint64    `json:"outside"`
	Records         uint64    `json:"records"`
	Seals           uint64    `json:"seals"`
	Absent          uint64    `json:"bodies_absent"`
	Believed        uint64    `json:"records_believed"`
	Problems        []problem `json:"problems"`
}

// verifyBundle lets the core's program check a bundle. No home is asked or made.
func (p *program) verifyBundle(ctx context.Context, file string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return fault.Wrap(err, fault.NotFound, "file_absent", "there is no file "+file, "check its name")
	}
	out, complaint, ended := runSibling(ctx, "atelier-core", "verify", "--json", path)
	var status *exec.ExitError
	if ended != nil && !errors.As(ended, &status) {
		return ended
	}
	var found bundleAudit
	if json.Unmarshal(out, &found) != nil {
		return unheard(complaint, ended)
	}
	if p.json {
		err = p.print(json.RawMessage(bytes.TrimSpace(out)))
	} else {
		err = found.tell(p.stdout)
	}
	if err != nil {
		return err
	}
	if len(found.Problems) > 0 {
		return damaged(found.Problems, "this bundle", "take nothing from it, and get it anew from who made it")
	}
	if ended != nil {
		return unheard(complaint, ended)
	}
	return nil
}

func (a bundleAudit) tell(w io.Writer) error {
	lines := []string{fmt.Sprintf("read: %s of the cut, %d beside it, %d records, %d seals", counted(a.Events, "event"), a.Outside, a.Records, a.Seals)}
	if a.CheckpointID != "" && a.CheckpointState != "" {
		lines = append(lines, fmt.Sprintf("checkpoint %s is %s", a.CheckpointID[:shortID], a.CheckpointState))
	}
	if a.Absent > 0 {
		lines = append(lines, fmt.Sprintf("not here: %d bodies of the cut, which change nothing of this", a.Absent))
	}
	if a.Believed > 0 {
		lines = append(lines, fmt.Sprintf("believed: %d records in part, by what is not here", a.Believed))
	}
	for _, p := range a.Problems {
		lines = append(lines, fmt.Sprintf("problem: %s; %s (%s)", visible(p.Message), visible(p.Mend), p.Code))
	}
	if len(a.Problems) == 0 && a.Digest != "" {
		lines = append(lines, "digest "+a.Digest, "all is as it was written")
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
