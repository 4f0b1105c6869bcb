package badgerlog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/sim"
)

// TestMain turns the test's program into the writer that others cut or kill.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BADGERLOG_WRITER"); dir != "" {
		writer(dir, os.Getenv("BADGERLOG_SYNC") == "off")
		return
	}
	m.Run()
}

// writer appends from eight goroutines and prints each acknowledged id: as late
// when that append began after another was refused.
func writer(dir string, syncOff bool) {
	o := homeOf(dir)
	o.syncOff = syncOff
	limitWriter()
	l, _, err := Open(context.Background(), o)
	if err != nil {
		fmt.Println("fault", fault.Of(err).Code, err)
		return
	}
	if err := l.SaveState("word", []byte("saved")); err != nil {
		fmt.Println("fault", fault.Of(err).Code, err)
		return
	}
	fmt.Println("open", l.Count())
	var wg sync.WaitGroup
	var out sync.Mutex
	refused, orphan := false, make(chan struct{})
	drops := os.Getenv("BADGERLOG_DROP") != "" // whose records no other may come between
	go func() {
		// The parent says when to end by closing our input; so does its death.
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(orphan)
	}()
	admit, err := admitterOf(l)
	if err != nil {
		fmt.Println("fault", fault.Of(err).Code, err)
		return
	}
	for w := range 8 {
		wg.Go(func() {
			if admit != nil && admit.only && w != 1 {
				return
			}
			for n := 0; ; n++ {
				select {
				case <-orphan:
					return
				default:
				}
				out.Lock()
				late := refused
				out.Unlock()
				taken, err := writeOne(l, w == 0 && n%3 == 2 && !drops)
				if admit != nil && w == 1 {
					taken, err = admit.step()
				}
				out.Lock()
				switch {
				case err != nil:
					refused = true
					fmt.Println("refused", fault.Of(err).Reason, fault.Of(err).Code)
				case late:
					fmt.Println("late", taken)
				default:
					for _, id := range taken {
						fmt.Println("ack", id)
					}
				}
				out.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	if drops {
		wg.Go(func() {
			if err := dropAll(l, orphan, &out); err != nil {
				fmt.Println("fault", fault.Of(err).Code, err)
			}
		})
	}
	wg.Wait()
	<-orphan
	if os.Getenv("BADGERLOG_CLOSE") == "bare" {
		fmt.Println("closed", l.db.Close())
		return
	}
	fmt.Println("closed", l.Close())
}

// writeOne appends an event, or a record that answers one.
func writeOne(l *Log, record bool) ([]event.ID, error) {
	e, err := l.Append(context.Background(), draft(l, nil))
	if err != nil || !record {
		return []event.ID{e.ID}, err
	}
	r, err := nextRecord(l, e)
	if err != nil {
		return nil, err
	}
	e, err = l.AppendRecord(context.Background(), r)
	return []event.ID{e.ID}, err
}

// child is a running writer with what it said so far.
type child struct {
	cmd   *exec.Cmd
	input io.Closer
	mu    sync.Mutex
	lines []string
	grown chan struct{}
	ended chan struct{}
}

func startWriter(t *testing.T, dir string, syncOff bool) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0]), grown: make(chan struct{}, 1), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), "BADGERLOG_WRITER="+dir, "BADGERLOG_SYNC=on")
	if syncOff {
		c.cmd.Env = append(c.cmd.Env, "BADGERLOG_SYNC=off")
	}
	input, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.input = input
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.cmd.Stderr = os.Stderr
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go c.listen(out)
	return c
}

func (c *child) listen(out io.Reader) {
	defer close(c.ended)
	for s := bufio.NewScanner(out); s.Scan(); {
		c.mu.Lock()
		c.lines = append(c.lines, s.Text())
		c.mu.Unlock()
		select {
		case c.grown <- struct{}{}:
		default:
		}
	}
}

// said returns the rest of each line that begins with word.
func (c *child) said(word string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rest []string
	for _, line := range c.lines {
		if after, ok := strings.CutPrefix(line, word+" "); ok {
			rest = append(rest, after)
		}
	}
	return rest
}

func (c *child) waitFor(t *testing.T, word string, n int) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for len(c.said(word)) < n {
		select {
		case <-c.grown:
		case <-c.ended:
			t.Fatal("the writer ended:", c.said("fault"), c.said("refused"))
		case <-deadline:
			t.Fatalf("%d of %d %q in a minute", len(c.said(word)), n, word)
		}
	}
}

func (c *child) kill() {
	_ = c.cmd.Process.Signal(syscall.SIGKILL)
	<-c.ended
	_ = c.cmd.Wait()
}

