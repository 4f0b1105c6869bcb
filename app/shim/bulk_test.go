//go:build !race

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	creack "github.com/creack/pty"
	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
)

// bare is what a program says to a pseudo-terminal that we hold ourselves.
func bare(t *testing.T, script string) []byte {
	t.Helper()
	file, err := creack.StartWithSize(exec.Command("sh", "-c", script), &creack.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all, err := io.ReadAll(file)
	if len(all) == 0 {
		t.Fatal(err)
	}
	return all
}

// differ tells where two outputs part, without printing them.
func differ(t *testing.T, name string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	t.Errorf("%s: %d bytes, expected %d; they part at %d", name, len(got), len(want), at)
}

func TestEveryByteComesOnceToAll(t *testing.T) {
	noise := filepath.Join(t.TempDir(), "noise")
	if err := exec.Command("sh", "-c", "head -c 3000000 /dev/urandom > "+noise).Run(); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"numbers": "seq 1 200000", "binary": "cat " + noise, "invalid UTF-8": `printf 'a\377\300\200\355\240\200b\0c'`,
		"raw": "stty raw; cat " + noise, "empty": "true; printf x",
	} {
		t.Run(name, func(t *testing.T) {
			want := bare(t, script)
			h := run1(t, "read go; "+script)
			core := h.core(0)
			one, two := h.operator(core, 1), h.operator(core, 2)
			never := h.operator(core, 3) // reads nothing more
			core.drive(1, 1)
			one.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
			want = append([]byte("\r\n"), want...)
			for _, c := range []*line{one, two} {
				got, exit := c.collect(0, nil)
				differ(t, "a client", got, want)
				if exit.End != uint64(len(want)) {
					t.Errorf("EXIT at %d", exit.End)
				}
			}
			never.conn.Close()
			core.conn.Close()
			h.gone()
			differ(t, "the spool", h.output(), want)
		})
	}
}

func TestClientThatNeverReadsSlowsNobody(t *testing.T) {
	h := run1(t, "read go; head -c 50000000 /dev/zero | tr '\\0' x; echo; echo done; read end")
	core := h.core(0)
	never, reads := h.operator(core, 1), h.operator(core, 2)
	core.drive(2, 1)
	reads.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	got, _ := reads.collect(0, func(all []byte) bool { return bytes.HasSuffix(all, []byte("done\r\n")) })
	if len(got) != 2+50_000_000+2+6 {
		t.Errorf("%d bytes", len(got))
	}
	// It finds everything where it left it.
	late, _ := never.collect(0, func(all []byte) bool { return len(all) == len(got) })
	differ(t, "the late client", late, got)
	if kib := resident(t, h.cmd.Process.Pid); kib > 12<<10 {
		t.Errorf("the shim holds %d KiB", kib)
	}
}

func TestClientThatReadsNoAnswersIsCut(t *testing.T) {
	h := run1(t, "stty raw -echo; echo up; exec cat >/dev/null")
	core := h.core(0)
	deaf, other := h.operator(core, 1), h.operator(core, 2)
	other.collect(0, func(all []byte) bool { return len(all) == 3 })
	_ = deaf.conn.SetWriteDeadline(time.Now().Add(patience))
	frame := attach.Append(nil, attach.Input{Epoch: 9, Seq: 1, Bytes: []byte("x")})
	frames := bytes.Repeat(frame, 1000)
	for n := 0; ; n++ {
		if _, err := deaf.conn.Write(frames); err != nil {
			break
		}
		if n == 1000 {
			t.Fatal("a million refusals wait for a client that reads none")
		}
	}
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteDetached && n.Ticket == ticket(1) && !n.Left })
	core.ask(attach.ResizeByCore{Cols: 90, Rows: 20}, attach.KindResizeByCore)
	await[attach.Size](other, nil)
}

