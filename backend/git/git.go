// Package git reads the history of a git repository, by the program git: what it
// says of parents and order is what every other user of the repository is told.
package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"atelier.dev/atelier/backend/fault"
)

// Reader reads repositories on this machine.
type Reader struct{}

// Commit is one commit of a repository.
type Commit struct {
	Hash            string
	Parents         []string // the hashes of its parents, the first one first
	Author, Subject string
	Written         time.Time
}

// commitForm is how git is asked for one commit: hash, parents, author, time of
// writing and subject, a line each. Commits are parted by zero bytes.
const commitForm = "%H%n%P%n%an%n%at%n%s"

// Commits calls each with every commit that some references rest on, parents
// before children; of all references where none is named. It changes nothing in
// the repository and runs nothing that the repository configures. Reasons:
// git_missing, repository_missing, repository_foreign, reference_unknown,
// repository_shallow, repository_damaged.
func (Reader) Commits(ctx context.Context, folder string, refs []string, each func(Commit) error) error {
	if err := checkFolder(ctx, folder); err != nil {
		return err
	}
	args := []string{"log", "-z", "--topo-order", "--reverse", "--no-show-signature", "--format=" + commitForm}
	if len(refs) == 0 {
		args = append(args, "--all")
	}
	for _, ref := range refs {
		if strings.HasPrefix(ref, "-") {
			return unknown(ref)
		}
		hash, err := run(ctx, folder, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
		if err != nil || !isHash(hash) {
			return unknown(ref)
		}
		args = append(args, hash) // the name may move meanwhile
	}
	return stream(ctx, folder, append(args, "--"), each)
}

// isHash tells a commit from what git takes for one: it answers ^name with the
// commits to leave out, and a history without them would lack parents.
func isHash(text string) bool {
	return text != "" && strings.Trim(text, "0123456789abcdef") == ""
}

func unknown(ref string) error {
	return fault.New(fault.NotFound, "reference_unknown", fmt.Sprintf("the repository has no branch, tag or commit %q", strings.ToValidUTF8(ref, "\uFFFD")), "see `git branch --all`")
}

// checkFolder refuses what is no repository, or none that can be read whole.
func checkFolder(ctx context.Context, folder string) error {
	if _, err := exec.LookPath("git"); err != nil {
		return fault.New(fault.FailedPrecondition, "git_missing", "the program git is not on this machine", "install git")
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() || !filepath.IsAbs(folder) {
		return fault.New(fault.NotFound, "repository_missing", "there is no folder "+folder, "give the folder of a repository")
	}
	shallow, err := run(ctx, folder, "rev-parse", "--is-shallow-repository")
	switch {
	case err != nil && strings.Contains(err.Error(), "dubious ownership"):
		return fault.New(fault.PermissionDenied, "repository_foreign", "the repository belongs to another user", "clone it first, and import the clone")
	case err != nil:
		return fault.New(fault.NotFound, "repository_missing", folder+" is no git repository", "give the folder of a repository")
	case shallow == "true":
		return fault.New(fault.FailedPrecondition, "repository_shallow", "the repository holds a part of its history only", "run `git fetch --unshallow` there first")
	}
	return nil
}

// command is git with nothing of the caller's and little of the repository's:
// no hooks, pager, prompts, fetches or replaced commits. Grafts and the commit
// graph may say other parents than the commits that the hashes stand for. A git
// before 2.39.4 knows no GIT_NO_LAZY_FETCH and would run what the repository
// names as its remote's program when a commit is missing: so no carrier is allowed.
func command(ctx context.Context, folder string, args ...string) *exec.Cmd {
	safe := []string{"-C", folder, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.pager=cat",
		"-c", "i18n.logOutputEncoding=UTF-8", "-c", "log.mailmap=false", "-c", "core.commitGraph=false", "--no-replace-objects", "--literal-pathspecs"}
	cmd := exec.CommandContext(ctx, "git", append(safe, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_GRAFT_FILE=" + os.DevNull}
	cmd.WaitDelay = waitDelay
	return cmd
}

// run returns the one line that git answers.
func run(ctx context.Context, folder string, args ...string) (string, error) {
	out, err := command(ctx, folder, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = errors.New(string(exit.Stderr))
	}
	return strings.TrimSpace(string(out)), err
}

func stream(ctx context.Context, folder string, args []string, each func(Commit) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := command(ctx, folder, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fault.Wrap(err, fault.Unavailable, "git_missing", "git cannot be started", "check that it runs")
	}
	err = read(out, each)
	if err != nil {
		cancel() // git goes on writing to nobody
	}
	ended := cmd.Wait()
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "the import was given up", "ask again: it goes on from there")
	case ended != nil:
		return fault.New(fault.DataLoss, "repository_damaged", "git cannot read the history: "+lastLine(said.String()), "run `git fsck` there")
	}
	return nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD")), "\n")
	return lines[len(lines)-1]
}

func read(out io.Reader, each func(Commit) error) error {
	in := bufio.NewReaderSize(out, 64<<10)
	for last := false; !last; {
		one, err := record(in)
		if last = errors.Is(err, io.EOF); err != nil && !last {
			return err
		}
		if last && len(one) == 0 {
			break
		}
		c, err := parse(string(one))
		if err != nil {
			return err
		}
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}

// record reads one commit, without the zero that ends it. The subject comes last,
// so that of a record above recordMost only its end is dropped.
func record(in *bufio.Reader) (one []byte, err error) {
	for more := true; more; {
		var part []byte
		part, err = in.ReadSlice(0)
		more = errors.Is(err, bufio.ErrBufferFull)
		if err == nil {
			part = part[:len(part)-1]
		}
		one = append(one, part[:min(len(part), recordMost-len(one))]...)
	}
	return one, err
}

// parse reads one commit in commitForm. Text that is no UTF-8 is made so.
func parse(text string) (Commit, error) {
	lines := strings.SplitN(text, "\n", 5)
	if len(lines) < 5 {
		return Commit{}, fault.New(fault.DataLoss, "repository_damaged", "git says something else of a commit than it was asked", "run `git fsck` there")
	}
	seconds, err := strconv.ParseInt(lines[3], 10, 64)
	if err != nil {
		seconds = 0 // a date that git cannot read is none
	}
	return Commit{Hash: lines[0], Parents: strings.Fields(lines[1]), Author: cut(lines[2]), Subject: cut(lines[4]),
		Written: time.Unix(seconds, 0).UTC()}, nil
}

// cut keeps what a list shows of a subject or a name.
func cut(text string) string {
	letters := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " "))
	if len(letters) > textMost {
		return string(letters[:textMost]) + "…"
	}
	return string(letters)
}
