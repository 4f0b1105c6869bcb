package api

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/studio"
)

// asked is what the small studio was asked about objects and actors.
type asked struct {
	change  studio.ChangeRequest
	filter  studio.ObjectFilter
	ref     string
	kind    event.ActorKind
	session studio.SessionRequest
	after   time.Duration

	checkpoint studio.CheckpointRequest
	policy     studio.Retention
}

var (
	aDocument = map[string]any{"object_id": anID.String(), "title": "work"}
	aCause    = studio.Cause{Event: studio.Event{Event: event.Event{ID: anID}, Summary: "anna added work", Verdict: "valid"}, Follows: []event.ID{session}}
)

func (m *memory) Change(_ context.Context, _ studio.Caller, q studio.ChangeRequest) (studio.Changed, error) {
	m.asked.change = q
	return studio.Changed{ID: anID, Document: aDocument, Ack: acked}, m.did("Change")
}

func (m *memory) Objects(_ context.Context, _ studio.Caller, f studio.ObjectFilter) (studio.ObjectList, error) {
	m.asked.filter = f
	return studio.ObjectList{Objects: []map[string]any{aDocument}, Read: read}, nil
}

func (m *memory) WatchObjects(_ context.Context, _ studio.Caller, _ studio.ObjectFilter, each func(studio.ObjectList) error) error {
	return each(studio.ObjectList{Objects: []map[string]any{aDocument}, Partial: true, Read: read})
}

func (m *memory) RelateTo(_ context.Context, _ studio.Caller, a, b string, limit uint32) (studio.Related, error) {
	m.asked.ref = a + b
	return studio.Related{A: anID, B: session, Relation: "before", Concurrent: []studio.Cause{aCause}, More: limit == 1, Read: read}, nil
}

func (m *memory) Why(_ context.Context, _ studio.Caller, ref string, _ studio.Where, _ uint32) (studio.Reasons, error) {
	m.asked.ref = ref
	return studio.Reasons{Object: anID, Field: "title", Causes: []studio.Cause{aCause}, Read: read}, m.did("Why")
}

func (m *memory) WhyNot(_ context.Context, _ studio.Caller, ref string, t event.Type, _ studio.Where) (studio.Obstacles, error) {
	m.asked.ref = ref
	return studio.Obstacles{Object: anID, State: "pending", Allowed: []string{"work_item.claimed"},
		Against: []studio.Obstacle{{Type: t, Reason: "illegal_transition", Message: "m", Mend: "d", Events: []event.ID{session}}}, Read: read}, nil
}

func (m *memory) ImportGit(_ context.Context, _ studio.Caller, folder string, refs []string, each func(studio.GitProgress) error) error {
	m.asked.ref = folder + strings.Join(refs, "")
	return each(studio.GitProgress{Commits: 3, Known: 1, Lanes: 2, Done: true, Ack: acked})
}

func (m *memory) Sizes() ([]studio.Size, error) {
	return []studio.Size{{Kind: "headers", Count: 3, Bytes: 1 << 40}}, nil
}

func (m *memory) SizesNow(context.Context, studio.Caller) ([]studio.Size, studio.Frontier, error) {
	all, err := m.Sizes()
	return all, read, err
}

func (m *memory) WatchSizes(ctx context.Context, c studio.Caller, each func([]studio.Size, studio.Frontier) error) error {
	all, at, _ := m.SizesNow(ctx, c)
	return each(all, at)
}

// aPolicy is what the small studio lets go.
var aPolicy = studio.Retained{Checkpoint: anID, CheckpointName: "v1", Due: studio.Amount{Bodies: 1, BodyBytes: 2, Terminals: 3, TerminalBytes: 1 << 40},
	Gone: studio.Amount{Bodies: 5}, Running: 6, Read: read}

func (m *memory) Retention(context.Context, studio.Caller) (studio.Retained, error) {
	r := aPolicy
	r.Policy = m.asked.policy
	return r, nil
}

