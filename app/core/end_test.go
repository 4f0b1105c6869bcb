package main

import (
	"context"
	"os"
	"slices"
	"testing"
)

// core.json tells whether a core that is gone has ended in order, so it stays
// until the log is closed.
func TestCoreFileStaysUntilTheLogIsClosed(t *testing.T) {
	h := place(t)
	d := &daemon{home: h, stderr: os.Stderr, ending: make(chan struct{})}
	if err := d.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	closed := false
	for _, s := range slices.Backward(d.steps) {
		_, err := os.Lstat(h.CoreFile())
		if there := err == nil; there == closed && s.what != "removing core.json" {
			t.Errorf("before %s: core.json is there: %v", s.what, there)
		}
		if err := s.undo(context.Background()); err != nil {
			t.Error(s.what, err)
		}
		closed = closed || s.what == "closing the log"
	}
	if _, err := os.Lstat(h.CoreFile()); !closed || !os.IsNotExist(err) {
		t.Error("the log was closed:", closed, "; core.json:", err)
	}
}
