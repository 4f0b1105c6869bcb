package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

// run keeps a home until it is told to end.
func run(o options, stderr *os.File) int {
	// Programs in terminals get the umask that we were started with.
	umask := syscall.Umask(0o077)
	sparing()
	h, err := home.Resolve(o.home)
	d := &daemon{home: h, umask: umask, stderr: stderr, ending: make(chan struct{})}
	stop := d.listenToSignals()
	defer stop()
	if err == nil {
		err = d.start(context.Background())
	}
	if told := home.ReportStart(err); told != nil {
		d.say("warn", "whoever started this core has not heard of it: "+told.Error())
	}
	if err != nil {
		f := fault.Of(err)
		d.say("error", f.Error())
		d.end()
		return f.Code.ExitStatus()
	}
	<-d.ending
	return d.end()
}

// sparing keeps an idle core small, unless its environment says otherwise.
func sparing() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// listenToSignals makes SIGTERM and SIGINT end the core in order. Its terminal's
// end (SIGHUP) and a reader that has gone (SIGPIPE) are nothing to it. They are
// caught, not ignored: what is ignored would stay so in every program it starts.
// They have a channel of their own, which nobody reads: a signal that finds its
// channel full is dropped, and none of these may take the place of one that ends.
func (d *daemon) listenToSignals() (stop func()) {
	ends, nothing := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(nothing, syscall.SIGHUP, syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-ends:
			d.say("info", "ending: "+s.String())
			d.stop()
		case <-done:
		}
	}()
	return func() { signal.Stop(ends); signal.Stop(nothing); close(done) }
}
