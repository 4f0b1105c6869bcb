package badgerlog

import (
	"bytes"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// recordOf is an event and its record, with its body or without.
func recordOf(t *testing.T, body []byte, gone bool) (event.Event, []byte) {
	t.Helper()
	whole := append(bytes.Repeat([]byte{1}, event.BodyNonceSize), 0xa0)
	e := event.Event{Gone: gone, Header: event.Header{SchemaVersion: 1, Type: event.WorkspaceCreatedType, Lamport: 1, Surface: event.SurfaceSystem,
		ViewEpoch: 1, Class: event.Control, BodyHash: event.BodyHash(whole),
		Facts: event.Facts{Genesis: &event.Genesis{Nonce: [16]byte{1}, Replica: replicaOf(testKey), RecoveryKey: bytes.Repeat([]byte{9}, 32), Epoch: 1}}}}
	if body != nil {
		body = whole
	}
	record, err := newRecord(&e, body)
	if err != nil {
		t.Fatal(err)
	}
	return e, record
}

// A record says whether its event's body is there, was dropped or never came, and
// a run of such records is cut as any other.
func TestARecordSaysWhyItHasNoBody(t *testing.T) {
	here, a := recordOf(t, []byte{}, false)
	gone, b := recordOf(t, nil, true)
	absent, c := recordOf(t, nil, false)
	run := bytes.Join([][]byte{a, b, c}, nil)
	if n := countRecords(run); n != 3 {
		t.Fatalf("a run of three has %d records", n)
	}
	for n, want := range []event.Event{here, gone, absent} {
		record, rest, ok := cutRecord(run)
		var got event.Event
		if err := readRecord(&got, uint64(n), record); !ok || err != nil {
			t.Fatal(n, err)
		}
		if got.ID != want.ID || (got.Body == nil) != (n > 0) || got.Gone != (n == 1) || !bytes.Equal(got.Body, want.Body) {
			t.Errorf("record %d is read as %+v", n, got)
		}
		run = rest
	}
}
