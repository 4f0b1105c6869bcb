package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// notItself refuses to show a terminal in itself: each byte shown would be one
// more that it writes, without end.
func (p *program) notItself(e execution, all []execution) error {
	if !p.whereabouts(all).within(e) {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "attach_self",
		"you are in "+e.Name+": what it shows would be shown in it again, without end",
		"look at it from another terminal, or read it with `atelier transcript "+quoted(e.Name)+"`").With("execution_id", e.ExecutionID)
}

// other finds a terminal to show here, which is not the one that this is in.
func (p *program) other(ctx context.Context, s *studio, ref string) (execution, error) {
	all, _, err := s.list(ctx)
	if err != nil {
		return execution{}, err
	}
	e, err := among(all, ref)
	if err != nil {
		return execution{}, err
	}
	return e, p.notItself(e, all)
}

// ownTerminal is the running terminal that this command shows something in, if it
// does; it says that what that writes is left out.
func (p *program) ownTerminal(ctx context.Context, s *studio) (id string, err error) {
	if !isTerminal(p.stdout) {
		return "", nil
	}
	all, _, err := s.list(ctx)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(all, p.whereabouts(all).within)
	if at < 0 {
		return "", nil
	}
	fmt.Fprintln(p.stderr, "atelier: you are in "+visible(all[at].Name)+": its output is left out here, each line of it would be followed by one more")
	return all[at].ExecutionID, nil
}

// whereabouts are the terminals that this command is in: those of its files, of
// itself and of its ancestors (shells within shells; sudo and script have
// terminals of their own between).
type whereabouts struct {
	terminals map[uint64]bool
	leader    int64 // of the session in which the search ended
}

// whereabouts asks the kernel. A session that one of our programs leads ends the
// search: beyond it is whoever started the core.
func (p *program) whereabouts(all []execution) whereabouts {
	w := whereabouts{terminals: map[uint64]bool{}}
	for _, f := range []*os.File{p.stdin, p.stdout, p.stderr} {
		w.terminals[deviceOf(f)] = true
	}
	leads := map[int64]bool{}
	for _, e := range all {
		if !e.over() {
			leads[e.PID] = true
		}
	}
	for pid := os.Getpid(); pid > 1; {
		one, is := processOf(pid)
		if !is {
			return w
		}
		w.terminals[one.terminal] = true
		if session := int64(one.session); leads[session] {
			w.leader = session
			return w
		}
		pid = one.parent
	}
	return w
}

// within reports whether a terminal that lives is one of them.
func (w whereabouts) within(e execution) bool {
	if e.over() || e.PID <= 0 {
		return false
	}
	its, known := processOf(int(e.PID))
	return e.PID == w.leader || known && its.terminal != 0 && w.terminals[its.terminal]
}

// process is what the kernel tells of one.
type process struct {
	parent, session int
	terminal        uint64 // the device of its controlling terminal; 0 for none
}

// processOf reads /proc/PID/stat. The name in it may hold anything, brackets too.
func processOf(pid int) (process, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false // it is gone, or not ours to see
	}
	return parseStat(string(text))
}

func parseStat(text string) (process, bool) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // from the state on
	if len(fields) < 5 {
		return process{}, false
	}
	var n [5]int
	for at := 1; at < len(n); at++ {
		var err error
		if n[at], err = strconv.Atoi(fields[at]); err != nil {
			return process{}, false
		}
	}
	p := process{parent: n[1], session: n[3]}
	if tty := uint32(n[4]); tty != 0 { // the kernel's old form: the minor lies on both sides of the major
		p.terminal = unix.Mkdev(tty>>8&0xfff, tty&0xff|tty>>12&0xfff00)
	}
	return p, true
}

// deviceOf is the device that a file is; 0 for what is no device.
func deviceOf(f *os.File) uint64 {
	var is unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &is); err != nil || is.Mode&unix.S_IFMT != unix.S_IFCHR {
		return 0
	}
	return is.Rdev
}

// quoted is a name as it can be typed.
func quoted(name string) string { return commandLine([]string{name}) }
