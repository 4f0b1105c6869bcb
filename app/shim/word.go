package main

import (
	"encoding/json"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// word is the descriptor on which the core waits to hear whether the program
// runs; -1 when nobody waits.
type word int

// answerTo takes a descriptor if the core has left one there. Our own runtime
// may have opened one of that number, which is nothing to write to.
func answerTo(fd int) word {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFREG:
		unix.CloseOnExec(fd)
		return word(fd)
	}
	return -1
}

// ready says that the program runs and where this shim listens.
func (w word) ready(socket string) {
	w.say(struct {
		PID    int    `json:"pid"`
		Socket string `json:"socket"`
	}{os.Getpid(), socket})
}

// failed says why it does not.
func (w word) failed(err error) {
	f := fault.Of(err)
	w.say(struct {
		Code    string `json:"code"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
		Mend    string `json:"mend"`
		Errno   uint32 `json:"errno"`
	}{f.Code.String(), f.Reason, f.Message, f.Mend, errnoOf(err)})
}

func (w word) say(what any) {
	if w < 0 {
		return
	}
	text, err := json.Marshal(what)
	if err == nil {
		_, err = unix.Write(int(w), append(text, '\n'))
	}
	if err != nil {
		complain(err) // the core has died: it finds the launch or the note
	}
	unix.Close(int(w))
}

// errnoOf is what the kernel said, 0 if it was not the kernel.
func errnoOf(err error) uint32 {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return uint32(errno)
	}
	return 0
}
