package object

import (
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Fold holds the objects that the events applied so far make.
type Fold struct {
	past      *memory
	workspace event.ID // zero before genesis
	main      event.ID
	members   map[event.ID]membership
	next      map[event.Chain]uint64 // the seq that each chain goes on with
	forked    map[event.Chain]bool   // chains that have more than one history
	objects   map[event.ID]Object
	order     map[Kind][]event.ID // the objects of a kind by creation
	index     index
	calls     calls
	judged    map[event.ID]Judgement // what is not valid
	// retells says what events were judged in a fold of all; nil in that one.
	retells func(event.ID) Judgement
	// part takes in an object; nil but in a fold of parts.
	part func(event.ID) (Object, bool)
}

// New returns an empty fold. It asks past about the events applied to it.
func New(past Past) *Fold {
	return &Fold{past: &memory{past: past}, next: map[event.Chain]uint64{}, objects: map[event.ID]Object{}, judged: map[event.ID]Judgement{},
		order: map[Kind][]event.ID{}, members: map[event.ID]membership{}, index: newIndex(), calls: newCalls()}
}

// effect is what an event does: the new values of objects, a new name, and who
// may act.
type effect struct {
	objects []Object
	naming  *naming
	member  *member
}

// member is what control says of an actor.
type member struct {
	actor event.ID
	is    membership
}

// A rule judges an event of its type. It returns the event's effect or refuses
// it, and changes nothing itself.
type rule func(*Fold, event.Event) (effect, *fault.Error)

var rules = map[event.Type]rule{
	event.WorkspaceCreatedType:        founded,
	event.SessionOpenedType:           opened,
	event.SessionJoinedType:           joined,
	event.SessionClosedType:           closed,
	event.RequestMadeType:             asked,
	event.ActorEnrolledType:           enrols,
	event.ActorRetiredType:            retires,
	event.ExecutionStartedType:        started,
	event.ExecutionRenamedType:        renamed,
	event.ExecutionRunningType:        ran,
	event.ExecutionAttachedType:       ran,
	event.ExecutionDetachedType:       ran,
	event.ExecutionControlChangedType: ran,
	event.ExecutionInputType:          ran,
	event.ExecutionResizedType:        ran,
	event.ExecutionSignalledType:      ran,
	event.ExecutionOutputType:         ran,
	event.ExecutionSuspendedType:      ran,
	event.ExecutionExitedType:         ran,
	event.ExecutionLostType:           ran,
	event.ExecutionRecoveredType:      ran,
}

// Apply judges an event that the log took and gives it its effect. An error is
// no verdict, and changes nothing: the caller broke its duties (see the package),
// or past failed, whose error is returned as it is. Reasons: genesis_first,
// workspace_foreign, out_of_order.
func (f *Fold) Apply(e event.Event) (Judgement, error) {
	if err := f.inOrder(e); err != nil {
		return Judgement{}, err
	}
	j, does := f.judge(e)
	if err := f.past.failed; err != nil {
		f.past.failed = nil
		return Judgement{}, err
	}
	chain := chainOf(e)
	f.next[chain] = max(f.next[chain], e.Header.Seq+1)
	if j.Verdict != Valid {
		f.judged[e.ID] = j
	}
	if e.Header.Type == event.WorkspaceCreatedType {
		f.workspace, f.main = e.ID, event.Derived(e.ID, "main")
		f.members[event.Derived(e.ID, "human")] = membership{kind: event.Human}
		f.members[event.Derived(e.ID, "system")] = membership{kind: event.Service}
	}
	for _, o := range does.objects {
		f.put(o)
	}
	f.calls.take(does.naming)
	if does.member != nil {
		f.members[does.member.actor] = does.member.is
	}
	return j, nil
}

// ruleOf returns what judges events of a type, nil for a type that means nothing
// to this version.
func ruleOf(t event.Type) rule {
	if byType[t] != nil {
		return took
	}
	return rules[t]
}

func (f *Fold) judge(e event.Event) (Judgement, effect) {
	if f.retells != nil {
		return f.retold(e)
	}
	if f.opaque(e) {
		return Judgement{Verdict: Opaque}, f.cloud(e)
	}
	if why := f.acts(e); why != nil {
		return Judgement{Void, why}, effect{}
	}
	does, why := ruleOf(e.Header.Type)(f, e)
	if why != nil {
		return Judgement{Void, why}, effect{}
	}
	return Judgement{Verdict: Valid}, does
}

// Judgement returns what Apply said of an event that was applied.
func (f *Fold) Judgement(id event.ID) Judgement {
	if f.retells != nil {
		return f.retells(id)
	}
	if j, bad := f.judged[id]; bad {
		return j
	}
	return Judgement{Verdict: Valid}
}

// chainOf returns the chain that an event lies on. Genesis does not name the
// control chain, whose first record it is.
func chainOf(e event.Event) event.Chain {
	if e.Header.Type == event.WorkspaceCreatedType {
		return event.Chain(e.ID[:])
	}
	return e.Header.Replica
}

func (f *Fold) inOrder(e event.Event) error {
	genesis := e.Header.Type == event.WorkspaceCreatedType
	switch {
	case genesis != f.workspace.IsZero():
		return disorder("genesis_first", "genesis is applied first, and once")
	case !genesis && e.Header.Workspace != f.workspace:
		return disorder("workspace_foreign", "the event is of another workspace")
	case f.retells == nil && !f.continues(e):
		return disorder("out_of_order", "the event is not the next of its chain")
	case f.retells == nil && !genesis && f.next[event.Chain(f.workspace[:])] <= e.Header.Basis.Index:
		return disorder("out_of_order", "the event rests on a record of control that did not come before it")
	}
	return nil
}

// Forked tells that the replica of a chain signed two histories: the caller knows
// then which events come after which. A snapshot does not keep it.
func (f *Fold) Forked(chain event.Chain) {
	if f.forked == nil {
		f.forked = map[event.Chain]bool{}
	}
	f.forked[chain] = true
}

// continues reports whether an event may come next: it goes on with its chain, or
// with another history of it.
func (f *Fold) continues(e event.Event) bool {
	chain := chainOf(e)
	return e.Header.Seq == f.next[chain] || f.forked[chain] && e.Header.Seq < f.next[chain]
}

func disorder(reason, message string) error {
	return fault.New(fault.Internal, reason, message, "this is a defect of Atelier: rebuild from the log")
}

// cloud marks what an opaque event affects as not fully understood. An object
// that is not in the event's past is left alone, however early it arrived.
func (f *Fold) cloud(e event.Event) effect {
	var does effect
	for _, id := range e.Header.Affected {
		if o, known := f.objects[id]; known && f.knew(e, o) {
			n := o.Head().after(e, f.past)
			n.Metadata.NotUnderstood = true
			does.objects = append(does.objects, o.headed(n))
		}
	}
	return does
}

// knew reports whether what made an object lies in an event's past. Genesis
// lies in everyone's, by the basis. What stands in a frontier is after what
// made the object, so most events are answered without a look at the past.
func (f *Fold) knew(e event.Event, o Object) bool {
	n := o.Head()
	return n.CreatedBy == event.Actor{} ||
		slices.ContainsFunc(n.Frontier, func(id event.ID) bool { return slices.Contains(e.Header.Parents, id) }) ||
		f.past.follows(e, n.ID)
}

// named returns the one object that an event names, if the event's author can
// have known it.
func (f *Fold) named(e event.Event) (Object, *fault.Error) {
	if len(e.Header.Affected) != 1 {
		return nil, void("object_count", "the event does not name exactly one object", "name the object that it is about")
	}
	o, known := f.objects[e.Header.Affected[0]]
	if !known || !f.knew(e, o) {
		return nil, void("object_unknown", "what the event names is not in its past", "follow the event that made it")
	}
	return o, nil
}

// affected returns the one execution that an event names.
func (f *Fold) affected(e event.Event) (*Execution, *fault.Error) {
	o, err := f.named(e)
	if err != nil {
		return nil, err
	}
	x, is := o.(*Execution)
	if !is {
		return nil, void("object_kind", "the event is about an execution and names a "+string(o.Head().Kind), "name an execution")
	}
	return x, nil
}

// makesOnly refuses an event that makes an object, or none, and names another.
func makesOnly(e event.Event) *fault.Error {
	if len(e.Header.Affected) != 0 {
		return void("object_count", "the event names an object besides the one that it makes", "name none")
	}
	return nil
}

// put takes in a new object, or the new value of one.
func (f *Fold) put(o Object) {
	n := o.Head()
	old, known := f.objects[n.ID]
	f.objects[n.ID] = o
	if known {
		f.index.rename(n.ID, old.Names(), o.Names())
		return
	}
	f.index.add(n.ID, o.Names())
	f.enlist(n)
}

// enlist puts an object in its place in the order of creation.
func (f *Fold) enlist(n Envelope) {
	all := f.order[n.Kind]
	at, _ := slices.BinarySearchFunc(all, n, func(id event.ID, n Envelope) int {
		if c := f.objects[id].Head().CreatedAt.Compare(n.CreatedAt); c != 0 {
			return c
		}
		return byID(id, n.ID)
	})
	f.order[n.Kind] = slices.Insert(all, at, n.ID)
}
