package spool

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// Launch says where a shim listens and which process it is. It holds neither
// the program's arguments nor its environment: both may be secret.
type Launch struct {
	Version int // of the attach protocol
	Socket  string
	PID     int
	// Start is when the process began, in ticks since boot: a process id is
	// used again, but not with the same start.
	Start uint64
	Key   attach.Key
}

type launchText struct {
	Version int    `json:"version"`
	Socket  string `json:"socket"`
	PID     int    `json:"pid"`
	Start   uint64 `json:"start"`
	Key     string `json:"key"`
}

// Self returns the launch of this process.
func Self(socket string, key attach.Key) (Launch, error) {
	start, err := startOf("self")
	if err != nil {
		return Launch{}, cannot(err, "read", "/proc/self/stat")
	}
	return Launch{Version: attach.Version, Socket: socket, PID: os.Getpid(), Start: start, Key: key}, nil
}

// Lives reports whether the process that wrote the launch still runs.
func (l Launch) Lives() bool {
	start, err := startOf(strconv.Itoa(l.PID))
	return err == nil && start == l.Start
}

// startOf reads field 22 of a process's stat. The name before it, in brackets,
// may hold spaces and brackets itself.
func startOf(process string) (uint64, error) {
	fd, err := unix.Open("/proc/"+process+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	b := make([]byte, statMax)
	n, err := readSome(fd, b, 0)
	if err != nil {
		return 0, err
	}
	text := string(b[:n])
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" { // a zombie is dead
		return 0, unix.ESRCH
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// WriteLaunch writes launch.json whole or not at all.
func (w *Writer) WriteLaunch(l Launch) error {
	text, err := json.Marshal(launchText{l.Version, l.Socket, l.PID, l.Start, hex.EncodeToString(l.Key[:])})
	if err != nil {
		return cannot(err, "encode", w.name(launchName))
	}
	return w.replace(launchName, append(text, '\n'), false)
}

// ReadLaunch reads launch.json of a folder. ok is false when there is none:
// the shim ended before it was ready. A damaged one is a fault, launch_damaged.
func ReadLaunch(dir string) (l Launch, ok bool, err error) {
	d, err := openFolder(dir)
	if err != nil {
		return Launch{}, false, err
	}
	defer d.close()
	return d.launch()
}

func (d folder) launch() (l Launch, ok bool, err error) {
	fd, err := d.open(launchName, unix.O_RDONLY)
	if fault.Is(err, "spool_unknown") {
		return Launch{}, false, nil
	}
	if err != nil {
		return Launch{}, false, err
	}
	defer unix.Close(fd)
	b := make([]byte, launchMax)
	n, err := readSome(fd, b, 0)
	if err != nil {
		return Launch{}, false, cannot(err, "read", d.name(launchName))
	}
	l, err = parseLaunch(b[:n])
	if err != nil {
		return Launch{}, false, fault.Wrap(err, fault.DataLoss, "launch_damaged", "cannot read "+d.name(launchName),
			"if no atelier-shim runs for it, remove the file")
	}
	return l, true, nil
}

func parseLaunch(b []byte) (Launch, error) {
	var t launchText
	if err := json.Unmarshal(b, &t); err != nil {
		return Launch{}, err
	}
	l := Launch{Version: t.Version, Socket: t.Socket, PID: t.PID, Start: t.Start}
	if n := hex.DecodedLen(len(t.Key)); n != len(l.Key) {
		return Launch{}, hex.ErrLength
	}
	_, err := hex.Decode(l.Key[:], []byte(t.Key))
	return l, err
}
