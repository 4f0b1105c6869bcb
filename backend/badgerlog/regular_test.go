package badgerlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"atelier.dev/atelier/backend/fault"
)

// A pipe or a link in place of a file is refused at once, and not opened: the
// control is that the same home with its file is sound.
func TestIrregularFileIsRefused(t *testing.T) {
	k := keptLog(t, 3, true)
	sound(t, k, 4)
	for _, name := range []string{"values", "anchor", "log/MANIFEST", "log/LOCK", "log/KEYREGISTRY", k.one(t, ".sst"), "log/00001.mem"} {
		for kind, put := range map[string]func(path string) error{
			"a pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"a link": func(path string) error { return os.Symlink(filepath.Join(t.TempDir(), "elsewhere"), path) },
		} {
			dir := without(k, name).write(t)
			if err := put(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			if err := opens(t, dir); !fault.Is(err, "store_irregular") {
				t.Errorf("%s as %s: %v", name, kind, err)
			}
		}
	}
}

func opens(t *testing.T, dir string) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		l, _, err := Open(context.Background(), homeOf(dir))
		if err == nil {
			l.Close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("opening hangs")
		return nil
	}
}

// openValues guards itself too: the file may have been put there since.
func TestValuesAreNotReadThroughALink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "values")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openValues(path, false); err == nil {
		t.Error("a link is followed")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openValues(path, false); !fault.Is(err, "store_irregular") {
		t.Error("a pipe:", err)
	}
}

// limitWriter gives the writer's process the limit that a test asks for.
func limitWriter() {
	var files, size uint64
	if n, _ := fmt.Sscan(os.Getenv("BADGERLOG_LIMIT"), &files, &size); n != 2 {
		return
	}
	for which, limit := range map[int]uint64{syscall.RLIMIT_NOFILE: files, syscall.RLIMIT_FSIZE: size} {
		if err := syscall.Setrlimit(which, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			fmt.Println("fault", err)
		}
	}
}

// A limit of the process is no loss, whatever it hits; with more room the writer
// opens, or these limits show nothing.
func TestLimitOfTheProcessIsNoLoss(t *testing.T) {
	k := keptLog(t, 3, true)
	met := 0
	for _, limit := range []string{"8 99999999", "9 99999999", "10 99999999", "11 99999999", "12 99999999", "14 99999999", "16 99999999", "200 1000000", "200 99999999"} {
		t.Setenv("BADGERLOG_LIMIT", limit)
		dir := k.write(t)
		c := startWriter(t, dir, false)
		c.input.Close()
		<-c.ended
		_ = c.cmd.Wait()
		said := slices.Concat(c.said("fault"), c.said("refused"))
		for _, text := range said {
			met++
			if !strings.Contains(text, "resource_exhausted") {
				t.Errorf("limits %s: %s", limit, text)
			}
		}
		if ids, ok := history(dir); !ok || len(ids) < 4 {
			t.Errorf("limits %s: %d events are left", limit, len(ids))
		}
		if limit == "200 99999999" && len(said)+len(c.said("closed")) != 1 {
			t.Error("the control:", said, c.said("closed"))
		}
	}
	if met == 0 {
		t.Error("no limit was met")
	}
}
