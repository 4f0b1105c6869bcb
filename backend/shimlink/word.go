package shimlink

import (
	"strconv"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// word is what a shim says first, in one line of JSON: its process and socket,
// or a fault with what the kernel said.
type word struct {
	PID    int    `json:"pid"`
	Socket string `json:"socket"`

	Code    string     `json:"code"`
	Reason  string     `json:"reason"`
	Message string     `json:"message"`
	Mend    string     `json:"mend"`
	Errno   unix.Errno `json:"errno"`
}

// fault is the fault in a shim's word. What the kernel said of the program has
// the reasons by which shells tell 126 and 127 apart.
func (w word) fault() error {
	f := fault.New(codeOf(w.Code), w.Reason, w.Message, w.Mend)
	switch {
	case f.Reason == "":
		f.Reason = "shim_start"
	case f.Reason == "exec_failed" && w.Errno == unix.ENOENT:
		f.Code, f.Reason, f.Mend = fault.NotFound, "program_not_found", "see that it is there, and the interpreter that its first line names"
	case f.Reason == "exec_failed":
		f.Reason = "program_not_executable"
	}
	if f.Mend == "" {
		f.Mend = mendLogs
	}
	if w.Errno != 0 {
		f = f.With("errno", strconv.Itoa(int(w.Errno)))
	}
	return f
}
