package badgerlog

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
)

var update = flag.Bool("update", false, "write the kept store anew; only before a version is given to anyone")

// Stores of each version, one closed and one as a crash leaves it, are opened to
// the same heads for ever. The second one has records of control.
func TestKeptVersionsAreOpenedForEver(t *testing.T) {
	for _, name := range []string{"v1/closed", "v1/killed", "v2/closed", "v2/killed"} {
		home := filepath.Join("testdata", name)
		if *update && strings.HasPrefix(name, "v2") {
			writeVersion(t, home, strings.HasSuffix(name, "closed"))
		}
		want, err := os.ReadFile(filepath.Join(home, "heads"))
		if err != nil {
			t.Fatal(err)
		}
		l, report, err := Open(context.Background(), homeOf(keep(t, home).write(t)))
		if err != nil || report.Created {
			t.Fatal(name, report, err)
		}
		if got := headsOf(t, l); got != string(want) {
			t.Errorf("%s: opened to\n%swant\n%s", name, got, want)
		}
		if string(l.LoadState("floor")) != "value" {
			t.Errorf("%s: the saved value is %q", name, l.LoadState("floor"))
		}
		mustAudit(t, l)
		l.Close()
	}
}

// headsOf tells heads and every id, one a line.
func headsOf(t *testing.T, l *Log) string {
	t.Helper()
	var s strings.Builder
	for _, h := range l.Heads() {
		s.WriteString("head " + h.ID.String() + "\n")
	}
	err := l.Scan(0, func(_ uint64, e event.Event) error {
		s.WriteString(string(e.Header.Type) + " " + e.ID.String() + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.String()
}

func writeVersion(t *testing.T, home string, closed bool) {
	t.Helper()
	dir := t.TempDir()
	l := mustOpen(t, dir)
	defer l.Close()
	web(t, l, 30)
	decided(t, l, 12)
	if err := l.SaveState("floor", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l) // of the killed one the last event has no seal
	heads := headsOf(t, l)
	if closed {
		l.Close()
	}
	for name, f := range keep(t, dir) {
		path := filepath.Join(home, name)
		if len(f.bytes) == 0 || strings.HasSuffix(name, "LOCK") {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.bytes, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The anchor alone is refused when it is shorter than it was made.
	if err := os.Truncate(filepath.Join(home, "anchor"), 2*slotSize); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "heads"), []byte(heads), 0o644); err != nil {
		t.Fatal(err)
	}
}
