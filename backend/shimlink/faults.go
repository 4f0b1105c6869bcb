package shimlink

import (
	"fmt"
	"os"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

const (
	mendLogs   = "see `atelier core logs`"
	mendMine   = "see who made it, and remove it"
	mendDefect = "this is a defect of Atelier: report it with what `atelier core logs` shows"
)

// notStarted is shim_start: no program was put into a terminal.
func notStarted(err error) *fault.Error {
	return fault.Wrap(err, fault.Unavailable, "shim_start", "cannot start the process that holds a terminal",
		mendLogs+", and that atelier-shim lies beside atelier-core")
}

// dead is shim_dead: nothing will come from this shim any more but what it left
// on disk.
func dead(why string) *fault.Error {
	return fault.New(fault.Unavailable, "shim_dead", "the process that held this terminal is gone: "+why,
		"read what was recorded with `atelier transcript`")
}

// silent is shim_silent: the process lives and cannot be spoken with now.
func silent(pid int, err error) *fault.Error {
	return fault.Wrap(err, fault.Unavailable, "shim_silent", fmt.Sprintf("process %d holds this terminal and does not answer", pid),
		"wait; the core tries again. See what that process does with `ps`")
}

// socketless is shim_silent of a shim that listens nowhere: its socket was removed.
func socketless(pid int, err error) *fault.Error {
	return fault.Wrap(err, fault.Unavailable, "shim_silent", fmt.Sprintf("process %d holds this terminal, and its socket was removed", pid),
		fmt.Sprintf("try again in a few seconds, it listens there anew. One that an older Atelier started cannot: end it and its program with `kill -9 %d`; what was recorded stays", pid))
}

// unreachable is shim_unreachable: it lives, and without what was removed nobody
// can show it the key that it asks for.
func unreachable(pid int, folder string) *fault.Error {
	gone := "its folder"
	if _, err := os.Lstat(folder); err == nil {
		gone = recordName + " in its folder"
	}
	return fault.New(fault.Unavailable, "shim_unreachable", fmt.Sprintf("process %d holds this terminal, and %s was removed", pid, gone),
		fmt.Sprintf("end it and its program with `kill -9 %d`", pid)).With("path", folder)
}

// untyped is shim_gone of a typist that found no socket.
func untyped(err error) *fault.Error {
	return fault.Wrap(err, fault.Unavailable, "shim_gone", "nothing was typed: the socket of this terminal was removed",
		"send it again in a few seconds, its process listens there anew. One that an older Atelier started cannot: end it with `atelier kill`")
}

// gone is shim_gone: the link has ended, which says nothing of the shim.
func gone(err error) *fault.Error {
	return fault.Wrap(err, fault.Unavailable, "shim_gone", "the link to the process of this terminal has ended",
		"try again; the core reaches that process again if it lives")
}

// otherVersion is shim_version: it lives, and must be spoken with otherwise.
func otherVersion(version int, said string) *fault.Error {
	return fault.New(fault.FailedPrecondition, "shim_version",
		fmt.Sprintf("the process of this terminal speaks version %d of the attach protocol and this core version %d (%s)", version, attach.Version, said),
		"the program runs on: use the version of Atelier that started it, or end it and start it anew")
}

// foreign is shim_foreign: who listens is not the shim.
func foreign(why string) *fault.Error {
	return fault.New(fault.PermissionDenied, "shim_foreign", "who listens on the socket of this terminal "+why, mendMine)
}

// garbled is shim_garbled: what came is not the attach protocol.
func garbled(what string) *fault.Error {
	return fault.New(fault.Internal, "shim_garbled", "the process of this terminal said "+what, mendDefect)
}

func unexpected(f attach.Frame) *fault.Error {
	return garbled(fmt.Sprintf("%T where it has no place", f))
}

// codeOf reads the word of a code.
func codeOf(word string) fault.Code {
	if code, known := fault.ParseCode(word); known {
		return code
	}
	return fault.Unknown
}

// hailRefused tells why a shim does not take this core.
func hailRefused(f attach.Refused, version int) *fault.Error {
	switch code := codeOf(f.Code); code {
	case fault.Unimplemented:
		return otherVersion(version, f.Message)
	case fault.Unauthenticated:
		return fault.New(code, "shim_key", f.Message, "see who changed launch.json beside the bytes of this terminal")
	case fault.OutOfRange:
		return fault.New(fault.DataLoss, "shim_notes", f.Message, "run `atelier verify`")
	default:
		return fault.New(code, "shim_refused", f.Message, mendLogs)
	}
}

// answer is what a shim's refusal of a request means.
type answer struct{ reason, mend string }

var answers = map[fault.Code]answer{
	fault.FailedPrecondition: {"not_running", "see `atelier ps`"},
	fault.Aborted:            {"epoch_old", "ask again for the keyboard"},
	fault.NotFound:           {"ticket_unknown", "attach again"},
	fault.PermissionDenied:   {"may_not_drive", "attach with a session that may"},
	fault.ResourceExhausted:  {"tickets", "detach some of those who are attached"},
	fault.InvalidArgument:    {"request_bad", "change the request"},
}

// doneFault is the fault in a DONE, nil for none.
func doneFault(d attach.Done) error {
	if d.Code == "" {
		return nil
	}
	code := codeOf(d.Code)
	a, known := answers[code]
	switch {
	case !known:
		a = answer{"shim_refused", mendLogs}
	case d.Request == attach.KindSignal && code == fault.PermissionDenied:
		a = answer{"signal_denied", "the program runs as somebody else now; signal it as that user"}
	}
	return fault.New(code, a.reason, d.Message, a.mend)
}

// inputRefused is the fault in a REFUSED that answers HELLO or INPUT.
func inputRefused(f attach.Refused) error {
	code := codeOf(f.Code)
	switch code {
	case fault.Aborted:
		return fault.New(code, "keyboard_taken", f.Message, "ask who has the keyboard to hand it over, or take it").With("driver", f.Driver)
	case fault.Unauthenticated:
		return fault.New(code, "ticket_unknown", f.Message, "attach again")
	case fault.FailedPrecondition:
		return fault.New(code, "not_running", f.Message, "see `atelier ps`")
	case fault.Unimplemented:
		return fault.New(fault.FailedPrecondition, "shim_version", f.Message, "use the version of Atelier that started the program")
	default:
		return fault.New(code, "shim_refused", f.Message, mendLogs)
	}
}
