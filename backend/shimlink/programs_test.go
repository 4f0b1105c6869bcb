package shimlink

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

// tree makes files: a name that ends in / is a folder, one with a * may be run.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := folderOf(t)
	for _, name := range names {
		path := filepath.Join(root, strings.TrimSuffix(name, "*"))
		if strings.HasSuffix(name, "/") {
			check(t, os.MkdirAll(path, 0o700))
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(path), 0o700))
		mode := os.FileMode(0o600)
		if strings.HasSuffix(name, "*") {
			mode = 0o700
		}
		check(t, os.WriteFile(path, []byte("#!/bin/sh\n"), mode))
	}
	return root
}

func TestProgramsAreFoundAsExecvpWould(t *testing.T) {
	root := tree(t, "a/tool*", "b/tool*", "b/only*", "c/tool", "d/tool/", "here*", "sub/deep*", "plain", "no*/")
	check(t, os.Symlink(filepath.Join(root, "b/only"), filepath.Join(root, "linked")))
	check(t, os.Symlink("ring", filepath.Join(root, "ring")))
	at := func(places ...string) string {
		for n, place := range places {
			if place != "" && !strings.HasPrefix(place, ".") {
				places[n] = filepath.Join(root, place)
			}
		}
		return strings.Join(places, ":")
	}
	for _, c := range []struct {
		name, argv0, path, want string
		code                    fault.Code
	}{
		{"the first of two", "tool", at("a", "b"), "a/tool", 0},
		{"the other order", "tool", at("b", "a"), "b/tool", 0},
		{"past one that may not be run", "tool", at("c", "b"), "b/tool", 0},
		{"past a folder", "tool", at("d", "b"), "b/tool", 0},
		{"past places that are not there", "only", at("x", "plain", "b"), "b/only", 0},
		{"an empty place is the folder", "here", at("a", ""), "here", 0},
		{"a relative place", "deep", "./sub", "sub/deep", 0},
		{"a relative path", "./here", at("a"), "here", 0},
		{"a deeper one", "sub/deep", at("a"), "sub/deep", 0},
		{"upwards", "sub/../here", at("a"), "here", 0},
		{"an absolute path", filepath.Join(root, "a/tool"), "", "a/tool", 0},
		{"a link", "./linked", "", "linked", 0},
		{"not there", "missing", at("a", "b"), "", fault.NotFound},
		{"not in the folder", "here", at("a", "b"), "", fault.NotFound},
		{"not there by path", "./missing", at("a"), "", fault.NotFound},
		{"below a file", "./plain/x", "", "", fault.NotFound},
		{"nothing", "", at("a"), "", fault.NotFound},
		{"a zero byte", "to\x00ol", at("a"), "", fault.NotFound},
		{"too long a name", strings.Repeat("x", 300), at("a"), "", fault.NotFound},
		{"only one that may not be run", "tool", at("c", "a/x"), "", fault.PermissionDenied},
		{"only a folder", "tool", at("d"), "", fault.PermissionDenied},
		{"a folder by path", "./sub", "", "", fault.PermissionDenied},
		{"no x", "./plain", "", "", fault.PermissionDenied},
		{"a ring", "./ring", "", "", fault.FailedPrecondition},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Programs{}.Resolve(c.argv0, c.path, root)
			switch c.code {
			case 0:
				if err != nil || got != filepath.Join(root, c.want) {
					t.Errorf("got %s, %v", got, err)
				}
			case fault.NotFound:
				want(t, err, c.code, "program_not_found")
			default:
				want(t, err, c.code, "program_not_executable")
			}
		})
	}
}

func TestWithoutAPathTheUsualPlacesAreSearched(t *testing.T) {
	sh, err := Programs{}.Resolve("sh", "", "/")
	if err != nil || exec.Command(sh, "-c", "true").Run() != nil {
		t.Fatalf("got %q, %v", sh, err)
	}
}

func TestAFolderMustBeThereAndOpen(t *testing.T) {
	root := tree(t, "file", "tool*")
	tool := filepath.Join(root, "tool")
	for folder, code := range map[string]fault.Code{
		filepath.Join(root, "missing"): fault.NotFound,
		filepath.Join(root, "file"):    fault.NotFound,
		"":                             fault.InvalidArgument,
		"relative":                     fault.InvalidArgument,
	} {
		_, err := Programs{}.Resolve(tool, "", folder)
		want(t, err, code, "folder_missing")
	}
	if os.Geteuid() == 0 {
		return // root enters every folder
	}
	check(t, os.Mkdir(filepath.Join(root, "shut"), 0o600))
	_, err := Programs{}.Resolve(tool, "", filepath.Join(root, "shut"))
	want(t, err, fault.PermissionDenied, "folder_missing")
}
