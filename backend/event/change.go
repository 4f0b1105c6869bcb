package event

import (
	"fmt"
	"maps"
	"slices"

	"atelier.dev/atelier/backend/fault"
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

// Check reports what no reader takes of a change: it is for whoever writes one.
// Reasons: fields, values_count, text_long.
func (c Change) Check() error {
	if keys := c.Keys(); len(keys) > MaxFields || slices.ContainsFunc(keys, func(key string) bool { return !word(key) }) {
		return fault.New(fault.InvalidArgument, "fields", "a field is not a word, or there are more than 64", "name fields of the object's kind")
	}
	for _, key := range slices.Sorted(maps.Keys(c.Set)) {
		if err := checkLong(c.Set[key]); err != nil {
			return err
		}
	}
	for _, part := range []map[string][]Value{c.Add, c.Remove} {
		for _, key := range slices.Sorted(maps.Keys(part)) {
			values := part[key]
			if len(values) == 0 || len(values) > MaxElements {
				return fault.New(fault.InvalidArgument, "values_count", fmt.Sprintf("%d values come to %s or leave it, and one event takes 1 to %d", len(values), key, MaxElements), "write them in several events")
			}
			if err := checkLong(values...); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkLong(values ...Value) error {
	for _, v := range values {
		if len(v.text) > MaxText {
			return fault.New(fault.InvalidArgument, "text_long", fmt.Sprintf("the text has %d bytes, and a field holds at most %d", len(v.text), MaxText), "keep it in a file, and name that")
		}
	}
	return nil
}

// ReadChange reads the body of an event that writes fields: it holds values for
// those that the header's facts name, and for no others. Reason body_ill_formed.
func ReadChange(h Header, body []byte) (Change, error) {
	into, err := DecodeBody(h.Type, body)
	if err != nil {
		return Change{}, err
	}
	c, is := into.(*Change)
	if !is {
		return Change{}, malformed("body_ill_formed", "events of type "+string(h.Type)+" write no fields")
	}
	if !slices.Equal(c.Keys(), h.Facts.Fields) {
		return Change{}, malformed("body_ill_formed", "the body writes other fields than the header says")
	}
	return *c, nil
}
