package api

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/studio"
)

var plain = words{func(c event.Chain) string { return "peer" }}

// filled sets every field below v to something that is not zero.
func filled(v reflect.Value) {
	if !v.CanSet() {
		return // a field of another package's own
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem())
	case reflect.Struct:
		for n := range v.NumField() {
			filled(v.Field(n))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		filled(v.Index(0))
	case reflect.Array:
		filled(v.Index(0))
	case reflect.String:
		v.SetString("w\xffw")
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(3)
	case reflect.Int64:
		v.SetInt(3)
	}
}

func TestEveryFactHasAName(t *testing.T) {
	var f event.Facts
	filled(reflect.ValueOf(&f).Elem())
	m := plain.facts(f)
	if got, want := len(m.GetFields()), reflect.TypeOf(f).NumField(); got != want {
		t.Errorf("%d of %d facts are named: %v", got, want, m)
	}
	for name, inner := range map[string]any{"range": f.Range, "turn": f.Turn, "size": f.Size, "exit": f.Exit, "genesis": f.Genesis} {
		got, want := len(m.GetFields()[name].GetStructValue().GetFields()), reflect.TypeOf(inner).Elem().NumField()
		if got != want {
			t.Errorf("%s: %d of %d", name, got, want)
		}
	}
	if _, err := proto.Marshal(m); err != nil {
		t.Error(err)
	}
	if m := plain.facts(event.Facts{}); len(m.GetFields()) != 0 {
		t.Errorf("absent facts are named: %v", m)
	}
}

