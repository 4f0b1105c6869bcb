package shimlink

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/studio"
)

// realShim is atelier-shim, built for these tests.
var realShim string

// asCore names, in the environment, the launch that this program makes as a core
// that is then killed.
const asCore = "SHIMLINK_TEST_CORE"

// asEnding names, in the environment, the folder of a shim that is about to end.
const asEnding = "SHIMLINK_TEST_ENDING"

func TestMain(m *testing.M) {
	if launch := os.Getenv(asCore); launch != "" {
		beCore(launch)
		return
	}
	if folder := os.Getenv(asEnding); folder != "" {
		beEnding(folder)
		return
	}
	folder, err := os.MkdirTemp("", "shim")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	realShim = filepath.Join(folder, "atelier-shim")
	cmd := exec.Command("go", "build", "-o", realShim, "../../app/shim")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("building atelier-shim: %v\n%s", err, out))
	}
	m.Run()
}

// beCore launches and waits for its end.
func beCore(launch string) {
	var got struct {
		Shim   string
		Launch studio.Launch
	}
	err := json.Unmarshal([]byte(launch), &got)
	if err == nil {
		_, err = New(got.Shim, nil, 0o22).Launch(context.Background(), got.Launch)
	}
	fmt.Println(err)
	if err == nil {
		select {}
	}
}

