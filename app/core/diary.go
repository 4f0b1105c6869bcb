package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"syscall"

	"atelier.dev/atelier/backend/home"
)

// diary is the core's own log: lines of text on standard error, which is
// core.log when a client started the core. It never holds content of terminals,
// values of variables or secrets.
type diary struct{ *slog.Logger }

func newDiary(w io.Writer) diary { return diary{slog.New(slog.NewTextHandler(w, nil))} }

// say writes one line; a level that is not known is a warning.
func (d *daemon) say(level, message string) {
	if d.log.Logger == nil {
		d.log = newDiary(d.stderr)
	}
	var l slog.Level
	if l.UnmarshalText([]byte(level)) != nil {
		l = slog.LevelWarn
	}
	d.log.Log(context.Background(), l, message)
}

// openDiary makes core.log our standard error when a client started us: on the
// first start of a home it could not open the file, and a long one is put aside.
// By hand, lines go where the person looks.
func (d *daemon) openDiary() diary {
	if os.Getenv(home.StartVariable) == "" {
		return newDiary(d.stderr)
	}
	aside := putAside(d.home.CoreLog())
	f, err := os.OpenFile(d.home.CoreLog(), os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err == nil {
		defer f.Close()
		// The descriptors themselves, so that the runtime's last words go there too.
		err = errors.Join(syscall.Dup3(int(f.Fd()), 1, 0), syscall.Dup3(int(f.Fd()), 2, 0))
	}
	log := newDiary(d.stderr)
	if err = errors.Join(aside, err); err != nil {
		log.Warn("core.log cannot be kept: " + err.Error())
	}
	return log
}

// putAside renames a log that has grown long; the one before it goes.
func putAside(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() <= logMax {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Rename(path, path+".old")
}
