package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"atelier.dev/atelier/backend/event"
)

// wholeMax is up to where every whole number is one in a reader of JSON.
const wholeMax = 1 << 53

// fields are the members of a document by name.
type fields map[string]any

// document makes the message of some fields.
func document(f map[string]any) *structpb.Struct {
	return &structpb.Struct{Fields: members(f, 0)}
}

func members(f map[string]any, depth int) map[string]*structpb.Value {
	all := make(map[string]*structpb.Value, len(f))
	for name, v := range f {
		all[text(name)] = value(v, depth+1)
	}
	return all
}

// value gives anything its JSON form: ids and bytes as text, times in RFC 3339,
// and numbers that a reader of JSON would round as text too.
func value(v any, depth int) *structpb.Value {
	if depth > depthMax {
		return structpb.NewStringValue("…")
	}
	switch v := v.(type) {
	case nil:
		return structpb.NewNullValue()
	case bool:
		return structpb.NewBoolValue(v)
	case string:
		return structpb.NewStringValue(text(v))
	case []byte:
		return structpb.NewStringValue(base64.StdEncoding.EncodeToString(v))
	case event.ID:
		return idValue(v)
	case time.Time:
		return structpb.NewStringValue(v.UTC().Format(time.RFC3339Nano))
	case fields:
		return structpb.NewStructValue(&structpb.Struct{Fields: members(v, depth)})
	case map[string]any:
		return structpb.NewStructValue(&structpb.Struct{Fields: members(v, depth)})
	case []any:
		return list(v, depth)
	case []string:
		return list(v, depth)
	case []event.ID:
		return list(v, depth)
	case []map[string]any:
		return list(v, depth)
	}
	return number(v, depth)
}

func idValue(id event.ID) *structpb.Value {
	if id.IsZero() {
		return structpb.NewNullValue()
	}
	return structpb.NewStringValue(id.String())
}

func list[T any](all []T, depth int) *structpb.Value {
	values := make([]*structpb.Value, len(all))
	for n, v := range all {
		values[n] = value(v, depth+1)
	}
	return structpb.NewListValue(&structpb.ListValue{Values: values})
}

func number(v any, depth int) *structpb.Value {
	switch v := v.(type) {
	case json.Number:
		return jsonNumber(v)
	case int:
		return whole(int64(v))
	case int32:
		return whole(int64(v))
	case int64:
		return whole(v)
	case uint16:
		return whole(int64(v))
	case uint32:
		return whole(int64(v))
	case uint64:
		if v > wholeMax {
			return structpb.NewStringValue(strconv.FormatUint(v, 10))
		}
		return structpb.NewNumberValue(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return structpb.NewNullValue() // JSON has no such number
		}
		return structpb.NewNumberValue(v)
	}
	return encoded(v, depth)
}

func whole(n int64) *structpb.Value {
	if n > wholeMax || n < -wholeMax {
		return structpb.NewStringValue(strconv.FormatInt(n, 10))
	}
	return structpb.NewNumberValue(float64(n))
}

// encoded is for everything else that has a form in JSON.
func encoded(v any, depth int) *structpb.Value {
	var plain any
	b, err := json.Marshal(v)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		err = d.Decode(&plain)
	}
	if err != nil {
		return structpb.NewNullValue() // it has none
	}
	return value(plain, depth+1)
}

func jsonNumber(n json.Number) *structpb.Value {
	if i, err := n.Int64(); err == nil {
		return whole(i)
	}
	if f, err := n.Float64(); err == nil && math.Abs(f) <= wholeMax {
		return structpb.NewNumberValue(f)
	}
	return structpb.NewStringValue(n.String())
}
