package loginshell

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reap leaves no zombie. A shell that failed is ended with what it started; one
// that answered may leave an agent behind, as at any login, but is ended too if
// it hangs in its farewell.
func reap(cmd *exec.Cmd, failed bool) {
	wait := shellWait
	if failed {
		wait = 0
	}
	ended := make(chan struct{})
	late := time.AfterFunc(wait, func() {
		endSession(cmd.Process.Pid)
		close(ended)
	})
	go func() {
		awaitEnd(cmd.Process.Pid)
		if !late.Stop() {
			<-ended
		}
		_ = cmd.Wait() // how it ended no longer matters
	}()
}

// awaitEnd waits until a child of ours ends, and leaves it as it is.
func awaitEnd(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// endSession ends every process of a session: some shells give what their start
// files run a process group of its own. Call it before the leader is waited for:
// until then its number cannot pass to another.
func endSession(leader int) {
	// The leader's own group goes in one step, so that nothing in it can fork on.
	_ = syscall.Kill(-leader, syscall.SIGKILL)
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, p := range processes {
		if pid, err := strconv.Atoi(p.Name()); err == nil && sessionOf(pid) == leader {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// sessionOf reads field 6 of a process's stat; 0 when there is none. The name
// before it, in brackets, may hold brackets itself.
func sessionOf(pid int) int {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 4 {
		return 0
	}
	session, _ := strconv.Atoi(fields[3])
	return session
}
