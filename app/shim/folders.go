package main

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// ownFolders are the folders from dir upwards that are ours alone, outermost
// first, and no more of them than the core makes for its sockets. What is above
// them is not ours to make.
func ownFolders(dir string) (all []string) {
	for len(all) < runtimeDepth && private(dir) == nil {
		all = append([]string{dir}, all...)
		dir = filepath.Dir(dir)
	}
	return all
}

// remake makes what lacks of our folders, step by step without following a link,
// and refuses a planted one.
func remake(folders []string) error {
	if err := sheltered(filepath.Dir(folders[0])); err != nil {
		return err
	}
	for _, dir := range folders {
		if err := unix.Mkdir(dir, 0o700); err != nil && err != unix.EEXIST {
			return noSocket(err, dir)
		}
		if err := private(dir); err != nil {
			return err
		}
	}
	return nil
}

// private refuses a folder that others may enter or change.
func private(dir string) error {
	var st unix.Stat_t
	switch err := unix.Lstat(dir, &st); {
	case err != nil:
		return noSocket(err, dir)
	case st.Mode&unix.S_IFMT != unix.S_IFDIR, int(st.Uid) != os.Geteuid(), st.Mode&0o077 != 0:
		return planted(dir, "is not a folder of ours alone")
	}
	return nil
}

// sheltered refuses a parent in which others could swap our folder.
func sheltered(parent string) error {
	var st unix.Stat_t
	switch err := unix.Stat(parent, &st); {
	case err != nil:
		return noSocket(err, parent)
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return planted(parent, "is not a folder")
	case st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0:
		return planted(parent, "can be changed by other users")
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return planted(parent, "belongs to another user")
	}
	return nil
}

func planted(path, why string) error {
	return fault.New(fault.PermissionDenied, "socket_planted", path+" "+why, "see who made it, and remove it")
}
