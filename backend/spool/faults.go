package spool

import (
	"errors"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// Full reports whether err says that the disk takes no more bytes.
func Full(err error) bool { return fault.Is(err, "disk_full") }

// cannot tells a failed call from what the kernel said: disk_full, disk_failed,
// spool_unknown, spool_planted, spool_denied or spool_unusable.
func cannot(err error, verb, path string) error {
	message := "cannot " + verb + " " + path
	code, reason, mend := fault.Unavailable, "spool_unusable", "check the folder and its disk"
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		code, reason, mend = fault.Unknown, "disk_full", "free space; what waits is then written"
	case errors.Is(err, unix.EIO):
		code, reason, mend = fault.DataLoss, "disk_failed", "look at the kernel's log and mend the disk"
	case errors.Is(err, unix.ENOENT):
		code, reason, mend = fault.NotFound, "spool_unknown", "see `atelier ps`; the folder may have been removed"
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		code, reason, mend = fault.PermissionDenied, "spool_planted", "see who put a link there, and remove it"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS):
		code, reason, mend = fault.PermissionDenied, "spool_denied", "check owner and mode of the folder"
	}
	return fault.Wrap(err, code, reason, message, mend)
}

func planted(path, why string) error {
	return fault.New(fault.PermissionDenied, "spool_planted", path+" "+why, "see who made it, and remove it")
}
