package spool

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// Gone is the offset up to which retention has dropped the output; 0 while it has
// not. Fault: gone_damaged, a loss of data.
func (r *Reader) Gone() (uint64, error) {
	fd, err := r.open(goneName, unix.O_RDONLY)
	if fault.Is(err, "spool_unknown") {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	b := make([]byte, goneMax)
	n, err := readSome(fd, b, 0)
	if err != nil {
		return 0, cannot(err, "read", r.name(goneName))
	}
	text, whole := strings.CutSuffix(string(b[:n]), "\n")
	gone, err := strconv.ParseUint(text, 10, 64)
	if err != nil || !whole {
		return 0, fault.New(fault.DataLoss, "gone_damaged", "cannot read "+r.name(goneName), "keep a copy of the folder as it is")
	}
	return gone, nil
}

// Drop takes away the output up to an offset. Offsets stay as they are. The mark is
// durable before a byte goes, so that nobody takes what is not there for what was
// written. Faults: spool_busy while a shim writes, output_short beyond the end,
// disk_keeps where the file system gives back no part of a file.
func (r *Reader) Drop(below uint64) error {
	held, err := r.Held()
	if err != nil {
		return err
	}
	if held {
		return fault.New(fault.FailedPrecondition, "spool_busy", "the shim of "+r.path+" still runs", "wait for its end")
	}
	if err := r.mark(below); err != nil {
		return err
	}
	fd, err := r.open(outputName, unix.O_RDWR)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return punch(fd, below, r.name(outputName))
}

// mark says durably that the output is gone up to an offset, unless more is.
func (r *Reader) mark(below uint64) error {
	end, err := r.End()
	if err != nil {
		return err
	}
	if end < below {
		return fault.New(fault.DataLoss, "output_short", fmt.Sprintf("%s ends at %d, before %d", r.name(outputName), end, below),
			"keep a copy of the folder as it is")
	}
	if gone, err := r.Gone(); err != nil || gone >= below {
		return err
	}
	return r.replace(goneName, append(strconv.AppendUint(nil, below, 10), '\n'), true)
}

// punch makes a hole of the beginning of a file, durably.
func punch(fd int, to uint64, path string) error {
	err := unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, int64(to))
	if err == unix.EOPNOTSUPP {
		return fault.Wrap(err, fault.Unimplemented, "disk_keeps", "the file system of "+path+" gives back no part of a file",
			"put the home on ext4, XFS, Btrfs or tmpfs")
	}
	if err == nil {
		err = unix.Fdatasync(fd)
	}
	if err != nil {
		return cannot(err, "drop the beginning of", path)
	}
	return nil
}

func outputGone(path string, below uint64) error {
	return fault.New(fault.OutOfRange, "output_gone", fmt.Sprintf("the output in %s was dropped up to %d", path, below), "read from there on")
}
