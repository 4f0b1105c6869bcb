package shimlink

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"atelier.dev/atelier/backend/event"
)

func linksOf(t *testing.T) (*Links, string) {
	t.Helper()
	runtime := folderOf(t)
	check(t, os.Mkdir(filepath.Join(runtime, "x"), 0o700))
	return NewLinks(runtime), runtime
}

func agent(t *testing.T, path string) string {
	t.Helper()
	l, err := net.Listen("unix", path)
	check(t, err)
	t.Cleanup(func() { l.Close() })
	return path
}

func leadsTo(t *testing.T, l *Links, id event.ID, asked, target string) {
	t.Helper()
	path, err := l.Point(id, asked)
	check(t, err)
	got, err := os.Readlink(path)
	if err != nil || got != target {
		t.Errorf("after %q the link leads to %q (%v), want %q", asked, got, err, target)
	}
}

func TestPathsOfAnExecution(t *testing.T) {
	l, runtime := linksOf(t)
	id := event.ID{1, 2, 3}
	short := id.String()[:16]
	if got := l.SocketOf(id); got != filepath.Join(runtime, "x", short+".sock") {
		t.Errorf("the socket is %s", got)
	}
	if got, err := l.Point(id, ""); err != nil || got != filepath.Join(runtime, "x", short+".agent") {
		t.Errorf("the link is %s (%v)", got, err)
	}
	if l.SocketOf(event.ID{1, 2, 4}) == l.SocketOf(id) {
		t.Error("two executions have one socket")
	}
}

func TestALinkLeadsToTheLastAgent(t *testing.T) {
	l, runtime := linksOf(t)
	id := event.ID{1}
	one, two := agent(t, filepath.Join(runtime, "one")), agent(t, filepath.Join(runtime, "two"))
	leadsTo(t, l, id, one, one)
	leadsTo(t, l, id, two, two)

	plain, gone := filepath.Join(runtime, "plain"), filepath.Join(runtime, "gone")
	check(t, os.WriteFile(plain, nil, 0o600))
	check(t, os.Symlink(filepath.Join(runtime, "nowhere"), gone))
	t.Chdir(runtime)
	for _, no := range []string{"", "one", "./one", plain, gone, runtime, filepath.Join(runtime, "missing"), "/dev/null", "\x00"} {
		leadsTo(t, l, id, no, two)
	}
	// A link of the person's own is kept as one: it may be changed.
	own := filepath.Join(runtime, "own")
	check(t, os.Symlink(one, own))
	leadsTo(t, l, id, own, own)

	check(t, l.Drop(id))
	check(t, l.Drop(id))
	left, err := os.ReadDir(filepath.Join(runtime, "x"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// Whoever attaches from within a terminal has a link of ours as its agent.
func TestLinksNeverLeadToEachOther(t *testing.T) {
	l, runtime := linksOf(t)
	a, b := event.ID{0xa}, event.ID{0xb}
	last := agent(t, filepath.Join(runtime, "last"))
	leadsTo(t, l, a, last, last)
	ofA, _ := l.Point(a, "")
	leadsTo(t, l, b, ofA, last)
	ofB, _ := l.Point(b, "")
	leadsTo(t, l, a, ofB, last)
	leadsTo(t, l, a, ofA, last)

	none, err := l.Point(event.ID{0xc}, "")
	check(t, err)
	leadsTo(t, l, a, none, last)
	// A ring, however it came about, ends the search.
	check(t, os.Remove(ofA))
	check(t, os.Symlink(ofB, ofA))
	check(t, os.Remove(ofB))
	check(t, os.Symlink(ofA, ofB))
	leadsTo(t, l, a, ofB, ofB)
	leadsTo(t, l, a, last, last)
}

func TestALinkIsReplacedInOneStep(t *testing.T) {
	l, runtime := linksOf(t)
	id := event.ID{1}
	one, two := agent(t, filepath.Join(runtime, "one")), agent(t, filepath.Join(runtime, "two"))
	leadsTo(t, l, id, one, one)
	path, _ := l.Point(id, "")
	over := make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for n := range 300 {
				if _, err := l.Point(id, []string{one, two}[n%2]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { all.Wait(); close(over) }()
	for looking := true; looking; {
		select {
		case <-over:
			looking = false
		default:
		}
		if to, err := os.Readlink(path); err != nil || to != one && to != two {
			t.Fatalf("it leads to %q (%v)", to, err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(runtime, "x")); err != nil || len(left) != 1 || !strings.HasSuffix(left[0].Name(), ".agent") {
		t.Errorf("in the folder: %v (%v)", left, err)
	}
}

func TestALinkThatCannotBeMadeIsSaid(t *testing.T) {
	runtime := folderOf(t)
	l := NewLinks(filepath.Join(runtime, "missing"))
	path, err := l.Point(event.ID{1}, agent(t, filepath.Join(runtime, "one")))
	if err == nil || path == "" {
		t.Fatalf("got %q, %v", path, err)
	}
	check(t, l.Drop(event.ID{1}))
}

func TestTheFolderOfLinksIsMadeAnew(t *testing.T) {
	l, runtime := linksOf(t)
	check(t, os.RemoveAll(filepath.Join(runtime, "x")))
	target := agent(t, filepath.Join(runtime, "agent"))
	leadsTo(t, l, event.ID{1}, target, target)
	if info, err := os.Lstat(filepath.Join(runtime, "x")); err != nil || info.Mode() != os.ModeDir|0o700 {
		t.Errorf("it is %v, %v", info, err)
	}
}
