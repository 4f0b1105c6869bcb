package api

import (
	"encoding/base64"
	"encoding/hex"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"atelier.dev/atelier/backend/event"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/studio"
)

func (w words) event(e studio.Event) *atelierv1.Event {
	h := e.Header
	return &atelierv1.Event{
		EventId: idText(e.ID), SchemaVersion: uint32(h.SchemaVersion), Workspace: idText(h.Workspace), Type: text(string(h.Type)),
		Lamport: h.Lamport, Parents: idTexts(h.Parents), Replica: w.chain(h.Replica), Seq: h.Seq, Prev: idText(h.Prev),
		ControlIndex: h.Basis.Index, ControlRecord: idText(h.Basis.Record),
		WallTime: timestamppb.New(time.Unix(0, h.WallTime)),
		ActorId:  idText(h.Actor.ID), ActorKind: actorKinds[h.Actor.Kind], ActorName: text(e.ActorName),
		Surface: studio.SurfaceWord(h.Surface), Session: idText(h.Session), ViewEpoch: h.ViewEpoch, Branch: idText(h.Branch),
		AffectedObjects: idTexts(h.Affected), ConsistencyClass: classes[h.Class],
		Facts: w.facts(h.Facts), BodyHash: idText(h.BodyHash), Body: body(e.Content),
		Summary: text(e.Summary), Subject: text(e.Subject), Verdict: text(e.Verdict), Gone: e.Gone,
	}
}

// pages cuts a page of events into messages that a client takes. The frontier
// comes with the last.
func (w words) pages(events []studio.Event, read studio.Frontier) []*atelierv1.ListEventsResponse {
	m := &atelierv1.ListEventsResponse{}
	all := []*atelierv1.ListEventsResponse{m}
	room := pageBytes
	for _, e := range events {
		one := w.event(e)
		size := proto.Size(one)
		if room -= size; room < 0 && len(m.Events) > 0 {
			m = &atelierv1.ListEventsResponse{}
			all, room = append(all, m), pageBytes-size
		}
		m.Events = append(m.Events, one)
	}
	m.ReadFrontier = w.heads(read)
	return all
}

// facts names what is there of a header's facts.
func (w words) facts(f event.Facts) *structpb.Struct {
	all := fields{}
	all.text("state", f.State)
	all.texts("fields", f.Fields)
	if r := f.Range; r != nil {
		all["range"] = fields{"from": r.From, "to": r.To, "root": r.Root}
	}
	if f.Note != nil {
		all["note"] = *f.Note
	}
	if t := f.Turn; t != nil {
		all["turn"] = fields{"epoch": t.Epoch, "driver": t.Driver, "session": t.Session}
	}
	if f.Typed != nil {
		all["typed"] = *f.Typed
	}
	if s := f.Size; s != nil {
		all["size"] = fields{"cols": s.Cols, "rows": s.Rows}
	}
	if e := f.Exit; e != nil {
		all["exit"] = fields{"status": e.Status, "signal": e.Signal}
	}
	all.id("request", f.Request)
	all.id("operator", f.Operator)
	if g := f.Genesis; g != nil {
		all["genesis"] = fields{"nonce": hex.EncodeToString(g.Nonce[:]), "replica": w.chain(g.Replica),
			"recovery_key": base64.StdEncoding.EncodeToString(g.RecoveryKey), "epoch": g.Epoch, "policy": g.Policy}
	}
	w.sharedFacts(all, f)
	return document(all)
}

// sharedFacts names the facts of checkpoints and control.
func (w words) sharedFacts(all fields, f event.Facts) {
	if c := f.Cut; c != nil {
		all["cut"] = w.cut(*c)
	}
	if d := f.Digest; d != nil {
		all["digest"] = fields{"fold_version": d.Version, "hash": d.Hash}
	}
	if a := f.Ask; a != nil {
		all["ask"] = fields{"type": string(a.Type), "valid_until": instant(a.Until)}
	}
	if d := f.Decision; d != nil {
		all["decision"] = fields{"request": d.Request, "outcome": d.Outcome, "reason": d.Reason}
	}
	if m := f.Member; m != nil {
		all["member"] = fields{"kind": actorKinds[m.Kind], "replica": w.chain(m.Replica)}
	}
	all.id("continues", f.Continues)
}

func (w words) cut(c event.Cut) fields {
	heads := make([]any, 0, len(c.Heads))
	for _, h := range c.Heads {
		heads = append(heads, fields{"chain": w.chain(h.Chain), "seq": h.Seq, "event_id": h.ID})
	}
	return fields{"heads": heads, "past": c.Past}
}

// instant is nil for a time without end.
func instant(ns int64) any {
	if ns == 0 {
		return nil
	}
	return time.Unix(0, ns)
}

// body names what is there of a decoded body; nil when there is none to show.
func body(content any) *structpb.Struct {
	all := fields{}
	switch b := content.(type) {
	case *event.WorkspaceCreated:
		all.text("workspace", b.Workspace)
		all.text("human", b.Human)
		all.text("device", b.Device)
	case *event.SessionOpened:
		all.text("label", b.Label)
		all.text("after", b.After)
	case *event.ExecutionStarted:
		all.text("name", b.Name)
		all.text("program", b.Program)
		all.texts("argv", b.Argv)
		all.text("cwd", b.Folder)
		all.texts("environment_names", b.Variables)
		all.text("isolation", b.Isolation)
	case *event.ExecutionRenamed:
		all.text("name", b.Name)
	case *event.ExecutionSignalled:
		all["signal"] = b.Signal
		all.text("name", b.Name)
	case *event.Remark:
		all.text("why", b.Why)
		all.text("label", b.Label)
	case *event.Change:
		all.values(b)
		all.text("why", b.Why)
	default:
		return nil
	}
	return document(all)
}

// values names what a change sets, adds and takes away.
func (f fields) values(b *event.Change) {
	set := fields{}
	for key, v := range b.Set {
		set[key] = v.String()
	}
	if len(set) > 0 {
		f["set"] = set
	}
	for name, part := range map[string]map[string][]event.Value{"add": b.Add, "remove": b.Remove} {
		all := fields{}
		for key, values := range part {
			texts := make([]string, 0, len(values))
			for _, v := range values {
				texts = append(texts, v.String())
			}
			all[key] = texts
		}
		if len(all) > 0 {
			f[name] = all
		}
	}
}

func (f fields) text(name, s string) {
	if s != "" {
		f[name] = s
	}
}

func (f fields) texts(name string, all []string) {
	if len(all) > 0 {
		f[name] = all
	}
}

func (f fields) id(name string, id event.ID) {
	if !id.IsZero() {
		f[name] = id
	}
}
