package object

import (
	"maps"
	"slices"
)

// Frozen returns what a snapshot needs of the fold, which may then go on: it can
// be written at leisure, in another goroutine.
func (f *Fold) Frozen() *Fold {
	g := *f
	g.members, g.next, g.objects = maps.Clone(f.members), maps.Clone(f.next), maps.Clone(f.objects)
	g.judged, g.calls.replaced = maps.Clone(f.judged), maps.Clone(f.calls.replaced)
	g.order, g.calls.made = clones(f.order, compareText[Kind]), clones(f.calls.made, byID)
	g.index = index{} // a snapshot has none
	return &g
}

func clones[K comparable, V any](lists map[K][]V, order func(a, b K) int) map[K][]V {
	all := make(map[K][]V, len(lists))
	for _, key := range slices.SortedFunc(maps.Keys(lists), order) {
		all[key] = slices.Clone(lists[key])
	}
	return all
}
