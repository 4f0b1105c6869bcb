// Package provenance answers why something is as it is, by events alone.
// SPEC.md beside this file numbers the rules; each has a test.
//
// The package is pure. What it answers is a part of the causal order: events
// with the events of the answer that they follow, so that whoever reads it can
// check each step against the log.
package provenance
