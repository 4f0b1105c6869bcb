package git

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

// threeCommits is a repository of c1, c2 and c3, each the parent of the next.
func threeCommits(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	gitIn(t, folder, "init", "--quiet", "--initial-branch=m")
	for _, name := range []string{"c1", "c2", "c3"} {
		gitIn(t, folder, "commit", "--quiet", "--allow-empty", "-m", name)
	}
	return folder
}

func gitIn(t *testing.T, folder string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", folder, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func writeFile(t *testing.T, data string, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(data), 0o700)); err != nil {
		t.Fatal(err)
	}
	return name
}

// isChain fails unless c1, c2 and c3 are read, each with the one before as its parent.
func isChain(t *testing.T, folder string) {
	t.Helper()
	var got []Commit
	if err := (Reader{}).Commits(context.Background(), folder, nil, func(c Commit) error { got = append(got, c); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || len(got[0].Parents) != 0 {
		t.Fatalf("read %+v", got)
	}
	for k := 1; k < 3; k++ {
		if !slices.Equal(got[k].Parents, []string{got[k-1].Hash}) {
			t.Errorf("%s has the parents %v", got[k].Subject, got[k].Parents)
		}
	}
}

func TestAGraftMakesNoOtherParents(t *testing.T) {
	folder := threeCommits(t)
	writeFile(t, gitIn(t, folder, "rev-parse", "m")+"\n", folder, ".git", "info", "grafts")
	if gitIn(t, folder, "rev-list", "--count", "m") == "3" {
		t.Fatal("the graft does not bite")
	}
	isChain(t, folder)
}

func TestAForgedCommitGraphIsNotBelieved(t *testing.T) {
	folder := threeCommits(t)
	gitIn(t, folder, "commit-graph", "write", "--reachable")
	path := filepath.Join(folder, ".git", "objects", "info", "commit-graph")
	graph, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	orphan(graph)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	writeFile(t, string(graph), path)
	if gitIn(t, folder, "rev-list", "--count", "m") == "3" {
		t.Fatal("the forgery does not bite")
	}
	isChain(t, folder)
}

// orphan takes all parents from a commit graph: gitformat-commit-graph(5) has a
// table of chunks of 12 bytes after 8 bytes, and in CDAT, a commit each 36 bytes,
// the first parent after the hash of the tree.
func orphan(graph []byte) {
	const none = 0x70000000
	for k := range int(graph[6]) {
		chunk := graph[8+12*k:]
		if bytes.HasPrefix(chunk, []byte("CDAT")) {
			first := binary.BigEndian.Uint64(chunk[4:])
			last := binary.BigEndian.Uint64(chunk[16:])
			for at := first; at < last; at += 36 {
				binary.BigEndian.PutUint32(graph[at+20:], none)
			}
		}
	}
	sum := sha1.Sum(graph[:len(graph)-sha1.Size])
	copy(graph[len(graph)-sha1.Size:], sum[:])
}

// A repository that says it is a part of another may name the program that
// fetches the rest. Each of the two guards holds alone.
func TestWhatIsMissingIsNotFetched(t *testing.T) {
	folder := threeCommits(t)
	ran := filepath.Join(folder, "ran")
	trap := writeFile(t, "#!/bin/sh\ntouch "+ran+"\nexit 1\n", folder, "trap")
	first := gitIn(t, folder, "rev-parse", "m~2")
	if err := os.Remove(filepath.Join(folder, ".git", "objects", first[:2], first[2:])); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"core.repositoryFormatVersion": "1", "extensions.partialClone": "o", "remote.o.promisor": "true",
		"remote.o.url": threeCommits(t), "remote.o.uploadPack": trap} {
		gitIn(t, folder, "config", key, value)
	}
	for _, without := range [][]string{nil, {"GIT_NO_LAZY_FETCH"}, {"GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL"}} {
		cmd := command(context.Background(), folder, "log", "--all", "--format=%H", "--")
		cmd.Env = slices.DeleteFunc(cmd.Env, func(one string) bool {
			name, _, _ := strings.Cut(one, "=")
			return slices.Contains(without, name)
		})
		if err := cmd.Run(); err == nil {
			t.Fatal("a missing commit was read")
		}
		if _, err := os.Stat(ran); (err == nil) != (len(without) == 2) {
			t.Errorf("without %v the program ran: %t", without, err == nil)
		}
	}
	if err := (Reader{}).Commits(context.Background(), folder, nil, func(Commit) error { return nil }); !fault.Is(err, "repository_damaged") {
		t.Error("want repository_damaged, got", err)
	}
}

// What leaves commits out would leave children without parents.
func TestAReferenceNamesOneCommit(t *testing.T) {
	folder := threeCommits(t)
	for _, ref := range []string{"^m~2", "m~2..m", "m^@", "m^!", "", ":/c2", "--all"} {
		err := (Reader{}).Commits(context.Background(), folder, []string{"m", ref}, func(c Commit) error { return nil })
		if !fault.Is(err, "reference_unknown") {
			t.Errorf("%q: want reference_unknown, got %v", ref, err)
		}
	}
}

// endless is a record whose subject goes on for n bytes.
type endless struct{ head, rest int }

func (e *endless) Read(p []byte) (int, error) {
	const head = "a\n\nA\n1\n"
	if e.head < len(head) {
		n := copy(p, head[e.head:])
		e.head += n
		return n, nil
	}
	n := min(len(p), e.rest)
	for k := range p[:n] {
		p[k] = 'x'
	}
	if e.rest -= n; n == 0 {
		return copy(p, "\x00b\na\nB\n2\ntwo\x00"), errEnd
	}
	return n, nil
}

var errEnd = errors.New("end")

func TestALongSubjectIsNotHeld(t *testing.T) {
	var got []Commit
	err := read(&endless{rest: 64 << 20}, func(c Commit) error { got = append(got, c); return nil })
	if !errors.Is(err, errEnd) || len(got) != 2 || got[1].Subject != "two" || got[0].Subject != strings.Repeat("x", textMost)+"…" {
		t.Fatalf("read %d commits: %v", len(got), err)
	}
	spent := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_ = read(&endless{rest: 64 << 20}, func(Commit) error { return nil })
		}
	}).AllocedBytesPerOp()
	if spent > 16*recordMost {
		t.Errorf("64 MiB cost %d bytes", spent)
	}
}
