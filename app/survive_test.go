package app

import (
	"bytes"
	"errors"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// text makes a file of lines that all differ, so that a byte lost or doubled shows.
func text(t *testing.T, dir string, size int) string {
	t.Helper()
	var out bytes.Buffer
	for n := 0; out.Len() < size; n++ {
		line := strconv.Itoa(n) + " " + strings.Repeat(string(rune('a'+n%26)), 70)
		out.WriteString(line[:min(len(line), 79)] + "\n")
	}
	path := filepath.Join(dir, "text")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// bare is what a pseudo-terminal of 80 by 24 records of a program, without us.
func bare(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), ordinary...)
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	all := readToEnd(t, master)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

// readToEnd reads a terminal whose program ends. On a busy machine Linux may say
// that it has ended before the last bytes are through, so it is read on until it
// has been silent.
func readToEnd(t *testing.T, master *os.File) (all []byte) {
	t.Helper()
	piece := make([]byte, 64<<10)
	for heard := time.Now(); ; {
		n, err := master.Read(piece)
		all = append(all, piece[:n]...)
		switch {
		case n > 0:
			heard = time.Now()
		case err != nil && !errors.Is(err, syscall.EIO):
			t.Fatal(err)
		case time.Since(heard) > endSilence:
			return all
		default:
			time.Sleep(time.Millisecond)
		}
	}
}

// endSilence is how long nothing comes after what Linux says is the end: as long
// as the shim waits.
const endSilence = 500 * time.Millisecond

// follower is a client that attached before the first byte, with a pipe for a screen.
type follower struct {
	cmd *exec.Cmd
	out string
}

func (h *home) follow(name string, number int) *follower {
	h.t.Helper()
	f := &follower{cmd: h.command("attach", name, "--observe"), out: filepath.Join(h.dir, name+strconv.Itoa(number))}
	file, err := os.Create(f.out)
	if err != nil {
		h.t.Fatal(err)
	}
	defer file.Close()
	f.cmd.Stdout = file
	if err := f.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	return f
}

func (h *home) attached(name string, n int) {
	h.t.Helper()
	h.until("all clients are attached", func() bool {
		return strings.Count(h.run("show", name, "--json"), `"surface"`) >= 1 && h.connections(name) >= n
	})
}

// connections counts the notes of attached clients: the shim's own word.
func (h *home) connections(name string) int {
	return strings.Count(h.run("log", "--object", name, "--type", "execution.attached", "--json"), `"execution.attached"`)
}

// same compares what was recorded with what should have been, briefly.
func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	t.Errorf("%s: %d bytes of %d, and they differ at %d", what, len(got), len(want), at)
}

// fast writes the text each time that another of its gates is opened: well over
// 20 MB/s, and a core can be killed in the middle of every one of its floods.
func fast(gates, text string, floods int) []string {
	return []string{"sh", "-c", `n=0; while [ $n -lt "$2" ]; do n=$((n+1)); while [ ! -e "$0/$n" ]; do sleep 0.01; done; cat "$1"; done`,
		gates, text, strconv.Itoa(floods)}
}

func TestNoByteIsLostWhileCoresAreKilled(t *testing.T) {
	h := newHome(t)
	kills := times(20, 200)
	file, gates := text(t, h.dir, 4_000_000), filepath.Join(h.dir, "gates")
	if err := os.Mkdir(gates, 0o700); err != nil {
		t.Fatal(err)
	}
	program := fast(gates, file, kills)
	h.run(append([]string{"run", "--detach", "--name", "fast", "--"}, program...)...)
	clients := []*follower{h.follow("fast", 1), h.follow("fast", 2)}
	h.attached("fast", 2)
	random := rand.New(rand.NewSource(time.Now().UnixNano()))
	for n := range kills {
		pid := h.core()
		if err := os.WriteFile(filepath.Join(gates, strconv.Itoa(n+1)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Intn(100)) * time.Millisecond) // a random point, not a condition
		if n%4 == 3 {
			h.kill9(-pid) // its whole process group
		} else {
			h.kill9(pid)
		}
	}
	if got, complaint, status := h.try("wait", "fast"); status != 0 {
		t.Fatalf("the program ended with %d: %s %s; it is %+v", status, got, complaint, h.find("fast"))
	}
	t.Logf("%d kills while %d MB were written", kills, kills*4)
	want := bare(t, program[0], program[1:]...)
	for _, c := range clients {
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("a client ended with %v", err)
		}
		got, err := os.ReadFile(c.out)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "a client", got, want)
	}
	same(t, "the transcript", []byte(h.run("transcript", "fast", "--raw")), want)
	h.verified()
}

func (h *home) verified() {
	h.t.Helper()
	out, complaint, status := h.try("verify", "--json")
	if status != 0 {
		h.t.Errorf("verify: status %d: %s %s", status, out, complaint)
	}
}

