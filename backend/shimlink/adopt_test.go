package shimlink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// refusedAdoption adopts, expects a fault, and expects it within a second: what is
// dead is given up soon.
func refusedAdoption(t *testing.T, folder string, code fault.Code, reason string) *fault.Error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hanging)
	defer cancel()
	start := time.Now()
	_, err := shims().Adopt(ctx, folder, 0)
	if took := time.Since(start); took > dialWait {
		t.Errorf("it took %v", took)
	}
	return want(t, err, code, reason)
}

func TestAShimWithoutAProcessIsDead(t *testing.T) {
	refusedAdoption(t, folderOf(t), fault.Unavailable, "shim_dead")
	refusedAdoption(t, filepath.Join(folderOf(t), "missing"), fault.Unavailable, "shim_dead")

	ended := exec.Command("/bin/true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	folder := peer(t, answering) // somebody listens, and it is not that process
	writeRecord(t, folder, ended.Process.Pid, 1)
	refusedAdoption(t, folder, fault.Unavailable, "shim_dead")
}

func TestAProcessIDThatIsUsedAgainIsNotTheShim(t *testing.T) {
	other := exec.Command("sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	start, lives, _ := startOf(other.Process.Pid)
	folder := peer(t, answering)
	writeRecord(t, folder, other.Process.Pid, start-1)
	refusedAdoption(t, folder, fault.Unavailable, "shim_dead")
	if err := other.Process.Signal(syscall.Signal(0)); err != nil || !lives {
		t.Errorf("the other process is gone: %v", err)
	}
	// The control: with its own start it is taken for alive, and found to be
	// another one by who listens.
	writeRecord(t, folder, other.Process.Pid, start)
	refusedAdoption(t, folder, fault.PermissionDenied, "shim_foreign")

	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, "it is a zombie", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", other.Process.Pid))
		return err == nil && strings.Contains(string(stat), ") Z ")
	})
	refusedAdoption(t, folder, fault.Unavailable, "shim_dead")
	_ = other.Wait() // killed by us
}

// A process that lives must never be taken for dead: its folder would be removed
// under it.
func TestAShimThatLivesAndDoesNotListenIsSilent(t *testing.T) {
	folder := folderOf(t)
	writeRecord(t, folder, os.Getpid(), startOfThis(t))
	f := refusedAdoption(t, folder, fault.Unavailable, "shim_silent")
	if kill := fmt.Sprintf("`kill -9 %d`", os.Getpid()); !strings.Contains(f.Message, "its socket was removed") || !strings.Contains(f.Mend, kill) {
		t.Errorf("told as %v", f)
	}
}

// Where a process cannot be looked at, here for want of descriptors, nobody knows
// that it has ended.
func TestAShimThatCannotBeLookedAtIsNotDead(t *testing.T) {
	folder := folderOf(t)
	writeRecord(t, folder, os.Getpid(), startOfThis(t))
	free, err := os.Open(os.DevNull)
	check(t, err)
	next := uint64(free.Fd())
	check(t, free.Close())
	var before unix.Rlimit
	check(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: next + 1, Max: before.Max})) // for launch.json alone
	_, err = shims().Adopt(t.Context(), folder, 0)
	check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before))
	want(t, err, fault.Unavailable, "shim_silent")
}

func TestAClaimThatCannotBeLookedAtMayBeHeld(t *testing.T) {
	folder := folderOf(t)
	if claimed(folder) {
		t.Error("nothing is there, and it is held")
	}
	check(t, os.Symlink("/nowhere", filepath.Join(folder, claimName)))
	if !claimed(folder) {
		t.Error("it leads elsewhere, and is taken for free")
	}
}

