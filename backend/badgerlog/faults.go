package badgerlog

import (
	"errors"
	"syscall"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

var errNewer = errors.New("written by a newer Atelier")

func dataLoss(reason, message string) error {
	return fault.New(fault.DataLoss, reason, message,
		"keep a copy of the data folder as it is, and restore it from a backup")
}

func openFault(err error) error {
	if errors.Is(err, errNewer) {
		return fault.New(fault.FailedPrecondition, "store_newer", "the log was written by a newer Atelier",
			"use that version or a newer one; nothing was changed")
	}
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EROFS) {
		return fault.Wrap(err, fault.FailedPrecondition, "store_unwritable", "the log cannot be written", "check the owner and mode of the data folder")
	}
	if isLimited(err) {
		return fault.Wrap(err, fault.ResourceExhausted, "store_limited", "the log cannot be opened within a limit of this process", mendLimit)
	}
	if fault.Is(err, "store_irregular") {
		return err
	}
	return fault.Wrap(err, fault.DataLoss, "store_damaged", "the log cannot be opened",
		"keep a copy of the data folder as it is, and restore it from a backup")
}

func unsealed(id event.ID) error {
	return fault.New(fault.FailedPrecondition, "event_unsealed", "no seal covers event "+id.String()+" yet", "seal it first")
}

const mendLimit = "raise the limit on open files (ulimit -n) or on the size of a file (ulimit -f), and start the core again; nothing is lost"

func (l *Log) readOnlyFault() error {
	if l.limited {
		return fault.New(fault.ResourceExhausted, "read_only", "the log takes no more writes: "+l.why, mendLimit)
	}
	code := fault.Unavailable
	if l.full {
		code = fault.Unknown
	}
	return fault.New(code, "read_only", "the log takes no more writes: "+l.why,
		"free space or mend the disk, then restart the core")
}
