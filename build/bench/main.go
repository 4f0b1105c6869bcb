// Bench measures the studio against tmux and a bare pseudo-terminal, and its log
// against what else could keep events, on the machine at hand. Peers take turns in every round, so that a slow minute hurts
// all alike; the table gives the median of the rounds and their spread, and every
// ratio is of one run. A measure that cannot be made says so and counts as failed.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// A setting is what every measure is told.
type setting struct {
	bin    string // folder of the built programs
	work   string // folder for homes and files, on the disk that is measured
	rounds int
	bytes  int64 // of each text file
	quick  bool  // the small form of append, admit and million, which judges nothing
	keep   string
}

// A measure prints its own lines of the table.
type measure struct {
	name string
	what string
	run  func(setting) ([]row, error)
}

var measures = []measure{
	{"cat", "text through a terminal to one attached client, until its last line is there", measureCat},
	{"echo", "one keystroke to the program and back", measureEcho},
	{"busy", "20 executions at once, everything recorded", measureBusy},
	{"ps", "the list of executions, as a command", measurePS},
	{"window", "from start to the first picture with a terminal in it", measureWindow},
	{"idle", "a core with nothing to do, and one shim", measureIdle},
	{"durable", "one event made durable, and 64 writers at once", measureDurable},
	{"append", "64 writers, bodies of 512 bytes, in this process", measureAppend},
	{"admit", "another replica's chain, beside one signature an event", measureAdmit},
	{"million", "what a log of a million events and 1,000 sessions costs", measureMillion},
}

func main() {
	var s setting
	flag.StringVar(&s.bin, "bin", "build/bin", "folder of the built programs")
	flag.StringVar(&s.work, "work", "", "folder to measure in (empty: a temporary one)")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds; every peer runs once in each")
	megabytes := flag.Int64("mb", 200, "size of each text file in megabytes")
	only := flag.String("only", "", "names of measures, separated by commas (empty: all)")
	flag.BoolVar(&s.quick, "quick", false, "the small form of append, admit and million: minutes less, and nothing is judged")
	flag.StringVar(&s.keep, "keep", "", "folder to write each table to, and the plot of million (empty: print alone)")
	reads := flag.String("read", "", "read the log in a folder, as million has a process of its own do")
	reopens := flag.Bool("reopen", false, "with -read: take only the time until the first answer")
	flag.Parse()
	if *reads != "" {
		if err := read(*reads, scaleOf(s), *reopens); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	s.bytes = *megabytes * 1e6
	if err := run(s, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(s setting, only string) error {
	work, err := os.MkdirTemp(s.work, "ab")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	s.work = work
	if s.keep != "" {
		if err := os.MkdirAll(s.keep, 0o755); err != nil {
			return err
		}
	}
	if s.bin, err = filepath.Abs(s.bin); err != nil {
		return err
	}
	fmt.Println(machine(s))
	failed := 0
	for _, m := range measures {
		if only != "" && !strings.Contains(","+only+",", ","+m.name+",") {
			continue
		}
		if err := tell(s, m); err != nil {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d measures could not be made", failed)
	}
	return nil
}

// tell prints the table of a measure, and keeps it where that is wanted.
func tell(s setting, m measure) error {
	var table strings.Builder
	fmt.Fprintf(&table, "## %s: %s\n", m.name, m.what)
	rows, err := m.run(s)
	show(&table, rows)
	if err != nil {
		fmt.Fprintf(&table, "not measured: %v\n", err)
	}
	fmt.Print("\n", &table)
	if s.keep == "" {
		return err
	}
	return errors.Join(err, os.WriteFile(filepath.Join(s.keep, m.name+".txt"), []byte(machine(s)+"\n\n"+table.String()), 0o644))
}

// machine tells on what, and with which peers, the numbers were made.
func machine(s setting) string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("cores %d, memory %s, kernel %s, disk %s, Go %s\ntmux: %s, flags -f /dev/null, status off\natelier: %s",
		runtime.NumCPU(), memory(), strings.TrimSpace(string(kernel)), disk(s.work), runtime.Version(),
		firstLine("tmux", "-V"), firstLine(filepath.Join(s.bin, "atelier"), "--version"))
}

func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "none (" + err.Error() + ")"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func memory() string {
	info, _ := os.ReadFile("/proc/meminfo")
	for _, line := range strings.Split(string(info), "\n") {
		if rest, is := strings.CutPrefix(line, "MemTotal:"); is {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

// disk names the file system under folder, its device and whether it turns.
func disk(folder string) string {
	out, err := exec.Command("df", "--output=fstype,source", folder).Output()
	if err != nil {
		return "unknown"
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 {
		return "unknown"
	}
	kind, source := fields[len(fields)-2], fields[len(fields)-1]
	turns, _ := os.ReadFile("/sys/class/block/" + filepath.Base(source) + "/queue/rotational")
	return fmt.Sprintf("%s on %s (rotational %s)", kind, source, strings.TrimSpace(string(turns)))
}
