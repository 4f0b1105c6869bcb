package api

import (
	"bytes"
	"context"
	"io"
	"testing"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/bundle"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/gen/atelier/v1/atelierv1connect"
	"atelier.dev/atelier/backend/studio"
)

// Bundle writes two pieces.
func (m *memory) Bundle(_ context.Context, c studio.Caller, at string, to io.Writer) (studio.Bundled, error) {
	m.asked.ref = at
	for _, piece := range []string{"one ", "two"} {
		if _, err := to.Write([]byte(piece)); err != nil {
			return studio.Bundled{}, err
		}
		if err := m.did("Bundle"); err != nil {
			return studio.Bundled{}, err
		}
	}
	return studio.Bundled{Read: read, Written: bundle.Written{ID: anID, Seals: 4, Bodies: 5, Bytes: 7,
		Head: bundle.Head{Checkpoint: session, Digest: event.Digest{Version: 1, Hash: anID}, Events: 1, Outside: 2, Records: 3}}}, nil
}

func (w *world) exports(at string) (data []byte, last *atelierv1.ExportResponse, err error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	q := connect.NewRequest(&atelierv1.ExportRequest{At: at})
	q.Header().Set(SessionHeader, session.String())
	answers, err := atelierv1connect.NewCheckpointServiceClient(w.local, "http://core/api").Export(ctx, q)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answers.Close()
	for answers.Receive() {
		m := answers.Msg()
		if data = append(data, m.GetData()...); m.GetDone() {
			last = m
		}
	}
	return data, last, answers.Err()
}

func TestABundleIsStreamed(t *testing.T) {
	w := newWorld(t)
	data, last, err := w.exports("first")
	if err != nil || !bytes.Equal(data, []byte("one two")) || w.studio.asked.ref != "first" {
		t.Errorf("%q came of %q: %v", data, w.studio.asked.ref, err)
	}
	if last.GetBundleId() != anID.String() || last.GetCheckpointId() != session.String() || last.GetDigest() != anID.String() || last.GetFoldVersion() != 1 ||
		last.GetEvents() != 1 || last.GetOutside() != 2 || last.GetRecords() != 3 || last.GetSeals() != 4 || last.GetBodies() != 5 || last.GetBytes() != 7 || len(last.GetReadFrontier()) == 0 {
		t.Errorf("the last word is %v", last)
	}
}

func TestABundleThatFailsIsNotDone(t *testing.T) {
	w := newWorld(t)
	w.studio.fail = fault.New(fault.Unavailable, "unsealed", "an event has no seal", "try again")
	data, last, err := w.exports("first")
	if last != nil || connect.CodeOf(err) != connect.CodeUnavailable || len(data) == 0 {
		t.Errorf("%d bytes and %v came: %v", len(data), last, err)
	}
}