func TestReconnectedClientGoesOnWhereItWas(t *testing.T) {
	// The program stays: a shim whose program has ended may leave while a client
	// is on its way back.
	h := run1(t, "read go; seq 1 400000; read end")
	want := append([]byte("\r\n"), bare(t, "seq 1 400000")...)
	core := h.core(0)
	c := h.operator(core, 1)
	core.drive(1, 1)
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	var all []byte
	for next := 1; len(all) < len(want); next = min(next+200_003, len(want)) {
		part, _ := c.collect(uint64(len(all)), func(part []byte) bool { return len(part) > 0 && len(all)+len(part) >= next })
		all = append(all, part...)
		c.conn.Close()
		c = h.client(1, uint64(len(all)), 0)
	}
	differ(t, "the client", all, want)
}

func TestClientFarBehindIsMovedOnIfItSaysSo(t *testing.T) {
	h := run1(t, "read go; head -c 30000000 /dev/zero | tr '\\0' x; echo; read end")
	core := h.core(0)
	h.operator(core, 1)
	core.drive(1, 1)
	reads := h.client(1, 0, 0)
	slow := h.client(1, 0, 1<<20)
	reads.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	reads.collect(0, func(all []byte) bool { return len(all) == 30_000_004 })
	at, skipped := uint64(0), uint64(0)
	for at < 30_000_004 {
		f, err := slow.next()
		if err != nil {
			t.Fatal(err)
		}
		switch f := f.(type) {
		case attach.Output:
			if f.Offset != at {
				t.Fatalf("output at %d, expected %d", f.Offset, at)
			}
			at += uint64(len(f.Bytes))
		case attach.Skipped:
			if f.From != at || f.To <= f.From {
				t.Fatalf("skipped %d to %d at %d", f.From, f.To, at)
			}
			at = f.To
			skipped += f.To - f.From
		}
	}
	if skipped == 0 {
		t.Error("nothing was left out")
	}
}

func TestQuotaHoldsTheProgramAndNoByteIsLost(t *testing.T) {
	const quota, more = 1_000_003, 3_000_001
	l := ordinary(t, "yes 0123456789")
	l.Quota = quota
	h := hold(t, l)
	core := h.core(0)
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteSuspended })
	if n := len(h.output()); n != quota {
		t.Errorf("the spool has %d bytes", n)
	}
	program := await2(h, attach.NoteStarted).PID
	eventually(t, "the program waits", func() bool { return waits(t, int(program)) })
	c := h.operator(core, 1)
	c.collect(0, func(all []byte) bool { return len(all) == quota })
	if s := await[attach.Suspend](c, nil); !s.Suspended || s.Reason == "" {
		t.Errorf("told %+v", s)
	}
	core.ask(attach.Limit{Quota: more}, attach.KindLimit)
	c.collect(quota, func(all []byte) bool { return len(all) == more-quota })
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteResumed })
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteSuspended && n.Offset == more })
	core.ask(attach.Signal{Signal: uint32(unix.SIGKILL)}, attach.KindSignal)
	rest, exit := c.collect(more, nil)
	if exit.Signal != 9 || len(rest) > drainMost+batch {
		t.Errorf("%+v and %d bytes after the limit", exit, len(rest))
	}
	h.gone()
	got := h.output()
	differ(t, "the spool", got, bytes.Repeat([]byte("0123456789\r\n"), len(got)/12+1)[:len(got)])
}

// await2 finds the first note of a kind that is on disk.
func await2(h *held, kind attach.NoteKind) attach.Note {
	for _, n := range h.notes() {
		if n.Kind == kind {
			return n
		}
	}
	h.t.Fatalf("no note of kind %d", kind)
	return attach.Note{}
}

// waits reports whether a process sleeps in the kernel.
func waits(t *testing.T, pid int) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), ") S ")
}

