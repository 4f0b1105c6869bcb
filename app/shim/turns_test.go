package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/spool"
)

// counted adds up what is noted as typed, once a mark in the output shows that
// it was read.
func counted(notes []attach.Note) (n uint64) {
	for _, note := range notes {
		if note.Kind == attach.NoteInput {
			n += note.Count
		}
	}
	return n
}

func TestSecretInputIsNotCounted(t *testing.T) {
	h := run1(t, "stty -echo; echo secret?; read x; stty echo; echo open?; read y; echo $x $y")
	core := h.core(0)
	c := h.operator(core, 1)
	core.drive(1, 1)
	c.collect(0, func(all []byte) bool { return bytes.HasSuffix(all, []byte("secret?\r\n")) })
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("canary\r")})
	at := uint64(len("secret?\r\n"))
	c.collect(at, func(all []byte) bool { return bytes.HasSuffix(all, []byte("open?\r\n")) })
	c.say(attach.Input{Epoch: 1, Seq: 2, Bytes: []byte("plain\r")})
	c.collect(at+uint64(len("open?\r\n")), nil)
	h.gone()
	if n := counted(h.notes()); n != uint64(len("plain\r")) {
		t.Errorf("%d bytes are noted as typed", n)
	}
	if b, err := os.ReadFile(filepath.Join(h.dir, "notes")); err != nil || bytes.Contains(b, []byte("canary")) || bytes.Contains(b, []byte("plain")) {
		t.Errorf("the notes hold what was typed: %v", err)
	}
}

func TestInputOfATurnThatIsOverIsRefused(t *testing.T) {
	h := run1(t, "stty raw -echo; echo up; exec cat")
	core := h.core(0)
	first, second := h.operator(core, 1), h.operator(core, 2)
	core.drive(1, 1)
	first.collect(0, func(all []byte) bool { return len(all) == 3 })
	first.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("a")})
	await[attach.Ack](first, nil)
	core.drive(2, 2)
	first.say(attach.Input{Epoch: 1, Seq: 2, Bytes: []byte("b")})
	if r := await[attach.Refused](first, nil); r.Seq != 2 || r.Epoch != 2 || r.Code != "aborted" {
		t.Errorf("refused with %+v", r)
	}
	second.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("c")})
	await[attach.Refused](second, nil)
	second.say(attach.Input{Epoch: 2, Seq: 1, Bytes: []byte("d")})
	await[attach.Ack](second, nil)
	core.say(attach.Grant{Epoch: 2, Ticket: ticket(1)}) // a stale core
	if d := await[attach.Done](core, nil); d.Code != "aborted" {
		t.Errorf("done with %+v", d)
	}
	eventually(t, "both letters come back", func() bool { return len(h.output()) >= 5 })
	if got := string(h.output()); got != "up\nad" {
		t.Errorf("typed %q", got)
	}
}

func TestProgramThatReadsNothingHoldsOnlyTheAnswer(t *testing.T) {
	h := run1(t, "stty raw -echo; echo up; while [ ! -e "+t.TempDir()+"/go ]; do sleep 0.02; done")
	core := h.core(0)
	driver, other := h.operator(core, 1), h.operator(core, 2)
	core.drive(1, 1)
	driver.collect(0, func(all []byte) bool { return len(all) == 3 })
	const pieces = 40 // more than the machine and the kernel take
	driver.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("x")})
	go func() {
		for seq := uint64(2); seq <= pieces; seq++ {
			_, _ = driver.conn.Write(attach.Append(nil, attach.Input{Epoch: 1, Seq: seq, Bytes: make([]byte, attach.MaxInput)}))
		}
	}()
	await(driver, func(a attach.Ack) bool { return a.Seq == 1 })
	// The shim hears the core and other clients still, and the turn can be taken.
	core.ask(attach.ResizeByCore{Cols: 90, Rows: 20}, attach.KindResizeByCore)
	await[attach.Size](other, nil)
	core.drive(2, 2)
	await[attach.Turn](other, func(turn attach.Turn) bool { return turn.Driving })
	await(driver, func(r attach.Refused) bool { return r.Seq == pieces })
}

func TestStrangersAreRefused(t *testing.T) {
	h := run1(t, "read go")
	for name, first := range map[string]attach.Frame{
		"a ticket nobody admitted": attach.Hello{Version: attach.Version, Flags: attach.WantsOutput, Ticket: ticket(9)},
		"a wrong key":              attach.Core{Version: attach.Version, Key: attach.Key{1}},
		"no hello":                 attach.Bye{},
		"another version":          attach.Hello{Version: 99, Ticket: ticket(9)},
	} {
		l := h.dial()
		l.say(first)
		await[attach.Refused](l, nil)
		if f, err := l.next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: then came %v, %v", name, f, err)
		}
	}
	l := h.dial()
	if _, err := l.conn.Write([]byte{255, 255, 255, 255, 1}); err != nil {
		t.Fatal(err)
	}
	await[attach.Refused](l, nil)
}

