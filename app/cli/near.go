package main

import (
	"maps"
	"slices"
	"strings"
)

// nearest is the one of words that somebody who wrote word may have meant; none
// when nothing is like it.
func nearest(word string, words []string) string {
	best, least := "", 3 // two slips of the finger
	for _, known := range words {
		d := distance(plain(word), plain(known))
		if d < least && d < len(known)-1 {
			best, least = known, d
		}
	}
	return best
}

// plain leaves out what is easily forgotten.
func plain(word string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(word))
}

// distance counts the letters to put in, take out or change (Levenshtein 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for n := range row {
		row[n] = n
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
