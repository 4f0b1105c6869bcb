package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ours runs our command in a home and returns its standard output.
func ours(s setting, home string, args ...string) ([]byte, error) {
	c := exec.Command(s.bin+"/atelier", args...)
	c.Env = append(environment(), "ATELIER_HOME="+home)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return out, fmt.Errorf("atelier %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}

const (
	busyCount = 20
	busyLines = 300_000
)

// measureBusy runs twenty programs at once and compares every transcript with
// what a pseudo-terminal makes of the same lines.
func measureBusy(s setting) ([]row, error) {
	rows := []row{{peer: "20 programs, all together", unit: "MB/s"}}
	for range s.rounds {
		rate, err := busyRound(s)
		if err != nil {
			return rows, err
		}
		rows[0].values = append(rows[0].values, rate)
	}
	rows[0].note = "no byte lost or doubled"
	return rows, nil
}

func busyRound(s setting) (float64, error) {
	home, err := os.MkdirTemp(s.work, "h")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(home)
	defer stopCore(s, home)
	start := time.Now()
	var ids []string
	for n := range busyCount {
		out, err := ours(s, home, "run", "--detach", "--json", "--", "seq", strconv.Itoa(n*busyLines), strconv.Itoa((n+1)*busyLines-1))
		if err != nil {
			return 0, err
		}
		var answer struct {
			ExecutionID string `json:"execution_id"`
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			return 0, fmt.Errorf("%w in %s", err, out)
		}
		ids = append(ids, answer.ExecutionID)
	}
	for _, id := range ids {
		if _, err := ours(s, home, "wait", id); err != nil {
			return 0, err
		}
	}
	took := time.Since(start).Seconds()
	total := 0
	for n, id := range ids {
		got, err := ours(s, home, "transcript", "--raw", id)
		if err != nil {
			return 0, err
		}
		var want bytes.Buffer
		for line := n * busyLines; line < (n+1)*busyLines; line++ {
			want.WriteString(strconv.Itoa(line) + "\r\n")
		}
		if sha256.Sum256(got) != sha256.Sum256(want.Bytes()) {
			return 0, fmt.Errorf("execution %d: %d bytes recorded, %d written, or they differ", n, len(got), want.Len())
		}
		total += len(got)
	}
	return float64(total) / 1e6 / took, nil
}

// asked is how often the list is asked for in a round.
const asked = 60

func measurePS(s setting) ([]row, error) {
	home, err := os.MkdirTemp(s.work, "h")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	defer stopCore(s, home)
	if _, err := ours(s, home, "ps"); err != nil { // starts the core
		return nil, err
	}
	rows := []row{{peer: "atelier ps, p50", unit: "ms"}, {peer: "atelier ps, p99", unit: "ms"}}
	for range s.rounds {
		var times []float64
		for range asked {
			start := time.Now()
			if _, err := ours(s, home, "ps"); err != nil {
				return nil, err
			}
			times = append(times, float64(time.Since(start).Nanoseconds())/1e6)
		}
		rows[0].values = append(rows[0].values, quantile(times, 0.5))
		rows[1].values = append(rows[1].values, quantile(times, 0.99))
	}
	rows[0].note = goal(median(rows[0].values) <= 15, "at most 15 ms")
	return rows, nil
}

// idleFor is how long an idle core is watched in each round.
const idleFor = 10 * time.Second

func measureIdle(s setting) ([]row, error) {
	home, err := os.MkdirTemp(s.work, "h")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	defer stopCore(s, home)
	if _, err := ours(s, home, "ps"); err != nil {
		return nil, err
	}
	core, err := processOf(s.bin+"/atelier-core", home)
	if err != nil {
		return nil, err
	}
	rows := []row{{peer: "idle core, part of one core", unit: "%"}, {peer: "idle core, resident", unit: "MB"}, {peer: "idle shim, resident", unit: "MB"}}
	for range s.rounds {
		before := ticks(core)
		time.Sleep(idleFor)
		// 100 ticks a second is what Linux tells every program (times(2)).
		rows[0].values = append(rows[0].values, float64(ticks(core)-before)/100/idleFor.Seconds()*100)
		rows[1].values = append(rows[1].values, resident(core))
	}
	rows[0].note = goal(median(rows[0].values) <= 1, "at most 1 %%")
	rows[1].note = goal(median(rows[1].values) <= 120, "at most 120 MB")
	if _, err := ours(s, home, "run", "--detach", "--name", "idle", "--", "sleep", "1000"); err != nil {
		return rows, err
	}
	shim, err := processOf(s.bin+"/atelier-shim", home)
	if err != nil {
		return rows, err
	}
	time.Sleep(time.Second) // idle, not starting
	rows[2].values = []float64{resident(shim)}
	rows[2].note = goal(rows[2].values[0] <= 6, "at most 6 MB")
	_, err = ours(s, home, "kill", "idle", "--signal", "KILL")
	return rows, err
}

// processOf finds the process of a program that works in home.
func processOf(program, home string) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		exe, _ := os.Readlink("/proc/" + entry.Name() + "/exe")
		line, _ := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		vars, _ := os.ReadFile("/proc/" + entry.Name() + "/environ")
		if exe == program && (bytes.Contains(line, []byte(home)) || bytes.Contains(vars, []byte(home))) {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no process of %s works in %s", filepath.Base(program), home)
}

func ticks(pid int) int64 {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return user + system
}

func resident(pid int) float64 { return memoryOf(pid, "VmRSS:") }

// memoryOf is a line of a process's status, in megabytes.
func memoryOf(pid int, name string) float64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, text := range strings.Split(string(status), "\n") {
		if rest, is := strings.CutPrefix(text, name); is {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}
