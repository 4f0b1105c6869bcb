package main

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// lines turns what a program wrote to its terminal into the lines that a person
// saw: overwritten and erased text is gone, and so is what only steers. It keeps
// one line, which may take several rows of the screen, and no screen: a program
// that draws all over its screen gives its pieces in the order it drew them.
type lines struct {
	cols    int // after so many cells the terminal goes on in the next row
	scanner scanner
	rune    []byte // the beginning of a character
	cells   []cell // the line as far as it is known
	row     int    // where the row with the cursor begins in cells
	at      int    // the cursor
	insert  bool   // what is written moves the rest to the right
	out     []byte
}

// cell is a character and the marks upon it. The second half of a wide one is empty.
type cell struct {
	char  rune
	marks string
}

const (
	wideRest = -1 // the right half of a wide character
	tabStop  = 8
)

func newLines(cols int) *lines {
	if cols < 1 || cols > lineMax {
		cols = lineMax
	}
	return &lines{cols: cols}
}

// read returns the lines that p completes. They hold until the next call.
func (l *lines) read(p []byte) []byte {
	l.out = l.out[:0]
	for _, b := range p {
		if l.scanner.state != inText {
			if l.scanner.step(b) && !l.scanner.tooLong {
				l.steer(l.scanner.sequence)
			}
			continue
		}
		if b == escape {
			l.cut()
			l.scanner.begin()
			continue
		}
		l.text(b)
	}
	return l.out
}

// rest returns the last line, which nothing has ended.
func (l *lines) rest() []byte {
	l.out = l.out[:0]
	l.cut()
	if len(l.cells) > 0 {
		l.newline()
	}
	return l.out
}

// text takes one byte outside sequences.
func (l *lines) text(b byte) {
	if b < utf8.RuneSelf {
		l.cut()
		if b >= ' ' && b != 0x7f {
			l.print(rune(b), 1)
		} else {
			l.control(b)
		}
		return
	}
	if len(l.rune) > 0 && utf8.RuneStart(b) {
		l.cut()
	}
	l.rune = append(l.rune, b)
	if utf8.FullRune(l.rune) {
		l.cut()
	}
}

// cut ends the character that has begun. What is none is shown as U+FFFD.
func (l *lines) cut() {
	for len(l.rune) > 0 {
		r, n := utf8.DecodeRune(l.rune)
		l.rune = l.rune[n:]
		switch {
		case unicode.Is(unicode.Cc, r): // controls of eight bits
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
			l.mark(r)
		default:
			l.print(r, widthOf(r))
		}
	}
	l.rune = l.rune[:0]
}

