package badgerlog

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"atelier.dev/atelier/backend/fault"
)

const manifestName = "log/MANIFEST"

func cutBytes(n int) func(keptFile) keptFile {
	return func(f keptFile) keptFile {
		whole := f.bytes[:max(0, len(f.bytes)-n)]
		return keptFile{whole, int64(len(whole))}
	}
}

func without(k kept, names ...string) kept {
	k = maps.Clone(k)
	for _, name := range names {
		delete(k, name)
	}
	return k
}

// refusedAsItIs opens a home that must be refused, and wants every file as it was.
func refusedAsItIs(t *testing.T, name string, k kept) {
	t.Helper()
	dir := k.write(t)
	l, _, err := Open(context.Background(), homeOf(dir))
	if err == nil {
		l.Close()
		t.Errorf("%s: it is opened", name)
		return
	}
	if fault.Of(err).Code != fault.DataLoss {
		t.Errorf("%s: %v", name, err)
	}
	after := keep(t, dir)
	for file, was := range k {
		if is, there := after[file]; !there || is.size != was.size || string(is.bytes) != string(was.bytes[:used(was.bytes)]) {
			t.Errorf("%s: %s was changed; it is there: %v", name, file, there)
		}
	}
	if len(after) != len(k) {
		t.Errorf("%s: %d files are left of %d", name, len(after), len(k))
	}
}

// What the manifest names no more is never removed with all that it held, and
// once the manifest is back nothing is lost.
func TestHarmedManifestCostsNoTable(t *testing.T) {
	closed, open := keptLog(t, 40, true), tablesAndLog(t)
	for name, k := range map[string]kept{
		"no manifest":            without(closed, manifestName),
		"an empty manifest":      closed.with(manifestName, cutBytes(1<<20)),
		"a byte is cut":          closed.with(manifestName, cutBytes(1)),
		"half is cut":            closed.with(manifestName, cutBytes(len(closed[manifestName].bytes)/2)),
		"a whole change is cut":  closed.with(manifestName, func(f keptFile) keptFile { return keptFile{f.bytes[:16], 16} }),
		"no manifest, a log":     without(open, manifestName),
		"a byte is cut, a log":   open.with(manifestName, cutBytes(1)),
		"a change is cut, a log": open.with(manifestName, func(f keptFile) keptFile { return keptFile{f.bytes[:16], 16} }),
		"cut, a blank anchor":    blank(closed.with(manifestName, cutBytes(1))),
		"nothing but an anchor":  {"anchor": closed["anchor"], "values": closed["values"]},
		"a harmed log":           harmedLog(keptLog(t, 40, false)),
	} {
		refusedAsItIs(t, name, k)
	}
	sound(t, closed, 41)
	sound(t, open, 44)
}

// harmedLog flips a byte in the middle of the write-ahead log: Badger would cut
// all that is behind it.
func harmedLog(k kept) kept {
	for _, name := range k.names() {
		if strings.HasSuffix(name, ".mem") {
			return k.with(name, func(f keptFile) keptFile { f.bytes[len(f.bytes)/2] ^= 1; return f })
		}
	}
	return k
}

// tablesAndLog is what a crash leaves of 40 events in a table and 3 behind it.
func tablesAndLog(t *testing.T) kept {
	dir := keptLog(t, 40, true).write(t)
	l := mustOpen(t, dir)
	defer l.Close()
	for range 3 {
		mustAppend(t, l)
	}
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	return keep(t, dir)
}

// The control: bare Badger removes the table for good.
func TestBareBadgerRemovesWhatACutManifestDoesNotName(t *testing.T) {
	k := keptLog(t, 3, true)
	dir := k.with(manifestName, cutBytes(1)).write(t)
	db, err := badger.OpenManaged(badger.DefaultOptions(filepath.Join(dir, "log")).WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := os.Stat(filepath.Join(dir, k.one(t, ".sst"))); !os.IsNotExist(err) {
		t.Fatal("the table is there still: the tests of harmed manifests show nothing:", err)
	}
}

// A kill between a flush's new table and its name in the manifest leaves both
// the table, whole or half made, and the write-ahead log that it was made of.
func TestKillInTheMiddleOfAFlushIsNoLoss(t *testing.T) {
	open := keptLog(t, 40, false)
	whole := sound(t, open, 41)
	dir := open.write(t)
	mustOpen(t, dir).Close()
	flushed := keep(t, dir)
	sst := flushed.one(t, ".sst")
	manifest := flushed[manifestName]
	for name, k := range map[string]kept{
		"the table":           open.with(sst, func(keptFile) keptFile { return flushed[sst] }),
		"half of the table":   open.with(sst, func(keptFile) keptFile { return cutBytes(len(flushed[sst].bytes) / 2)(flushed[sst]) }),
		"half of its name":    open.with(sst, func(keptFile) keptFile { return flushed[sst] }).with(manifestName, func(keptFile) keptFile { return cutBytes(1)(manifest) }),
		"the log not removed": open.with(sst, func(keptFile) keptFile { return flushed[sst] }).with(manifestName, func(keptFile) keptFile { return manifest }),
	} {
		ids, ok := k.read(t)
		if !ok || !slices.Equal(ids, whole) {
			t.Errorf("%s: %d events, unreported %v", name, len(ids), ok)
		}
	}
	// The control: without that log it is no remains of a crash.
	refusedAsItIs(t, "no log", without(open.with(sst, func(keptFile) keptFile { return flushed[sst] }), open.one(t, ".mem")))
}
