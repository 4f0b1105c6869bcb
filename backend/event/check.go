package event

import (
	"bytes"
	"strings"
)

// Check reports what is malformed in a header taken by itself: everything
// that needs no other event. See SPEC.md for the rules behind each reason.
func Check(h Header) error {
	return check(&h)
}

func check(h *Header) error {
	for _, part := range [...]func(*Header) error{checkFrame, checkOrder, checkAuthor, checkFacts} {
		if err := part(h); err != nil {
			return err
		}
	}
	return nil
}

func checkFrame(h *Header) error {
	switch {
	case h.SchemaVersion != 1:
		return malformed("schema_version", "the schema version is not 1")
	case !word(string(h.Type)) || !strings.Contains(string(h.Type), "."):
		return malformed("type", "a type is a word with a dot")
	case h.Class != Causal && h.Class != Control:
		return malformed("class", "the consistency class is unknown")
	case Known(h.Type) && classes[h.Type] != h.Class:
		return malformed("class", "the consistency class is not the one of its type")
	case h.BodyHash.IsZero():
		return malformed("body_hash", "the hash of the body is absent")
	case (h.Facts.Genesis != nil) != (h.Type == WorkspaceCreatedType):
		return malformed("genesis", "a genesis document belongs to workspace.created alone")
	}
	return nil
}

func checkOrder(h *Header) error {
	switch {
	case h.Replica == "" && !h.genesis() || len(h.Replica) > MaxChain:
		return malformed("replica", "the chain's name is absent or too long")
	case (h.Seq == 0) != h.Prev.IsZero():
		return malformed("prev", "prev is absent at seq 0 and only there")
	case len(h.Parents) > MaxParents:
		return malformed("parents_count", "there are more than 64 parents")
	case !ascending(h.Parents):
		return malformed("parents_order", "the parents are not ascending and unique")
	case h.Lamport == 0 || (len(h.Parents) == 0) != (h.Lamport == 1):
		return malformed("lamport", "lamport is 1 without parents, and above with them")
	case len(h.Affected) > MaxAffected || !ascending(h.Affected):
		return malformed("affected", "the affected objects are not ascending and unique, or too many")
	}
	return nil
}

func (h *Header) genesis() bool { return h.Type == WorkspaceCreatedType }

func checkAuthor(h *Header) error {
	if h.genesis() {
		return checkGenesis(h)
	}
	switch {
	case h.Workspace.IsZero():
		return malformed("workspace", "the workspace is absent")
	case h.Basis.Record.IsZero():
		return malformed("basis", "the control basis is absent")
	case h.Actor.ID.IsZero() || h.Actor.Kind < Human || h.Actor.Kind > Service:
		return malformed("actor", "the actor is absent or of an unknown kind")
	case h.Surface < SurfaceCLI || h.Surface > SurfaceSystem:
		return malformed("surface", "the surface is unknown")
	case h.Branch.IsZero():
		return malformed("branch", "the branch is absent")
	case h.ViewEpoch == 0:
		return malformed("view_epoch", "the membership epoch is absent")
	case h.Class == Causal && (h.Type == SessionOpenedType) != h.Session.IsZero():
		return malformed("session", "a session is named by all but session.opened")
	case h.Class == Control && !h.Session.IsZero():
		return malformed("session", "a control record has no session")
	case h.Class == Control && h.Replica != Chain(h.Workspace[:]):
		return malformed("replica", "a control record lies on the workspace's chain")
	case h.Class == Causal && h.Replica == Chain(h.Workspace[:]):
		return malformed("replica", "the control chain takes control records only")
	}
	return nil
}

// checkGenesis holds record 0 to its form: all that would name the workspace,
// an author or another event is absent.
func checkGenesis(h *Header) error {
	g := h.Facts.Genesis
	switch {
	case !h.Workspace.IsZero() || h.Replica != "" || h.Seq != 0 || len(h.Parents) != 0:
		return malformed("genesis", "genesis names no workspace, chain or parents")
	case h.Basis != Basis{} || h.Actor != Actor{} || !h.Session.IsZero() || !h.Branch.IsZero() || len(h.Affected) != 0:
		return malformed("genesis", "genesis has no basis, actor, session, branch or objects")
	case h.Surface != SurfaceSystem || h.ViewEpoch != g.Epoch || g.Epoch == 0:
		return malformed("genesis", "genesis begins the first epoch on surface system")
	case g.Replica == "" || len(g.Replica) > MaxChain || len(g.RecoveryKey) != 32 || g.Nonce == [16]byte{}:
		return malformed("genesis", "genesis names its replica, recovery key and 16 random bytes")
	}
	return nil
}

