package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"google.golang.org/protobuf/proto"
)

// answer prints a message: the document with --json, else what human writes.
func (p *program) answer(m proto.Message, human func(w io.Writer) error) error {
	if p.json {
		return p.print(documentOf(m))
	}
	return human(p.stdout)
}

// print writes one JSON document, over several lines for a person's eyes.
func (p *program) print(value any) error {
	text, err := marshal(value)
	if err != nil {
		return err
	}
	if isTerminal(p.stdout) {
		var out bytes.Buffer
		if err := json.Indent(&out, text, "", "  "); err != nil {
			return err
		}
		text = out.Bytes()
	}
	_, err = p.stdout.Write(append(text, '\n'))
	return err
}

// line writes one of JSON Lines.
func (p *program) line(value any) error {
	text, err := marshal(value)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(append(text, '\n'))
	return err
}

// frontier is the last line of a stream.
func frontier(heads any) document {
	if heads == nil {
		heads = []any{}
	}
	return document{{"read_frontier", heads}}
}

// table writes rows under their heads, aligned.
func table(w io.Writer, heads []string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	for _, row := range append([][]string{heads}, rows...) {
		for n, cell := range row {
			if n > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, visible(cell))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// visible makes text of others harmless to a terminal: what would move the
// cursor, ring or ask becomes a question mark, what is no UTF-8 the usual sign.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r) && !unicode.IsSpace(r):
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// ago says how long before now a time lies.
func ago(then, now time.Time) string {
	d := now.Sub(then)
	switch {
	case then.IsZero():
		return ""
	case d < 2*time.Second:
		return "just now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// size says a count of bytes in a person's units.
func size(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	units, value := "KMGTPE", float64(n)/1000
	at := 0
	for value >= 999.95 {
		value /= 1000
		at++
	}
	return fmt.Sprintf("%.1f %cB", value, units[at])
}

// commandLine is argv as a person would type it.
func commandLine(argv []string) string {
	words := make([]string, 0, len(argv))
	for _, word := range argv {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("@%+=:,./-_", r)
		}) {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