// lost counts acknowledged events that the log in dir does not have. A log
// that cannot be opened has lost all; its fault is returned.
func lost(dir string, acked []string) (int, error) {
	l, _, err := Open(context.Background(), homeOf(dir))
	if err != nil {
		return len(acked), err
	}
	defer l.Close()
	missing := 0
	for _, text := range acked {
		id, err := event.ParseID(text)
		if err != nil {
			continue // the last line of a killed writer
		}
		if _, err := l.Event(id); err != nil {
			missing++
		}
	}
	r, err := l.Audit(context.Background(), nil)
	if err == nil && len(r.Findings) > 0 {
		err = fmt.Errorf("%v", r.Findings)
	}
	if frauds, _ := l.Frauds(); err == nil && len(frauds) != len(l.Forked()) {
		err = fmt.Errorf("%d chains are forked, and there are %d proofs", len(l.Forked()), len(frauds))
	}
	return missing, err
}

// kill -9 at random points under eight writers: whatever was acknowledged is
// there after each, and the audit finds nothing half written.
func TestKilledWriterLosesNothing(t *testing.T) {
	rng, dir := rand.New(rand.NewSource(1)), t.TempDir()
	var acked []string
	for i := range rounds(12, 1000) {
		c := startWriter(t, dir, false)
		c.waitFor(t, "ack", 1+rng.Intn(120))
		c.kill()
		acked = append(acked, c.said("ack")...)
		if n, err := lost(dir, acked); n > 0 || err != nil {
			t.Fatalf("kill %d: %d of %d acknowledged events lost: %v", i, n, len(acked), err)
		}
	}
}

