package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// document is a message in the form of --json: names in snake_case and in the
// schema's order, numbers as numbers (those of 64 bits too), times in RFC 3339,
// every list present, what is absent null.
type document []member

type member struct {
	name  string
	value any
}

// MarshalJSON keeps the order of the members.
func (d document) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for n, m := range d {
		if n > 0 {
			out.WriteByte(',')
		}
		value, err := marshal(m.value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%q:%s", m.name, value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// marshal is json.Marshal that leaves <, > and & as they are.
func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// get returns a member's value, nil when there is none.
func (d document) get(name string) any {
	for _, m := range d {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// without returns d less one member.
func (d document) without(name string) document {
	return slices.DeleteFunc(slices.Clone(d), func(m member) bool { return m.name == name })
}

// renamed returns d with another name for one member.
func (d document) renamed(from, to string) document {
	named := slices.Clone(d)
	for n := range named {
		if named[n].name == from {
			named[n].name = to
		}
	}
	return named
}

// documentOf reads any message of the API.
func documentOf(m proto.Message) document { return read(m.ProtoReflect()) }

func read(m protoreflect.Message) document {
	fields := m.Descriptor().Fields()
	d := make(document, 0, fields.Len())
	for n := range fields.Len() {
		field := fields.Get(n)
		choice := field.ContainingOneof()
		if choice != nil && !choice.IsSynthetic() && !m.Has(field) {
			continue // of a choice only what was chosen
		}
		value := readField(m, field)
		if ack, is := value.(document); is && field.Name() == "ack" {
			d = append(d, ack...) // every write says ack_event_id and ack_frontier itself
			continue
		}
		d = append(d, member{string(field.Name()), value})
	}
	return d
}

func readField(m protoreflect.Message, field protoreflect.FieldDescriptor) any {
	switch {
	case field.IsList():
		list := m.Get(field).List()
		all := make([]any, 0, list.Len())
		for n := range list.Len() {
			all = append(all, readValue(field, list.Get(n)))
		}
		return all
	case field.IsMap():
		all := map[string]any{}
		m.Get(field).Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			all[key.String()] = readValue(field.MapValue(), value)
			return true
		})
		return all
	case field.HasPresence() && !m.Has(field):
		return nil
	}
	return readValue(field, m.Get(field))
}

func readValue(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return readMessage(value.Message())
	case protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(value.Bytes())
	case protoreflect.EnumKind:
		return string(field.Enum().Values().ByNumber(value.Enum()).Name())
	case protoreflect.DoubleKind:
		return number(value.Float())
	}
	return value.Interface()
}

// readMessage gives the well-known messages their JSON form.
func readMessage(m protoreflect.Message) any {
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		seconds, nanos := fieldOf(m, "seconds").Int(), fieldOf(m, "nanos").Int()
		return time.Unix(seconds, nanos).UTC().Format(time.RFC3339Nano)
	case "google.protobuf.Struct":
		return readField(m, m.Descriptor().Fields().ByName("fields"))
	case "google.protobuf.ListValue":
		return readField(m, m.Descriptor().Fields().ByName("values"))
	case "google.protobuf.Value":
		chosen := m.WhichOneof(m.Descriptor().Oneofs().ByName("kind"))
		if chosen == nil || chosen.Name() == "null_value" {
			return nil
		}
		return readValue(chosen, m.Get(chosen))
	}
	return read(m)
}

func fieldOf(m protoreflect.Message, name protoreflect.Name) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(name))
}

// number prints whole numbers without an exponent; JSON has no NaN.
func number(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
}

// decode reads a message into plain fields, so that what a person sees is what
// --json says.
func decode(m proto.Message, into any) error {
	text, err := json.Marshal(documentOf(m))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
