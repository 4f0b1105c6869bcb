package studio

import (
	"context"
	"slices"
	"strings"

	"atelier.dev/atelier/backend/control"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// wish is what a caller asks control for.
type wish struct {
	record  event.Type
	about   []event.ID
	facts   event.Facts // of the record
	body    event.Change
	basedOn []event.ID
}

// decide asks control, which is this replica while it is the only voter, and
// returns when the answer is durable. What is refused is an error, with the
// record that refuses it. A request that was written and whose record could not
// be is answered by the next core.
func (s *Studio) decide(ctx context.Context, se *session, w wish) (Decided, error) {
	s.deciding.Lock()
	defer s.deciding.Unlock()
	request, err := s.ask(ctx, se, w)
	if err != nil {
		return Decided{}, err
	}
	record, err := s.answer(context.WithoutCancel(ctx), request)
	if err != nil {
		return Decided{}, err
	}
	d := Decided{ID: record.ID, Request: request.ID, Record: record.ID, Index: record.Header.Seq}
	if len(w.about) > 0 {
		d.ID = w.about[0]
	}
	if err := s.refused(record); err != nil {
		return d, err
	}
	return d, s.opens(se, d.ID, s.versionOf(d.ID))
}

// ask writes a request, which is sealed at once.
func (s *Studio) ask(ctx context.Context, se *session, w wish) (event.Event, error) {
	w.facts.Ask, w.facts.Fields = &event.Ask{Type: w.record}, w.body.Keys()
	e, err := s.write(ctx, se, event.Draft{Type: event.RequestMadeType, Affected: w.about, Facts: w.facts, Body: encode(&w.body)},
		append(w.basedOn, s.births(w.about)...)...)
	if err != nil {
		return e, err
	}
	if err := s.judged(e.ID); err != nil {
		return e, err
	}
	return e, s.p.Log.Seal(ctx)
}

// judged is why an event that was written is void; nil for one that is not.
func (s *Studio) judged(id event.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.fold.Judgement(id); j.Verdict == object.Void {
		return j.Why
	}
	return nil
}

// births are the events that made objects: genesis, for what it made.
func (s *Studio) births(objects []event.ID) []event.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var births []event.ID
	for _, id := range objects {
		if o, known := s.fold.Object(id); known && o.Head().CreatedBy == (event.Actor{}) {
			id = s.p.Log.Genesis()
		}
		births = addMissing(births, []event.ID{id})
	}
	return births
}

// answer has the machine decide a request and makes the record durable.
func (s *Studio) answer(ctx context.Context, request event.Event) (event.Event, error) {
	entry, err := s.entryOf(request)
	if err != nil {
		return event.Event{}, err
	}
	s.mu.Lock()
	header, err := s.machine.Decide(entry)
	s.mu.Unlock()
	if err != nil {
		return event.Event{}, err
	}
	_, id, err := event.EncodeHeader(header)
	if err != nil {
		return event.Event{}, err
	}
	signed := event.Certificate{Workspace: header.Workspace, Index: header.Seq, Record: id, Voter: s.p.Log.Replica()}
	if err := s.p.Key.SignCertificate(&signed); err != nil {
		return event.Event{}, err
	}
	e, err := s.p.Log.AppendRecord(ctx, control.Record{Header: header, Body: request.Body, Certificates: []event.Certificate{signed}})
	if err != nil {
		return e, err
	}
	return e, s.catchUp()
}

