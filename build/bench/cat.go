package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The mark is put together by the program, so that no command line holds it.
const (
	mark      = "ALL-IS-WRITTEN"
	printMark = `printf 'ALL-%s-%s\n' IS WRITTEN`
	ready     = "READY-TO-GO"
	printed   = `printf 'READY-%s-%s\n' TO GO`
)

// measureCat sends both files through every peer.
func measureCat(s setting) ([]row, error) {
	var rows []row
	for _, columns := range []int{80, 8} {
		file := filepath.Join(s.work, fmt.Sprintf("text-%d", columns))
		if err := writeText(file, columns, s.bytes); err != nil {
			return rows, err
		}
		more, err := catFile(s, file, columns)
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
		if err := os.Remove(file); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func catFile(s setting, file string, columns int) ([]row, error) {
	home, err := os.MkdirTemp(s.work, "h")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	defer stopCore(s, home)
	all := peers(s, home)
	rows := make([]row, len(all))
	for round := range s.rounds {
		for n, p := range all {
			rows[n].peer, rows[n].unit = fmt.Sprintf("%s, %d columns", p.name, columns), "MB/s"
			seconds, err := timeCat(p, file)
			if err != nil {
				return rows, fmt.Errorf("%s, round %d: %w", p.name, round+1, err)
			}
			rows[n].values = append(rows[n].values, float64(s.bytes)/1e6/seconds)
		}
	}
	bare, tmux, ours := median(rows[0].values), median(rows[1].values), median(rows[2].values)
	rows[2].note = goal(ours >= 1.3*tmux && ours >= 0.7*bare, "%.2f of tmux (wanted 1.3), %.2f of bare (0.7)", ours/tmux, ours/bare)
	return rows, nil
}

func timeCat(p peer, file string) (float64, error) {
	t, err := p.open(printed + "; read go; cat '" + file + "'; " + printMark + "; read end")
	if err != nil {
		return 0, err
	}
	defer p.end()
	defer t.close()
	if _, err := t.until(ready); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := t.typed("\r"); err != nil {
		return 0, err
	}
	if _, err := t.until(mark); err != nil {
		return 0, err
	}
	took := time.Since(start).Seconds()
	return took, t.typed("\r")
}

// writeText makes a file of lines of printable text, columns wide with the line end.
func writeText(name string, columns int, size int64) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	const letters = "the quick brown fox jumps over the lazy dog 0123456789 "
	text := strings.Repeat(letters, 4)
	for written, line := int64(0), 0; written < size; line++ {
		start := line % len(letters)
		n, err := out.WriteString(text[start:start+columns-1] + "\n")
		if err != nil {
			return err
		}
		written += int64(n)
	}
	return errors.Join(out.Flush(), file.Close())
}
