// Package object says what exists: it folds events into objects. SPEC.md beside
// this file numbers the rules; each has a test.
//
// The fold is pure and works in arrival order. Whoever calls it owes it four
// things: genesis first, an event's parents before the event, the records of
// control up to its basis before the event, and each chain from seq 0 without a
// gap. All but the second are checked, and that is what the log's own rules say.
// Given that, any order of arrival gives the same verdicts and the same objects.
//
// No rule reads a body. Names, arguments and reasons come from bodies; where one
// is not here or ill-formed the field is empty and says so.
//
// A Fold is for one goroutine at a time. What it returns is never changed again:
// a later event makes a new value, so a caller may keep and share what it got,
// but must not write into it.
package object
