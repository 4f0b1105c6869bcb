// Package causal holds the words of causality (before, after, concurrent), and an
// order of events that answers them for any two and knows their closed sets.
// SPEC.md beside this file numbers its rules.
//
// The package is pure: no clock, no I/O, no lock.
package causal

// Relation says how one event stands to another. Exactly one holds for any two.
type Relation uint8

// The relations of a to b.
const (
	Same       Relation = 1 // a is b
	Before     Relation = 2 // a lies in the past of b
	After      Relation = 3 // b lies in the past of a
	Concurrent Relation = 4 // neither knew of the other
)

var relations = [...]string{Same: "same", Before: "before", After: "after", Concurrent: "concurrent"}

// String returns the relation's word, as the API and the command line use it.
func (r Relation) String() string {
	if r == 0 || int(r) >= len(relations) {
		return "unknown"
	}
	return relations[r]
}
