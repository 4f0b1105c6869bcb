package event

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// Value is what a field of an object holds, or one element of a set: text, a
// number, the id of an object, or yes and no. Values are compared with ==.
type Value struct {
	kind   ValueKind
	text   string
	number int64
	id     ID
}

// ValueKind says what a value is.
type ValueKind uint8

// The kinds of value. The zero Value is of no kind, and no field holds it.
const (
	TextValue   ValueKind = 1
	NumberValue ValueKind = 2
	IDValue     ValueKind = 3
	FlagValue   ValueKind = 4
)

// Text is a value of words.
func Text(s string) Value { return Value{kind: TextValue, text: s} }

// Number is a value of a whole number.
func Number(n int64) Value { return Value{kind: NumberValue, number: n} }

// Reference is a value that names an object or an event.
func Reference(id ID) Value { return Value{kind: IDValue, id: id} }

// Flag is a value of yes or no.
func Flag(yes bool) Value {
	if yes {
		return Value{kind: FlagValue, number: 1}
	}
	return Value{kind: FlagValue}
}

// Kind returns what the value is, 0 for the zero Value.
func (v Value) Kind() ValueKind { return v.kind }

// ID returns the id of a reference, zero for any other value.
func (v Value) ID() ID { return v.id }

// Number returns the number, 0 for any other value.
func (v Value) Number() int64 {
	if v.kind != NumberValue {
		return 0
	}
	return v.number
}

// Yes reports whether the value is a flag that is set.
func (v Value) Yes() bool { return v.kind == FlagValue && v.number == 1 }

// String returns the value as a person reads it; an id as its text.
func (v Value) String() string {
	switch v.kind {
	case TextValue:
		return v.text
	case NumberValue:
		return strconv.FormatInt(v.number, 10)
	case IDValue:
		return v.id.String()
	case FlagValue:
		return strconv.FormatBool(v.Yes())
	}
	return ""
}

// Compare orders values: by kind, then by what they hold.
func (v Value) Compare(w Value) int {
	return cmp.Or(cmp.Compare(v.kind, w.kind), strings.Compare(v.text, w.text), cmp.Compare(v.number, w.number),
		strings.Compare(string(v.id[:]), string(w.id[:])))
}

// MarshalCBOR writes the value as the one CBOR item of its kind.
func (v Value) MarshalCBOR() ([]byte, error) {
	switch v.kind {
	case TextValue:
		return encMode.Marshal(v.text)
	case NumberValue:
		return encMode.Marshal(v.number)
	case IDValue:
		return encMode.Marshal(v.id[:])
	case FlagValue:
		return encMode.Marshal(v.Yes())
	}
	return nil, malformed("body_ill_formed", "a field has no value")
}

// UnmarshalCBOR reads a value, or refuses any other item.
func (v *Value) UnmarshalCBOR(b []byte) error {
	var item any
	if err := decMode.Unmarshal(b, &item); err != nil {
		return err
	}
	switch item := item.(type) {
	case string:
		*v = Text(item)
	case uint64:
		if item > math.MaxInt64 {
			return malformed("body_ill_formed", "a number is too large")
		}
		*v = Number(int64(item))
	case int64:
		*v = Number(item)
	case bool:
		*v = Flag(item)
	case []byte:
		if len(item) != len(ID{}) {
			return malformed("body_ill_formed", "an id has 32 bytes")
		}
		*v = Reference(ID(item))
	default:
		return malformed("body_ill_formed", "a field is text, a whole number, an id, or yes or no")
	}
	return nil
}

var (
	_ cbor.Marshaler   = Value{}
	_ cbor.Unmarshaler = (*Value)(nil)
)
