package studio

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/object"
)

// Diff says how two cuts stand to each other, and which objects and fields are
// not the same. Reasons: those of cuts.
func (s *Studio) Diff(ctx context.Context, c Caller, a, b, branch string) (Compared, error) {
	if _, err := s.branch(branch); err != nil {
		return Compared{}, err
	}
	cuts, scenes := [2]*cut{}, [2]scene{}
	for n, at := range []string{a, b} {
		var err error
		if cuts[n], scenes[n], err = s.frozen(at); err != nil {
			return Compared{}, err
		}
	}
	d := Compared{DigestA: s.digest(cuts[0], scenes[0].objects).Hash.String(), DigestB: s.digest(cuts[1], scenes[1].objects).Hash.String()}
	both := cuts[0].Union(cuts[1].Cut).Count()
	d.OnlyA, d.OnlyB = uint64(both-cuts[1].Count()), uint64(both-cuts[0].Count())
	d.Relation = relationOf(d.OnlyA, d.OnlyB).String()
	d.Differences = differences(scenes[0], scenes[1])
	var err error
	d.Read, err = s.served(ctx, c, func() {})
	return d, err
}

// cutAt is a cut as a caller names it; now is a cut too: all that is here.
func (s *Studio) cutAt(at string) (*cut, error) {
	c, err := s.cutOf(at)
	if err == nil && c == nil {
		c, err = s.cutOf(arrivalWord + fmt.Sprint(s.appliedNow()))
	}
	return c, err
}

// frozen is a cut with its scene.
func (s *Studio) frozen(at string) (*cut, scene, error) {
	c, err := s.cutAt(at)
	if err != nil {
		return nil, scene{}, err
	}
	f, err := s.foldAt(c)
	return c, scene{s, f, true}, err
}

func relationOf(onlyA, onlyB uint64) causal.Relation {
	switch {
	case onlyA == 0 && onlyB == 0:
		return causal.Same
	case onlyA == 0:
		return causal.Before
	case onlyB == 0:
		return causal.After
	}
	return causal.Concurrent
}

// compared are the kinds whose objects a difference names: what people work on.
var compared = []object.Kind{object.KindWorkItem, object.KindCheckpoint, object.KindArtifact, object.KindTrace, object.KindView, object.KindExecution, object.KindActor}

func differences(a, b scene) (all []Difference) {
	for _, kind := range compared {
		for _, o := range a.objects.Objects(kind) {
			n := o.Head()
			other, there := b.objects.Object(n.ID)
			switch {
			case !there:
				all = append(all, differenceOf(a, o, "only_a"))
			default:
				if d := differenceOf(a, o, "changed"); d.compare(a.document(o), b.document(other)) {
					all = append(all, d)
				}
			}
		}
		for _, o := range b.objects.Objects(kind) {
			if _, there := a.objects.Object(o.Head().ID); !there {
				all = append(all, differenceOf(b, o, "only_b"))
			}
		}
	}
	return all
}

func differenceOf(s scene, o object.Object, how string) Difference {
	n := o.Head()
	return Difference{ID: n.ID, Kind: string(n.Kind), Name: s.objects.Name(n.ID), How: how}
}

// behind are the members of a document that say which events stand behind it, or
// when: those of two cuts differ whenever an event lies between them.
var behind = []string{"frontier", "updated_at", "metadata"}

// compare notes the fields of two documents that are not the same, and reports
// whether there are any.
func (d *Difference) compare(a, b map[string]any) bool {
	keys := make([]string, 0, len(a)+len(b))
	for _, m := range []map[string]any{a, b} {
		for key := range m {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if !slices.Contains(behind, key) && !reflect.DeepEqual(a[key], b[key]) {
			d.Fields = append(d.Fields, FieldDifference{Field: key, A: a[key], B: b[key]})
		}
	}
	return len(d.Fields) > 0
}
