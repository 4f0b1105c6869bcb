package badgerlog

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// teller passes on what Badger logs. An error there means that a flush or a
// sync failed behind our back, so the log must stop acknowledging.
type teller struct {
	tell func(level, message string)
	fail func(error)
}

func (t *teller) Errorf(f string, a ...any) {
	text := line(f, a)
	t.tell("error", text)
	for _, v := range a {
		if err, ok := v.(error); ok {
			t.fail(fmt.Errorf("%s: %w", "the store failed", err))
			return
		}
	}
	t.fail(errors.New(text))
}
func (t *teller) Warningf(f string, a ...any) { t.tell("warn", line(f, a)) }
func (t *teller) Infof(f string, a ...any)    { t.tell("debug", line(f, a)) }
func (t *teller) Debugf(string, ...any)       {}

func line(f string, a []any) string { return strings.TrimSpace(fmt.Sprintf(f, a...)) }

func isFull(err error) bool {
	return err != nil && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || strings.Contains(err.Error(), "no space left"))
}

// isLimited is true where a limit of the process failed, and no disk. Badger
// passes on some errors as text alone.
func isLimited(err error) bool {
	for _, limit := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EFBIG} {
		if errors.Is(err, limit) || strings.Contains(err.Error(), limit.Error()) {
			return true
		}
	}
	return false
}

func isBusy(err error) bool {
	return strings.Contains(err.Error(), "Cannot acquire directory lock")
}