func TestAShimThatOnlyBeginsIsSilent(t *testing.T) {
	folder := folderOf(t)
	refusedAdoption(t, folder, fault.Unavailable, "shim_dead")
	held, err := claim(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	refusedAdoption(t, folder, fault.Unavailable, "shim_silent")
	held.Close()
	refusedAdoption(t, folder, fault.Unavailable, "shim_dead")
}

// holdsWithin bounds a test that hangs; it measures nothing.
const holdsWithin = 20 * time.Second

// holds waits until a process has a file open: a shim that begins cuts off what it
// finds in its notes and cannot read.
func holds(t *testing.T, pid int, path string) {
	t.Helper()
	for over := time.Now().Add(holdsWithin); ; time.Sleep(time.Millisecond) {
		open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		check(t, err)
		for _, one := range open {
			if to, err := os.Readlink(one); err == nil && to == path {
				return
			}
		}
		if time.Now().After(over) {
			t.Fatalf("process %d never opens %s", pid, path)
		}
	}
}

// Without a record a shim is known by its folder, which is all that it is given.
func TestAShimWhoseRecordWasRemovedIsUnreachable(t *testing.T) {
	folder := folderOf(t)
	if f := refusedAdoption(t, folder, fault.Unavailable, "shim_dead"); f.Details["launch"] != "none" {
		t.Errorf("told as %+v", f)
	}
	claim, err := claim(folder)
	check(t, err)
	defer claim.Close()
	shim := exec.Command(realShim, folder)
	input, err := shim.StdinPipe() // a launch that does not end
	check(t, err)
	check(t, shim.Start())
	defer input.Close()
	defer shim.Wait()
	defer shim.Process.Kill()
	holds(t, shim.Process.Pid, filepath.Join(folder, notesName))
	refusedAdoption(t, folder, fault.Unavailable, "shim_silent") // the control: it begins
	check(t, os.WriteFile(filepath.Join(folder, notesName), []byte("x"), 0o600))
	told := func(what string) {
		t.Helper()
		f := refusedAdoption(t, folder, fault.Unavailable, "shim_unreachable")
		if pid := fmt.Sprint(shim.Process.Pid); !strings.Contains(f.Message, "process "+pid) || !strings.Contains(f.Message, what) || !strings.Contains(f.Mend, "`kill -9 "+pid+"`") {
			t.Errorf("told as %v", f)
		}
	}
	told("launch.json in its folder was removed")
	check(t, os.RemoveAll(folder))
	told("its folder was removed")
	check(t, shim.Process.Kill())
	_ = shim.Wait() // killed by us
	refusedAdoption(t, folder, fault.Unavailable, "shim_dead")
}

func TestAShimThatDoesNotAnswerIsGivenUp(t *testing.T) {
	folder := peer(t, func(w *wire) { w.rest() })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := shims().Adopt(ctx, folder, 0)
	want(t, err, fault.Unavailable, "shim_silent")
}

func TestWhatAShimRefusesHasAReason(t *testing.T) {
	for _, c := range []struct {
		said   attach.Frame
		code   fault.Code
		reason string
	}{
		{attach.Refused{Code: "unimplemented", Message: "this one speaks version 2"}, fault.FailedPrecondition, "shim_version"},
		{attach.Holding{Version: 2}, fault.FailedPrecondition, "shim_version"},
		{attach.Refused{Code: "unauthenticated"}, fault.Unauthenticated, "shim_key"},
		{attach.Refused{Code: "out_of_range"}, fault.DataLoss, "shim_notes"},
		{attach.Refused{Code: "resource_exhausted"}, fault.ResourceExhausted, "shim_refused"},
		{attach.Wrote{End: 1}, fault.Internal, "shim_garbled"},
	} {
		folder := peer(t, func(w *wire) {
			_, _ = w.next()
			_ = w.says(c.said)
			w.rest()
		})
		refusedAdoption(t, folder, c.code, c.reason)
	}
}

func TestALaunchFileThatIsNotRightIsRefused(t *testing.T) {
	good := func(t *testing.T, folder string) string { return filepath.Join(folder, recordName) }
	for name, c := range map[string]struct {
		spoil  func(t *testing.T, path string)
		code   fault.Code
		reason string
	}{
		"a link": {func(t *testing.T, path string) {
			check(t, os.Rename(path, path+".real"))
			check(t, os.Symlink(path+".real", path))
		}, fault.PermissionDenied, "launch_exposed"},
		"open to others": {func(t *testing.T, path string) { check(t, os.Chmod(path, 0o640)) }, fault.PermissionDenied, "launch_exposed"},
		"a folder": {func(t *testing.T, path string) {
			check(t, os.Remove(path))
			check(t, os.Mkdir(path, 0o600))
		}, fault.PermissionDenied, "launch_exposed"},
		"a pipe": {func(t *testing.T, path string) {
			check(t, os.Remove(path))
			check(t, syscall.Mkfifo(path, 0o600))
		}, fault.PermissionDenied, "launch_exposed"},
		"empty": {func(t *testing.T, path string) { check(t, os.Truncate(path, 0)) }, fault.DataLoss, "launch_damaged"},
		"cut":   {func(t *testing.T, path string) { check(t, os.Truncate(path, 30)) }, fault.DataLoss, "launch_damaged"},
		"of no key": {func(t *testing.T, path string) {
			check(t, os.WriteFile(path, []byte(`{"pid":1,"socket":"/s"}`), 0o600))
		}, fault.DataLoss, "launch_damaged"},
		"too long": {func(t *testing.T, path string) {
			check(t, os.WriteFile(path, []byte(`{"pid":1`+strings.Repeat(" ", recordMax)+`}`), 0o600))
		}, fault.DataLoss, "launch_damaged"},
		"of no place": {func(t *testing.T, path string) {
			check(t, os.WriteFile(path, []byte(`{"key":"`+strings.Repeat("00", 32)+`"}`), 0o600))
		}, fault.DataLoss, "launch_damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := peer(t, answering)
			adopt(t, folder) // the control: it is right before
			c.spoil(t, good(t, folder))
			refusedAdoption(t, folder, c.code, c.reason)
		})
	}
}

func TestAFileOfAnotherUserIsRefused(t *testing.T) {
	path := filepath.Join(folderOf(t), recordName)
	check(t, os.WriteFile(path, nil, 0o600))
	f, err := os.Open(path)
	check(t, err)
	defer f.Close()
	check(t, checkFile(path, f, os.Geteuid()))
	want(t, checkFile(path, f, os.Geteuid()+1), fault.PermissionDenied, "launch_exposed")
}

func TestAPeerOfAnotherUserIsRefused(t *testing.T) {
	one := &unix.Ucred{Uid: 1000, Pid: 55}
	check(t, checkPeer(one, 1000, 0))
	check(t, checkPeer(one, 1000, 55))
	want(t, checkPeer(one, 1001, 0), fault.PermissionDenied, "shim_foreign")
	want(t, checkPeer(one, 1001, 55), fault.PermissionDenied, "shim_foreign")
	want(t, checkPeer(one, 1000, 56), fault.PermissionDenied, "shim_foreign")
}

func TestAStartIsReadBehindAnyName(t *testing.T) {
	folder := folderOf(t)
	odd := filepath.Join(folder, "a) Z 1 (b")
	text, err := os.ReadFile("/bin/sleep")
	check(t, err)
	check(t, os.WriteFile(odd, text, 0o700))
	cmd := exec.Command(odd, "600")
	check(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	start, lives, _ := startOf(cmd.Process.Pid)
	if mine := startOfThis(t); !lives || start < mine {
		t.Errorf("it began at %d (%v), and this at %d", start, lives, mine)
	}
	if _, lives, err := startOf(1 << 30); lives || err != nil {
		t.Error("a process that cannot be lives")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, fs.ErrClosed) {
		t.Fatal(err)
	}
}
