package shimlink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// usualPath is where execvp looks when no PATH is set.
const usualPath = "/bin:/usr/bin"

// Programs finds programs as execvp would.
type Programs struct{}

// Resolve returns the absolute path of the program that argv0 names to a caller
// with a PATH, empty for none, in a folder. Reasons: folder_missing,
// program_not_found, program_not_executable.
func (Programs) Resolve(argv0, path, folder string) (string, error) {
	if err := checkFolder(folder); err != nil {
		return "", err
	}
	if argv0 == "" { // it would name each place of PATH itself
		return "", judged(argv0, unix.ENOENT)
	}
	if strings.Contains(argv0, "/") {
		program := within(folder, argv0)
		return program, judged(argv0, tryProgram(program))
	}
	if path == "" {
		path = usualPath
	}
	denied := error(unix.ENOENT)
	for _, place := range filepath.SplitList(path) {
		program := filepath.Join(within(folder, place), argv0)
		switch err := tryProgram(program); {
		case err == nil:
			return program, nil
		case !absent(err): // a later place may have one that can be run
			denied = err
		}
	}
	return "", judged(argv0, denied)
}

// within is a path as it looks from a folder; an empty one is the folder.
func within(folder, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

// tryProgram tells why a file cannot be run, as far as can be known without
// running it: of a missing interpreter only the kernel will tell.
func tryProgram(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return unix.EACCES
	}
	return unix.Access(path, unix.X_OK)
}

// absent reports whether a search goes on as if nothing were there.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENAMETOOLONG)
}

func judged(argv0 string, err error) error {
	switch {
	case err == nil:
		return nil
	case absent(err):
		return fault.New(fault.NotFound, "program_not_found", "there is no program "+argv0, "check its name, PATH and the folder")
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.PermissionDenied, "program_not_executable", argv0+" cannot be run: it is a folder or may not be executed",
			"name a program, or allow it with `chmod +x`")
	default:
		return fault.Wrap(err, fault.FailedPrecondition, "program_not_executable", argv0+" cannot be run", "check the file and its disk")
	}
}

// checkFolder refuses a folder in which nothing can be started.
func checkFolder(folder string) error {
	if !filepath.IsAbs(folder) {
		return fault.New(fault.InvalidArgument, "folder_missing", "the folder is not an absolute path", "give its whole path")
	}
	info, err := os.Stat(folder)
	if err == nil && !info.IsDir() {
		err = unix.ENOTDIR
	}
	if err == nil {
		err = unix.Access(folder, unix.X_OK)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(err, fault.PermissionDenied, "folder_missing", "the folder "+folder+" cannot be entered", "use another folder")
	default:
		return fault.Wrap(err, fault.NotFound, "folder_missing", "cannot start in the folder "+folder, "use a folder that exists")
	}
}
