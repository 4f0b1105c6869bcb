package studio

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// Retention says what a home lets go: what lies below a checkpoint that is final,
// and never a header. It is the home's own: others keep what they like.
type Retention struct {
	// Checkpoint is a final checkpoint by name or id, or "newest": then it is applied
	// whenever one becomes final. Empty, nothing goes.
	Checkpoint string `json:"checkpoint"`
	// Bodies are BodiesKeep, BodiesReplaced or BodiesAll.
	Bodies string `json:"bodies"`
	// Terminals are TerminalsKeep or TerminalsDrop.
	Terminals string `json:"terminals"`
}

// What a policy says of bodies: all stay; those go that nothing shows at the
// checkpoint any more; all go but the names of the workspace and of who acts.
const (
	BodiesKeep     = "keep"
	BodiesReplaced = "replaced"
	BodiesAll      = "all"
)

// What a policy says of the bytes of terminals that have ended: all stay, or those
// go that were written before the checkpoint.
const (
	TerminalsKeep = "keep"
	TerminalsDrop = "drop"
)

// newestCheckpoint stands for the one that became final last.
const newestCheckpoint = "newest"

// Amount is how much of each kind goes, or has gone.
type Amount struct {
	Bodies, BodyBytes        uint64
	Terminals, TerminalBytes uint64
}

func (a Amount) none() bool { return a == Amount{} }

// Retained is a policy with what it names, what it would drop, and what is gone.
type Retained struct {
	Policy         Retention
	Checkpoint     event.ID // zero where nothing is final yet, or the policy names none
	CheckpointName string
	Due, Gone      Amount
	// Running are terminals that have not ended and keep their bytes till then.
	Running uint64
	Read    Frontier
}

const (
	retentionKey = "retention"
	goneKey      = "gone"
)

// Retention tells the policy of this home, what it would drop now, and what is gone.
// Reasons: those of the checkpoint that it names.
func (s *Studio) Retention(ctx context.Context, c Caller) (Retained, error) {
	policy, err := s.policy()
	if err != nil {
		return Retained{}, err
	}
	r, err := s.due(policy)
	if err != nil {
		return r, err
	}
	r.Read, err = s.served(ctx, c, func() {})
	return r, err
}

// policy is what was set, and keeps all where nothing was.
func (s *Studio) policy() (Retention, error) {
	q := Retention{Bodies: BodiesKeep, Terminals: TerminalsKeep}
	kept := s.p.Log.LoadState(retentionKey)
	if len(kept) == 0 {
		return q, nil
	}
	if err := json.Unmarshal(kept, &q); err != nil {
		return q, fault.Wrap(err, fault.DataLoss, "retention_damaged", "what this home lets go cannot be read", "set it again: `atelier retention set`")
	}
	return q, nil
}

// SetRetention sets the policy of this home. Nothing goes by that alone. Reasons:
// retention_bad, and those of the checkpoint that it names.
func (s *Studio) SetRetention(ctx context.Context, c Caller, q Retention) (Retained, error) {
	if _, err := s.acted(c); err != nil {
		return Retained{}, err
	}
	q, err := q.checked()
	if err != nil {
		return Retained{}, err
	}
	if q.Checkpoint != "" && q.Checkpoint != newestCheckpoint {
		x, err := s.finalCheckpoint(q.Checkpoint)
		if err != nil {
			return Retained{}, err
		}
		q.Checkpoint = x.ID.String() // a name may come to mean another, or be gone
	}
	kept, err := json.Marshal(q)
	if err != nil {
		return Retained{}, err
	}
	if err := s.p.Log.SaveState(retentionKey, kept); err != nil {
		return Retained{}, err
	}
	if err := s.p.Log.SyncState(); err != nil {
		return Retained{}, err
	}
	return s.Retention(ctx, c)
}

// checked is a policy with all its words.
func (q Retention) checked() (Retention, error) {
	bad := func(what, word, words string) error {
		return fault.New(fault.InvalidArgument, "retention_bad", fmt.Sprintf("%s cannot be treated as %q", what, valid(word)), "say "+words)
	}
	if q.Bodies == "" {
		q.Bodies = BodiesKeep
	}
	if q.Terminals == "" {
		q.Terminals = TerminalsKeep
	}
	switch {
	case q.Bodies != BodiesKeep && q.Bodies != BodiesReplaced && q.Bodies != BodiesAll:
		return q, bad("bodies", q.Bodies, "keep, replaced or all")
	case q.Terminals != TerminalsKeep && q.Terminals != TerminalsDrop:
		return q, bad("terminals", q.Terminals, "keep or drop")
	case q.Checkpoint == "" && (q.Bodies != BodiesKeep || q.Terminals != TerminalsKeep):
		return q, fault.New(fault.InvalidArgument, "retention_bad", "it does not say below which checkpoint", "name one that is final, or newest")
	}
	return q, nil
}

// finalCheckpoint resolves a checkpoint that control has finalized, and that counts
// still. "newest" is the one that became final last.
func (s *Studio) finalCheckpoint(ref string) (*object.Entity, error) {
	if ref == newestCheckpoint {
		return s.newestFinal()
	}
	x, err := s.entity(object.KindCheckpoint, ref)
	if err == nil && x.State() != "finalized" {
		err = fault.New(fault.FailedPrecondition, "checkpoint_not_finalized", "the checkpoint is "+string(x.State()), "finalize it: `atelier checkpoint finalize`")
	}
	return x, err
}

// newestFinal is nil while nothing is final.
func (s *Studio) newestFinal() (newest *object.Entity, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := uint64(0)
	for _, o := range s.fold.Objects(object.KindCheckpoint) {
		x, is := o.(*object.Entity)
		if !is || x.State() != "finalized" {
			continue
		}
		record, err := s.p.Log.Event(x.States()[0].Event)
		if err != nil {
			return nil, err
		}
		if record.Header.Seq > last {
			newest, last = x, record.Header.Seq
		}
	}
	return newest, nil
}

// due is what a policy would drop now, and what is gone.
func (s *Studio) due(policy Retention) (Retained, error) {
	r := Retained{Policy: policy, Gone: s.gone()}
	if policy.Checkpoint == "" {
		return r, nil
	}
	t, err := s.thinning(policy)
	if err != nil || t == nil {
		return r, err
	}
	r.Checkpoint, r.CheckpointName, r.Due, r.Running = t.checkpoint.ID, t.checkpoint.Text("name"), t.due, t.running
	return r, nil
}

// gone is what was dropped so far.
func (s *Studio) gone() (a Amount) {
	a.Bodies, a.BodyBytes = s.p.Log.Dropped()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, below := range s.goneTo {
		a.Terminals, a.TerminalBytes = a.Terminals+1, a.TerminalBytes+below
	}
	return a
}

// sentence says an amount for people: "12 bodies of 3 MB, and 8 MB of 2 terminals".
func (a Amount) sentence() string {
	var parts []string
	if a.Bodies > 0 {
		parts = append(parts, plural(a.Bodies, "text")+" of "+plural(a.BodyBytes, "byte"))
	}
	if a.Terminals > 0 {
		parts = append(parts, plural(a.TerminalBytes, "byte")+" of "+plural(a.Terminals, "terminal"))
	}
	return strings.Join(parts, ", and ")
}
