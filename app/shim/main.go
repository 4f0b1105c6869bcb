// Command atelier-shim holds the terminal of one execution, so that the core
// may die or be replaced while the program goes on.
//
//	atelier-shim DIR
//
// DIR is the execution's spool folder. The launch comes as one JSON document on
// standard input. When the program runs, or cannot be run, one line of JSON says
// so on descriptor 3, if that is open. Then one thread does everything: it
// drains the terminal into the spool, gives clients their bytes, and types.
package main

import (
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

func main() {
	lean()
	deafen()
	unix.Umask(0o077)
	if len(os.Args) != 2 {
		complain(fault.New(fault.InvalidArgument, "usage", "usage: atelier-shim DIR", "this program is started by the core"))
		os.Exit(fault.ExitUsage)
	}
	if !run(os.Args[1]) {
		os.Exit(fault.ExitFailed)
	}
}

// lean trades a little time for memory: there is one shim for each terminal,
// most of them idle, and the heap of one is a fraction of the least that the
// collector would let it grow to.
func lean() {
	debug.SetGCPercent(20)
	runtime.GOMAXPROCS(2)
	runtime.LockOSThread() // the program is killed when the thread that started it ends
}

// deafen makes this process outlive its terminal, its core and its clients. A
// signal that is caught, unlike one that is ignored, is the default again in
// the program, even if whoever started us ignored it.
func deafen() {
	signal.Notify(make(chan os.Signal, 1))
}

// run holds a terminal from its launch to its end. It is false when the program
// could not be started.
func run(dir string) bool {
	core := answerTo(wordFD)
	keepClaim()
	h, err := begin(dir)
	if err != nil {
		complain(err)
		core.failed(err)
		return false
	}
	core.ready(h.launch.Socket)
	h.launch = launch{Socket: h.launch.Socket}
	debug.FreeOSMemory() // the launch may have been long
	h.loop()
	h.close()
	return true
}

// complain tells the log of the core, if there is one.
func complain(err error) {
	_, _ = os.Stderr.WriteString("atelier-shim: " + err.Error() + "\n")
}