// Twenty live terminals that count, and every core is killed.
func TestTwentyTerminalsAreFoundAgain(t *testing.T) {
	h := newHome(t)
	for n := range 20 {
		h.run("run", "--detach", "--name", "c"+strconv.Itoa(n), "--", "sh", "-c",
			`n=0; while [ ! -e "$0" ]; do n=$((n+1)); echo $n; sleep 0.01; done`, filepath.Join(h.dir, "stop"))
	}
	for range times(5, 100) {
		pid := h.core()
		h.until("all are running", func() bool {
			running := 0
			for _, e := range h.list() {
				if e.State == "running" {
					running++
				}
			}
			return running == 20
		})
		h.kill9(-pid)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		name := "c" + strconv.Itoa(n)
		if _, complaint, status := h.try("wait", name); status != 0 {
			t.Fatalf("wait %s: %d %s", name, status, complaint)
		}
		lines := strings.Split(strings.TrimSuffix(h.run("transcript", name, "--raw"), "\r\n"), "\r\n")
		for at, line := range lines {
			if line != strconv.Itoa(at+1) {
				t.Fatalf("%s: line %d is %q", name, at+1, line)
			}
		}
	}
	h.verified()
}

// S2: the process that holds a terminal is killed.
func TestAKilledShimLeavesAnEventAndNothingElse(t *testing.T) {
	h := newHome(t)
	h.run("run", "--detach", "--name", "x", "--", "sh", "-c", "echo said; sleep 600")
	h.until("it said something", func() bool { return strings.Contains(h.run("transcript", "x", "--raw"), "said") })
	e := h.find("x")
	shim := h.shimPID(e.ID)
	h.kill9(shim)
	began := time.Now()
	h.until("its end is recorded", func() bool { return h.find("x").State == "lost" })
	t.Logf("recorded after %v", time.Since(began).Round(time.Millisecond))
	h.until("its program is gone", func() bool { return !alive(e.PID) })
	if _, _, status := h.try("attach", "x"); status == 0 {
		t.Error("attach to a lost terminal exits with 0")
	}
	if got := h.run("transcript", "x", "--raw"); got != "said\r\n" {
		t.Errorf("the transcript is %q", got)
	}
	sockets, err := filepath.Glob(filepath.Join(filepath.Dir(h.socket()), "x", "*"))
	if err != nil || len(sockets) > 0 {
		t.Errorf("left behind: %q, %v", sockets, err)
	}
	h.verified()
}

func (h *home) socket() string {
	h.t.Helper()
	out := h.run("core", "status", "--json")
	_, rest, _ := strings.Cut(out, `"socket":`)
	return strings.Split(rest, `"`)[1]
}

// S3: the core is killed while programs start, at whatever step it is.
func TestAStartIsSettledWhereverTheCoreIsKilled(t *testing.T) {
	h := newHome(t)
	random := rand.New(rand.NewSource(time.Now().UnixNano()))
	for n := range times(25, 1000) {
		pid := h.core()
		start := h.command("run", "--detach", "--name", "s"+strconv.Itoa(n), "--", "sh", "-c", "echo here; sleep 600")
		if err := start.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Intn(12_000)) * time.Microsecond) // a random step, not a condition
		h.kill9(pid)
		_ = start.Wait() // it may have been told, or not
	}
	h.core()
	h.until("every start is settled", func() bool {
		for _, e := range h.list() {
			if e.State == "starting" {
				return false
			}
		}
		return true
	})
	running := 0
	for _, e := range h.list() {
		if e.State != "running" {
			continue
		}
		running++
		if !alive(h.shimPID(e.ID)) || !alive(e.PID) {
			t.Errorf("%s is said to run, and does not", e.Name)
		}
		h.until("it said something", func() bool { return strings.Contains(h.run("transcript", e.Name, "--raw"), "here") })
	}
	t.Logf("%d of %d starts came to run", running, len(h.list()))
	shims := 0
	for _, line := range h.processes() {
		if strings.Contains(line, "atelier-shim") {
			shims++
		}
	}
	if shims != running {
		t.Errorf("%d shims live, and %d terminals are said to run", shims, running)
	}
	h.verified()
}

// S5: what starts and stops leaves nothing behind.
func TestStartsAndStopsLeaveNothingBehind(t *testing.T) {
	h := newHome(t)
	pid := h.core()
	count := func() int {
		open, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	once := func() { h.run("run", "--", "true") }
	for range 5 {
		once()
	}
	before := count()
	for range times(40, 1000) {
		once()
	}
	h.until("descriptors are back", func() bool { return count() <= before+2 })
	h.until("processes are gone", func() bool { return len(h.processes()) == 1 })
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(h.socket()), "x", "*")); len(left) > 0 {
		t.Errorf("sockets are left: %q", left)
	}
}