func TestEveryBodyHasNames(t *testing.T) {
	known := []event.Type{event.WorkspaceCreatedType, event.SessionOpenedType, event.ExecutionStartedType,
		event.ExecutionRenamedType, event.ExecutionSignalledType, event.ExecutionOutputType}
	for _, kind := range known {
		content := event.NewBody(kind)
		filled(reflect.ValueOf(content).Elem())
		m := body(content)
		if got, want := len(m.GetFields()), reflect.TypeOf(content).Elem().NumField(); got != want {
			t.Errorf("%s: %d of %d fields: %v", kind, got, want, m)
		}
		if _, err := proto.Marshal(m); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if body(nil) != nil {
		t.Error("a body that is not here is shown")
	}
}

func TestHeaderIsWhole(t *testing.T) {
	var e studio.Event
	filled(reflect.ValueOf(&e.Header).Elem())
	filled(reflect.ValueOf(&e.ID).Elem())
	e.Header.Surface, e.Header.Class, e.Header.Actor.Kind = event.SurfaceSystem, event.Control, event.Service
	e.Content, e.ActorName, e.Summary, e.Subject, e.Verdict = new(event.Remark), "a\xff", "b\xff", "c\xff", "valid"
	e.Gone = true
	m := plain.event(e)
	if _, err := proto.Marshal(m); err != nil {
		t.Fatal(err)
	}
	all := m.ProtoReflect().Descriptor().Fields()
	for n := range all.Len() {
		if f := all.Get(n); f.Name() != "labels" && !m.ProtoReflect().Has(f) {
			t.Errorf("%s is not set", f.Name())
		}
	}
}

func TestNoBytesMakeAnAnswerUnencodable(t *testing.T) {
	var e studio.Execution
	filled(reflect.ValueOf(&e).Elem())
	list := plain.executions([]studio.Execution{e}, read)
	if _, err := proto.Marshal(list); err != nil {
		t.Error(err)
	}
	raw := plain.execution(e)
	raw.Argv = e.Argv
	if _, err := proto.Marshal(raw); err == nil {
		t.Error("the control: these bytes could be sent as they are")
	}
	if got := list.GetExecutions()[0].GetArgv()[0]; got != "w\uFFFDw" {
		t.Errorf("%q", got)
	}
	w := newWorld(t)
	for method, ask := range map[string]string{"LogService/Show": "{}", "CoreService/OpenSession": `{"surface":"cli"}`} {
		if a := w.call(method, ask); a.status != 200 || !strings.Contains(a.body, "\uFFFD") {
			t.Errorf("%s: %+v", method, a)
		}
	}
}

func TestDocumentsKeepWhatJSONCannot(t *testing.T) {
	at := time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)
	type other struct {
		Big   uint64   `json:"big"`
		Names []string `json:"names"`
	}
	m := document(map[string]any{
		"big": uint64(math.MaxUint64), "edge": uint64(1 << 53), "less": int64(-1<<53 - 1), "time": at, "id": anID, "none": event.ID{},
		"nan": math.NaN(), "bytes": []byte("ab"), "list": []any{1, "x\xff", nil}, "other": other{math.MaxUint64, []string{"y\xff"}},
		"ids": []event.ID{anID}, "maps": []map[string]any{{"a": true}}, "chan": make(chan int),
	})
	b, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	text := `{"big":"18446744073709551615","edge":9007199254740992,"less":"-9007199254740993","time":"2020-01-02T03:04:05.000000006Z",
		"id":"` + anID.String() + `","none":null,"nan":null,"bytes":"YWI=","list":[1,"x\ufffd",null],
		"other":{"big":"18446744073709551615","names":["y\ufffd"]},"ids":["` + anID.String() + `"],"maps":[{"a":true}],"chan":null}`
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestDeepDocumentEnds(t *testing.T) {
	deep := map[string]any{}
	for at, n := deep, 0; n < 10_000; n++ {
		next := map[string]any{}
		at["x"], at = next, next
	}
	if b, err := protojson.Marshal(document(deep)); err != nil || len(b) > 1000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestListsFitAMessage(t *testing.T) {
	long := make([]string, 1000)
	for n := range long {
		long[n] = strings.Repeat("ä", 100)
	}
	e := studio.Execution{ID: anID, Argv: long, Variables: long}
	many := make([]studio.Execution, 2000)
	for n := range many {
		many[n] = e
	}
	m := plain.executions(many, read)
	if size := proto.Size(m); size > messageMax {
		t.Errorf("2,000 terminals have %d bytes", size)
	}
	argv := m.GetExecutions()[0].GetArgv()
	if end := argv[len(argv)-1]; !m.GetExecutions()[0].GetArgvCut() || end == "" || !strings.HasPrefix(long[0], end) {
		t.Errorf("cut as %q, and marked: %v", end, m.GetExecutions()[0].GetArgvCut())
	}
	if got := plain.execution(e).GetArgv(); len(got) != len(long) {
		t.Errorf("one terminal is cut to %d arguments", len(got))
	}
	if got, cut := listed([]string{"a", "b"}); len(got) != 2 || cut {
		t.Errorf("short ones are cut: %q, %v", got, cut)
	}
	if plain.execution(e).GetArgvCut() {
		t.Error("what is whole is marked as cut")
	}
}

func TestPagesFitAMessage(t *testing.T) {
	large := studio.Event{Content: &event.ExecutionStarted{Argv: []string{strings.Repeat("a", 500<<10)}}}
	all := plain.pages([]studio.Event{large, large, large, large, large}, read)
	events := 0
	for n, m := range all {
		events += len(m.GetEvents())
		if proto.Size(m) > messageMax || (len(m.GetReadFrontier()) > 0) != (n == len(all)-1) {
			t.Errorf("message %d of %d: %d bytes, frontier %v", n, len(all), proto.Size(m), m.GetReadFrontier())
		}
	}
	if events != 5 || len(all) < 2 {
		t.Errorf("%d events in %d messages", events, len(all))
	}
	if m := plain.pages(nil, read); len(m) != 1 || len(m[0].GetReadFrontier()) != 2 {
		t.Errorf("no events: %v", m)
	}
}

func TestPiecesFitAMessage(t *testing.T) {
	p := studio.Piece{Offset: 10, Bytes: []byte(strings.Repeat("x", 3*pieceBytes+5)), Ranges: make([]studio.OutputRange, 2*rangesMax+1), Missing: 7, Read: read}
	next, ranges := uint64(10), 0
	all := plain.pieces(p)
	for n, m := range all {
		if m.GetOffset() != next {
			t.Errorf("message %d at %d, not %d", n, m.GetOffset(), next)
		}
		next += uint64(len(m.GetData()))
		ranges += len(m.GetRanges())
		if proto.Size(m) > messageMax || (m.GetMissing() != 0) != (n == len(all)-1) {
			t.Errorf("message %d: %d bytes, missing %d", n, proto.Size(m), m.GetMissing())
		}
	}
	if next != 10+3*pieceBytes+5 || ranges != 2*rangesMax+1 {
		t.Errorf("to %d, %d ranges", next, ranges)
	}
}

func TestSurfacesOfEachListener(t *testing.T) {
	for word, local := range map[string]bool{"cli": true, "window": true, "web": false, "api": false} {
		if _, err := surfaceOf(word, true); err != nil {
			t.Errorf("%s over unix: %v", word, err)
		}
		if _, err := surfaceOf(word, false); (err != nil) != local {
			t.Errorf("%s over TCP: %v", word, err)
		}
	}
	for _, word := range []string{"", "system", "mcp", "automation"} {
		if _, err := surfaceOf(word, true); err == nil {
			t.Errorf("%q is taken", word)
		}
	}
}
