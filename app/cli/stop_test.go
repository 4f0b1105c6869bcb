package main

import (
	"testing"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

// A core that a signal took leaves its core.json: that is no orderly end. The
// file of the next core, and no file, tell nothing of the one that was stopped.
func TestCoreThatDiedAtItsEndIsTold(t *testing.T) {
	h, err := home.Resolve(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	if err := endedInOrder(h, 7); err != nil {
		t.Error("without a file:", err)
	}
	if err := h.WriteCore(home.Core{PID: 7}); err != nil {
		t.Fatal(err)
	}
	if err := endedInOrder(h, 7); !fault.Is(err, "core_died") {
		t.Error("its file is there:", err)
	}
	if err := endedInOrder(h, 8); err != nil {
		t.Error("the file of another:", err)
	}
}
