package git

import (
	"strings"
	"testing"
	"time"

	"atelier.dev/atelier/backend/fault"
)

func TestACommitIsReadAsGitWritesIt(t *testing.T) {
	c, err := parse("abc\np1 p2\nAnna  B\n86400\nsubject\nwith a line more")
	want := Commit{Hash: "abc", Parents: []string{"p1", "p2"}, Author: "Anna B", Subject: "subject with a line more", Written: time.Unix(86400, 0).UTC()}
	if err != nil || c.Hash != want.Hash || strings.Join(c.Parents, " ") != "p1 p2" || c.Author != want.Author || c.Subject != want.Subject || !c.Written.Equal(want.Written) {
		t.Errorf("it is %+v: %v", c, err)
	}
	if c, err = parse("abc\n\n\nlong ago\n"); err != nil || len(c.Parents) != 0 || c.Written.Unix() != 0 {
		t.Errorf("without parents, author, date and subject it is %+v: %v", c, err)
	}
	if c, err = parse("abc\n\nA\n-86400\ns"); err != nil || c.Written.Year() != 1969 {
		t.Errorf("before 1970 it is %+v: %v", c, err)
	}
	if _, err = parse("abc\nA"); !fault.Is(err, "repository_damaged") {
		t.Error("half a commit was taken:", err)
	}
}

func TestTextIsMadeFitToShow(t *testing.T) {
	for text, want := range map[string]string{"a\xffb": "a\uFFFDb", " a \t b ": "a b", strings.Repeat("é", 600): strings.Repeat("é", 500) + "…"} {
		if got := cut(text); got != want {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

func TestCommitsArePartedByZeros(t *testing.T) {
	var subjects []string
	err := read(strings.NewReader("a\n\nA\n1\none\x00b\na\nA\n2\ntwo\x00"), func(c Commit) error {
		subjects = append(subjects, c.Subject)
		return nil
	})
	if err != nil || strings.Join(subjects, " ") != "one two" {
		t.Errorf("read %v: %v", subjects, err)
	}
	if err := read(strings.NewReader(""), nil); err != nil {
		t.Error("an empty history:", err)
	}
}