// entryOf gathers what a request is judged by: all that is here.
func (s *Studio) entryOf(request event.Event) (control.Entry, error) {
	frozen, err := s.frozenBy(request)
	if err != nil {
		return control.Entry{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := control.Entry{Request: request, AsOf: event.Cut{Heads: byChain(s.heads)}, Time: s.p.Now().UnixNano()}
	if e.Behind, err = overtaken(s.p.Log, s.machine.MayFollow(request)); err != nil {
		return e, err
	}
	e.Witness, err = control.Witness(request, s.p.Log.Genesis(), s.fold, frozen)
	return e, err
}

// overtaken are those of some events that lie in the past of another of them.
func overtaken(log Log, ids []event.ID) ([]event.ID, error) {
	front, err := log.Maximal(ids)
	return slices.DeleteFunc(ids, func(id event.ID) bool { return slices.Contains(front, id) }), err
}

// frozenBy folds the cuts of the checkpoints that a request names.
func (s *Studio) frozenBy(request event.Event) (map[event.ID]control.Frozen, error) {
	folds := map[event.ID]control.Frozen{}
	for _, id := range request.Header.Affected {
		s.mu.Lock()
		x, is := s.fold.Entity(id)
		s.mu.Unlock()
		if !is || x.Kind != object.KindCheckpoint {
			continue
		}
		digest, f, err := s.digestOf(*x.Cut())
		if err != nil {
			return nil, err
		}
		folds[id] = control.Frozen{Objects: f, Digest: digest}
	}
	return folds, nil
}

// follow keeps control up with an event that the objects took. The caller holds
// mu.
func (s *Studio) follow(e event.Event) (err error) {
	switch {
	case e.Header.Type == event.WorkspaceCreatedType:
		s.machine, err = control.New(e)
	case e.Header.Class == event.Control:
		s.open = slices.DeleteFunc(s.open, func(id event.ID) bool { return id == e.Header.Facts.Decision.Request })
		s.records = append(s.records, e.ID)
		err = s.machine.Take(e)
	case e.Header.Type == event.RequestMadeType && e.Header.Replica == s.p.Log.Replica() && s.fold.Judgement(e.ID).Verdict == object.Valid:
		s.open = append(s.open, e.ID)
	}
	return err
}

// answerAll answers the requests that a core before this one has written and
// could not answer.
func (s *Studio) answerAll(ctx context.Context) error {
	if s.p.Log.ReadOnly() != "" {
		return nil
	}
	s.mu.Lock()
	open := slices.Clone(s.open)
	s.mu.Unlock()
	for _, id := range open {
		e, err := s.p.Log.Event(id)
		if err != nil {
			return err
		}
		_, err = s.answer(ctx, e)
		s.tell("answering a request of before", err)
	}
	return nil
}

// refusals say in words what control refuses for, by reason.
var refusals = map[string]struct{ message, mend string }{
	"not_enrolled":       {"who asked is not enrolled here", "have a person of this workspace ask"},
	"actor_retired":      {"the actor is retired", "ask as another actor"},
	"expired":            {"the request has run out", "ask again"},
	"agent_asks":         {"an agent may not ask for this", "have a person ask"},
	"name_taken":         {"another actor has this name", "give another name"},
	"actor_unknown":      {"there is no such actor", "see `atelier actor list`"},
	"system_stays":       {"the actor that the core itself is stays", "leave it"},
	"last_person":        {"nobody were left to act", "add another person first"},
	"illegal_transition": {"its state does not allow it", "see `atelier why-not`"},
	"digest_other":       {"the digest is not the one that its cut folds to", "name the cut again with a newer version"},
	"not_quiescent":      {"something is open in it", "end what is open, or name the cut as suspended"},
}

// refused is the error of a record that refuses; nil for one that does not.
func (s *Studio) refused(record event.Event) error {
	d := record.Header.Facts.Decision
	if d.Outcome != event.OutcomeRefused {
		return nil
	}
	code, say := fault.FailedPrecondition, refusals[d.Reason]
	switch {
	case d.Reason == "name_taken":
		code = fault.AlreadyExists
	case strings.HasPrefix(d.Reason, "not_enrolled"), d.Reason == "agent_asks":
		code = fault.PermissionDenied
	}
	return fault.New(code, d.Reason, "it was refused: "+say.message, say.mend).With("record", record.ID.String())
}

// AddActor has control enrol an actor at this replica. Reasons: name_bad,
// name_taken, agent_asks.
func (s *Studio) AddActor(ctx context.Context, c Caller, name string, kind event.ActorKind) (Decided, error) {
	se, err := s.acted(c)
	if err == nil {
		err = checkLine("an actor", name)
	}
	if err != nil {
		return Decided{}, err
	}
	d, err := s.decide(ctx, se, wish{record: event.ActorEnrolledType,
		facts: event.Facts{Member: &event.Member{Kind: kind, Replica: s.p.Log.Replica()}},
		body:  event.Change{Set: map[string]event.Value{"name": event.Text(name)}}})
	return s.decided(c, d, err)
}

// RetireActor has control end what an actor may do. Reasons: actor_unknown,
// actor_ambiguous, last_person, system_stays, actor_retired.
func (s *Studio) RetireActor(ctx context.Context, c Caller, ref, why string) (Decided, error) {
	se, err := s.acted(c)
	if err != nil {
		return Decided{}, err
	}
	id, err := s.findOf(object.KindActor, ref)
	if err != nil {
		return Decided{}, err
	}
	d, err := s.decide(ctx, se, wish{record: event.ActorRetiredType, about: []event.ID{id}, body: event.Change{Why: valid(why)}, basedOn: se.basis(id)})
	return s.decided(c, d, err)
}

// findOf resolves an object of a kind.
func (s *Studio) findOf(kind object.Kind, ref string) (event.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fold.Find(kind, ref)
}

// decided completes an answer with the object after it.
func (s *Studio) decided(c Caller, d Decided, err error) (Decided, error) {
	if err != nil {
		return d, err
	}
	d.Ack.Event = d.Record
	d.Ack.Frontier, err = s.served(s.ctx, c, func() {
		if o, known := s.fold.Object(d.ID); known {
			d.Document = s.asNow().document(o)
		}
	})
	return d, err
}
