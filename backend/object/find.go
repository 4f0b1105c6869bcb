package object

import (
	"fmt"
	"slices"
	"strings"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Object returns an object by its id.
func (f *Fold) Object(id event.ID) (Object, bool) {
	o, known := f.objects[id]
	if !known && f.part != nil {
		return f.part(id)
	}
	return o, known
}

// Execution returns an execution by its id.
func (f *Fold) Execution(id event.ID) (*Execution, bool) { return get[*Execution](f, id) }

// Session returns a session by its id.
func (f *Fold) Session(id event.ID) (*Session, bool) { return get[*Session](f, id) }

// Actor returns an actor by its id.
func (f *Fold) Actor(id event.ID) (*Actor, bool) { return get[*Actor](f, id) }

// Workspace returns the workspace; there is none before genesis.
func (f *Fold) Workspace() (*Workspace, bool) { return get[*Workspace](f, f.workspace) }

func get[T Object](f *Fold, id event.ID) (T, bool) {
	o, _ := f.Object(id)
	t, is := o.(T)
	return t, is
}

// Executions returns all executions by the wall time of their creation, then id.
func (f *Fold) Executions() []*Execution {
	ids := f.order[KindExecution]
	all := make([]*Execution, len(ids))
	for i, id := range ids {
		all[i] = f.objects[id].(*Execution)
	}
	return all
}

// Objects returns all objects of a kind by the wall time of their creation, then
// id.
func (f *Fold) Objects(kind Kind) []Object {
	ids := f.order[kind]
	all := make([]Object, len(ids))
	for i, id := range ids {
		all[i] = f.objects[id]
	}
	return all
}

// Open returns the traces that are open, in order of creation.
func (f *Fold) Open() (open []event.ID) {
	for _, o := range f.Objects(KindTrace) {
		if x, is := o.(*Entity); is && x.State() == "open" {
			open = append(open, x.ID)
		}
	}
	return open
}

// Entity returns an entity by its id.
func (f *Fold) Entity(id event.ID) (*Entity, bool) { return get[*Entity](f, id) }

// Len returns how many objects there are.
func (f *Fold) Len() int { return len(f.objects) }

// Kind returns the kind of an object.
func (f *Fold) Kind(id event.ID) (Kind, bool) {
	if o, known := f.Object(id); known {
		return o.Head().Kind, true
	}
	return "", false
}

// Version returns the maximal events that affect an object, ascending: what a
// write that builds on the object follows. It is nil for an unknown one.
func (f *Fold) Version(id event.ID) []event.ID {
	if o, known := f.Object(id); known {
		return o.Head().Frontier
	}
	return nil
}

// NameInUse reports whether an execution has a name, as one of several too.
func (f *Fold) NameInUse(name string) bool {
	return len(f.ofKind(f.index.named[name], KindExecution)) > 0
}

// Find returns the one object that a person means by its name, its id or a part
// of at least event.MinPrefix from the start of its id; of any kind if kind is
// empty. A name goes before an id. Reasons, with the kind in front or "object":
// _unknown (not_found), _ambiguous (invalid_argument; lists the ids).
func (f *Fold) Find(kind Kind, ref string) (event.ID, error) {
	if f.part != nil {
		return f.findPart(kind, ref)
	}
	found := f.ofKind(f.index.named[ref], kind)
	if len(found) == 0 {
		found = f.ofKind(f.index.begin(ref), kind)
	}
	switch len(found) {
	case 0:
		return event.ID{}, f.unknown(kind, ref)
	case 1:
		return found[0], nil
	}
	return event.ID{}, ambiguous(kind, ref, found)
}

func (f *Fold) unknown(kind Kind, ref string) error {
	return fault.New(fault.NotFound, word(kind)+"_unknown", fmt.Sprintf("there is no %s %q", wordFor(kind), shown(ref)), "see `"+listOf(kind)+"`")
}

// word is a kind in a reason.
func word(kind Kind) string {
	if kind == "" {
		return "object"
	}
	return string(kind)
}

func ambiguous(kind Kind, ref string, found []event.ID) error {
	var ids []string
	for _, id := range found[:min(len(found), maxCandidates)] {
		ids = append(ids, id.String())
	}
	return fault.New(fault.InvalidArgument, word(kind)+"_ambiguous",
		fmt.Sprintf("%q can mean %d of them, among them %s", shown(ref), len(found), strings.Join(ids, ", ")),
		"give more letters of the id").With("candidates", strings.Join(ids, " "))
}

func (f *Fold) ofKind(ids []event.ID, kind Kind) []event.ID {
	if kind == "" {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id event.ID) bool { return f.objects[id].Head().Kind != kind })
}

// listOf is the command that lists what there is of a kind.
func listOf(kind Kind) string {
	switch kind {
	case KindWorkItem:
		return "atelier work list"
	case KindBranch, KindCheckpoint, KindActor:
		return "atelier " + string(kind) + " list"
	}
	return "atelier ps"
}

func wordFor(kind Kind) string {
	switch kind {
	case KindExecution:
		return "terminal"
	case KindView:
		return "view"
	}
	return strings.ReplaceAll(word(kind), "_", " ")
}

func shown(ref string) string {
	if letters := []rune(ref); len(letters) > maxShownRef {
		return string(letters[:maxShownRef]) + "…"
	}
	return ref
}

// index leads from what people call an object to its id.
type index struct {
	named  map[string][]event.ID // ascending
	starts map[string][]event.ID // by the shortest part of an id that is taken
}

func newIndex() index { return index{map[string][]event.ID{}, map[string][]event.ID{}} }

func (x index) add(id event.ID, names []string) {
	put(x.starts, id.String()[:event.MinPrefix], id)
	x.rename(id, nil, names)
}

func (x index) rename(id event.ID, old, names []string) {
	if slices.Equal(old, names) {
		return
	}
	for _, name := range old {
		if x.named[name] = slices.DeleteFunc(slices.Clone(x.named[name]), func(other event.ID) bool { return other == id }); len(x.named[name]) == 0 {
			delete(x.named, name)
		}
	}
	for _, name := range names {
		put(x.named, name, id)
	}
}

func put(in map[string][]event.ID, key string, id event.ID) {
	if at, there := slices.BinarySearchFunc(in[key], id, byID); !there {
		in[key] = slices.Insert(in[key], at, id) // nobody keeps the list
	}
}

// begin returns the ids whose text begins with ref.
func (x index) begin(ref string) []event.ID {
	if len(ref) < event.MinPrefix {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(x.starts[ref[:event.MinPrefix]]), func(id event.ID) bool { return !strings.HasPrefix(id.String(), ref) })
}
