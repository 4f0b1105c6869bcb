package main

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
)

func jsonOf(t *testing.T, value any) string {
	t.Helper()
	text, err := marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDocumentsAreWhatScriptsRelyOn(t *testing.T) {
	facts, err := structpb.NewStruct(map[string]any{"n": 12345678, "list": []any{"<&>", nil, true}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		message proto.Message
		want    string
	}{
		"numbers of 64 bits are numbers": {&atelierv1.Head{Chain: "c", Seq: math.MaxUint64, EventId: "e"},
			`{"chain":"c","seq":18446744073709551615,"event_id":"e"}`},
		"an empty list is there": {&atelierv1.ListExecutionsResponse{}, `{"executions":[],"read_frontier":[],"partial":false}`},
		"a write says its acknowledgement itself": {
			&atelierv1.StartResponse{ExecutionId: "x", Name: "n", Ack: &atelierv1.Ack{AckEventId: "e"}},
			`{"execution_id":"x","name":"n","ack_event_id":"e","ack_frontier":[]}`},
		"what is absent is null": {&atelierv1.AttachResponse{Ticket: "t"},
			`{"execution_id":"","ticket":"t","socket":"","epoch":0,"driver":null,"output_offset":0,"cols":0,"rows":0,"ack":null,"ended":false}`},
		"a time is RFC 3339, bytes base64, a map an object": {
			&atelierv1.OutputRange{At: timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC))},
			`{"event_id":"","from":0,"to":0,"at":"2026-01-02T03:04:05.0000006Z"}`},
		"details by name": {&atelierv1.Fault{Details: map[string]string{"b": "2", "a": "1"}},
			`{"code":"","reason":"","message":"","mend":"","details":{"a":"1","b":"2"}}`},
		"of a choice what was chosen": {&atelierv1.ShowResponse{Shown: &atelierv1.ShowResponse_Object{Object: facts}},
			`{"object":{"list":["<&>",null,true],"n":12345678},"read_frontier":[]}`},
		"a program's own zero": {&atelierv1.Execution{ExitStatus: proto.Int32(0)}, ""},
	} {
		got := jsonOf(t, documentOf(c.message))
		if !json.Valid([]byte(got)) {
			t.Errorf("%s: %s is no JSON", name, got)
		}
		if c.want != "" && got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
		}
	}
	if got := documentOf(&atelierv1.Execution{ExitStatus: proto.Int32(0)}).get("exit_status"); got != int32(0) {
		t.Errorf("an exit status of 0 is told as %v", got)
	}
	if got := documentOf(&atelierv1.Execution{}).get("exit_status"); got != nil {
		t.Errorf("an exit status that is not there is told as %v", got)
	}
}

func TestNumbersHaveNoExponent(t *testing.T) {
	for f, want := range map[float64]string{1e21: "1000000000000000000000", 0.5: "0.5", 3: "3", math.Inf(1): "null"} {
		if got := jsonOf(t, number(f)); got != want {
			t.Errorf("%g is written %s, want %s", f, got, want)
		}
	}
	if got := jsonOf(t, number(math.NaN())); got != "null" {
		t.Errorf("NaN is written %s", got)
	}
}
