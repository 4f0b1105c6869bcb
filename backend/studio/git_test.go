package studio

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/causal"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/git"
)

// gitIn runs git in a folder, with nothing of the machine's own settings.
func gitIn(t *testing.T, folder, input string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", folder}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "GIT_CONFIG_NOSYSTEM=1"}
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustGit(t *testing.T, folder, input string, args ...string) string {
	t.Helper()
	out, err := gitIn(t, folder, input, args...)
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return out
}

// randomRepository is a history of n commits with branches, merges of up to
// most parents, several roots and criss-crosses. It returns their hashes.
func randomRepository(t *testing.T, seed int64, n, most int) (folder string, hashes []string) {
	t.Helper()
	folder = t.TempDir()
	mustGit(t, folder, "", "init", "--quiet")
	rng := rand.New(rand.NewSource(seed))
	var script strings.Builder
	for k := 1; k <= n; k++ {
		fmt.Fprintf(&script, "commit refs/heads/b%d\nmark :%d\ncommitter A <a@b> %d +0000\ndata <<END\ncommit %d\nEND\n", k, k, 1_000_000+rng.Intn(1000), k)
		if k > 1 && rng.Intn(20) > 0 {
			seen := map[int]bool{}
			for p := range 1 + max(0, rng.Intn(most+2)-2) {
				parent := max(1, k-1-rng.Intn(12))
				if seen[parent] {
					continue
				}
				seen[parent] = true
				fmt.Fprintf(&script, "%s :%d\n", map[bool]string{true: "from", false: "merge"}[p == 0], parent)
			}
		}
		script.WriteString("\n")
	}
	mustGit(t, folder, script.String(), "fast-import", "--quiet", "--export-marks="+filepath.Join(folder, "marks"))
	marks, err := os.ReadFile(filepath.Join(folder, "marks"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(marks)), "\n") {
		_, hash, _ := strings.Cut(line, " ")
		hashes = append(hashes, hash)
	}
	return folder, hashes
}

// repositories are git's commits in the studio's words.
type repositories struct{ git.Reader }

func (r repositories) Commits(ctx context.Context, folder string, refs []string, each func(Commit) error) error {
	return r.Reader.Commits(ctx, folder, refs, func(c git.Commit) error { return each(Commit(c)) })
}

// imports returns what an import of a repository came to.
func (w *world) imports(c Caller, folder string, refs ...string) (last GitProgress, err error) {
	w.p.Repositories = repositories{}
	err = w.ImportGit(background, c, folder, refs, func(g GitProgress) error { last = g; return nil })
	return last, err
}

// Of any two commits git itself is the judge of what the events are to each other.
func TestImportedCommitsStandAsGitSays(t *testing.T) {
	for seed := range int64(4) {
		folder, hashes := randomRepository(t, seed, 150, 4)
		w := newWorld(t)
		g, err := w.imports(w.caller(event.SurfaceCLI), folder)
		if err != nil || g.Commits != uint64(len(hashes)) || g.Known != 0 || !g.Done || g.Lanes == 0 {
			t.Fatalf("%+v: %v", g, err)
		}
		ids, rng := w.Studio.imported(), rand.New(rand.NewSource(seed))
		counts := map[causal.Relation]int{}
		for range 120 {
			a, b := hashes[rng.Intn(len(hashes))], hashes[rng.Intn(len(hashes))]
			r, err := w.log.Relate(ids[a], ids[b])
			if err != nil {
				t.Fatal(err)
			}
			_, before := gitIn(t, folder, "", "merge-base", "--is-ancestor", a, b)
			_, after := gitIn(t, folder, "", "merge-base", "--is-ancestor", b, a)
			want := causal.Concurrent
			switch {
			case a == b:
				want = causal.Same
			case before == nil:
				want = causal.Before
			case after == nil:
				want = causal.After
			}
			if counts[r]++; r != want {
				t.Fatalf("seed %d: %s is %v %s, and git says %v", seed, a, r, b, want)
			}
		}
		if counts[causal.Before] == 0 || counts[causal.Concurrent] == 0 {
			t.Errorf("seed %d: the pairs do not bite: %v", seed, counts)
		}
		w.noneVoid()
	}
}

// What is here already is passed over, and what came since goes on from it.
func TestAnImportGoesOn(t *testing.T) {
	folder, hashes := randomRepository(t, 7, 20, 2)
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	if g, err := w.imports(c, folder, hashes[9]); err != nil || g.Commits > 10 || g.Commits == 0 {
		t.Fatalf("%+v: %v", g, err)
	}
	had := len(w.Studio.imported())
	if g, err := w.imports(c, folder); err != nil || g.Known != uint64(had) || g.Commits != 20 {
		t.Errorf("%+v: %v", g, err)
	}
	w.restart()
	c = w.caller(event.SurfaceCLI)
	before := w.log.Count()
	if g, err := w.imports(c, folder); err != nil || g.Known != 20 || w.log.Count() != before {
		t.Errorf("%+v, %d events: %v", g, w.log.Count()-before, err)
	}
}

// A merge of more parents than an event may have is joined first.
func TestAnOctopusIsJoined(t *testing.T) {
	folder := t.TempDir()
	mustGit(t, folder, "", "init", "--quiet")
	var script strings.Builder
	const arms = event.MaxParents + 6
	for k := 1; k <= arms+1; k++ {
		fmt.Fprintf(&script, "commit refs/heads/b%d\nmark :%d\ncommitter A <a@b> 1000 +0000\ndata <<END\narm %d\nEND\n", k, k, k)
		if k > arms {
			script.WriteString("from :1\n")
			for p := 2; p <= arms; p++ {
				fmt.Fprintf(&script, "merge :%d\n", p)
			}
		}
		script.WriteString("\n")
	}
	mustGit(t, folder, script.String(), "fast-import", "--quiet")
	w := newWorld(t)
	if g, err := w.imports(w.caller(event.SurfaceCLI), folder); err != nil || g.Commits != arms+1 {
		t.Fatalf("%+v: %v", g, err)
	}
	ids := w.Studio.imported()
	merge := ids[mustGit(t, folder, "", "rev-parse", fmt.Sprint("b", arms+1))]
	for k := 1; k <= arms; k++ {
		if r, err := w.log.Relate(ids[mustGit(t, folder, "", "rev-parse", fmt.Sprint("b", k))], merge); err != nil || r != causal.Before {
			t.Errorf("arm %d is %v the merge: %v", k, r, err)
		}
	}
	if len(w.events(event.SessionJoinedType)) == 0 {
		t.Error("nothing was joined: the merge does not bite")
	}
}

func TestWhatIsNoRepositoryIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.caller(event.SurfaceCLI)
	folder, _ := randomRepository(t, 1, 5, 1)
	shallow := filepath.Join(t.TempDir(), "s")
	mustGit(t, t.TempDir(), "", "clone", "--quiet", "--depth", "1", "--branch", "b5", "file://"+folder, shallow)
	damaged, hashes := randomRepository(t, 2, 5, 1)
	first := filepath.Join(damaged, ".git", "objects", hashes[0][:2], hashes[0][2:])
	if err := errors.Join(os.Chmod(first, 0o600), os.Truncate(first, 4)); err != nil {
		t.Fatal(err)
	}
	for name, one := range map[string]struct {
		folder string
		refs   []string
		want   string
	}{
		"no folder":           {"/nonexistent/x", nil, "repository_missing"},
		"a folder without":    {t.TempDir(), nil, "repository_missing"},
		"a relative folder":   {".", nil, "repository_missing"},
		"no such branch":      {folder, []string{"nothing"}, "reference_unknown"},
		"an option":           {folder, []string{"--output=/tmp/x"}, "reference_unknown"},
		"a part of a history": {shallow, nil, "repository_shallow"},
		"a damaged one":       {damaged, nil, "repository_damaged"},
	} {
		if _, err := w.imports(c, one.folder, one.refs...); !fault.Is(err, one.want) {
			t.Errorf("%s: want %s, got %v", name, one.want, err)
		}
	}
	empty := t.TempDir()
	mustGit(t, empty, "", "init", "--quiet")
	if g, err := w.imports(c, empty); err != nil || g.Commits != 0 {
		t.Errorf("an empty one: %+v, %v", g, err)
	}
}

