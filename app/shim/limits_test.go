package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
)

// mayWrite says how long files of a shim may get, as a full disk would.
func (h *held) mayWrite(most uint64) {
	h.t.Helper()
	limit := unix.Rlimit{Cur: most, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(h.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		h.t.Fatal(err)
	}
}

func TestNotesWaitForTheDiskAndTheCoreForNotes(t *testing.T) {
	h := run1(t, "read go")
	core := h.core(0)
	started := h.notes()
	h.mayWrite(uint64(len(attach.AppendRecord(nil, started[0]))) + 10)
	const sizes = 50
	for n := range sizes {
		core.ask(attach.ResizeByCore{Cols: uint16(100 + n), Rows: 1}, attach.KindResizeByCore)
	}
	for _, f := range core.told {
		if n, is := f.(attach.Note); is && n.Index > 1 {
			t.Fatalf("the core knows of %+v, which is not on disk", n)
		}
	}
	if n := len(h.notes()); n != 1 {
		t.Errorf("%d notes on a full disk", n)
	}
	next := h.core(1) // takes over, and is owed the same
	h.mayWrite(unix.RLIM_INFINITY)
	for n := range sizes {
		if note := await[attach.Note](next, nil); note.Index != uint64(2+n) || note.Cols != uint16(100+n) {
			t.Fatalf("note %d is %+v", 2+n, note)
		}
	}
	if n := len(h.notes()); n != 1+sizes {
		t.Errorf("%d notes", n)
	}
}

// A client brings notes by coming and going: on a full disk none comes in any
// more, whether a core is there or not. A core does.
func TestNoClientComesInWhileTooManyNotesWait(t *testing.T) {
	h := run1(t, "read go")
	core := h.core(0)
	c := h.operator(core, 1)
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteAttached })
	h.mayWrite(1)
	for n := range maxUnnoted {
		core.ask(attach.ResizeByCore{Cols: uint16(100 + n), Rows: 1}, attach.KindResizeByCore)
	}
	for {
		if _, err := c.next(); err != nil {
			break // it was sent away
		}
	}
	refused := func() {
		t.Helper()
		l := h.dial()
		l.say(attach.Hello{Version: attach.Version, Flags: attach.WantsOutput, Ticket: ticket(1)})
		f, err := l.next()
		if r, is := f.(attach.Refused); err != nil || !is || r.Code != "unknown" {
			t.Fatalf("answered with %+v, %v", f, err)
		}
		if _, err := l.next(); err == nil {
			t.Fatal("the connection is kept")
		}
	}
	refused()
	core.conn.Close()
	for range 3 {
		refused()
	}
	h.core(2)
	h.mayWrite(unix.RLIM_INFINITY)
	eventually(t, "all is noted", func() bool { return len(h.notes()) == 2+maxUnnoted+1 })
	h.client(1, 0, 0)
}

func TestProgramThatEndsOnAFullDiskLosesNothing(t *testing.T) {
	h := run1(t, "read go; seq 1 2000; exit 3")
	core := h.core(0)
	c := h.operator(core, 1)
	core.drive(1, 1)
	c.collect(0, func([]byte) bool { return true })
	h.mayWrite(500)
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	before, _ := c.collect(0, func(all []byte) bool { return len(all) == 500 })
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteSuspended })
	h.mayWrite(unix.RLIM_INFINITY)
	after, exit := c.collect(500, nil)
	all := append(before, after...)
	if exit.Status != 3 || !bytes.HasSuffix(all, []byte("1999\r\n2000\r\n")) || !bytes.Equal(all, h.output()) {
		t.Errorf("%+v after %d bytes", exit, len(all))
	}
}

func TestOperatorWhoLeavesWhileHeldIsNoted(t *testing.T) {
	h := run1(t, "stty raw -echo; echo up; while :; do sleep 0.02; done")
	core := h.core(0)
	driver := h.operator(core, 1)
	core.drive(1, 1)
	driver.collect(0, func(all []byte) bool { return len(all) == 3 })
	for seq := uint64(1); ; seq++ { // until the shim reads no more of it
		_ = driver.conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
		if _, err := driver.conn.Write(attach.Append(nil, attach.Input{Epoch: 1, Seq: seq, Bytes: make([]byte, attach.MaxInput)})); err != nil {
			break
		}
	}
	driver.conn.Close()
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteDetached && n.Ticket == ticket(1) })
}

func TestClientThatNeverReadsDoesNotKeepTheShim(t *testing.T) {
	h := run1(t, "read go; seq 1 300000")
	core := h.core(0)
	h.operator(core, 1) // more waits for it than its socket holds
	c := h.operator(core, 2)
	core.drive(2, 1)
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	c.collect(0, nil)
	if status := h.gone(); status != 0 {
		t.Errorf("the shim exits %d", status)
	}
}

// ticks is the processor time that a process has used, in hundredths of a second.
func ticks(pid int) (n int, alive bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')'):]))
	user, err1 := strconv.Atoi(fields[12])
	system, err2 := strconv.Atoi(fields[13])
	return user + system, errors.Join(err1, err2) == nil
}

func TestHungUpTerminalWithInputWaitingCostsNothing(t *testing.T) {
	h := run1(t, "stty raw -echo; echo up; sleep 0.3; exec sleep 2 0<&- 1>&- 2>&-")
	core := h.core(0)
	driver := h.operator(core, 1)
	core.drive(1, 1)
	driver.collect(0, func(all []byte) bool { return len(all) == 3 })
	driver.say(attach.Input{Epoch: 1, Seq: 1, Bytes: make([]byte, 200_000)}) // more than the terminal takes
	program := int(h.notes()[0].PID)
	eventually(t, "the program leaves its terminal", func() bool {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", program))
		return err == nil && len(list) == 0
	})
	before, _ := ticks(h.cmd.Process.Pid)
	used := 0
	eventually(t, "the program ends", func() bool {
		if now, alive := ticks(h.cmd.Process.Pid); alive {
			used = now - before
		}
		return !runs(program)
	})
	if used > 15 {
		t.Errorf("the shim used %d hundredths of a second for nothing", used)
	}
	driver.collect(3, nil)
}

// runs reports whether a process is there and not a zombie.
func runs(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z "))
}