func TestReserveHoldsTheProgram(t *testing.T) {
	l := ordinary(t, "read go; yes")
	l.Reserve = 1 << 60
	h := hold(t, l)
	core := h.core(0)
	c := h.operator(core, 1)
	core.drive(1, 1)
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteSuspended && n.Offset == 0 })
	core.ask(attach.Limit{Quota: 1 << 20}, attach.KindLimit)
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteResumed })
	await(core, func(n attach.Note) bool { return n.Kind == attach.NoteSuspended && n.Offset == 1<<20 })
}

// fullDisk makes a folder on a disk of 1 MiB, and returns what frees room on it.
// Without the right to mount one, the kernel is told to treat files so.
func fullDisk(t *testing.T, l *launch) (dir string, fill, free func(h *held)) {
	t.Helper()
	dir = filepath.Join(filepath.Dir(l.Socket), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		limit := func(most uint64) func(h *held) {
			return func(h *held) {
				if err := unix.Prlimit(h.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: most, Max: unix.RLIM_INFINITY}, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		return dir, limit(500_000), limit(unix.RLIM_INFINITY)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1M,mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir, func(*held) {}, func(*held) {
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "size=64M"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDiskHoldsTheProgramAndNoByteIsLost(t *testing.T) {
	l := ordinary(t, "read go; seq 1 1000000")
	want := append([]byte("\r\n"), bare(t, "seq 1 1000000")...)
	disk, fill, free := fullDisk(t, &l)
	h := launched(t, filepath.Join(disk, "x"), l)
	fill(h)
	core := h.core(0)
	c := h.operator(core, 1)
	core.drive(1, 1)
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	// The note finds its place, though the output has none.
	n := await(core, func(n attach.Note) bool { return n.Kind == attach.NoteSuspended })
	if n.Message == "" || n.Offset != uint64(len(h.output())) {
		t.Errorf("noted %+v, the spool has %d", n, len(h.output()))
	}
	before, _ := c.collect(0, func(all []byte) bool { return uint64(len(all)) == n.Offset })
	free(h)
	rest, exit := c.collect(n.Offset, nil)
	differ(t, "the client", append(before, rest...), want)
	if exit.Status != 0 {
		t.Errorf("%+v", exit)
	}
	core.conn.Close()
	h.gone()
	differ(t, "the spool", h.output(), want)
}

func TestFloodIsBoundedInMemory(t *testing.T) {
	h := run1(t, "read go; head -c 200000000 /dev/zero | tr '\\0' x; read end")
	core := h.core(0)
	c := h.operator(core, 1)
	core.drive(1, 1)
	before := resident(t, h.cmd.Process.Pid)
	c.say(attach.Input{Epoch: 1, Seq: 1, Bytes: []byte("\r")})
	c.conn.Close() // unattended
	await(core, func(w attach.Wrote) bool { core.told = nil; return w.End >= 200_000_002 })
	after := resident(t, h.cmd.Process.Pid)
	t.Logf("resident: %d KiB idle, %d KiB after 200 MB", before, after)
	if before > 6<<10 || after > 8<<10 {
		t.Errorf("resident: %d KiB idle, %d KiB after 200 MB", before, after)
	}
}

// resident is what a process holds in memory, in KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib
}

func TestStartsAndStopsLeaveNothing(t *testing.T) {
	program(t)
	count := func() [3]int {
		own, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		pts, err := os.ReadDir("/dev/pts")
		if err != nil {
			t.Fatal(err)
		}
		return [3]int{len(own), len(pts), children(t)}
	}
	var one *held
	before := count()
	for n := range 50 {
		one = hold(t, ordinary(t, "echo "+strconv.Itoa(n)))
		one.gone()
		one.noted(attach.NoteExited)
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(one.dir), "*")); len(left) != 1 {
			t.Fatalf("left %q", left)
		}
	}
	eventually(t, "everything is as before", func() bool { return count() == before })
}

// children counts the processes below this one.
func children(t *testing.T) int {
	t.Helper()
	out, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	return len(strings.Fields(string(out)))
}