func (m *memory) SetRetention(ctx context.Context, c studio.Caller, q studio.Retention) (studio.Retained, error) {
	m.asked.policy = q
	r, err := m.Retention(ctx, c)
	return r, errors.Join(err, m.did("SetRetention"))
}

func (m *memory) Thin(context.Context, studio.Caller) (studio.Thinned, error) {
	return studio.Thinned{Checkpoint: anID, CheckpointName: "v1", Dropped: aPolicy.Due, Running: 7, Busy: 8, Ack: acked}, m.did("Thin")
}

func (m *memory) CreateCheckpoint(_ context.Context, _ studio.Caller, q studio.CheckpointRequest) (studio.CheckpointMade, error) {
	m.asked.checkpoint = q
	return studio.CheckpointMade{ID: anID, Name: q.Name, Digest: "d", Ack: acked}, m.did("CreateCheckpoint")
}

func (m *memory) decides(name, ref string) (studio.Decided, error) {
	m.asked.ref = ref
	return studio.Decided{ID: anID, Request: session, Record: anID, Index: 3, Document: aDocument, Ack: acked}, m.did(name)
}

func (m *memory) Finalize(_ context.Context, _ studio.Caller, ref, _ string) (studio.Decided, error) {
	return m.decides("Finalize", ref)
}

func (m *memory) Invalidate(_ context.Context, _ studio.Caller, ref, _ string) (studio.Decided, error) {
	return m.decides("Invalidate", ref)
}

func (m *memory) OpenCheckpoint(context.Context, studio.Caller, string) (studio.Changed, error) {
	return studio.Changed{ID: anID, Document: aDocument, Ack: acked}, m.did("OpenCheckpoint")
}

func (m *memory) Diff(_ context.Context, _ studio.Caller, a, b, branch string) (studio.Compared, error) {
	m.asked.ref = a + b + branch
	return studio.Compared{Relation: "before", OnlyA: 0, OnlyB: 2, DigestA: "da", DigestB: "db", Read: read, Differences: []studio.Difference{
		{ID: anID, Kind: "work_item", Name: "work", How: "changed", Fields: []studio.FieldDifference{{Field: "title", A: "old"}}}}}, m.did("Diff")
}

func (m *memory) AddActor(_ context.Context, _ studio.Caller, name string, kind event.ActorKind) (studio.Decided, error) {
	m.asked.ref, m.asked.kind = name, kind
	return studio.Decided{ID: anID, Request: session, Record: anID, Index: 1, Ack: acked}, m.did("AddActor")
}

func (m *memory) RetireActor(_ context.Context, _ studio.Caller, ref, _ string) (studio.Decided, error) {
	m.asked.ref = ref
	return studio.Decided{ID: anID, Request: session, Record: anID, Index: 2, Ack: acked}, m.did("RetireActor")
}

func (m *memory) NewSession(_ context.Context, q studio.SessionRequest) (studio.Opened, error) {
	m.asked.session = q
	return studio.Opened{Session: studio.Session{ID: session, Actor: anID, ActorName: "anna"}, Ack: acked}, m.did("NewSession")
}

func (m *memory) ShowSession(context.Context, studio.Caller, string) (studio.SessionState, error) {
	return studio.SessionState{Document: aDocument, Floor: read, Deps: []event.ID{anID}, Read: read}, m.did("ShowSession")
}

func (m *memory) ExportSession(_ context.Context, _ studio.Caller, _ string, after time.Duration) (string, studio.Frontier, error) {
	m.asked.after = after
	return "atelier-session.x", read, m.did("ExportSession")
}

func (m *memory) ImportSession(_ context.Context, exported string, _ event.Surface, _ bool) (studio.Opened, error) {
	m.asked.ref = exported
	return studio.Opened{Session: studio.Session{ID: session, Actor: anID}, Continues: anID, Ack: acked}, m.did("ImportSession")
}

func (m *memory) CloseSession(context.Context, studio.Caller, string) (event.ID, studio.Ack, error) {
	return session, acked, m.did("CloseSession")
}

