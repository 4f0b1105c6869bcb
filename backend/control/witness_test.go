package control

import (
	"reflect"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// unrelated is a past in which every event stands alone.
type unrelated struct{}

func (unrelated) Relate(_, _ event.ID) (causal.Relation, error) { return causal.Concurrent, nil }

// scene is a workspace with what requests name.
type scene struct {
	t       testing.TB
	events  []event.Event
	genesis event.ID
	own     uint64
	records uint64
}

func newScene(t testing.TB) *scene {
	s := &scene{t: t}
	g := event.Header{Type: event.WorkspaceCreatedType, Class: event.Control, Facts: event.Facts{Genesis: &event.Genesis{Replica: home, Epoch: 1}}}
	s.genesis = s.keep(event.ID{1}, g, nil).ID
	return s
}

func (s *scene) keep(id event.ID, h event.Header, body any) event.Event {
	s.t.Helper()
	e := event.Event{ID: id, Header: h}
	if body != nil {
		content, err := event.EncodeContent(body)
		if err == nil {
			e.Body, err = event.JoinBody(make([]byte, event.BodyNonceSize), content)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	s.events = append(s.events, e)
	return e
}

// write adds an event of anna that writes fields.
func (s *scene) write(id byte, t event.Type, f event.Facts, c event.Change) event.Event {
	f.Fields = c.Keys()
	s.own++
	return s.keep(event.ID{id}, event.Header{Type: t, Workspace: s.genesis, Replica: home, Seq: s.own - 1, Class: event.ClassOf(t), Branch: event.Derived(s.genesis, "main"),
		Actor: event.Actor{ID: event.Derived(s.genesis, "human"), Kind: event.Human}, WallTime: int64(s.own), Facts: f}, &c)
}

// enrol adds a record that takes in an actor of a name.
func (s *scene) enrol(id byte, name string) {
	c := event.Change{Set: map[string]event.Value{"name": event.Text(name)}}
	s.records++
	s.keep(event.ID{id}, event.Header{Type: event.ActorEnrolledType, Workspace: s.genesis, Replica: event.Chain(s.genesis[:]), Seq: s.records, Class: event.Control,
		Branch: event.Derived(s.genesis, "main"), Facts: event.Facts{Fields: c.Keys(), Member: &event.Member{Kind: event.Agent, Replica: home},
			Decision: &event.Decision{Request: event.ID{9}, Outcome: event.OutcomeDone}}}, &c)
}

func (s *scene) fold() *object.Fold {
	s.t.Helper()
	f := object.New(unrelated{})
	for _, e := range s.events {
		if _, err := f.Apply(e); err != nil {
			s.t.Fatal(err)
		}
	}
	return f
}

func (s *scene) request(name string, about ...event.ID) event.Event {
	c := event.Change{Set: map[string]event.Value{"name": event.Text(name)}}
	e := s.keep(event.ID{99}, event.Header{Type: event.RequestMadeType, Affected: about}, &c)
	s.events = s.events[:len(s.events)-1]
	return e
}

func TestRule18_AWitnessIsAFunction(t *testing.T) {
	s := newScene(t)
	s.enrol(2, "worker")
	for _, id := range []byte{8, 7} {
		s.write(id, event.TraceOpenedType, event.Facts{State: "open"}, event.Change{})
	}
	frozen := s.fold()
	for id, mode := range map[byte]string{20: "quiescent", 21: "suspended"} {
		s.write(id, event.CheckpointProposedType, event.Facts{State: "proposed", Cut: &event.Cut{Past: []event.ID{{7}}}},
			event.Change{Set: map[string]event.Value{"cut_mode": event.Text(mode)}})
	}
	objects := s.fold()
	human := event.Derived(s.genesis, "human")
	at := func(id byte, quiet bool) Fact {
		return Fact{Object: event.ID{id}, Kind: "checkpoint", States: []Stated{{"proposed", event.ID{id}}}, Digest: event.Digest{Version: 1, Hash: event.ID{id}}, Open: []event.ID{{7}, {8}}, Quiescent: quiet}
	}
	folds := map[event.ID]Frozen{}
	for _, id := range []byte{20, 21} {
		folds[event.ID{id}] = Frozen{frozen, event.Digest{Version: 1, Hash: event.ID{id}}}
	}
	for name, try := range map[string]struct {
		request event.Event
		want    []Fact
	}{
		"a name that is free":  {s.request("other"), []Fact{{Object: s.genesis, Kind: "workspace"}}},
		"a name that is taken": {s.request("worker"), []Fact{{Object: s.genesis, Kind: "workspace", NameTaken: true}}},
		"an actor":             {s.request("", human), []Fact{{Object: human, Kind: "actor", States: []Stated{{"active", s.genesis}}}}},
		"two checkpoints":      {s.request("", event.ID{20}, event.ID{21}), []Fact{at(20, true), at(21, false)}},
		"what is not here":     {s.request("", event.ID{66}), nil},
	} {
		got, err := Witness(try.request, s.genesis, objects, folds)
		if !reflect.DeepEqual(got, try.want) || (err == nil) != (try.want != nil) || err != nil && !fault.Is(err, "object_unknown") {
			t.Errorf("%s: %+v, want %+v: %v", name, got, try.want, err)
		}
	}
	if got, err := Witness(s.request("", event.ID{20}), s.genesis, objects, nil); err != nil || len(got) != 1 || got[0].Quiescent || got[0].Digest != (event.Digest{}) {
		t.Errorf("what no cut is given for: %+v, %v", got, err)
	}
}
