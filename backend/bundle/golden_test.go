package bundle

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"atelier.dev/atelier/backend/event"
)

var update = flag.Bool("update", false, "add the goldens that are missing")

// said is what a golden says when it is read, for ever.
type said struct {
	ID, Genesis, Checkpoint, State, Digest        string
	Fold, Events, Outside, Seals, Absent, Records uint64
	Findings                                      []Finding
}

func sayOf(r Report) said {
	s := said{ID: r.ID.String(), Genesis: r.Genesis.String(), State: r.State, Digest: r.Digest.Hash.String(), Fold: r.Digest.Version, Events: r.Events,
		Outside: r.Outside, Seals: r.Seals, Absent: r.Absent, Records: r.Head.Records, Findings: r.Findings}
	if !r.Head.Checkpoint.IsZero() {
		s.Checkpoint = r.Head.Checkpoint.String()
	}
	return s
}

// made are bundles of each kind, as they are written now.
func made(t *testing.T) map[string][]byte {
	w, c := two(t)
	cut := *c.Header.Facts.Cut
	withheld, _ := w.bundled(Request{Cut: cut, Checkpoint: c.ID, Withhold: func(e *event.Event) bool { return e.Header.Type == event.WorkItemCreatedType }})
	return map[string][]byte{"checkpoint": w.bundle(cut, c.ID), "withheld": withheld, "heads": w.bundle(w.heads(), event.ID{}),
		"past": w.bundle(event.Cut{Past: w.replicas[1].ids[2:3]}, event.ID{})}
}

func TestRule17_GoldenBundlesAreReadForEver(t *testing.T) {
	now := made(t)
	for name, b := range now {
		path := filepath.Join("testdata", "v1", name)
		golden, err := os.ReadFile(path + ".bundle")
		if os.IsNotExist(err) && *update {
			text, err := json.MarshalIndent(sayOf(clean(t, b)), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			for ending, content := range map[string][]byte{".bundle": b, ".json": append(text, '\n')} {
				if err := os.WriteFile(path+ending, content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		if err != nil || !bytes.Equal(golden, b) {
			t.Errorf("%s is written otherwise than it was: %v", name, err)
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "v1", "*.bundle"))
	if err != nil || len(files) < len(now) {
		t.Fatalf("%d goldens: %v", len(files), err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path[:len(path)-len(".bundle")] + ".json")
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.MarshalIndent(sayOf(verify(t, b)), "", "  ")
		if err != nil || string(got)+"\n" != string(text) {
			t.Errorf("%s says %s: %v", path, got, err)
		}
	}
}
