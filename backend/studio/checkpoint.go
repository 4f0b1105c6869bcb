package studio

import (
	"context"
	"fmt"
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// The modes of a checkpoint: with nothing open, or with what is open listed.
const (
	quiescent = "quiescent"
	suspended = "suspended"
)

// CreateCheckpoint names a cut: all that is here, or what the request names.
// Reasons: name_bad, name_taken, mode_unknown, and those of cuts.
func (s *Studio) CreateCheckpoint(ctx context.Context, c Caller, q CheckpointRequest) (CheckpointMade, error) {
	se, err := s.acted(c)
	if err != nil {
		return CheckpointMade{}, err
	}
	if q.Mode == "" {
		q.Mode = suspended
	}
	body, err := s.checkpointBody(q)
	if err != nil {
		return CheckpointMade{}, err
	}
	s.naming.Lock()
	defer s.naming.Unlock()
	if s.hasName(object.KindCheckpoint, q.Name) {
		return CheckpointMade{}, fault.New(fault.AlreadyExists, "name_taken", fmt.Sprintf("another checkpoint is named %q", q.Name), "give another name")
	}
	named, err := s.cutToName(q.Where)
	if err != nil {
		return CheckpointMade{}, err
	}
	e, err := s.write(ctx, se, event.Draft{Type: event.CheckpointProposedType, Body: encode(&body),
		Facts: event.Facts{State: "proposed", Cut: &named, Fields: body.Keys()}})
	if err != nil {
		return CheckpointMade{}, err
	}
	made := CheckpointMade{ID: e.ID, Name: q.Name}
	digest, _, err := s.digestOf(named)
	if err != nil {
		return made, err
	}
	made.Digest = digest.Hash.String()
	made.Ack, err = s.ack(c, e.ID)
	return made, err
}

func (s *Studio) checkpointBody(q CheckpointRequest) (event.Change, error) {
	body := event.Change{Set: map[string]event.Value{"name": event.Text(q.Name), "cut_mode": event.Text(q.Mode)}}
	if err := checkLine("a checkpoint", q.Name); err != nil {
		return body, err
	}
	if q.Mode != quiescent && q.Mode != suspended {
		return body, fault.New(fault.InvalidArgument, "mode_unknown", fmt.Sprintf("there is no mode %q", q.Mode), "say quiescent or suspended")
	}
	for _, ref := range q.Scope {
		id, err := s.findOf("", ref)
		if err != nil {
			return body, err
		}
		body.Add = map[string][]event.Value{"scope": append(body.Add["scope"], event.Text(id.String()))}
	}
	return body, body.Check()
}

// hasName reports whether an object of a kind has a name.
func (s *Studio) hasName(kind object.Kind, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.fold.Objects(kind), func(o object.Object) bool { return slices.Contains(o.Names(), name) })
}

