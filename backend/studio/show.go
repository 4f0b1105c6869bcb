package studio

import (
	"context"
	"errors"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// Show answers one object or event, whole, by name, id or a part of one; what
// makes an object stands for it. It opens what it names. Reasons:
// object_unknown, object_ambiguous, and those of cuts.
func (s *Studio) Show(ctx context.Context, c Caller, ref string, at Where) (Shown, error) {
	var o object.Object
	var shown Shown
	read, err := s.inOne(ctx, c, ref, at, func(sc scene) error {
		id, err := sc.objects.Find("", ref)
		if err == nil {
			o, _ = sc.objects.Object(id)
			shown.Object = sc.document(o)
		}
		return err
	})
	if fault.Is(err, "object_unknown") {
		return s.showEvent(ctx, c, ref, at, err)
	}
	if err != nil {
		return Shown{}, err
	}
	if shown.Read = read; o.Head().Kind == object.KindCheckpoint {
		if err := s.describeCut(shown.Object, o); err != nil {
			return Shown{}, err
		}
	}
	// The version that is answered, which may be an old one by now.
	return shown, s.shows(c, o.Head().ID, o.Head().Frontier)
}

func (s *Studio) showEvent(ctx context.Context, c Caller, ref string, at Where, unknown error) (Shown, error) {
	if len(ref) < event.MinPrefix {
		return Shown{}, unknown
	}
	found, err := s.p.Log.Find(ref)
	if err != nil || len(found) == 0 {
		return Shown{}, unknown // it is no part of an id either
	}
	if len(found) > 1 {
		return Shown{}, fault.New(fault.InvalidArgument, "event_ambiguous", "more than one event begins so", "give more letters of the id")
	}
	e, err := s.p.Log.Event(found[0])
	if err != nil {
		return Shown{}, err
	}
	if in, err := s.isIn(at, e); err != nil || !in {
		return Shown{}, errors.Join(err, unknown)
	}
	if err := s.shows(c, e.ID, []event.ID{e.ID}); err != nil {
		return Shown{}, err
	}
	var v Event
	read, err := s.in(ctx, c, at, func(sc scene) error {
		v = sc.eventView(e)
		return nil
	})
	return Shown{Event: &v, Read: read}, err
}

// shows keeps that a caller's session was shown an object.
func (s *Studio) shows(c Caller, id event.ID, version []event.ID) error {
	if c.Session.IsZero() {
		return nil
	}
	se, err := s.session(c.Session)
	if err != nil {
		return err
	}
	return s.opens(se, id, version)
}

// document is an object as a document: envelope, state, fields and concurrent.
// The caller holds mu.
func (s scene) document(o object.Object) map[string]any {
	n := o.Head()
	d := map[string]any{"object_id": n.ID.String(), "schema_version": n.SchemaVersion, "kind": string(n.Kind),
		"lifecycle": string(n.Lifecycle), "frontier": idTexts(n.Frontier), "created_at": timeText(n.CreatedAt),
		"updated_at": timeText(n.UpdatedAt), "created_by": idText(n.CreatedBy.ID), "labels": []any{}, "metadata": map[string]any{}}
	if n.Metadata.NotUnderstood {
		d["metadata"] = map[string]any{"not_understood": true}
	}
	concurrent := map[string]any{}
	switch o := o.(type) {
	case *object.Execution:
		s.describeExecution(d, o)
		s.addConcurrent(concurrent, "name", o.Name)
	case *object.Entity:
		s.describeEntity(d, concurrent, o)
	case *object.Session:
		d["actor_name"], d["continues"], d["closed"] = s.objects.Name(o.Actor.ID), idText(o.Continues), o.Closed
		d["actor"], d["surface"] = idText(o.Actor.ID), surfaceWords[o.Surface]
		d["label"], d["after"] = o.Label.Value, o.After.Value
	case *object.Actor:
		d["name"] = o.Name.Default().Value
		d["actor_kind"], d["state"] = kindWords[o.ActorKind], string(o.State)
		s.addConcurrent(concurrent, "name", o.Name)
	case *object.Workspace:
		d["name"], d["device"] = o.Name.Default().Value, o.Device.Default().Value
		s.addConcurrent(concurrent, "name", o.Name)
		s.addConcurrent(concurrent, "device", o.Device)
	}
	d["concurrent"] = concurrent
	return d
}

var kindWords = map[event.ActorKind]string{event.Human: "human", event.Agent: "agent", event.Service: "service"}

func (s scene) describeExecution(d map[string]any, x *object.Execution) {
	v := s.viewing(x)
	d["name"], d["state"], d["status"], d["reason"] = v.Name, v.State, v.Status, v.Reason
	d["argv"], d["program"], d["cwd"] = texts(v.Argv), x.Launch.Program, v.Folder
	d["environment_names"], d["isolation"] = texts(v.Variables), v.Isolation
	d["size"] = map[string]any{"cols": v.Cols, "rows": v.Rows}
	d["epoch"], d["output_offset"], d["recorded_offset"], d["bytes_typed"] = v.Epoch, v.Output, x.Output, x.Typed
	d["started_in_session"] = idText(x.Session)
	if v.Driver != nil {
		d["driver"] = operatorDocument(*v.Driver)
	}
	operators := []any{}
	for _, o := range v.Operators {
		operators = append(operators, operatorDocument(o))
	}
	d["operators"] = operators
	if v.ExitStatus != nil {
		d["exit_status"] = *v.ExitStatus
	}
	if !v.Ended.IsZero() {
		d["ended_at"] = timeText(v.Ended)
	}
	if v.PID > 0 {
		d["pid"] = v.PID
	}
}

func operatorDocument(o Operator) map[string]any {
	return map[string]any{"session": idText(o.Session), "actor_id": idText(o.Actor), "actor_name": o.ActorName, "surface": surfaceWords[o.Surface]}
}

// addConcurrent adds the values of a field that stand side by side.
func (s scene) addConcurrent(to map[string]any, field string, r object.Register[string]) {
	if !r.Provisional() {
		return
	}
	var values []any
	for _, w := range r.Values() {
		values = append(values, map[string]any{"value": w.Value, "event_id": w.Event.String(), "actor": idText(w.Actor.ID), "at": timeText(w.At)})
	}
	to[field] = values
}

func idText(id event.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func idTexts(ids []event.ID) []any {
	all := make([]any, 0, len(ids))
	for _, id := range ids {
		all = append(all, id.String())
	}
	return all
}

func texts(words []string) []any {
	all := make([]any, 0, len(words))
	for _, w := range words {
		all = append(all, w)
	}
	return all
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
