package main

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// A scanner reads what goes to a terminal. It remembers the modes that a program
// switched on, so that detaching can leave the terminal as it was, and it takes
// out of old output what would make the terminal answer or act: a query shown
// again would be answered with keys that nobody typed.
type scanner struct {
	state    scanState
	sequence []byte // the escape sequence so far, its ESC included
	tooLong  bool
	more     int  // continuation bytes that a UTF-8 rune still wants
	least    byte // the least that the next of them may be
	used     bool // a sequence was seen at all
	modes    modes
}

type scanState byte

const (
	inText   scanState = iota
	inC2               // after 0xC2: the next byte tells a control of eight bits
	inEscape           // after ESC and intermediates
	inCSI
	inString // OSC, DCS, APC, PM, SOS
	inStringEscape
)

const (
	bell   = 0x07
	enq    = 0x05
	cancel = 0x18
	sub    = 0x1a
	escape = 0x1b
)

// watch reads p, which goes to the terminal as it is.
func (s *scanner) watch(p []byte) {
	for len(p) > 0 {
		if s.state == inText || s.state == inC2 {
			s.state = inText
			at := bytes.IndexByte(p, escape)
			if at < 0 {
				return
			}
			s.begin()
			p = p[at+1:]
			continue
		}
		if s.step(p[0]) {
			s.modes.note(s.sequence)
		}
		p = p[1:]
	}
}

// filter appends to out what of p may be shown again.
func (s *scanner) filter(out, p []byte) []byte {
	for _, b := range p {
		switch {
		case s.state == inText:
			out = s.text(out, b)
		case s.state == inC2:
			s.state = inText
			if b >= 0x80 && b < 0xa0 { // C1 in UTF-8: CSI, OSC and their like
				continue
			}
			out = s.text(append(out, 0xc2), b)
		case s.step(b):
			s.modes.note(s.sequence)
			if !s.tooLong && harmless(s.sequence) {
				out = append(out, s.sequence...)
			}
		}
	}
	return out
}

// rest returns the beginning of a sequence that filter holds back, to be put
// before what follows and is not filtered.
func (s *scanner) rest() []byte {
	switch {
	case s.state == inC2:
		s.state = inText
		return []byte{0xc2}
	case s.state == inText || s.tooLong:
		return nil
	}
	return s.sequence
}

// text takes a byte outside sequences.
func (s *scanner) text(out []byte, b byte) []byte {
	if s.more > 0 && b >= s.least && b < 0xc0 {
		s.more, s.least = s.more-1, 0x80
		return append(out, b)
	}
	s.more, s.least = 0, 0x80
	switch {
	case b == escape:
		s.begin()
		return out
	case b == enq, b >= 0x80 && b < 0xa0: // a question, and controls of eight bits
		return out
	case b == 0xc2:
		s.state = inC2
		return out
	case b >= 0xf5: // begins no rune
	case b >= 0xf0:
		s.more = 3
		if b == 0xf0 {
			s.least = 0x90
		}
	case b >= 0xe0:
		s.more = 2
		if b == 0xe0 {
			s.least = 0xa0 // a shorter form exists: what follows is no part of a rune
		}
	case b >= 0xc2:
		s.more = 1
	}
	return append(out, b)
}

func (s *scanner) begin() {
	s.state, s.tooLong, s.more, s.used = inEscape, false, 0, true
	s.sequence = append(s.sequence[:0], escape)
}

// step takes a byte inside a sequence and tells whether it is complete.
func (s *scanner) step(b byte) bool {
	if s.state == inString {
		return s.stepString(b)
	}
	if s.state == inStringEscape {
		if b != '\\' { // ESC ends the string and begins anew
			s.begin()
			return s.step(b)
		}
		return s.complete(b)
	}
	switch {
	case b == escape:
		s.begin()
		return false
	case b == cancel || b == sub:
		s.state = inText
		return false
	case b < 0x20 || b >= 0x7f: // controls inside a sequence do not end it
		return false
	}
	if s.state == inCSI {
		if b >= 0x40 {
			return s.complete(b)
		}
		s.keep(b)
		return false
	}
	return s.stepEscape(b)
}

func (s *scanner) stepEscape(b byte) bool {
	if len(s.sequence) == 1 {
		switch b {
		case '[':
			s.state = inCSI
		case ']', 'P', '_', '^', 'X':
			s.state = inString
		}
	}
	if s.state == inEscape && b >= 0x30 {
		return s.complete(b)
	}
	s.keep(b)
	return false
}

func (s *scanner) stepString(b byte) bool {
	switch {
	case b == escape:
		s.state = inStringEscape
		s.keep(b)
		return false
	case b == cancel || b == sub:
		s.state = inText
		return false
	case b == bell && s.sequence[1] == ']':
		return s.complete(b)
	}
	s.keep(b)
	return false
}

func (s *scanner) keep(b byte) {
	if len(s.sequence) >= sequenceMax {
		s.tooLong = true
		return
	}
	s.sequence = append(s.sequence, b)
}

func (s *scanner) complete(b byte) bool {
	s.keep(b)
	s.state = inText
	return true
}

// harmless tells whether a sequence only draws: shown again it makes the terminal
// answer nothing, and touch nothing outside its screen.
func harmless(sequence []byte) bool {
	switch sequence[1] {
	case '[':
		return harmlessCSI(sequence[2:])
	case ']':
		return harmlessOSC(string(sequence[2:]))
	case 'P', '_', '^', 'X', 'Z': // device strings, pictures; DECID asks who you are
		return false
	case '%': // other encodings, in which other bytes are controls
		return false
	}
	return true
}