func mount(t *testing.T) (*sim.Disk, string) {
	t.Helper()
	dir := t.TempDir()
	d, err := sim.Mount(dir)
	if err != nil {
		t.Fatalf("this test needs /dev/fuse: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return d, dir
}

// cutPower runs a writer until it has acknowledged n events, cuts the power
// and returns how many of those acknowledged before the cut are gone.
func cutPower(t *testing.T, n int, syncOff bool) (int, error) {
	t.Helper()
	disk, dir := mount(t)
	c := startWriter(t, dir, syncOff)
	c.waitFor(t, "ack", n)
	acked := c.said("ack")
	left := disk.Cut()
	c.kill()
	after := filepath.Join(t.TempDir(), "after")
	if err := sim.Restore(left, after); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(after); err != nil {
		return len(acked), err
	}
	return lost(after, acked)
}

func TestPowerCutLosesNothing(t *testing.T) {
	each(t, rounds(6, 200), func(t *testing.T, i int) {
		if n, err := cutPower(t, 1+i*97%1500, false); n > 0 || err != nil {
			t.Errorf("%d acknowledged events lost: %v", n, err)
		}
	})
}

// A killed writer leaves bytes that no sync has seen. Once another has opened
// the log and shows them, they must outlast a power cut.
func TestPowerCutAfterAKillTakesNothingThatWasShown(t *testing.T) {
	each(t, rounds(2, 100), func(t *testing.T, _ int) {
		disk, dir := mount(t)
		first := startWriter(t, dir, false)
		first.waitFor(t, "ack", 40)
		disk.FailSyncs(syscall.EIO) // so that a group is surely left unsynced
		first.waitFor(t, "refused", 8)
		first.kill()
		disk.FailSyncs(0)
		second := startWriter(t, dir, false)
		second.waitFor(t, "open", 1)
		acked := append(first.said("ack"), second.said("ack")...)
		left := disk.Cut()
		second.kill()
		after := filepath.Join(t.TempDir(), "after")
		if err := sim.Restore(left, after); err != nil {
			t.Fatal(err)
		}
		if n, err := lost(after, acked); n > 0 || err != nil {
			t.Errorf("%d of %d events lost: %v", n, len(acked), err)
		}
	})
}

// each runs n rounds as tests of their own: a disk is held in memory, and must
// go when its round is over.
func each(t *testing.T, n int, round func(t *testing.T, i int)) {
	t.Helper()
	for i := range n {
		t.Run(fmt.Sprint(i), func(t *testing.T) { round(t, i) })
	}
}

// The control: the same cut without syncs must lose events, or the test above
// shows nothing.
func TestPowerCutWithoutSyncLosesEvents(t *testing.T) {
	if n, _ := cutPower(t, 200, true); n == 0 {
		t.Fatal("nothing was lost without syncs: the power cut does not bite")
	}
}

// savedBefore is what a power cut leaves of the value that a writer saved: cut
// while it writes, or after it has ended in order.
func savedBefore(t *testing.T, ended, syncOff bool) string {
	t.Helper()
	disk, dir := mount(t)
	c := startWriter(t, dir, syncOff)
	defer c.kill()
	c.waitFor(t, "ack", 1)
	if ended {
		c.input.Close()
		c.waitFor(t, "closed", 1)
	}
	after := filepath.Join(t.TempDir(), "after")
	if err := sim.Restore(disk.Cut(), after); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(after, 0o700); err != nil { // a cut may leave nothing
		t.Fatal(err)
	}
	v, _, err := openValues(filepath.Join(after, "values"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	return string(v.all["word"])
}

// Values are synced at an orderly end. Before it, and without syncs, the same
// cut takes them, or this test shows nothing.
func TestPowerCutAfterAnOrderlyEndTakesNoValue(t *testing.T) {
	for name, c := range map[string]struct {
		ended, syncOff bool
		want           string
	}{"ended in order": {true, false, "saved"}, "still open": {false, false, ""}, "without syncs": {true, true, ""}} {
		if got := savedBefore(t, c.ended, c.syncOff); got != c.want {
			t.Errorf("%s: %q is left, want %q", name, got, c.want)
		}
	}
}

func TestPowerCutTakesNoValueThatWasSynced(t *testing.T) {
	disk, dir := mount(t)
	v, _, err := openValues(filepath.Join(dir, "values"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	l := &Log{o: Options{Dir: dir}, values: v}
	if err := l.SaveState("word", []byte("saved")); err != nil {
		t.Fatal(err)
	}
	if left := disk.Cut()["values"]; len(left) > 0 {
		t.Error("the control: it is durable before a sync")
	}
	if err := l.SyncState(); err != nil {
		t.Fatal(err)
	}
	if left := disk.Cut()["values"]; string(left) != string(frameValue("word", []byte("saved"))) {
		t.Errorf("%q is left", left)
	}
}

func TestFailingDiskStopsAcknowledging(t *testing.T) {
	for name, harm := range map[string]func(*sim.Disk){
		"write EIO":    func(d *sim.Disk) { d.FailWrites(syscall.EIO) },
		"write ENOSPC": func(d *sim.Disk) { d.FailWrites(syscall.ENOSPC) },
		"sync EIO":     func(d *sim.Disk) { d.FailSyncs(syscall.EIO) },
		"sync ENOSPC":  func(d *sim.Disk) { d.FailSyncs(syscall.ENOSPC) },
		"full":         func(d *sim.Disk) { d.SetFree(1 << 20) },
	} {
		want := "read_only unavailable"
		if strings.Contains(name, "ENOSPC") || name == "full" {
			want = "read_only unknown"
		}
		t.Run(name, func(t *testing.T) {
			each(t, rounds(1, 50), func(t *testing.T, i int) { failDisk(t, harm, 50+i*13, want) })
		})
	}
}

// failDisk harms the disk under eight writers after n acknowledgements. Each
// must then be refused, none acknowledged, and the log still close.
func failDisk(t *testing.T, harm func(*sim.Disk), n int, want string) {
	t.Helper()
	disk, dir := mount(t)
	c := startWriter(t, dir, false)
	defer c.kill()
	c.waitFor(t, "ack", n)
	harm(disk)
	c.waitFor(t, "refused", 8)
	c.input.Close()
	c.waitFor(t, "closed", 1)
	for _, said := range c.said("refused") {
		if said != want {
			t.Errorf("refused with %q, want %q", said, want)
		}
	}
	if late := c.said("late"); len(late) > 0 {
		t.Error("begun after a refusal, and acknowledged:", late)
	}
}

// closeFull ends a writer in order on a disk that has become full: a touch of a
// page that has no place on it kills. It returns what was acknowledged, whether
// the writer came to its end, and what is left.
func closeFull(t *testing.T) (acked []string, closed bool, left string) {
	t.Helper()
	disk, dir := mount(t)
	c := startWriter(t, dir, false)
	defer c.kill()
	c.waitFor(t, "ack", 50)
	disk.SetFree(1 << 20)
	c.waitFor(t, "refused", 8) // no write is under way
	disk.FailReads(syscall.ENOSPC)
	c.input.Close()
	<-c.ended
	disk.FailReads(0)
	left = filepath.Join(t.TempDir(), "after")
	if err := sim.Restore(disk.Cut(), left); err != nil {
		t.Fatal(err)
	}
	return c.said("ack"), len(c.said("closed")) > 0, left
}

func TestCloseOnAFullDiskLivesAndLosesNothing(t *testing.T) {
	acked, closed, left := closeFull(t)
	if !closed {
		t.Error("the process did not live to the end of Close")
	}
	if n, err := lost(left, acked); n > 0 || err != nil {
		t.Errorf("%d of %d events lost: %v", n, len(acked), err)
	}
}

// The control: Badger's own flush at close is killed by that disk.
func TestBareCloseOnAFullDiskIsKilled(t *testing.T) {
	t.Setenv("BADGERLOG_CLOSE", "bare")
	if _, closed, _ := closeFull(t); closed {
		t.Error("a flush to a full disk does no harm: the test of Close shows nothing")
	}
}