// says wants an answer that has all of some parts.
func (w *world) says(method, body string, parts ...string) {
	w.t.Helper()
	a := w.call(method, body, SessionHeader, session.String())
	for _, part := range parts {
		if a.status != 200 || !strings.Contains(a.body, part) {
			w.t.Errorf("%s answers %d %s, without %s", method, a.status, a.body, part)
		}
	}
}

func TestAChangeIsHandedOnWhole(t *testing.T) {
	w := newWorld(t)
	w.says("ObjectService/Change", `{"type":"work_item.updated","object":"work","set":{"title":"new","size":7,"done":true},"add":{"depends_on":["a","b"]},"remove":{"inputs":["c"]},
		"why":"w","branch":"b","state":"active","basedOn":["e"]}`, `"objectId":"`+anID.String()+`"`, `"title":"work"`, `"ackEventId":`)
	q := w.studio.asked.change
	if q.Type != event.WorkItemUpdatedType || q.Object != "work" || q.Set["title"] != "new" || q.Set["size"] != int64(7) || q.Set["done"] != true ||
		len(q.Add["depends_on"]) != 2 || q.Remove["inputs"][0] != "c" || q.Why != "w" || q.Branch != "b" || q.State != "active" || q.BasedOn[0] != "e" {
		t.Errorf("the studio was asked %+v", q)
	}
	for _, value := range []string{`1.5`, `1e300`, `null`, `[1]`, `{}`} {
		if a := w.call("ObjectService/Change", `{"type":"work_item.updated","set":{"title":`+value+`}}`, SessionHeader, session.String()); a.code != "invalid_argument" || !strings.Contains(a.body, "value_bad") {
			t.Errorf("%s: %d %s", value, a.status, a.body)
		}
	}
}

func TestObjectsAreAnswered(t *testing.T) {
	w := newWorld(t)
	w.says("ObjectService/List", `{"kind":"work_item","branch":"b","at":"c","state":"pending"}`, `"objects":[{`, `"readFrontier":[{`)
	if f := w.studio.asked.filter; f.Kind != "work_item" || f.Branch != "b" || f.At != "c" || f.State != "pending" {
		t.Errorf("the studio was asked %+v", f)
	}
	w.says("ObjectService/Relate", `{"a":"x","b":"y","limit":1}`, `"relation":"before"`, `"concurrent":[{`, `"more":true`, `"follows":["`+session.String())
	w.says("ObjectService/Why", `{"ref":"work.title"}`, `"field":"title"`, `"summary":"anna added work"`)
	w.says("ObjectService/WhyNot", `{"object":"work","type":"work_item.completed"}`, `"state":"pending"`, `"allowed":["work_item.claimed"]`, `"reason":"illegal_transition"`, session.String())
}

func TestAnImportTellsItsProgress(t *testing.T) {
	w := newWorld(t)
	a := ask(t, w.local, "POST", "http://core/api/atelier.v1.ObjectService/ImportGit", envelope(`{"folder":"/src","refs":["main"]}`), "Content-Type", "application/connect+json", SessionHeader, session.String())
	if a.status != 200 || !strings.Contains(a.body, `"commits":"3"`) || !strings.Contains(a.body, `"lanes":"2"`) || w.studio.asked.ref != "/srcmain" {
		t.Errorf("it answers %d %s to %s", a.status, a.body, w.studio.asked.ref)
	}
}

func TestSizesAreAnswered(t *testing.T) {
	newWorld(t).says("CoreService/Doctor", `{}`, `"sizes":[{`, `"headers"`, `"1099511627776"`)
}

