package main

import (
	"fmt"
	"io"
	"slices"
)

// A row is one peer's numbers over the rounds.
type row struct {
	peer   string
	unit   string
	values []float64
	note   string // a goal, and whether it is met
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// quantile returns the value below which the part q of values lies.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func show(out io.Writer, rows []row) {
	for _, r := range rows {
		if len(r.values) == 0 {
			fmt.Fprintf(out, "  %-34s %s\n", r.peer, r.note)
			continue
		}
		fmt.Fprintf(out, "  %-34s %10.2f %-5s (%.2f to %.2f in %d rounds) %s\n",
			r.peer, median(r.values), r.unit, slices.Min(r.values), slices.Max(r.values), len(r.values), r.note)
	}
}

// goal says whether a number of the whole form meets what is wanted of it; the
// small one is too short to judge by.
func (s setting) goal(met bool, format string, args ...any) string {
	if s.quick {
		return fmt.Sprintf(format, args...) + ": not judged in the small form"
	}
	return goal(met, format, args...)
}

// goal says whether a number meets what is wanted of it.
func goal(met bool, format string, args ...any) string {
	word := "NOT MET"
	if met {
		word = "met"
	}
	return fmt.Sprintf(format, args...) + ": " + word
}
