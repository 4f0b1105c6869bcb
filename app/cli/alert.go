package main

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// alertness is how two threads wait for keys and for their echo: while somebody
// types, without the runtime. To it a thread that waits has gone, and each time
// that one comes back it wakes others, who take the processor from the echo.
type alertness struct{ typed atomic.Int64 }

// waiters are the threads that may wait without telling the runtime, and others
// that go on meanwhile.
const waiters = 4

// begin gives the runtime room for threads that wait and do not tell it.
func (a *alertness) begin() {
	if runtime.GOMAXPROCS(0) < waiters {
		runtime.GOMAXPROCS(waiters)
	}
}

// key has both threads alert for some time.
func (a *alertness) key() { a.typed.Store(time.Now().UnixNano()) }

// wait waits until fd can be read, or nobody has typed for some time: then a
// read that blocks is as good. Meanwhile only what comes wakes it; a read of a
// socket is also woken when what was sent is taken.
func (a *alertness) wait(fd int) {
	for time.Now().UnixNano()-a.typed.Load() < int64(alertFor) {
		if readable(fd, alertMost) {
			return
		}
		runtime.Gosched() // or it would interrupt a thread that seems to work for long
	}
}

// readable waits without the runtime, and reports whether fd can be read.
func readable(fd int, most time.Duration) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	until := unix.NsecToTimespec(most.Nanoseconds())
	n, _, err := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&until)), 0, 0, 0)
	return err == 0 && n > 0
}