// widthOf is how many cells a character takes.
func widthOf(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// mark puts a mark on the character before the cursor.
func (l *lines) mark(r rune) {
	at := l.at - 1
	for at >= 0 && at < len(l.cells) && l.cells[at].char == wideRest {
		at--
	}
	if at >= 0 && at < len(l.cells) && len(l.cells[at].marks) < marksMax {
		l.cells[at].marks += string(r)
	}
}

// print writes a character of some cells at the cursor.
func (l *lines) print(r rune, cells int) {
	if l.at-l.row+cells > l.cols { // the row is full
		l.row = l.at
	}
	if l.at+cells > lineMax {
		l.flush()
	}
	l.reach(l.at)
	if l.insert {
		l.open(cells)
	}
	l.put(cell{char: r})
	if cells == 2 {
		l.put(cell{char: wideRest})
	}
}

// reach makes the line at least n cells long.
func (l *lines) reach(n int) {
	for len(l.cells) < n {
		l.cells = append(l.cells, cell{char: ' '})
	}
}

func (l *lines) put(c cell) {
	if l.at < len(l.cells) {
		l.cells[l.at] = c
	} else {
		l.cells = append(l.cells, c)
	}
	l.at++
}

// rowEnd is where the cursor's row ends in cells.
func (l *lines) rowEnd() int { return min(len(l.cells), l.row+l.cols) }

// open moves n blanks in at the cursor, and what leaves the row is lost.
func (l *lines) open(n int) {
	if l.at >= len(l.cells) {
		return
	}
	l.reach(min(len(l.cells)+n, l.row+l.cols, lineMax))
	end := l.rowEnd()
	n = min(n, end-l.at)
	copy(l.cells[l.at+n:end], l.cells[l.at:end-n])
	l.blank(l.at, l.at+n)
}

// remove takes n cells out at the cursor.
func (l *lines) remove(n int) {
	end := l.rowEnd()
	if l.at >= end {
		return
	}
	n = min(n, end-l.at)
	copy(l.cells[l.at:end], l.cells[l.at+n:end])
	l.blank(end-n, end)
}

// control obeys a control of one byte; those that draw nothing are left out.
func (l *lines) control(b byte) {
	switch b {
	case '\n', '\v', '\f':
		l.newline()
	case '\r':
		l.at = l.row
	case '\b':
		l.column(l.stands() - 1)
	case '\t':
		l.column((l.stands() + tabStop) / tabStop * tabStop)
	}
}

// stands is the column of the cursor. After the last one of a row it is still
// that one, until something is written.
func (l *lines) stands() int { return min(l.at-l.row, l.cols-1) }

// column moves the cursor within its row.
func (l *lines) column(n int) { l.at = min(l.row+min(max(n, 0), l.cols-1), lineMax) }

// newline writes the line out and begins another.
func (l *lines) newline() {
	for n := len(l.cells); n > 0 && l.cells[n-1] == (cell{char: ' '}); n-- {
		l.cells = l.cells[:n-1]
	}
	l.flush()
	l.out = append(l.out, '\n')
}

// flush writes out what there is of the line. Nothing edits it any more.
func (l *lines) flush() {
	for _, c := range l.cells {
		if c.char != wideRest {
			l.out = append(utf8.AppendRune(l.out, c.char), c.marks...)
		}
	}
	l.cells, l.row, l.at = l.cells[:0], 0, 0
}

// leave goes to another row of the screen, where a line of its own begins.
func (l *lines) leave(column int) {
	if len(l.cells) > 0 {
		l.newline()
	}
	l.row = 0
	l.column(column)
}

// steer obeys a complete sequence.
func (l *lines) steer(sequence []byte) {
	switch sequence[1] {
	case '[':
		if len(sequence) > 2 {
			l.csi(string(sequence[2:len(sequence)-1]), sequence[len(sequence)-1])
		}
	case 'D', 'E': // index, next line
		l.newline()
	case 'M', 'c': // a row up; all anew
		l.leave(0)
	}
}

// csi obeys a control sequence. Numbers that are left out are 1 for moves.
func (l *lines) csi(numbers string, final byte) {
	if numbers != "" && strings.ContainsAny(numbers[:1], "<=>?") {
		return // modes of the terminal
	}
	first, second, _ := strings.Cut(numbers, ";")
	n, column := count(first), l.stands()
	switch final {
	case 'C', 'a':
		l.column(column + n)
	case 'D', 'j':
		l.column(column - n)
	case 'G', '`':
		l.column(n - 1)
	case 'A', 'k':
		l.up(n)
	case 'B', 'e':
		l.down(n)
	case 'E', 'F':
		l.leave(0)
	case 'H', 'f':
		l.leave(count(second) - 1)
	case 'd':
		l.leave(column)
	case 'h', 'l':
		if first == "4" {
			l.insert = final == 'h'
		}
	case 'J', 'K', 'X', 'P', '@':
		l.column(column)
		l.edit(final, first, n)
	}
}

// edit obeys what changes the line at the cursor.
func (l *lines) edit(final byte, first string, n int) {
	switch final {
	case 'J', 'K':
		l.erase(final, first)
	case 'X':
		l.blank(l.at, min(l.at+n, l.rowEnd()))
	case 'P':
		l.remove(n)
	case '@':
		l.open(n)
	}
}

// erase blanks to the end, from the beginning or all of the row (K) or line (J).
func (l *lines) erase(final byte, what string) {
	from, to := l.row, l.rowEnd()
	if final == 'J' {
		from, to = 0, len(l.cells)
	}
	switch what {
	case "", "0":
		from = l.at
	case "1":
		to = min(l.at+1, to)
	case "2":
		if final == 'J' { // the screen is cleared: what stood there was seen
			l.leave(l.stands())
			return
		}
	default:
		return
	}
	if to == len(l.cells) && from <= to {
		l.cells = l.cells[:from]
		return
	}
	l.blank(from, to)
}

func (l *lines) blank(from, to int) {
	for ; from < to; from++ {
		l.cells[from] = cell{char: ' '}
	}
}

// up goes to a row above if it is one of this line.
func (l *lines) up(n int) {
	if back := n * l.cols; back <= l.row {
		l.row, l.at = l.row-back, l.row-back+l.stands()
		return
	}
	l.leave(l.stands())
}

// down goes to a row below if it is one of this line.
func (l *lines) down(n int) {
	if on := n * l.cols; l.row+on <= len(l.cells) {
		l.row, l.at = l.row+on, l.row+on+l.stands()
		return
	}
	l.leave(l.stands())
}

// count reads a number of a sequence; none and 0 are 1.
func count(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 1
	}
	return min(n, lineMax)
}

// textForm is a transcript as lines.
type textForm struct {
	out   io.Writer
	lines *lines
}

func (f *textForm) put(piece recording) error {
	_, err := f.out.Write(f.lines.read(piece.GetData()))
	return err
}

func (f *textForm) end() error {
	_, err := f.out.Write(f.lines.rest())
	return err
}
