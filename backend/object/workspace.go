package object

import (
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// SystemName is what people read for the actor that the core itself is.
const SystemName = "Atelier"

// Workspace is one shared body of work. Its id is that of genesis.
type Workspace struct {
	Envelope
	Name   Register[string]
	Device Register[string] // of the first replica
}

// Actor is who acts.
type Actor struct {
	Envelope
	ActorKind event.ActorKind
	Name      Register[string]
	Home      event.Chain // the replica at which control enrolled it; empty where genesis did
	State     State       // Enrolled or Retired
}

// Session is one actor on one surface. It was opened when it was created.
type Session struct {
	Envelope
	Actor   event.Actor
	Surface event.Surface
	Label   Text // what the surface calls itself
	After   Text // why an earlier session could not go on, if one could not
	// Continues is the session that this one goes on for; zero for none.
	Continues event.ID
	Closed    bool
}

// Head returns the envelope.
func (w *Workspace) Head() Envelope { return w.Envelope }

// Names returns the names that stand, the default first.
func (w *Workspace) Names() []string { return textsOf(w.Name) }

func (w *Workspace) headed(n Envelope) Object { c := *w; c.Envelope = n; return &c }

// Head returns the envelope.
func (a *Actor) Head() Envelope { return a.Envelope }

// Names returns the names that stand, the default first.
func (a *Actor) Names() []string { return textsOf(a.Name) }

func (a *Actor) headed(n Envelope) Object { c := *a; c.Envelope = n; return &c }

// Head returns the envelope.
func (s *Session) Head() Envelope { return s.Envelope }

// Names returns nothing: a label is no name, many sessions have the same.
func (s *Session) Names() []string { return nil }

func (s *Session) headed(n Envelope) Object { c := *s; c.Envelope = n; return &c }

// founded takes genesis: the workspace, its first human and its system actor.
func founded(f *Fold, e event.Event) (effect, *fault.Error) {
	body, c := contentOf[event.WorkspaceCreated](e)
	first := func(name string, c Content) Register[string] { return Register[string]{}.write(e, f.past, name, c) }
	return effect{objects: []Object{
		&Workspace{bornOf(e, KindWorkspace), first(body.Workspace, c), first(body.Device, c)},
		enrolled(e, "human", event.Human, first(body.Human, c)),
		enrolled(e, "system", event.Service, first(SystemName, Read)),
	}}, nil
}

func enrolled(e event.Event, derived string, kind event.ActorKind, name Register[string]) *Actor {
	a := &Actor{Envelope: bornOf(e, KindActor), ActorKind: kind, Name: name, State: Enrolled}
	a.ID = event.Derived(e.ID, derived)
	return a
}

func opened(_ *Fold, e event.Event) (effect, *fault.Error) {
	body, c := contentOf[event.SessionOpened](e)
	s := &Session{Envelope: bornOf(e, KindSession), Actor: e.Header.Actor, Surface: e.Header.Surface, Label: Text{body.Label, c},
		After: Text{body.After, c}, Continues: e.Header.Facts.Continues}
	return effect{objects: []Object{s}}, makesOnly(e)
}

// joined orders what was concurrent, and makes nothing.
func joined(_ *Fold, e event.Event) (effect, *fault.Error) { return effect{}, makesOnly(e) }