// beEnding lets go of whoever comes, and ends a while after that, as a shim that
// syncs does.
func beEnding(folder string) {
	start, _, _ := startOf(os.Getpid())
	text, err := json.Marshal(record{Version: attach.Version, Socket: socketIn(folder), PID: os.Getpid(), Start: start, Key: strings.Repeat("00", 32)})
	listener, listenErr := net.Listen("unix", socketIn(folder))
	if err := errors.Join(err, listenErr, os.WriteFile(filepath.Join(folder, recordName), text, 0o600)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	conn, err := listener.Accept()
	if err == nil {
		listener.Close()
		conn.Close()
		time.Sleep(endWait / 5)
	}
}

// A shim lets go of its socket before it is gone: it is dead, not silent.
func TestAShimThatIsAboutToEndIsDead(t *testing.T) {
	folder := folderOf(t)
	ending := exec.Command(os.Args[0])
	// The race detector holds up an end of its own accord.
	ending.Env = append(os.Environ(), asEnding+"="+folder, "GORACE=atexit_sleep_ms=0")
	said, err := ending.StdoutPipe()
	check(t, err)
	check(t, ending.Start())
	go ending.Wait()
	if word, err := bufio.NewReader(said).ReadString('\n'); word != "ready\n" {
		t.Fatalf("it says %q, %v", word, err)
	}
	refusedAdoption(t, folder, fault.Unavailable, "shim_dead")
}

// place is a home for one execution, and what it is to run.
func place(t *testing.T, argv ...string) studio.Launch {
	t.Helper()
	folder := folderOf(t)
	return studio.Launch{Folder: folder, Argv: argv, Program: argv[0], Cwd: "/", Environment: []string{"PATH=/bin:/usr/bin", "ONLY=this"},
		Cols: 80, Rows: 24, Socket: socketIn(folder), Quota: 1 << 30}
}

func built() *Shims {
	return New(realShim, os.Stderr, 0o22)
}

// run launches, and makes sure that nothing is left at the end.
func run(t *testing.T, l studio.Launch) studio.Held {
	t.Helper()
	h, err := built().Launch(t.Context(), l)
	check(t, err)
	t.Cleanup(func() {
		h.Close()
		if r, err := shims().find(l.Folder); err == nil {
			_ = unix.Kill(r.PID, unix.SIGKILL)
			awaitDead(t, l.Folder)
		}
	})
	return h
}

// awaitDead waits until the shim of a folder is dead, and no zombie is left.
func awaitDead(t *testing.T, folder string) {
	t.Helper()
	var r record
	check(t, json.Unmarshal([]byte(readFile(t, filepath.Join(folder, recordName))), &r))
	awaitGone(t, r.PID)
}

func shimOf(t *testing.T, l studio.Launch) int {
	t.Helper()
	r, err := shims().find(l.Folder)
	check(t, err)
	return r.PID
}

// hearsNote waits for a note of a kind.
func hearsNote(t *testing.T, h studio.Held, kind attach.NoteKind) attach.Note {
	t.Helper()
	for {
		if n, is := hears(t, h).(attach.Note); is && n.Kind == kind {
			return n
		}
	}
}

// drives admits a ticket and gives it the keyboard.
func drives(t *testing.T, h studio.Held, ticket attach.Ticket, epoch uint64) {
	t.Helper()
	check(t, h.Do(t.Context(), attach.Admit{Ticket: ticket, MayDrive: true, Label: "Ada (window)"}))
	check(t, h.Do(t.Context(), attach.Grant{Epoch: epoch, Ticket: ticket}))
}

func TestAProgramIsRunTypedToAndEnds(t *testing.T) {
	l := place(t, "/bin/sh", "-c", "read line; echo got $line $ONLY; exit 3")
	h := run(t, l)
	started := hearsNote(t, h, attach.NoteStarted)
	if started.PID == 0 || h.Holding().PID != started.PID || h.Socket() != l.Socket {
		t.Errorf("started %+v, holding %+v", started, h.Holding())
	}
	ticket := attach.Ticket{1}
	drives(t, h, ticket, 1)
	check(t, NewTypist().Type(t.Context(), l.Socket, ticket, 1, []byte("hi\n")))
	ended := hearsNote(t, h, attach.NoteExited)
	if out := readFile(t, filepath.Join(l.Folder, "output")); ended.Status != 3 || out != "hi\r\ngot hi this\r\n" || ended.Offset != uint64(len(out)) {
		t.Errorf("it ended with %+v and %q", ended, out)
	}
	ends(t, h)
	awaitDead(t, l.Folder)
	refusedAdoption(t, l.Folder, fault.Unavailable, "shim_dead")
	want(t, h.Do(t.Context(), attach.Signal{Signal: 9}), fault.Unavailable, "shim_gone")
	if _, err := os.Lstat(l.Socket); !os.IsNotExist(err) {
		t.Errorf("its socket is left: %v", err)
	}
}

func TestAProgramThatEndsAtOnceHasBegun(t *testing.T) {
	for range 10 {
		l := place(t, "/bin/true")
		h := run(t, l)
		ends(t, h)
		awaitDead(t, l.Folder)
	}
}

func TestAProgramThatCannotBeRunIsSaid(t *testing.T) {
	folder := folderOf(t)
	for name, c := range map[string]struct {
		text   string
		code   fault.Code
		reason string
	}{
		"no interpreter": {"#!/nonexistent/interpreter\n", fault.NotFound, "program_not_found"},
		"no program":     {"\x00\x01\x02", fault.FailedPrecondition, "program_not_executable"},
	} {
		path := filepath.Join(folder, strings.ReplaceAll(name, " ", "-"))
		check(t, os.WriteFile(path, []byte(c.text), 0o700))
		program, err := Programs{}.Resolve(path, "", "/")
		check(t, err) // only the kernel knows
		l := place(t, program)
		_, err = built().Launch(t.Context(), l)
		want(t, err, c.code, c.reason)
		awaitDead(t, l.Folder)
		refusedAdoption(t, l.Folder, fault.Unavailable, "shim_dead")
	}
}

func TestAKilledShimIsDeadWithinASecond(t *testing.T) {
	l := place(t, "/bin/sleep", "600")
	h := run(t, l)
	check(t, unix.Kill(shimOf(t, l), unix.SIGKILL))
	ends(t, h)
	refusedAdoption(t, l.Folder, fault.Unavailable, "shim_dead")
	awaitDead(t, l.Folder)
	want(t, h.Do(t.Context(), attach.Signal{Signal: 9}), fault.Unavailable, "shim_gone")
	awaitGone(t, int(h.Holding().PID)) // hung up by its terminal
}

func TestASecondCoreTakesTheFirstOnesPlace(t *testing.T) {
	l := place(t, "/bin/sleep", "600")
	first := run(t, l)
	hearsNote(t, first, attach.NoteStarted)
	drives(t, first, attach.Ticket{1}, 5)
	second, err := built().Adopt(t.Context(), l.Folder, 1)
	check(t, err)
	defer second.Close()
	ends(t, first)
	if f := want(t, first.Do(t.Context(), attach.Limit{}), fault.Unavailable, "shim_gone"); !strings.Contains(f.Message, "another core") {
		t.Errorf("the first is told %q", f.Message)
	}
	if got := second.Holding(); got.Epoch != 5 || got.Notes != 1 || got.PID != first.Holding().PID {
		t.Errorf("the second holds %+v", got)
	}
	if got := hears(t, second); got != (attach.Held{Ticket: attach.Ticket{1}}) {
		t.Errorf("the second hears %+v first", got)
	}
	want(t, second.Do(t.Context(), attach.Grant{Epoch: 5, Ticket: attach.Ticket{1}}), fault.Aborted, "epoch_old")
	want(t, second.Do(t.Context(), attach.Grant{Epoch: 6, Ticket: attach.Ticket{9}}), fault.NotFound, "ticket_unknown")
	check(t, second.Do(t.Context(), attach.Signal{Signal: 15}))
	if n := hearsNote(t, second, attach.NoteExited); n.Signal != 15 {
		t.Errorf("it ended with %+v", n)
	}
}

func TestNotesThatAreNotThereAreNotAdopted(t *testing.T) {
	l := place(t, "/bin/sleep", "600")
	run(t, l)
	_, err := built().Adopt(t.Context(), l.Folder, 99)
	want(t, err, fault.DataLoss, "shim_notes")
}

func TestWhoDoesNotDriveIsToldWhoDoes(t *testing.T) {
	l := place(t, "/bin/sleep", "600")
	h := run(t, l)
	drives(t, h, attach.Ticket{1}, 1)
	check(t, h.Do(t.Context(), attach.Admit{Ticket: attach.Ticket{2}, MayDrive: true, Label: "Bob (command line)"}))
	p := NewTypist()
	f := want(t, p.Type(t.Context(), l.Socket, attach.Ticket{2}, 1, []byte("x")), fault.Aborted, "keyboard_taken")
	if f.Details["driver"] != "Ada (window)" {
		t.Errorf("details %v", f.Details)
	}
	want(t, p.Type(t.Context(), l.Socket, attach.Ticket{3}, 1, []byte("x")), fault.Unauthenticated, "ticket_unknown")
}

func TestAProgramThatReadsNothingIsNotWaitedForForEver(t *testing.T) {
	l := place(t, "/bin/sleep", "600")
	h := run(t, l)
	drives(t, h, attach.Ticket{1}, 1)
	late := expires(t)
	go func() {
		await(t, "some was taken", func() bool {
			output, err := os.ReadFile(filepath.Join(l.Folder, "output"))
			return err == nil && len(output) > 0
		})
		close(late.over)
	}()
	err := NewTypist().Type(late, l.Socket, attach.Ticket{1}, 1, []byte(strings.Repeat("line\n", 1<<16)))
	f := want(t, err, fault.DeadlineExceeded, "input_unread")
	if written, err := strconv.Atoi(f.Details["written"]); err != nil || written >= 5<<16 {
		t.Errorf("details %v", f.Details)
	}
}

// descriptorsOf lists what a process holds open.
func descriptorsOf(t *testing.T, pid int) map[string]string {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	names, err := os.ReadDir(folder)
	check(t, err)
	held := map[string]string{}
	for _, name := range names {
		if target, err := os.Readlink(filepath.Join(folder, name.Name())); err == nil {
			held[name.Name()] = target
		}
	}
	return held
}

func TestNothingOfTheCoreIsHandedOn(t *testing.T) {
	mine := filepath.Join(folderOf(t), "mine")
	ours, err := os.Create(mine)
	check(t, err)
	defer ours.Close()
	// The control: a descriptor that is not closed on exec is seen in the shim, and
	// not even that one in the program.
	leaked, err := unix.Dup(int(ours.Fd()))
	check(t, err)
	defer unix.Close(leaked)

	t.Setenv("ATELIER_CANARY", "of the core")
	l := place(t, "/bin/sleep", "600")
	h := run(t, l)
	shim, program := shimOf(t, l), int(h.Holding().PID)
	inShim := 0
	for _, target := range descriptorsOf(t, shim) {
		if target == mine {
			inShim++
		}
	}
	if inShim != 1 {
		t.Errorf("the shim holds %v", descriptorsOf(t, shim))
	}
	held := descriptorsOf(t, program)
	for number, target := range held {
		if !strings.HasPrefix(target, "/dev/pts/") {
			t.Errorf("the program holds %s: %s", number, target)
		}
	}
	if len(held) != 3 {
		t.Errorf("the program holds %v", held)
	}
	for pid, want := range map[int]string{shim: shimPath + "\x00", program: "PATH=/bin:/usr/bin\x00ONLY=this\x00"} {
		if got := readFile(t, fmt.Sprintf("/proc/%d/environ", pid)); got != want {
			t.Errorf("the environment of %d is %q", pid, got)
		}
	}
	if arguments := readFile(t, fmt.Sprintf("/proc/%d/cmdline", shim)); arguments != realShim+"\x00"+l.Folder+"\x00" {
		t.Errorf("the shim's arguments are %q", arguments)
	}
}

func TestAShimOutlivesItsCoreAndTheCoresGroup(t *testing.T) {
	l := place(t, "/bin/sh", "-c", "trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done")
	text, err := json.Marshal(map[string]any{"Shim": realShim, "Launch": l})
	check(t, err)
	core := exec.Command(os.Args[0])
	core.Env = append(os.Environ(), asCore+"="+string(text))
	core.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	said, err := core.StdoutPipe()
	check(t, err)
	check(t, core.Start())
	word := make([]byte, 64)
	n, err := said.Read(word)
	if err != nil || string(word[:n]) != "<nil>\n" {
		t.Fatalf("the core says %q, %v", word[:n], err)
	}
	shim := shimOf(t, l)
	check(t, unix.Kill(-core.Process.Pid, unix.SIGHUP))
	check(t, unix.Kill(-core.Process.Pid, unix.SIGKILL))
	_ = core.Wait() // killed by us

	h, err := built().Adopt(t.Context(), l.Folder, 0)
	check(t, err)
	defer h.Close()
	if shimOf(t, l) != shim {
		t.Error("it is another shim")
	}
	hearsNote(t, h, attach.NoteStarted)
	await(t, "the trap is set", func() bool { return readFile(t, filepath.Join(l.Folder, "output")) != "" })
	check(t, h.Do(t.Context(), attach.Signal{Signal: 15}))
	if n := hearsNote(t, h, attach.NoteExited); n.Status != 4 {
		t.Errorf("it ended with %+v", n)
	}
	ends(t, h)
}

func TestManyTerminalsLeaveNothing(t *testing.T) {
	const many = 20
	descriptors, goroutines := len(descriptorsOf(t, os.Getpid())), runtime.NumGoroutine()
	for range many {
		l := place(t, "/bin/sleep", "600")
		h, err := built().Launch(t.Context(), l)
		check(t, err)
		check(t, h.Do(t.Context(), attach.Signal{Signal: 9}))
		if n := hearsNote(t, h, attach.NoteExited); n.Signal != 9 {
			t.Errorf("it ended with %+v", n)
		}
		ends(t, h)
		check(t, h.Close())
		awaitDead(t, l.Folder)
	}
	await(t, "all descriptors are closed", func() bool { return len(descriptorsOf(t, os.Getpid())) <= descriptors })
	await(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
}
