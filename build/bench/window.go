package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ink is a colour that neither theme of the page has, and a terminal that was
// painted with it is the one that the window opens: where ink is on the screen,
// the page, its connection to the core and the terminal are all there.
const (
	ink     = 0xfa00fa
	paint   = `printf '\033[48;2;250;0;250m%400s\033[0m'; exec sleep 3600`
	painted = 1000 // of every fourth pixel; 400 cells have ten times as many
)

// measureWindow starts the window on a display of its own, whose picture lies in
// a file, and waits until the page has drawn a terminal. The first start, which
// reads everything from disk, is not counted.
func measureWindow(s setting) ([]row, error) {
	home, err := os.MkdirTemp(s.work, "h")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	defer stopCore(s, home)
	if _, err := ours(s, home, "run", "--detach", "--name", "painted", "--", "sh", "-c", paint); err != nil {
		return nil, err
	}
	defer func() { _, _ = ours(s, home, "kill", "painted", "--signal", "KILL") }()
	display, picture, end, err := openDisplay(s.work)
	if err != nil {
		return nil, err
	}
	defer end()
	rows := []row{{peer: "window, first frame with a terminal", unit: "s"}}
	for round := range s.rounds + 1 {
		took, err := timeWindow(s, home, display, picture)
		if err != nil {
			return rows, err
		}
		if round > 0 {
			rows[0].values = append(rows[0].values, took.Seconds())
		}
	}
	rows[0].note = goal(median(rows[0].values) <= 2, "at most 2 s, software rendering")
	return rows, nil
}

// openDisplay starts Xvfb with its picture in a file, and returns the display's
// name, the file, and what ends it.
func openDisplay(work string) (string, string, func(), error) {
	read, write, err := os.Pipe()
	if err != nil {
		return "", "", nil, err
	}
	defer read.Close()
	server := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-fbdir", work)
	server.ExtraFiles = []*os.File{write}
	if err := server.Start(); err != nil {
		write.Close()
		return "", "", nil, err
	}
	write.Close()
	end := func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
	}
	// The line's end comes by a write of its own, without which the server dies.
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		end()
		return "", "", nil, fmt.Errorf("Xvfb named no display: %w", err)
	}
	return ":" + strings.TrimSpace(number), filepath.Join(work, "Xvfb_screen0"), end, nil
}

func timeWindow(s setting, home, display, picture string) (time.Duration, error) {
	window := exec.Command(s.bin+"/atelier-window", "--home", home)
	window.Env = append(environment(), "DISPLAY="+display, "ATELIER_HOME="+home)
	window.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	start := time.Now()
	if err := window.Start(); err != nil {
		return 0, err
	}
	var took time.Duration
	for time.Since(start) < patience && took == 0 {
		if n, err := inked(picture); err == nil && n >= painted {
			took = time.Since(start)
		}
		time.Sleep(5 * time.Millisecond)
	}
	_ = syscall.Kill(-window.Process.Pid, syscall.SIGTERM)
	_ = window.Wait()
	if took == 0 {
		return 0, errors.New("the window drew no terminal")
	}
	// The next start must not see this one's picture.
	for wait := time.Now(); time.Since(wait) < patience; time.Sleep(5 * time.Millisecond) {
		if n, err := inked(picture); err == nil && n == 0 {
			return took, nil
		}
	}
	return 0, errors.New("the window's picture stays after it closed")
}

// inked counts the pixels of ink in a picture in X11's window dump format, whose
// header says in big-endian words how long it is (0) and how many colours of 12
// bytes follow it (19). Every fourth pixel is enough.
func inked(file string) (int, error) {
	dump, err := os.ReadFile(file)
	if err != nil || len(dump) < 100 {
		return 0, errors.Join(err, errors.New("no picture yet"))
	}
	start := int(binary.BigEndian.Uint32(dump)) + 12*int(binary.BigEndian.Uint32(dump[19*4:]))
	n := 0
	for at := start; at+4 <= len(dump); at += 16 {
		if binary.LittleEndian.Uint32(dump[at:])&0xffffff == ink {
			n++
		}
	}
	return n, nil
}
