package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// readRows has a process of its own read each log in each round, since only such
// a one starts from nothing and has no memory but that of its log.
func readRows(s setting, sc scale, sites []*site) ([]row, error) {
	all := make([][]reading, len(sites))
	late := make([]bool, len(sites))
	firsts, err := firstRows(s, sites)
	if err != nil {
		return firsts, err
	}
	for round := range s.rounds {
		for n, t := range sites {
			if late[n] {
				continue // what took so long once is not waited for again
			}
			r, inTime, err := readAside(s, t.folder, n < len(sites)-1)
			if err != nil {
				return nil, fmt.Errorf("reading %d events, round %d: %w", t.size, round+1, err)
			}
			all[n], late[n] = append(all[n], r), !inTime
		}
	}
	rows := firsts
	for n, t := range sites {
		rows = append(rows, overAll(all[n], fmt.Sprintf("reopen %d to first answer", t.size), "ms", 1e3, func(r reading) float64 { return r.Reopen }))
	}
	last := sites[len(sites)-1]
	closed, err := closedRow(last, s)
	if most := &rows[len(rows)-1]; len(most.values) > 0 {
		most.note = s.goal(median(most.values) <= 2000, "at most 2 s")
	}
	return append(append(rows, answerRows(s, sc, all[len(all)-1])...), closed...), err
}

// firstRows opens each log once as a core would that never saw it: it reads all
// events, and keeps objects on the way and at the end, as one does that followed.
func firstRows(s setting, sites []*site) (rows []row, err error) {
	for _, t := range sites {
		r, inTime, err := readAside(s, t.folder, true)
		if err != nil {
			return rows, fmt.Errorf("opening %d events from nothing: %w", t.size, err)
		}
		one := row{peer: fmt.Sprintf("open %d from nothing", t.size), unit: "ms"}
		if inTime {
			one.values = []float64{r.Reopen * 1e3}
		}
		rows = append(rows, one)
	}
	rows[0].note = "once: every event is read, checked and folded"
	return rows, nil
}

// overAll is one number of each reading that came to it.
func overAll(all []reading, name, unit string, times float64, of func(reading) float64) row {
	r := row{peer: name, unit: unit}
	for _, each := range all {
		if v := of(each); v > 0 {
			r.values = append(r.values, v*times)
		}
	}
	if len(r.values) == 0 {
		r.note = fmt.Sprintf("no answer within %s: NOT MET", readPatience)
	}
	return r
}

func answerRows(s setting, sc scale, all []reading) []row {
	first := all[0]
	rows := []row{
		overAll(all, "relate two events, p50", "µs", 1e6, func(r reading) float64 { return r.Relate[0] }),
		overAll(all, "relate two events, p99", "µs", 1e6, func(r reading) float64 { return r.Relate[1] }),
		overAll(all, "object at head, p50", "ms", 1e3, func(r reading) float64 { return r.Head[0] }),
		overAll(all, "object at head, p99", "ms", 1e3, func(r reading) float64 { return r.Head[1] }),
		overAll(all, "object at an old cut, p50", "ms", 1e3, func(r reading) float64 { return quantile(r.AtCut, 0.5) }),
		overAll(all, "object at an old cut, p99", "ms", 1e3, func(r reading) float64 { return quantile(r.AtCut, 0.99) }),
		overAll(all, "whole workspace at an old cut", "s", 1, func(r reading) float64 { return r.Whole }),
		overAll(all, "resident after these answers", "MB", 1, func(r reading) float64 { return r.Resident }),
		overAll(all, "resident after old cuts", "MB", 1, func(r reading) float64 { return r.ResidentCuts }),
		overAll(all, "most that was resident", "MB", 1, func(r reading) float64 { return r.Peak }),
		overAll(all, "one session opens all work, p99", "ms", 1e3, func(r reading) float64 { return r.Opens[1] }),
		overAll(all, "and writes after all of it", "ms", 1e3, func(r reading) float64 { return r.Join }),
	}
	say := func(n int, note string) {
		if len(rows[n].values) > 0 { // else it says that there was no answer
			rows[n].note = note
		}
	}
	judge := func(n int, most float64, format string, args ...any) {
		say(n, s.goal(median(rows[n].values) <= most, format, args...))
	}
	say(0, fmt.Sprintf("%d random pairs: %v", pairs, first.Related))
	judge(1, 20, "at most 20 µs")
	judge(3, 1, "at most 1 ms")
	say(4, fmt.Sprintf("%d asked for in the first round", len(first.AtCut)))
	judge(5, 20, "at most 20 ms")
	judge(6, 3, "at most 3 s")
	judge(7, 400, "at most 400 MB; %.0f of them no file's", first.Anonymous)
	judge(8, 400, "at most 400 MB")
	say(10, fmt.Sprintf("each of %d opened in turn, and kept that it was", sc.sessions))
	say(11, fmt.Sprintf("by %d events that join", first.Joined))
	return rows
}

func closedRow(t *site, s setting) ([]row, error) {
	held, err := allocated(t.data())
	ratio := held / t.bytes
	return []row{{peer: "allocated, closed by its readers", unit: "times", values: []float64{ratio}, note: s.goal(ratio <= 2, "at most 2 times the bytes of the events")}}, err
}

// readPatience bounds a reading, so that a run of the measure ends in an hour
// however slow an answer is.
const readPatience = 8 * time.Minute

// readAside runs a reader and returns what it found in time.
func readAside(s setting, folder string, reopenOnly bool) (r reading, inTime bool, err error) {
	program, err := os.Executable()
	if err != nil {
		return r, false, err
	}
	args := []string{"-read", folder}
	if s.quick {
		args = append(args, "-quick")
	}
	if reopenOnly {
		args = append(args, "-reopen")
	}
	ctx, cancel := context.WithTimeout(context.Background(), readPatience)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil && ctx.Err() == nil {
		return r, false, fmt.Errorf("%w: %s", err, stderr.String())
	}
	lines := bytes.SplitAfter(out, []byte("\n"))
	if len(lines) < 2 {
		return r, false, nil
	}
	return r, err == nil, json.Unmarshal(lines[len(lines)-2], &r) // the last one is cut, or empty
}
