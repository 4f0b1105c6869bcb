package object

import "atelier.dev/atelier/backend/event"

// NewAt returns an empty fold of a cut. It takes the events of the cut alone, in
// an order of arrival, from chains that may have gaps there; genesis comes first.
// What each is judged does not depend on the cut (SPEC.md, rule 2), so judged
// tells it, from a fold of all.
func NewAt(past Past, judged func(event.ID) Judgement) *Fold {
	f := New(past)
	f.retells = judged
	return f
}

// retold gives an event of a cut the effect that its judgement allows. A valid
// event that cannot be taken, because its chain has a gap before it, leaves what
// it is about marked as partial.
func (f *Fold) retold(e event.Event) (Judgement, effect) {
	j := f.retells(e.ID)
	if j.Verdict == Void {
		return j, effect{}
	}
	if f.opaque(e) {
		return j, f.cloud(e)
	}
	does, why := ruleOf(e.Header.Type)(f, e)
	if why == nil {
		return j, does
	}
	for _, id := range e.Header.Affected {
		if o, known := f.objects[id]; known {
			n := o.Head().after(e, f.past)
			n.Metadata.Partial = true
			does.objects = append(does.objects, o.headed(n))
		}
	}
	return j, does
}