func checkFacts(h *Header) error {
	f := &h.Facts
	if f.State != "" && !word(f.State) || len(f.Fields) > MaxFields {
		return malformed("facts", "a state or field is not a word, or there are too many")
	}
	for i, key := range f.Fields {
		if !word(key) || i > 0 && f.Fields[i-1] >= key {
			return malformed("facts", "the fields are not words, ascending and unique")
		}
	}
	if r := f.Range; r != nil && (r.To <= r.From || r.To-r.From > MaxRange || r.Root.IsZero()) {
		return malformed("range", "a range is not empty, has a root and at most 1 MiB")
	}
	if h.Type == ExecutionOutputType && f.Range == nil {
		return malformed("range", "execution.output names its range")
	}
	if t := f.Turn; t != nil && (t.Epoch == 0 || t.Driver.IsZero() && !t.Session.IsZero()) {
		return malformed("turn", "a turn has an epoch, and a session only with a driver")
	}
	if s := f.Size; s != nil && (s.Cols > 0xffff || s.Rows > 0xffff) {
		return malformed("size", "a terminal has at most 65,535 columns and rows")
	}
	if h.Type == ExecutionControlChangedType && f.Turn == nil {
		return malformed("turn", "execution.control_changed states the turn after it")
	}
	if operated := h.Type == ExecutionAttachedType || h.Type == ExecutionDetachedType; operated == f.Operator.IsZero() {
		return malformed("operator", "the operator's session is named by execution.attached and detached, and by no other")
	}
	if err := checkShared(h); err != nil {
		return err
	}
	if e := f.Exit; e != nil && (e.Status > 255 || e.Signal > 255) {
		return malformed("exit", "a status and a signal are at most 255")
	}
	return nil
}

func word(s string) bool {
	if s == "" || len(s) > MaxWord {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func ascending(ids []ID) bool {
	for i := range ids {
		if ids[i].IsZero() || i > 0 && bytes.Compare(ids[i-1][:], ids[i][:]) >= 0 {
			return false
		}
	}
	return true
}

// bears says which types state a fact, and must. No other type has it.
var bears = []struct {
	fact string
	has  func(*Facts) bool
	by   Type
}{
	{"digest", func(f *Facts) bool { return f.Digest != nil }, CheckpointFinalizedType},
	{"ask", func(f *Facts) bool { return f.Ask != nil }, RequestMadeType},
	{"member", func(f *Facts) bool { return f.Member != nil }, ActorEnrolledType},
	{"continues", func(f *Facts) bool { return !f.Continues.IsZero() }, SessionOpenedType},
}

// checkShared holds the facts of checkpoints and control to their form. A request
// has the facts of the record that it asks for.
func checkShared(h *Header) error {
	f := &h.Facts
	for _, b := range bears {
		may := h.Type == b.by || f.Ask != nil && f.Ask.Type == b.by
		must := may && b.by != SessionOpenedType // a session need not go on for another
		if has := b.has(f); has && !may || must && !has {
			return malformed(b.fact, "the fact "+b.fact+" belongs to "+string(b.by)+" alone")
		}
	}
	switch {
	case (f.Cut != nil) != frozen(h):
		return malformed("cut", "a checkpoint and every record of control name their cut, and nothing else does")
	case f.Cut != nil && checkCut(f.Cut) != nil:
		return checkCut(f.Cut)
	case f.Ask != nil && (classes[f.Ask.Type] != Control || f.Ask.Type == WorkspaceCreatedType || f.Ask.Until < 0):
		return malformed("ask", "a request asks for a record that control makes")
	case f.Digest != nil && (f.Digest.Version == 0 || f.Digest.Hash.IsZero()):
		return malformed("digest", "a digest has a version and a hash")
	case f.Member != nil && (f.Member.Kind < Human || f.Member.Kind > Service || f.Member.Replica == "" || len(f.Member.Replica) > MaxChain):
		return malformed("member", "a member has a kind and a replica")
	}
	return checkDecision(h)
}

// frozen reports whether an event states a cut: what a checkpoint freezes, and
// what a record was judged by.
func frozen(h *Header) bool {
	return h.Type == CheckpointProposedType || h.Class == Control && !h.genesis()
}

func checkDecision(h *Header) error {
	d := h.Facts.Decision
	switch {
	case (d != nil) != (h.Class == Control && !h.genesis()):
		return malformed("decision", "every record but genesis has a decision, and nothing else has")
	case d == nil:
		return nil
	case d.Request.IsZero() || d.Outcome != OutcomeDone && d.Outcome != OutcomeRefused:
		return malformed("decision", "a decision names its request, and is done or refused")
	case (d.Outcome == OutcomeRefused) != (d.Reason != "") || d.Reason != "" && !word(d.Reason):
		return malformed("decision", "a refusal has a reason, which is a word, and nothing else has")
	}
	return nil
}
