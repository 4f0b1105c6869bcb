package badgerlog

import (
	"context"
	"crypto/rand"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// What was read of the tables is given back, and everything can be read again,
// also while others read and write.
func TestPagesAreGivenBack(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir)
	body := make([]byte, 32<<10)
	var ids []event.ID
	for range 900 {
		rand.Read(body)
		e, err := l.Append(context.Background(), draft(l, body))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	if err := l.Close(); err != nil { // what lies in memory goes into tables
		t.Fatal(err)
	}
	l = mustOpen(t, dir)
	defer l.Close()
	l.pages.busy.Store(true) // the control: nothing is given back
	l.readAll(t, ids)
	before := mapped(t)
	l.pages.busy.Store(false)
	l.touch(pagesMost)
	if after := mapped(t); before-after < 20<<20 {
		t.Errorf("%d bytes of files were mapped, and %d are", before, after)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { l.readAll(t, ids) })
	}
	for range 50 {
		l.touch(pagesMost)
		if _, err := l.Append(context.Background(), draft(l, body)); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
}

func (l *Log) readAll(t *testing.T, ids []event.ID) {
	t.Helper()
	for _, id := range ids {
		if e, err := l.Event(id); err != nil || e.ID != id {
			t.Error(err)
			return
		}
	}
}

// mapped is how many bytes of files are mapped and touched.
func mapped(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	fields := strings.Fields(rest)
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}
