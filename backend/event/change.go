package event

import (
	"maps"
	"slices"
)

// Change is the body of an event that writes fields of an object: values for
// registers, and elements that come into sets or leave them. Its keys are those
// that the facts name, or the body is ill-formed.
type Change struct {
	Set    map[string]Value   `cbor:"1,keyasint,omitempty"`
	Add    map[string][]Value `cbor:"2,keyasint,omitempty"`
	Remove map[string][]Value `cbor:"3,keyasint,omitempty"`
	// Why is said in words for people.
	Why string `cbor:"4,keyasint,omitempty"`
}

// Keys returns the keys of the fields that the change writes, ascending: what
// the facts of its event name.
func (c Change) Keys() []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(c.Set)), maps.Keys(c.Add))
	return slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(keys, maps.Keys(c.Remove)))))
}
