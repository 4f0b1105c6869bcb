package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatTheKernelTellsOfAProcess(t *testing.T) {
	for text, want := range map[string]process{
		"7 (sh) S 5 7 7 34817 9 4194304":            {5, 7, unix.Mkdev(136, 1)},
		"7 (a) b) (c) S 5 7 6 0 -1 4194304":         {5, 6, 0},
		"7 (many terminals) S 5 7 6 1083393 -1 4":   {5, 6, unix.Mkdev(136, 257)},
		"2147483647 (tty) R 1 2 3 1025 -1 4194304 ": {1, 3, unix.Mkdev(4, 1)},
	} {
		if got, is := parseStat(text); !is || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, is, want)
		}
	}
	for _, text := range []string{"", "7 (sh", "7 (sh) S 5", "7 (sh) S 5 7 x 0 0"} {
		if got, is := parseStat(text); is {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}
