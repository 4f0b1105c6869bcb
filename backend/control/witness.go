package control

import (
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/object"
)

// quiescent is the mode of a checkpoint in which nothing may be open.
const quiescent = "quiescent"

// Frozen is what the cut of a checkpoint folds to.
type Frozen struct {
	Objects *object.Fold
	Digest  event.Digest
}

// Witness gathers what a request is judged by: facts of the objects that it
// names, in its order, as objects has them at as_of; of a request that names none,
// of the workspace. Frozen has the checkpoints among them by id. Fault: object_unknown.
func Witness(request event.Event, workspace event.ID, objects *object.Fold, frozen map[event.ID]Frozen) ([]Fact, error) {
	if len(request.Header.Affected) == 0 {
		return []Fact{{Object: workspace, Kind: string(object.KindWorkspace), NameTaken: actsAs(objects, nameIn(request))}}, nil
	}
	facts := make([]Fact, 0, len(request.Header.Affected))
	for _, id := range request.Header.Affected {
		o, known := objects.Object(id)
		if !known {
			return nil, fault.New(fault.NotFound, "object_unknown", "what the request names is not here", "read it again")
		}
		facts = append(facts, factOf(o, frozen[id]))
	}
	return facts, nil
}

func factOf(o object.Object, frozen Frozen) Fact {
	n := o.Head()
	f := Fact{Object: n.ID, Kind: string(n.Kind)}
	switch o := o.(type) {
	case *object.Entity:
		for _, w := range o.States() {
			f.States = append(f.States, Stated{State: string(w.Value), Event: w.Event})
		}
		if frozen.Objects != nil {
			f.Digest, f.Open, f.Quiescent = frozen.Digest, openIn(frozen.Objects), o.Text("cut_mode") == quiescent
		}
	case *object.Actor:
		f.States = []Stated{{State: string(o.State), Event: n.Frontier[0]}}
	}
	return f
}

// openIn names what is open in a cut, as many as an entry holds.
func openIn(frozen *object.Fold) []event.ID {
	open := frozen.Open()
	slices.SortFunc(open, byID)
	return open[:min(len(open), MaxOpen)]
}

// actsAs reports whether an actor that is not retired has a name.
func actsAs(objects *object.Fold, name string) bool {
	return slices.ContainsFunc(objects.Objects(object.KindActor), func(o object.Object) bool {
		a, is := o.(*object.Actor)
		return is && a.State == object.Enrolled && slices.Contains(a.Names(), name)
	})
}

// nameIn is the name that a request asks for.
func nameIn(request event.Event) string {
	body, err := event.DecodeBody(request.Header.Type, request.Body)
	if change, is := body.(*event.Change); err == nil && is {
		return change.Set["name"].String()
	}
	return ""
}