func TestOnlyOurOwnUserIsLetIn(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if !fromUser(pair[0], os.Geteuid()) || fromUser(pair[0], os.Geteuid()+1) {
		t.Error("the user of the other end is not told apart")
	}
}

func TestSecondCoreTakesOverAndGetsTheNotes(t *testing.T) {
	h := run1(t, "read go")
	core := h.core(0)
	h.operator(core, 1)
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteAttached })
	next := h.core(1)
	if r := await[attach.Refused](core, nil); r.Code != "aborted" {
		t.Errorf("refused with %+v", r)
	}
	if n := await[attach.Note](next, nil); n.Index != 2 || n.Kind != attach.NoteAttached {
		t.Errorf("the first note is %+v", n)
	}
	next.drive(1, 5)
	third := h.core(0)
	for index := uint64(1); index <= 2; index++ {
		if n := await[attach.Note](third, nil); n.Index != index {
			t.Errorf("note %d is %+v", index, n)
		}
	}
}

func TestManyNotesAreReplayedInOrder(t *testing.T) {
	h := run1(t, "read go")
	core := h.core(0)
	const sizes = 20_000 // more than a queue may hold
	for n := range sizes {
		core.say(attach.ResizeByCore{Cols: uint16(1 + n%2), Rows: 1})
		await[attach.Done](core, nil)
		core.told = nil
	}
	next := h.core(0)
	next.say(attach.ResizeByCore{Cols: 77, Rows: 1})
	for index := uint64(1); index <= 1+sizes+1; index++ {
		if n := await[attach.Note](next, nil); n.Index != index {
			t.Fatalf("note %d is %+v", index, n)
		}
	}
}

func TestChildThatForksAwayDoesNotKeepTheShim(t *testing.T) {
	h := run1(t, "(trap '' HUP; while :; do echo more; sleep 0.01; done) & echo $!; read go; exit 4")
	core := h.core(0)
	c := h.operator(core, 1)
	core.drive(1, 1)
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	out, exit := c.collect(0, nil)
	var away int
	if _, err := fmt.Sscan(strings.ReplaceAll(string(out), "more", ""), &away); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	defer func() { _ = unix.Kill(away, unix.SIGKILL) }() // a parent of its own has it now
	if exit.Status != 4 {
		t.Errorf("%+v", exit)
	}
	if status := h.gone(); status != 0 {
		t.Errorf("the shim exits %d", status)
	}
}

// The manual says so: a terminal ends with its program, and not with whoever that
// has left behind.
func TestWhatIsWrittenLongAfterTheEndIsNotRecorded(t *testing.T) {
	h := run1(t, "(trap '' HUP; echo soon; sleep 5; echo late; echo late >&2) & read go; exit 4")
	core := h.core(0)
	c := h.operator(core, 1)
	c.collect(0, func(all []byte) bool { return string(all) == "soon\r\n" })
	core.drive(1, 1)
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	if status := h.gone(); status != 0 {
		t.Errorf("the shim exits %d", status)
	}
	if got := string(h.output()); got != "soon\r\n\r\n" {
		t.Errorf("recorded %q", got)
	}
	if n := h.noted(attach.NoteExited); n.Status != 4 {
		t.Errorf("%+v", n)
	}
}

func TestProgramThatLeavesItsTerminalIsWaitedFor(t *testing.T) {
	h := run1(t, "echo first; exec 0<&- 1>&- 2>&-; sleep 0.5; echo again >/dev/tty; exit 6")
	core := h.core(0)
	c := h.operator(core, 1)
	if out, exit := c.collect(0, nil); exit.Status != 6 || string(out) != "first\r\nagain\r\n" {
		t.Errorf("%+v after %q", exit, out)
	}
}

func TestHundredConnections(t *testing.T) {
	h := run1(t, "stty raw -echo; echo up; exec cat")
	core := h.core(0)
	core.ask(attach.Admit{Ticket: ticket(1), MayDrive: true, Label: "operator"}, attach.KindAdmit)
	core.drive(1, 1)
	var all []*line
	for range 100 {
		all = append(all, h.client(1, 0, 0))
	}
	for n, c := range all {
		if got, _ := c.collect(0, func(all []byte) bool { return len(all) >= 3 }); string(got) != "up\n" {
			t.Errorf("client %d has %q", n, got)
		}
	}
	all[0].say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("word")})
	for n, c := range all {
		if got, _ := c.collect(3, func(all []byte) bool { return len(all) >= 4 }); string(got) != "word" {
			t.Errorf("client %d has %q", n, got)
		}
	}
}

func TestLaunchFileNamesThisShim(t *testing.T) {
	h := run1(t, "read go")
	l, ok, err := spool.ReadLaunch(h.dir)
	if err != nil || !ok || l.PID != h.cmd.Process.Pid || l.Socket != h.launch.Socket || l.Key != h.key() || !l.Lives() {
		t.Errorf("%+v %v %v", l, ok, err)
	}
}
