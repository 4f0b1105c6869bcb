package home

import (
	"io/fs"
	"syscall"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

func TestWhatTheKernelSaysIsTold(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{syscall.ENOSPC: "unknown disk_full", syscall.EDQUOT: "unknown disk_full",
		syscall.EACCES: "permission_denied home_denied", syscall.EIO: "unavailable home_unusable"} {
		f := fault.Of(cannot(&fs.PathError{Op: "mkdir", Path: "/h", Err: errno}, "make", "/h"))
		if got := f.Code.String() + " " + f.Reason; got != want || f.Mend == "" {
			t.Errorf("%v is told as %q", errno, got)
		}
	}
}
