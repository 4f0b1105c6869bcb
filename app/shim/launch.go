package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/fault"
)

// launch is what the core sends down standard input. It is never on disk: the
// environment may hold secrets.
type launch struct {
	Argv        []string `json:"argv"`
	Program     string   `json:"program"` // the file, resolved by the core
	Cwd         string   `json:"cwd"`
	Environment []string `json:"environment"` // KEY=VALUE, all of it
	Cols        uint16   `json:"cols"`
	Rows        uint16   `json:"rows"`
	Key         string   `json:"key"` // 32 bytes in hex
	Socket      string   `json:"socket"`
	Quota       uint64   `json:"quota"`   // bytes that the output may have
	Reserve     uint64   `json:"reserve"` // bytes that stay free on the disk
	Umask       int      `json:"umask"`
}

// readLaunch reads one document and the end after it. Anything less or more is
// refused: the core died, or another program talks to us.
func readLaunch(fd int) (launch, error) {
	b, err := readAll(fd)
	if err != nil {
		return launch{}, badLaunch("it cannot be read: " + err.Error())
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var l launch
	if err := d.Decode(&l); err != nil {
		return launch{}, badLaunch("it is not whole: " + err.Error())
	}
	if _, err := d.Token(); err != io.EOF {
		return launch{}, badLaunch("something follows it")
	}
	return l, l.check()
}

func readAll(fd int) ([]byte, error) {
	var all []byte
	part := make([]byte, 64<<10)
	for len(all) <= maxLaunch {
		n, err := unix.Read(fd, part)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN: // a pipe that its other end made so
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		case err != nil:
			return nil, err
		case n == 0:
			return all, nil
		default:
			all = append(all, part[:n]...)
		}
	}
	return nil, unix.EFBIG
}

func (l launch) check() error {
	switch {
	case len(l.Argv) == 0:
		return badLaunch("argv is empty")
	case !filepath.IsAbs(l.Program), !filepath.IsAbs(l.Cwd), !filepath.IsAbs(l.Socket):
		return badLaunch("program, cwd and socket are absolute paths")
	case len(l.Socket) > maxSocketPath:
		return badLaunch("the path of the socket is too long")
	case l.Cols == 0, l.Rows == 0:
		return badLaunch("a terminal has at least one column and one row")
	case l.Umask < 0, l.Umask > 0o777:
		return badLaunch("the umask is not one")
	case hex.DecodedLen(len(l.Key)) != len(attach.Key{}):
		return badLaunch("the key has not 32 bytes")
	}
	for _, text := range append(append([]string{l.Program, l.Cwd, l.Socket}, l.Argv...), l.Environment...) {
		if strings.ContainsRune(text, 0) {
			return badLaunch("a text holds a zero byte")
		}
	}
	for _, pair := range l.Environment {
		if !strings.Contains(pair, "=") {
			return badLaunch("an entry of the environment is not KEY=VALUE")
		}
	}
	return nil
}

func (l launch) key() (key attach.Key, err error) {
	if _, err := hex.Decode(key[:], []byte(l.Key)); err != nil {
		return key, badLaunch("the key is not hexadecimal")
	}
	return key, nil
}

func badLaunch(why string) error {
	return fault.New(fault.InvalidArgument, "launch_invalid", "the launch is no good: "+why, "start the program again")
}
