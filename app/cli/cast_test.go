package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(began.Add(d)) }

func TestARecordingHasTheTimesOfWhatIsRecorded(t *testing.T) {
	var out bytes.Buffer
	c := &cast{out: &out, began: began, sizes: []sizeChange{{began.Add(1500 * time.Millisecond), 100, 30}}}
	for _, piece := range []*atelierv1.TranscriptResponse{
		{Ranges: []*atelierv1.OutputRange{{From: 0, To: 5, At: after(time.Second)}}},
		{Ranges: []*atelierv1.OutputRange{{From: 5, To: 9, At: after(2 * time.Second)}, {From: 9, To: 10, At: after(1 * time.Second)}}},
		{Offset: 0, Data: []byte("one\r\nzo\xc3")},
		{Offset: 8, Data: []byte("\xab\xff")},
		{Offset: 10, Data: []byte("later\xe6")},
	} {
		if err := c.put(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	want := `[1,"o","one\r\n"]
[1.5,"r","100x30"]
[2,"o","zo"]
[2,"o","ë"]
[2,"o","�"]
[2,"o","later"]
[2,"o","�"]
`
	got := out.String()
	if got = strings.ReplaceAll(got, `\ufffd`, "\uFFFD"); got != want {
		t.Errorf("written:\n%s\nwant:\n%s", got, want)
	}
}

func TestACharacterIsNotCut(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "日本": 6, "日\xe6": 3, "日\xe6\x9c": 3, "a\xc3": 1, "\xf0\x9f\x99": 0, "a\xff": 2, "a\x80\x80\x80": 4} {
		if got := wholeRunes([]byte(text)); got != want {
			t.Errorf("of %q %d bytes are whole, want %d", text, got, want)
		}
	}
}

func TestEveryLineOfARecordingIsJSON(t *testing.T) {
	var out bytes.Buffer
	c := &cast{out: &out, began: began}
	for b := range 256 {
		if err := c.put(&atelierv1.TranscriptResponse{Offset: uint64(2 * b), Data: []byte{byte(b), 'x'}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var event [3]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