// harmlessCSI judges by the last byte, and by the marks before and after the numbers.
func harmlessCSI(body []byte) bool {
	final := body[len(body)-1]
	var mark, between byte
	if body[0] >= '<' && body[0] <= '?' {
		mark = body[0]
	}
	if at := len(body) - 2; at >= 0 && body[at] >= 0x20 && body[at] < 0x30 {
		between = body[at]
	}
	switch final {
	case 'c', 'i', 't': // attributes; printing; the window
		return between != 0 && final != 'i'
	case 'n': // reports; with > it is a mode of the keyboard
		return mark == '>'
	case 'p': // DECRQM asks for a mode
		return between != '$'
	case 'q': // XTVERSION
		return mark != '>'
	case 'u': // keyboard flags, terminal state
		return mark != '?' && between == 0
	case 'm', 'S': // XTQMODKEYS, graphics
		return mark != '?'
	case 'h': // a size report that is sent at once
		return mark != '?' || !slices.Contains(strings.Split(string(body[1:len(body)-1]), ";"), "2048")
	case 'R', 'w', 'x', 'y', 'z', '{', '|', '}': // reports, checksums, the locator
		return between == ' '
	}
	return true
}

// harmlessOSC lets pass titles, links, marks of the shell, and colours that are set.
func harmlessOSC(body string) bool {
	body = strings.TrimSuffix(strings.TrimSuffix(body, "\x1b\\"), "\a")
	word, rest, _ := strings.Cut(body, ";")
	n, err := strconv.Atoi(word)
	switch {
	case err != nil:
		return false
	case slices.Contains([]int{0, 1, 2, 7, 8, 133, 633}, n):
		return true
	case n == 4, n == 5, n >= 10 && n <= 19, n == 104, n == 105, n >= 110 && n <= 119:
		return !slices.Contains(strings.Split(rest, ";"), "?")
	}
	return false
}

// modes are what a program switched on and an ended one leaves behind.
type modes struct {
	private  map[int]bool // DEC private modes that differ from their usual state
	keypad   bool
	keyboard bool // flags of the keyboard protocol
	modified bool // modifyOtherKeys
	region   bool
}

// undone lists the private modes that are put back, in the order in which that is
// done; true is the usual state.
var undone = []struct {
	mode  int
	usual bool
}{
	{2026, false}, {1000, false}, {1001, false}, {1002, false}, {1003, false}, {1004, false}, {1005, false},
	{1006, false}, {1015, false}, {1016, false}, {2004, false}, {2031, false}, {2048, false}, {1, false}, {5, false}, {6, false}, {7, true},
	{47, false}, {1047, false}, {1049, false}, {25, true},
}

// alternate tells whether a screen of its own is shown.
func (m *modes) alternate() bool { return m.private[47] || m.private[1047] || m.private[1049] }

// note reads one complete sequence.
func (m *modes) note(sequence []byte) {
	if len(sequence) < 2 {
		return
	}
	switch sequence[1] {
	case 'c': // RIS puts back all by itself
		*m = modes{}
	case '=':
		m.keypad = true
	case '>':
		m.keypad = false
	case '[':
		m.noteCSI(string(sequence[2:]))
	}
}

func (m *modes) noteCSI(body string) {
	if body == "" {
		return
	}
	final := body[len(body)-1]
	numbers := body[:len(body)-1]
	switch {
	case numbers == "!" && final == 'p': // DECSTR
		m.keypad, m.region = false, false
		delete(m.private, 1)
		delete(m.private, 6)
		delete(m.private, 25)
	case (final == 'h' || final == 'l') && strings.HasPrefix(numbers, "?"):
		m.notePrivate(numbers[1:], final == 'h')
	case final == 'u' && strings.HasPrefix(numbers, ">"), final == 'u' && strings.HasPrefix(numbers, "="):
		m.keyboard = true
	case final == 'u' && strings.HasPrefix(numbers, "<"):
		m.keyboard = false
	case final == 'm' && strings.HasPrefix(numbers, ">4"):
		m.modified = strings.HasPrefix(numbers, ">4;") && numbers != ">4;0"
	case final == 'r' && !strings.HasPrefix(numbers, "?"):
		m.region = numbers != ""
	}
}

func (m *modes) notePrivate(numbers string, on bool) {
	for _, word := range strings.Split(numbers, ";") {
		n, err := strconv.Atoi(word)
		if err != nil {
			continue
		}
		for _, known := range undone {
			if known.mode != n {
				continue
			}
			if m.private == nil {
				m.private = map[int]bool{}
			}
			if on == known.usual {
				delete(m.private, n)
			} else {
				m.private[n] = true
			}
		}
	}
}

// undo is what puts a terminal back into its usual state.
func (m *modes) undo() string {
	var out strings.Builder
	out.WriteString("\x1b[m")
	if m.region {
		out.WriteString("\x1b7\x1b[r\x1b8") // setting the region moves the cursor home
	}
	if m.keypad {
		out.WriteString("\x1b>")
	}
	if m.keyboard {
		out.WriteString("\x1b[<99u")
	}
	if m.modified {
		out.WriteString("\x1b[>4;0m")
	}
	for _, known := range undone {
		if !m.private[known.mode] {
			continue
		}
		end := "l"
		if known.usual {
			end = "h"
		}
		out.WriteString("\x1b[?" + strconv.Itoa(known.mode) + end)
	}
	return out.String()
}
