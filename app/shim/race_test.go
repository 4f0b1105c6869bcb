//go:build race

package main

import (
	"os"
	"testing"
)

// program is this test, which the race detector watches.
func program(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
