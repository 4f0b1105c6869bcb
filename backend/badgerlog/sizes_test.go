package badgerlog

import (
	"testing"
)

// What Sizes counts is what was written, in this run and in an earlier one.
func TestSizesAreOfWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	decided(t, l, 9)
	for n := range 2 {
		sizes, err := l.Sizes()
		if err != nil {
			t.Fatal(err)
		}
		of := map[string]Size{}
		for _, s := range sizes {
			of[s.Kind] = s
		}
		var headers, bodies uint64
		for at := range l.Count() {
			e, err := l.EventAt(at)
			if err != nil {
				t.Fatal(err)
			}
			headers, bodies = headers+uint64(len(e.Bytes)), bodies+uint64(len(e.Body))
		}
		if of["headers"] != (Size{"headers", l.Count(), headers}) || of["bodies"] != (Size{"bodies", l.Count(), bodies}) {
			t.Errorf("run %d: headers %v and bodies %v, want %d bytes and %d of %d events", n, of["headers"], of["bodies"], headers, bodies, l.Count())
		}
		if of["certificates"].Count != 3 || of["seals"].Count == 0 || of["store"].Bytes == 0 {
			t.Errorf("run %d: %v", n, sizes)
		}
		if err := l.KeepIndex(); err != nil {
			t.Fatal(err)
		}
		if kept, err := l.Sizes(); err != nil || kept[len(kept)-1].Kind != "caches" || kept[len(kept)-1].Bytes == 0 {
			t.Errorf("run %d: with an index it is %v: %v", n, kept, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = mustOpen(t, dir)
	}
	l.Close()
	if _, err := l.EventAt(99); err == nil {
		t.Error("an event that is not there is read")
	}
}