// cutToName is the cut that a checkpoint freezes.
func (s *Studio) cutToName(at Where) (event.Cut, error) {
	if _, err := s.branch(at.Branch); err != nil {
		return event.Cut{}, err
	}
	c, err := s.cutOf(at.At)
	if err != nil {
		return event.Cut{}, err
	}
	if c != nil {
		return c.named, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return event.Cut{Heads: byChain(s.heads)}, nil
}

// DigestOf computes what a cut folds to. Reasons: those of cuts.
func (s *Studio) DigestOf(named event.Cut) (event.Digest, error) {
	digest, _, err := s.digestOf(named)
	return digest, err
}

// digestOf computes what a cut folds to.
func (s *Studio) digestOf(named event.Cut) (event.Digest, *object.Fold, error) {
	c, err := s.closed(named)
	if err != nil {
		return event.Digest{}, nil, err
	}
	f, err := s.foldAt(c)
	if err != nil {
		return event.Digest{}, nil, err
	}
	return s.digest(c, f), f, nil
}

// digest is what a cut folds to.
func (s *Studio) digest(c *cut, f *object.Fold) event.Digest { return f.Digest(s.p.Log.IDs(c.Cut)) }

// Finalize has control freeze a checkpoint for good. Reasons: checkpoint_unknown,
// checkpoint_ambiguous, illegal_transition, digest_other, not_quiescent.
func (s *Studio) Finalize(ctx context.Context, c Caller, ref, why string) (Decided, error) {
	return s.decideCheckpoint(ctx, c, ref, why, event.CheckpointFinalizedType)
}

// Invalidate has control say that a checkpoint no longer counts.
func (s *Studio) Invalidate(ctx context.Context, c Caller, ref, why string) (Decided, error) {
	return s.decideCheckpoint(ctx, c, ref, why, event.CheckpointInvalidatedType)
}

func (s *Studio) decideCheckpoint(ctx context.Context, c Caller, ref, why string, t event.Type) (Decided, error) {
	se, err := s.acted(c)
	if err != nil {
		return Decided{}, err
	}
	x, err := s.entity(object.KindCheckpoint, ref)
	if err != nil {
		return Decided{}, err
	}
	w := wish{record: t, about: []event.ID{x.ID}, body: event.Change{Why: valid(why)}, basedOn: se.basisOf(x)}
	if t == event.CheckpointFinalizedType {
		digest, _, err := s.digestOf(*x.Cut())
		if err != nil {
			return Decided{}, err
		}
		w.facts.Digest = &digest
	}
	d, err := s.decide(ctx, se, w)
	if err == nil && w.record == event.CheckpointFinalizedType {
		s.thinLater(se)
	}
	return s.decided(c, d, err)
}

// OpenCheckpoint records that a checkpoint is looked at again, and answers what
// it holds. Every read takes it as its cut.
func (s *Studio) OpenCheckpoint(ctx context.Context, c Caller, ref string) (Changed, error) {
	se, err := s.acted(c)
	if err != nil {
		return Changed{}, err
	}
	x, err := s.entity(object.KindCheckpoint, ref)
	if err != nil {
		return Changed{}, err
	}
	e, err := s.writeAllowed(ctx, se, event.Draft{Type: event.CheckpointReopenedType, Affected: []event.ID{x.ID}, Body: encode(&event.Change{})},
		append(se.basisOf(x), x.ID)...)
	if err != nil {
		return Changed{}, err
	}
	shown, err := s.Show(ctx, c, x.ID.String(), Where{})
	return Changed{ID: x.ID, Document: shown.Object, Ack: Ack{e.ID, shown.Read}}, err
}

// describeCut adds what a checkpoint's cut holds to its document.
func (s *Studio) describeCut(d map[string]any, o object.Object) error {
	x, is := o.(*object.Entity)
	if !is || x.Cut() == nil {
		return nil
	}
	c, err := s.closed(*x.Cut())
	if err != nil {
		return err
	}
	f, err := s.foldAt(c)
	if err != nil {
		return err
	}
	digest := s.digest(c, f)
	frontier := slices.Clone(x.Cut().Past)
	for _, h := range x.Cut().Heads {
		frontier = append(frontier, h.ID)
	}
	d["cut_frontier"], d["digest"], d["fold_version"] = idTexts(frontier), digest.Hash.String(), digest.Version
	d["manifest"] = manifest(c, f)
	return nil
}

// manifest lists what a cut holds that was under way: how far each terminal had
// written, and what was open.
func manifest(c *cut, f *object.Fold) map[string]any {
	executions, open := []any{}, []any{}
	for _, x := range f.Executions() {
		executions = append(executions, map[string]any{"execution_id": x.ID.String(), "name": x.Name.Default().Value, "state": string(x.State),
			"output_offset": x.Output, "partial": x.Metadata.Partial})
	}
	for _, id := range f.Open() {
		open = append(open, map[string]any{"trace_id": id.String(), "title": f.Name(id)})
	}
	return map[string]any{"events": c.Count(), "executions": executions, "open_traces": open}
}
