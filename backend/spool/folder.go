// Package spool is the folder of one execution: what its terminal said and what
// its shim saw.
//
//	output       every byte of the terminal, from offset 0
//	notes        what the shim saw, as records of the attach protocol
//	launch.json  where the shim listens, and who it is
//	claim        locked by the shim from before it begins, empty
//	gone         up to which offset retention has dropped the output, if it has
//
// The shim alone writes, through a Writer, which locks the folder for as long as
// its process lives. The core reads at the same time, through a Reader. Neither
// ever follows a link: the folder is 0700, its files 0600, all of them ours.
package spool

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	outputName = "output"
	notesName  = "notes"
	launchName = "launch.json"
	claimName  = "claim"
	goneName   = "gone"
	// freshName is launch.json, or gone, until it is whole.
	freshName = "launch.json.new"
)

// Make makes the folder of a new execution; its name is durable when Make
// returns. It fails if something has that name.
func Make(dir string) error {
	if err := unix.Mkdir(dir, 0o700); err != nil {
		return cannot(err, "make", dir)
	}
	path := filepath.Dir(dir)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return cannot(err, "open", path)
	}
	parent := folder{path, fd}
	defer parent.close()
	return parent.sync()
}

// folder is an open directory, so that a renamed path cannot lead elsewhere.
type folder struct {
	path string
	fd   int
}

// openFolder opens a true folder of ours that nobody else can enter.
func openFolder(path string) (folder, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return folder{}, cannot(err, "open", path)
	}
	d := folder{path, fd}
	if err := d.ours(fd, path, unix.S_IFDIR); err != nil {
		d.close()
		return folder{}, err
	}
	return d, nil
}

// open opens a file of the folder, and makes it if flags say so.
func (d folder) open(name string, flags int) (int, error) {
	fd, err := unix.Openat(d.fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return -1, cannot(err, "open", d.name(name))
	}
	if err := d.ours(fd, d.name(name), unix.S_IFREG); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// ours refuses what is of another kind or another user, or open to others.
func (d folder) ours(fd int, path string, kind uint32) error {
	var st unix.Stat_t
	switch err := unix.Fstat(fd, &st); {
	case err != nil:
		return cannot(err, "look at", path)
	case st.Mode&unix.S_IFMT != kind:
		return planted(path, "is not what belongs there")
	case int(st.Uid) != os.Geteuid():
		return planted(path, "belongs to another user")
	case st.Mode&0o077 != 0:
		return planted(path, "is open to other users")
	}
	return nil
}

// replace writes a small file whole or not at all; synced, it survives a power cut
// once replace returns.
func (d folder) replace(name string, content []byte, synced bool) error {
	if err := unix.Unlinkat(d.fd, freshName, 0); err != nil && err != unix.ENOENT {
		return cannot(err, "remove", d.name(freshName))
	}
	fd, err := d.open(freshName, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return err
	}
	_, err = writeAll(fd, content, 0)
	if err == nil && synced {
		err = unix.Fdatasync(fd)
	}
	unix.Close(fd)
	if err != nil {
		return cannot(err, "write", d.name(freshName))
	}
	if err := unix.Renameat(d.fd, freshName, d.fd, name); err != nil {
		return cannot(err, "write", d.name(name))
	}
	if !synced {
		return nil
	}
	return d.sync()
}

func (d folder) name(file string) string { return filepath.Join(d.path, file) }

func (d folder) sync() error {
	if err := unix.Fsync(d.fd); err != nil {
		return cannot(err, "sync", d.path)
	}
	return nil
}

func (d folder) close() { unix.Close(d.fd) }

func size(fd int, path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, cannot(err, "look at", path)
	}
	return uint64(st.Size), nil
}

// writeAll writes b at an offset, and tells how much of it is there.
func writeAll(fd int, b []byte, at uint64) (int, error) {
	done := 0
	for done < len(b) {
		n, err := unix.Pwrite(fd, b[done:], int64(at)+int64(done))
		if err != nil && err != unix.EINTR {
			return done, err
		}
		done += max(n, 0)
	}
	return done, nil
}

// readSome fills b from an offset, up to the end of the file.
func readSome(fd int, b []byte, at uint64) (int, error) {
	done := 0
	for done < len(b) {
		n, err := unix.Pread(fd, b[done:], int64(at)+int64(done))
		if err != nil && err != unix.EINTR {
			return done, err
		}
		if n == 0 && err == nil {
			break
		}
		done += max(n, 0)
	}
	return done, nil
}
