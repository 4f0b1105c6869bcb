package object

import (
	"slices"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Fold holds the objects that the events applied so far make.
type Fold struct {
	past      Past
	workspace event.ID // zero before genesis
	main      event.ID
	next      map[event.Chain]uint64 // the seq that each chain goes on with
	objects   map[event.ID]Object
	order     []event.ID // executions by creation
	index     index
	calls     calls
	judged    map[event.ID]Judgement // what is not valid
}

// New returns an empty fold. It asks past about the events applied to it.
func New(past Past) *Fold {
	return &Fold{past: past, next: map[event.Chain]uint64{}, objects: map[event.ID]Object{}, judged: map[event.ID]Judgement{},
		index: newIndex(), calls: calls{made: map[event.ID][]call{}, replaced: map[event.ID]string{}}}
}

// A rule judges an event of its type. It gives the event its effect, or refuses
// it and changes nothing.
type rule func(*Fold, event.Event) *fault.Error

var rules = map[event.Type]rule{
	event.WorkspaceCreatedType:        founded,
	event.SessionOpenedType:           opened,
	event.SessionJoinedType:           joined,
	event.ExecutionStartedType:        started,
	event.ExecutionRenamedType:        renamed,
	event.ExecutionRunningType:        ran,
	event.ExecutionAttachedType:       ran,
	event.ExecutionDetachedType:       ran,
	event.ExecutionControlChangedType: ran,
	event.ExecutionInputType:          ran,
	event.ExecutionResizedType:        ran,
	event.ExecutionOutputType:         ran,
	event.ExecutionSuspendedType:      ran,
	event.ExecutionExitedType:         ran,
	event.ExecutionLostType:           ran,
	event.ExecutionRecoveredType:      ran,
}

// Apply judges an event that the log took and gives it its effect. An error is
// no verdict but a breach of the caller's duties (see the package), and changes
// nothing. Reasons: genesis_first, workspace_foreign, out_of_order.
func (f *Fold) Apply(e event.Event) (Judgement, error) {
	if err := f.inOrder(e); err != nil {
		return Judgement{}, err
	}
	f.next[chainOf(e)]++
	j := Judgement{Verdict: Valid}
	if f.opaque(e) {
		j.Verdict = Opaque
		f.cloud(e)
	} else if why := rules[e.Header.Type](f, e); why != nil {
		j = Judgement{Void, why}
	}
	if j.Verdict != Valid {
		f.judged[e.ID] = j
	}
	return j, nil
}

// Judgement returns what Apply said of an event that was applied.
func (f *Fold) Judgement(id event.ID) Judgement {
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
	case e.Header.Seq != f.next[chainOf(e)]:
		return disorder("out_of_order", "the event is not the next of its chain")
	}
	return nil
}

func disorder(reason, message string) error {
	return fault.New(fault.Internal, reason, message, "this is a defect of Atelier: rebuild from the log")
}

// cloud marks what an opaque event affects as not fully understood. An object
// that is not in the event's past is left alone, however early it arrived.
func (f *Fold) cloud(e event.Event) {
	for _, id := range e.Header.Affected {
		o, known := f.objects[id]
		if !known || !f.knew(e, o) {
			continue
		}
		n := o.Head().after(e, f.past)
		n.Metadata.NotUnderstood = true
		f.objects[id] = o.headed(n)
	}
}

// knew reports whether what made an object lies in an event's past. Genesis
// lies in everyone's, by the basis. What stands in a frontier is after what
// made the object, so most events are answered without a look at the past.
func (f *Fold) knew(e event.Event, o Object) bool {
	n := o.Head()
	return n.CreatedBy == event.Actor{} ||
		slices.ContainsFunc(n.Frontier, func(id event.ID) bool { return slices.Contains(e.Header.Parents, id) }) ||
		follows(f.past, e, n.ID)
}

// affected returns the one execution that an event names, if the event's author
// can have known it.
func (f *Fold) affected(e event.Event) (*Execution, *fault.Error) {
	if len(e.Header.Affected) != 1 {
		return nil, void("object_count", "the event does not name exactly one object", "name the execution")
	}
	o, known := f.objects[e.Header.Affected[0]]
	if !known || !f.knew(e, o) {
		return nil, void("object_unknown", "what the event names is not in its past", "follow the event that made it")
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

// add takes a new object in.
func (f *Fold) add(o Object) {
	n := o.Head()
	f.objects[n.ID] = o
	f.index.add(n.ID, o.Names())
	if n.Kind != KindExecution {
		return
	}
	at, _ := slices.BinarySearchFunc(f.order, n, func(id event.ID, n Envelope) int {
		if c := f.objects[id].Head().CreatedAt.Compare(n.CreatedAt); c != 0 {
			return c
		}
		return byID(id, n.ID)
	})
	f.order = slices.Insert(f.order, at, n.ID)
}

// renew puts the value of an execution after an event in place of the one before.
func (f *Fold) renew(x *Execution, e event.Event) {
	x.Envelope = x.Envelope.after(e, f.past)
	f.index.rename(x.ID, f.objects[x.ID].Names(), x.Names())
	f.objects[x.ID] = x
}
