// Package control decides: it turns requests into records, one after another,
// for what must not be told two ways. SPEC.md beside this file numbers the rules;
// each has a test.
//
// The package is pure. A machine reads the entry that it is given, which carries
// all that it is judged by, and the records that it took before, and nothing
// else: whoever has the same entries makes the same records, byte for byte.
// Whoever proposes an entry gathers its witness; whoever signs or verifies the
// record gathers it anew and compares.
package control