// Nothing that a repository configures is run, and odd texts are kept readable.
func TestAHostileRepositoryRunsNothing(t *testing.T) {
	folder := t.TempDir()
	mustGit(t, folder, "", "init", "--quiet")
	ran := filepath.Join(folder, "ran")
	trap := filepath.Join(folder, "trap")
	if err := os.WriteFile(trap, []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"core.fsmonitor", "core.pager", "gpg.program", "core.sshCommand", "diff.external", "core.editor"} {
		mustGit(t, folder, "", "config", key, trap)
	}
	mustGit(t, folder, "", "config", "log.showSignature", "true")
	script := "commit refs/heads/b\ncommitter \x1b[2J\xff <a@b> 1000 +0000\ndata <<END\nti\xfftle \x1b]0;x\x07" + strings.Repeat("long ", 400) + "\nEND\n\n"
	mustGit(t, folder, script, "fast-import", "--quiet")
	w := newWorld(t)
	if _, err := w.imports(w.caller(event.SurfaceCLI), folder); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the repository had a program run")
	}
	e := w.last(event.ArtifactRecordedType)
	body, err := event.ReadChange(e.Header, e.Body)
	title := body.Set["title"].String()
	if err != nil || !strings.HasPrefix(title, "ti\uFFFDtle") || len([]rune(title)) > 501 {
		t.Errorf("the title is %q: %v", title, err)
	}
}