func TestRetentionIsAnswered(t *testing.T) {
	w := newWorld(t)
	a := ask(t, w.local, "POST", "http://core/api/atelier.v1.RetentionService/WatchSizes", envelope(`{}`), "Content-Type", "application/connect+json", SessionHeader, session.String())
	if a.status != 200 || !strings.Contains(a.body, `"kind":"headers"`) || !strings.Contains(a.body, `"readFrontier":[{`) {
		t.Errorf("watching answers %d %s", a.status, a.body)
	}
	w.says("RetentionService/Sizes", `{}`, `"kind":"headers"`, `"1099511627776"`, `"readFrontier":[{`)
	w.says("RetentionService/Set", `{"checkpoint":"newest","bodies":"all","terminals":"drop"}`, `"now":{`, `"checkpoint":"newest"`, `"bodies":"all"`, `"terminals":"drop"`)
	w.says("RetentionService/Show", `{}`, `"checkpointId":"`+anID.String(), `"checkpointName":"v1"`, `"due":{"bodies":"1"`, `"terminalBytes":"1099511627776"`, `"gone":{"bodies":"5"`, `"running":"6"`, `"readFrontier":[{`)
	w.says("RetentionService/Thin", `{}`, `"checkpointName":"v1"`, `"dropped":{"bodies":"1"`, `"running":"7"`, `"busy":"8"`, `"ackEventId":`)
}

func TestCheckpointsAreAnswered(t *testing.T) {
	w := newWorld(t)
	w.says("CheckpointService/Create", `{"name":"c","branch":"b","at":"a","mode":"quiescent","scope":["x"]}`, `"objectId":"`+anID.String(), `"digest":"d"`, `"ackEventId":`)
	if q := w.studio.asked.checkpoint; q.Name != "c" || q.Branch != "b" || q.At != "a" || q.Mode != "quiescent" || q.Scope[0] != "x" {
		t.Errorf("the studio was asked %+v", q)
	}
	for _, method := range []string{"Finalize", "Invalidate"} {
		w.says("CheckpointService/"+method, `{"object":"`+method+`"}`, `"recordId":"`+anID.String(), `"controlIndex":"3"`, `"title":"work"`, `"ackEventId":`)
		if w.studio.asked.ref != method {
			t.Error(w.studio.asked.ref)
		}
	}
	w.says("CheckpointService/Open", `{"checkpoint":"c"}`, `"checkpoint":{`, `"ackEventId":`)
	w.says("CheckpointService/Diff", `{"a":"x","b":"y","branch":"z"}`, `"relation":"before"`, `"onlyB":"2"`, `"how":"changed"`, `"a":"old"`, `"digestB":"db"`)
}

func TestIdentitiesAreAnswered(t *testing.T) {
	w := newWorld(t)
	w.says("IdentityService/AddActor", `{"name":"worker","kind":"agent"}`, `"actorId":"`+anID.String(), `"requestId":"`+session.String(), `"ackEventId":`)
	if w.studio.asked.ref != "worker" || w.studio.asked.kind != event.Agent {
		t.Errorf("the studio was asked %+v", w.studio.asked)
	}
	if a := w.call("IdentityService/AddActor", `{"name":"worker","kind":"robot"}`, SessionHeader, session.String()); !strings.Contains(a.body, "kind_unknown") {
		t.Error(a.body)
	}
	w.says("IdentityService/RetireActor", `{"actor":"worker"}`, `"recordId":"`+anID.String())
	w.says("IdentityService/NewSession", `{"as":"worker","surface":"mcp","label":"l","forget":true}`, `"token":"`+session.String(), `"actorName":"anna"`)
	if q := w.studio.asked.session; q.As != "worker" || q.Surface != event.SurfaceMCP || q.Label != "l" || !q.Forget {
		t.Errorf("the studio was asked %+v", q)
	}
	if a := w.call("IdentityService/NewSession", `{"surface":"system"}`); !strings.Contains(a.body, "surface_unknown") {
		t.Error(a.body)
	}
	w.says("IdentityService/ShowSession", `{}`, `"floor":[{`, `"deps":["`+anID.String())
	w.says("IdentityService/ExportSession", `{"seconds":90}`, `"exported":"atelier-session.x"`)
	if w.studio.asked.after != 90*time.Second {
		t.Error(w.studio.asked.after)
	}
	w.says("IdentityService/ImportSession", `{"exported":"atelier-session.x"}`, `"continues":"`+anID.String())
	w.says("IdentityService/CloseSession", `{"session":"x"}`, `"session":"`+session.String(), `"ackEventId":`)
}
